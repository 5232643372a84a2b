//! What is wrong with the way to a Windows host, stage by stage, and what mends it. Changes nothing.

use std::time::Duration;

use super::doctor::Users;
use super::doctor_powershell::examine_powershell;
use crate::report::examination::{Examination, Finding};
use crate::shell::Program;
use crate::transport::winrm::error::WinrmError;
use crate::transport::{Credentials, Endpoint, Session, Tls, TransportError};

const PROBE: &str = "echo opsc";
const PROBE_LIMIT: Duration = Duration::from_secs(30);
const NO_MEND: &str = "`OPSC_LOG=debug opsc doctor` tells more";

/// What must hold one after the other. An error names the first that does not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Dns,
    Tcp,
    Tls,
    /// The KDC's part of a login.
    Ticket,
    Listener,
    Login,
    /// That nobody between reads or changes what is said.
    Binding,
    Rights,
    Quota,
    Shell,
}

impl Stage {
    const ALL: [Stage; 10] = [
        Stage::Dns,
        Stage::Tcp,
        Stage::Tls,
        Stage::Ticket,
        Stage::Listener,
        Stage::Login,
        Stage::Binding,
        Stage::Rights,
        Stage::Quota,
        Stage::Shell,
    ];

    fn name(self) -> &'static str {
        match self {
            Stage::Dns => "dns",
            Stage::Tcp => "tcp",
            Stage::Tls => "tls",
            Stage::Ticket => "ticket",
            Stage::Listener => "listener",
            Stage::Login => "login",
            Stage::Binding => "binding",
            Stage::Rights => "rights",
            Stage::Quota => "quota",
            Stage::Shell => "shell",
        }
    }

    fn of(error: &TransportError) -> Stage {
        use WinrmError as E;
        let TransportError::Winrm { error, .. } = error else {
            return match error {
                TransportError::Dns { .. } => Stage::Dns,
                TransportError::Lost { .. } => Stage::Shell,
                _ => Stage::Tcp,
            };
        };
        match error {
            E::Authorities { .. } | E::Tls { .. } | E::TlsSilent { .. } | E::Certificate { .. } | E::Pin { .. } => {
                Stage::Tls
            }
            E::Alert { .. } | E::CertificateNotAsked => Stage::Tls,
            E::CertificateRefused => Stage::Login,
            E::Kerberos { error } if error.is_of_the_kdc() => Stage::Ticket,
            E::Kerberos { .. } => Stage::Login,
            E::NotHttp { .. } | E::Status { .. } | E::Silent { .. } | E::Ended { .. } => Stage::Listener,
            E::NoJump { .. } => Stage::Tcp,
            E::ClientCertificate { .. } | E::CertificateWithoutTls => Stage::Login,
            E::NoRealm { .. } => Stage::Login,
            E::NoPassword | E::NoMethod { .. } | E::BadToken | E::LoginRefused { .. } | E::LoginEnded => Stage::Login,
            E::Unsealed | E::BadSeal => Stage::Binding,
            E::Denied { .. } => Stage::Rights,
            E::Quota { .. } => Stage::Quota,
            _ => Stage::Shell,
        }
    }

    /// What is said of it where it holds.
    fn held(self, endpoint: &Endpoint) -> Option<Finding> {
        let (address, port) = (&endpoint.address, endpoint.port);
        let found = match (self, &endpoint.tls) {
            (Stage::Tcp, _) => format!("{address} port {port}"),
            (Stage::Tls, Tls::None) => return None,
            (Stage::Tls, Tls::Pinned(_)) => "the certificate is the one that is pinned".to_string(),
            (Stage::Tls, Tls::Authorities(file)) => format!("the certificate is trusted by {}", file.display()),
            (Stage::Tls, Tls::Machine) => "the certificate is trusted".to_string(),
            (Stage::Listener, _) => "answers /wsman".to_string(),
            (Stage::Login, _) if endpoint.certificate.is_some() => "by certificate".to_string(),
            (Stage::Login, _) => format!("as {}", endpoint.user),
            (Stage::Binding, Tls::None) => "the login seals what is said".to_string(),
            (Stage::Binding, _) => "TLS hides what is said".to_string(),
            (Stage::Shell, _) => "cmd.exe runs".to_string(),
            (Stage::Dns | Stage::Ticket | Stage::Rights | Stage::Quota, _) => return None,
        };
        Some(Finding::ok(self.name(), found))
    }
}

pub(super) async fn examine_windows(endpoint: &Endpoint, credentials: &Credentials, users: &Users) -> Examination {
    let mut examination = Examination::default();
    let mut last = Vec::new();
    let tried = match Session::connect(endpoint, credentials).await {
        Ok(mut session) => {
            examination.reached = true;
            let tried = probe(&mut session).await;
            if tried.is_ok() {
                examination.latency = examine_powershell(&mut session, users, &mut last).await;
            }
            session.close().await;
            tried
        }
        Err(error) => Err(error),
    };
    let knocked = !tried.as_ref().is_err_and(is_before_knocking);
    let failed = tried.as_ref().err().map(Stage::of);
    let held = Stage::ALL.into_iter().filter(|stage| knocked && failed.is_none_or(|failed| *stage < failed));
    examination.findings.extend(held.filter_map(|stage| stage.held(endpoint)));
    if let (Some(stage), Err(error)) = (failed, tried) {
        let mend = error.hint().unwrap_or_else(|| NO_MEND.to_string());
        examination.findings.push(Finding::failed(stage.name(), error.to_string(), mend));
    }
    examination.findings.extend(last);
    examination
}

/// What would prove who we are is missing, so nobody knocked at all.
fn is_before_knocking(error: &TransportError) -> bool {
    use WinrmError as E;
    let TransportError::Winrm { error, .. } = error else { return false };
    matches!(error, E::NoPassword | E::NoRealm { .. } | E::CertificateWithoutTls | E::ClientCertificate { .. })
}

async fn probe(session: &mut Session) -> Result<(), TransportError> {
    let program = Program { line: Some(PROBE.to_string()), ..Program::default() };
    session.run(None, &program, PROBE_LIMIT, &mut |_, _| {}).await.map(|_| ())
}

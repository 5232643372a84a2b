//! Every way WinRM can fail, as data, with its prose and its hints. Knows nothing of SSH.

use std::fmt;
use std::path::PathBuf;

use super::client_certificate::CertificateFault;
use super::kerberos_error::KerberosError;
use super::reply::Fault;
use crate::base::words;

/// Hashes of the certificates of a Windows host; what it shows by itself is SHA-1.
const SHOW_CERTIFICATES: &str = "Get-ChildItem Cert:\\LocalMachine\\My | ForEach-Object { [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($_.RawData)) }";

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WinrmError {
    /// Nobody gave the login password.
    NoPassword,
    /// A KDC is named, and the user says no realm.
    NoRealm {
        user: String,
    },
    /// The host is behind another one.
    NoJump {
        jump: String,
    },
    /// The file of authorities, or the machine's own, cannot be used.
    Authorities {
        file: Option<PathBuf>,
        reason: String,
    },
    /// The TLS handshake failed, but not for the certificate.
    Tls {
        reason: String,
    },
    /// Nothing answers the TLS handshake.
    TlsSilent {
        seconds: u64,
    },
    /// The certificate is not one to trust; `sha256` is of what was shown.
    Certificate {
        reason: String,
        sha256: String,
    },
    /// Another certificate than the one that is pinned.
    Pin {
        expected: String,
        sha256: String,
    },
    /// The host ended TLS once it had seen what we show.
    Alert {
        reason: String,
    },
    /// What would log in cannot.
    ClientCertificate {
        file: PathBuf,
        fault: CertificateFault,
    },
    /// A certificate logs in over TLS alone, and the host's entry says that there is none.
    CertificateWithoutTls,
    /// The host never asked who we are while TLS began.
    CertificateNotAsked,
    /// The certificate is that of no user of the host.
    CertificateRefused,
    NotHttp {
        reason: String,
    },
    /// An answer of HTTP that is none of WinRM.
    Status {
        status: u16,
    },
    Kerberos {
        error: KerberosError,
    },
    /// The host lets nobody in by a way that opsc may take.
    NoMethod {
        offered: Vec<String>,
        tls: bool,
    },
    /// The host's part of the login is not readable, or it cannot seal.
    BadToken,
    /// `sha256` of the certificate that the login was bound to, over TLS.
    LoginRefused {
        user: String,
        sha256: Option<String>,
    },
    /// The login held for another connection, or does not hold any more.
    LoginEnded,
    /// The connection ended between question and answer.
    Ended {
        reason: String,
    },
    Silent {
        seconds: u64,
    },
    /// An answer in the open, where answers are sealed.
    Unsealed,
    /// The seal of an answer does not fit.
    BadSeal,
    TooLarge {
        most: usize,
    },
    Unreadable {
        reason: String,
    },
    /// Another answer than the question has.
    Unexpected {
        asked: &'static str,
    },
    /// The user may log in, but has no right to a shell.
    Denied {
        message: String,
    },
    /// The user has as many shells, processes or requests as the host gives.
    Quota {
        message: String,
    },
    /// The host ended the shell, or the command in it, before it told how it ended.
    Gone {
        message: String,
    },
    Fault {
        fault: Fault,
    },
    /// The command ended, and the host does not say how.
    NoExitCode,
    LineTooLong {
        most: usize,
    },
}

impl WinrmError {
    /// Of a host's refusal, which has names of its own for some things.
    pub(super) fn of(fault: Fault) -> WinrmError {
        match fault {
            fault if fault.is_quota() => WinrmError::Quota { message: fault.message },
            fault if fault.is_denied() => WinrmError::Denied { message: fault.message },
            fault if fault.is_gone() => WinrmError::Gone { message: fault.message },
            fault => WinrmError::Fault { fault },
        }
    }

    /// Whether nothing can be done with the host, rather than with this one command.
    pub fn is_unreachable(&self) -> bool {
        use WinrmError as E;
        !matches!(self, E::Fault { .. } | E::NoExitCode | E::LineTooLong { .. })
    }

    /// Whether what was begun may go on, and nobody here sees how it ends.
    pub fn is_out_of_sight(&self) -> bool {
        use WinrmError as E;
        matches!(self, E::Ended { .. } | E::LoginEnded | E::Silent { .. } | E::Gone { .. })
    }

    pub fn hint(&self) -> Option<String> {
        use WinrmError as E;
        Some(match self {
            E::NoPassword => {
                "give the login password: `-k`, or `--password-file FILE`, or name its place by `password:` of the host"
                    .to_owned()
            }
            E::NoRealm { .. } => "write `user:` as `ann@REALM`, or leave out `kdc:`".to_owned(),
            E::Authorities { .. } => "give `tls:` of the host: a file of certificates in PEM".to_owned(),
            E::Tls { .. } | E::TlsSilent { .. } => {
                "check `port:`: 5986 speaks TLS; for the sealed messages of port 5985 write `tls: none`".to_owned()
            }
            E::Certificate { sha256, .. } | E::Pin { sha256, .. } => format!(
                "compare with what `{SHOW_CERTIFICATES}` says on the host, then write `tls: sha256:{sha256}`, or the file of the \
                 authority that signed it"
            ),
            E::Alert { .. } => {
                "where the host wants a certificate of its users, give `certificate:`; it trusts those that an authority in \
                 its Cert:\\LocalMachine\\Root signed"
                    .to_owned()
            }
            E::ClientCertificate { file, fault: CertificateFault::Open { .. } } => {
                format!("`chmod 600 {}`", file.display())
            }
            E::ClientCertificate { file, fault: CertificateFault::Encrypted } => {
                format!("`openssl pkey -in {}` writes it without a passphrase; keep it 0600", file.display())
            }
            E::ClientCertificate { .. } => {
                "`certificate:` names one file in PEM: the certificate, those that signed it, and its private key".to_owned()
            }
            E::Kerberos { error } => return error.hint(),
            E::CertificateWithoutTls => "leave out `tls: none`, or log in with a password".to_owned(),
            E::CertificateNotAsked => {
                "on the host, the listener must ask while TLS begins: `netsh http update sslcert ipport=0.0.0.0:5986 \
                 certhash=… appid=… clientcertnegotiation=enable`"
                    .to_owned()
            }
            E::CertificateRefused => {
                "on the host: `winrm set winrm/config/service/auth @{Certificate=\"true\"}`, and a mapping of the \
                 certificate's issuer and name to a local user in WSMan:\\localhost\\ClientCertificate"
                    .to_owned()
            }
            E::NotHttp { .. } => "check `port:`: what listens there is no WinRM listener, or speaks TLS".to_owned(),
            E::Status { status: 404 } => "no listener has the path /wsman: `winrm quickconfig` on the host".to_owned(),
            E::Status { status: 500 } | E::Unsealed => {
                "something between here and the host may answer in its place; a proxy is not passed over".to_owned()
            }
            E::Status { .. } => "`winrm enumerate winrm/config/listener` on the host shows what listens".to_owned(),
            E::NoMethod { offered, .. } if offers_negotiate(offered) => {
                "the host may take Kerberos only: write `user:` as `ann@REALM`; or allow NTLM there (security policy \
                 `Network security: Restrict NTLM`)"
                    .to_owned()
            }
            E::NoMethod { .. } => {
                "on the host: `winrm set winrm/config/service/auth @{Negotiate=\"true\"}`; Basic is used over TLS only"
                    .to_owned()
            }
            E::LoginRefused { sha256: None, .. } => {
                "check `user:` (`DOMAIN\\user`, `user@REALM`) and the password; too many tries lock an account"
                    .to_owned()
            }
            E::LoginRefused { sha256: Some(sha256), .. } => format!(
                "check `user:` and the password; where both are right, something between has its own TLS: the listener's \
                 certificate must be sha256:{sha256}"
            ),
            E::Denied { .. } => {
                "put the user into Administrators or `Remote Management Users`; a local administrator may need \
                 LocalAccountTokenFilterPolicy"
                    .to_owned()
            }
            E::Quota { .. } => {
                "end old shells: `Get-WSManInstance -ResourceURI shell -Enumerate`; or raise MaxShellsPerUser: \
                 `winrm set winrm/config/winrs @{MaxShellsPerUser=\"50\"}`"
                    .to_owned()
            }
            E::Gone { .. } => "what the command did is not known; look before it is run again".to_owned(),
            _ => return None,
        })
    }
}

impl fmt::Display for WinrmError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use WinrmError as E;
        match self {
            E::NoPassword => formatter.write_str("WinRM needs the login password"),
            E::NoRealm { user } => write!(formatter, "Kerberos needs a realm, and `{user}` names none"),
            E::NoJump { jump } => {
                write!(formatter, "WinRM goes through no jump host yet, and this host is behind `{jump}`")
            }
            E::Authorities { file: Some(file), reason } => write!(formatter, "cannot use {}: {reason}", file.display()),
            E::Authorities { file: None, reason } => {
                write!(formatter, "this machine has no authorities to trust: {reason}")
            }
            E::Tls { reason } => write!(formatter, "the TLS handshake failed: {reason}"),
            E::TlsSilent { seconds } => {
                write!(formatter, "nothing answered the TLS handshake within {}", words::duration(seconds * 1000))
            }
            E::Certificate { reason, sha256 } => {
                write!(formatter, "the certificate sha256:{sha256} is not trusted: {reason}")
            }
            E::Pin { expected, sha256 } => {
                write!(formatter, "the host shows the certificate sha256:{sha256}, expected sha256:{expected}")
            }
            E::Alert { reason } => write!(formatter, "the host ended TLS: {reason}"),
            E::ClientCertificate { file, fault } => {
                write!(formatter, "the certificate in {} logs nobody in: {fault}", file.display())
            }
            E::Kerberos { error } => error.fmt(formatter),
            E::CertificateWithoutTls => formatter.write_str("a certificate logs in over TLS only"),
            E::CertificateNotAsked => formatter.write_str("the host did not ask for the certificate"),
            E::CertificateRefused => formatter.write_str("the host lets nobody in with this certificate"),
            E::NotHttp { reason } => write!(formatter, "what listens there speaks no HTTP: {reason}"),
            E::Status { status } => write!(formatter, "the answer is none of WinRM: HTTP status {status}"),
            E::NoMethod { offered, .. } if offers_negotiate(offered) => {
                formatter.write_str("the host offers Negotiate, but answered no NTLM")
            }
            E::NoMethod { offered, tls } => {
                let offered = if offered.is_empty() { "nothing".to_owned() } else { words::join_and(offered) };
                let wanted = if *tls { "Negotiate or Basic" } else { "Negotiate" };
                write!(formatter, "the host lets nobody in by {wanted}; it offers {offered}")
            }
            E::BadToken => formatter.write_str("the host's part of the NTLM login is not readable, or it cannot seal"),
            E::LoginRefused { user, .. } => write!(formatter, "`{user}` was not let in"),
            E::LoginEnded => formatter.write_str("the host forgot the login; the request is not sent again"),
            E::Ended { reason } => write!(formatter, "the connection ended before the answer: {reason}"),
            E::Silent { seconds } => {
                write!(formatter, "the whole answer did not come within {}", words::duration(seconds * 1000))
            }
            E::Unsealed => {
                formatter.write_str("an answer came in the open where answers are sealed; it is not believed")
            }
            E::BadSeal => formatter.write_str("the seal of an answer does not fit: it was changed on its way"),
            E::TooLarge { most } => write!(formatter, "an answer is larger than {most} bytes"),
            E::Unreadable { reason } => write!(formatter, "an answer is not readable: {reason}"),
            E::Unexpected { asked } => write!(formatter, "the host answered something else when asked to {asked}"),
            E::Denied { message } => write!(formatter, "access is denied{}", after_colon(message)),
            E::Quota { message } => write!(formatter, "the host's quota is used up{}", after_colon(message)),
            E::Gone { message } => write!(formatter, "the host ended the shell{}", after_colon(message)),
            E::Fault { fault } => {
                write!(formatter, "the host refused: {} {}{}", fault.kind, fault.code, after_colon(&fault.message))
            }
            E::NoExitCode => formatter.write_str("the command ended, and the host does not say with which code"),
            E::LineTooLong { most } => write!(formatter, "the line is longer than cmd.exe takes: {most} characters"),
        }
    }
}

impl std::error::Error for WinrmError {}

impl From<KerberosError> for WinrmError {
    fn from(error: KerberosError) -> Self {
        WinrmError::Kerberos { error }
    }
}

fn offers_negotiate(offered: &[String]) -> bool {
    offered.iter().any(|offer| offer.eq_ignore_ascii_case("Negotiate"))
}

/// A host's own words, as the end of a message.
fn after_colon(said: &str) -> String {
    let said = said.trim().trim_end_matches('.');
    if said.is_empty() { String::new() } else { format!(": {}", said.escape_debug()) }
}

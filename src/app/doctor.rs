//! What is wrong with the way to a host, stage by stage, and the command that mends it. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::doctor_powershell::examine_powershell;
use super::doctor_probe::{PROBE, judge_os, judge_probe};
use super::doctor_windows::examine_windows;
use super::errors::AppError;
use super::execution::{now, runtime};
use super::running::{ConnectOptions, endpoints};
use super::side_by_side::side_by_side;
use crate::base::ids::HostId;
use crate::base::words;
use crate::hir::types::Os;
use crate::hir::world::{self, Inventory};
use crate::report::examination::{Examination, Finding};
use crate::shell::{Language, Program};
use crate::transport::banner::banner;
use crate::transport::trust::check_host_key;
use crate::transport::{AdminMethod, Credentials, Endpoint, LaneKind, Refused, Session, TransportError, Wire};

/// As many sessions as opsc has beside each other on one connection at most.
const SESSIONS: usize = 4;
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// Many hosts, so many at the same time, in their order.
pub fn examine_all(
    inventory: &Inventory,
    wishes: &BTreeMap<HostId, Users>,
    options: &ConnectOptions,
    forks: usize,
) -> Result<Vec<(HostId, Examination)>, AppError> {
    let hosts: Vec<HostId> = wishes.keys().copied().collect();
    let mut places = endpoints(inventory, hosts.iter().copied(), options);
    let examined = runtime()?.block_on(side_by_side(&hosts, forks, |host| {
        let place = places.remove(&host);
        let wish = Wish { os: inventory.hosts.at(host).os, users: wishes.get(&host).cloned().unwrap_or_default() };
        async move {
            match place {
                Some((endpoint, credentials)) if endpoint.transport == Wire::Winrm => {
                    examine_windows(&endpoint, &credentials, &wish.users).await
                }
                Some((endpoint, credentials)) => examine(&endpoint, &credentials, &wish).await,
                None => Examination::default(),
            }
        }
    }));
    Ok(examined)
}

/// Users other than the login user that are to be reached.
pub type Users = BTreeSet<String>;

/// What a host is to be.
struct Wish {
    /// As the inventory says.
    os: Option<Os>,
    users: Users,
}

/// Root, where the inventory says that there is a way.
pub fn root_of(inventory: &Inventory, hosts: &[HostId]) -> BTreeMap<HostId, Users> {
    let has_way = |host: &HostId| {
        let host = inventory.hosts.at(*host);
        host.os != Some(Os::Windows) && host.connection.admin != world::AdminMethod::None
    };
    let users = |host: &HostId| has_way(host).then(|| "root".to_string()).into_iter().collect();
    hosts.iter().map(|host| (*host, users(host))).collect()
}

async fn examine(endpoint: &Endpoint, credentials: &Credentials, wish: &Wish) -> Examination {
    let mut examination = Examination::default();
    let findings = &mut examination.findings;
    if let Some(refused) = &endpoint.refused {
        findings.push(not_tried(refused));
        return examination;
    }
    if endpoint.transport == Wire::Ssh && !knock(endpoint, credentials, findings).await {
        return examination;
    }
    let mut session = match Session::connect(endpoint, credentials).await {
        Ok(session) => session,
        Err(error) => {
            findings.push(not_let_in(endpoint, &error));
            return examination;
        }
    };
    examination.reached = true;
    findings.push(Finding::ok("login", format!("as {}", session.login_user())));
    if !session.noise().is_empty() {
        findings.push(noisy(session.noise()));
    }
    examination.latency = match session.lane() {
        LaneKind::Raw => None,
        _ if endpoint.language == Language::PowerShell => examine_powershell(&mut session, &wish.users, findings).await,
        _ => probe(&mut session, wish, findings).await,
    };
    findings.extend(lane(endpoint, &mut session));
    if session.lane() == LaneKind::Raw {
        session.close().await;
        return examination;
    }
    // Before another user's lane takes one of them.
    if endpoint.transport == Wire::Ssh {
        findings.push(sessions(&session).await);
    }
    for user in wish.users.iter().filter(|_| endpoint.language == Language::Sh) {
        findings.extend(admin(endpoint, &mut session, user).await);
    }
    session.close().await;
    examination
}

/// Name, port, what listens there and its key; whether it makes sense to log in.
async fn knock(endpoint: &Endpoint, credentials: &Credentials, findings: &mut Vec<Finding>) -> bool {
    let (address, port) = (&endpoint.address, endpoint.port);
    if let Some(command) = &endpoint.proxy_command {
        findings.push(Finding::ok("tcp", format!("through the command `{}`", command.escape_debug())));
    } else if let Some(jump) = &endpoint.jump {
        findings.push(Finding::ok("tcp", format!("through {}", jump.name)));
    } else {
        match banner(endpoint).await {
            Err(error) => {
                findings.push(not_reached(endpoint, &error));
                return false;
            }
            Ok(said) if !said.is_ssh() => {
                findings.push(Finding::ok("tcp", format!("{address} port {port}")));
                let found = match said.line.as_str() {
                    "" => "what listens there says nothing, as no SSH server does".to_string(),
                    line => format!("what listens there is no SSH server: it says `{}`", line.escape_debug()),
                };
                let mend =
                    format!("give `port:` of {} in the inventory: port {port} is of something else", endpoint.name);
                findings.push(Finding::failed("banner", found, mend));
                return false;
            }
            Ok(said) => {
                let took = words::duration(u64::try_from(said.connected.as_millis()).unwrap_or(u64::MAX).max(1));
                findings.push(Finding::ok("tcp", format!("{address} port {port} in {took}")));
                findings.push(Finding::ok("banner", said.line.escape_debug().to_string()));
            }
        }
    }
    match check_host_key(endpoint, credentials).await {
        Ok(()) => {
            findings.push(Finding::ok("host key", "known"));
            true
        }
        Err(error) => {
            findings.push(not_trusted(endpoint, &error));
            false
        }
    }
}

fn not_tried(refused: &Refused) -> Finding {
    match refused {
        Refused::SshConfig(error) => {
            let mend = "mend that line; `ssh -G HOST` shows what ssh makes of it";
            Finding::failed("ssh config", error.to_string(), mend)
        }
        Refused::Credential { setting, reason } => Finding::failed(
            "credentials",
            format!("`{setting}` cannot be read: {reason}"),
            "see that the secret is there, or name another one with `opsc inv set`",
        ),
    }
}

fn not_reached(endpoint: &Endpoint, error: &TransportError) -> Finding {
    let (name, address, port) = (&endpoint.name, &endpoint.address, endpoint.port);
    let what = if matches!(error, TransportError::Dns { .. }) { "dns" } else { "tcp" };
    let mend = match error {
        TransportError::Dns { .. } => {
            format!("give `address:` of {name} in the inventory, or look with `getent hosts {address}`")
        }
        TransportError::Refused { .. } => {
            format!("start sshd there (`systemctl start ssh`), or give `port:` of {name} in the inventory")
        }
        _ => format!(
            "see that it is up and that no firewall drops port {port}: `ping {address}`, `nc -vz {address} {port}`"
        ),
    };
    Finding::failed(what, error.to_string(), mend)
}

fn not_trusted(endpoint: &Endpoint, error: &TransportError) -> Finding {
    let mend = match error {
        TransportError::HostKeyUnknown { .. } => format!("opsc inv trust {}", endpoint.name),
        TransportError::HostKeyChanged { file, .. } => {
            let place = match endpoint.port {
                22 => endpoint.address.clone(),
                port => format!("'[{}]:{port}'", endpoint.address),
            };
            format!(
                "only if the host was rebuilt: ssh-keygen -R {place} -f {}, then opsc inv trust {}",
                file.display(),
                endpoint.name
            )
        }
        other => other.hint().unwrap_or_else(|| "look at the host's own key with `ssh-keygen -lf` there".to_string()),
    };
    Finding::failed("host key", error.to_string(), mend)
}

fn not_let_in(endpoint: &Endpoint, error: &TransportError) -> Finding {
    let (user, address, port) = (&endpoint.user, &endpoint.address, endpoint.port);
    match error {
        TransportError::Authentication { .. } => {
            let mend = format!(
                "ssh-copy-id -p {port} {user}@{address}, or give another `user:` or `key:`, or `-k` for a password"
            );
            Finding::failed("login", error.to_string(), mend)
        }
        TransportError::NoHello { .. } | TransportError::HelloTimeout { .. } => {
            let mend = format!(
                "the login shell must run /bin/sh: `getent passwd {user}` there shows it, `chsh -s /bin/sh {user}` sets it; \
                 a host that has none gets `lane: raw`"
            );
            Finding::failed("shell", error.to_string(), mend)
        }
        other => Finding::failed(
            "login",
            other.to_string(),
            other.hint().unwrap_or_else(|| "`OPSC_LOG=debug opsc doctor` tells more".to_string()),
        ),
    }
}

fn noisy(noise: &str) -> Finding {
    let first = noise.lines().next().unwrap_or_default();
    Finding::warning(
        "startup files",
        format!(
            "the login shell says `{}` before anything runs; opsc passes over it, scp and rsync do not",
            first.escape_debug()
        ),
        "put `case $- in *i*) ;; *) return ;; esac` first into ~/.bashrc, or its like of another shell",
    )
}

/// Said where it is not as on most hosts.
fn lane(endpoint: &Endpoint, session: &mut Session) -> Option<Finding> {
    let without = "no files, secrets or passwords can be sent";
    match (session.lane(), session.take_why()) {
        (LaneKind::Raw, _) => Some(Finding::ok(
            "lane",
            "raw, as the inventory says: it has no POSIX shell, so only `opsc exec` and `shell.raw` can be used",
        )),
        (LaneKind::Exec, Some(why)) => Some(Finding::warning(
            "lane",
            format!("exec, because {}: {without}", why.text()),
            format!(
                "`lane: exec` of {} saves finding it out; look at `ForceCommand` in sshd_config there",
                endpoint.name
            ),
        )),
        (LaneKind::Exec, None) => Some(Finding::ok("lane", format!("exec, as the inventory says: {without}"))),
        (LaneKind::Auto | LaneKind::Persistent, _) => None,
    }
}

async fn probe(session: &mut Session, wish: &Wish, findings: &mut Vec<Finding>) -> Option<Duration> {
    let started = tokio::time::Instant::now();
    let asked = session.run(None, &Program::new(""), PROBE_LIMIT, &mut |_, _| {}).await;
    let latency = started.elapsed();
    let before = now() / 1000;
    let answer = session.run(None, &Program::new(PROBE), PROBE_LIMIT, &mut |_, _| {}).await;
    let between = (before, now() / 1000);
    match answer {
        Ok(completed) => {
            findings.extend(wish.os.map(|os| judge_os(&completed, os)));
            findings.extend(judge_probe(&completed, between));
        }
        Err(error) => {
            findings.push(Finding::failed("shell", error.to_string(), "`OPSC_LOG=debug opsc doctor` tells more"))
        }
    }
    asked.ok().map(|_| latency)
}

async fn admin(endpoint: &Endpoint, session: &mut Session, wanted: &str) -> Option<Finding> {
    if session.login_user() == wanted {
        return None;
    }
    let what = match endpoint.admin {
        AdminMethod::None => "admin",
        method => method.name(),
    };
    let user = session.login_user().to_string();
    let Err(error) = session.run(Some(wanted), &Program::new(""), PROBE_LIMIT, &mut |_, _| {}).await else {
        return Some(Finding::ok(what, format!("{wanted} is reached")));
    };
    let mend = match &error {
        TransportError::PrivilegeMissing { .. } => {
            format!("install {what} there, or give `admin: su` or `admin: doas` of {}", endpoint.name)
        }
        TransportError::PrivilegePasswordNeeded { .. } => {
            format!(
                "give the password by `-K` or `admin_password:`, or allow it without one: `{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/{user}"
            )
        }
        TransportError::PrivilegePasswordWrong { .. } => "give the right password by `-K`".to_string(),
        TransportError::PrivilegeDenied { said, .. } if said.contains("must have a tty") => {
            format!("`Defaults:{user} !requiretty` in /etc/sudoers.d/{user}")
        }
        TransportError::PrivilegeDenied { .. } => {
            format!("allow it there: `usermod -aG sudo {user}`, or wheel on Red Hat")
        }
        other => other.hint().unwrap_or_else(|| "`OPSC_LOG=debug opsc doctor` tells more".to_string()),
    };
    // Steps that need no other user can be done all the same.
    Some(Finding::failed(what, error.to_string(), mend))
}

async fn sessions(session: &Session) -> Finding {
    let mut beside = Vec::new();
    while beside.len() + 1 < SESSIONS {
        match session.beside().await {
            Ok(another) => beside.push(another),
            Err(_) => break,
        }
    }
    let had = beside.len() + 1;
    for another in beside {
        another.close().await;
    }
    if had == SESSIONS {
        return Finding::ok("sessions", format!("{SESSIONS} on one connection"));
    }
    Finding::warning(
        "sessions",
        format!("{had} on one connection; steps of a `parallel` take turns where there are fewer than {SESSIONS}"),
        "`MaxSessions 10` in /etc/ssh/sshd_config, then `systemctl reload ssh`",
    )
}

//! The contract over the ways to log in and to become another that need users of their own: certificates, agents and
//! passwords, sudo, su and doas, on sshd and dropbear. Each list proves one of either, because every byte of it comes
//! through both. Keys of other kinds have lists in `contract`. Changes the system while it runs.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

use opsc::base::secret::Secret;
use opsc::transport::{AdminMethod, Credentials, Endpoint, Identities};

use crate::contract::{
    Bench, Way, a_deadline_ends_the_processes, contract, contract_but_for_signals, exit_codes, files_are_staged_once,
    values_arrive,
};
use crate::ssh_certificates::Court;
use crate::ssh_failures::Agent;
use crate::sshd::{Sshd, SshdOptions};
use crate::system_servers::Dropbear;
use crate::system_sudo::{Guest, PASSWORD, server};

async fn as_root(way: Way) {
    contract(Bench::connect(Way { user: Some("root".to_owned()), ..way }).await).await;
}

fn password() -> Option<Secret<String>> {
    Some(Secret::new(PASSWORD.to_owned()))
}

/// An endpoint that has nothing but this way in.
fn only(method: &str, endpoint: Endpoint) -> Endpoint {
    let identities = Identities { files: Some(Vec::new()), ..Identities::default() };
    Endpoint { key: None, identities, methods: Some(vec![method.to_owned()]), ..endpoint }
}

fn sshd(config: &[&str]) -> Sshd {
    let config = config.iter().map(|line| (*line).to_owned()).collect();
    Sshd::start(&SshdOptions { config, ..SshdOptions::default() })
}

#[tokio::test]
async fn a_certificate_and_sudo_without_a_password() {
    let (guest, court) = (Guest::new(Some("NOPASSWD: ")), Court::new());
    court.sign("ca", "host_key", &["-h", "-n", "127.0.0.1"]);
    court.sign("ca", "user", &["-n", &guest.name]);
    let server = court.sshd();
    let endpoint = court.endpoint(&server, &[court.of_authority()]);
    as_root(Way::from(Endpoint { user: guest.name.clone(), key: Some(court.path("user")), ..endpoint })).await;
}

#[tokio::test]
async fn keyboard_interactive_and_sudo_with_a_password() {
    let guest = Guest::new(Some(""));
    let server = sshd(&["KbdInteractiveAuthentication yes", "UsePAM yes"]);
    let endpoint = only("keyboard-interactive", guest.endpoint(&server));
    let credentials = Credentials { password: password(), admin_password: password(), ..Credentials::default() };
    as_root(Way { endpoint, credentials, user: None }).await;
}

#[tokio::test]
async fn a_password_and_su() {
    let (guest, other) = (Guest::new(None), Guest::new(None));
    let server = sshd(&["PasswordAuthentication yes", "KbdInteractiveAuthentication no"]);
    let endpoint = Endpoint { admin: AdminMethod::Su, ..only("password", guest.endpoint(&server)) };
    let credentials = Credentials { password: password(), admin_password: password(), ..Credentials::default() };
    contract(Bench::connect(Way { endpoint, credentials, user: Some(other.name.clone()) }).await).await;
}

/// What doas allows, as long as the value; what was said before comes back.
struct DoasRule {
    before: Option<String>,
}

const DOAS: &str = "/etc/doas.conf";

impl DoasRule {
    fn new(rule: &str) -> DoasRule {
        let before = Path::new(DOAS).exists().then(|| fs::read_to_string(DOAS).unwrap());
        fs::write(DOAS, format!("{}{rule}\n", before.as_deref().unwrap_or_default())).unwrap();
        DoasRule { before }
    }
}

impl Drop for DoasRule {
    fn drop(&mut self) {
        drop(match &self.before {
            Some(before) => fs::write(DOAS, before),
            None => fs::remove_file(DOAS),
        });
    }
}

#[tokio::test]
async fn an_agent_and_doas() {
    let (guest, server) = (Guest::new(None), server());
    let _rule = DoasRule::new(&format!("permit nopass {}", guest.name));
    let agent = Agent::with_key_of(&server);
    let endpoint = Endpoint { admin: AdminMethod::Doas, ..only("publickey", guest.endpoint(&server)) };
    let agent_socket = Some(agent.socket.clone());
    let credentials = Credentials { use_agent: true, agent_socket, ..Credentials::default() };
    // doas that waits for its command ends it two seconds after it got a signal itself.
    contract_but_for_signals(Bench::connect(Way { endpoint, credentials, user: Some("root".to_owned()) }).await).await;
}

/// Root may signal the whole group of a step, and with dropbear that is the connection's own too: so not the whole list.
#[tokio::test]
async fn dropbear_by_a_password_and_sudo() {
    let guest = Guest::with(Some("NOPASSWD: "), &["--create-home", "--shell", "/bin/sh"]);
    let server = Dropbear::start(&guest);
    let endpoint = only("password", server.endpoint(&guest));
    let way = Way { endpoint, credentials: Credentials { password: password(), ..Credentials::default() }, user: None };
    let mut bench = Bench::connect(Way { user: Some("root".to_owned()), ..way.clone() }).await;
    values_arrive(&mut bench).await;
    exit_codes(&mut bench).await;
    files_are_staged_once(&mut bench).await;
    a_deadline_ends_the_processes(&mut bench).await;
    bench.session.close().await;
    contract(Bench::connect(way).await).await;
}

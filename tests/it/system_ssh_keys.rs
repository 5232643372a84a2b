//! The actions for SSH keys on a real Debian host: who may log in, whose hosts are known, whose keys are their own.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

const ALICE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2Gch8Vsm8hdE5mzkpdVvQPf0mQkU6SJQj9wq0mQx6x";
const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// A host with an account that nobody has logged in to.
fn case() -> Case {
    let case = Case::new();
    case.host().sh("useradd --create-home --shell /bin/sh deploy");
    case
}

#[test]
fn keys_are_authorized_with_options_and_revoked() {
    let case = case();
    let shows = "cat /home/deploy/.ssh/authorized_keys 2>/dev/null || true; stat -c '%U:%G %a' /home/deploy/.ssh /home/deploy/.ssh/authorized_keys 2>/dev/null || true";
    let rights = "deploy:deploy 700\ndeploy:deploy 600\n";
    let authorize = |rest: &str| format!("ssh_key.authorize(user: \"deploy\", key: \"{rest})");
    let alice = format!("{ALICE} alice it's $HOME\n");
    case.converges(&authorize(&format!("{ALICE} alice it's $HOME\"")), shows, &format!("{alice}{rights}"));
    case.has_nothing_to_do(&authorize(&format!("{ALICE} at another place\"")));
    let bound = format!("restrict,command=\"echo $HOME\" {BOB}\n");
    let options = authorize(&format!("{BOB}\", options: \"restrict,command=\\\"echo $HOME\\\"\""));
    case.converges(&options, shows, &format!("{alice}{bound}{rights}"));
    case.converges(&authorize(&format!("{BOB} bob\"")), shows, &format!("{alice}{BOB} bob\n{rights}"));
    case.host().sh("echo '# mine' >> /home/deploy/.ssh/authorized_keys");
    let revoke = format!("ssh_key.remove(user: \"deploy\", key: \"{ALICE}\")");
    case.converges(&revoke, shows, &format!("{BOB} bob\n# mine\n{rights}"));
    case.has_nothing_to_do(&format!("ssh_key.remove(user: \"nobody-at-all\", key: \"{ALICE}\")"));

    // A key that comes before the undoing stays.
    let file = "/home/deploy/.ssh/authorized_keys";
    let comes = format!(
        "shell.run(script: sh\"echo theirs >> {file}\", effect: \"change\", undo: sh\"true\") {{\n      as: \"root\"\n    }}"
    );
    let said = case.run(&format!(
        "{}\n    {comes}\n    require host.name == \"nobody\" else \"stop\"",
        authorize(&format!("{ALICE} alice\""))
    ));
    assert_eq!(said.code, 23, "{said:?}");
    assert_eq!(case.host().sh(shows), format!("{BOB} bob\n# mine\ntheirs\n{rights}"));
}

#[test]
fn a_link_in_a_home_leads_root_nowhere() {
    let case = case();
    case.host().sh("ln -s /root/.ssh /home/deploy/.ssh; ln -s /etc/shadow /home/guest/.ssh/id_rsa.pub; touch /home/guest/.ssh/id_rsa");
    let authorize = format!("ssh_key.authorize(user: \"deploy\", key: \"{ALICE}\")");
    case.fails(&authorize, "cat /root/.ssh/authorized_keys", &["Permission denied"]);
    let step = "x = ssh_key.generate(user: \"guest\", type: \"rsa\")\n    require x.public == none else \"root read {x.path}\"";
    let said = case.run(&step.replace("{x.path}", "it"));
    assert_eq!((said.code, changed(&said)), (0, 0), "{said:?}");
    let nobody = authorize.replace("\"deploy\"", "\"nobody-at-all\"");
    case.fails(&nobody, "", &["there is no user nobody-at-all"]);
    let homeless = authorize.replace("\"deploy\"", "\"_apt\"");
    case.fails(&homeless, "", &["the user _apt has no home folder"]);
    for wrong in ["ssh-ed25519 x;y", "ssh-ed25519", "command=x ssh-rsa AAAA"] {
        let said = case.run(&format!("ssh_key.authorize(user: \"deploy\", key: \"{wrong}\")"));
        assert_eq!(said.code, 11, "{said:?}");
    }
}

#[test]
fn a_user_gets_a_key_that_another_may_authorize() {
    let case = case();
    let shows = "ls /home/deploy/.ssh 2>/dev/null || true; stat -c '%U %a' /home/deploy/.ssh/id_ed25519 2>/dev/null || true; cut -d ' ' -f 3- /home/deploy/.ssh/id_ed25519.pub 2>/dev/null || true";
    let made = "id_ed25519\nid_ed25519.pub\ndeploy 600\nit's $x\n";
    case.converges("ssh_key.generate(user: \"deploy\", comment: \"it's $x\")", shows, made);
    let said = case.run(
        "x = ssh_key.generate(user: \"deploy\")\n    ssh_key.authorize(user: \"guest\", key: x.public ?? \"none\")\n    require matches(x.fingerprint ?? \"\", '^SHA256:') else \"no fingerprint\"",
    );
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    let logs_in = "runuser -u deploy -- ssh -o BatchMode=yes -o StrictHostKeyChecking=no guest@localhost id -un";
    assert_eq!(case.host().sh(logs_in), "guest\n");
}

#[test]
fn hosts_are_known_by_name_and_port_also_in_hashed_files() {
    let case = Case::new();
    let shows = "cat /etc/ssh/ssh_known_hosts 2>/dev/null || true";
    let first = format!("ssh_key.known_host(name: \"git.example.org\", key: \"{ALICE} comment\")");
    let line = format!("git.example.org {ALICE}\n");
    case.converges(&first, shows, &line);
    let port = format!("ssh_key.known_host(name: \"git.example.org\", key: \"{ALICE}\", port: 2222)");
    case.converges(&port, shows, &format!("{line}[git.example.org]:2222 {ALICE}\n"));
    case.host()
        .sh("cd /etc/ssh; ssh-keygen -q -H -f ssh_known_hosts; rm ssh_known_hosts.old; chmod 644 ssh_known_hosts");
    case.has_nothing_to_do(&first);
    let shows =
        "grep -c '^|' /etc/ssh/ssh_known_hosts; ssh-keygen -F git.example.org -f /etc/ssh/ssh_known_hosts | tail -n 1";
    let other = format!("ssh_key.known_host(name: \"git.example.org\", key: \"{BOB}\")");
    case.converges(&other, shows, &format!("1\ngit.example.org {BOB}\n"));
}

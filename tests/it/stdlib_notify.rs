//! Who is told something: webhooks whose urls nobody sees, and mail, over TLS where it holds a password.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::example_servers::{Request, http, http_with_headers, mail};
use super::project::{Said, said};
use super::stdlib_cases::Case;
use super::stdlib_tls::authority;

/// Runs a step on this machine with some variables of the environment.
fn run(case: &Case, step: &str, variables: &[(&str, &str)], command: &[&str]) -> Said {
    let text =
        format!("ops 1\n\nplaybook case() ! change, network {{\n  on host(\"localhost\") {{\n    {step}\n  }}\n}}\n");
    case.project.write("case.ops", &text);
    let arguments: Vec<&str> = command.iter().copied().chain(["case.ops"]).collect();
    said(case.project.command(&arguments).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn a_webhook_is_posted_to_and_its_url_is_seen_nowhere() {
    let case = Case::new();
    let steps = [
        (
            "notify.slack(to: \"#deploys\", text: \"2.4.1: \\\"4\\\" ok\")",
            "SLACK_WEBHOOK",
            serde_json::json!({ "channel": "#deploys", "text": "2.4.1: \"4\" ok" }),
        ),
        (
            "notify.teams(text: \"2.4.1 is out\")",
            "TEAMS_WEBHOOK",
            serde_json::json!({ "type": "message", "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": { "type": "AdaptiveCard", "version": "1.4", "body": [
                    { "type": "TextBlock", "text": "2.4.1 is out", "wrap": true },
                ] },
            }] }),
        ),
        (
            "notify.webhook(url: secret(\"env:HOOK\"), json: to_json({ sms: \"+491\" }), headers: { \"x-key\": secret(\"env:HOOK\") }, status: [202])",
            "HOOK",
            serde_json::json!({ "sms": "+491" }),
        ),
    ];
    for (step, variable, expected) in steps {
        for status in [202, 403] {
            // It gives back what it heard, and of the url also the token alone.
            let server = http(move |request: &Request| {
                let token = request.line.split('/').nth(3).unwrap();
                (status, format!("{} {:?} no token {token}", request.line, request.headers))
            });
            let url = format!("http://127.0.0.1:{}/services/T0/Kanarie+secret-of-all/path", server.port);
            for command in [&["plan"][..], &["plan", "-o", "json"], &["run", "-y", "-v"]] {
                let shown = run(&case, step, &[(variable, &url)], command);
                assert_eq!(shown.code == 0, status == 202 || command[0] == "plan", "{shown:?}");
                assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
            }
            let heard = server.heard();
            assert_eq!(heard.len(), 1, "a plan posts nothing: {heard:?}");
            assert_eq!(heard[0].line, "POST /services/T0/Kanarie+secret-of-all/path HTTP/1.1");
            assert!(heard[0].headers.contains(&"content-type: application/json".to_string()), "{heard:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&heard[0].body).unwrap(), expected);
            let shown = case.project.opsc(&["show", &case.project.newest_run().to_string(), "-o", "json"]);
            assert_eq!(shown.code, 0, "{shown:?}");
            assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
        }
        let missing = run(&case, step, &[], &["run", "-y"]);
        assert!(missing.code == 10 && missing.stderr.contains(variable), "{missing:?}");
    }
    // A token that is as short as a word is hidden with what stands around it.
    let server = http(|request: &Request| (403, request.line.clone()));
    let url = format!("http://127.0.0.1:{}/hook/Kanarie", server.port);
    let refused = run(&case, "notify.teams(text: \"x\")", &[("TEAMS_WEBHOOK", &url)], &["run", "-y"]);
    assert!(refused.stderr.contains("which says: POST (secret) HTTP/1.1"), "{refused:?}");
    let other = http(|_| (200, String::new()));
    let there = format!("location: http://127.0.0.1:{}/\r\n", other.port);
    let server = http_with_headers(move |_| (307, there.clone(), String::new()));
    let url = format!("http://127.0.0.1:{}/Kanarie/secret", server.port);
    let away = run(&case, "notify.teams(text: \"x\")", &[("TEAMS_WEBHOOK", &url)], &["run", "-y"]);
    assert!(away.stderr.contains("leads to another server") && !away.stderr.contains("Kanarie"), "{away:?}");
    assert!(other.heard().is_empty());
}

#[test]
fn an_sms_goes_to_its_server_and_the_token_is_seen_nowhere() {
    let case = Case::new();
    let token = "Kanarie+1";
    let login = STANDARD.encode(format!("AC01:{token}"));
    for status in [201, 400] {
        let server =
            http(move |request: &Request| (status, format!("no number: {} {:?}", request.body, request.headers)));
        let step = format!(
            "notify.sms(to: \"+4915112345678\", text: \"2.4 & \\\"out\\\"\", from: \"+49151\", account: \"AC01\", server: \"http://127.0.0.1:{}\")",
            server.port
        );
        for command in [&["plan"][..], &["run", "-y", "-v"]] {
            let shown = run(&case, &step, &[("SMS_TOKEN", token)], command);
            assert_eq!(shown.code == 0, status == 201 || command[0] == "plan", "{shown:?}");
            assert_eq!(shown.stderr.contains("no number"), status == 400 && command[0] == "run", "{shown:?}");
            let all = format!("{shown:?}");
            assert!(!all.contains("Kanarie") && !all.contains(&login), "{shown:?}");
        }
        let heard = server.heard();
        assert_eq!(heard.len(), 1, "a plan sends nothing: {heard:?}");
        assert_eq!(heard[0].line, "POST /2010-04-01/Accounts/AC01/Messages.json HTTP/1.1");
        assert_eq!(heard[0].body, "To=%2B4915112345678&From=%2B49151&Body=2.4+%26+%22out%22");
        assert!(heard[0].headers.contains(&format!("authorization: Basic {login}")), "{heard:?}");
    }
    let wrong = "notify.sms(to: \"0151\", text: \"x\", from: \"+49151\", account: \"AC01\")";
    let refused = run(&case, wrong, &[("SMS_TOKEN", token)], &["run", "-y"]);
    assert!(refused.code == 11 && refused.stderr.contains("0151"), "{refused:?}");
}

#[test]
fn a_mail_is_sent_to_everybody() {
    let case = Case::new();
    let server = mail();
    let send = |subject: &str, body: &str| {
        let step = format!(
            "notify.email(to: [\"ops@example.org\", \"dba@example.org\"], from: \"opsc@example.org\", subject: \"{subject}\", body: \"{body}\", server: \"smtp://127.0.0.1:{}\")",
            server.port
        );
        let said = case.run(&step, "change, network", &["run", "-y"]);
        assert_eq!((said.code, case.changed(&said)), (0, 1), "{said:?}");
        let heard = server.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.into_iter().next().unwrap()
    };
    let heard = send("it's $done", "one\\n.two\\n.");
    for line in [
        "MAIL FROM:<opsc@example.org>",
        "RCPT TO:<ops@example.org>",
        "RCPT TO:<dba@example.org>",
        "\nTo: ops@example.org, dba@example.org\n",
        "\nSubject: it's $done\n",
        // A dot that begins a line is doubled on the way.
        "\n\none\n..two\n..\n.\n",
    ] {
        assert!(heard.contains(line), "{line}: {heard}");
    }
    let subject = "größer als zuvor, und länger, als ein Wort je sein könnte: 日本語 日本語 日本語";
    let heard = send(subject, "grüße");
    let head = heard.split("Subject:").nth(1).unwrap().split("Date:").next().unwrap();
    let words: Vec<&str> = head.split_whitespace().collect();
    let decoded = words.iter().map(|word| {
        assert!(word.len() <= 75, "{word}");
        let coded = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
        String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap()
    });
    assert_eq!(decoded.collect::<String>(), subject);
    assert!(words.len() > 1 && heard.contains("Content-Transfer-Encoding: base64\n\n"), "{heard}");
    assert!(heard.contains(&STANDARD.encode("grüße\n")), "{heard}");
}

/// A mail server that speaks TLS, for one session.
pub(crate) struct SafeMail(Child, BufReader<ChildStdout>, pub(crate) u16);

impl SafeMail {
    pub(crate) fn start(certificate: &str, key: &str, manner: &str) -> SafeMail {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/smtp_server.py");
        let mut command = Command::new("python3");
        command.args([script, certificate, key, manner]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        SafeMail(child, said, port.trim().parse().unwrap())
    }

    /// All that was heard until the client went.
    pub(crate) fn heard(mut self) -> String {
        let mut heard = String::new();
        self.1.read_to_string(&mut heard).unwrap();
        self.0.wait().unwrap();
        heard
    }
}

#[test]
fn a_password_for_mail_goes_only_over_tls_and_is_seen_nowhere() {
    let case = Case::new();
    let (ca, certificate, key) = authority(&case.project, "127.0.0.1");
    // A curl that notes what everybody on the host could see.
    case.project
        .write("tools/curl", "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"${0%/*}/seen\"\nexec /usr/bin/curl \"$@\"\n");
    let tools = case.project.path("tools");
    std::fs::set_permissions(tools.join("curl"), PermissionsExt::from_mode(0o755)).unwrap();
    let tools = tools.display().to_string();
    let password = "Kanarie \"+\\ü's";
    let send = |server: &str, rest: &str| {
        let step = format!(
            "notify.email(to: [\"ops@example.org\"], subject: \"x\", body: \"y\", server: \"{server}\", user: \"me@example.org\", password: secret(\"env:PASSWORD\"){rest})"
        );
        let variables = [("PASSWORD", password), ("PATH", &format!("{tools}:/usr/bin:/bin"))];
        let shown = run(&case, &step, &variables, &["run", "-y", "-v"]);
        assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
        shown
    };
    let auth = format!("encrypted {}", STANDARD.encode(format!("\0me@example.org\0{password}")));
    for (manner, scheme) in [("starttls", "smtp"), ("tls", "smtps")] {
        let server = SafeMail::start(&certificate, &key, manner);
        let url = format!("{scheme}://127.0.0.1:{}", server.2);
        let sent = send(&url, &format!(", tls: \"required\", ca: file(\"{ca}\")"));
        assert_eq!(sent.code, 0, "{sent:?}");
        let heard = server.heard();
        assert!(heard.contains(&auth) && heard.contains("\ny\n"), "{heard}");
        let server = SafeMail::start(&certificate, &key, manner);
        let untrusted = send(&format!("{scheme}://127.0.0.1:{}", server.2), ", tls: \"required\"");
        assert!(untrusted.code != 0 && untrusted.stderr.contains("certificate"), "{untrusted:?}");
        assert!(!server.heard().contains("AUTH"));
    }
    let plain = mail();
    let url = format!("smtp://127.0.0.1:{}", plain.port);
    let refused = send(&url, "");
    assert!(refused.stderr.contains("a password goes over no connection"), "{refused:?}");
    let without = send(&url, ", tls: \"required\"");
    assert!(without.code != 0 && without.stderr.contains("curl: (64)"), "{without:?}");
    assert!(!plain.heard().concat().contains("MAIL"), "nothing was sent");
    let seen = case.project.read("tools/seen").unwrap();
    assert!(seen.contains("--ssl-reqd") && !seen.contains("Kanarie") && !seen.contains("me@example.org"), "{seen}");
}

//! Secrets of Vault and OpenBao through the binary, from a server that answers as their documentation says, and from
//! servers that misbehave: each is said for what it is, and no token or value is seen anywhere.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::example_servers::{Request, Server, http, http_with_headers, raw, silent};
use super::project::{Project, Said, said};
use super::secret_files::look_into;
use super::stdlib_tls::authority;

/// Both have the part that is looked for.
const TOKEN: &str = "hvs.Kanarie-of-a-token";
const VALUE: &str = "p4ss+Kanarie/word";

/// What a server answers to this path, as Vault does it.
fn vault(path: &str) -> (u16, Json) {
    let mounts = [
        ("kv2/", json!({ "path": "kv2/", "type": "kv", "options": { "version": "2" } })),
        ("team/old/", json!({ "path": "team/old/", "type": "kv", "options": { "version": "1" } })),
        ("older/", json!({ "path": "older/", "type": "generic", "options": null })),
        ("pki/", json!({ "path": "pki/", "type": "pki", "options": null })),
    ];
    if let Some(asked) = path.strip_prefix("/v1/sys/internal/ui/mounts/") {
        let mount = mounts.into_iter().find(|(mount, _)| format!("{asked}/").starts_with(mount));
        let denied = || (403, json!({ "errors": ["preflight capability check returned 403, please ensure"] }));
        return mount.map_or_else(denied, |(_, data)| (200, json!({ "data": data })));
    }
    let fields = json!({ "password": VALUE, "port": 5432, "tls": true, "hosts": ["a"], "user name": "Kanarie me" });
    let metadata = json!({ "version": 3, "deletion_time": "", "destroyed": false });
    match path {
        "/v1/kv2/data/app/d%20b" => (200, json!({ "data": { "data": fields, "metadata": metadata } })),
        "/v1/team/old/app/db" | "/v1/older/app/db" => (200, json!({ "data": fields, "lease_duration": 2_764_800 })),
        "/v1/kv2/data/gone" => {
            let metadata = json!({ "version": 3, "deletion_time": "2026-01-02T03:04:05.6Z", "destroyed": false });
            (404, json!({ "data": { "data": null, "metadata": metadata } }))
        }
        "/v1/kv2/data/other" => {
            (403, json!({ "errors": [format!("1 error occurred:\n\t* permission denied for {TOKEN}\u{1b}[31m\n\n")] }))
        }
        _ => (404, json!({ "errors": [] })),
    }
}

fn path(request: &Request) -> String {
    request.line.split(' ').nth(1).unwrap().to_string()
}

fn server() -> Server<Request> {
    http(|request| {
        let (status, body) = vault(&path(request));
        (status, body.to_string())
    })
}

/// A playbook that brings these secrets to this machine, one a line.
fn with_secrets(references: &[&str]) -> Project {
    let project = Project::new();
    let names = (0..references.len()).map(|at| format!("s{at}"));
    let params: String = names
        .clone()
        .zip(references)
        .map(|(name, of)| format!("  {name}: secret<text> = secret(\"{of}\"),\n"))
        .collect();
    let content: Vec<String> = names.map(|name| format!("{{{name}}}")).collect();
    std::fs::create_dir_all(project.path("out")).unwrap();
    let (to, content) = (project.path("out/x"), content.join("\\n"));
    project.write(
        "p.ops",
        &format!(
            "ops 1\n\nplaybook p(\n{params}) ! change {{\n  on host(\"localhost\") {{\n    file.secret(to: \"{}\", content: \"{content}\")\n  }}\n}}\n",
            to.display()
        ),
    );
    project
}

fn run(project: &Project, variables: &[(&str, &str)]) -> Said {
    let mut command = project.command(&["run", "p.ops", "-y", "-v", "-o", "ndjson"]);
    said(command.envs(variables.iter().copied()).output().unwrap())
}

fn write_private(project: &Project, name: &str, text: &str, mode: u32) {
    project.write(name, text);
    std::fs::set_permissions(project.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn both_versions_are_read_and_nothing_but_the_host_has_what_they_hold() {
    let server = server();
    let address = format!("http://127.0.0.1:{}/", server.port);
    let references = [
        "vault:kv2/app/d b#password",
        "vault:kv2/app/d b#user name",
        "vault:team/old/app/db#port",
        "vault:older/app/db#password",
    ];
    let project = with_secrets(&references);
    let plan = project.opsc(&["plan", "p.ops"]);
    assert!(plan.code == 0 && plan.stdout.contains("secret(\"vault:kv2/app/d b#password\")"), "{plan:?}");
    assert!(server.heard().is_empty(), "a plan reads no secret");
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", TOKEN), ("VAULT_NAMESPACE", "ops/eu")];
    let done = run(&project, &variables);
    assert_eq!(done.code, 0, "{done:?}");
    let expected = format!("{VALUE}\nKanarie me\n5432\n{VALUE}");
    assert_eq!(project.read("out/x"), Some(expected));
    let heard = server.heard();
    let lines: Vec<String> = heard.iter().map(path).collect();
    assert_eq!(
        lines,
        [
            "/v1/sys/internal/ui/mounts/kv2/app/d%20b",
            "/v1/kv2/data/app/d%20b",
            "/v1/sys/internal/ui/mounts/older/app/db",
            "/v1/older/app/db",
            "/v1/sys/internal/ui/mounts/team/old/app/db",
            "/v1/team/old/app/db",
        ],
        "each path once"
    );
    for request in &heard {
        let wanted =
            [format!("x-vault-token: {TOKEN}"), "x-vault-namespace: ops/eu".into(), "x-vault-request: true".into()];
        assert!(wanted.iter().all(|header| request.headers.contains(header)), "{request:?}");
    }
    let report = project.opsc(&["report", "1"]);
    let audit = project.opsc(&["audit", "export"]);
    assert!(audit.stdout.contains("vault:kv2/app/d b#password"), "{audit:?}");
    for shown in [&plan, &done, &report, &audit] {
        assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
    }
    let mut looked_at = 0;
    look_into(project.folder.path(), &project.path("out/x"), &mut looked_at);
    assert!(looked_at > 3, "{looked_at} files");
}

#[test]
fn settings_say_where_and_a_file_says_who() {
    let server = server();
    let project = with_secrets(&["vault:kv2/app/d b#password"]);
    let settings = |more: &str| {
        let text = format!("[vault]\naddress = \"http://localhost:{}\"\n{more}", server.port);
        project.write("opsc.toml", &text.replace("localhost", "127.0.0.1"));
    };
    settings("");
    let none = run(&project, &[]);
    assert!(none.code == 10 && none.stderr.contains("nor is there a file `~/.vault-token`"), "{none:?}");
    write_private(&project, "home/.vault-token", &format!("{TOKEN}\n"), 0o640);
    let open = run(&project, &[]);
    assert!(
        open.code == 10 && open.stderr.contains("can be read by others (mode 640); make it 0600 first"),
        "{open:?}"
    );
    assert!(server.heard().is_empty());
    write_private(&project, "home/.vault-token", &format!("{TOKEN}\n"), 0o600);
    assert_eq!(run(&project, &[]).code, 0);
    let of = |request: &Request, name: &str| {
        request.headers.iter().find_map(|header| Some(header.strip_prefix(name)?.to_string()))
    };
    let heard = server.heard();
    assert_eq!(
        (of(&heard[0], "x-vault-token: ").as_deref(), of(&heard[0], "x-vault-namespace: ")),
        (Some(TOKEN), None)
    );
    settings("token_file = \"keys/token\"\nnamespace = \"team\"\n");
    write_private(&project, "keys/token", "other", 0o600);
    assert_eq!(run(&project, &[]).code, 0);
    let heard = server.heard();
    assert_eq!(
        (of(&heard[0], "x-vault-token: ").as_deref(), of(&heard[0], "x-vault-namespace: ").as_deref()),
        (Some("other"), Some("team"))
    );
    // OpenBao's variables count before Vault's, as for its own command line, and both before settings.
    let address = format!("http://127.0.0.1:{}", server.port);
    settings("namespace = \"team\"\n");
    let variables = [
        ("BAO_ADDR", address.as_str()),
        ("VAULT_ADDR", "http://127.0.0.1:1"),
        ("BAO_TOKEN", "of-bao"),
        ("VAULT_TOKEN", "of-vault"),
        ("BAO_NAMESPACE", "bao"),
    ];
    assert_eq!(run(&project, &variables).code, 0);
    let heard = server.heard();
    assert_eq!(
        (of(&heard[0], "x-vault-token: ").as_deref(), of(&heard[0], "x-vault-namespace: ").as_deref()),
        (Some("of-bao"), Some("bao"))
    );
    let broken = run(&project, &[("VAULT_TOKEN", "Kanarie\n")]);
    assert!(broken.code == 10 && broken.stderr.contains("has letters that no token has"), "{broken:?}");
    assert!(!broken.stderr.contains("Kanarie"), "{broken:?}");
}

#[test]
fn what_is_not_there_is_said_with_what_was_asked() {
    let server = server();
    let address = format!("http://127.0.0.1:{}", server.port);
    let cases = [
        ("kv2/app/d b#pasword", "`kv2/app/d b` has no field `pasword`; did you mean `password`?"),
        ("kv2/app/d b#x", "has no field `x`; it has hosts, password, port, tls and user name"),
        ("kv2/app/d b#hosts", "the field `hosts` of `kv2/app/d b` is a list; expected a text or a number"),
        ("kv2/app/d b#tls", "is a yes or no; expected a text or a number"),
        (
            "kv2/app/nothing#x",
            "has nothing at `kv2/app/nothing` (404), which it takes for a path of `kv2/`, KV version 2",
        ),
        ("team/old/nothing#x", "which it takes for a path of `team/old/`, KV version 1"),
        ("kv2/gone#x", "the newest version of `kv2/gone` was deleted on 2026-01-02T03:04:05.6Z"),
        (
            "kv2/other#x",
            "denies `kv2/other` (403): 1 error occurred: * permission denied for (secret)\\u{1b}[31m; the token must be valid, and a policy of it allow `read` on `kv2/data/other`",
        ),
        (
            "no/such#x",
            "denies `no/such` (403): preflight capability check returned 403, please ensure; the token is not valid, may read nothing there, or there is no such mount",
        ),
        ("pki/cert#x", "`pki/` is a mount of type pki; only KV stores"),
        ("team/old#x", "`team/old` is a mount; expected the path of a secret in it"),
    ];
    for (reference, words) in cases {
        let project = with_secrets(&[&format!("vault:{reference}"), "env:NOT_SET"]);
        let done = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
        assert!(done.code == 10 && done.stderr.contains(words), "{reference}: {done:?}");
        assert!(done.stderr.contains(&format!("vault:{reference}: ")) && done.stderr.contains("NOT_SET"), "{done:?}");
        assert!(!format!("{done:?}").contains("Kanarie") && project.read("out/x").is_none(), "{done:?}");
    }
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Whatever a server does, it is an error of its own, in time; and what it does first, it is asked only once.
#[test]
fn a_server_that_misbehaves_is_said_to() {
    let mount = answer(200, &vault("/v1/sys/internal/ui/mounts/kv2/x").1.to_string());
    let cut =
        format!("HTTP/1.1 200 X\r\ncontent-length: 999\r\n\r\n{{\"data\": {{\"data\": {{\"password\": \"{VALUE}\"");
    let endless = format!(
        "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "10000\r\n".to_string() + &"x".repeat(65536) + "\r\n"
    );
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
    let deep = format!("{}1{}", "{\"data\":".repeat(1000), "}".repeat(1000));
    let cases = [
        (answer(503, "{\"errors\":[\"Vault is sealed\"]}"), "is sealed or not ready (503): Vault is sealed"),
        (answer(503, "<html>Kanarie</html>"), "is sealed or not ready (503)\n"),
        (
            answer(500, "{\"errors\":[\"1 error occurred:\\n\\t* disk full\\n\"]}"),
            "answered 500 to `kv2/data/x`: 1 error occurred: * disk full",
        ),
        (answer(400, "{\"errors\":7}"), "answered 400 to `kv2/data/x`\n"),
        (answer(302, ""), "answered 302 to `kv2/data/x`\n"),
        (answer(204, ""), "answered 204 to `kv2/data/x`\n"),
        (answer(200, "<html>Kanarie</html>"), "did not answer as Vault does; is the address right?"),
        (answer(200, ""), "did not answer as Vault does"),
        (answer(200, &deep), "did not answer as Vault does"),
        (answer(200, "{\"data\":{\"data\":\"Kanarie\"}}"), "did not answer as Vault does"),
        (answer(200, "{\"data\":{\"data\":{}}}"), "`kv2/x` has no field `password`; it is empty"),
        (answer(200, "{\"data\":{\"data\":{\"password\":\"\"}}}"), "vault:kv2/x#password: it is empty"),
        (answer(200, "{\"data\":{\"data\":{\"password\":\"abc\"}}}"), "it has fewer than 4 visible characters"),
        (cut, "asking http://127.0.0.1:"),
        (endless + &chunk.repeat(20), "its answer is larger than 1MiB"),
        ("SSH-2.0-OpenSSH_9.9\r\n".to_string(), "asking http://127.0.0.1:"),
        (String::new(), "asking http://127.0.0.1:"),
    ];
    for (text, words) in cases {
        let (sent, mount) = (text.clone(), mount.clone());
        let server = raw(move |request| if path(request).contains("/ui/") { mount.clone() } else { sent.clone() });
        let address = format!("http://127.0.0.1:{}", server.port);
        let project = with_secrets(&["vault:kv2/x#password", "vault:kv2/x#other"]);
        let done = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
        let start: String = text.chars().take(80).collect();
        assert!(done.code == 10 && done.stderr.contains(words), "{start}: {done:?}");
        assert!(!format!("{done:?}").contains("Kanarie"), "{start}: {done:?}");
        assert_eq!(server.heard().len(), 2, "{start}: nothing is asked again");
    }
}

#[test]
fn a_server_that_is_slow_or_gone_is_waited_for_once() {
    let project = with_secrets(&["vault:kv2/a#x", "vault:kv2/b#x", "vault:kv2/c#x"]);
    let slow = silent();
    let address = format!("http://127.0.0.1:{}", slow.port);
    let started = Instant::now();
    let done = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN), ("OPSC_VAULT_TIMEOUT", "1")]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!((done.code, done.stderr.matches(": no answer in time").count()), (10, 3), "{done:?}");
    let gone = run(&project, &[("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", TOKEN)]);
    assert!(
        gone.code == 10 && gone.stderr.contains("asking http://127.0.0.1:1 failed: connection refused"),
        "{gone:?}"
    );
    assert!(!format!("{done:?}{gone:?}").contains("Kanarie"));
    let sealed = http(|_| (503, String::new()));
    let address = format!("http://127.0.0.1:{}", sealed.port);
    let done = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
    assert_eq!((done.stderr.matches("is sealed or not ready (503)").count(), sealed.heard().len()), (3, 1), "{done:?}");
}

/// A standby leads to the active server of a cluster: on the same one that is followed, to another it is not.
#[test]
fn a_token_never_follows_to_another_server() {
    let other = server();
    let elsewhere = format!("http://127.0.0.1:{}", other.port);
    let first = http_with_headers(move |request| match path(request).strip_prefix("/at-home") {
        Some(path) => {
            let (status, body) = vault(path);
            (status, String::new(), body.to_string())
        }
        None if path(request).contains("/ui/") => {
            (307, format!("location: /at-home{}\r\n", path(request)), String::new())
        }
        None => (307, format!("location: {elsewhere}{}\r\n", path(request)), String::new()),
    });
    let project = with_secrets(&["vault:kv2/app/d b#password"]);
    let address = format!("http://127.0.0.1:{}", first.port);
    let done = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
    let words = "the answer leads to another server, which must not get the secrets of this request";
    assert!(done.code == 10 && done.stderr.contains(words), "{done:?}");
    assert_eq!((first.heard().len(), other.heard().len()), (3, 0), "one was followed at home");
    let at_home = run(&project, &[("VAULT_ADDR", &format!("{address}/at-home")), ("VAULT_TOKEN", TOKEN)]);
    assert_eq!(at_home.code, 0, "{at_home:?}");
}

#[test]
fn a_token_goes_only_to_who_says_who_it_is() {
    let plain = server();
    let project = with_secrets(&["vault:kv2/app/d b#password"]);
    // Another address of this machine than the loopback ones.
    let address = format!("http://0.0.0.0:{}", plain.port);
    let refused = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
    assert!(refused.code == 10 && refused.stderr.contains("plain HTTP would show the token"), "{refused:?}");
    assert!(refused.stderr.contains("`vault.plain_http`") && plain.heard().is_empty(), "{refused:?}");
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", TOKEN), ("OPSC_VAULT_PLAIN_HTTP", "yes")];
    assert_eq!(run(&project, &variables).code, 0);
    plain.heard();
    // A proxy gets nothing that is sent in the open.
    let proxy = format!("http://127.0.0.1:{}", plain.port);
    let proxied = [
        ("VAULT_ADDR", "http://127.0.0.1:1"),
        ("VAULT_TOKEN", TOKEN),
        ("HTTP_PROXY", proxy.as_str()),
        ("http_proxy", proxy.as_str()),
    ];
    assert_eq!(run(&project, &proxied).code, 10);
    assert!(plain.heard().is_empty());
    for wrong in [
        "vault.example:8200",
        "https://me:Kanarie@vault.example",
        "ftp://vault.example",
        "https://vault.example?Kanarie",
    ] {
        let refused = run(&project, &[("VAULT_ADDR", wrong), ("VAULT_TOKEN", TOKEN)]);
        assert!(refused.code == 10 && refused.stderr.contains("expected https://HOST:PORT"), "{wrong}: {refused:?}");
        assert!(!refused.stderr.contains("Kanarie"), "{refused:?}");
    }
}

/// `openssl s_server -WWW` answers a path with the file of that name.
#[test]
fn the_servers_certificate_is_verified() {
    let project = with_secrets(&["vault:kv2/app/db#password"]);
    let (ca, certificate, key) = authority(&project, "127.0.0.1");
    let answers = [
        ("sys/internal/ui/mounts/kv2/app/db", vault("/v1/sys/internal/ui/mounts/kv2/x").1),
        ("kv2/data/app/db", vault("/v1/kv2/data/app/d%20b").1),
    ];
    for (path, body) in answers {
        project.write(&format!("web/v1/{path}"), &format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}"));
    }
    let server = super::stdlib_tls::TlsServer::of_folder(&project.path("web"), &certificate, &key);
    server.wait();
    let address = format!("https://127.0.0.1:{}", server.port);
    let ca = project.path(&ca).display().to_string();
    let unknown = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN)]);
    assert!(unknown.code == 10 && unknown.stderr.to_lowercase().contains("certificate"), "{unknown:?}");
    let skipped = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN), ("VAULT_SKIP_VERIFY", "true")]);
    assert_eq!(skipped.code, 10, "nothing turns it off");
    let known = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN), ("VAULT_CACERT", &ca)]);
    assert_eq!(known.code, 0, "{known:?}");
    assert_eq!(project.read("out/x").as_deref(), Some(VALUE));
    let other_name = format!("https://localhost:{}", server.port);
    let other = run(&project, &[("VAULT_ADDR", &other_name), ("VAULT_TOKEN", TOKEN), ("VAULT_CACERT", &ca)]);
    assert!(other.code == 10 && other.stderr.contains("asking https://localhost:"), "{other:?}");
    let missing = run(&project, &[("VAULT_ADDR", &address), ("VAULT_TOKEN", TOKEN), ("VAULT_CACERT", "/nonexistent")]);
    assert!(
        missing.code == 10 && missing.stderr.contains("`/nonexistent` (`vault.ca_file`) cannot be read"),
        "{missing:?}"
    );
}

#[test]
fn a_reference_is_judged_before_anything_runs() {
    for (reference, hint) in [
        ("vault:kv", "expected MOUNT/PATH#FIELD, found `kv`"),
        ("vault:kv/app", "write it as in `vault:secret/app/db#password`"),
        ("vault:kv/app#", "expected MOUNT/PATH#FIELD"),
        ("vault:kv/../sys/seal#x", "expected MOUNT/PATH#FIELD"),
        ("vaults:kv/app#x", "did you mean `vault`?"),
    ] {
        let project = with_secrets(&[reference]);
        let checked = project.opsc(&["check", "p.ops"]);
        let shown = format!("{}{}", checked.stdout, checked.stderr);
        assert!(checked.code == 11 && shown.contains("E0707") && shown.contains(hint), "{reference}: {shown}");
    }
    assert_eq!(with_secrets(&["vault:kv/app#x"]).opsc(&["check", "p.ops"]).code, 0);
}

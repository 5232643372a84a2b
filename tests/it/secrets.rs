//! Secrets as types and as inputs, through the binary: what is refused and where, what plans show, what runs ask for.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::project::{Project, Said, said};

const TOKEN: &str = "correct/horse battery";

fn with_token(project: &Project, arguments: &[&str]) -> Said {
    said(project.command(arguments).env("TOKEN", TOKEN).output().unwrap())
}

/// A playbook of these statements on this machine, with a secret `token` and a list of two.
fn playbook(statements: &str) -> String {
    format!(
        "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n  pins: list<secret<string>> = [secret(\"env:TOKEN\"), secret(\"file:keys/pin\")],\n) ! change, exec {{\n  on host(\"localhost\") {{\n    {statements}\n    shell.run(script: sh\":\", effect: \"change\")\n  }}\n}}\n"
    )
}

/// The codes of errors in a file, in order.
fn codes(project: &Project, text: &str) -> Vec<String> {
    project.write("a.ops", text);
    let checked = project.opsc(&["check", "a.ops"]);
    let coded = |line: &str| line.strip_prefix("error[")?.split(']').next().map(str::to_string);
    checked.stdout.lines().chain(checked.stderr.lines()).filter_map(coded).collect()
}

#[test]
fn a_secret_stays_one_through_every_expression() {
    let project = Project::new();
    let write = |value: &str| format!("file.write(to: \"/tmp/x\", content: {value})");
    let keep = |value: &str| format!("file.secret(to: \"/tmp/x\", content: {value})");
    let refused = [
        // Into a parameter that shows what it gets.
        ("E0701", write("token")),
        ("E0701", write("\"a {token} b\"")),
        ("E0701", format!("let x = \"{{token}}\"\n    let y = x\n    {}", write("y"))),
        ("E0701", write("pins[0]")),
        ("E0701", write("{ a: token }.a")),
        ("E0701", write("none ?? token")),
        ("E0701", write("upper(token)")),
        ("E0701", write("sha256(token)")),
        ("E0701", write("to_json(\"x{token}\")")),
        ("E0701", format!("for pin in pins {{\n      {}\n    }}", write("pin"))),
        ("E0701", "shell.run(script: sh\":\", effect: \"read\", env: { TOKEN: token })".to_string()),
        ("E0701", "file.template(from: file(\"a\"), to: \"/tmp/x\", vars: { token: token })".to_string()),
        ("E0701", "file.info(path: \"/tmp/{token}\")".to_string()),
        ("E0702", "require 1 == 1 else \"no {token}\"".to_string()),
        // Into what tells something of it.
        ("E0706", "require token == \"x\" else \"no\"".to_string()),
        ("E0706", "if token != \"x\" {\n      file.info(path: \"/tmp\")\n    }".to_string()),
        ("E0706", "require \"x\" in token else \"no\"".to_string()),
        ("E0706", "require token in [\"a\"] else \"no\"".to_string()),
        ("E0706", "require token < \"x\" else \"no\"".to_string()),
        ("E0706", "require length(token) > 3 else \"no\"".to_string()),
        ("E0706", "require matches(token, \"x\") else \"no\"".to_string()),
        ("E0706", "require token.contains(\"x\") else \"no\"".to_string()),
        ("E0706", "require any(pins, it == \"x\") else \"no\"".to_string()),
        ("E0706", format!("let x = join(pins)\n    {}", keep("x"))),
        ("E0706", format!("let x = sort(pins)\n    {}", keep("x[0]"))),
        ("E0706", format!("let x = sort(pins, it)\n    {}", keep("x[0]"))),
        ("E0706", format!("let x = split(token, \",\")\n    {}", keep("x[0]"))),
        ("E0706", format!("let x = to_json({{ a: token }})\n    {}", keep("x"))),
        ("E0701", write("to_yaml(\"x{token}\")")),
        ("E0706", format!("let x = to_yaml({{ a: token }})\n    {}", keep("x"))),
        ("E0706", format!("let x = from_yaml(token)\n    {}", keep("x"))),
        ("E0706", format!("let x = to_json(pins)\n    {}", keep("x"))),
        ("E0706", "file.info(path: file(token).path)".to_string()),
    ];
    for (code, statements) in refused {
        assert_eq!(codes(&project, &playbook(&statements)), [code], "{statements}");
    }
    let accepted = [
        keep("token"),
        format!("let x = upper(trim(token))\n    {}", keep("\"a {token} {x}\"")),
        keep("base64(\"user:{token}\")"),
        keep("\"plain\""),
        keep("none ?? token"),
        format!("for pin in pins {{\n      {}\n    }}", keep("pin")),
        "require token != none and length(pins) == 2 else \"no\"".to_string(),
        "shell.run(script: sh\":\", effect: \"read\", vars: { token: token, word: \"plain\" }, stdin: pins[1])"
            .to_string(),
        write("declassify(token, because: \"a name\")"),
    ];
    for statements in accepted {
        assert_eq!(codes(&project, &playbook(&statements)), [""; 0], "{statements}");
    }
    // An interpolated list would be a text of secrets.
    assert!(!codes(&project, &playbook(&keep("\"{pins}\""))).is_empty());
}

#[test]
fn an_error_shows_where_the_secret_came_from() {
    let project = Project::new();
    let statements = "let auth = \"x {token}\"\n    let copy = auth\n    file.write(to: \"/tmp/x\", content: copy)";
    project.write("a.ops", &playbook(statements));
    let said = project.opsc(&["check", "a.ops"]);
    let shown = format!("{}{}", said.stdout, said.stderr);
    assert!(shown.contains("it became secret here") && shown.contains("a.ops:4"), "{shown}");
}

#[test]
fn references_are_written_out_and_name_something() {
    let project = Project::new();
    project.write("opsc.toml", "[secrets.vault]\ncommand = [\"pass\", \"x\"]\n");
    let text = |reference: &str| {
        format!(
            "ops 1\n\nplaybook p(\n  t: secret<text> = secret({reference}),\n) ! read {{\n  require t != none else \"no\"\n}}\n"
        )
    };
    for good in ["\"env:A_b1\"", "\"file:keys/a b\"", "\"command:vault\""] {
        assert_eq!(codes(&project, &text(good)), [""; 0], "{good}");
    }
    for (bad, hint) in [
        (
            "\"TOKEN\"",
            "write `env:NAME`, `file:PATH`, `age:FILE/NAME`, `command:NAME`, `vault:MOUNT/PATH#FIELD` or `keyring:SERVICE/USER`",
        ),
        ("\"envv:TOKEN\"", "did you mean `env`?"),
        ("\"command:valt\"", "did you mean `vault`?"),
        ("\"command:other-thing\"", "it has vault"),
        ("\"env:A-B\"", "write `env:NAME`"),
        ("\"prompt:x\"", "names no place of secrets"),
        ("lower(\"ENV:A\")", "written out"),
    ] {
        assert_eq!(codes(&project, &text(bad)), ["E0707"], "{bad}");
        let said = project.opsc(&["check", "a.ops"]);
        assert!(format!("{}{}", said.stdout, said.stderr).contains(hint), "{bad}: {said:?}");
    }
}

const NEEDS: &str = "ops 1\n\nplaybook needs(\n  token: secret<string> = secret(\"env:TOKEN\"),\n  pin: secret<string>,\n  key: secret<text> = secret(\"file:keys/key\"),\n  root: path,\n) ! change {\n  on host(\"localhost\") {\n    file.secret(to: \"{root}/x\", content: \"{token} {pin} {key}\")\n    file.write(to: \"{root}/open\", content: declassify(pin, because: \"everybody knows it\"))\n  }\n}\n";

fn needing() -> (Project, String) {
    let project = Project::new();
    project.write("needs.ops", NEEDS);
    let root = format!("root={}", project.path("").display());
    (project, root.trim_end_matches('/').to_string())
}

#[test]
fn a_plan_reads_no_secret_and_says_where_each_comes_from() {
    let (project, root) = needing();
    let plan = project.opsc(&["plan", "needs.ops", "-e", &root]);
    assert_eq!(plan.code, 0, "{plan:?}");
    for shown in [
        "  token = secret(\"env:TOKEN\")\n",
        "  pin = (secret, asked for when the run starts)\n",
        "content: (secret of env:TOKEN, prompt:pin and file:keys/key)",
        "localhost: ? unknown (it takes a secret, which only a run reads)",
        "warning: pin is not secret any more: everybody knows it\n",
    ] {
        assert!(plan.stdout.contains(shown), "{shown}: {}", plan.stdout);
    }
    let json = project.opsc(&["plan", "needs.ops", "-e", &root, "--offline", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["inputs"]["token"], serde_json::json!({ "secret": "env:TOKEN" }));
    assert_eq!(json["warnings"][0], "pin is not secret any more: everybody knows it");
    // Another reference is another plan.
    project.write("needs.ops", &NEEDS.replace("env:TOKEN", "env:TOKEM"));
    let other = project.opsc(&["plan", "needs.ops", "-e", &root, "--offline", "-o", "json"]);
    let other: serde_json::Value = serde_json::from_str(&other.stdout).unwrap();
    assert_ne!(json["digest"], other["digest"]);
}

#[test]
fn everything_that_is_missing_is_listed_before_anything_runs() {
    let (project, root) = needing();
    let run = project.opsc(&["run", "needs.ops", "-y", "-e", &root]);
    assert_eq!(run.code, 10, "{run:?}");
    assert!(run.stderr.contains("error: nothing was run: 3 secrets cannot be read\n  env:TOKEN: the environment variable TOKEN is not set\n  file:keys/key: `"), "{}", run.stderr);
    assert!(
        run.stderr.contains("prompt:pin: the parameter `pin` has no default, and there is no terminal"),
        "{}",
        run.stderr
    );
    assert!(!project.path("open").exists());
    assert!(!project.opsc(&["runs"]).stdout.contains("needs"), "there was no run");
    project.write("keys/key", "a key\n");
    std::fs::set_permissions(project.path("keys/key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = project.opsc(&["run", "needs.ops", "-y", "-e", &root]);
    assert!(open.stderr.contains("can be read by others (mode 640); make it 0600 first"), "{}", open.stderr);
}

#[test]
fn no_secret_is_taken_from_a_flag_or_a_variables_file() {
    let (project, root) = needing();
    let flag = project.opsc(&["plan", "needs.ops", "-e", &root, "-e", "pin=hunter2"]);
    project.write("vars.yaml", "pin: hunter2\n");
    let file = project.opsc(&["plan", "needs.ops", "-e", &root, "--var-file", "vars.yaml"]);
    for said in [flag, file] {
        assert_eq!(said.code, 10, "{said:?}");
        assert!(
            said.stderr.contains("a secret is given neither on the command line nor in a variables file"),
            "{said:?}"
        );
        assert!(!format!("{said:?}").contains("hunter2"));
    }
    let to = format!("to={}", project.path("x").display());
    let typed = project.opsc(&["do", "file.secret", &to, "content=hunter2", "-l", "localhost", "-y"]);
    assert_eq!(typed.code, 11, "{typed:?}");
    let named = with_token(&project, &["do", "file.secret", &to, "content=env:TOKEN", "-l", "localhost", "-y"]);
    assert_eq!((named.code, project.read("x").as_deref()), (0, Some(TOKEN)), "{named:?}");
}

/// Whether the terminal of the program in this project shows no more what is typed: that comes just after the prompt.
fn hides_typing(project: &Project) -> bool {
    let folder = project.folder.path().canonicalize().unwrap();
    let of_project = |process: &std::path::PathBuf| {
        let link = |name: &str| std::fs::read_link(process.join(name)).unwrap_or_default();
        link("exe") == std::path::Path::new(env!("CARGO_BIN_EXE_opsc")) && link("cwd") == folder
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let Some(terminal) = processes.filter(of_project).find_map(|process| std::fs::read_link(process.join("fd/0")).ok())
    else {
        return false;
    };
    let shown = Command::new("stty").arg("-F").arg(terminal).arg("-a").output().unwrap();
    String::from_utf8_lossy(&shown.stdout).contains(" -echo ")
}

#[test]
fn a_person_is_asked_when_the_run_starts_and_sees_nothing_typed() {
    let (project, root) = needing();
    project.write("keys/key", "a key\n");
    std::fs::set_permissions(project.path("keys/key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let line = format!("{} run needs.ops -y -e {root}", env!("CARGO_BIN_EXE_opsc"));
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.folder.path())
        .env("HOME", project.path("home"))
        .env("TOKEN", TOKEN)
        .env_remove("CI")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut typed, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    // Typed only once it is asked for: earlier the terminal itself would show it.
    while !String::from_utf8_lossy(&shown).contains("pin (secret): ") {
        let mut byte = [0];
        assert_eq!(screen.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.push(byte[0]);
    }
    while !hides_typing(&project) {
        std::thread::yield_now();
    }
    typed.write_all(b"4711-hunter\n").unwrap();
    screen.read_to_end(&mut shown).unwrap();
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
    assert!(!String::from_utf8_lossy(&shown).contains("hunter"), "{}", String::from_utf8_lossy(&shown));
    assert_eq!(project.read("x").unwrap(), format!("{TOKEN} 4711-hunter a key"));
    assert_eq!(project.read("open").as_deref(), Some("4711-hunter"));
}

/// The two actions that write secrets into files: each does it, finds nothing to do, and is undone.
#[test]
fn files_with_secrets_converge_and_are_put_back() {
    let project = Project::new();
    project.write("app.j2", "user app\npassword {{ secrets.token }}\n");
    let root = project.path("root");
    std::fs::create_dir_all(&root).unwrap();
    let actions = [
        ("file.secret(to: \"ROOT/x\", content: \"password {token}\\n\")", format!("password {TOKEN}\n")),
        (
            "file.template(from: file(\"app.j2\"), to: \"ROOT/x\", secrets: { token: token }, mode: \"0600\")",
            format!("user app\npassword {TOKEN}\n"),
        ),
    ];
    for (step, content) in actions {
        let run = |last: &str| {
            let step = step.replace("ROOT", &root.display().to_string());
            let text = format!(
                "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! change {{\n  on host(\"localhost\") {{\n    {step}\n{last}\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n"
            );
            project.write("p.ops", &text);
            with_token(&project, &["run", "p.ops", "-y", "-o", "ndjson"])
        };
        let fails = "    require host.name == \"nobody\" else \"stop here\"";
        let mode = || std::fs::metadata(root.join("x")).unwrap().permissions().mode() & 0o777;
        std::fs::write(root.join("x"), "before").unwrap();
        std::fs::set_permissions(root.join("x"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(run(fails).code, 23, "{step}");
        assert_eq!((project.read("root/x").as_deref(), mode()), (Some("before"), 0o644), "{step}");

        let changed = run("");
        assert!(changed.code == 0 && changed.stdout.contains("\"changed\""), "{changed:?}");
        assert_eq!((project.read("root/x"), mode()), (Some(content.clone()), 0o600), "{step}");
        let again = run("");
        assert!(again.code == 0 && !again.stdout.contains("\"outcome\":\"changed\""), "{again:?}");
        // Neither its hash nor its size leaves the host.
        let hash = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!changed.stdout.contains(&hash) && !changed.stdout.contains("\"size\""), "{changed:?}");
        std::fs::remove_file(root.join("x")).unwrap();
        assert_eq!(run(fails).code, 23, "{step}");
        assert!(!root.join("x").exists(), "{step}");
    }
}

#[test]
fn no_hash_is_told_of_output_that_held_a_secret() {
    let project = Project::new();
    let step = "shell.run(script: sh\"printf '%s' \\\"$token\\\"\", effect: \"change\", vars: { token: token })";
    project.write("a.ops", &playbook(step));
    let pins = project.path("keys/pin");
    project.write("keys/pin", "1234\n");
    std::fs::set_permissions(pins, std::fs::Permissions::from_mode(0o600)).unwrap();
    let run = with_token(&project, &["run", "a.ops", "-y", "-o", "ndjson"]);
    let hash = Sha256::digest(TOKEN.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(run.code == 0 && run.stdout.contains("(secret)"), "{run:?}");
    assert!(!run.stdout.contains(&hash), "{}", run.stdout);
    let journal = std::fs::read(project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!journal.windows(hash.len()).any(|part| part == hash.as_bytes()));
}

#[test]
fn a_secret_that_does_not_fit_its_type_is_said_without_its_text() {
    let project = Project::new();
    project.write("actions/hook.ops", "ops 1\n\naction hook.call(to: secret<url>) -> { called: bool } ! change {\n  doc: \"Call a hook.\"\n  touches: []\n\n  linux {\n    apply sh \"\"\"\n      out called true\n    \"\"\"\n  }\n}\n");
    project.write("a.ops", "ops 1\n\nplaybook p(\n  hook: secret<url> = secret(\"env:TOKEN\"),\n) ! change {\n  on host(\"localhost\") {\n    hook.call(to: hook)\n  }\n}\n");
    let run = with_token(&project, &["run", "a.ops", "-y"]);
    assert_eq!(run.code, 21, "{run:?}");
    assert!(run.stderr.contains("`to`: expected secret<url>, but the secret's text does not fit"), "{}", run.stderr);
}

//! Values as YAML, through the binary: what a host says is read, what is written is YAML, what cannot be read fails its
//! step, and a secret in YAML is a secret.

use super::project::{Project, said};

fn playbook(statements: &str) -> String {
    format!(
        "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"env:TOKEN\"),\n) ! change, exec {{\n  on host(\"localhost\") {{\n    {statements}\n  }}\n}}\n"
    )
}

fn said_by(project: &Project, statements: &str) -> (i32, String) {
    project.write("a.ops", &playbook(&statements.replace("ROOT", project.path("").to_str().unwrap())));
    let run = said(project.command(&["run", "a.ops", "-y"]).env("TOKEN", "correct: horse").output().unwrap());
    (run.code, run.stdout + &run.stderr)
}

#[test]
fn yaml_of_a_host_is_a_value_and_a_value_is_yaml() {
    let project = Project::new();
    let (code, text) = said_by(
        &project,
        r#"found = shell.run(script: sh"printf 'a: &x [1, yes]\nb: *x\nname: web\n'", effect: "read")
    let data = from_yaml(found.stdout)
    require data.b[0] == 1 and data.b[1] == "yes" and data.b.contains("yes") else "not read"
    require upper(data.name) == "WEB" and length(data.b) == 2 and data["name"] == "web" else "not used"
    file.write(to: "ROOTout.yaml", content: to_yaml({ name: data.name, list: data.a, none: [], mode: "0640" }))
    file.secret(to: "ROOTsecret.yaml", content: to_yaml("{token}"))"#,
    );
    assert_eq!(code, 0, "{text}");
    let written = project.read("out.yaml").unwrap();
    assert_eq!(written, "name: web\nlist:\n  - 1\n  - \"yes\"\nnone: []\nmode: \"0640\"\n");
    assert_eq!(project.read("secret.yaml").unwrap(), "\"correct: horse\"\n");
    assert!(!text.contains("horse"), "{text}");
}

#[test]
fn yaml_that_cannot_be_read_fails_its_step() {
    let project = Project::new();
    for (script, reason) in [
        ("printf 'a: ['", "cannot be read as YAML"),
        ("echo 'a: !x 1'", "tags such as `!x` are not read"),
        ("head -c 5000 /dev/zero | tr '\\\\0' '['; head -c 5000 /dev/zero | tr '\\\\0' ']'", "cannot be read as YAML"),
        (
            "echo 'a0: &a0 [x, x, x, x, x, x, x, x, x]'; for i in 1 2 3 4 5 6 7 8 9; do p=$((i - 1)); echo \\\"a$i: &a$i [*a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p]\\\"; done",
            "it holds more than 16 MiB of values, counted where aliases repeat them",
        ),
    ] {
        let (code, text) = said_by(
            &project,
            &format!(
                "found = shell.run(script: sh\"{script}\", effect: \"read\")\n    require from_yaml(found.stdout) != none else \"nothing\""
            ),
        );
        assert_ne!(code, 0, "{script}: {text}");
        assert!(text.contains(reason), "{script}: {text}");
    }
}

#[test]
fn what_a_host_said_is_used_as_what_it_is() {
    let project = Project::new();
    let judged = |condition: &str| {
        said_by(
            &project,
            &format!(
                "found = shell.run(script: sh\"echo '[5, x]'\", effect: \"read\")\n    require {condition} else \"it does not hold\""
            ),
        )
    };
    let (code, text) = judged("from_json(found.stdout)[0] == 5");
    assert!(code != 0 && text.contains("cannot be read as JSON"), "{text}");
    let (code, text) = judged("from_yaml(found.stdout)[0] == 5 and from_yaml(found.stdout)[1] == \"x\"");
    assert_eq!(code, 0, "{text}");
    let (code, text) = judged("upper(from_yaml(found.stdout)[0]) == \"5\"");
    assert!(code != 0 && text.contains("expected a text here, and the value is something else"), "{text}");
    let (code, text) = judged("from_yaml(found.stdout).shuffle() == none");
    assert!(code != 0 && text.contains("shuffle"), "{text}");
    let (code, text) = judged("length(from_yaml(found.stdout)[unheard]) == 1");
    assert!(code != 0 && text.contains("unheard"), "{text}");
    // Which of the two is chosen is not known before the run, so both are as secret as the one.
    let (code, text) = said_by(
        &project,
        r#"found = shell.run(script: sh"echo '{}'", effect: "read")
    file.write(to: "ROOTx", content: from_json(found.stdout).a ?? token)"#,
    );
    assert!(code == 11 && text.contains("E0701"), "{text}");
}

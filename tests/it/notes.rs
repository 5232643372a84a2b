//! What a playbook says to those who watch: seen as it happens, in events and afterwards; harmless, and without secrets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::Project;

const PLAYBOOK: &str = r#"ops 1

playbook notes(word: string) ! exec {
  log.note(text: "first {word}")
  on host("localhost") {
    said = shell.run(
      script: sh"""
        printf 'red \033[31m %s\nsecond' "$token"
      """,
      vars: { token: secret("env:TOKEN") },
      effect: "read",
    )
    log.note(text: "{host.name} said {said.stdout}")
  }
}
"#;

#[test]
fn notes_are_shown_sent_and_kept() {
    let project = Project::new();
    project.write("notes.ops", PLAYBOOK);
    let run = |more: &[&str]| {
        let arguments = [&["run", "-y", "notes.ops", "-e", "word=one"], more].concat();
        let output = project.command(&arguments).env("TOKEN", "very-secret-word").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, shown) = run(&[]);
    assert!(shown.contains("\n  i controller: first one\n"), "{shown}");
    assert!(shown.contains("\n  i localhost: localhost said red \\u{1b}[31m "), "{shown:?}");
    assert!(shown.contains("\n  i localhost: second\n"), "{shown}");
    let (events, _) = run(&["-o", "ndjson"]);
    let of_note = |line: &&str| line.contains("\"stream\":\"note\"");
    assert_eq!(events.lines().filter(of_note).count(), 2, "{events}");
    let logs = project.opsc(&["logs", "1"]).stdout;
    assert!(logs.contains("first one") && logs.contains("second"), "{logs}");
    let kept: Vec<u8> = std::fs::read_dir(project.path(".opsc"))
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap_or_default())
        .collect();
    let everything = [shown.as_bytes(), events.as_bytes(), logs.as_bytes(), &kept].concat();
    assert!(!everything.windows(16).any(|window| window == b"very-secret-word"));
    let planned = project.command(&["plan", "notes.ops", "-e", "word=one"]).env("TOKEN", "x").output().unwrap();
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
}

#[test]
fn no_secret_can_be_said() {
    let project = Project::new();
    let text = "ops 1\n\nplaybook p(token: secret<string>) ! read {\n  log.note(text: \"it is {token}\")\n}\n";
    project.write("p.ops", text);
    let checked = project.opsc(&["check", "p.ops"]);
    assert!(checked.code == 11 && checked.stderr.contains("secret"), "{checked:?}");
}

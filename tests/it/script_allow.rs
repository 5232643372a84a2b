//! `# opsc:allow(CODE) reason`: what it silences, where, and what is said of one that is wrong.

use super::project::Project;
use super::script_lint::{check, found};

fn body(script: &str) -> String {
    let lines: String = script.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "ops 1\n\naction demo.t(text: string) ! change {{\n  doc: \"Test.\"\n\n  linux {{\n    apply sh \"\"\"\n{lines}    \"\"\"\n  }}\n}}\n"
    )
}

#[test]
fn an_allow_silences_its_code_on_its_line_and_on_the_line_below() {
    let cases: &[(&str, &[&str])] = &[
        ("echo $text # opsc:allow(E0705) words are meant", &[]),
        ("# opsc:allow(E0705) words are meant\necho $text", &[]),
        ("# opsc:allow(E0705) words are meant\n# and so on\necho $text", &[]),
        ("# opsc:allow(E0705) words are meant\necho \\\n  $text", &[]),
        ("echo $text \\\n  a # opsc:allow(E0705) words are meant", &[]),
        ("# opsc:allow(E0705, W0704) both are meant\necho $text `id`", &[]),
        ("# opsc:allow(E0705) words are meant\necho $text $text\necho $text", &["E0705 $text"]),
        ("# opsc:allow(W0704) an old shell\necho $text `id`", &["E0705 $text"]),
        // Wrong ones.
        ("# opsc:allow(E0705)\necho $text", &["W1103 opsc:allow(E0705)", "E0705 $text"]),
        ("# opsc:allow(E0705) words are meant\necho \"$text\"", &["W1104 E0705"]),
        ("# opsc:allow(E0705) words are meant\n\necho $text", &["W1104 E0705", "E0705 $text"]),
        ("# opsc:allow(E0750) words are meant\necho \"$text\"", &["E1102 E0750"]),
        ("# opsc:allow(W0740) words are meant\necho \"$text\"", &["E1101 W0740"]),
        ("# opsc:allow(E0301) it works\necho \"$text\"", &["E1102 E0301"]),
        ("# opsc:allow(W1104) it works\necho \"$text\"", &["E1102 W1104"]),
        ("# opsc:allow E0705 it works\necho \"$text\"", &["E1101 opsc:allow"]),
        ("# opsc:allowed\necho '# opsc:allow(E1001) x' \"$text\"", &[]),
        ("echo \"#opsc:allow\"", &[]),
    ];
    for (script, expected) in cases {
        assert_eq!(found(&body(script)), *expected, "{script}");
    }
}

#[test]
fn warnings_of_the_language_can_be_allowed_and_errors_cannot() {
    let playbook = |comment: &str| {
        format!(
            "ops 1\n\n{comment}\nplaybook p(web: hosts<linux>) ! change {{\n  on web {{\n    file.info(path: \"/a\")\n  }}\n}}\n"
        )
    };
    assert_eq!(found(&playbook("# more later")), ["W0404 ! change"]);
    assert_eq!(found(&playbook("# opsc:allow(W0404) more later")), [] as [&str; 0]);
    let broken = playbook("# opsc:allow(E0201) no").replace("file.info", "file.inof");
    let codes: Vec<&str> = check(&broken).0.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&"E1102") && codes.contains(&"E0201"), "{codes:?}");
    // After an error not everything was looked at: no word about allows that seem idle.
    let broken = playbook("# opsc:allow(W0404) more later").replace("file.info", "file.inof");
    assert!(!found(&broken).iter().any(|finding| finding.starts_with("W1104")));
}

#[test]
fn an_unknown_code_is_answered_with_the_one_that_was_meant() {
    let (findings, _) = check(&body("# opsc:allow(W0740) an old shell\necho `id`"));
    let finding = findings.iter().find(|finding| finding.code == "E1101").unwrap();
    assert_eq!(finding.help.as_deref(), Some("did you mean `W0704`?"));
}

#[test]
fn an_allowed_program_is_planned_and_its_comment_stays_where_it_was() {
    let project = Project::new();
    let text = "ops 1\n\nplaybook p(\n  words: string = \"a b\",\n) ! read, exec {\n  doc: \"Say words.\"\n\n  on host(\"localhost\") {\n    shell.run(\n      # opsc:allow(E0705) words are meant\n      script: sh\"printf '%s.' $words\",\n      vars: { words: words },\n      effect: \"read\",\n    )\n  }\n}\n";
    let text = text.replace("! read, exec", "! exec");
    project.write("p.ops", &text);
    let said = project.opsc(&["run", "p.ops", "-y", "-v"]);
    assert!(said.code == 0 && said.stderr.contains("a.b."), "{said:?}");
    let said = project.opsc(&["fmt", "p.ops"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = project.opsc(&["check", "p.ops"]);
    assert!(said.code == 0 && said.stderr.contains("0 errors, 0 warnings"), "{said:?}");
    project.write("p.ops", &text.replace(" words are meant", ""));
    let said = project.opsc(&["check", "p.ops"]);
    assert!(said.code == 11 && said.stderr.contains("W1103") && said.stderr.contains("E0705"), "{said:?}");
}

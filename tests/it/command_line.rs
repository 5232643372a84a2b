//! The smaller verbs and flags through the binary. Knows no host but this machine.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Project;

#[test]
fn settings_say_where_they_come_from() {
    let project = Project::new();
    project.write("opsc.toml", "forks = 4\n\n[model]\nname = \"small\"\n");
    project.write("home/.config/opsc/config.toml", "forks = 2\nuser = \"deploy\"\n");
    let mut command = project.command(&["config", "show", "--origin"]);
    let shown = super::project::said(command.env("OPSC_TIMEOUT", "9").output().unwrap());
    assert_eq!(shown.code, 0, "{shown:?}");
    let line = |key: &str| shown.stdout.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    assert!(line("forks").contains("4    # ") && line("forks").ends_with("opsc.toml:1"), "{}", line("forks"));
    assert!(line("user").ends_with("config.toml:2"), "{}", line("user"));
    assert_eq!(line("timeout"), "timeout = 9    # environment, OPSC_TIMEOUT");
    assert!(line("model.name").ends_with("opsc.toml:4"), "{}", line("model.name"));
    assert_eq!(line("model.timeout"), "model.timeout = 60    # default");
    assert!(line("inventory").starts_with("inventory = (not set)    # "), "{}", line("inventory"));
}

#[test]
fn a_misspelt_setting_stops_every_command_that_reads_settings() {
    let project = Project::new();
    project.write("opsc.toml", "fork = 4\n");
    project.write("a.ops", "ops 1\n");
    for arguments in [["check", "a.ops"], ["config", "show"], ["inv", "ls"]] {
        let refused = project.opsc(&arguments);
        assert_eq!(refused.code, 10, "{refused:?}");
        assert!(refused.stderr.contains("opsc.toml:1: there is no setting `fork`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: did you mean `forks`?"), "{}", refused.stderr);
    }
}

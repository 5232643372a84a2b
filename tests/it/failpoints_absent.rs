//! A build that was not made for tests cannot be told to die.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Project;

#[test]
fn a_build_without_failpoints_does_not_know_their_variables() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_opsc")).unwrap();
    let known = |name: &str| binary.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(known("OPSC_OUTPUT"), "the text of the binary is not what is looked at");
    assert!(!known("OPSC_FAILPOINT"));

    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  w1: { transport: local, os: linux }\n");
    let mut command = project.command(&["exec", "-l", "w1", "-y", "--", "true"]);
    let ended = command.env("OPSC_FAILPOINT", "run.started after 1").output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

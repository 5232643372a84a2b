//! What hosts are, on the command line and in playbooks: read from this machine, kept for a while, typed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::project::Project;

fn read(project: &Project, more: &[&str]) -> (i32, Json) {
    let said = project.opsc(&[&["facts", "localhost", "-o", "json"], more].concat());
    (said.code, serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}")))
}

fn kernel(name: &str) -> String {
    std::fs::read_to_string(name).unwrap().trim().to_string()
}

#[test]
fn this_machine_says_what_it_is() {
    let (code, found) = read(&Project::new(), &[]);
    let facts = &found[0]["facts"];
    assert_eq!((code, &found[0]["host"], &found[0]["error"]), (0, &Json::from("localhost"), &Json::Null));
    assert_eq!((&facts["os"], &facts["arch"]), (&Json::from("linux"), &Json::from(std::env::consts::ARCH)));
    assert_eq!(facts["kernel"], Json::from(kernel("/proc/sys/kernel/osrelease")));
    assert_eq!(facts["hostname"], Json::from(kernel("/proc/sys/kernel/hostname")));
    assert_eq!(facts["boot"], Json::from(kernel("/proc/sys/kernel/random/boot_id")));
    let cpus = kernel("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    assert_eq!(facts["cpus"], Json::from(cpus));
    let memory = kernel("/proc/meminfo");
    let kib: u64 = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(facts["memory"], Json::from(kib * 1024));
    let release = kernel("/etc/os-release");
    assert!(release.contains(&format!("VERSION_ID=\"{}\"", facts["version"].as_str().unwrap())), "{facts}");
}

#[test]
fn what_was_read_is_shown_again_until_it_is_too_old() {
    let project = Project::new();
    let read_at = |more: &[&str]| read(&project, more).1[0]["read"].as_u64().unwrap();
    let first = read_at(&[]);
    assert_eq!((read_at(&[]), read_at(&["--max-age", "1h"])), (first, first));
    let again = read_at(&["--refresh"]);
    assert!(again > first);
    let third = read_at(&["--max-age", "0s"]);
    assert!(third > again);
    // The same name with another address may be another machine.
    project.write("inventory.yaml", "hosts:\n  localhost: { transport: local, address: 127.0.0.2, os: linux }\n");
    assert!(read_at(&[]) > third);
    let shown = project.opsc(&["facts", "localhost"]);
    assert!(shown.stdout.starts_with("localhost  (read "), "{shown:?}");
    assert!(shown.stdout.contains("\n  os               linux\n"), "{shown:?}");
}

#[test]
fn a_host_that_does_not_answer_hides_no_other() {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "hosts:\n  here: { transport: local, os: linux }\n  gone: { address: 127.0.0.1, port: 1, os: linux }\n  win: { os: windows, address: 127.0.0.1, port: 2 }\n",
    );
    let said = project.opsc(&["facts", "here,gone,win"]);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stdout.starts_with("here  (read now)\n"), "{said:?}");
    assert!(said.stderr.contains("error: gone: gone: 127.0.0.1:1 refused the connection"), "{said:?}");
    assert!(said.stderr.contains("error: win: win: 127.0.0.1:2 refused the connection"), "{said:?}");
    let json = project.opsc(&["facts", "here,gone", "-o", "json"]);
    let json: Json = serde_json::from_str(&json.stdout).unwrap();
    assert!(json[0]["facts"]["os"] == "linux" && json[1]["facts"].is_null() && json[1]["error"].is_string(), "{json}");
    let unknown = project.opsc(&["facts", "her"]);
    assert!(unknown.code == 13 && unknown.stderr.contains("here"), "{unknown:?}");
    let age = project.opsc(&["facts", "here", "--max-age", "soon"]);
    assert!(age.code == 10 && age.stderr.contains("expected a duration such as"), "{age:?}");
}

#[test]
fn a_playbook_decides_by_facts() {
    let project = Project::new();
    let playbook = r#"ops 1

action demo.small() -> { small: bool } ! read {
  doc: "Whether a host is small."
  touches: []

  linux where facts.memory < 1MiB and facts.cpus > 0 {
    check sh """
      out small true
    """
  }

  linux where facts.memory > 1MiB and facts.cpus > 0 {
    check sh """
      out small false
    """
  }
}

playbook p() ! change {
  on host("localhost") {
    it_is = os.facts()
    size = demo.small()
    require it_is.memory > 1MiB and it_is.cpus > 0 and not size.small else "{it_is.memory}"
    if it_is.os == "linux" and it_is.package_manager == "apt" {
      file.write(to: "ROOT/debian", content: it_is.os_family ?? "?")
    }
    if it_is.os_family == "alpine" {
      file.write(to: "ROOT/alpine", content: "?")
    }
  }
}
"#;
    let root = project.folder.path().display().to_string();
    project.write("p.ops", &playbook.replace("ROOT", &root));
    let planned = project.opsc(&["plan", "p.ops"]);
    assert!(planned.stdout.contains("localhost: ~ will change"), "{planned:?}");
    assert!(project.read("debian").is_none());
    let said = project.opsc(&["run", "-y", "p.ops"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!((project.read("debian").as_deref(), project.read("alpine")), (Some("debian"), None));
}

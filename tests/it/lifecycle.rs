//! Hosts in maintenance or retired are looked at, and changed only where somebody says so.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Project;

fn project() -> Project {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "groups:\n  web: { os: linux, hosts: [w1, w2, w3] }\nhosts:\n  w1: { transport: local }\n  w2: { transport: local, state: maintenance }\n  w3: { transport: local, state: retired }\n",
    );
    let root = project.folder.path().display();
    let writes = format!("file.write(to: \"{root}/{{host.name}}\", content: \"x\")");
    for (name, row, step) in
        [("writes", "change", writes.as_str()), ("reads", "read", "file.info(path: \"/etc/hosts\")")]
    {
        project.write(
            &format!("{name}.ops"),
            &format!("ops 1\n\nplaybook {name}() ! {row} {{\n  on group(\"web\") {{\n    {step}\n  }}\n}}\n"),
        );
    }
    project
}

#[test]
fn a_change_of_hosts_out_of_service_is_refused_with_their_names() {
    let project = project();
    for command in [&["plan", "writes.ops", "--offline"][..], &["run", "-y", "writes.ops"][..]] {
        let said = project.opsc(command);
        assert_eq!(said.code, 12, "{said:?}");
        assert!(said.stderr.contains("refused: not in service: w2 (maintenance) and w3 (retired)"), "{said:?}");
        assert!(said.stderr.contains("--allow-inactive"), "{said:?}");
    }
    assert!(project.read("w1").is_none());
    let said = project.opsc(&["exec", "-y", "-l", "w2", "--", "true"]);
    assert!(said.code == 12 && said.stderr.contains("w2 (maintenance)"), "{said:?}");

    let looked = project.opsc(&["run", "-y", "reads.ops"]);
    assert_eq!(looked.code, 0, "{looked:?}");
    let looked = project.opsc(&["exec", "-y", "-l", "web", "--effect", "read", "--", "true"]);
    assert_eq!(looked.code, 0, "{looked:?}");

    let without = project.opsc(&["run", "-y", "writes.ops", "-l", "w1"]);
    assert_eq!(
        (without.code, project.read("w1").is_some(), project.read("w2").is_some()),
        (0, true, false),
        "{without:?}"
    );
    let meant = project.opsc(&["run", "-y", "writes.ops", "--allow-inactive"]);
    assert_eq!((meant.code, project.read("w2").is_some(), project.read("w3").is_some()), (0, true, true), "{meant:?}");
    let one = project.opsc(&["do", "-y", "file.absent", "path=/nowhere", "-l", "w3", "--allow-inactive"]);
    assert_eq!(one.code, 0, "{one:?}");
}

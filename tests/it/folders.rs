//! Folders of the project as values: what is one and what is not, what a plan says of it, and what reaches a host.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::project::Project;

const PROGRAM: &str = "ops 1

playbook p(
  site: folder = folder(\"site\"),
) ! change {
  on host(\"localhost\") {
    file.tree(from: site, to: \"/tmp/opsc-never/{site.sha256}\")
    require site.path == \"site\" else \"{site.path} {site.count} {site.size}\"
  }
}
";

fn project() -> Project {
    let project = Project::new();
    project.write("p.ops", PROGRAM);
    project.write("site/index.html", "home\n");
    project.write("site/.hidden/x", "x");
    project
}

/// The one argument `from` of the only step.
fn planned(project: &Project, arguments: &[&str]) -> (serde_json::Value, String) {
    let all: Vec<&str> =
        ["plan", "--offline", "-o", "json", "p.ops"].into_iter().chain(arguments.iter().copied()).collect();
    let said = project.opsc(&all);
    assert_eq!(said.code, 0, "{said:?}");
    let plan: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let step = &plan["steps"][0];
    let arguments = step["arguments"].as_object().or(step["args"].as_object()).unwrap_or_else(|| panic!("{step}"));
    (arguments["from"].clone(), plan["digest"].to_string())
}

/// No plan, with this code and these words.
fn refused(project: &Project, code: &str, words: &str) {
    let said = project.opsc(&["plan", "--offline", "p.ops"]);
    assert!(said.code == 11 && said.stderr.contains(code) && said.stderr.contains(words), "{words}: {said:?}");
}

#[test]
fn a_folder_is_what_it_holds() {
    let project = project();
    symlink("../index.html", project.path("site/.hidden/link")).unwrap();
    let (first, digest) = planned(&project, &[]);
    assert_eq!(
        (first["folder"].as_str(), first["count"].as_u64(), first["size"].as_u64()),
        (Some("site"), Some(3), Some(6))
    );
    assert_eq!(first["sha256"].as_str().map(str::len), Some(64));
    // Neither times nor other rights than the one to run are part of it.
    let index = project.path("site/index.html");
    project.write("site/index.html", "home\n");
    std::fs::set_permissions(&index, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(planned(&project, &[]), (first.clone(), digest.clone()));
    let mut seen = vec![first["sha256"].clone()];
    let mut is_new = |project: &Project, what: &str| {
        let (found, other) = planned(project, &[]);
        assert!(!seen.contains(&found["sha256"]) && other != digest, "{what}");
        seen.push(found["sha256"].clone());
    };
    std::fs::set_permissions(&index, std::fs::Permissions::from_mode(0o700)).unwrap();
    is_new(&project, "runs");
    project.write("site/index.html", "Home\n");
    is_new(&project, "content");
    std::fs::rename(&index, project.path("site/other.html")).unwrap();
    is_new(&project, "name");
    std::fs::create_dir(project.path("site/empty")).unwrap();
    is_new(&project, "an empty folder");
    std::fs::remove_file(project.path("site/.hidden/link")).unwrap();
    symlink("../empty", project.path("site/.hidden/link")).unwrap();
    is_new(&project, "where a link leads");
}

#[test]
fn what_is_no_folder_is_told_with_its_place() {
    let project = Project::new();
    project.write("p.ops", PROGRAM);
    refused(&project, "E0916", "there is no such folder in the project");
    project.write("site", "a file");
    refused(&project, "E0916", "there is no such folder in the project");
    std::fs::remove_file(project.path("site")).unwrap();
    symlink("/etc", project.path("site")).unwrap();
    refused(&project, "E0916", "there is no such folder in the project");
    std::fs::remove_file(project.path("site")).unwrap();

    project.write("site/sub/x", "x");
    let link = project.path("site/sub/link");
    // Out of the folder as it is written, and as it leads through another link.
    for target in ["/etc/hosts", "../../p.ops", "../sub/../../home", "x/../../../.."] {
        symlink(target, &link).unwrap();
        refused(&project, "E0916", &format!("the link `sub/link` leads out of it, to `{target}`"));
        std::fs::remove_file(&link).unwrap();
    }
    for target in ["x", "../sub/x", "nowhere"] {
        symlink(target, &link).unwrap();
        assert_eq!(planned(&project, &[]).0["count"], 2, "{target}");
        std::fs::remove_file(&link).unwrap();
    }
    let socket = std::os::unix::net::UnixListener::bind(project.path("site/socket")).unwrap();
    refused(&project, "E0916", "`socket` is neither a file nor a folder nor a link");
    drop(socket);
    std::fs::remove_file(project.path("site/socket")).unwrap();
    let wrong = project.path("site").join(OsStr::from_bytes(b"a\xff"));
    std::fs::write(&wrong, "").unwrap();
    refused(&project, "E0916", "is not UTF-8");
    std::fs::remove_file(&wrong).unwrap();
    let large = std::fs::File::create(project.path("site/large")).unwrap();
    large.set_len((256 << 20) + 1).unwrap();
    refused(&project, "E0916", "it holds more than 256MiB");
    std::fs::remove_file(project.path("site/large")).unwrap();
    for number in 0..20_000 {
        std::fs::write(project.path(&format!("site/sub/{number}")), "").unwrap();
    }
    refused(&project, "E0916", "it holds more than 20000 files, folders and links");
}

#[test]
fn a_folder_is_given_by_its_path() {
    let project = project();
    project.write("dist/a", "1");
    project.write("dist/b", "22");
    let (given, _) = planned(&project, &["-e", "site=dist/"]);
    assert_eq!(
        (given["folder"].as_str(), given["count"].as_u64(), given["size"].as_u64()),
        (Some("dist/"), Some(2), Some(3))
    );
    let plan = |value: &str| project.opsc(&["plan", "--offline", "p.ops", "-e", value]);
    let missing = plan("site=nowhere");
    assert!(missing.code != 0 && missing.stderr.contains("there is no folder `nowhere`"), "{missing:?}");
    let outside = plan("site=/etc");
    assert!(outside.code != 0 && outside.stderr.contains("there is no folder `/etc`"), "{outside:?}");
    symlink("/etc", project.path("dist/out")).unwrap();
    let leaves = plan("site=dist");
    assert!(leaves.code != 0 && leaves.stderr.contains("the link `out` leads out of it"), "{leaves:?}");
    // A file is no folder, nor the other way round.
    project.write("p.ops", &PROGRAM.replace("folder(\"site\")", "file(\"p.ops\")"));
    let wrong = project.opsc(&["check", "p.ops"]);
    assert!(wrong.code != 0 && wrong.stderr.contains("expected folder, found file"), "{wrong:?}");
    project.write("p.ops", &PROGRAM.replace("folder(\"site\")", "\"site\""));
    let wrong = project.opsc(&["check", "p.ops"]);
    assert!(wrong.stderr.contains("a folder of the project is written `folder(\"site\")`"), "{wrong:?}");
}

#[test]
fn a_folder_that_changed_since_the_plan_is_not_brought() {
    let project = project();
    let (page, to) = (project.path("site/index.html"), project.path("out"));
    let (page, to) = (page.display(), to.display());
    project.write("p.ops", &format!("ops 1\n\nplaybook p() ! change {{\n  on host(\"localhost\") {{\n    file.write(to: \"{page}\", content: \"other\\n\")\n    file.tree(from: folder(\"site\"), to: \"{to}\")\n  }}\n}}\n"));
    let said = project.opsc(&["run", "-y", "p.ops"]);
    assert!(said.code != 0 && said.stderr.contains("site` changed since the plan was made"), "{said:?}");
    assert!(!project.path("out").exists());
}

#[test]
fn an_action_of_ones_own_gets_an_archive() {
    let project = project();
    let long = "n".repeat(120);
    project.write(&format!("site/{long}/{long}"), "deep");
    symlink(format!("{long}/{long}"), project.path("site/to")).unwrap();
    project.write(
        "actions/look.ops",
        "ops 1\n\naction look.list(from: folder) -> { names: list<string>, link: string, sum: string } ! read {\n  doc: \"List what a folder of the project holds.\"\n  touches: []\n\n  linux {\n    apply sh \"\"\"\n      out names \"$(tar -t -f \"$from\")\"\n      out link \"$(tar -t -v -f \"$from\" | sed -n 's/.* -> //p')\"\n      out sum \"$(sha256sum < \"$from\" | cut -c 1-64)\"\n    \"\"\"\n  }\n}\n",
    );
    let names = [".hidden/", ".hidden/x", "index.html", &format!("{long}/"), &format!("{long}/{long}"), "to"]
        .map(|name| format!("\"{name}\""));
    project.write("p.ops", &format!("ops 1\n\nplaybook p() ! read {{\n  on host(\"localhost\") {{\n    seen = look.list(from: folder(\"site\"))\n    require seen.sum == folder(\"site\").sha256 else \"{{seen.sum}}\"\n    require seen.names == [{}] else \"{{seen.names}}\"\n    require seen.link == \"{long}/{long}\" else \"{{seen.link}}\"\n  }}\n}}\n", names.join(", ")));
    let said = project.opsc(&["run", "-y", "p.ops"]);
    assert_eq!(said.code, 0, "{said:?}");
}

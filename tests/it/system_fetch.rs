//! Files that come from real hosts to this machine: each host's has a place of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::Project;
use super::rig::Rig;
use super::system_case::{Case, changed};

#[test]
fn file_fetch_brings_a_text_of_each_host() {
    let (rig, project) = (Rig::boot(2), Project::new());
    project.write("inventory.yaml", &rig.inventory("ops", ""));
    std::fs::create_dir(project.path("fetched")).unwrap();
    let case = Case { project, rig };
    for (host, text) in case.rig.hosts.iter().zip(["one\\n\\n", "two's $(x) ü"]) {
        host.sh(&format!("mkdir \"/srv/it's\"; printf \"{}\" > \"/srv/it's/file\"", text.replace('$', "\\$")));
    }
    let fetch = |path: &str| {
        let to = case.project.path("fetched").display().to_string();
        format!("file.fetch(path: \"{path}\", to: \"{to}/{{host.name}}\")")
    };
    let both = || (case.project.read("fetched/h1"), case.project.read("fetched/h2"));
    case.undoes(&fetch("/srv/it's/file"), "ls -R /srv");
    assert_eq!(both(), (None, None));
    let first = case.run(&fetch("/srv/it's/file"));
    assert_eq!((first.code, changed(&first)), (0, 1), "{first:?}");
    assert_eq!(both(), (Some("one\n\n".to_owned()), Some("two's $(x) ü".to_owned())));
    let again = case.run(&fetch("/srv/it's/file"));
    assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
    let missing = case.run(&fetch("/srv/none"));
    assert!(missing.code != 0 && missing.stderr.contains("there is no /srv/none"), "{missing:?}");
    case.rig.hosts[0].sh("head -c 100 /dev/zero > /srv/zero");
    let binary = case.run(&fetch("/srv/zero"));
    assert!(binary.code != 0 && binary.stderr.contains("holds a zero byte"), "{binary:?}");
}

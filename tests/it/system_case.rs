//! A playbook of one step on a host of the rig, and the promises that every action gives: done, nothing to do, undone,
//! and a plan that writes nothing. Knows nothing of particular actions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;

use super::project::{Project, Said};
use super::rig::{Rig, RigHost};
use super::rig_changes::Files;

/// Everything a step of a test may do.
const ROW: &str = "change, admin, network, exec";

/// What a plan may hold, of which nothing is done.
const PLANNED: &str = "destroy, admin, network, exec";

/// What the hosts with databases, containers and languages have beside the image of all hosts: one list, so one image.
pub(crate) const DATA_HOST: &[&str] = &[
    "acl",
    "busybox-static",
    "crun",
    "mariadb-server",
    "netavark",
    "podman",
    "postgresql",
    "python3-venv",
    "unzip",
    "xz-utils",
    "zip",
    "zstd",
];

pub(crate) struct Case {
    pub(crate) project: Project,
    pub(crate) rig: Rig,
}

impl Case {
    /// One host, where `ops` logs in, who becomes root by sudo without a password.
    pub(crate) fn new() -> Case {
        Case::as_user("ops")
    }

    pub(crate) fn as_user(user: &str) -> Case {
        Case::on(Rig::boot(1), user)
    }

    /// One host with more of Debian's packages.
    pub(crate) fn with_packages(packages: &[&str]) -> Case {
        Case::on(Rig::boot_with(1, packages), "ops")
    }

    fn on(rig: Rig, user: &str) -> Case {
        let project = Project::new();
        project.write("inventory.yaml", &rig.inventory(user, ""));
        Case { project, rig }
    }

    pub(crate) fn host(&self) -> &RigHost {
        &self.rig.hosts[0]
    }

    /// A file of the project that only its owner reads, for `secret("file:NAME")`.
    pub(crate) fn secret(&self, name: &str, text: &str) {
        self.project.write(name, text);
        std::fs::set_permissions(self.project.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    pub(crate) fn files(&self) -> Files {
        Files::of(self.host())
    }

    /// `opsc COMMAND` with a playbook of these steps, undone when one fails.
    pub(crate) fn opsc(&self, command: &[&str], steps: &str) -> Said {
        let row = if command.contains(&"plan") { PLANNED } else { ROW };
        let text = format!(
            "ops 1\n\nplaybook case() ! {row} {{\n  on group(\"rig\") {{\n    {steps}\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n"
        );
        self.project.write("case.ops", &text);
        let arguments: Vec<&str> = command.iter().copied().chain(["case.ops"]).collect();
        self.project.opsc(&arguments)
    }

    pub(crate) fn run(&self, steps: &str) -> Said {
        self.opsc(&["run", "-y"], steps)
    }

    /// The four promises of a converging action; `shows` is a script that prints what `done` then says. Afterwards the
    /// step is done.
    pub(crate) fn converges(&self, step: &str, shows: &str, done: &str) {
        let (before, showed) = (self.files(), self.host().sh(shows));
        assert_ne!(showed, done, "{step} has nothing to do");
        let planned = self.plans(step);
        assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");

        self.undoes(step, shows);
        assert_eq!(before.changed_to(&self.files()), Vec::<String>::new(), "an undo restores the files: {step}");

        let first = self.run(step);
        assert_eq!((first.code, changed(&first)), (0, 1), "{first:?}");
        assert_eq!(self.host().sh(shows), done, "{step}");
        self.has_nothing_to_do(step);
    }

    /// The same of what a program keeps in files of its own, which nobody else compares: `shows` tells what counts, and
    /// then `holds`.
    pub(crate) fn converges_as_shown(&self, step: &str, shows: &str, holds: impl Fn(&str) -> bool) {
        let had = self.host().sh(shows);
        let planned = self.opsc(&["plan"], step);
        assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");
        assert_eq!(self.host().sh(shows), had, "a plan changes nothing: {step}");
        self.undoes(step, shows);
        let first = self.run(step);
        assert_eq!((first.code, changed(&first)), (0, 1), "{first:?}");
        let done = self.host().sh(shows);
        assert!(done != had && holds(&done), "{step}: {done}");
        let again = self.run(step);
        assert_eq!((again.code, changed(&again), self.host().sh(shows)), (0, 0, done), "{again:?}");
    }

    /// Done, and undone because a later step does not hold, so that `shows` prints what it did.
    pub(crate) fn undoes(&self, step: &str, shows: &str) {
        let had = self.host().sh(shows);
        let said = self.run(&format!("{step}\n    require host.name == \"nobody\" else \"stop here\""));
        assert_eq!((said.code, said.stderr.contains("stop here")), (23, true), "{said:?}");
        assert_eq!(self.host().sh(shows), had, "an undo restores the state: {step}");
    }

    /// What a plan says, which writes nothing.
    pub(crate) fn plans(&self, step: &str) -> Said {
        let before = self.files();
        let planned = self.opsc(&["plan", "--allow-destroy"], step);
        assert!(planned.stdout.contains("h1: "), "{planned:?}");
        assert_eq!(before.changed_to(&self.files()), Vec::<String>::new(), "a plan writes nothing: {step}");
        planned
    }

    /// Steps that only read, with what must hold of them, write nothing at all.
    pub(crate) fn reads(&self, steps: &str) {
        let before = self.files();
        self.plans(steps);
        let said = self.run(steps);
        assert_eq!((said.code, changed(&said)), (0, 0), "{said:?}");
        assert_eq!(before.changed_to(&self.files()), Vec::<String>::new(), "{steps}");
    }

    pub(crate) fn has_nothing_to_do(&self, step: &str) {
        let before = self.files();
        let planned = self.plans(step);
        assert!(planned.stdout.contains("h1: = ok"), "{planned:?}");
        let again = self.run(step);
        assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
        assert_eq!(before.changed_to(&self.files()), Vec::<String>::new(), "{step}");
    }

    /// Fails with these words, is undone, and leaves every file and what `shows` prints as it was.
    pub(crate) fn fails(&self, step: &str, shows: &str, because: &[&str]) {
        self.fails_with(step, shows, because, &[21, 23]);
    }

    /// The same where nothing needs to be undone, and nothing could.
    pub(crate) fn fails_not_undone(&self, step: &str, shows: &str, because: &[&str]) {
        self.fails_with(step, shows, because, &[21]);
    }

    fn fails_with(&self, step: &str, shows: &str, because: &[&str], codes: &[i32]) {
        let (before, showed) = (self.files(), self.host().sh(shows));
        let said = self.run(step);
        assert!(codes.contains(&said.code), "{said:?}");
        for words in because {
            assert!(said.stderr.contains(words), "expected {words:?}\n{}", said.stderr);
        }
        assert_eq!(self.host().sh(shows), showed, "{step}");
        assert_eq!(before.changed_to(&self.files()), Vec::<String>::new(), "{step}");
    }
}

/// How many steps of the first host changed it.
pub(crate) fn changed(said: &Said) -> usize {
    let recap = said.stdout.split("changed=").nth(1).unwrap_or_else(|| panic!("{said:?}"));
    recap.split(' ').next().unwrap().parse().unwrap()
}

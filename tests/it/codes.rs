//! Every diagnostic code keeps its promise: its failing example yields the code, its fixed example yields no error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opsc::app::planning::{PlanOptions, plan_checked};
use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::cli::explain::codes;
use opsc::diag::Diagnostic;

/// A workspace without inventory, in a folder of its own.
fn workspace() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("a folder");
    let project = Project { root: folder.path().to_path_buf(), found: false, state: PathBuf::new() };
    let workspace = Workspace::open(project, Settings::default(), &[]).expect("an empty project");
    (folder, workspace)
}

/// The findings of a text; for codes of the plan, the plan's too.
fn findings(code: &str, text: &str) -> Vec<Diagnostic> {
    let (folder, mut workspace) = workspace();
    let checked = workspace.check_text(&folder.path().join("a.ops"), text.to_string());
    let mut found = checked.diagnostics.clone();
    if code.starts_with("E09")
        && let Err(error) = plan_checked(&mut workspace, checked, &PlanOptions::default())
    {
        found.extend(error.diagnostics().iter().cloned());
    }
    found
}

#[test]
fn every_failing_example_yields_its_code() {
    let mut wrong = Vec::new();
    for doc in codes().filter(|doc| !doc.failing.is_empty()) {
        let found: BTreeSet<&str> = findings(doc.code, doc.failing).iter().map(|finding| finding.code).collect();
        if !found.contains(doc.code) || found.len() > 1 {
            wrong.push(format!("{}: {found:?}", doc.code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_fixed_example_has_no_error_of_the_checker() {
    let mut wrong = Vec::new();
    for doc in codes().filter(|doc| !doc.fixed.is_empty()) {
        let (_folder, mut workspace) = workspace();
        let checked = workspace.check_text(Path::new("a.ops"), doc.fixed.to_string());
        let codes: Vec<String> =
            checked.diagnostics.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        if !codes.is_empty() {
            wrong.push(format!("{}: {codes:?}", doc.code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn codes_are_unique_and_sorted_within_their_family() {
    let all: Vec<&str> = codes().map(|doc| doc.code).collect();
    let unique: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), unique.len());
}

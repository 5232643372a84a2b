//! Every diagnostic code keeps its promise: its failing example yields the code, its fixed example yields no error.

use std::collections::BTreeSet;
use std::path::PathBuf;

use opsc::app::planning::{PlanOptions, plan_checked};
use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::cli::explain::codes;
use opsc::diag::Diagnostic;
use opsc::plan::inputs::Selection;

/// The hosts that examples speak of with a comment `# inventory: …`.
const INVENTORY: &str = "groups:\n  web:\n    hosts: [web1, web2]\n    os: linux\n    tags: { env: prod }\n    vars: { port: 8080 }\n  db:\n    hosts: [db1]\n    os: linux\n    vars: { port: 0 }\n  win:\n    hosts: [win1]\n    os: windows\n";

/// The findings in an example: an inventory, a program (with the data file, the module or the approver of its comment), or for codes of the plan a program with the inputs that its
/// comment `# opsc plan example.ops -e name=value` gives.
fn findings(code: &str, text: &str) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().expect("a folder");
    let is_inventory = code.starts_with("E08") && !text.contains("\nplaybook ");
    let inventory = if is_inventory { text } else { INVENTORY };
    if is_inventory || text.contains("\n# inventory: ") {
        std::fs::write(folder.path().join("inventory.yaml"), inventory).expect("an inventory");
    }
    if let Some((_, data)) = text.lines().find_map(|line| line.split_once("# data.yaml: ")) {
        std::fs::write(folder.path().join("data.yaml"), data).expect("a data file");
    }
    if let Some((_, page)) = text.lines().find_map(|line| line.split_once("# site/index.html: ")) {
        std::fs::create_dir(folder.path().join("site")).expect("a folder");
        std::fs::write(folder.path().join("site/index.html"), page).expect("a page");
    }
    if let Some((_, module)) = text.lines().find_map(|line| line.split_once("# chat.ops: ")) {
        std::fs::write(folder.path().join("chat.ops"), format!("ops 1\n\n{module}\n")).expect("a module");
    }
    let project = Project { root: folder.path().to_path_buf(), found: false, state: PathBuf::new() };
    let mut settings = Settings::default();
    if let Some((_, approver)) = text.lines().find_map(|line| line.split_once("# opsc.toml: ")) {
        let file = folder.path().join("opsc.toml");
        std::fs::write(&file, format!("[approvers]\n{approver}\n")).expect("settings");
        settings = Settings::load(&[file], &|_| None).expect("settings");
    }
    let mut workspace = Workspace::open(project, settings, &[]).expect("a project");
    if is_inventory {
        return workspace.inventory_diagnostics;
    }
    let checked = workspace.check_text(&folder.path().join("a.ops"), text.to_string());
    let mut found = checked.diagnostics.clone();
    let flag = |name: &str| -> Vec<String> {
        let given = text.lines().filter_map(|line| line.split_once(&format!("example.ops {name} ")));
        given.map(|(_, given)| given.to_string()).collect()
    };
    let selection = Selection { tags: flag("--tags"), from: flag("--from").pop(), ..Selection::default() };
    let options = PlanOptions { variables: flag("-e"), selection, ..PlanOptions::default() };
    if code.starts_with("E09")
        && let Err(error) = plan_checked(&mut workspace, checked, &options)
    {
        found.extend(error.diagnostics().iter().cloned());
    }
    found
}

#[test]
fn every_code_has_examples() {
    let without: Vec<&str> =
        codes().filter(|doc| doc.failing.is_empty() || doc.fixed.is_empty()).map(|doc| doc.code).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_failing_example_yields_its_code() {
    let mut wrong = Vec::new();
    for doc in codes() {
        let found: BTreeSet<&str> = findings(doc.code, doc.failing).iter().map(|finding| finding.code).collect();
        if !found.contains(doc.code) || found.len() > 1 {
            wrong.push(format!("{}: {found:?}", doc.code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_fixed_example_has_no_finding() {
    let mut wrong = Vec::new();
    for doc in codes() {
        let found = findings(doc.code, doc.fixed);
        let codes: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
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

//! Programs that people and models get wrong, each with the findings it must give: code, line, column and length, as
//! comments under the guilty lines of `tests/programs/wrong/`. A finding that is missing fails, and so does one more.
//!
//! `### TITLE` opens a program. `#: inventory` below it puts `tests/programs/inventory.yaml` beside it, and
//! `#: plan name=value` also plans it. In `#   ^^^^ E0301` the carets stand under the guilty place of the line above; a
//! place in the first column begins at the `#` itself. These lines are taken out before the program is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opsc::app::planning::{PlanOptions, plan_checked};
use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::base::source::Sources;
use opsc::cli::explain::codes;
use opsc::diag::Diagnostic;
use opsc::hir::world::World;
use opsc::inventory;

const INVENTORY: &str = include_str!("../programs/inventory.yaml");

/// One program and what is written under its lines.
pub(super) struct Case {
    pub(super) file: String,
    pub(super) title: String,
    pub(super) with_inventory: bool,
    /// The inputs, where it is planned too.
    pub(super) plan: Option<Vec<String>>,
    pub(super) text: String,
    expected: Vec<Finding>,
}

/// A place in characters from 1, and the code there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Finding {
    line: usize,
    column: usize,
    length: usize,
    code: String,
}

/// `#   ^^^^ E0301` → column, length, code.
fn expectation(line: &str) -> Option<(usize, usize, String)> {
    let (carets, code) = line.strip_prefix('#')?.rsplit_once(' ')?;
    let is_code =
        code.len() == 5 && code.starts_with(['E', 'W']) && code[1..].bytes().all(|byte| byte.is_ascii_digit());
    let blanks = carets.len() - carets.trim_start_matches(' ').len();
    let length = carets.len() - blanks;
    if !is_code || !carets[blanks..].bytes().all(|byte| byte == b'^') {
        return None;
    }
    let (column, length) = if blanks == 0 { (1, length + 1) } else { (blanks + 2, length) };
    Some((column, length, code.to_string()))
}

fn written(finding: &Finding) -> String {
    assert_ne!(finding.column, 2, "a place in the second column looks like one in the first: {finding:?}");
    let (blanks, carets) = match finding.column {
        1 => (0, finding.length - 1),
        column => (column - 2, finding.length),
    };
    format!("#{}{} {}\n", " ".repeat(blanks), "^".repeat(carets), finding.code)
}

fn cases_of(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            let (file, title) = (file.to_string(), title.to_string());
            let (text, expected) = (String::new(), Vec::new());
            cases.push(Case { file, title, with_inventory: false, plan: None, text, expected });
            continue;
        }
        let case = cases.last_mut().expect("a title first");
        if let Some(words) = line.strip_prefix("#: ") {
            let mut words = words.split(' ').peekable();
            case.with_inventory = words.next_if_eq(&"inventory").is_some();
            case.plan = words.next_if_eq(&"plan").map(|_| words.map(str::to_string).collect());
        } else if let Some((column, length, code)) = expectation(line) {
            case.expected.push(Finding { line: case.text.lines().count(), column, length, code });
        } else {
            case.text.push_str(line);
            case.text.push('\n');
        }
    }
    cases
}

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/wrong")
}

fn all_cases() -> Vec<Case> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().flat_map(|file| cases_of(&name(file), &std::fs::read_to_string(file).unwrap())).collect()
}

/// A workspace of no folder, perhaps with the inventory of the test programs.
pub(super) fn workspace(with_inventory: bool) -> Workspace {
    let root = std::env::temp_dir().join("opsc-wrong-programs-nowhere");
    let project = Project { root, found: false, state: PathBuf::new() };
    let mut workspace = Workspace::open(project, Settings::default(), &[]).unwrap();
    if with_inventory {
        let mut sources = Sources::new();
        let file = sources.add("inventory.yaml", INVENTORY);
        let (inventory, diagnostics) = inventory::load(&sources, &[file]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        workspace.world = World::Known(std::sync::Arc::new(inventory));
    }
    workspace
}

fn place(diagnostic: &Diagnostic, text: &str) -> Finding {
    let span = diagnostic.primary.span;
    let lines: Vec<&str> = text.lines().collect();
    let before = &text[..span.start as usize];
    let line = before.matches('\n').count() + 1;
    let code = diagnostic.code.to_string();
    let Some(whole) = lines.get(line - 1) else {
        // Behind the last line: shown at its end.
        let last = lines.last().map_or(0, |last| last.chars().count());
        return Finding { line: lines.len(), column: last + 1, length: 1, code };
    };
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    let length = text[span.start as usize..span.end as usize].lines().next().unwrap_or("").chars().count();
    let rest = whole.chars().count() + 1 - column;
    Finding { line, column, length: length.min(rest).max(1), code }
}

fn findings(case: &Case) -> Vec<Finding> {
    let mut workspace = workspace(case.with_inventory);
    let found = if case.file.ends_with(".yaml") {
        let file = workspace.sources.add("inventory.yaml", case.text.clone());
        inventory::load(&workspace.sources, &[file]).1
    } else {
        let path = workspace.project.root.join("a.ops");
        let checked = workspace.check_text(&path, case.text.clone());
        let mut found = checked.diagnostics.clone();
        if let (Some(variables), false) = (&case.plan, checked.has_errors()) {
            let options = PlanOptions { variables: variables.clone(), ..PlanOptions::default() };
            let refused = plan_checked(&mut workspace, checked, &options).err();
            found.extend(refused.iter().flat_map(|error| error.diagnostics().to_vec()));
        }
        found
    };
    let mut places: Vec<Finding> = found.iter().map(|diagnostic| place(diagnostic, &case.text)).collect();
    places.sort();
    places
}

/// The program with findings written under its lines.
fn annotated(case: &Case, findings: &[Finding]) -> String {
    let mut text = String::new();
    for (index, line) in case.text.lines().enumerate() {
        text.push_str(line);
        text.push('\n');
        findings
            .iter()
            .filter(|finding| finding.line == index + 1)
            .for_each(|finding| text.push_str(&written(finding)));
    }
    text
}

#[test]
fn every_wrong_program_gives_exactly_its_findings() {
    let mut wrong = Vec::new();
    for case in all_cases() {
        let found = findings(&case);
        if found != case.expected || found.is_empty() {
            wrong.push(format!("{}: {}\nfound:\n{}", case.file, case.title, annotated(&case, &found)));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} programs", wrong.join("\n"), wrong.len());
}

#[test]
fn every_code_has_a_wrong_program() {
    let cases = all_cases();
    let seen: BTreeSet<&str> =
        cases.iter().flat_map(|case| case.expected.iter().map(|finding| finding.code.as_str())).collect();
    // Findings in a data file, about several files, and about flags of the command line, are no findings in a program; those in scripts and
    // about allows have tables of their own.
    let elsewhere = ["E0618", "E0114", "E0115", "E0831", "E0832", "E0833", "E0834", "E0912", "E0913"];
    let is_missing = |code: &&str| !seen.contains(code) && !elsewhere.contains(code) && !code[1..].starts_with('1');
    let missing: Vec<&str> = codes().map(|doc| doc.code).filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(cases.len() >= 150, "only {} programs", cases.len());
}

#[test]
fn titles_tell_programs_apart() {
    let cases = all_cases();
    let titles: BTreeSet<(&str, &str)> = cases.iter().map(|case| (case.file.as_str(), case.title.as_str())).collect();
    assert_eq!(titles.len(), cases.len());
}

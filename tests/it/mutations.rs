//! Every right program of the repository, with one small mistake: the checker must say so, on the line of the mistake.
//! Mistakes that it cannot see are listed in `tests/programs/survivors.txt`, each with its reason; a new one fails.
//!
//! A sample by default; `OPSC_TEST_LONG=1` tries all of them, and fails too where an entry of the list is not needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use opsc::app::workspace::{Checked, Workspace};
use opsc::base::source::Span;
use opsc::cli::explain::codes;
use opsc::diag::Diagnostic;
use opsc::syntax::ast;

use super::mutators::{Actions, Known, Mutant, line_of, mutants};
use super::wrong_programs::workspace;

const SURVIVORS: &str = include_str!("../programs/survivors.txt");
/// So many mistakes of each kind make a sample.
const SAMPLE: usize = 40;
/// A workspace keeps every text that it has read.
const MOST_TEXTS: usize = 400;

/// What each kind of mistake is called: another error on its line says something else.
const CODES: &[(&str, &[&str])] = &[
    ("dropped argument", &["E0203", "E0211"]),
    ("dropped effect", &["E0402", "E0403"]),
    ("duplicate definition", &["E0107"]),
    ("duplicate name", &["E0614", "E0616", "E0106", "E0107", "E0110", "E0205"]),
    ("leaked secret", &["E0701"]),
    ("positional argument", &["E0204"]),
    ("runtime loop", &["E0313"]),
    ("scalar outside its block", &["E0102", "E0301"]),
    ("typo in a function", &["E0103", "E0612"]),
    ("typo in a member", &["E0105"]),
    ("typo in a parameter", &["E0202"]),
    ("typo in a type", &["E0104"]),
    ("typo in a variable", &["E0101"]),
    ("typo in an action", &["E0201"]),
    ("typo in an attribute", &["E0109", "E0607"]),
    ("typo in an effect", &["E0401"]),
    ("unclosed brace", &["E0002", "E0005"]),
    ("unknown group", &["E0501", "E0502", "E0503"]),
    ("widened batch", &["E0303"]),
    ("wrong platform", &["E0505", "E0506", "E0508"]),
    ("wrong type", &["E0301", "E0303", "E0305", "E0306"]),
    ("wrong unit", &["E0009", "E0301", "E0305", "E0306"]),
];

struct Program {
    name: String,
    text: String,
    with_inventory: bool,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn ops_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            ops_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ops") {
            found.push(path);
        }
    }
}

/// A file of the library under names of its own: under those it has, it would be defined twice.
fn renamed(text: &str, noun: &str) -> String {
    let types: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("type ")?.split([' ', '=']).next()).collect();
    let renamed = text.replace(&format!("action {noun}."), &format!("action own_{noun}."));
    types.iter().fold(renamed, |text, name| {
        let pattern = format!(r"\b{name}\b");
        regex::Regex::new(&pattern).unwrap().replace_all(&text, format!("Own{name}")).into_owned()
    })
}

fn programs() -> Vec<Program> {
    let mut files = Vec::new();
    for folder in ["stdlib", "examples", "playbooks", "tests/programs/right", "tests/it/language"] {
        ops_files(&root().join(folder), &mut files);
    }
    // Playbooks whose project has actions of its own are no programs by themselves; `examples` checks them.
    files.retain(|file| {
        !file.parent().unwrap().with_file_name("actions").is_dir() || file.parent().unwrap().ends_with("actions")
    });
    files.sort();
    let mut programs: Vec<Program> = codes()
        .filter(|doc| {
            !doc.code.starts_with("E08") && !["load(", "\nuse \""].iter().any(|form| doc.fixed.contains(form))
        })
        .map(|doc| Program {
            name: format!("{} mended", doc.code),
            text: doc.fixed.to_string(),
            with_inventory: doc.fixed.contains("\n# inventory: "),
        })
        .collect();
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let noun = stem.split('-').next().unwrap_or_default().to_owned();
        let text = if name.starts_with("stdlib/") { renamed(&text, &noun) } else { text };
        programs.push(Program { with_inventory: name.starts_with("tests/programs/"), name, text });
    }
    programs
}

/// Checks texts one after another, with or without an inventory.
struct Bench {
    workspaces: BTreeMap<bool, (usize, Workspace)>,
}

impl Bench {
    fn check(&mut self, text: &str, with_inventory: bool) -> Checked {
        let entry = self.workspaces.entry(with_inventory).or_insert_with(|| (0, workspace(with_inventory)));
        if entry.0 == MOST_TEXTS {
            *entry = (0, workspace(with_inventory));
        }
        entry.0 += 1;
        let path = entry.1.project.root.join("a.ops");
        entry.1.check_text(&path, text.to_string())
    }
}

fn actions() -> Actions {
    let (program, _) = workspace(false).catalogue();
    let known = |action: &opsc::hir::program::Action| {
        let params = action.params.iter().map(|param| Known {
            name: param.name.clone(),
            required: param.default.is_none() && !param.ty.is_optional(),
            secret: param.ty.carries_secret(),
        });
        (action.name.clone(), params.collect())
    };
    program.actions.values().map(|action| known(action)).collect()
}

/// Actions that the file defines itself.
fn with_own(actions: &Actions, tree: &ast::File) -> Actions {
    let is_optional = |param: &ast::Param| matches!(param.ty.kind, ast::TypeKind::Optional(_));
    let own = tree.items.iter().filter_map(|item| match item {
        ast::Item::Action(action) => Some(action),
        _ => None,
    });
    let known = |action: &ast::Action| {
        let params = action.params.iter().map(|param| Known {
            name: param.name.text.clone(),
            required: param.default.is_none() && !is_optional(param),
            secret: matches!(&param.ty.kind, ast::TypeKind::Name { name, .. } if name.text == "secret"),
        });
        (action.name.text(), params.collect())
    };
    let copied = actions.iter().map(|(name, params)| (name.clone(), params.iter().map(copy).collect()));
    copied.chain(own.map(known)).collect()
}

fn copy(known: &Known) -> Known {
    Known { name: known.name.clone(), ..*known }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Said,
    Elsewhere,
    Unseen,
}

fn outcome(mutant: &Mutant, text: &str, checked: &Checked) -> Outcome {
    let (_, expected) = CODES.iter().find(|(kind, _)| *kind == mutant.kind).expect("a kind with its codes");
    let errors: Vec<&Diagnostic> = checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let on_line = |span: Span| span.file == checked.file && mutant.lines.contains(&line_of(text, span.start as usize));
    let says = |error: &&Diagnostic| {
        let places = error.labels.iter().map(|label| label.span);
        expected.contains(&error.code) && places.chain([error.primary.span]).any(on_line)
    };
    match errors.iter().any(says) {
        true => Outcome::Said,
        false if errors.is_empty() => Outcome::Unseen,
        false => Outcome::Elsewhere,
    }
}

/// `KIND | PROGRAM | LINE → LINE`, as it stands in the list of survivors before the reason.
fn key(program: &Program, mutant: &Mutant) -> String {
    format!("{} | {} | {}", mutant.kind, program.name, mutant.shown(&program.text))
}

fn survivors() -> BTreeSet<String> {
    let entries = SURVIVORS.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    entries.map(|line| line.rsplit_once(" | ").expect("a reason after the last bar").0.to_string()).collect()
}

/// The same every time, and no order that anybody chose.
fn shuffled(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Every mistake in every right program, or a sample of each kind.
fn chosen<'p>(programs: &'p [Program], bench: &mut Bench, all: bool) -> Vec<(&'p Program, Mutant)> {
    let actions = actions();
    let mut made = Vec::new();
    for program in programs {
        let checked = bench.check(&program.text, program.with_inventory);
        // Forms that are not planned yet, and actions that the library does not have yet.
        if checked.has_errors() {
            assert!(program.name.starts_with("tests/it/language/"), "{}: {:?}", program.name, checked.diagnostics);
            continue;
        }
        let tree = checked.tree.expect("a tree");
        let of_file = mutants(&program.text, &tree, &with_own(&actions, &tree), program.with_inventory);
        made.extend(of_file.into_iter().map(|mutant| (program, mutant)));
    }
    made.sort_by_cached_key(|(program, mutant)| shuffled(&key(program, mutant)));
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    made.retain(|(_, mutant)| {
        let count = taken.entry(mutant.kind).or_default();
        *count += 1;
        all || *count <= SAMPLE
    });
    made
}

#[test]
fn small_mistakes_are_said_on_their_line() {
    let all = std::env::var_os("OPSC_TEST_LONG").is_some();
    let programs = programs();
    let mut bench = Bench { workspaces: BTreeMap::new() };
    let made = chosen(&programs, &mut bench, all);
    let (mut new, mut met, mut missed) = (Vec::new(), BTreeSet::new(), 0);
    let known = survivors();
    for (program, mutant) in &made {
        let text = mutant.apply(&program.text);
        let checked = bench.check(&text, program.with_inventory);
        let outcome = outcome(mutant, &text, &checked);
        if outcome == Outcome::Said {
            continue;
        }
        missed += 1;
        let key = key(program, mutant);
        if !known.contains(&key) {
            let how = if outcome == Outcome::Unseen { "no error" } else { "another error, or another line" };
            let codes: Vec<&str> = checked.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            new.push(format!("{key} | {how} {codes:?}"));
        }
        met.insert(key);
    }
    let (said, whole) = (made.len() - missed, made.len());
    new.sort();
    assert!(new.is_empty(), "{}\n{} new survivors; {said} of {whole} said", new.join("\n"), new.len());
    assert!(said * 100 >= whole * 95, "only {said} of {whole} mistakes are said on their line");
    let not_met: Vec<&String> = known.iter().filter(|key| all && !met.contains(*key)).collect();
    assert!(not_met.is_empty(), "not needed any more: {not_met:#?}");
}

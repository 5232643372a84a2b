//! The habits of the code that a machine can see: how files open, how long they are, what they never contain.
//! Exceptions stand in a table with their reasons.

use std::path::{Path, PathBuf};

use super::floors::{code_of, rust_files};
use opsc::base::source::Sources;
use opsc::syntax;

const MOST_LINES: usize = 800;

/// Longer than allowed, and why. An entry that is not needed any more fails.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Folders inside a floor: one file per family there.
const INNER_FOLDERS: &[&str] = &["src/check/errors", "src/inventory/ansible", "src/transport/winrm"];

/// Pieces of code that are never written, and where they are all the same, with the reason.
const NEVER: &[(&str, &[(&str, &str)])] = &[
    ("todo!(", &[]),
    ("unimplemented!(", &[]),
    ("dbg!(", &[]),
    ("let _ =", &[]),
    (".ok();", OKS),
    ("#[ignore", &[]),
    ("thread::sleep(", SLEEPS),
    (" println!(", PRINTS),
    (" eprintln!(", PRINTS),
    ("Rc<RefCell<", &[]),
    ("Arc<Mutex<", SHARED),
    ("anyhow", &[]),
];

const SLEEPS: &[(&str, &str)] = &[
    ("tests/it/rig.rs", "between two looks at a machine that starts or ends, and while a network is down"),
    ("tests/it/host_faults.rs", "a network of a byte a second"),
    ("src/cli/replay.rs", "a run is told again in its own time, and one that is not over is looked at again"),
];

const PRINTS: &[(&str, &str)] = &[
    ("src/cli/", "the front end prints"),
    ("tests/it/resume_kills.rs", "how many points were tried"),
    ("tests/it/syscall_kills.rs", "how many points were tried"),
    ("tests/it/run_many.rs", "what was measured"),
    ("tests/it/host_faults.rs", "how fast a flood was, what it took, and how soon after its deadline an end was told"),
    ("tests/it/hostile_hosts.rs", "how soon after its deadline an end was told"),
    ("tests/it/system_partitions.rs", "how soon after its deadline an end was told"),
    ("tests/it/syscall_rollbacks.rs", "how many points were tried"),
    ("tests/it/failpoints.rs", "how many points were tried"),
    ("tests/it/contract.rs", "shown only when a case fails, to say which"),
    ("tests/it/powershell_contract.rs", "shown only when a case fails, to say which"),
    ("tests/it/state_journal.rs", "a process of the test tells the test how far it is"),
];

const OKS: &[(&str, &str)] = &[("src/eval/fits.rs", "a pattern that cannot be compiled was reported by check")];

const SHARED: &[(&str, &str)] = &[
    ("tests/it/run_lab.rs", "faults count programs over all sessions of a host"),
    ("tests/it/run_many.rs", "the machines of one run note when they are asked"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path from the root, and text.
fn sources() -> Vec<(String, String)> {
    let files = ["src", "tests"].into_iter().flat_map(|folder| rust_files(&root().join(folder)));
    files
        .map(|file| {
            let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent = |(name, text): (String, String)| (!text.starts_with("//! ")).then(|| format!("{name}:1: no `//!`"));
    assert_none(&sources().into_iter().filter_map(silent).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        let exception = LONG_FILES.iter().find(|(long, _, _)| *long == name);
        let most = exception.map_or(MOST_LINES, |(_, most, _)| *most);
        if lines > most {
            broken.push(format!("{name}: {lines} lines, expected at most {most}"));
        } else if exception.is_some() && lines <= MOST_LINES {
            broken.push(format!("{name}: {lines} lines, its exception is not needed any more"));
        }
    }
    assert_none(&broken);
}

#[test]
fn nine_files_of_ten_are_short() {
    let mut lengths: Vec<usize> = sources().iter().map(|(_, text)| text.lines().count()).collect();
    lengths.sort_unstable();
    let ninth = lengths[lengths.len() * 9 / 10];
    assert!(ninth <= 450, "nine of ten files have up to {ninth} lines");
}

#[test]
fn a_front_door_holds_no_algorithm() {
    let long = |(name, text): &(String, String)| name.ends_with("/mod.rs") && text.lines().count() > 130;
    assert_none(&sources().into_iter().filter(long).map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn no_file_is_a_drawer() {
    let drawers = ["utils", "util", "helpers", "helper", "common", "misc", "shared"];
    let is_drawer = |name: &String| drawers.iter().any(|drawer| Path::new(name).file_stem() == Some(drawer.as_ref()));
    assert_none(&sources().into_iter().map(|(name, _)| name).filter(is_drawer).collect::<Vec<_>>());
}

#[test]
fn a_floor_has_one_level_of_files() {
    let deep = |name: &String| {
        let folder = Path::new(name).parent().unwrap().to_string_lossy().into_owned();
        folder.matches('/').count() > 1 && !INNER_FOLDERS.contains(&folder.as_str())
    };
    assert_none(&sources().into_iter().map(|(name, _)| name).filter(deep).collect::<Vec<_>>());
}

/// Without the feature, what needs root must not even be compiled: nobody would see the warnings otherwise.
#[test]
fn what_needs_real_hosts_is_behind_its_feature() {
    let main = std::fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let Some(module) = name.strip_prefix("tests/it/").and_then(|file| file.strip_suffix(".rs")) else { continue };
        let needs_hosts = text
            .lines()
            .any(|line| ["use super::rig", "use super::system_case"].iter().any(|needed| line.starts_with(needed)));
        if needs_hosts && !main.contains(&format!("#[cfg(feature = \"system-tests\")]\nmod {module};\n")) {
            broken.push(format!("tests/it/main.rs: `mod {module}` without `#[cfg(feature = \"system-tests\")]`"));
        }
    }
    assert_none(&broken);
}

#[test]
fn some_things_are_never_written() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        for (index, line) in text.lines().enumerate() {
            let code = code_of(line);
            for (piece, exceptions) in NEVER {
                let excused = exceptions.iter().any(|(place, _)| name.starts_with(place));
                if code.contains(piece) && !excused {
                    broken.push(format!("{name}:{}: `{piece}`", index + 1));
                }
            }
        }
    }
    assert_none(&broken);
}

/// Lines of each function, from `fn` to its closing brace: rustfmt puts both at the same depth.
fn function_lengths(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut lengths = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let depth = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        let ends = line.ends_with(';') || line.ends_with('}');
        if words.first() == Some(&"//") || !words.contains(&"fn") || ends {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(depth));
        let length = lines[index..].iter().position(|line| **line == closing);
        lengths.extend(length.map(|length| length + 1));
    }
    lengths
}

#[test]
fn functions_show_their_shape_at_a_glance() {
    let in_src = |(name, text): (String, String)| name.starts_with("src/").then(|| function_lengths(&text));
    let mut lengths: Vec<usize> = sources().into_iter().filter_map(in_src).flatten().collect();
    lengths.sort_unstable();
    let (half, nine_tenths) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(half <= 12, "half of the functions have up to {half} lines");
    assert!(nine_tenths <= 45, "nine of ten functions have up to {nine_tenths} lines");
}

#[test]
fn the_length_of_a_function_is_counted_to_its_brace() {
    let text =
        "fn a() {\n    b();\n}\n\nimpl X {\n    fn c(\n        d: u8,\n    ) {\n        if d {\n        }\n    }\n}\n";
    assert_eq!(function_lengths(text), [3, 6]);
}

fn ops_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(ops_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "ops") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn every_ops_file_of_the_project_is_read_without_a_word() {
    let mut broken = Vec::new();
    for file in ["examples", "playbooks", "stdlib"].into_iter().flat_map(|folder| ops_files(&root().join(folder))) {
        let mut sources = Sources::new();
        let name = file.display().to_string();
        let id = sources.add(&name, std::fs::read_to_string(&file).unwrap());
        let (_, diagnostics) = syntax::parse(&sources, id);
        broken.extend(diagnostics.iter().map(|diagnostic| format!("{name}: {}", diagnostic.message)));
    }
    assert_none(&broken);
}

/// The fuzzers are built with `--locked`, by hand: a lock that is behind would be noticed on the day that they are needed.
#[test]
fn the_fuzzers_lock_has_the_projects_dependencies() {
    let versions = |file: &str, name: &str| -> Vec<String> {
        let lock = std::fs::read_to_string(root().join(file)).unwrap();
        let packages = lock.split("[[package]]").filter_map(|package| {
            let (first, rest) = package.trim().split_once('\n')?;
            (first == format!("name = \"{name}\"")).then(|| rest.lines().next().unwrap().to_string())
        });
        packages.collect()
    };
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let of_opsc = manifest.split_once("[dependencies]").unwrap().1.split_once("\n[").unwrap().0;
    let names = of_opsc.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    // What only tests need may be there in another version too.
    let is_behind = |name: &&str| {
        let (ours, theirs) = (versions("Cargo.lock", name), versions("fuzz/Cargo.lock", name));
        theirs.is_empty() || !theirs.iter().all(|version| ours.contains(version))
    };
    let behind = names.filter(is_behind).map(|name| format!("fuzz/Cargo.lock: `{name}` is not as in Cargo.lock"));
    assert_none(&behind.collect::<Vec<_>>());
}

//! The order of the floors, tested: a floor imports only floors below it, and each crate from outside lives where
//! the table says. Sound because nothing is re-exported at the crate root.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Floors from the lowest to the highest, each with the floors it may import.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("diag", &["base"]),
    ("shell", &["base"]),
    ("syntax", &["base", "diag"]),
    ("hir", &["base"]),
    ("eval", &["base", "diag", "hir"]),
    ("inventory", &["base", "diag", "hir", "eval"]),
    ("check", &["base", "diag", "syntax", "hir", "eval"]),
    ("plan", &["base", "diag", "shell", "hir", "eval"]),
    ("transport", &["base", "shell"]),
    ("state", &["base"]),
    ("secrets", &["base"]),
    ("run", &["base", "diag", "shell", "hir", "eval", "plan", "transport", "state", "secrets"]),
    // Reports paint values and name hosts, which are data of `hir`, in the words of `eval`; a run is what `state` has
    // of it, and what two revisions differ in is data of `syntax`.
    ("report", &["base", "diag", "syntax", "hir", "eval", "plan", "state", "run"]),
    (
        "app",
        &[
            "base",
            "diag",
            "shell",
            "syntax",
            "hir",
            "eval",
            "inventory",
            "check",
            "plan",
            "transport",
            "state",
            "secrets",
            "run",
            "report",
        ],
    ),
    // The model client asks over HTTP as a run's builtins do.
    ("translate", &["base", "diag", "syntax", "hir", "eval", "inventory", "check", "plan", "run", "report", "app"]),
    (
        "cli",
        // `explain` and `fmt` ask single stages; `runs` reads the journal.
        &[
            "base",
            "diag",
            "syntax",
            "hir",
            "eval",
            "inventory",
            "check",
            "plan",
            "state",
            "run",
            "report",
            "app",
            "translate",
        ],
    ),
];

/// Every dependency, and the places under `src` that may name it.
const CRATES: &[(&str, &[&str])] = &[
    ("aes", &["secrets/ansible_vault.rs", "secrets/sops.rs", "transport/winrm"]),
    ("aes_gcm", &["secrets/sops.rs"]),
    ("age", &["secrets"]),
    (
        "base64",
        &[
            "app/signatures.rs",
            "eval",
            "secrets/sealing.rs",
            "secrets/sops.rs",
            "shell/powershell.rs",
            "transport",
            "run/differences.rs",
            "run/hidden.rs",
        ],
    ),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("ctr", &["secrets/ansible_vault.rs"]),
    ("hmac", &["secrets/ansible_vault.rs", "secrets/sealing.rs", "transport"]),
    ("http_body_util", &["transport/winrm"]),
    ("hyper", &["transport/winrm"]),
    ("hyper_util", &["transport/winrm"]),
    ("jiff", &["report", "app"]),
    ("md4", &["transport/winrm"]),
    ("md_5", &["transport/winrm"]),
    ("minisign", &["app/signatures.rs"]),
    ("minijinja", &["run/template_filters.rs", "run/templates.rs"]),
    ("notify", &["cli/watch.rs"]),
    ("pest", &["syntax"]),
    ("pest_derive", &["syntax"]),
    ("pbkdf2", &["secrets/ansible_vault.rs", "transport/winrm"]),
    ("petgraph", &["plan/graph.rs"]),
    ("rc4", &["transport/winrm"]),
    ("regex", &["check", "eval", "translate"]),
    ("reqwest", &["run", "translate/endpoint.rs"]),
    ("roxmltree", &["transport/winrm"]),
    ("rpassword", &["cli"]),
    ("rusqlite", &["state"]),
    ("russh", &["transport"]),
    ("rustls_native_certs", &["transport/winrm"]),
    // The transport takes randomness from the crypto library.
    ("rustls", &["transport", "run/http.rs"]),
    ("saphyr_parser", &["eval/yaml.rs", "inventory/yaml.rs", "inventory/ansible/yaml.rs", "secrets/import_tree.rs"]),
    ("serde", &["report", "app", "translate", "cli"]),
    (
        "serde_json",
        &[
            "eval",
            "inventory/sources.rs",
            "inventory/tofu.rs",
            "secrets/vault.rs",
            "shell/powershell.rs",
            "state/approvals.rs",
            "state/audit.rs",
            "state/audit_verify.rs",
            "state/copies.rs",
            "state/evidence.rs",
            "state/locks.rs",
            "state/receipt.rs",
            "run",
            "report",
            "app",
            "translate",
            "cli",
        ],
    ),
    ("sha1", &["transport"]),
    (
        "sha2",
        &[
            "eval",
            "plan",
            "secrets/ansible_vault.rs",
            "secrets/sealing.rs",
            "secrets/sops.rs",
            "shell",
            "transport",
            "state/audit.rs",
            "state/evidence.rs",
            "state/receipt.rs",
            "run",
            "report/fingerprint.rs",
            "app",
            "translate",
        ],
    ),
    ("similar", &["report", "app/testing.rs", "cli"]),
    ("tokio_rustls", &["transport/winrm"]),
    ("tokio", &["transport", "run", "app", "translate", "cli"]),
    (
        "toml",
        &[
            "app/approvers.rs",
            "app/settings.rs",
            "app/secret_commands.rs",
            "app/host_sources.rs",
            "app/vendoring.rs",
            "inventory/ansible/toml_form.rs",
        ],
    ),
    ("tracing", &["transport", "run", "app", "translate", "cli"]),
    ("tracing_subscriber", &["cli"]),
    ("zeroize", &["base/secret.rs"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, sorted.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A line without what follows `//`, and without what stands between quotes.
pub(crate) fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => drop(characters.next()),
            // A quote as a character literal opens nothing.
            '"' if !(code.ends_with('\'') && characters.peek() == Some(&'\'')) => quoted = !quoted,
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(character),
        }
    }
    code
}

/// The names that follow `crate::`, also in `crate::{a::b, c}`.
fn floors_named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(top_level(group)),
            None => names.extend(first_word(rest)),
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String =
        text.trim_start().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// First words of the entries of a group, whose opening brace is gone.
fn top_level(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut words = Vec::new();
    let mut entry = String::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => words.extend(first_word(&std::mem::take(&mut entry))),
            _ => entry.push(character),
        }
    }
    words.extend(first_word(&entry));
    words
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let begins = before.is_none_or(|character| !character.is_alphanumeric() && !"_:.".contains(character));
        begins && (after.starts_with("::") || (code[..at].ends_with("use ") && after.starts_with([';', ' '])))
    })
}

/// Whole statements of a file with their first line: a `use` may go over several lines.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let code = code_of(line);
        match statements.last_mut() {
            Some((_, statement)) if open => statement.push_str(code.trim()),
            _ => statements.push((index + 1, code.clone())),
        }
        let starts_use = code.trim_start().starts_with("use ") || code.trim_start().starts_with("pub use ");
        open = (open || starts_use) && !code.contains(';');
    }
    statements
}

/// `src/plan/graph.rs` as `plan/graph.rs`.
fn place(file: &Path) -> String {
    file.strip_prefix(root().join("src")).unwrap().to_string_lossy().into_owned()
}

fn broken_rules(place: &str, text: &str) -> Vec<String> {
    let floor = place.split('/').next().unwrap();
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
        return vec![format!("src/{place}:1: `{floor}` is no floor of the table")];
    };
    let mut broken = Vec::new();
    for (line, code) in statements(text) {
        for named in floors_named(&code) {
            if named != floor && !allowed.contains(&named.as_str()) {
                broken.push(format!("src/{place}:{line}: `{floor}` must not import `{named}`"));
            }
        }
        for (name, homes) in CRATES {
            let at_home = homes.iter().any(|home| place == *home || place.starts_with(&format!("{home}/")));
            if !at_home && names_crate(&code, name) {
                broken.push(format!("src/{place}:{line}: `{name}` must stay in {homes:?}"));
            }
        }
    }
    broken
}

#[test]
fn every_floor_imports_only_what_is_below() {
    let mut broken = Vec::new();
    for file in rust_files(&root().join("src")) {
        let place = place(&file);
        if place.contains('/') {
            broken.extend(broken_rules(&place, &std::fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_table_goes_one_direction() {
    for (index, (floor, allowed)) in FLOORS.iter().enumerate() {
        for name in *allowed {
            assert!(FLOORS[..index].iter().any(|(below, _)| below == name), "`{name}` is not below `{floor}`");
        }
    }
}

#[test]
fn nothing_is_re_exported_at_the_root() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let odd = |line: &&str| !line.starts_with("//") && !line.starts_with("pub mod ") && !line.trim().is_empty();
    assert_eq!(text.lines().filter(odd).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_table_has_exactly_the_dependencies() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, after) = manifest.split_once("[dependencies]\n").unwrap();
    let section = after.split("\n[").next().unwrap();
    let named = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
    let listed: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), listed);
}

#[test]
fn a_broken_rule_is_found_with_its_line() {
    let cases = [
        ("base/a.rs", "\nuse crate::plan::Plan;", "src/base/a.rs:2: `base` must not import `plan`"),
        ("hir/a.rs", "use crate::{base::ids, run::{a, b}};", "src/hir/a.rs:1: `hir` must not import `run`"),
        ("eval/a.rs", "use crate::{\n    base,\n    cli,\n};", "src/eval/a.rs:1: `eval` must not import `cli`"),
        ("check/a.rs", "fn f() { crate::state::x() }", "src/check/a.rs:1: `check` must not import `state`"),
        ("plan/a.rs", "use petgraph::Graph;", "src/plan/a.rs:1: `petgraph` must stay in [\"plan/graph.rs\"]"),
        ("run/a.rs", "let x: pest::Span;", "src/run/a.rs:1: `pest` must stay in [\"syntax\"]"),
        ("other/a.rs", "", "src/other/a.rs:1: `other` is no floor of the table"),
    ];
    for (place, text, expected) in cases {
        assert_eq!(broken_rules(place, text), [expected], "{text}");
    }
    let fine = "use crate::base::ids;\nuse crate::eval::{self};\n// crate::cli\nlet a = \"crate::cli clap::\";";
    assert_eq!(broken_rules("eval/a.rs", fine), Vec::<String>::new());
}

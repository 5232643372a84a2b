//! Properties of the compiler over texts that nobody wrote: no panic on anything, and a format that keeps its meaning.

use std::path::PathBuf;

use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::trees;
use opsc::app::workspace::Workspace;
use opsc::base::source::Sources;
use opsc::syntax;
use proptest::prelude::*;

const SEEDS: &[&str] = &[
    include_str!("language/1_deploy.ops"),
    include_str!("language/2_postgres.ops"),
    include_str!("language/3_users.ops"),
    include_str!("language/4_certs.ops"),
    include_str!("language/5_windows.ops"),
    include_str!("language/example_1.ops"),
    include_str!("language/example_2.ops"),
    include_str!("language/example_3.ops"),
    include_str!("language/example_action.ops"),
    include_str!("../../stdlib/file.ops"),
    include_str!("../../stdlib/service.ops"),
    include_str!("../../stdlib/shell.ops"),
    include_str!("../../examples/init/hello.ops"),
];

const TOKENS: &[&str] = &[
    "ops 1",
    "playbook",
    "p",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "=",
    "==",
    "!=",
    "!",
    "read",
    "on",
    "failure",
    "always",
    "let",
    "if",
    "else",
    "require",
    "where",
    "in",
    "not",
    "and",
    "or",
    "none",
    "true",
    "1",
    "2.5",
    "3s",
    "25%",
    "5MiB",
    "\"text {host.name}\"",
    "'raw'",
    "\"\"\"\nblock\n\"\"\"",
    "sh\"echo\"",
    "file.info",
    "group(\"web\")",
    "host",
    "# comment\n",
    "\n",
    "+",
    "-",
    "&",
    "??",
    "<",
    ">",
    "->",
    "action",
    "a.b",
    "linux",
    "check",
    "rollback",
    "all",
    ".x",
    "[host]",
];

/// Parses, formats and checks; the text is only ever data.
fn compile(text: &str) {
    let folder = std::env::temp_dir().join("opsc-properties-nowhere");
    let project = Project { root: folder, found: false, state: PathBuf::new() };
    let mut workspace = Workspace::open(project, Settings::default(), &[]).unwrap();
    let checked = workspace.check_text(std::path::Path::new("a.ops"), text.to_string());
    if let Some(tree) = &checked.tree {
        syntax::format(tree, text);
    }
}

pub(super) fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("a.ops", text);
    let (tree, diagnostics) = syntax::parse(&sources, file);
    tree.filter(|_| diagnostics.is_empty()).map(|tree| syntax::format(&tree, text))
}

/// A seed with a few characters taken out, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>(), prop::sample::select(TOKENS));
    (prop::sample::select(SEEDS), prop::collection::vec(edit, 1..6)).prop_map(|(seed, edits)| {
        let mut letters: Vec<char> = seed.chars().collect();
        for (place, kind, length, token) in edits {
            let start = place.index(letters.len().max(1)).min(letters.len());
            let end = (start + length.index(12)).min(letters.len());
            let piece: Vec<char> = match kind {
                0 => Vec::new(),
                1 => letters.get(start..end).unwrap_or(&[]).repeat(2),
                2 => token.chars().collect(),
                _ => vec!['\u{1}', 'ä', '"'],
            };
            letters.splice(start..end, piece);
        }
        letters.into_iter().collect()
    })
}

/// A seed with comments and empty lines at the ends of some lines and in some gaps; many are still programs.
fn commented() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(&["  # said\n", "\n# said\n", "\n\n", "\n\n# said\n\n# more\n", "\n"][..]);
    let edit = (any::<prop::sample::Index>(), pieces);
    let edited = (prop::sample::select(SEEDS), prop::collection::vec(edit, 1..8)).prop_map(|(seed, edits)| {
        let mut text = seed.to_string();
        for (place, piece) in edits {
            let gaps: Vec<usize> = text.match_indices([' ', '\n', ',']).map(|(at, gap)| at + gap.len()).collect();
            text.insert_str(*place.get(&gaps), piece);
        }
        text
    });
    prop_oneof![edited, mutated()]
}

pub(super) fn cases() -> ProptestConfig {
    let long = std::env::var_os("OPSC_TEST_LONG").is_some();
    ProptestConfig { cases: if long { 20_000 } else { 300 }, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_text_makes_the_compiler_panic(text in any::<String>()) {
        compile(&text);
    }

    #[test]
    fn no_heap_of_tokens_makes_the_compiler_panic(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..60)) {
        compile(&format!("ops 1\n{}", tokens.join(" ")));
    }

    #[test]
    fn no_broken_program_makes_the_compiler_panic(text in mutated()) {
        compile(&text);
    }

    #[test]
    fn what_can_be_read_is_formatted_once_and_for_all(text in mutated()) {
        if let Some(once) = formatted(&text) {
            let twice = formatted(&once);
            prop_assert_eq!(twice.as_deref(), Some(once.as_str()), "of {}", text);
        }
    }

    #[test]
    fn a_tree_as_json_and_back_is_the_same_program(text in commented()) {
        if let Some(once) = formatted(&text) {
            let tree = trees::tree_of(&once).unwrap();
            let back = trees::program(&tree.to_string());
            prop_assert_eq!(back, Ok(once.clone()), "of {}", text);
        }
    }
}

#[test]
fn a_script_that_begins_beside_its_quotes_is_formatted_once_and_for_all() {
    let text = "ops 1\n\naction demo.x() ! change {\n  doc: \"X.\"\n\n  linux {\n    apply sh \"\"\" echo \n\n      # said \n      true \"\"\"\n  }\n}\n";
    let once = formatted(text).expect("a program");
    assert!(!once.contains(" \n"), "{once:?}");
    assert_eq!(formatted(&once), Some(once));
}

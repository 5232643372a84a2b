//! Any text: read without a panic, and what can be read is formatted once and for all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opsc::base::source::Sources;
use opsc::diag::render::{Colour, render};
use opsc::syntax;

/// The canonical form, where the text has no syntax error.
fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("a.ops", text);
    let (tree, diagnostics) = syntax::parse(&sources, file);
    render(&diagnostics, &sources, Colour::Never);
    tree.filter(|_| diagnostics.is_empty()).map(|tree| syntax::format(&tree, text))
}

fuzz_target!(|text: &str| {
    if let Some(once) = formatted(text) {
        let twice = formatted(&once);
        assert_eq!(twice.as_deref(), Some(once.as_str()), "the format of a formatted text is another one");
    }
});

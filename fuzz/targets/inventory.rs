//! Any text as an inventory and as a file of variables: read without a panic, findings inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opsc::base::source::Sources;
use opsc::diag::render::{Colour, render};
use opsc::inventory;

fuzz_target!(|text: &str| {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let (found, diagnostics) = inventory::load(&sources, &[file]);
    render(&diagnostics, &sources, Colour::Never);
    assert!(found.host("localhost").is_some(), "localhost always exists");
    if let Err(diagnostic) = inventory::variables(&sources, file) {
        render(&[diagnostic], &sources, Colour::Never);
    }
});

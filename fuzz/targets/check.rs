//! Any text as a program beside a small inventory: checked, and planned where it is right, without a panic.
#![no_main]

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use opsc::app::planning::{PlanOptions, plan_checked};
use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::base::source::Sources;
use opsc::diag::render::{Colour, render};
use opsc::hir::world::World;
use opsc::inventory;

const INVENTORY: &str = include_str!("../../tests/programs/inventory.yaml");
/// A workspace keeps every text it has read.
const MOST_TEXTS: usize = 100;

thread_local! {
    static OPEN: RefCell<(usize, Option<Workspace>)> = const { RefCell::new((0, None)) };
}

fn open() -> Workspace {
    let project = Project { root: PathBuf::from("/nowhere/at/all"), found: false, state: PathBuf::new() };
    let mut workspace = Workspace::open(project, Settings::default(), &[]).expect("a project without files");
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", INVENTORY);
    workspace.world = World::Known(inventory::load(&sources, &[file]).0);
    workspace
}

fn compile(workspace: &mut Workspace, text: &str) {
    let checked = workspace.check_text(Path::new("/nowhere/at/all/a.ops"), text.to_string());
    render(&checked.diagnostics, &workspace.sources, Colour::Never);
    assert!(checked.program.is_some() || checked.has_errors(), "neither a program nor an error");
    if checked.has_errors() {
        return;
    }
    let options = PlanOptions { allow_destroy: true, ..PlanOptions::default() };
    if let Err(error) = plan_checked(workspace, checked, &options) {
        render(error.diagnostics(), &workspace.sources, Colour::Never);
    }
}

fuzz_target!(|text: &str| {
    OPEN.with_borrow_mut(|(count, kept)| {
        *count += 1;
        if *count % MOST_TEXTS == 0 {
            *kept = None;
        }
        compile(kept.get_or_insert_with(open), text);
    });
});

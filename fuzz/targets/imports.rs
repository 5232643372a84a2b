//! Any text as what inventories are imported from, and as what secrets and ssh's configuration are read from: no panic, and
//! an inventory that is written loads. The first letter says what the text is read as.
#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use opsc::base::source::Sources;
use opsc::diag::render::{Colour, render};
use opsc::inventory::ansible::{self, Imported, Role};
use opsc::inventory::{self, csv, sources, tofu};
use opsc::secrets::sealed::Sealed;
use opsc::transport::ssh_config::{Asked, Here, SshConfig};

fuzz_target!(|text: &str| {
    let (what, text) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let whole = match what {
        "i" => ansible_of(text, Role::Ini),
        "y" => ansible_of(text, Role::Yaml),
        "t" => ansible_of(text, Role::Toml),
        "g" => ansible_of(text, Role::OfGroup("all".to_string(), 0)),
        "c" => csv::import("hosts.csv", text, &csv::Reading::default()).ok(),
        "j" => tofu::import("terraform.tfstate", text, false).ok(),
        "a" => return drop(sources::answer(text)),
        "s" => return sealed(text),
        "h" => return ssh_config(text),
        _ => ansible_of(text, Role::Unsaid),
    };
    if let Some(Imported { text: written, .. }) = whole {
        let mut sources = Sources::new();
        let file = sources.add("inventory.yaml", &written);
        let (_, diagnostics) = inventory::load(&sources, &[file]);
        let told = render(&diagnostics, &sources, Colour::Never);
        // Hosts that others stand on may be in another file.
        assert!(diagnostics.iter().all(|found| found.code == "E0818"), "{told}\n{written}");
    }
});

fn ansible_of(text: &str, role: Role) -> Option<Imported> {
    let mut sources = Sources::new();
    let hosts = sources.add("hosts", "[all]\nweb[1:3]\n");
    let mut texts = vec![(sources.add("text", text), role.clone())];
    if matches!(role, Role::OfGroup(..)) {
        texts.insert(0, (hosts, Role::Ini));
    }
    ansible::import(&sources, &texts).ok()
}

/// What is read is written as it was.
fn sealed(text: &str) {
    if let Ok(sealed) = Sealed::parse(text) {
        assert_eq!(Sealed::parse(&sealed.text()).ok().map(|again| again.text()), Some(sealed.text()));
    }
}

/// Files that it includes are no part of the text.
fn ssh_config(text: &str) {
    if text.to_ascii_lowercase().contains("include") {
        return;
    }
    let here = Here { user: "me".to_string(), uid: 0, machine: "here".to_string(), home: PathBuf::from("/nonexistent") };
    if let Ok(config) = SshConfig::parse("config", text, here) {
        drop(config.options(&Asked { host: "web1".to_string(), user: None, port: None }));
    }
}

//! `opsc init`: a project that runs on this machine as it is. Overwrites nothing.

use std::path::{Path, PathBuf};

use super::args::InitCommand;
use super::output::Output;
use crate::app::files::write_text;

const FILES: &[(&str, &str)] = &[
    ("opsc.toml", "# Marks the root of an opsc project.\n"),
    ("inventory.yaml", include_str!("../../examples/init/inventory.yaml")),
    ("playbooks/hello.ops", include_str!("../../examples/init/hello.ops")),
    (".gitignore", ".opsc/\n"),
];

pub fn run(command: &InitCommand, output: &mut Output) -> i32 {
    let taken: Vec<PathBuf> =
        FILES.iter().map(|(name, _)| shown(&command.folder, name)).filter(|path| path.exists()).collect();
    if !taken.is_empty() {
        let taken: Vec<String> = taken.iter().map(|path| path.display().to_string()).collect();
        output.complain(&format!("error: {} is already there; nothing was written\n", taken.join(", ")));
        return 10;
    }
    for (name, text) in FILES {
        let path = shown(&command.folder, name);
        if let Err(code) = write(&path, text, output) {
            return code;
        }
        output.say(&format!("wrote {}\n", path.display()));
    }
    let folder = command.folder.display();
    let go = if command.folder == Path::new(".") { String::new() } else { format!("cd {folder}, then ") };
    output.say(&format!("next: {go}opsc plan playbooks/hello.ops, then opsc run playbooks/hello.ops\n"));
    0
}

/// As whoever called names it.
fn shown(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

fn write(path: &Path, text: &str, output: &mut Output) -> Result<(), i32> {
    if let Some(folder) = path.parent()
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        output.complain(&format!("error: cannot make the folder `{}`: {error}\n", folder.display()));
        return Err(1);
    }
    write_text(path, text).map_err(|error| output.fail(&error, None))
}

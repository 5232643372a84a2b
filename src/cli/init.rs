//! `opsc init`: a project that runs on this machine as it is. Overwrites nothing.

use std::path::Path;

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
    let taken: Vec<&str> =
        FILES.iter().map(|(name, _)| *name).filter(|name| command.folder.join(name).exists()).collect();
    if !taken.is_empty() {
        output.complain(&format!("error: {} is already there; nothing was written\n", taken.join(", ")));
        return 10;
    }
    for (name, text) in FILES {
        if let Err(code) = write(&command.folder.join(name), text, output) {
            return code;
        }
        output.say(&format!("wrote {name}\n"));
    }
    let folder = command.folder.display();
    let go = if command.folder == Path::new(".") { String::new() } else { format!("cd {folder}, then ") };
    output.say(&format!("next: {go}opsc plan playbooks/hello.ops, then opsc run playbooks/hello.ops\n"));
    0
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

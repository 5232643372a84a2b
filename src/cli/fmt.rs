//! `opsc fmt`: the one canonical form.

use super::args::{FmtCommand, Format};
use super::output::Output;
use crate::app::files::{read_text, write_text};
use crate::app::project::ops_files;
use crate::app::trees;
use crate::base::source::Sources;
use crate::syntax;

pub fn run(command: &FmtCommand, output: &mut Output) -> i32 {
    if let Some(path) = &command.from_json {
        return match trees::from_json(path) {
            Ok(text) => {
                output.print(&text);
                0
            }
            Err(error) => output.fail(&error, None),
        };
    }
    match command.output {
        Format::Text => format_files(command, output),
        Format::Json => print_tree(command, output),
    }
}

fn print_tree(command: &FmtCommand, output: &mut Output) -> i32 {
    let [path] = command.paths.as_slice() else {
        output.complain("error: a syntax tree is of one file\nhint: write `opsc fmt -o json FILE`\n");
        return 10;
    };
    let mut sources = Sources::new();
    match trees::to_json(path, &mut sources) {
        Ok(tree) => {
            output.print_json(&tree);
            0
        }
        Err(error) => output.fail(&error, Some(&sources)),
    }
}

fn format_files(command: &FmtCommand, output: &mut Output) -> i32 {
    let files = match ops_files(&command.paths) {
        Ok(files) => files,
        Err(error) => return output.fail(&error, None),
    };
    let mut sources = Sources::new();
    let mut code = 0;
    for path in files {
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(error) => return output.fail(&error, None),
        };
        let file = sources.add(path.display().to_string(), text.clone());
        let (tree, diagnostics) = syntax::parse(&sources, file);
        let Some(tree) = tree.filter(|_| diagnostics.is_empty()) else {
            output.diagnostics(&diagnostics, &sources);
            code = 11;
            continue;
        };
        let formatted = syntax::format(&tree, &text);
        if formatted == text {
            continue;
        }
        if command.diff {
            output.print(&diff(&path.display().to_string(), &text, &formatted));
        }
        if command.check || command.diff {
            output.complain(&format!("{} is not in canonical form\n", path.display()));
            code = 11;
        } else if let Err(error) = write_text(&path, &formatted) {
            return output.fail(&error, None);
        } else {
            output.say(&format!("formatted {}\n", path.display()));
        }
    }
    code
}

fn diff(path: &str, before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after).unified_diff().header(path, path).to_string()
}

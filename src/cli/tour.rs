//! `opsc tour`: the main job on this machine with nothing configured and no root, in a folder that is removed again.
//! Runs the very commands that a user would type, and shows each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::output::Output;

/// A stop of the tour: what it shows, the arguments, and the exit code that is right.
struct Stop {
    about: &'static str,
    arguments: Vec<String>,
    expected: i32,
}

fn stop(about: &'static str, arguments: &[&str], expected: i32) -> Stop {
    Stop { about, arguments: arguments.iter().map(ToString::to_string).collect(), expected }
}

pub fn run(output: &mut Output) -> i32 {
    // Below /tmp, where the translator needs no root for a path.
    let folder = PathBuf::from(format!("/tmp/opsc-tour-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join("opsc.toml"), ""));
    if let Err(error) = made {
        output.complain(&format!("error: cannot make `{}`: {error}\n", folder.display()));
        return 1;
    }
    let code = walk(&folder, output);
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        output.complain(&format!("warning: `{}` could not be removed: {error}\n", folder.display()));
    }
    code
}

fn walk(folder: &Path, output: &mut Output) -> i32 {
    let file = folder.join("hello.txt").display().to_string();
    for stop in stops(&file) {
        let shown: Vec<String> = stop.arguments.iter().map(|argument| shell_word(argument)).collect();
        output.print(&format!("\n# {}\n$ opsc {}\n", stop.about, shown.join(" ")));
        match opsc(folder, &stop.arguments) {
            Ok(code) if code == stop.expected => {}
            Ok(code) => {
                output.complain(&format!("error: expected exit {}, found exit {code}\n", stop.expected));
                return 1;
            }
            Err(error) => {
                output.complain(&format!("error: opsc cannot start itself: {error}\n"));
                return 1;
            }
        }
    }
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let removed = folder.display();
    output.print(&format!(
        "\n# the file still says \"{text}\"; all of it was in {removed}, which is removed now, with its runs: `opsc init` starts a project of your own\n"
    ));
    0
}

fn stops(file: &str) -> Vec<Stop> {
    let sentence = format!("write \"hello\" to {file} on localhost, roll back on failure");
    let broken = format!(
        "write \"something else\" to {file} on localhost, then check that http://127.0.0.1:1/healthz answers 200, roll back on failure"
    );
    vec![
        stop("a sentence becomes a typed file", &["compile", &sentence, "--save", "hello.ops"], 0),
        stop("what can be proven is proven", &["check", "hello.ops"], 0),
        stop("what would happen, and where", &["plan", "hello.ops"], 0),
        stop("do it", &["run", "hello.ops", "-y"], 0),
        stop("the evidence", &["show", "1"], 0),
        stop("again: nothing to do", &["run", "hello.ops", "-y"], 0),
        stop(
            "a change whose health check fails (nothing listens there)",
            &["compile", &broken, "--save", "broken.ops"],
            0,
        ),
        stop("it fails, and is rolled back: exit 23", &["run", "broken.ops", "-y"], 23),
        stop("every run is in the journal", &["runs"], 0),
    ]
}

/// Runs this program as a user would, on the same terminal.
fn opsc(folder: &Path, arguments: &[String]) -> std::io::Result<i32> {
    let program = std::env::current_exe()?;
    let status = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).status()?;
    Ok(status.code().unwrap_or(-1))
}

fn shell_word(text: &str) -> String {
    let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
    if plain { text.to_string() } else { format!("'{text}'") }
}

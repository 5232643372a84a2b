//! Documents as tests: their fenced blocks, commands run as a user's shell would, outputs compared.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use super::project::Project;

/// Folders that documents name, replaced by one of the test's own, so that two runs of the tests never meet.
const FOLDERS: [&str; 2] = ["/tmp/opsc-readme", "/tmp/opsc-guide"];

/// One fenced block of a document.
pub(crate) struct Block {
    /// Of the opening fence, from 1.
    pub(crate) line: usize,
    /// What follows the opening fence.
    pub(crate) tag: String,
    pub(crate) text: String,
    /// The comment `<!-- key: value -->` right above the block.
    mark: Option<String>,
}

impl Block {
    pub(crate) fn mark(&self, key: &str) -> Option<&str> {
        self.mark.as_deref()?.strip_prefix(key)?.strip_prefix(':').map(str::trim)
    }
}

/// Every block of a document, in order.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut mark = None;
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(tag) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = inside.map(|line| format!("{line}\n")).collect();
            found.push(Block { line: number + 1, tag: tag.to_string(), text, mark: mark.take() });
        } else if let Some(comment) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            mark = Some(comment.to_string());
        } else if !line.is_empty() {
            mark = None;
        }
    }
    found
}

/// The commands of a console block, each with what it is told to say.
pub(crate) fn commands(text: &str) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => told.push((command.to_string(), String::new())),
            None => told.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    told
}

/// A text with the test's own folder in place of the document's.
pub(crate) fn own(text: &str, project: &Project) -> String {
    let made = project.path("made").display().to_string();
    FOLDERS.iter().fold(text.to_string(), |text, folder| text.replace(folder, &made))
}

/// Runs a command line in the folder `work`, both outputs in one stream.
pub(crate) fn run(line: &str, project: &Project) -> (i32, String) {
    let line = own(line, project).replace("target/release/opsc", "opsc");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_opsc")).parent().unwrap();
    std::fs::create_dir_all(project.path("work")).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("exec 2>&1\n{line}")])
        .current_dir(project.path("work"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .env("HOME", project.path("home"))
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.org")])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@example.org")])
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
}

/// Whether a text is as told: `…` in a line stands for anything, `…` alone for any lines.
pub(crate) fn is_as_told(told: &str, shown: &str) -> bool {
    let (told, shown): (Vec<&str>, Vec<&str>) = (told.lines().collect(), shown.lines().collect());
    lines_match(&told, &shown)
}

fn lines_match(told: &[&str], shown: &[&str]) -> bool {
    match (told.split_first(), shown.split_first()) {
        (None, first) => first.is_none(),
        (Some((&"…", rest)), None) => lines_match(rest, shown),
        (Some((&"…", rest)), Some((_, after))) => lines_match(rest, shown) || lines_match(told, after),
        (Some((line, rest)), Some((found, after))) => line_matches(line, found) && lines_match(rest, after),
        (Some(_), None) => false,
    }
}

fn line_matches(told: &str, shown: &str) -> bool {
    match told.split_once('…') {
        None => told == shown,
        Some((head, rest)) => shown.strip_prefix(head).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| line_matches(rest, &tail[at..]))
        }),
    }
}

#[test]
fn an_ellipsis_stands_for_what_differs_and_nothing_else() {
    assert!(is_as_told("a (…)\n…\nend\n", "a (12ms)\nx\ny\nend\n"));
    assert!(is_as_told("…\n", ""));
    for (told, shown) in [("a (…)\n", "a (12ms) b\n"), ("a\n…\nend\n", "a\nx\n"), ("a\n", "a\nb\n"), ("a\nb\n", "a\n")]
    {
        assert!(!is_as_told(told, shown), "{told:?} {shown:?}");
    }
}

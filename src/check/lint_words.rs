//! Which command a line of a script really runs, behind `sudo`, `env`, `xargs` and `find -exec`; and words as patterns.

use std::ops::Range;

use super::shell_tree::{Command, CommandKind, PartKind, Word};

/// Stands for an expansion in an outline; cannot be typed in a script.
pub(super) const EXPANSION: char = '\u{1}';

/// A command with its arguments.
pub(super) struct Call<'a> {
    /// Without its folder.
    pub(super) name: String,
    pub(super) args: &'a [Word],
    /// Of the name.
    pub(super) at: Range<usize>,
}

/// Commands that run another, and those of their options that take a value.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("builtin", &[]),
    ("busybox", &[]),
    ("chroot", &["-u", "-g"]),
    ("command", &[]),
    ("doas", &["-u", "-C"]),
    ("env", &["-u", "-C", "-S"]),
    ("exec", &["-a"]),
    ("flock", &["-w", "-E"]),
    ("ionice", &["-c", "-n", "-p"]),
    ("nice", &["-n"]),
    ("nohup", &[]),
    ("runuser", &["-u", "-g", "-G"]),
    ("setsid", &[]),
    ("stdbuf", &["-i", "-o", "-e"]),
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-T", "-D", "-R", "-r", "-t"]),
    ("time", &["-f", "-o"]),
    ("timeout", &["-s", "-k"]),
    ("xargs", &["-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"]),
];

/// Wrappers whose first argument is not the command.
const WITH_ARGUMENT: &[&str] = &["chroot", "flock", "timeout"];

/// The command as written, and every one that it runs in turn. None for names that are no constant text.
pub(super) fn calls(command: &Command) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    if command.kind != CommandKind::Simple {
        return calls;
    }
    let mut words = command.words.as_slice();
    while let Some(call) = call_of(words) {
        let inner = inner_command(&call.name, call.args);
        calls.push(call);
        match inner {
            Some(inner) => words = inner,
            None => break,
        }
    }
    calls
}

fn call_of(words: &[Word]) -> Option<Call<'_>> {
    let (first, args) = words.split_first()?;
    let name = first.literal()?;
    let name = name.rsplit('/').next().unwrap_or_default().to_string();
    Some(Call { name, args, at: first.at.clone() })
}

fn inner_command<'a>(name: &str, args: &'a [Word]) -> Option<&'a [Word]> {
    if name == "find" {
        let at = args.iter().position(|word| {
            word.literal().is_some_and(|text| matches!(text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir"))
        })?;
        return args.get(at + 1..);
    }
    let (_, with_value) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name)?;
    let mut index = 0;
    while let Some(word) = args.get(index) {
        let text = outline(word);
        if name == "command" && (text == "-v" || text == "-V") {
            return None;
        }
        let is_variable = matches!(name, "env" | "sudo" | "doas") && text.contains('=');
        if with_value.contains(&text.as_str()) {
            index += 2;
        } else if text.starts_with('-') && text.len() > 1 || is_variable {
            index += 1;
        } else {
            break;
        }
    }
    args.get(index + usize::from(WITH_ARGUMENT.contains(&name))..)
}

impl Call<'_> {
    /// The texts of the arguments, a sign in the place of every expansion.
    pub(super) fn outlines(&self) -> Vec<String> {
        self.args.iter().map(outline).collect()
    }

    /// Whether one of these options is there: `-x` also among letters written together.
    pub(super) fn has_option(&self, options: &[&str]) -> bool {
        let mut outlines = self.args.iter().map(outline).take_while(|text| text != "--");
        outlines.any(|text| options.iter().any(|option| is_option(&text, option)))
    }

    /// The arguments that are no options.
    pub(super) fn operands(&self) -> Vec<&Word> {
        let mut operands = Vec::new();
        let mut only_operands = false;
        for word in self.args {
            let text = outline(word);
            if text == "--" && !only_operands {
                only_operands = true;
            } else if only_operands || !text.starts_with('-') || text == "-" {
                operands.push(word);
            }
        }
        operands
    }

    /// The first operand, as for commands with verbs: `systemctl restart …`.
    pub(super) fn verb(&self) -> String {
        self.operands().first().map(|word| outline(word)).unwrap_or_default()
    }
}

fn is_option(text: &str, option: &str) -> bool {
    if text == option || option.starts_with("--") && text.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
    {
        return true;
    }
    let letter = option.strip_prefix('-').filter(|letter| letter.chars().count() == 1);
    let together = text.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    matches!((letter, together), (Some(letter), Some(together))
        if together.chars().all(|each| each.is_ascii_alphanumeric()) && together.contains(letter))
}

/// The text of a word with a sign in the place of every expansion.
pub(super) fn outline(word: &Word) -> String {
    let part = |part: &super::shell_tree::Part| match &part.kind {
        PartKind::Text(text) => text.clone(),
        _ => EXPANSION.to_string(),
    };
    word.parts.iter().map(part).collect()
}

//! Variables of a PowerShell script that nothing sets. Names have no case there, and lists are variables like others.

use std::collections::BTreeSet;

use super::errors::lint::LintError;
use super::lint::Lint;
use super::powershell_words::PowershellScript;

/// What PowerShell sets itself, or reads as a preference.
const OF_POWERSHELL: &[&str] = &[
    "_",
    "args",
    "confirmpreference",
    "debugpreference",
    "enabledexperimentalfeatures",
    "error",
    "erroractionpreference",
    "errorview",
    "event",
    "eventargs",
    "eventsubscriber",
    "executioncontext",
    "false",
    "foreach",
    "formatenumerationlimit",
    "home",
    "host",
    "informationpreference",
    "input",
    "iscoreclr",
    "islinux",
    "ismacos",
    "iswindows",
    "lastexitcode",
    "matches",
    "myinvocation",
    "nestedpromptlevel",
    "null",
    "ofs",
    "opsc_diff",
    "outputencoding",
    "pid",
    "profile",
    "progresspreference",
    "psboundparameters",
    "pscmdlet",
    "pscommandpath",
    "psculture",
    "psdefaultparametervalues",
    "psedition",
    "pshome",
    "psitem",
    "psmoduleautoloadingpreference",
    "psnativecommandargumentpassing",
    "psnativecommanduseerroractionpreference",
    "psscriptroot",
    "pssenderinfo",
    "psstyle",
    "psuiculture",
    "psversiontable",
    "pwd",
    "sender",
    "shellid",
    "stacktrace",
    "switch",
    "this",
    "true",
    "verbosepreference",
    "warningpreference",
    "whatifpreference",
];

/// Commands after which any variable may be there.
const OPENING: &[&str] = &[
    ".",
    "clear-variable",
    "iex",
    "import-module",
    "invoke-expression",
    "new-variable",
    "set-variable",
    "sv",
    "using",
];

/// Parameters whose value is the name of a variable.
const NAMING: &[&str] = &[
    "-errorvariable",
    "-ev",
    "-informationvariable",
    "-iv",
    "-outvariable",
    "-ov",
    "-pipelinevariable",
    "-pv",
    "-sessionvariable",
    "-sv",
    "-warningvariable",
    "-wv",
];

pub(super) fn look(lint: &mut Lint<'_>, script: &PowershellScript) {
    if !lint.subject.is_closed || is_open(script) {
        return;
    }
    let set = names_set(&lint.script.text, script);
    let given: Vec<String> = lint.subject.given.iter().map(|given| given.name.clone()).collect();
    let is_given = |name: &str| given.iter().any(|given| given.eq_ignore_ascii_case(name));
    for variable in script.variables.iter().filter(|variable| !variable.is_set) {
        let name = variable.name.as_str();
        if set.contains(name) || is_given(name) || OF_POWERSHELL.contains(&name) {
            continue;
        }
        let known = given.iter().cloned().chain(set.iter().cloned()).collect();
        let (in_literal, language, span) = (lint.subject.is_literal, lint.script.language, lint.span(&variable.at));
        lint.report(&LintError::UnknownVariable { name: name.to_string(), known, in_literal, language, span });
    }
}

fn is_open(script: &PowershellScript) -> bool {
    script.commands.iter().any(|command| {
        let first = command.words.first().map(|word| word.text.to_lowercase()).unwrap_or_default();
        let makes_code = |text: &str| text.contains("[scriptblock]::create") || text.contains("psvariable");
        OPENING.contains(&first.as_str())
            || OPENING.contains(&command.name().as_str())
            || command.words.iter().any(|word| makes_code(&word.text.to_lowercase()))
    })
}

fn names_set(text: &str, script: &PowershellScript) -> BTreeSet<String> {
    let params = parameters(text);
    let is_param = |at: usize| params.iter().any(|range| range.contains(&at));
    let assigned = script.variables.iter().filter(|variable| variable.is_set || is_param(variable.at.start));
    let mut names: BTreeSet<String> = assigned.map(|variable| variable.name.clone()).collect();
    for command in &script.commands {
        let pairs = command.words.iter().zip(command.words.iter().skip(1));
        let named = pairs.filter(|(word, _)| NAMING.contains(&word.text.to_lowercase().as_str()));
        names.extend(named.map(|(_, name)| name.text.trim_start_matches('+').to_lowercase()));
    }
    names
}

/// What stands in the brackets of `param (…)` and `function name (…)`.
fn parameters(text: &str) -> Vec<std::ops::Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for word in ["param", "function"] {
        for (at, _) in lower.match_indices(word) {
            let rest = lower.get(at + word.len()..).unwrap_or("");
            let until = rest
                .find(['(', '{', '\n', ';'])
                .filter(|until| rest.get(*until..).is_some_and(|rest| rest.starts_with('(')));
            if let Some(open) = until {
                let start = at + word.len() + open;
                found.push(start..start + length_of_brackets(lower.get(start..).unwrap_or("")));
            }
        }
    }
    found
}

fn length_of_brackets(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth <= 1 => return at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

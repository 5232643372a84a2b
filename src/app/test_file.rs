//! A file of tests as it was written: what is tested, what hosts answer, and what is expected of it. Runs nothing.

use std::path::{Path, PathBuf};

use super::planning::Allow;
use super::test_forms::{back, fields, list, named, number, placed, within};
use crate::base::ids::FileId;
use crate::base::source::{Sources, Span};
use crate::diag::Diagnostic;
use crate::hir::value::Value;
use crate::inventory::errors::InventoryError;
use crate::inventory::forms::{duration, entries, text, texts, word};
use crate::inventory::yaml::{self, Kind, Node};
use crate::report::event_read::{HOST_OUTCOMES, OUTCOMES};
use crate::run::errors::Phase;
use crate::run::event::{HostOutcome, Outcome};
use crate::run::fields::Texts;
use crate::run::script::{Fault, Rule, Said, Word};

/// How names of files of tests end.
pub const ENDING: &str = ".test.yaml";

const FILE: &[&str] = &[
    "name",
    "file",
    "playbook",
    "inventory",
    "vars",
    "limit",
    "allow",
    "facts",
    "secrets",
    "unreachable",
    "steps",
    "expect",
    "tests",
];
/// All but `tests`.
const CASE: &[&str] = match FILE {
    [of_case @ .., _] => of_case,
    [] => &[],
};
/// What a case says, or for all cases the file: all but `name` and `expect`.
const SETTINGS: &[&str] = match CASE {
    [_, settings @ .., _] => settings,
    _ => &[],
};
const EXPECT: &[&str] = &["plan", "diagnostics", "exit", "hosts", "steps", "never", "within"];
const STEP: &[&str] = &[
    "step", "host", "phase", "attempts", "outcome", "exit", "stdout", "stderr", "before", "result", "fault", "takes",
    "back",
];
const HAPPENING: &[&str] = &["step", "host", "outcome"];
const FINDING: &[&str] = &["code", "line"];

/// A text with its place.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub value: T,
    pub span: Span,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub span: Span,
    pub setting: Setting,
    pub expect: Expect,
}

/// What is run, on which hosts, and what these answer.
#[derive(Clone, Default, Debug)]
pub struct Setting {
    /// The playbook's file: beside the test, or from the project's root.
    pub file: Option<Placed<String>>,
    pub playbook: Option<Placed<String>>,
    pub inventory: Option<Hosts>,
    pub vars: Vec<(Placed<String>, Value)>,
    pub limit: Option<Placed<String>>,
    pub allow: Allow,
    /// By hosts, which may be a pattern.
    pub facts: Vec<(Placed<String>, Fields)>,
    pub secrets: Vec<(String, String)>,
    pub unreachable: Vec<Placed<String>>,
    pub rules: Vec<PlacedRule>,
}

/// Names with their places, and what is said of each.
pub type Fields = Vec<(Placed<String>, String)>;

/// Where hosts stand.
#[derive(Clone, Debug)]
pub enum Hosts {
    File(Placed<String>),
    /// In the test itself, in the form of an inventory.
    Here(Span),
}

/// A rule with the places of its names.
#[derive(Clone, Debug)]
pub struct PlacedRule {
    pub rule: Rule,
    pub step: Span,
    pub host: Option<Span>,
    pub outcome: Option<Span>,
    pub exit: Option<Span>,
    pub fields: Fields,
}

#[derive(Clone, Default, Debug)]
pub struct Expect {
    /// The file of the golden plan, beside the test.
    pub plan: Option<Placed<String>>,
    pub diagnostics: Option<Placed<Vec<Finding>>>,
    pub exit: Option<Placed<i32>>,
    pub hosts: Vec<(Placed<String>, HostOutcome)>,
    /// In this order, with anything between them.
    pub steps: Vec<Happening>,
    pub never: Vec<Happening>,
    /// Milliseconds of simulated time.
    pub within: Option<Placed<u64>>,
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub code: String,
    pub line: usize,
    pub span: Span,
}

/// A step that ends somewhere, somehow.
#[derive(Clone, Debug)]
pub struct Happening {
    pub step: Placed<String>,
    pub host: Option<Placed<String>>,
    pub outcome: Option<Outcome>,
}

impl Expect {
    pub fn needs_run(&self) -> bool {
        self.exit.is_some()
            || self.within.is_some()
            || !(self.hosts.is_empty() && self.steps.is_empty() && self.never.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.plan.is_none() && self.diagnostics.is_none() && !self.needs_run()
    }
}

/// The tests of one file, or every mistake in it.
pub fn read(sources: &Sources, file: FileId, path: &Path) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let cases = match yaml::parse(&sources.get(file).text, file) {
        Ok(Some(document)) => read_file(&document, path, &mut errors),
        Ok(None) => {
            let expected = "a mapping with `file:` and `expect:`, or with `tests:`";
            errors.push(InventoryError::WrongForm { expected, found: "nothing", span: Span::new(file, 0, 0) });
            Vec::new()
        }
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    };
    if errors.is_empty() { Ok(cases) } else { Err(errors.iter().map(InventoryError::diagnostic).collect()) }
}

fn read_file(document: &Node, path: &Path, errors: &mut Vec<InventoryError>) -> Vec<Case> {
    let whole = case(document, FILE, errors);
    let tests = entries(document, &mut Vec::new()).iter().find(|(key, _)| key.text == "tests");
    let Some((key, tests)) = tests else {
        let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = if whole.name.is_empty() { stem.trim_end_matches(ENDING).to_string() } else { whole.name.clone() };
        let case = Case { name, ..whole };
        if errors.is_empty() {
            check_case(&case, errors);
        }
        return vec![case];
    };
    if !whole.expect.is_empty() {
        let expected = "`expect:` in each of the tests, since there are `tests:`";
        errors.push(InventoryError::WrongForm { expected, found: "one for the file", span: key.span });
    }
    let Kind::List(tests) = &tests.kind else {
        let expected = "a list of tests";
        errors.push(InventoryError::WrongForm { expected, found: tests.form(), span: tests.span });
        return Vec::new();
    };
    if tests.is_empty() {
        errors.push(InventoryError::WrongForm { expected: "a list of tests", found: "an empty one", span: key.span });
    }
    let file_is_right = errors.is_empty();
    let mut cases = Vec::new();
    for node in tests {
        let before = errors.len();
        let own = case(node, CASE, errors);
        let case = Case { setting: own.setting.over(&whole.setting), ..own };
        // What is wrong in it may be what seems to be missing.
        if file_is_right && errors.len() == before {
            check_case(&case, errors);
        }
        cases.push(case);
    }
    cases
}

fn check_case(case: &Case, errors: &mut Vec<InventoryError>) {
    let mut missing = |expected| errors.push(InventoryError::WrongForm { expected, found: "none", span: case.span });
    if case.name.is_empty() {
        missing("a test with a `name:`");
    }
    if case.setting.file.is_none() {
        missing("`file:` with the playbook's file");
    }
    if case.expect.is_empty() {
        missing("`expect:` with something that is expected");
    }
}

impl Setting {
    /// What this says goes before what the file says for all tests.
    fn over(self, below: &Setting) -> Setting {
        let mut below = below.clone();
        // Steps are those of one playbook.
        if self.file.is_some() {
            below.rules.clear();
        }
        Setting {
            file: self.file.or(below.file),
            playbook: self.playbook.or(below.playbook),
            inventory: self.inventory.or(below.inventory),
            // The last of a name counts.
            vars: [below.vars, self.vars].concat(),
            limit: self.limit.or(below.limit),
            allow: Allow {
                destroy: self.allow.destroy || below.allow.destroy,
                inactive: self.allow.inactive || below.allow.inactive,
            },
            facts: [below.facts, self.facts].concat(),
            secrets: [below.secrets, self.secrets].concat(),
            unreachable: [below.unreachable, self.unreachable].concat(),
            // The first that fits counts.
            rules: [self.rules, below.rules].concat(),
        }
    }
}

fn case(node: &Node, known: &'static [&'static str], errors: &mut Vec<InventoryError>) -> Case {
    let mut case =
        Case { name: String::new(), span: node.span, setting: Setting::default(), expect: Expect::default() };
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "name" => case.name = text(node, errors).unwrap_or_default(),
            "expect" => case.expect = expect(node, errors),
            "tests" if known == FILE => {}
            name if SETTINGS.contains(&name) => setting(name, node, &mut case.setting, errors),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known, span: key.span }),
        }
    }
    case
}

fn setting(key: &str, node: &Node, setting: &mut Setting, errors: &mut Vec<InventoryError>) {
    match key {
        "file" => setting.file = placed(node, errors),
        "playbook" => setting.playbook = placed(node, errors),
        "inventory" => {
            setting.inventory = match &node.kind {
                Kind::Mapping(_) => Some(Hosts::Here(node.whole)),
                _ => placed(node, errors).map(Hosts::File),
            }
        }
        "vars" => {
            let vars = entries(node, errors).iter();
            setting.vars = vars.map(|(key, node)| (named(key), node.value())).collect();
        }
        "limit" => setting.limit = placed(node, errors),
        "allow" => setting.allow = allow(node, errors),
        "facts" => {
            let facts = entries(node, errors).iter();
            setting.facts = facts.map(|(host, node)| (named(host), fields(node, errors))).collect();
        }
        "secrets" => {
            let secrets = entries(node, errors).iter();
            setting.secrets = secrets.filter_map(|(key, node)| Some((key.text.clone(), text(node, errors)?))).collect();
        }
        "unreachable" => {
            let hosts = texts(node, errors).into_iter();
            setting.unreachable = hosts.map(|(value, span)| Placed { value, span }).collect();
        }
        _ => setting.rules = list(node, errors).iter().filter_map(|node| rule(node, errors)).collect(),
    }
}

fn allow(node: &Node, errors: &mut Vec<InventoryError>) -> Allow {
    let mut allow = Allow::default();
    for node in list(node, errors) {
        match word("allow", node, &[("destroy", true), ("inactive", false)], errors) {
            Some(true) => allow.destroy = true,
            Some(false) => allow.inactive = true,
            None => {}
        }
    }
    allow
}

fn rule(node: &Node, errors: &mut Vec<InventoryError>) -> Option<PlacedRule> {
    let (mut step, mut host, mut outcome, mut exit, mut names) = (None, None, None, None, Vec::new());
    let (mut phase, mut attempts, mut said) = (None, None, Said::default());
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "step" => step = placed(node, errors),
            "host" => host = placed(node, errors),
            "phase" => {
                let phases = [Phase::Check, Phase::Apply, Phase::Verify, Phase::Rollback];
                phase = word("phase", node, &phases.map(|phase| (phase.name(), phase)), errors);
            }
            "attempts" => attempts = within(node, "a number of attempts, 1 or more", 1, u32::MAX, errors),
            "outcome" => {
                said.outcome = word("outcome", node, &Word::ALL, errors);
                outcome = Some(node.span);
            }
            "exit" => {
                said.exit = within(node, "an exit code, 0 or more", 0, i32::MAX, errors);
                exit = Some(node.span);
            }
            "stdout" => said.stdout = text(node, errors).unwrap_or_default(),
            "stderr" => said.stderr = text(node, errors).unwrap_or_default(),
            "before" | "result" => {
                let fields = fields(node, errors);
                names.extend(fields.iter().cloned());
                let texts: Texts = fields.into_iter().map(|(name, text)| (name.value, text)).collect();
                if key.text == "before" { said.before = texts } else { said.result = texts }
            }
            "fault" => said.fault = word("fault", node, &Fault::ALL, errors),
            "takes" => said.takes = duration(node, errors).map(std::time::Duration::from_millis).unwrap_or_default(),
            "back" => said.back = back(node, errors),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known: STEP, span: key.span }),
        }
    }
    let Some(step) = step else {
        errors.push(InventoryError::WrongForm { expected: "a `step:`", found: "none", span: node.span });
        return None;
    };
    if let (Some(Word::Failed), Some(0), Some(span)) = (said.outcome, said.exit, exit) {
        let expected = "another `exit:` where `outcome:` is failed";
        errors.push(InventoryError::WrongForm { expected, found: "0", span });
    }
    let pattern = host.as_ref().map_or("*", |host| host.value.as_str()).to_string();
    let rule = Rule { step: step.value, host: pattern, phase, attempts, said };
    Some(PlacedRule { rule, step: step.span, host: host.map(|host| host.span), outcome, exit, fields: names })
}

fn expect(node: &Node, errors: &mut Vec<InventoryError>) -> Expect {
    let mut expect = Expect::default();
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "plan" => expect.plan = placed(node, errors),
            "diagnostics" => {
                let findings = list(node, errors).iter().filter_map(|node| finding(node, errors)).collect();
                expect.diagnostics = Some(Placed { value: findings, span: key.span });
            }
            "exit" => {
                let exit = within(node, "an exit code from 0 to 255", 0, 255, errors);
                expect.exit = exit.map(|value| Placed { value, span: key.span });
            }
            "hosts" => {
                let known = HOST_OUTCOMES.map(|outcome| (outcome.name(), outcome));
                let hosts = entries(node, errors).iter();
                expect.hosts = hosts
                    .filter_map(|(host, node)| {
                        Some((named(host), word("the outcome of a host", node, &known, errors)?))
                    })
                    .collect();
            }
            "steps" => expect.steps = list(node, errors).iter().filter_map(|node| happening(node, errors)).collect(),
            "never" => expect.never = list(node, errors).iter().filter_map(|node| happening(node, errors)).collect(),
            "within" => expect.within = duration(node, errors).map(|value| Placed { value, span: key.span }),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known: EXPECT, span: key.span }),
        }
    }
    expect
}

fn finding(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Finding> {
    let (mut code, mut line) = (None, None);
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "code" => code = text(node, errors),
            "line" => line = number(node, errors).and_then(|line| usize::try_from(line).ok()),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known: FINDING, span: key.span }),
        }
    }
    if code.is_none() || line.is_none() {
        let expected = "a `code:` and a `line:`";
        errors.push(InventoryError::WrongForm { expected, found: "less", span: node.span });
    }
    Some(Finding { code: code?, line: line?, span: node.span })
}

/// The name of a step, or a mapping that says more.
fn happening(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Happening> {
    if !matches!(node.kind, Kind::Mapping(_)) {
        return placed(node, errors).map(|step| Happening { step, host: None, outcome: None });
    }
    let (mut step, mut host, mut outcome) = (None, None, None);
    for (key, node) in entries(node, errors) {
        match key.text.as_str() {
            "step" => step = placed(node, errors),
            "host" => host = placed(node, errors),
            "outcome" => outcome = word("outcome", node, &OUTCOMES.map(|outcome| (outcome.name(), outcome)), errors),
            _ => errors.push(InventoryError::UnknownKey { key: key.text.clone(), known: HAPPENING, span: key.span }),
        }
    }
    if step.is_none() {
        errors.push(InventoryError::WrongForm { expected: "a `step:`", found: "none", span: node.span });
    }
    Some(Happening { step: step?, host, outcome })
}

/// The text of an inventory that stands in a file of tests: all else of it is blank, so that lines and columns stay.
pub fn only(text: &str, part: Span) -> String {
    let inside = |at: usize| (part.start as usize..part.end as usize).contains(&at);
    let blank = |letter: char| if letter == '\n' { "\n".to_string() } else { " ".repeat(letter.len_utf8()) };
    text.char_indices().map(|(at, letter)| if inside(at) { letter.to_string() } else { blank(letter) }).collect()
}

/// All files of tests below these paths; a file that is named is one, whatever its name.
pub fn is_test_file(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(ENDING))
}

/// Where a golden plan stands: beside its test, and nowhere else.
pub fn beside(test: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    is_plain.then(|| test.with_file_name(name))
}

//! Small programs that nobody wrote, and the folders that they find: what the dry run is tried on. Pure: strategies and
//! texts. Knows nothing of predictions.

use proptest::prelude::*;
use proptest::sample::select;

/// Where steps work, below a host's folder. `l` may be a link to `a`, `ld` one to `d`.
const PLACES: &[&str] = &["a", "b", "c", "d", "d/x", "d/y", "l", "ld/x", "ld/y"];
const CONTENTS: &[&str] = &["one", "two"];
const MODES: &[&str] = &["", "0600", "0644"];
const READS: &[&str] = &["cat \\\"$d/a\\\" 2>/dev/null || true", "ls \\\"$d/d\\\" 2>/dev/null || true", "echo one"];
const CHANGES: &[&str] =
    &["printf one > \\\"$d/a\\\"", "rm -f \\\"$d/b\\\"", "mkdir -p \\\"$d/d\\\"; printf two > \\\"$d/d/x\\\"", "true"];

/// Actions on a file that take little to say; `_` is the path.
const EDITS: &[&str] = &[
    "file.line(path: \"_\", line: \"one\", create: true)",
    "file.line(path: \"_\", line: \"three\", match: '^t')",
    "file.no_line(path: \"_\", line: \"one\")",
    "file.block(path: \"_\", block: \"two\")",
    "file.replace(path: \"_\", match: 'on', with: \"tw\")",
    "file.touch(path: \"_\", mode: \"0600\")",
    "file.permissions(path: \"_\", mode: \"0644\")",
];

/// One step's action; paths are places.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Write {
        to: &'static str,
        content: &'static str,
        mode: &'static str,
        kind: Kind,
    },
    Directory {
        path: &'static str,
        mode: &'static str,
    },
    Absent {
        path: &'static str,
        recursive: bool,
    },
    Info {
        path: &'static str,
    },
    Edit {
        path: &'static str,
        call: &'static str,
    },
    Read {
        script: &'static str,
    },
    Change {
        script: &'static str,
        creates: Option<&'static str>,
        unless: Option<&'static str>,
    },
    /// A composite action.
    Pair {
        at: &'static str,
        content: &'static str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Write,
    Copy,
    Template,
    Secret,
}

/// A condition on the `of`th name that is bound by then.
#[derive(Clone, Debug)]
pub(crate) struct When {
    of: usize,
    form: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Step {
        act: Act,
        bound: bool,
        attribute: usize,
    },
    If {
        when: When,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    For {
        content: &'static str,
        of: Option<When>,
    },
    Repeat {
        path: &'static str,
        act: Act,
    },
    AtController {
        to: &'static str,
        content: &'static str,
    },
    SkipIf(When),
    Require(When),
    /// Writes what an earlier step found.
    Passed {
        to: &'static str,
        of: usize,
    },
}

/// What lies in a host's folder before.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    File(&'static str, &'static str, u32),
    Folder(&'static str, u32),
    Link(&'static str, &'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) statements: Vec<Statement>,
    /// A second block: on all hosts, on hosts chosen by a result, or under a condition on all results.
    pub(crate) second: Option<(usize, usize, Vec<Statement>)>,
    pub(crate) always: Vec<Statement>,
    pub(crate) entries: [Vec<Entry>; 2],
    pub(crate) batch: usize,
}

fn when() -> impl Strategy<Value = When> {
    (0..6_usize, 0..8_usize).prop_map(|(of, form)| When { of, form })
}

fn act() -> impl Strategy<Value = Act> {
    let kind =
        prop_oneof![5 => Just(Kind::Write), 2 => Just(Kind::Copy), 2 => Just(Kind::Template), 1 => Just(Kind::Secret)];
    let write = (select(PLACES), select(CONTENTS), select(MODES), kind)
        .prop_map(|(to, content, mode, kind)| Act::Write { to, content, mode, kind });
    let change = (select(CHANGES), prop::option::of(select(PLACES)), prop::option::of(select(PLACES)))
        .prop_map(|(script, creates, unless)| Act::Change { script, creates, unless });
    prop_oneof![
        6 => write,
        2 => (select(PLACES), select(MODES)).prop_map(|(path, mode)| Act::Directory { path, mode }),
        2 => (select(PLACES), any::<bool>()).prop_map(|(path, recursive)| Act::Absent { path, recursive }),
        5 => select(PLACES).prop_map(|path| Act::Info { path }),
        3 => (select(PLACES), select(EDITS)).prop_map(|(path, call)| Act::Edit { path, call }),
        2 => select(READS).prop_map(|script| Act::Read { script }),
        2 => change,
        1 => (select(&["d", "e"][..]), select(CONTENTS)).prop_map(|(at, content)| Act::Pair { at, content }),
    ]
}

fn step() -> impl Strategy<Value = Statement> {
    (act(), prop::bool::weighted(0.7), prop_oneof![8 => Just(0_usize), 2 => 1..5_usize])
        .prop_map(|(act, bound, attribute)| Statement::Step { act, bound, attribute })
}

fn statement() -> impl Strategy<Value = Statement> {
    let few = || prop::collection::vec(step(), 1..3);
    prop_oneof![
        10 => step(),
        5 => (when(), few(), prop::collection::vec(step(), 0..2))
            .prop_map(|(when, then, otherwise)| Statement::If { when, then, otherwise }),
        1 => (select(CONTENTS), prop::option::of(when())).prop_map(|(content, of)| Statement::For { content, of }),
        1 => (select(PLACES), act()).prop_map(|(path, act)| Statement::Repeat { path, act }),
        2 => (select(&["a", "b"][..]), select(&["one", "two", "{host.name}"][..]))
            .prop_map(|(to, content)| Statement::AtController { to, content }),
        1 => when().prop_map(Statement::SkipIf),
        1 => when().prop_map(Statement::Require),
        2 => (select(PLACES), 0..6_usize).prop_map(|(to, of)| Statement::Passed { to, of }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let file = |name| {
        (select(CONTENTS), select(&[0o600_u32, 0o644][..])).prop_map(move |(text, mode)| Entry::File(name, text, mode))
    };
    let maybe = |entry: BoxedStrategy<Entry>| prop::option::of(entry);
    (
        (maybe(file("a").boxed()), maybe(file("b").boxed()), maybe(file("d/x").boxed()), maybe(file("d/y").boxed())),
        maybe(select(&[0o700_u32, 0o755][..]).prop_map(|mode| Entry::Folder("d", mode)).boxed()),
        maybe(select(&["a", "nowhere"][..]).prop_map(|to| Entry::Link("l", to)).boxed()),
        maybe(Just(Entry::Link("ld", "d")).boxed()),
    )
        .prop_map(|((a, b, x, y), folder, link, folder_link)| {
            let inside = folder.is_some();
            let found = [a, b, folder, x.filter(|_| inside), y.filter(|_| inside), link, folder_link];
            found.into_iter().flatten().collect()
        })
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let second = (0..4_usize, 0..6_usize, prop::collection::vec(step(), 1..3));
    let always = prop_oneof![5 => Just(Vec::new()), 1 => prop::collection::vec(step(), 1..2)];
    (prop::collection::vec(statement(), 2..7), prop::option::of(second), always, [entries(), entries()], 0..3_usize)
        .prop_map(|(statements, second, always, entries, batch)| Case { statements, second, always, entries, batch })
}

/// What a name is bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    File,
    Shell,
}

/// Writes a program, and remembers the names that later statements can use.
struct Writer {
    text: String,
    bound: Vec<(String, Bound)>,
    names: usize,
}

/// The playbook; `@/` in it is a host's folder, `%/` the controller's.
pub(crate) fn program(case: &Case) -> String {
    let mut writer = Writer { text: String::new(), bound: Vec::new(), names: 0 };
    let batch = if case.batch > 0 { format!(" (batch: {})", case.batch) } else { String::new() };
    writer.line(&format!("on web{batch} {{"));
    writer.statements(&case.statements);
    let bound = writer.bound.clone();
    if !case.always.is_empty() {
        writer.line("always {");
        writer.statements(&case.always);
        writer.line("}");
    }
    writer.line("}");
    writer.bound = bound;
    if let Some((form, of, statements)) = &case.second {
        writer.second(*form, *of, statements);
    }
    let head = "ops 1\n\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n  token: secret<string> = secret(\"file:token\"),\n) ! change, exec {\n";
    format!("{head}{}}}\n", writer.text)
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn second(&mut self, form: usize, of: usize, statements: &[Statement]) {
        let bound = std::mem::take(&mut self.bound);
        let name = bound.get(of % bound.len().max(1)).cloned();
        match (name, form) {
            (Some((name, Bound::File)), 0) => {
                self.line(&format!("let chosen = web where {name}[host].exists"));
                self.block("chosen", statements);
            }
            (Some((name, _)), 1) => {
                self.line(&format!("if {name}.changed.count == 0 {{"));
                self.block("web", statements);
                self.line("}");
            }
            (Some((name, Bound::File)), 2) => {
                self.line("on web {");
                self.line(&format!("if {name}[host(\"web1\")].exists {{"));
                self.statements(statements);
                self.line("}\n}");
            }
            _ => self.block("web", statements),
        }
    }

    fn block(&mut self, hosts: &str, statements: &[Statement]) {
        self.line(&format!("on {hosts} {{"));
        self.statements(statements);
        self.line("}");
    }

    fn statements(&mut self, statements: &[Statement]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Step { act, bound, attribute } => self.step(act, *bound, *attribute),
            Statement::If { when, then, otherwise } => self.branches(when, then, otherwise),
            Statement::For { content, of } => {
                self.line("for name in [\"a\", \"c\"] {");
                let condition = of.as_ref().map(|when| self.condition(when));
                self.line(&condition.as_ref().map(|text| format!("if {text} {{")).unwrap_or_default());
                self.line(&format!("file.write(to: \"@/{{name}}\", content: \"{content}\")"));
                self.line(if condition.is_some() { "}\n}" } else { "}" });
            }
            Statement::Repeat { path, act } => {
                let name = self.name();
                self.line(&format!("repeat (times: 2, until: {name}.exists) {{"));
                self.line(&format!("{name} = file.info(path: \"@/{path}\")"));
                self.step(act, false, 0);
                self.line("}");
            }
            Statement::AtController { to, content } => {
                self.line("at controller {");
                self.line(&format!("file.write(to: \"%/{to}\", content: \"{content}\")\n}}"));
            }
            Statement::SkipIf(when) => {
                let condition = self.condition(when);
                self.line(&format!("skip if {condition} \"enough\""));
            }
            Statement::Require(when) => {
                let condition = self.condition(when);
                self.line(&format!("require {condition} else \"not so\""));
            }
            Statement::Passed { to, of } => {
                let files: Vec<&String> =
                    self.bound.iter().filter(|(_, kind)| *kind == Bound::File).map(|(name, _)| name).collect();
                let found =
                    files.get(of % files.len().max(1)).map_or("\"x\".".to_string(), |name| format!("{name}.mode"));
                if !files.is_empty() {
                    let passed = self.name();
                    self.line(&format!("let {passed} = {found} ?? \"none\""));
                    self.line(&format!("file.write(to: \"@/{to}\", content: \"{{{passed}}}\")"));
                }
            }
        }
    }

    /// Names bound in a branch end with it.
    fn branches(&mut self, when: &When, then: &[Statement], otherwise: &[Statement]) {
        let condition = self.condition(when);
        let bound = self.bound.clone();
        self.line(&format!("if {condition} {{"));
        self.statements(then);
        self.bound.clone_from(&bound);
        if !otherwise.is_empty() {
            self.line("} else {");
            self.statements(otherwise);
            self.bound = bound;
        }
        self.line("}");
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }

    fn step(&mut self, act: &Act, bound: bool, attribute: usize) {
        let kind = match act {
            Act::Read { .. } | Act::Change { .. } => Some(Bound::Shell),
            Act::Pair { .. } => None,
            _ => Some(Bound::File),
        };
        let name = self.name();
        let binding = if bound && kind.is_some() { format!("{name} = ") } else { String::new() };
        let attribute = match (attribute, kind) {
            (1, Some(_)) => " { changed: true }",
            (2, Some(_)) => " { changed: false }",
            (3, Some(_)) => " { allow_failure: true }",
            (4, Some(Bound::File)) => " { changed: it.exists }",
            _ => "",
        };
        self.line(&format!("{binding}{}{attribute}", call(act)));
        if let (true, Some(kind)) = (bound, kind) {
            self.bound.push((name, kind));
        }
    }

    fn condition(&self, when: &When) -> String {
        let Some((name, kind)) = self.bound.get(when.of % self.bound.len().max(1)) else {
            return "host.name == \"web1\"".to_string();
        };
        match (when.form, kind) {
            (0, _) => format!("{name}.changed"),
            (1, _) => format!("not {name}.changed"),
            (2, _) => format!("{name}.failed"),
            (3, Bound::File) => format!("not {name}.exists"),
            (4, Bound::File) => format!("{name}.mode == \"644\""),
            (5, Bound::File) => format!("({name}.mode ?? \"none\") == \"none\""),
            (6, _) => "host.name == \"web2\"".to_string(),
            (_, Bound::File) => format!("{name}.exists"),
            (3 | 4, Bound::Shell) => format!("{name}.stdout contains \"one\""),
            (_, Bound::Shell) => format!("{name}.code == 0"),
        }
    }
}

fn call(act: &Act) -> String {
    let mode = |mode: &str| if mode.is_empty() { String::new() } else { format!(", mode: \"{mode}\"") };
    match act {
        Act::Write { to, content, mode: wanted, kind } => {
            let mode = mode(wanted);
            match kind {
                Kind::Write => format!("file.write(to: \"@/{to}\", content: \"{content}\"{mode})"),
                Kind::Copy => format!("file.copy(from: file(\"{content}.txt\"), to: \"@/{to}\"{mode})"),
                Kind::Template => {
                    format!(
                        "file.template(from: file(\"t.j2\"), to: \"@/{to}\", vars: {{ text: \"{content}\" }}{mode})"
                    )
                }
                Kind::Secret => format!("file.secret(to: \"@/{to}\", content: token)"),
            }
        }
        Act::Directory { path, mode: wanted } => {
            format!("file.directory(path: \"@/{path}\"{})", mode(&wanted.replace('6', "7")))
        }
        Act::Absent { path, recursive } => format!("file.absent(path: \"@/{path}\", recursive: {recursive})"),
        Act::Edit { path, call } => call.replace("\"_\"", &format!("\"@/{path}\"")),
        Act::Info { path } => format!("file.info(path: \"@/{path}\")"),
        Act::Read { script } => format!("shell.run(script: sh\"{script}\", effect: \"read\", vars: {{ d: \"@/.\" }})"),
        Act::Change { script, creates, unless } => {
            let creates = creates.map(|path| format!(", creates: \"@/{path}\"")).unwrap_or_default();
            let unless = unless.map(|path| format!(", unless: sh\"test -e \\\"$d/{path}\\\"\"")).unwrap_or_default();
            format!("shell.run(script: sh\"{script}\", effect: \"change\", vars: {{ d: \"@/.\" }}{creates}{unless})")
        }
        Act::Pair { at, content } => format!("site.pair(base: \"@/{at}\", content: \"{content}\")"),
    }
}

/// A composite action of the project.
pub(crate) const PAIR: &str = "\
ops 1

action site.pair(base: path, content: text) ! change {
  doc: \"A folder and a file in it.\"

  steps {
    file.directory(path: base)
    seen = file.info(path: \"{base}/x\")

    if not seen.exists {
      file.write(to: \"{base}/x\", content: content)
    }
  }
}
";

/// Whether every step wants one thing of a place of its own, whatever was there: then a second run has nothing to do.
pub(crate) fn is_calm(case: &Case) -> bool {
    let mut places: Vec<&str> = Vec::new();
    let plain = case.statements.iter().chain(&case.always).all(|statement| match statement {
        Statement::Step { attribute: 1.., .. } => false,
        Statement::Step { act: Act::Write { to, .. }, .. } => apart(&mut places, to),
        Statement::Step {
            act: Act::Directory { path, .. } | Act::Absent { path, .. } | Act::Edit { path, .. },
            ..
        } => apart(&mut places, path),
        Statement::Step { act: Act::Info { .. } | Act::Read { .. }, .. } => true,
        _ => false,
    });
    plain && case.second.is_none()
}

/// Notes a place; false where another step's place is above, below or behind it.
fn apart(places: &mut Vec<&'static str>, place: &'static str) -> bool {
    let top = |place: &str| place.trim_start_matches('l').split('/').next().unwrap_or_default().to_string();
    let free = places.iter().all(|other| top(other) != top(place)) && !place.starts_with('l');
    places.push(place);
    free
}

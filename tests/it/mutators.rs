//! Small mistakes, made in a right program wherever they are possible. Knows the tree, and nothing of the checker.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use opsc::base::source::Span;
use opsc::syntax::ast::*;

/// One mistake: a part of the text replaced.
pub(super) struct Mutant {
    pub(super) kind: &'static str,
    start: usize,
    end: usize,
    new: String,
    /// Where an error may stand, in lines of the mutated text from 1.
    pub(super) lines: Vec<usize>,
}

impl Mutant {
    pub(super) fn apply(&self, text: &str) -> String {
        format!("{}{}{}", &text[..self.start], self.new, &text[self.end..])
    }

    /// The line where it begins, before and after, for people.
    pub(super) fn shown(&self, text: &str) -> String {
        let line = |text: &str| text.lines().nth(line_of(text, self.start) - 1).unwrap_or("").trim().to_string();
        let inserted = self.new.trim_start_matches('\n').lines().next().unwrap_or("").trim();
        let after = if self.new.starts_with('\n') { inserted.to_string() } else { line(&self.apply(text)) };
        format!("{} → {after}", line(text))
    }
}

/// What is known of an action's parameters.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) secret: bool,
}

pub(super) type Actions = BTreeMap<String, Vec<Known>>;

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// Every mistake in a file, in order of place.
pub(super) fn mutants(text: &str, tree: &File, actions: &Actions, with_inventory: bool) -> Vec<Mutant> {
    let mut mutator = Mutator { text, actions, with_inventory, taken: None, in_block: false, made: Vec::new() };
    tree.items.iter().for_each(|item| mutator.item(item));
    mutator.braces();
    mutator.made.sort_by_key(|mutant| (mutant.start, mutant.kind));
    mutator.made
}

struct Mutator<'a> {
    text: &'a str,
    actions: &'a Actions,
    with_inventory: bool,
    /// A name that is bound in the playbook.
    taken: Option<String>,
    in_block: bool,
    made: Vec<Mutant>,
}

fn range(span: Span) -> (usize, usize) {
    (span.start as usize, span.end as usize)
}

impl Mutator<'_> {
    fn lines(&self, span: Span) -> RangeInclusive<usize> {
        line_of(self.text, span.start as usize)..=line_of(self.text, span.end as usize)
    }

    fn of(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// Replaces a part; the error is wanted on the lines of the new text.
    fn replace(&mut self, kind: &'static str, span: Span, new: impl Into<String>) {
        let ((start, end), new) = (range(span), new.into());
        let first = line_of(self.text, start);
        let lines = (first..=first + new.matches('\n').count()).collect();
        self.made.push(Mutant { kind, start, end, new, lines });
    }

    fn insert(&mut self, kind: &'static str, at: u32, new: impl Into<String>) {
        let new = new.into();
        let skipped = new.len() - new.trim_start_matches('\n').len();
        let first = line_of(self.text, at as usize) + skipped;
        let lines = (first..=first + new.trim_matches('\n').matches('\n').count()).collect();
        self.made.push(Mutant { kind, start: at as usize, end: at as usize, new, lines });
    }

    fn typo(&mut self, kind: &'static str, span: Span) {
        for new in typos(self.of(span)) {
            self.replace(kind, span, new);
        }
    }

    fn item(&mut self, item: &Item) {
        let span = match item {
            Item::Use(_) => return,
            Item::Type(item) => {
                self.ty(&item.ty);
                item.span
            }
            Item::Function(item) => item.span,
            Item::Action(action) => {
                self.action(action);
                action.span
            }
            Item::Playbook(playbook) => {
                self.playbook(playbook);
                playbook.span
            }
        };
        let copy = format!("\n{}\n", self.of(span));
        self.insert("duplicate definition", u32::try_from(self.text.len()).unwrap(), copy);
    }

    fn action(&mut self, action: &Action) {
        self.params(&action.params);
        action.result.iter().for_each(|ty| self.ty(ty));
        self.attrs(&action.attrs);
        action
            .effects
            .iter()
            .flat_map(|effects| &effects.names)
            .for_each(|name| self.typo("typo in an effect", name.span));
        let ActionBody::Impls(impls) = &action.body else { return };
        for each in impls {
            self.typo("wrong platform", each.platform.span);
            each.condition.iter().for_each(|condition| self.expr(condition));
        }
    }

    fn playbook(&mut self, playbook: &Playbook) {
        self.params(&playbook.params);
        self.taken = playbook.params.first().map(|param| param.name.text.clone());
        playbook.effects.iter().for_each(|effects| self.effects(effects));
        self.attrs(&playbook.attrs);
        self.block(&playbook.body);
    }

    fn effects(&mut self, effects: &Effects) {
        let names: Vec<&str> = effects.names.iter().map(|name| name.text.as_str()).collect();
        if names.len() == 1 {
            self.replace("dropped effect", effects.span, "");
        }
        for (dropped, name) in names.iter().enumerate().filter(|_| names.len() > 1) {
            let rest: Vec<&str> = names.iter().copied().filter(|other| other != name).collect();
            self.replace("dropped effect", effects.span, format!("! {}", rest.join(", ")));
            self.typo("typo in an effect", effects.names[dropped].span);
        }
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.ty(&param.ty);
            param.default.iter().for_each(|default| self.value(default));
            self.insert("duplicate name", param.span.end, format!(", {}", self.of(param.span)));
        }
    }

    fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { name, args, .. } => {
                self.typo("typo in a type", name.span);
                if name.text == "hosts"
                    && let Some(arg) = args.first()
                    && self.of(arg.span) == "linux"
                {
                    self.replace("wrong platform", arg.span, "windows");
                } else {
                    args.iter().for_each(|arg| self.ty(arg));
                }
            }
            TypeKind::Record(fields) => fields.iter().for_each(|field| self.ty(&field.ty)),
            TypeKind::Union(members) => members.iter().for_each(|member| self.ty(member)),
            TypeKind::Optional(inner) => self.ty(inner),
            TypeKind::String(_) | TypeKind::Int(_) => {}
        }
    }

    fn attrs(&mut self, attrs: &[Attr]) {
        for attr in attrs {
            self.typo("typo in an attribute", attr.label.span);
            self.value(&attr.value);
            attr.otherwise.iter().for_each(|text| self.holes(text));
            if !matches!(attr.label.text.as_str(), "needs" | "ensure") {
                self.insert("duplicate name", attr.span.end, format!("\n{}", self.of(attr.span).trim_end_matches(',')));
            }
        }
    }

    fn block(&mut self, block: &Block) {
        block.statements.iter().for_each(|statement| self.statement(statement));
        block.clauses.iter().for_each(|clause| self.block(&clause.body));
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                self.expr(value);
                let again = format!("\nlet {} = 1", name.text);
                self.insert("duplicate name", statement.span.end, again);
            }
            StatementKind::On { hosts, options, body, .. } => self.on(statement, hosts, options, body),
            StatementKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                match otherwise {
                    Some(Else::Block(block)) => self.block(block),
                    Some(Else::If(statement)) => self.statement(statement),
                    None => {}
                }
            }
            StatementKind::For { list, body, .. } => {
                self.expr(list);
                self.block(body);
            }
            StatementKind::Require { condition, otherwise } => {
                self.expr(condition);
                self.holes(otherwise);
            }
            StatementKind::Step(step) => self.step(statement, step),
            _ => {}
        }
    }

    fn on(&mut self, statement: &Statement, hosts: &Expr, options: &[Named], body: &Block) {
        self.expr(hosts);
        for option in options {
            self.typo("typo in an attribute", option.label.span);
            self.value(&option.value);
            self.insert("duplicate name", option.span.end, format!(", {}", self.of(option.span)));
            if option.label.text == "batch" {
                for wide in ["0", "150%", "[1, 0]", "-1", "0%"] {
                    self.replace("widened batch", option.value.span, wide);
                }
            }
        }
        self.in_block = true;
        self.block(body);
        self.in_block = false;
        for inner in &body.statements {
            if let StatementKind::Step(Step { binding: Some(name), .. }) = &inner.kind {
                let scalar = format!("\nrequire {}.changed else \"outside\"", name.text);
                self.insert("scalar outside its block", statement.span.end, scalar);
            }
            if let StatementKind::Let { name, .. } = &inner.kind {
                let scalar = format!("\nrequire {} != none else \"outside\"", name.text);
                self.insert("scalar outside its block", statement.span.end, scalar);
            }
        }
    }

    fn step(&mut self, statement: &Statement, step: &Step) {
        let last = step.action.parts.last().unwrap();
        self.typo("typo in an action", last.span);
        let head = Span { end: step.args_span.end, ..statement.span };
        let known = self.actions.get(&step.action.text()).map_or(&[][..], Vec::as_slice);
        for (index, arg) in step.args.iter().enumerate() {
            let Arg::Named(named) = arg else { continue };
            let param = known.iter().find(|param| param.name == named.label.text);
            self.typo("typo in a parameter", named.label.span);
            let label = Span { end: named.value.span.start, ..named.span };
            self.replace("positional argument", label, "");
            self.insert("duplicate name", named.span.end, format!(", {}", self.of(named.span)));
            if param.is_some_and(|param| param.required) {
                self.drop_argument(step, index, head);
            }
            if param.is_some_and(|param| !param.secret) {
                self.replace("leaked secret", named.value.span, "secret(\"env:KEY\")");
            }
            self.value(&named.value);
        }
        for attr in &step.attrs {
            if attr.label.text == "as" {
                self.replace("leaked secret", attr.value.span, "secret(\"env:KEY\")");
            }
        }
        self.attrs(&step.attrs);
        match (&step.binding, &self.taken) {
            (None, Some(taken)) => {
                let bound = format!("{taken} = ");
                self.insert("duplicate name", statement.span.start, bound);
            }
            (Some(name), _) if self.in_block => {
                let each =
                    format!("\nfor each in lines(\"{{{}.changed}}\") {{ file.info(path: \"/{{each}}\") }}", name.text);
                self.insert("runtime loop", statement.span.end, each);
            }
            _ => {}
        }
    }

    /// The call is to blame, not the line where the argument stood.
    fn drop_argument(&mut self, step: &Step, index: usize, head: Span) {
        let span_of = |arg: &Arg| match arg {
            Arg::Named(named) => named.span,
            Arg::Positional(expr) => expr.span,
        };
        let span = span_of(&step.args[index]);
        let (start, end) =
            match (step.args.get(index + 1), index.checked_sub(1).and_then(|before| step.args.get(before))) {
                (Some(next), _) => (span.start, span_of(next).start),
                (None, Some(before)) => (span_of(before).end, span.end),
                (None, None) => (step.args_span.start + 1, step.args_span.end - 1),
            };
        let lines = self.lines(head).collect();
        let (start, end) = (start as usize, end as usize);
        self.made.push(Mutant { kind: "dropped argument", start, end, new: String::new(), lines });
    }

    /// A value where a certain type is wanted.
    fn value(&mut self, expr: &Expr) {
        let text = self.of(expr.span).to_string();
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let (other, units): (&str, &[&str]) = match &expr.kind {
            ExprKind::String(_) | ExprKind::Script(_) | ExprKind::Map(_) => ("7", &[]),
            ExprKind::List(_) => ("7", &[]),
            ExprKind::Int(_) => ("\"seven\"", &[]),
            ExprKind::Float(_) => ("\"much\"", &[]),
            ExprKind::Bool(_) => ("\"maybe\"", &[]),
            ExprKind::Duration(_) => ("\"soon\"", &["sec", "MiB", ""]),
            ExprKind::Size(_) => ("\"large\"", &["MB", "s", ""]),
            ExprKind::Percent(_) => ("\"some\"", &["s", "pct"]),
            ExprKind::Call { function, .. } if function.text == "file" => ("\"a.conf\"", &[]),
            _ => {
                self.expr(expr);
                return;
            }
        };
        self.replace("wrong type", expr.span, other);
        for unit in units {
            self.replace("wrong unit", expr.span, format!("{digits}{unit}"));
        }
        match &expr.kind {
            ExprKind::List(items) => items.iter().for_each(|item| self.value(item)),
            ExprKind::Map(entries) => entries.iter().for_each(|entry| self.value(&entry.value)),
            _ => self.expr(expr),
        }
    }

    fn holes(&mut self, text: &StringLiteral) {
        for piece in &text.pieces {
            if let StringPiece::Hole(hole) = piece {
                self.expr(hole);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.typo("typo in a variable", name.span),
            ExprKind::String(text) => self.holes(text),
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Map(entries) => entries.iter().for_each(|entry| self.expr(&entry.value)),
            ExprKind::Call { function, args } => self.call(function, args),
            ExprKind::MethodCall { base, args, method } => {
                self.expr(base);
                self.typo("typo in a member", method.span);
                self.positional(args);
            }
            ExprKind::Field { base, field } => {
                self.expr(base);
                self.typo("typo in a member", field.span);
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Unary { operand, .. } | ExprKind::Parenthesized(operand) => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.value(left);
                self.value(right);
                let compares_system = self.of(left.span) == "host.os" && self.of(right.span) == "\"linux\"";
                if compares_system {
                    self.replace("wrong platform", right.span, "\"windows\"");
                }
            }
            ExprKind::Where { hosts, condition } => {
                self.expr(hosts);
                self.expr(condition);
            }
            _ => {}
        }
    }

    fn positional(&mut self, args: &[Arg]) {
        for arg in args {
            let (Arg::Positional(value) | Arg::Named(Named { value, .. })) = arg;
            self.expr(value);
        }
    }

    fn call(&mut self, function: &Name, args: &[Arg]) {
        self.typo("typo in a function", function.span);
        let selects = matches!(function.text.as_str(), "group" | "host" | "tag");
        if let (true, Some(Arg::Positional(first))) = (selects, args.first()) {
            let (start, end) = (first.span.start + 1, first.span.end - 1);
            if self.with_inventory && matches!(first.kind, ExprKind::String(_)) {
                self.typo("unknown group", Span { start, end, ..first.span });
            }
            if args.len() == 1 {
                self.replace("dropped argument", first.span, "");
            }
        }
        self.positional(args);
    }

    /// A closing brace is left out: the error must name the line of one of the two.
    fn braces(&mut self) {
        for (open, close) in brace_pairs(self.text) {
            let lines = vec![line_of(self.text, open), line_of(self.text, close)];
            self.made.push(Mutant { kind: "unclosed brace", start: close, end: close + 1, new: String::new(), lines });
        }
    }
}

/// What fingers do: a letter left out, doubled, or swapped with the next.
fn typos(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    let mut doubled = letters.clone();
    doubled.insert(middle, letters[middle]);
    let mut made = vec![doubled];
    if letters.len() > 2 {
        let mut without = letters.clone();
        without.remove(middle);
        made.push(without);
        if let Some(at) = (1..letters.len() - 1).find(|at| letters[*at] != letters[at + 1]) {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            made.push(swapped);
        }
    }
    made.into_iter().map(|letters| letters.into_iter().collect()).collect()
}

/// Offsets of braces that belong together, outside strings and comments.
fn brace_pairs(text: &str) -> Vec<(usize, usize)> {
    let (mut pairs, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let rest = &text[at..];
        let length = match rest.chars().next().unwrap() {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' if rest.starts_with("\"\"\"") => 6 + rest[3..].find("\"\"\"").unwrap(),
            '"' => 2 + quoted_length(&rest[1..]),
            '\'' => 2 + rest[1..].find('\'').unwrap(),
            '/' if text[..at].ends_with('(') => 2 + rest[1..].find("/)").unwrap(),
            '{' => {
                open.push(at);
                1
            }
            '}' => {
                pairs.push((open.pop().unwrap(), at));
                1
            }
            letter => letter.len_utf8(),
        };
        at += length;
    }
    pairs
}

fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    text.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })
    .unwrap()
}

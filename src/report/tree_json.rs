//! `opsc.file/1`: a program's tree for programs. Made of a tree and its canonical text, so that every comment stands where
//! the formatter puts it: before a node, at the end of its line, or before a closing bracket. The way back is
//! `tree_source`; the form of each node is in `tree_forms`.

use serde_json::{Map, Value as Json, json};

use crate::base::source::Span;
use crate::syntax::ast::*;

/// The tree of a file whose text is canonical.
pub fn tree_json(file: &File, text: &str) -> Json {
    let mut collector = Collector { comments: file.comments.iter().peekable(), text };
    let mut object = Object::new();
    object.put("schema", json!("opsc.file/1"));
    object.put("comments", collector.before(file.edition_span.start));
    object.put("edition", json!(file.edition));
    object.put("trailing", collector.trailing(file.edition_span.end));
    let items = file.items.iter().enumerate().map(|(index, item)| collector.item(item, index)).collect();
    object.put("items", items);
    object.put("end", collector.before(u32::MAX));
    object.json()
}

/// An object without what is empty: no comments, no arguments, no alias.
struct Object(Map<String, Json>);

impl Object {
    fn new() -> Object {
        Object(Map::new())
    }

    fn node(kind: &str) -> Object {
        Object::new().with("node", json!(kind))
    }

    fn put(&mut self, key: &str, value: Json) {
        let is_empty = match &value {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.0.insert(key.to_string(), value);
        }
    }

    fn with(mut self, key: &str, value: Json) -> Object {
        self.put(key, value);
        self
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}

/// What stands before a node: comments, and whether an empty line.
struct Before(Json, bool);

/// Takes the comments in the order in which the formatter writes them.
struct Collector<'a> {
    comments: std::iter::Peekable<std::slice::Iter<'a, Comment>>,
    text: &'a str,
}

impl Collector<'_> {
    fn before(&mut self, offset: u32) -> Json {
        let mut found = Vec::new();
        while let Some(comment) = self.comments.next_if(|comment| comment.span.start < offset) {
            let blank = if comment.blank_before { json!(true) } else { Json::Null };
            found.push(Object::new().with("text", json!(comment.text)).with("blank", blank).json());
        }
        Json::Array(found)
    }

    fn trailing(&mut self, end: u32) -> Json {
        let text = self.text;
        let on_this_line = |comment: &&Comment| {
            let between = text.get(end as usize..comment.span.start as usize);
            !comment.own_line && between.is_some_and(|between| !between.contains('\n'))
        };
        self.comments.next_if(on_this_line).map_or(Json::Null, |comment| json!(comment.text))
    }

    fn has_blank(&self, start: u32) -> bool {
        let before = self.text.get(..start as usize).unwrap_or("");
        let gap = before.get(before.trim_end().len()..).unwrap_or("");
        gap.matches('\n').count() > 1
    }

    fn head(&mut self, start: u32) -> Before {
        let comments = self.before(start);
        Before(comments, self.has_blank(start))
    }

    /// A node with what stands before it and at the end of its line.
    fn placed(&mut self, before: Before, node: Object, end: u32) -> Json {
        let trailing = self.trailing(end);
        let blank = if before.1 { json!(true) } else { Json::Null };
        node.with("comments", before.0).with("blank", blank).with("trailing", trailing).json()
    }

    /// Whether the elements of a list stand on lines of their own.
    fn is_broken(&self, open: u32, first: u32) -> bool {
        self.text.get(open as usize..first as usize).is_some_and(|between| between.contains('\n'))
    }

    fn item(&mut self, item: &Item, index: usize) -> Json {
        let (span, is_short) = match item {
            Item::Use(item) => (item.span, true),
            Item::Type(item) => (item.span, true),
            Item::Function(item) => (item.span, false),
            Item::Action(item) => (item.span, false),
            Item::Playbook(item) => (item.span, false),
        };
        let Before(comments, blank) = self.head(span.start);
        // Where the formatter writes an empty line anyway, it says nothing.
        let is_said = comments != json!([]) || (is_short && index > 0);
        let node = match item {
            Item::Use(item) => use_json(item),
            Item::Type(item) => {
                Object::node("type").with("name", json!(item.name.text)).with("type", type_json(&item.ty))
            }
            Item::Function(item) => {
                let node = Object::node("function").with("name", json!(item.name.text));
                node.with("script", script_json(&item.script))
            }
            Item::Action(action) => self.action(action),
            Item::Playbook(playbook) => self.playbook(playbook),
        };
        self.placed(Before(comments, blank && is_said), node, span.end)
    }

    fn params(&mut self, params: &[Param], span: Span, node: Object) -> Object {
        let broken = params.first().is_some_and(|first| self.is_broken(span.start, first.span.start));
        let param = |param: &Param| {
            let comments = self.before(param.span.start);
            let node = Object::new().with("name", json!(param.name.text)).with("type", type_json(&param.ty));
            let node = node.with("default", param.default.as_ref().map_or(Json::Null, |default| self.expr(default)));
            self.element(comments, node, param.span.end, broken)
        };
        let params: Json = params.iter().map(param).collect();
        let broken = if broken { json!(true) } else { Json::Null };
        node.with("params", params).with("params_on_lines", broken).with("params_end", self.before(span.end))
    }

    /// An element of a list; behind a comma there may be a comment, if it has a line of its own.
    fn element(&mut self, comments: Json, node: Object, end: u32, broken: bool) -> Json {
        let trailing = if broken { self.trailing(end + 1) } else { Json::Null };
        node.with("comments", comments).with("trailing", trailing).json()
    }

    fn action(&mut self, action: &Action) -> Object {
        let node = Object::node("action").with("name", json!(action.name.text()));
        let node = self.params(&action.params, action.params_span, node);
        let result = action.result.as_ref().map_or(Json::Null, type_json);
        let node = node.with("result", result).with("effects", effects_json(action.effects.as_ref()));
        let body = match &action.body {
            ActionBody::Steps(block) => block.span.start,
            ActionBody::Impls(impls) => impls.first().map_or(u32::MAX, |first| first.span.start),
        };
        let (before, after): (Vec<&Attr>, Vec<&Attr>) = action.attrs.iter().partition(|attr| attr.span.start < body);
        let mut node = node.with("attrs", self.attrs(before));
        match &action.body {
            ActionBody::Steps(block) => {
                let blank = self.has_blank(block.span.start.saturating_sub(6));
                node.put("steps_blank", if blank { json!(true) } else { Json::Null });
                let block = self.block(block);
                node.put("steps", block);
            }
            ActionBody::Impls(impls) => {
                let impls = impls.iter().map(|each| self.implementation(each)).collect();
                node.put("impls", impls);
            }
        }
        let after = self.attrs(after);
        node.with("attrs_after", after).with("end", self.before(action.span.end.saturating_sub(1)))
    }

    fn implementation(&mut self, each: &Impl) -> Json {
        let comments = self.before(each.span.start);
        let condition = each.condition.as_ref().map_or(Json::Null, |condition| self.expr(condition));
        let phase = |phase: &Phase| {
            let head = self.head(phase.span.start);
            let kind = match phase.kind {
                PhaseKind::Check => "check",
                PhaseKind::Apply => "apply",
                PhaseKind::Verify => "verify",
                PhaseKind::Rollback => "rollback",
            };
            let node = Object::new().with("phase", json!(kind));
            let node = match &phase.body {
                PhaseBody::Script(script) => node.with("script", script_json(script)),
                PhaseBody::Native(name) => node.with("native", string_json(name)),
            };
            self.placed(head, node, phase.span.end)
        };
        let phases: Json = each.phases.iter().map(phase).collect();
        let node = Object::new().with("platform", json!(each.platform.text)).with("where", condition);
        let node = node.with("phases", phases).with("comments", comments);
        node.with("end", self.before(each.span.end.saturating_sub(1))).json()
    }

    fn attrs<'t>(&mut self, attrs: impl IntoIterator<Item = &'t Attr>) -> Json {
        let attr = |attr: &Attr| {
            let head = self.head(attr.span.start);
            let value = self.expr(&attr.value);
            let otherwise = attr.otherwise.as_ref().map_or(Json::Null, string_json);
            let node = Object::new().with("label", json!(attr.label.text)).with("value", value);
            self.placed(head, node.with("else", otherwise), attr.span.end)
        };
        attrs.into_iter().map(attr).collect()
    }

    fn playbook(&mut self, playbook: &Playbook) -> Object {
        let node = Object::node("playbook").with("name", json!(playbook.name.text));
        let node = self.params(&playbook.params, playbook.params_span, node);
        let node = node.with("effects", effects_json(playbook.effects.as_ref()));
        let node = node.with("attrs", self.attrs(&playbook.attrs));
        let node = self.body(&playbook.body, node);
        node.with("end", self.before(playbook.span.end.saturating_sub(1)))
    }

    fn block(&mut self, block: &Block) -> Json {
        let node = Object::new().with("opening", self.trailing(block.span.start + 1));
        let mut node = self.body(block, node);
        node.put("end", self.before(block.span.end.saturating_sub(1)));
        node.json()
    }

    fn body(&mut self, block: &Block, node: Object) -> Object {
        let statements: Json = block.statements.iter().map(|statement| self.statement(statement)).collect();
        let clause = |clause: &Clause| {
            let head = self.head(clause.span.start);
            let kind = match clause.kind {
                ClauseKind::OnFailure => "on failure",
                ClauseKind::AfterBatch => "after batch",
                ClauseKind::Always => "always",
            };
            let node = Object::new().with("clause", json!(kind)).with("body", self.block(&clause.body));
            self.placed(head, node, clause.span.end)
        };
        let clauses: Json = block.clauses.iter().map(clause).collect();
        node.with("statements", statements).with("clauses", clauses)
    }

    fn statement(&mut self, statement: &Statement) -> Json {
        let head = self.head(statement.span.start);
        let node = self.bare_statement(statement);
        self.placed(head, node, statement.span.end)
    }

    fn bare_statement(&mut self, statement: &Statement) -> Object {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                Object::node("let").with("name", json!(name.text)).with("value", self.expr(value))
            }
            StatementKind::On { binding, hosts, options, body } => {
                let node = Object::node("on").with("name", binding_json(binding.as_ref()));
                self.headed(node, hosts, options, body)
            }
            StatementKind::At { host, options, body } => self.headed(Object::node("at"), host, options, body),
            StatementKind::Repeat { options, body } => {
                Object::node("repeat").with("options", self.options(options)).with("body", self.block(body))
            }
            StatementKind::If { condition, then, otherwise } => self.if_statement(condition, then, otherwise.as_ref()),
            StatementKind::For { name, list, body } => {
                let node = Object::node("for").with("name", json!(name.text)).with("list", self.expr(list));
                node.with("body", self.block(body))
            }
            StatementKind::Parallel { body } => Object::node("parallel").with("body", self.block(body)),
            StatementKind::Require { condition, otherwise } => {
                Object::node("require").with("condition", self.expr(condition)).with("else", string_json(otherwise))
            }
            StatementKind::SkipIf { condition, reason } => {
                Object::node("skip").with("condition", self.expr(condition)).with("reason", string_json(reason))
            }
            StatementKind::Rollback { scope } => Object::node("rollback").with(
                "scope",
                json!(match scope {
                    RollbackScope::Host => "host",
                    RollbackScope::Batch => "batch",
                    RollbackScope::All => "all",
                }),
            ),
            StatementKind::Step(step) => {
                let node = Object::node("step").with("name", binding_json(step.binding.as_ref()));
                let node = node.with("action", json!(step.action.text()));
                let node = self.args(&step.args, step.args_span, node);
                node.with("attrs", self.attrs(&step.attrs))
            }
        }
    }

    fn headed(&mut self, node: Object, hosts: &Expr, options: &[Named], body: &Block) -> Object {
        let node = node.with("hosts", self.expr(hosts)).with("options", self.options(options));
        node.with("body", self.block(body))
    }

    fn if_statement(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Else>) -> Object {
        let node = Object::node("if").with("condition", self.expr(condition)).with("then", self.block(then));
        match otherwise {
            Some(Else::Block(block)) => node.with("else", self.block(block)),
            Some(Else::If(statement)) => node.with("else_if", self.bare_statement(statement).json()),
            None => node,
        }
    }

    fn options(&mut self, options: &[Named]) -> Json {
        let option = |option: &Named| {
            Object::new().with("label", json!(option.label.text)).with("value", self.expr(&option.value)).json()
        };
        options.iter().map(option).collect()
    }

    fn args(&mut self, args: &[Arg], span: Span, node: Object) -> Object {
        let place = |arg: &Arg| match arg {
            Arg::Positional(value) => value.span,
            Arg::Named(named) => named.span,
        };
        let broken = args.first().is_some_and(|first| self.is_broken(span.start, place(first).start));
        let arg = |arg: &Arg| {
            let comments = self.before(place(arg).start);
            let (label, value) = match arg {
                Arg::Positional(value) => (Json::Null, self.expr(value)),
                Arg::Named(named) => (json!(named.label.text), self.expr(&named.value)),
            };
            let node = Object::new().with("label", label).with("value", value);
            self.element(comments, node, place(arg).end, broken)
        };
        let args: Json = args.iter().map(arg).collect();
        let end = if broken { self.before(span.end.saturating_sub(1)) } else { Json::Null };
        node.with("args", args).with("args_end", end)
    }

    fn expr(&mut self, expr: &Expr) -> Json {
        let written = |kind: &str| {
            let text = self.text.get(expr.span.start as usize..expr.span.end as usize).unwrap_or("");
            Object::node(kind).with("text", json!(text)).json()
        };
        match &expr.kind {
            ExprKind::None => Object::node("none").json(),
            ExprKind::Bool(value) => Object::node("bool").with("value", json!(value)).json(),
            ExprKind::Int(_) => written("int"),
            ExprKind::Float(_) => written("float"),
            ExprKind::Duration(_) => written("duration"),
            ExprKind::Size(_) => written("size"),
            ExprKind::Percent(_) => written("percent"),
            ExprKind::String(text) => string_json(text),
            ExprKind::Script(script) => script_json(script),
            ExprKind::Name(name) => Object::node("name").with("name", json!(name.text)).json(),
            ExprKind::List(items) => self.list(items, expr.span),
            ExprKind::Map(entries) => self.map(entries, expr.span),
            ExprKind::Call { function, args } => {
                let node = Object::node("call").with("function", json!(function.text));
                self.args(args, Span { start: function.span.end, ..expr.span }, node).json()
            }
            ExprKind::MethodCall { base, method, args } => {
                let node = Object::node("method").with("base", self.expr(base)).with("method", json!(method.text));
                self.args(args, Span { start: method.span.end, ..expr.span }, node).json()
            }
            ExprKind::Field { base, field } => {
                Object::node("field").with("base", self.expr(base)).with("field", json!(field.text)).json()
            }
            ExprKind::Index { base, index } => {
                Object::node("index").with("base", self.expr(base)).with("index", self.expr(index)).json()
            }
            ExprKind::Unary { operator, operand } => {
                let kind = if *operator == UnaryOperator::Not { "not" } else { "negate" };
                Object::node(kind).with("operand", self.expr(operand)).json()
            }
            ExprKind::Binary { operator, left, right, .. } => {
                let node = Object::node("binary").with("operator", json!(operator.symbol()));
                node.with("left", self.expr(left)).with("right", self.expr(right)).json()
            }
            ExprKind::Where { hosts, condition } => {
                let node = Object::node("where").with("hosts", self.expr(hosts));
                node.with("condition", self.expr(condition)).json()
            }
            ExprKind::Parenthesized(inner) => Object::node("parenthesized").with("value", self.expr(inner)).json(),
        }
    }

    fn list(&mut self, items: &[Expr], span: Span) -> Json {
        let broken = items.first().is_some_and(|first| self.is_broken(span.start, first.span.start));
        let item = |item: &Expr| {
            let comments = self.before(item.span.start);
            let node = Object::new().with("value", self.expr(item));
            self.element(comments, node, item.span.end, broken)
        };
        let items: Json = items.iter().map(item).collect();
        let end = if broken { self.before(span.end.saturating_sub(1)) } else { Json::Null };
        Object::node("list").with("items", items).with("end", end).json()
    }

    fn map(&mut self, entries: &[MapEntry], span: Span) -> Json {
        let broken = entries.first().is_some_and(|first| self.is_broken(span.start, first.value.span.start));
        let entry = |entry: &MapEntry| {
            let comments = self.before(entry.value.span.start);
            let node = match &entry.key {
                MapKey::Label(name) => Object::new().with("label", json!(name.text)),
                MapKey::String(text) => Object::new().with("key", string_json(text)),
            };
            let node = node.with("value", self.expr(&entry.value));
            self.element(comments, node, entry.value.span.end, broken)
        };
        let entries: Json = entries.iter().map(entry).collect();
        let end = if broken { self.before(span.end.saturating_sub(1)) } else { Json::Null };
        Object::node("map").with("entries", entries).with("end", end).json()
    }
}

fn binding_json(name: Option<&Name>) -> Json {
    name.map_or(Json::Null, |name| json!(name.text))
}

fn effects_json(effects: Option<&Effects>) -> Json {
    effects.map_or(Json::Null, |effects| effects.names.iter().map(|name| json!(name.text)).collect())
}

fn use_json(item: &Use) -> Object {
    let node = match &item.source {
        UseSource::Path(path) => Object::node("use").with("path", string_json(path)),
        UseSource::Name(name) => Object::node("use").with("name", json!(name.text())),
    };
    node.with("alias", binding_json(item.alias.as_ref()))
}

fn script_json(script: &Script) -> Json {
    let block = if script.block { json!(true) } else { Json::Null };
    let node = Object::node("script").with("language", json!(script.language.name())).with("block", block);
    node.with("text", json!(script.text)).json()
}

fn string_json(text: &StringLiteral) -> Json {
    let style = match text.style {
        StringStyle::Raw => "raw",
        StringStyle::Quoted => "quoted",
        StringStyle::Block => "block",
    };
    let piece = |piece: &StringPiece| match piece {
        StringPiece::Text(text) => json!({ "text": text }),
        StringPiece::Hole(path) => json!({ "hole": path_json(path) }),
    };
    let node = Object::node("string").with("style", json!(style));
    node.with("pieces", text.pieces.iter().map(piece).collect()).json()
}

/// What stands in a hole, and the end of a range: no comment can be in it.
fn path_json(expr: &Expr) -> Json {
    match &expr.kind {
        ExprKind::Field { base, field } => {
            Object::node("field").with("base", path_json(base)).with("field", json!(field.text)).json()
        }
        ExprKind::Index { base, index } => {
            Object::node("index").with("base", path_json(base)).with("index", path_json(index)).json()
        }
        ExprKind::String(text) => string_json(text),
        ExprKind::Name(name) => Object::node("name").with("name", json!(name.text)).json(),
        ExprKind::Int(value) => Object::node("int").with("text", json!(value.to_string())).json(),
        ExprKind::Float(value) => Object::node("float").with("text", json!(format!("{value:?}"))).json(),
        ExprKind::Duration(value) => {
            Object::node("duration").with("text", json!(crate::base::words::duration(*value))).json()
        }
        ExprKind::Size(value) => Object::node("size").with("text", json!(crate::base::words::size(*value))).json(),
        ExprKind::Percent(value) => Object::node("percent").with("text", json!(format!("{value}%"))).json(),
        _ => Json::Null,
    }
}

fn type_json(ty: &Type) -> Json {
    let all = |types: &[Type]| types.iter().map(type_json).collect::<Json>();
    match &ty.kind {
        TypeKind::Name { name, args, refinement } => {
            let node = Object::node("named").with("name", json!(name.text)).with("args", all(args));
            let end = |end: &Option<Expr>| end.as_ref().map_or(Json::Null, path_json);
            match refinement {
                Some(Refinement::Pattern { text, .. }) => node.with("pattern", json!(text)).json(),
                Some(Refinement::Range { min, max, .. }) => {
                    let range = Object::new().with("min", end(min)).with("max", end(max)).json();
                    node.with("range", range).json()
                }
                None => node.json(),
            }
        }
        TypeKind::Record(fields) => {
            let field = |field: &TypeField| json!({ "name": field.name.text, "type": type_json(&field.ty) });
            Object::node("record").with("fields", fields.iter().map(field).collect()).json()
        }
        TypeKind::String(text) => Object::node("text").with("value", string_json(text)).json(),
        TypeKind::Int(value) => Object::node("number").with("value", json!(value)).json(),
        TypeKind::Union(members) => Object::node("union").with("members", all(members)).json(),
        TypeKind::Optional(inner) => Object::node("optional").with("type", type_json(inner)).json(),
    }
}

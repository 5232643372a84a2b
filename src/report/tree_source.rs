//! `opsc.file/1` → a program's text, not yet canonical: every element on a line of its own, comments where they belong.
//! Whether it means what the tree said is seen by reading it back, see [`differs`]. Knows the form from `tree_shape`.

use serde_json::{Map, Value as Json};

use super::tree_shape::{ShapeError, below};

/// A text, and which place of the tree each stretch of it was written for.
pub struct Source {
    pub text: String,
    marks: Vec<(usize, String)>,
}

impl Source {
    /// The pointer of the node that was written at an offset.
    pub fn pointer_at(&self, offset: usize) -> &str {
        let before = self.marks.iter().rev().find(|(start, _)| *start <= offset);
        before.map_or("", |(_, pointer)| pointer)
    }
}

/// The text of a tree that `tree_shape::judge` accepted.
pub fn tree_source(file: &Json) -> Source {
    let mut writer = Writer { out: String::new(), marks: Vec::new() };
    writer.comments(file, "comments");
    writer.push(&format!("ops {}", file.get("edition").unwrap_or(&Json::Null)));
    writer.trailing(file);
    writer.each(file, "items", "", Writer::item);
    writer.comments(file, "end");
    Source { text: writer.out, marks: writer.marks }
}

fn text<'j>(node: &'j Json, key: &str) -> &'j str {
    node.get(key).and_then(Json::as_str).unwrap_or("")
}

fn list<'j>(node: &'j Json, key: &str) -> &'j [Json] {
    node.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn flag(node: &Json, key: &str) -> bool {
    node.get(key).and_then(Json::as_bool).unwrap_or(false)
}

struct Writer {
    out: String,
    marks: Vec<(usize, String)>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn mark(&mut self, pointer: &str) {
        self.marks.push((self.out.len(), pointer.to_string()));
    }

    /// Writes each node of a list, with its pointer.
    fn each(&mut self, node: &Json, key: &str, pointer: &str, write: fn(&mut Writer, &Json, &str)) {
        for (index, item) in list(node, key).iter().enumerate() {
            let pointer = below(&below(pointer, key), &index.to_string());
            self.mark(&pointer);
            write(self, item, &pointer);
        }
    }

    /// Writes the node under a key, with its pointer.
    fn at(&mut self, node: &Json, key: &str, pointer: &str, write: fn(&mut Writer, &Json, &str)) {
        if let Some(inner) = node.get(key) {
            let pointer = below(pointer, key);
            self.mark(&pointer);
            write(self, inner, &pointer);
        }
    }

    /// Comments, each on a line of its own; the line stays open at its start.
    fn comments(&mut self, node: &Json, key: &str) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.push("\n");
        }
        for comment in list(node, key) {
            if flag(comment, "blank") {
                self.push("\n");
            }
            self.push(text(comment, "text"));
            self.push("\n");
        }
    }

    fn head(&mut self, node: &Json) {
        self.comments(node, "comments");
        if flag(node, "blank") {
            self.push("\n");
        }
    }

    fn trailing(&mut self, node: &Json) {
        if node.get("trailing").is_some() {
            self.push("  ");
            self.push(text(node, "trailing"));
        }
        self.push("\n");
    }

    fn item(&mut self, item: &Json, pointer: &str) {
        self.head(item);
        match text(item, "node") {
            "use" => {
                self.push("use ");
                self.push(text(item, "name"));
                self.at(item, "path", pointer, Writer::string);
                if item.get("alias").is_some() {
                    self.push(&format!(" as {}", text(item, "alias")));
                }
            }
            "type" => {
                self.push(&format!("type {} = ", text(item, "name")));
                self.at(item, "type", pointer, Writer::type_);
            }
            "function" => {
                self.push(&format!("function {} ", text(item, "name")));
                self.at(item, "script", pointer, Writer::script);
            }
            "action" => self.action(item, pointer),
            _ => self.playbook(item, pointer),
        }
        self.trailing(item);
    }

    fn params(&mut self, item: &Json, pointer: &str) {
        self.push(&format!("{} {}(", text(item, "node"), text(item, "name")));
        let last = list(item, "params").len();
        for (index, param) in list(item, "params").iter().enumerate() {
            let pointer = below(&below(pointer, "params"), &index.to_string());
            self.mark(&pointer);
            self.comments(param, "comments");
            self.push(&format!("{}: ", text(param, "name")));
            self.at(param, "type", &pointer, Writer::type_);
            if param.get("default").is_some() {
                self.push(" = ");
                self.at(param, "default", &pointer, Writer::expr);
            }
            // A comma behind the last one asks for a line for each.
            if index + 1 < last || flag(item, "params_on_lines") {
                self.push(",");
            }
            self.trailing(param);
        }
        self.comments(item, "params_end");
        self.push(")");
    }

    fn effects(&mut self, item: &Json) {
        let names: Vec<&str> = list(item, "effects").iter().filter_map(Json::as_str).collect();
        if !names.is_empty() {
            self.push(&format!(" ! {}", names.join(", ")));
        }
        self.push(" {\n");
    }

    fn action(&mut self, item: &Json, pointer: &str) {
        self.params(item, pointer);
        if item.get("result").is_some() {
            self.push(" -> ");
            self.at(item, "result", pointer, Writer::type_);
        }
        self.effects(item);
        self.each(item, "attrs", pointer, Writer::attr);
        if item.get("steps").is_some() {
            self.push(if flag(item, "steps_blank") { "\nsteps " } else { "steps " });
            self.at(item, "steps", pointer, Writer::block);
            self.push("\n");
        }
        self.each(item, "impls", pointer, Writer::implementation);
        self.each(item, "attrs_after", pointer, Writer::attr);
        self.comments(item, "end");
        self.push("}");
    }

    fn implementation(&mut self, each: &Json, pointer: &str) {
        self.comments(each, "comments");
        self.push(text(each, "platform"));
        if each.get("where").is_some() {
            self.push(" where ");
            self.at(each, "where", pointer, Writer::expr);
        }
        self.push(" {\n");
        self.each(each, "phases", pointer, Writer::phase);
        self.comments(each, "end");
        self.push("}\n");
    }

    fn phase(&mut self, phase: &Json, pointer: &str) {
        self.head(phase);
        self.push(&format!("{} ", text(phase, "phase")));
        self.at(phase, "script", pointer, Writer::script);
        if phase.get("native").is_some() {
            self.push("native ");
            self.at(phase, "native", pointer, Writer::string);
        }
        self.trailing(phase);
    }

    fn attr(&mut self, attr: &Json, pointer: &str) {
        self.head(attr);
        self.labelled(attr, pointer);
        if attr.get("else").is_some() {
            self.push(" else ");
            self.at(attr, "else", pointer, Writer::string);
        }
        self.trailing(attr);
    }

    fn labelled(&mut self, node: &Json, pointer: &str) {
        if node.get("label").is_some() {
            self.push(&format!("{}: ", text(node, "label")));
        }
        self.at(node, "value", pointer, Writer::expr);
    }

    fn playbook(&mut self, item: &Json, pointer: &str) {
        self.params(item, pointer);
        self.effects(item);
        self.each(item, "attrs", pointer, Writer::attr);
        self.body(item, pointer);
        self.comments(item, "end");
        self.push("}");
    }

    fn block(&mut self, block: &Json, pointer: &str) {
        self.push("{");
        if block.get("opening").is_some() {
            self.push(&format!("  {}", text(block, "opening")));
        }
        self.push("\n");
        self.body(block, pointer);
        self.comments(block, "end");
        self.push("}");
    }

    fn body(&mut self, block: &Json, pointer: &str) {
        self.each(block, "statements", pointer, |writer, statement, pointer| {
            writer.head(statement);
            writer.statement(statement, pointer);
            writer.trailing(statement);
        });
        self.each(block, "clauses", pointer, |writer, clause, pointer| {
            writer.head(clause);
            writer.push(&format!("{} ", text(clause, "clause")));
            writer.at(clause, "body", pointer, Writer::block);
            writer.trailing(clause);
        });
    }

    fn statement(&mut self, node: &Json, pointer: &str) {
        let kind = text(node, "node");
        match kind {
            "let" => {
                self.push(&format!("let {} = ", text(node, "name")));
                self.at(node, "value", pointer, Writer::expr);
            }
            "on" | "at" | "repeat" | "parallel" => self.headed(kind, node, pointer),
            "for" => {
                self.push(&format!("for {} in ", text(node, "name")));
                self.at(node, "list", pointer, Writer::expr);
                self.push(" ");
                self.at(node, "body", pointer, Writer::block);
            }
            "if" => self.if_statement(node, pointer),
            "require" => {
                self.push("require ");
                self.at(node, "condition", pointer, Writer::expr);
                self.push(" else ");
                self.at(node, "else", pointer, Writer::string);
            }
            "skip" => {
                self.push("skip if ");
                self.at(node, "condition", pointer, Writer::expr);
                self.push(" ");
                self.at(node, "reason", pointer, Writer::string);
            }
            "rollback" => match text(node, "scope") {
                "host" => self.push("rollback"),
                scope => self.push(&format!("rollback {scope}")),
            },
            _ => self.step(node, pointer),
        }
    }

    fn binding(&mut self, node: &Json) {
        if node.get("name").is_some() {
            self.push(&format!("{} = ", text(node, "name")));
        }
    }

    fn headed(&mut self, kind: &str, node: &Json, pointer: &str) {
        self.binding(node);
        self.push(&format!("{kind} "));
        self.at(node, "hosts", pointer, Writer::expr);
        if kind == "repeat" || !list(node, "options").is_empty() {
            self.push(" (");
            self.each(node, "options", pointer, |writer, option, pointer| {
                writer.labelled(option, pointer);
                writer.push(", ");
            });
            self.push(")");
        }
        self.push(" ");
        self.at(node, "body", pointer, Writer::block);
    }

    fn if_statement(&mut self, node: &Json, pointer: &str) {
        self.push("if ");
        self.at(node, "condition", pointer, Writer::expr);
        self.push(" ");
        self.at(node, "then", pointer, Writer::block);
        for key in ["else", "else_if"] {
            if node.get(key).is_some() {
                self.push(" else ");
                self.at(node, key, pointer, if key == "else" { Writer::block } else { Writer::statement });
            }
        }
    }

    fn step(&mut self, node: &Json, pointer: &str) {
        self.binding(node);
        self.push(text(node, "action"));
        self.args(node, pointer);
        if !list(node, "attrs").is_empty() {
            self.push(" {\n");
            self.each(node, "attrs", pointer, Writer::attr);
            self.push("}");
        }
    }

    fn args(&mut self, node: &Json, pointer: &str) {
        self.elements(node, "args", "args_end", ("(", ")"), pointer);
    }

    fn elements(&mut self, node: &Json, key: &str, end: &str, brackets: (&str, &str), pointer: &str) {
        self.push(brackets.0);
        self.each(node, key, pointer, |writer, element, pointer| {
            writer.comments(element, "comments");
            if element.get("key").is_some() {
                writer.at(element, "key", pointer, Writer::string);
                writer.push(": ");
            }
            writer.labelled(element, pointer);
            writer.push(",");
            writer.trailing(element);
        });
        if !list(node, end).is_empty() {
            self.comments(node, end);
        }
        self.push(brackets.1);
    }

    fn expr(&mut self, node: &Json, pointer: &str) {
        match text(node, "node") {
            "none" => self.push("none"),
            "bool" => self.push(if flag(node, "value") { "true" } else { "false" }),
            "string" => self.string(node, pointer),
            "script" => self.script(node, pointer),
            "name" => self.push(text(node, "name")),
            "list" => self.elements(node, "items", "end", ("[", "]"), pointer),
            "map" => self.elements(node, "entries", "end", ("{", "}"), pointer),
            "call" => {
                self.push(text(node, "function"));
                self.args(node, pointer);
            }
            "method" => {
                self.at(node, "base", pointer, Writer::expr);
                self.push(&format!(".{}", text(node, "method")));
                self.args(node, pointer);
            }
            "field" => {
                self.at(node, "base", pointer, Writer::expr);
                self.push(&format!(".{}", text(node, "field")));
            }
            "index" => {
                self.at(node, "base", pointer, Writer::expr);
                self.push("[");
                self.at(node, "index", pointer, Writer::expr);
                self.push("]");
            }
            operator @ ("not" | "negate") => {
                self.push(if operator == "not" { "not " } else { "-" });
                self.at(node, "operand", pointer, Writer::expr);
            }
            "binary" => self.between(node, ("left", text(node, "operator"), "right"), pointer),
            "where" => self.between(node, ("hosts", "where", "condition"), pointer),
            "parenthesized" => {
                self.push("(");
                self.at(node, "value", pointer, Writer::expr);
                self.push(")");
            }
            _ => self.push(text(node, "text")),
        }
    }

    fn between(&mut self, node: &Json, (left, word, right): (&str, &str, &str), pointer: &str) {
        self.at(node, left, pointer, Writer::expr);
        self.push(&format!(" {word} "));
        self.at(node, right, pointer, Writer::expr);
    }

    fn script(&mut self, node: &Json, _pointer: &str) {
        self.push(text(node, "language"));
        if flag(node, "block") {
            self.push(&format!("\"\"\"\n{}\n\"\"\"", text(node, "text")));
        } else {
            self.push(&format!("\"{}\"", text(node, "text").replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }

    fn string(&mut self, node: &Json, pointer: &str) {
        let (open, close, escape): (_, _, fn(&str) -> String) = match text(node, "style") {
            "raw" => ("'", "'", str::to_string),
            "block" => ("\"\"\"\n", "\n\"\"\"", escaped_in_block),
            _ => ("\"", "\"", escaped),
        };
        self.push(open);
        for (index, piece) in list(node, "pieces").iter().enumerate() {
            if piece.get("hole").is_some() {
                self.push("{");
                self.at(piece, "hole", &below(&below(pointer, "pieces"), &index.to_string()), Writer::expr);
                self.push("}");
            } else {
                self.push(&escape(text(piece, "text")));
            }
        }
        self.push(close);
    }

    fn type_(&mut self, node: &Json, pointer: &str) {
        match text(node, "node") {
            "record" => {
                self.push("{");
                self.each(node, "fields", pointer, |writer, field, pointer| {
                    writer.push(&format!("{}: ", text(field, "name")));
                    writer.at(field, "type", pointer, Writer::type_);
                    writer.push(", ");
                });
                self.push("}");
            }
            "text" => self.at(node, "value", pointer, Writer::string),
            "number" => self.push(&node.get("value").unwrap_or(&Json::Null).to_string()),
            "union" => {
                for (index, member) in list(node, "members").iter().enumerate() {
                    self.push(if index > 0 { " | " } else { "" });
                    self.grouped(member, &below(&below(pointer, "members"), &index.to_string()));
                }
            }
            "optional" => {
                self.at(node, "type", pointer, Writer::grouped);
                self.push("?");
            }
            _ => self.named(node, pointer),
        }
    }

    /// A type inside another, in parentheses where it would be read as part of that.
    fn grouped(&mut self, node: &Json, pointer: &str) {
        let is_loose = matches!(text(node, "node"), "union" | "optional");
        self.push(if is_loose { "(" } else { "" });
        self.type_(node, pointer);
        self.push(if is_loose { ")" } else { "" });
    }

    fn named(&mut self, node: &Json, pointer: &str) {
        self.push(text(node, "name"));
        if !list(node, "args").is_empty() {
            let mut before = "<";
            for (index, arg) in list(node, "args").iter().enumerate() {
                self.push(before);
                self.type_(arg, &below(&below(pointer, "args"), &index.to_string()));
                before = ", ";
            }
            self.push(">");
        }
        if node.get("pattern").is_some() {
            self.push(&format!("(/{}/)", text(node, "pattern").replace('/', "\\/")));
        }
        self.at(node, "range", pointer, |writer, range, pointer| {
            writer.push("(");
            writer.at(range, "min", pointer, Writer::expr);
            writer.push("..");
            writer.at(range, "max", pointer, Writer::expr);
            writer.push(")");
        });
    }
}

fn escaped(text: &str) -> String {
    let escape = |text: String, (from, to): &(char, &str)| text.replace(*from, to);
    [('\\', "\\\\"), ('"', "\\\""), ('{', "\\{"), ('\n', "\\n"), ('\t', "\\t"), ('\r', "\\r")]
        .iter()
        .fold(text.to_string(), escape)
}

fn escaped_in_block(text: &str) -> String {
    text.replace('\\', "\\\\").replace('{', "\\{").replace('"', "\\\"").replace('\r', "\\r")
}

/// Where what was read back means something else than what was given: a name that is a keyword, a text that is more than
/// one expression, a comment that has no place.
pub fn differs(given: &Json, read: &Json) -> Option<ShapeError> {
    first_difference(&meaning(given), &meaning(read), "").or_else(|| {
        let (given, read) = (comments_in(given), comments_in(read));
        let lost = given.iter().find(|(text, _)| {
            let count = |all: &[(String, String)]| all.iter().filter(|(other, _)| other == text).count();
            count(&given) != count(&read)
        });
        lost.map(|(text, pointer)| ShapeError {
            pointer: pointer.clone(),
            reason: format!("the comment `{text}` has no place there"),
        })
    })
}

/// What is only layout, or says that nothing is there.
fn meaning(node: &Json) -> Json {
    const LAYOUT: &[&str] = &[
        "comments",
        "trailing",
        "blank",
        "end",
        "opening",
        "params_end",
        "params_on_lines",
        "args_end",
        "steps_blank",
    ];
    match node {
        Json::Object(fields) => {
            let keeps = |(key, value): &(&String, &Json)| {
                !LAYOUT.contains(&key.as_str())
                    && **value != Json::Array(Vec::new())
                    && !(*key == "block" && **value == Json::Bool(false))
            };
            fields.iter().filter(keeps).map(|(key, value)| (key.clone(), meaning(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(meaning).collect(),
        other => other.clone(),
    }
}

fn first_difference(given: &Json, read: &Json, pointer: &str) -> Option<ShapeError> {
    match (given, read) {
        (Json::Object(given), Json::Object(read)) => {
            let mut keys: Vec<&String> = given.keys().chain(read.keys()).collect();
            keys.dedup();
            let null = Json::Null;
            keys.into_iter().find_map(|key| {
                let side = |fields: &Map<String, Json>| fields.get(key).cloned().unwrap_or(null.clone());
                first_difference(&side(given), &side(read), &below(pointer, key))
            })
        }
        (Json::Array(given), Json::Array(read)) if given.len() == read.len() => given
            .iter()
            .zip(read)
            .enumerate()
            .find_map(|(index, (given, read))| first_difference(given, read, &below(pointer, &index.to_string()))),
        _ if given == read => None,
        _ => Some(ShapeError {
            pointer: pointer.to_string(),
            reason: format!("written as a program this reads as {}", shortened(read)),
        }),
    }
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// Every comment of a tree with its pointer, in order.
fn comments_in(node: &Json) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect_comments(node, "", &mut found);
    found
}

fn collect_comments(node: &Json, pointer: &str, found: &mut Vec<(String, String)>) {
    match node {
        Json::Object(fields) => {
            for (key, value) in fields {
                let at = below(pointer, key);
                match (key.as_str(), value) {
                    ("trailing" | "opening", Json::String(text)) => found.push((text.clone(), at)),
                    ("comments" | "end" | "params_end" | "args_end", Json::Array(items)) => {
                        found.extend(items.iter().map(|comment| (text(comment, "text").to_string(), at.clone())));
                    }
                    _ => collect_comments(value, &at, found),
                }
            }
        }
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect_comments(item, &below(pointer, &index.to_string()), found)),
        _ => {}
    }
}

//! `opsc.file/1` → a program's text, not yet canonical: every element on a line of its own, comments where they belong.
//! Whether it means what the tree said is seen by reading it back, see `tree_differences`. Knows the form from
//! `tree_forms`.

use serde_json::Value as Json;

use super::tree_shape::below;

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

pub(super) fn text<'j>(node: &'j Json, key: &str) -> &'j str {
    node.get(key).and_then(Json::as_str).unwrap_or("")
}

pub(super) fn list<'j>(node: &'j Json, key: &str) -> &'j [Json] {
    node.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn flag(node: &Json, key: &str) -> bool {
    node.get(key).and_then(Json::as_bool).unwrap_or(false)
}

pub(super) struct Writer {
    out: String,
    marks: Vec<(usize, String)>,
}

impl Writer {
    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn mark(&mut self, pointer: &str) {
        self.marks.push((self.out.len(), pointer.to_string()));
    }

    /// Writes each node of a list, with its pointer.
    pub(super) fn each(&mut self, node: &Json, key: &str, pointer: &str, write: fn(&mut Writer, &Json, &str)) {
        for (index, item) in list(node, key).iter().enumerate() {
            let pointer = below(&below(pointer, key), &index.to_string());
            self.mark(&pointer);
            write(self, item, &pointer);
        }
    }

    /// Writes the node under a key, with its pointer.
    pub(super) fn at(&mut self, node: &Json, key: &str, pointer: &str, write: fn(&mut Writer, &Json, &str)) {
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

    pub(super) fn args(&mut self, node: &Json, pointer: &str) {
        self.elements(node, "args", "args_end", ("(", ")"), pointer);
    }

    pub(super) fn elements(&mut self, node: &Json, key: &str, end: &str, brackets: (&str, &str), pointer: &str) {
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
}

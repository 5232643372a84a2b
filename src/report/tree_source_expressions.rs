//! Expressions, strings, scripts and types of `opsc.file/1` → their text. Knows nothing of what they stand in.

use serde_json::Value as Json;

use super::tree_shape::below;
use super::tree_source::{Writer, flag, list, text};

impl Writer {
    pub(super) fn expr(&mut self, node: &Json, pointer: &str) {
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

    pub(super) fn script(&mut self, node: &Json, _pointer: &str) {
        self.push(text(node, "language"));
        if flag(node, "block") {
            self.push(&format!("\"\"\"\n{}\n\"\"\"", text(node, "text")));
        } else {
            self.push(&format!("\"{}\"", text(node, "text").replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }

    pub(super) fn string(&mut self, node: &Json, pointer: &str) {
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

    pub(super) fn type_(&mut self, node: &Json, pointer: &str) {
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

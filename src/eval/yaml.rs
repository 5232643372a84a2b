//! Values as YAML and back: `to_yaml`, `from_yaml` and the filters of templates. What is read may come from anywhere, so how
//! deep it is nested and how large it grows by its aliases is bounded. Knows no places: `inventory` has a reader of its own.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::Value as Json;

use crate::hir::value::Value;

const MOST_DEPTH: usize = 64;
/// Bytes of texts and keys, and some for each value; what an alias stands for counts each time.
const MOST_WEIGHT: usize = 16 << 20;
const OF_A_VALUE: usize = size_of::<Value>();

const NOT_YAML: &str = "YAML";
const TOO_DEEP: &str = "YAML: values are nested more than 64 deep";
const TOO_LARGE: &str = "YAML: it holds more than 16 MiB of values, counted where aliases repeat them";
const UNKNOWN_ALIAS: &str = "YAML: an alias stands for nothing before it";
const HAS_TAGS: &str = "YAML: tags such as `!x` are not read";
const HAS_DOCUMENTS: &str = "YAML: it holds several documents";
const BAD_KEY: &str = "YAML: keys are texts, each once, and `<<` merges nothing";

/// The one document of a text; an empty one is absent. The error ends the sentence "… cannot be read as".
pub fn read(text: &str) -> Result<Value, &'static str> {
    if text.len() > MOST_WEIGHT {
        return Err(TOO_LARGE);
    }
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), weight: 0 };
    let mut document = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => return Err(HAS_DOCUMENTS),
            Event::DocumentStart(_) => {}
            event => document = Some(reader.node(event, 0)?),
        }
    }
    Ok(document.unwrap_or(Value::None))
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    /// What an anchor marks, and its weight. One that is still being read is not in it: nothing holds itself.
    anchors: HashMap<usize, (Value, usize)>,
    weight: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<Event<'a>>, &'static str> {
        self.events.next().transpose().map(|event| event.map(|(event, _)| event)).map_err(|_| NOT_YAML)
    }

    fn weigh(&mut self, more: usize) -> Result<(), &'static str> {
        self.weight = self.weight.saturating_add(more);
        if self.weight > MOST_WEIGHT { Err(TOO_LARGE) } else { Ok(()) }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Value, &'static str> {
        if depth > MOST_DEPTH {
            return Err(TOO_DEEP);
        }
        let before = self.weight;
        self.weigh(OF_A_VALUE)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let (value, weight) = self.anchors.get(&anchor).ok_or(UNKNOWN_ALIAS)?.clone();
                self.weigh(weight)?;
                return Ok(value);
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(HAS_TAGS);
            }
            Event::Scalar(text, style, anchor, None) => {
                self.weigh(text.len())?;
                (scalar(&text, style), anchor)
            }
            Event::SequenceStart(anchor, None) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, None) => (self.record(depth)?, anchor),
            _ => return Err(NOT_YAML),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), self.weight - before));
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, &'static str> {
        let mut items = Vec::new();
        loop {
            match self.next()?.ok_or(NOT_YAML)? {
                Event::SequenceEnd => return Ok(Value::List(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn record(&mut self, depth: usize) -> Result<Value, &'static str> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let key = match self.next()?.ok_or(NOT_YAML)? {
                Event::MappingEnd => return Ok(Value::Record(fields)),
                Event::Scalar(text, style, _, None) if style != ScalarStyle::Plain || text != "<<" => text.to_string(),
                _ => return Err(BAD_KEY),
            };
            self.weigh(key.len())?;
            if !seen.insert(key.clone()) {
                return Err(BAD_KEY);
            }
            let event = self.next()?.ok_or(NOT_YAML)?;
            fields.push((key, self.node(event, depth + 1)?));
        }
    }
}

/// YAML 1.2 core scalars; quoted ones are always texts.
pub fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::string(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::None,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::string(text)),
    }
}

/// `0640` stays a text: it is a mode or a code, never eight hundred or so.
fn number(text: &str) -> Option<Value> {
    let digits = text.trim_start_matches('-');
    if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") {
        return None;
    }
    if !digits.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let float = || text.parse().ok().filter(|number: &f64| number.is_finite());
    text.parse().map(Value::Int).ok().or_else(|| float().map(Value::Float))
}

/// YAML in blocks, each line ended. Readers of YAML 1.1 take it for the same: their words for yes and no are quoted.
pub fn write(value: &Json) -> String {
    lines(value).into_iter().map(|line| line + "\n").collect()
}

/// The same of a value that is data: texts, numbers, lists and records of them.
pub fn write_value(value: &Value) -> String {
    write(&json(value))
}

/// The same of a value that is data, as JSON.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Record(fields) => fields.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        _ => Json::Null,
    }
}

fn lines(value: &Json) -> Vec<String> {
    let is_block = |value: &Json| match value {
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    match value {
        Json::Array(items) if is_block(value) => {
            let item = |item| lines(item).into_iter().enumerate().map(|(at, line)| indented(at == 0, "- ", &line));
            items.iter().flat_map(item).collect()
        }
        Json::Object(fields) if is_block(value) => {
            let mut all = Vec::new();
            for (name, value) in fields {
                let name = text(name);
                if is_block(value) {
                    all.push(format!("{name}:"));
                    all.extend(lines(value).into_iter().map(|line| indented(false, "", &line)));
                } else {
                    all.extend(lines(value).into_iter().map(|line| format!("{name}: {line}")));
                }
            }
            all
        }
        Json::String(value) => vec![text(value)],
        other => vec![other.to_string()],
    }
}

fn indented(is_first: bool, mark: &str, line: &str) -> String {
    if is_first { format!("{mark}{line}") } else { format!("  {line}") }
}

/// Plain where nobody reads it as something else, else in double quotes, whose escapes are JSON's and more.
fn text(text: &str) -> String {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | '/'));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '/' | '.' | '-' | '+' | '@');
    if starts && text.chars().all(plain) && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_string();
    }
    let mut quoted = String::new();
    for letter in Json::from(text).to_string().chars() {
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted.push_str(&format!("\\u{:04x}", letter as u32));
            }
            other => quoted.push(other),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use serde_json::json;

    use super::*;
    use crate::eval::functions::from_json;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "name": "web", "empty": "", "none": null, "yes": "yes", "on": true, "mode": "0640", "number": "12",
            "float": 1.5, "int": -3, "list": [], "map": {}, "a b": "x: y", "#": "- a", "end:": "a #b", "tilde": "~",
            "nested": [[1, [2]], { "a": [{ "b": "c", "d": { "e": [] } }], "f": null }, []],
            "lines": "a\n  b\n", "odd": "\"'\\\t\u{7}\u{85}\u{2028}\u{feff}ü🦀", " lead": " trail ", "1": "1e5", "<<": "<<",
        });
        let text = write(&value);
        assert_eq!(read(&text), Ok(from_json(value)), "{text}");
        assert_eq!(write(&json!("web")), "web\n");
        assert_eq!(
            write(&json!({ "a": [1, { "b": "no", "c": [2] }], "d": { "e": "http://x" } })),
            "a:\n  - 1\n  - b: \"no\"\n    c:\n      - 2\nd:\n  e: \"http://x\"\n"
        );
    }

    #[test]
    fn aliases_stand_for_what_they_name() {
        let read = |text: &str| read(text).map(|value| value.literal());
        assert_eq!(read("a: &x [1, 2]\nb: *x\n"), Ok("{ a: [1, 2], b: [1, 2] }".to_string()));
        assert_eq!(read(""), Ok("none".to_string()));
        assert_eq!(read("0640"), Ok("\"0640\"".to_string()));
        for (text, reason) in [
            ("a: *x\n", NOT_YAML),
            ("&x [*x]", UNKNOWN_ALIAS),
            ("a: [", NOT_YAML),
            ("a: !!str 1", HAS_TAGS),
            ("1\n---\n2\n", HAS_DOCUMENTS),
            ("a: 1\na: 2\n", BAD_KEY),
            ("[a]: 1\n", BAD_KEY),
            ("x: &x { a: 1 }\ny:\n  <<: *x\n", BAD_KEY),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        assert_eq!(read(&("[".repeat(65) + &"]".repeat(65))).map(|_| ()), Ok(()));
        assert_eq!(read(&("[".repeat(66) + &"]".repeat(66))), Err(TOO_DEEP));
        assert_eq!(read(&("- ".repeat(66) + "a")), Err(TOO_DEEP));
        assert!(read(&"[".repeat(1 << 20)).is_err() && read(&"- ".repeat(1 << 20)).is_err());
        assert_eq!(read(&" ".repeat(MOST_WEIGHT + 1)), Err(TOO_LARGE));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
        for level in 1..20 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert_eq!(read(&laughs), Err(TOO_LARGE));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 17].join(", "));
        assert_eq!(read(&long), Err(TOO_LARGE));
    }
}

//! The form of `opsc.file/1` as one table: it judges what others write, with the place of each fault as a JSON pointer,
//! and it is published as a JSON Schema. Knows nothing of trees or texts.

use std::fmt;

use serde_json::{Map, Value as Json, json};

use crate::base::near::nearest;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Text,
    /// A name: letters, digits and `_`.
    Label,
    /// Labels joined by dots.
    Dotted,
    /// `# …`, one line.
    Comment,
    Bool,
    Int,
    Word(&'static [&'static str]),
    Node(&'static str),
    List(&'static str),
    Labels,
}

struct Field {
    name: &'static str,
    shape: Shape,
    required: bool,
    about: &'static str,
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: true, about }
}

const fn may(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, about }
}

/// One form of a definition; `node` tells several apart.
struct Variant {
    node: Option<&'static str>,
    fields: &'static [Field],
    /// Exactly one of these fields is there.
    one_of: &'static [&'static str],
}

const fn only(fields: &'static [Field]) -> Variant {
    Variant { node: None, fields, one_of: &[] }
}

const fn node(node: &'static str, fields: &'static [Field]) -> Variant {
    Variant { node: Some(node), fields, one_of: &[] }
}

struct Definition {
    name: &'static str,
    about: &'static str,
    /// May have comments, and where `line` an empty line and a comment at its end.
    place: Place,
    variants: &'static [Variant],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Element,
    Line,
}

use Shape::*;

const COMMENTS: Field = may("comments", List("comment"), "Comments on the lines before it.");
const TRAILING: Field = may("trailing", Comment, "A comment at the end of its line.");
const BLANK: Field = may("blank", Bool, "Whether an empty line stands before it.");
const END: Field = may("end", List("comment"), "Comments before what closes it.");
const ATTRS: Field = may("attrs", List("attr"), "Its attributes.");
const PARAMS: Field = may("params", List("param"), "Its parameters.");
const ON_LINES: Field = may("params_on_lines", Bool, "Whether each parameter has a line of its own.");
const PARAMS_END: Field = may("params_end", List("comment"), "Comments behind the last parameter.");
const EFFECTS: Field = may("effects", Labels, "What it may do.");
const OPTIONS: Field = may("options", List("option"), "Its options.");
const STATEMENTS: Field = may("statements", List("statement"), "In order.");
const CLAUSES: Field = may("clauses", List("clause"), "Behind the statements.");
const ARGS: Field = may("args", List("arg"), "Its arguments.");
const ARGS_END: Field = may("args_end", List("comment"), "Comments behind the last argument.");
const BODY: Field = must("body", Node("block"), "What it holds.");
const WRITTEN: &[Field] = &[must("text", Text, "As it is written.")];

const LABELLED: &[Field] = &[must("label", Label, "Its label."), must("value", Node("expr"), "Its value.")];

const BINARY: &[&str] = &["or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "??", "+", "-", "&", "*", "/"];

const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "file",
        about: "The syntax tree of a file: `opsc fmt -o json` writes it and `opsc fmt --from-json` reads it.",
        place: Place::Inside,
        variants: &[only(&[
            must("schema", Word(&["opsc.file/1"]), "Name and version of this form."),
            must("edition", Int, "The edition of the language: 1."),
            COMMENTS,
            TRAILING,
            may("items", List("item"), "Imports, types, functions, actions and playbooks."),
            END,
        ])],
    },
    Definition {
        name: "comment",
        about: "A comment on a line of its own.",
        place: Place::Inside,
        variants: &[only(&[must("text", Comment, "With its `#`."), BLANK])],
    },
    Definition {
        name: "item",
        about: "What stands in a file.",
        place: Place::Line,
        variants: &[
            Variant {
                node: Some("use"),
                fields: &[
                    may("path", Node("string"), "A file or an address."),
                    may("name", Dotted, "A module's name."),
                    may("alias", Label, "What it is called here."),
                ],
                one_of: &["path", "name"],
            },
            node("type", &[must("name", Label, "Its name."), must("type", Node("type"), "What it stands for.")]),
            Variant {
                node: Some("action"),
                fields: &[
                    must("name", Dotted, "Its name."),
                    PARAMS,
                    ON_LINES,
                    PARAMS_END,
                    may("result", Node("type"), "What it returns."),
                    EFFECTS,
                    ATTRS,
                    may("steps", Node("block"), "The steps of a composite action."),
                    may("steps_blank", Bool, "Whether an empty line stands before `steps`."),
                    may("impls", List("impl"), "Its bodies by platform."),
                    may("attrs_after", List("attr"), "Attributes behind the body."),
                    END,
                ],
                one_of: &[],
            },
            node(
                "playbook",
                &[
                    must("name", Label, "Its name."),
                    PARAMS,
                    ON_LINES,
                    PARAMS_END,
                    EFFECTS,
                    ATTRS,
                    STATEMENTS,
                    CLAUSES,
                    END,
                ],
            ),
            node("function", &[must("name", Label, "Its name."), must("script", Node("script"), "What it does.")]),
        ],
    },
    Definition {
        name: "param",
        about: "A parameter.",
        place: Place::Element,
        variants: &[only(&[
            must("name", Label, "Its name."),
            must("type", Node("type"), "Its type."),
            may("default", Node("expr"), "Its default."),
        ])],
    },
    Definition {
        name: "attr",
        about: "An attribute: `retry: 3`.",
        place: Place::Line,
        variants: &[only(&[
            must("label", Label, "Its label."),
            must("value", Node("expr"), "Its value."),
            may("else", Node("string"), "What is said where a condition does not hold."),
        ])],
    },
    Definition {
        name: "impl",
        about: "The body of an action on a platform.",
        place: Place::Inside,
        variants: &[only(&[
            COMMENTS,
            must("platform", Label, "`linux`, `windows`, …"),
            may("where", Node("expr"), "A condition over facts."),
            may("phases", List("phase"), "Its scripts."),
            END,
        ])],
    },
    Definition {
        name: "phase",
        about: "A phase of an action.",
        place: Place::Line,
        variants: &[Variant {
            node: None,
            fields: &[
                must("phase", Word(&["check", "apply", "verify", "rollback"]), "Which."),
                may("script", Node("script"), "What runs."),
                may("native", Node("string"), "What only the binary can do."),
            ],
            one_of: &["script", "native"],
        }],
    },
    Definition {
        name: "block",
        about: "Statements in braces.",
        place: Place::Inside,
        variants: &[only(&[may("opening", Comment, "A comment behind the opening brace."), STATEMENTS, CLAUSES, END])],
    },
    Definition {
        name: "clause",
        about: "A clause at the end of a block.",
        place: Place::Line,
        variants: &[only(&[must("clause", Word(&["on failure", "after batch", "always"]), "Which."), BODY])],
    },
    Definition { name: "statement", about: "A statement.", place: Place::Line, variants: STATEMENT },
    Definition { name: "option", about: "An option of a block.", place: Place::Inside, variants: &[only(LABELLED)] },
    Definition {
        name: "arg",
        about: "An argument, by name or by position.",
        place: Place::Element,
        variants: &[only(&[
            may("label", Label, "The parameter; absent by position."),
            must("value", Node("expr"), "Its value."),
        ])],
    },
    Definition {
        name: "element",
        about: "An element of a list.",
        place: Place::Element,
        variants: &[only(&[must("value", Node("expr"), "Its value.")])],
    },
    Definition {
        name: "entry",
        about: "An entry of a map.",
        place: Place::Element,
        variants: &[Variant {
            node: None,
            fields: &[
                may("label", Label, "Its key as a word."),
                may("key", Node("string"), "Its key as a text."),
                must("value", Node("expr"), "Its value."),
            ],
            one_of: &["label", "key"],
        }],
    },
    Definition { name: "expr", about: "An expression.", place: Place::Inside, variants: EXPRESSION },
    Definition {
        name: "string",
        about: "A text: `'raw'`, `\"quoted {path}\"` or a block of lines.",
        place: Place::Inside,
        variants: &[node("string", STRING)],
    },
    Definition {
        name: "piece",
        about: "A stretch of a text, or a path whose value stands there.",
        place: Place::Inside,
        variants: &[Variant {
            node: None,
            fields: &[may("text", Text, "Unescaped."), may("hole", Node("expr"), "Names, fields and indices.")],
            one_of: &["text", "hole"],
        }],
    },
    Definition { name: "script", about: "A script.", place: Place::Inside, variants: &[node("script", SCRIPT)] },
    Definition { name: "type", about: "A type.", place: Place::Inside, variants: TYPE },
    Definition {
        name: "field",
        about: "A field of a record.",
        place: Place::Inside,
        variants: &[only(&[must("name", Label, "Its name."), must("type", Node("type"), "Its type.")])],
    },
    Definition {
        name: "range",
        about: "The ends of a range, each a literal.",
        place: Place::Inside,
        variants: &[only(&[may("min", Node("expr"), "The least."), may("max", Node("expr"), "The most.")])],
    },
];

const STATEMENT: &[Variant] = &[
    node("let", &[must("name", Label, "Its name."), must("value", Node("expr"), "Its value.")]),
    node("on", &[may("name", Label, "The name of its result."), must("hosts", Node("expr"), "Where."), OPTIONS, BODY]),
    node("at", &[must("hosts", Node("expr"), "Where."), OPTIONS, BODY]),
    node("repeat", &[OPTIONS, BODY]),
    node(
        "if",
        &[
            must("condition", Node("expr"), "When."),
            must("then", Node("block"), "What then."),
            may("else", Node("block"), "What else."),
            may("else_if", Node("statement"), "An `if` instead; not beside `else`."),
        ],
    ),
    node("for", &[must("name", Label, "The name of each."), must("list", Node("expr"), "Of what."), BODY]),
    node("parallel", &[BODY]),
    node(
        "require",
        &[must("condition", Node("expr"), "What must hold."), must("else", Node("string"), "What is said otherwise.")],
    ),
    node("skip", &[must("condition", Node("expr"), "When."), must("reason", Node("string"), "Why.")]),
    node("rollback", &[must("scope", Word(&["host", "batch", "all"]), "What is undone.")]),
    node(
        "step",
        &[may("name", Label, "The name of its result."), must("action", Dotted, "The action."), ARGS, ARGS_END, ATTRS],
    ),
];

const STRING: &[Field] = &[
    must("style", Word(&["raw", "quoted", "block"]), "How it is quoted."),
    may("pieces", List("piece"), "In order; none: an empty text."),
];

const SCRIPT: &[Field] = &[
    must("language", Word(&["sh", "powershell"]), "Its language."),
    may("block", Bool, "Whether it is written with three quotes."),
    must("text", Text, "Without the indentation that all lines share."),
];

const EXPRESSION: &[Variant] = &[
    node("none", &[]),
    node("bool", &[must("value", Bool, "Which.")]),
    node("int", WRITTEN),
    node("float", WRITTEN),
    node("duration", WRITTEN),
    node("size", WRITTEN),
    node("percent", WRITTEN),
    node("string", STRING),
    node("script", SCRIPT),
    node("name", &[must("name", Label, "Whose value.")]),
    node("list", &[may("items", List("element"), "In order."), END]),
    node("map", &[may("entries", List("entry"), "In order."), END]),
    node("call", &[must("function", Label, "Its name."), ARGS, ARGS_END]),
    node("method", &[must("base", Node("expr"), "Of what."), must("method", Label, "Its name."), ARGS, ARGS_END]),
    node("field", &[must("base", Node("expr"), "Of what."), must("field", Label, "Its name.")]),
    node("index", &[must("base", Node("expr"), "Of what."), must("index", Node("expr"), "Which.")]),
    node("not", &[must("operand", Node("expr"), "Of what.")]),
    node("negate", &[must("operand", Node("expr"), "Of what.")]),
    node(
        "binary",
        &[
            must("operator", Word(BINARY), "Which."),
            must("left", Node("expr"), "Before it."),
            must("right", Node("expr"), "Behind it."),
        ],
    ),
    node(
        "where",
        &[must("hosts", Node("expr"), "Of which."), must("condition", Node("expr"), "Those for which this holds.")],
    ),
    node("parenthesized", &[must("value", Node("expr"), "What the parentheses hold.")]),
];

const TYPE: &[Variant] = &[
    node(
        "named",
        &[
            must("name", Label, "Its name."),
            may("args", List("type"), "Between `<` and `>`."),
            may("pattern", Text, "What a text must match; not beside `range`."),
            may("range", Node("range"), "Between which ends it is."),
        ],
    ),
    node("record", &[may("fields", List("field"), "In order.")]),
    node("text", &[must("value", Node("string"), "The only value.")]),
    node("number", &[must("value", Int, "The only value.")]),
    node("union", &[must("members", List("type"), "One of these.")]),
    node("optional", &[must("type", Node("type"), "This, or none.")]),
];

/// What is wrong with a JSON text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShapeError {
    /// RFC 6901; empty for the whole.
    pub pointer: String,
    pub reason: String,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(formatter, "at {pointer}: {}", self.reason)
    }
}

/// Whether a value has the form of a file.
pub fn judge(value: &Json) -> Result<(), ShapeError> {
    node_fits("file", value, "")
}

pub fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn wrong<T>(pointer: &str, reason: impl Into<String>) -> Result<T, ShapeError> {
    Err(ShapeError { pointer: pointer.to_string(), reason: reason.into() })
}

fn expected<T>(pointer: &str, expected: &str, found: &Json) -> Result<T, ShapeError> {
    let found = match found {
        Json::Null => "null".to_string(),
        Json::Bool(_) | Json::Number(_) => found.to_string(),
        Json::String(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
        Json::Array(_) => "a list".to_string(),
        Json::Object(_) => "an object".to_string(),
    };
    wrong(pointer, format!("expected {expected}, found {found}"))
}

fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The fields of a variant with those of its place.
fn fields_of(definition: &'static Definition, variant: &'static Variant) -> Vec<&'static Field> {
    const ELEMENT: &[Field] = &[COMMENTS, TRAILING];
    const LINE: &[Field] = &[COMMENTS, BLANK, TRAILING];
    let place = match definition.place {
        Place::Inside => &[],
        Place::Element => ELEMENT,
        Place::Line => LINE,
    };
    variant.fields.iter().chain(place).collect()
}

fn node_fits(name: &str, value: &Json, pointer: &str) -> Result<(), ShapeError> {
    let Some(definition) = definition(name) else { return wrong(pointer, "there is no such form") };
    let Json::Object(object) = value else { return expected(pointer, "an object", value) };
    let variant = variant_of(definition, object, pointer)?;
    let fields = fields_of(definition, variant);
    for (key, inner) in object {
        if key == "node" && variant.node.is_some() {
            continue;
        }
        let Some(field) = fields.iter().find(|field| field.name == key) else {
            let near = nearest(key, fields.iter().map(|field| field.name));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return wrong(&below(pointer, key), format!("there is no field `{key}` here{hint}"));
        };
        shape_fits(field.shape, inner, &below(pointer, key))?;
    }
    if let Some(missing) = fields.iter().find(|field| field.required && !object.contains_key(field.name)) {
        return wrong(pointer, format!("`{}` is missing", missing.name));
    }
    let given = variant.one_of.iter().filter(|name| object.contains_key(**name)).count();
    if !variant.one_of.is_empty() && given != 1 {
        return wrong(pointer, format!("expected exactly one of `{}`", variant.one_of.join("` and `")));
    }
    Ok(())
}

fn variant_of(
    definition: &'static Definition,
    object: &Map<String, Json>,
    pointer: &str,
) -> Result<&'static Variant, ShapeError> {
    if let [only] = definition.variants
        && only.node.is_none()
    {
        return Ok(only);
    }
    let known: Vec<&str> = definition.variants.iter().filter_map(|variant| variant.node).collect();
    let Some(tag) = object.get("node") else { return wrong(pointer, "`node` is missing") };
    let found = definition.variants.iter().find(|variant| variant.node.is_some() && variant.node == tag.as_str());
    found.map_or_else(|| expected(&below(pointer, "node"), &format!("one of {}", known.join(", ")), tag), Ok)
}

fn shape_fits(shape: Shape, value: &Json, pointer: &str) -> Result<(), ShapeError> {
    let text = value.as_str();
    match shape {
        Node(name) => node_fits(name, value, pointer),
        List(name) => each(value, pointer, |item, at| node_fits(name, item, at)),
        Labels => each(value, pointer, |item, at| shape_fits(Label, item, at)),
        Text if text.is_some() => Ok(()),
        Label if text.is_some_and(is_label) => Ok(()),
        Dotted if text.is_some_and(|text| text.split('.').all(is_label)) => Ok(()),
        Comment if text.is_some_and(|text| text.starts_with('#') && !text.contains(['\n', '\r'])) => Ok(()),
        Word(words) if text.is_some_and(|text| words.contains(&text)) => Ok(()),
        Bool if value.is_boolean() => Ok(()),
        Int if value.is_i64() => Ok(()),
        Text => expected(pointer, "a text", value),
        Label => expected(pointer, "a name of letters, digits and `_`", value),
        Dotted => expected(pointer, "names joined by dots", value),
        Comment => expected(pointer, "one line that starts with `#`", value),
        Word(words) => expected(pointer, &format!("one of {}", words.join(", ")), value),
        Bool => expected(pointer, "true or false", value),
        Int => expected(pointer, "a whole number", value),
    }
}

fn each(value: &Json, pointer: &str, fits: impl Fn(&Json, &str) -> Result<(), ShapeError>) -> Result<(), ShapeError> {
    let Json::Array(items) = value else { return expected(pointer, "a list", value) };
    items.iter().enumerate().try_for_each(|(index, item)| fits(item, &below(pointer, &index.to_string())))
}

fn is_label(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Every kind of node.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    DEFINITIONS.iter().flat_map(|definition| definition.variants).filter_map(|variant| variant.node)
}

/// The table as a JSON Schema.
pub fn schema() -> Json {
    let definitions: Map<String, Json> = DEFINITIONS
        .iter()
        .map(|definition| {
            let mut variants: Vec<Json> =
                definition.variants.iter().map(|variant| variant_schema(definition, variant)).collect();
            let form = match (variants.len(), variants.pop()) {
                (1, Some(only)) => only,
                (_, last) => json!({ "oneOf": variants.into_iter().chain(last).collect::<Vec<_>>() }),
            };
            (definition.name.to_string(), described(form, definition.about))
        })
        .collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:opsc:opsc.file-1",
        "title": "opsc.file/1: a program's syntax tree",
        "allOf": [{ "$ref": "#/definitions/file" }],
        "definitions": definitions,
    })
}

fn described(form: Json, about: &str) -> Json {
    let mut object = Map::new();
    object.insert("description".to_string(), json!(about));
    if let Json::Object(form) = form {
        object.extend(form);
    }
    Json::Object(object)
}

fn variant_schema(definition: &'static Definition, variant: &'static Variant) -> Json {
    let fields = fields_of(definition, variant);
    let tag = variant.node.map(|tag| ("node".to_string(), json!({ "description": "Its kind.", "const": tag })));
    let properties: Map<String, Json> = tag
        .into_iter()
        .chain(fields.iter().map(|field| (field.name.to_string(), described(shape_schema(field.shape), field.about))))
        .collect();
    let required: Vec<&str> = variant
        .node
        .map(|_| "node")
        .into_iter()
        .chain(fields.iter().filter(|field| field.required).map(|field| field.name))
        .collect();
    let mut form = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    });
    if let (false, Json::Object(object)) = (variant.one_of.is_empty(), &mut form) {
        let one: Vec<Json> = variant.one_of.iter().map(|name| json!({ "required": [name] })).collect();
        object.insert("oneOf".to_string(), json!(one));
    }
    form
}

fn shape_schema(shape: Shape) -> Json {
    const LABEL: &str = "[A-Za-z_][A-Za-z0-9_]*";
    match shape {
        Text => json!({ "type": "string" }),
        Label => json!({ "type": "string", "pattern": format!("^{LABEL}$") }),
        Dotted => json!({ "type": "string", "pattern": format!("^{LABEL}(\\.{LABEL})*$") }),
        Comment => json!({ "type": "string", "pattern": "^#[^\\n\\r]*$" }),
        Bool => json!({ "type": "boolean" }),
        Int => json!({ "type": "integer" }),
        Word(words) => json!({ "type": "string", "enum": words }),
        // Beside a reference draft 7 reads nothing, so the words go around it.
        Node(name) => json!({ "allOf": [{ "$ref": format!("#/definitions/{name}") }] }),
        List(name) => json!({ "type": "array", "items": { "$ref": format!("#/definitions/{name}") } }),
        Labels => json!({ "type": "array", "items": { "type": "string", "pattern": format!("^{LABEL}$") } }),
    }
}

//! The form of `opsc.file/1` as one table: what kinds of nodes there are, and which fields each has. Knows nothing of
//! trees or texts, nor of what is done with the table.

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
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

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) about: &'static str,
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: true, about }
}

const fn may(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, about }
}

/// One form of a definition; `node` tells several apart.
pub(super) struct Variant {
    pub(super) node: Option<&'static str>,
    pub(super) fields: &'static [Field],
    /// Exactly one of these fields is there.
    pub(super) one_of: &'static [&'static str],
}

const fn only(fields: &'static [Field]) -> Variant {
    Variant { node: None, fields, one_of: &[] }
}

const fn node(node: &'static str, fields: &'static [Field]) -> Variant {
    Variant { node: Some(node), fields, one_of: &[] }
}

pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// May have comments, and where `line` an empty line and a comment at its end.
    place: Place,
    pub(super) variants: &'static [Variant],
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

pub(super) const DEFINITIONS: &[Definition] = &[
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

pub(super) fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The fields of a variant with those of its place.
pub(super) fn fields_of(definition: &'static Definition, variant: &'static Variant) -> Vec<&'static Field> {
    const ELEMENT: &[Field] = &[COMMENTS, TRAILING];
    const LINE: &[Field] = &[COMMENTS, BLANK, TRAILING];
    let place = match definition.place {
        Place::Inside => &[],
        Place::Element => ELEMENT,
        Place::Line => LINE,
    };
    variant.fields.iter().chain(place).collect()
}

/// Every kind of node.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    DEFINITIONS.iter().flat_map(|definition| definition.variants).filter_map(|variant| variant.node)
}

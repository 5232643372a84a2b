//! A project's data file as a value of a declared type (`load("data/people.yaml")`). Every misfit has its place in YAML.

use super::yaml::{self, Key, Kind, Node};
use crate::base::ids::FileId;
use crate::base::near::nearest;
use crate::base::source::{Sources, Span};
use crate::base::words;
use crate::diag::Diagnostic;
use crate::eval::fits::{Misfit, fits, fits_key};
use crate::eval::parse::{InputError, convert_input};
use crate::hir::types::{Field, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

#[derive(Clone, PartialEq, Debug)]
enum DataError {
    Misfit { error: InputError, span: Span, definition: Span },
    UnknownField { name: String, known: Vec<String>, span: Span },
    MissingField { name: String, ty: String, span: Span },
    WrongForm { expected: String, found: &'static str, span: Span },
}

impl DataError {
    fn diagnostic(&self) -> Diagnostic {
        match self {
            DataError::Misfit { error, span, definition } => {
                Diagnostic::error("E0831", *span, format!("this value does not fit: {error}"))
                    .label(*definition, "its type is declared here")
            }
            DataError::UnknownField { name, known, span } => {
                let diagnostic = Diagnostic::error("E0832", *span, format!("the declared type has no field `{name}`"));
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("it has {}", words::join_some(known, 8))),
                }
            }
            DataError::MissingField { name, ty, span } => {
                Diagnostic::error("E0833", *span, format!("the field `{name}` is missing")).at(format!("expected {ty}"))
            }
            DataError::WrongForm { expected, found, span } => {
                Diagnostic::error("E0834", *span, format!("expected {expected}, found {found}"))
            }
        }
    }
}

/// The value of a data file, or everything in it that is wrong. `definition` is where the type is declared.
pub fn data(
    sources: &Sources,
    file: FileId,
    (ty, definition): (&Type, Span),
    inventory: &Inventory,
) -> Result<Value, Vec<Diagnostic>> {
    let document = yaml::parse(&sources.get(file).text, file).map_err(|error| vec![error.diagnostic_in(sources)])?;
    let mut reader = Reader { inventory, definition, errors: Vec::new() };
    let start = Span::new(file, 0, 0);
    let empty = Node { kind: Kind::Scalar(Value::None), span: start, whole: start };
    let node = document.unwrap_or(empty);
    let value = reader.value(&node, ty);
    if reader.errors.is_empty() {
        // What concerns the whole, such as the length of a list.
        reader.check(&value, ty, node.span);
    }
    if reader.errors.is_empty() { Ok(value) } else { Err(reader.errors.iter().map(DataError::diagnostic).collect()) }
}

/// A data file that cannot be read; `reason` is the reader's own words.
pub fn unreadable(path: &str, reason: Option<&str>, span: Span) -> Diagnostic {
    match reason {
        Some(reason) => Diagnostic::error("E0835", span, format!("`{path}` cannot be read: {reason}")),
        None => Diagnostic::error("E0835", span, format!("there is no file `{path}` in the project"))
            .help("it is looked for beside the playbook, then from the project's root"),
    }
}

struct Reader<'a> {
    inventory: &'a Inventory,
    definition: Span,
    errors: Vec<DataError>,
}

impl Reader<'_> {
    fn value(&mut self, node: &Node, ty: &Type) -> Value {
        match (&node.kind, ty.core()) {
            (Kind::Scalar(Value::None), _) if ty.is_optional() => Value::None,
            (Kind::List(items), Type::List(item)) => {
                Value::List(items.iter().map(|node| self.value(node, item)).collect())
            }
            (Kind::Mapping(entries), Type::Record(fields)) => self.record(entries, fields, node.span),
            (Kind::Mapping(entries), Type::Map(key_type, item)) => {
                let entry = |(key, node): &(Key, Node)| {
                    if let Err(misfit) = fits_key(&key.text, key_type) {
                        self.misfit(misfit, key.span);
                    }
                    (key.text.clone(), self.value(node, item))
                };
                Value::Record(entries.iter().map(entry).collect())
            }
            (Kind::Mapping(_), _) | (_, Type::Record(_) | Type::Map(..)) => {
                let (expected, found) = (ty.brief(), node.form());
                self.errors.push(DataError::WrongForm { expected, found, span: node.span });
                Value::None
            }
            _ => self.plain(node, ty),
        }
    }

    fn plain(&mut self, node: &Node, ty: &Type) -> Value {
        match convert_input(&node.value(), ty, self.inventory) {
            Ok(value) => value,
            Err(error) => {
                self.errors.push(DataError::Misfit { error, span: node.span, definition: self.definition });
                Value::None
            }
        }
    }

    fn record(&mut self, entries: &[(Key, Node)], fields: &[Field], span: Span) -> Value {
        for (key, _) in entries.iter().filter(|(key, _)| !fields.iter().any(|field| field.name == key.text)) {
            let known = fields.iter().map(|field| field.name.clone()).collect();
            self.errors.push(DataError::UnknownField { name: key.text.clone(), known, span: key.span });
        }
        let mut values = Vec::new();
        for field in fields {
            let value = match entries.iter().find(|(key, _)| key.text == field.name) {
                Some((_, node)) => self.value(node, &field.ty),
                None if field.ty.is_optional() => Value::None,
                None => {
                    let (name, ty) = (field.name.clone(), field.ty.to_string());
                    self.errors.push(DataError::MissingField { name, ty, span });
                    Value::None
                }
            };
            values.push((field.name.clone(), value));
        }
        Value::Record(values)
    }

    fn check(&mut self, value: &Value, ty: &Type, span: Span) {
        if let Err(misfit) = fits(value, ty) {
            self.misfit(misfit, span);
        }
    }

    fn misfit(&mut self, misfit: Misfit, span: Span) {
        let error = InputError::Misfit(misfit);
        self.errors.push(DataError::Misfit { error, span, definition: self.definition });
    }
}

crate::diag::code_docs! {
    "E0831" "a value of a data file does not fit"
    "`load` reads YAML or JSON as a value of the parameter's type, refinements included. The place is in the data file."
    "ops 1\n\n# data.yaml: [web, 80]\nplaybook p(\n  names: list<string(/[a-z]+/)> = load(\"data.yaml\"),\n) ! read {\n  require names.count > 0 else \"none\"\n}\n" => "ops 1\n\n# data.yaml: [web, db]\nplaybook p(\n  names: list<string(/[a-z]+/)> = load(\"data.yaml\"),\n) ! read {\n  require names.count > 0 else \"none\"\n}\n"
    "E0832" "a field that the type does not have"
    "A field that nothing reads is a typo or a wish."
    "ops 1\n\n# data.yaml: { prot: 80 }\nplaybook p(\n  site: { port: int? } = load(\"data.yaml\"),\n) ! read {\n  require site.port != none else \"none\"\n}\n" => "ops 1\n\n# data.yaml: { port: 80 }\nplaybook p(\n  site: { port: int? } = load(\"data.yaml\"),\n) ! read {\n  require site.port != none else \"none\"\n}\n"
    "E0833" "a field is missing"
    "Fields whose type is not optional (`int?`) must be there."
    "ops 1\n\n# data.yaml: { name: shop }\nplaybook p(\n  site: { name: string, port: int } = load(\"data.yaml\"),\n) ! read {\n  require site.port > 0 else \"none\"\n}\n" => "ops 1\n\n# data.yaml: { name: shop, port: 80 }\nplaybook p(\n  site: { name: string, port: int } = load(\"data.yaml\"),\n) ! read {\n  require site.port > 0 else \"none\"\n}\n"
    "E0834" "data of another form"
    "Records and maps are written as YAML mappings, lists as lists."
    "ops 1\n\n# data.yaml: [1, 2]\nplaybook p(\n  site: { port: int } = load(\"data.yaml\"),\n) ! read {\n  require site.port > 0 else \"none\"\n}\n" => "ops 1\n\n# data.yaml: { port: 1 }\nplaybook p(\n  site: { port: int } = load(\"data.yaml\"),\n) ! read {\n  require site.port > 0 else \"none\"\n}\n"
    "E0835" "a data file that is not there"
    "The path of `load` is looked for beside the playbook, then from the project's root, never outside the project."
    "ops 1\n\n# data.yaml: [a]\nplaybook p(\n  names: list<string> = load(\"dta.yaml\"),\n) ! read {\n  require names.count > 0 else \"none\"\n}\n" => "ops 1\n\n# data.yaml: [a]\nplaybook p(\n  names: list<string> = load(\"data.yaml\"),\n) ! read {\n  require names.count > 0 else \"none\"\n}\n"
}

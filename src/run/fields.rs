//! What a phase reported, as typed values and as evidence. Knows nothing of how it came.

use super::errors::{Phase, StepError};
use super::redact::Redactor;
use crate::eval::parse::parse_field;
use crate::hir::types::{Field, Type};
use crate::hir::value::Value;
use crate::shell::{Scalar, VariableValue};
use crate::transport::{Captured, Completed};

/// `out` frames as texts, the last of a name counts.
pub type Texts = Vec<(String, String)>;

pub fn texts(phase: Phase, fields: Vec<(String, Vec<u8>)>) -> Result<Texts, StepError> {
    let mut texts: Texts = Vec::new();
    for (name, bytes) in fields {
        let text = String::from_utf8(bytes).map_err(|_| StepError::FieldNotText { phase, field: name.clone() })?;
        texts.retain(|(other, _)| *other != name);
        texts.push((name, text));
    }
    Ok(texts)
}

/// Texts as a record: fields that the type names are of that type, others are strings.
pub fn typed(phase: Phase, texts: &Texts, ty: &Type) -> Result<Value, StepError> {
    let mut record = Vec::new();
    for (name, text) in texts {
        let value = match field_type(ty, name) {
            Some(ty) => {
                parse_field(text, ty).map_err(|error| StepError::Field { phase, field: name.clone(), error })?
            }
            None => Value::string(text),
        };
        record.push((name.clone(), value));
    }
    Ok(Value::Record(record))
}

fn field_type<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    declared(ty).iter().find(|field| field.name == name).map(|field| &field.ty)
}

/// What a phase reported, as a later one gets it: a list is a line an item.
pub fn variable(name: &str, text: &str, ty: &Type) -> VariableValue {
    match field_type(ty, name).map(Type::core) {
        Some(Type::List(_)) => VariableValue::List(text.lines().map(str::to_string).collect()),
        Some(Type::Bool) if matches!(text, "true" | "false") => VariableValue::Typed(Scalar::Bool, text.to_string()),
        Some(Type::Int | Type::Size | Type::Duration) if text.parse::<i64>().is_ok() => {
            VariableValue::Typed(Scalar::Long, text.to_string())
        }
        Some(Type::Float | Type::Percent) if text.parse::<f64>().is_ok() => {
            VariableValue::Typed(Scalar::Double, text.to_string())
        }
        _ => VariableValue::Text(text.to_string()),
    }
}

pub fn declared(ty: &Type) -> &[Field] {
    match ty.core() {
        Type::Record(fields) => fields,
        _ => &[],
    }
}

/// What the streams give to a result that has fields of these names.
pub fn from_streams(name: &str, completed: Option<&Completed>, redactor: &Redactor) -> Option<Value> {
    let text = |stream: &Captured| {
        Value::string(String::from_utf8_lossy(&redactor.clean_captured(stream)).trim_end_matches('\n'))
    };
    match (name, completed) {
        ("code", Some(completed)) => Some(Value::Int(i64::from(completed.code))),
        ("code", None) => Some(Value::Int(0)),
        ("stdout", Some(completed)) => Some(text(&completed.stdout)),
        ("stderr", Some(completed)) => Some(text(&completed.stderr)),
        ("stdout" | "stderr", None) => Some(Value::string("")),
        _ => None,
    }
}

/// For events and the journal: free of secrets, and not longer than anyone reads.
pub fn shown(texts: &Texts, redactor: &Redactor) -> Texts {
    const LONGEST: usize = 4096;
    let shown =
        |(name, text): &(String, String)| (redactor.clean(name), redactor.clean(text).chars().take(LONGEST).collect());
    texts.iter().map(shown).collect()
}

/// The opposite of [`typed`]; what is absent is left out.
pub fn from_record(record: &Value) -> Texts {
    let Value::Record(fields) = record else { return Texts::new() };
    let said = fields.iter().filter(|(_, value)| *value != Value::None);
    said.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.literal(), str::to_string))).collect()
}

/// Names whose texts are not the same, with both; a text that is not there is empty.
pub fn differences(before: &Texts, now: &Texts) -> Vec<[String; 3]> {
    let text = |texts: &Texts, name: &str| {
        let found = texts.iter().find(|(of, _)| of == name);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let names: std::collections::BTreeSet<&String> = before.iter().chain(now).map(|(name, _)| name).collect();
    let both = names.into_iter().map(|name| [name.clone(), text(before, name), text(now, name)]);
    both.filter(|[_, was, is]| was != is).collect()
}

/// Texts as a JSON object for the journal.
pub fn json(texts: &Texts) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        texts.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// The opposite of [`json`].
pub fn from_json(json: &str) -> Option<Texts> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    object.into_iter().map(|(name, text)| Some((name, text.as_str()?.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parsed_against_their_types() {
        let ty = Type::Record(vec![
            Field { name: "running".to_string(), ty: Type::Bool },
            Field { name: "uid".to_string(), ty: Type::Int.optional() },
        ]);
        let read = |fields: &[(&str, &str)]| {
            let texts: Texts = fields.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            typed(Phase::Check, &texts, &ty).map_or_else(|error| error.to_string(), |value| value.literal())
        };
        assert_eq!(
            read(&[("running", "true"), ("uid", ""), ("extra", "x")]),
            "{ running: true, uid: none, extra: \"x\" }"
        );
        assert_eq!(read(&[("running", "yes")]), "check reported a wrong `running`: expected bool, found `yes`");
    }

    #[test]
    fn the_last_field_of_a_name_counts_and_binary_is_refused() {
        let fields = vec![("a".to_string(), b"1".to_vec()), ("a".to_string(), b"2".to_vec())];
        assert!(matches!(texts(Phase::Apply, fields), Ok(found) if found == [("a".to_string(), "2".to_string())]));
        assert!(texts(Phase::Apply, vec![("a".to_string(), vec![0xff])]).is_err());
    }
}

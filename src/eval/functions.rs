//! What functions, arithmetic and aggregates compute. Names and signatures are the checker's.

use base64::Engine;
use sha2::Digest;

use super::error::EvalError;
use super::evaluate::order;
use super::scope::{Evaluated, Scope};
use super::{hosts, patterns, secrets, special_texts, text, yaml};
use crate::base::hex::hex;
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::hir::expr::{Aggregate, Function, Operator};
use crate::hir::value::{SecretRef, Value};

/// A function's value. Absent arguments give an absent value.
pub fn call(function: Function, args: &[Value], scope: &dyn Scope, span: Span) -> Result<Evaluated, EvalError> {
    if args.iter().any(Value::is_none) {
        return Ok(Evaluated::Known(Value::None));
    }
    if function == Function::Declassify {
        return Ok(secrets::declassified(args, scope));
    }
    if args.iter().any(|arg| matches!(arg, Value::Secret(_))) {
        return secrets::applied(function, args, scope, span).map(Evaluated::Known);
    }
    let value = match function {
        Function::Group
        | Function::Tag
        | Function::Host
        | Function::All
        | Function::First
        | Function::Last
        | Function::Only => select(function, args, scope, span),
        Function::File => {
            let path = text_arg(args, 0, span)?;
            scope.file(path).map(Value::File).ok_or(EvalError::NoSuchFile { path: path.to_string(), span })
        }
        Function::Folder => {
            let path = text_arg(args, 0, span)?;
            let found = scope.folder(path).map(Value::Folder);
            found.map_err(|fault| EvalError::BadFolder { path: path.to_string(), fault, span })
        }
        Function::Secret => Ok(Value::Secret(SecretRef::Source(text_arg(args, 0, span)?.to_string()))),
        Function::Int | Function::Float | Function::Bool | Function::Lines | Function::ToString | Function::Load => {
            convert(function, args, scope, span)
        }
        Function::Length
        | Function::Flatten
        | Function::Unique
        | Function::Sort
        | Function::Contains
        | Function::Min
        | Function::Max
        | Function::Sum => collection(function, args, span),
        _ => string(function, args, scope, span),
    };
    value.map(Evaluated::Known)
}

fn select(function: Function, args: &[Value], scope: &dyn Scope, span: Span) -> Result<Value, EvalError> {
    let inventory = scope.inventory();
    match function {
        Function::Group => {
            let name = text_arg(args, 0, span)?;
            let group = inventory.group(name).ok_or(EvalError::UnknownGroup { name: name.to_string(), span })?;
            Ok(Value::Hosts(hosts::canonical(group.hosts.clone())))
        }
        Function::Tag => Ok(Value::Hosts(hosts::tagged(inventory, text_arg(args, 0, span)?, args.get(1)))),
        Function::Host => {
            let name = text_arg(args, 0, span)?;
            inventory.host(name).map(Value::Host).ok_or(EvalError::UnknownHost { name: name.to_string(), span })
        }
        Function::All => Ok(Value::Hosts(inventory.all())),
        Function::First => hosts_arg(args, span)?.first().copied().map(Value::Host).ok_or(EvalError::NoFirst { span }),
        Function::Last => hosts_arg(args, span)?.last().copied().map(Value::Host).ok_or(EvalError::NoFirst { span }),
        _ => match hosts_arg(args, span)? {
            [only] => Ok(Value::Host(*only)),
            several => Err(EvalError::NotOneHost { found: several.len(), span }),
        },
    }
}

fn convert(function: Function, args: &[Value], scope: &dyn Scope, span: Span) -> Result<Value, EvalError> {
    let first = args.first().cloned().unwrap_or(Value::None);
    let shown = text::value_text(&first, scope.inventory()).unwrap_or_default();
    let refuse = |to| EvalError::NotConvertible { text: shown.clone(), to, span };
    match (function, &first) {
        (Function::Int, Value::Float(value)) if value.is_finite() => Ok(Value::Int(*value as i64)),
        (Function::Int, _) => shown.trim().parse().map(Value::Int).map_err(|_| refuse("a whole number")),
        (Function::Float, _) => shown.trim().parse().map(Value::Float).map_err(|_| refuse("a number")),
        (Function::Bool, _) => match shown.trim() {
            "true" | "yes" | "1" | "t" => Ok(Value::Bool(true)),
            "false" | "no" | "0" | "f" => Ok(Value::Bool(false)),
            _ => Err(refuse("true or false")),
        },
        (Function::Lines, _) => Ok(Value::List(shown.lines().map(Value::string).collect())),
        (Function::ToString, _) => Ok(Value::String(shown)),
        _ => Err(EvalError::Mistyped { expected: "a convertible value", span }),
    }
}

fn collection(function: Function, args: &[Value], span: Span) -> Result<Value, EvalError> {
    let length = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    match (function, args) {
        (Function::Length, [Value::String(text)]) => Ok(length(text.chars().count())),
        (Function::Length, [Value::List(items)]) => Ok(length(items.len())),
        (Function::Length, [Value::Hosts(hosts)]) => Ok(length(hosts.len())),
        (Function::Length, [Value::Record(fields)]) => Ok(length(fields.len())),
        (Function::Contains, [Value::Hosts(hosts), Value::Host(host)]) => Ok(Value::Bool(hosts.contains(host))),
        (Function::Contains, [Value::List(items), item]) => Ok(Value::Bool(items.contains(item))),
        (Function::Contains, [Value::String(text), Value::String(part)]) => {
            Ok(Value::Bool(text.contains(part.as_str())))
        }
        (Function::Flatten, [Value::List(items)]) => Ok(Value::List(
            items
                .iter()
                .flat_map(|item| match item {
                    Value::List(inner) => inner.clone(),
                    other => vec![other.clone()],
                })
                .collect(),
        )),
        (Function::Unique, [Value::List(items)]) => {
            let mut kept: Vec<Value> = Vec::new();
            for item in items {
                if !kept.contains(item) {
                    kept.push(item.clone());
                }
            }
            Ok(Value::List(kept))
        }
        (Function::Sort, [Value::List(items)]) => Ok(Value::List(sorted(items.clone()))),
        (Function::Min, [Value::List(items)]) => aggregate(Aggregate::Min, pairs(items), span),
        (Function::Max, [Value::List(items)]) => aggregate(Aggregate::Max, pairs(items), span),
        (Function::Sum, [Value::List(items)]) => aggregate(Aggregate::Sum, pairs(items), span),
        (Function::Min, [left, right]) => aggregate(Aggregate::Min, pairs(&[left.clone(), right.clone()]), span),
        (Function::Max, [left, right]) => aggregate(Aggregate::Max, pairs(&[left.clone(), right.clone()]), span),
        _ => Err(EvalError::Mistyped { expected: "a collection", span }),
    }
}

fn pairs(items: &[Value]) -> Vec<(Value, Value)> {
    items.iter().map(|item| (item.clone(), item.clone())).collect()
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by(|left, right| order(left, right).unwrap_or(std::cmp::Ordering::Equal));
    items
}

fn string(function: Function, args: &[Value], scope: &dyn Scope, span: Span) -> Result<Value, EvalError> {
    if let (Function::Join, Some(Value::List(items))) = (function, args.first()) {
        let separator = args.get(1).and_then(Value::as_str).unwrap_or(", ");
        let items: Vec<String> = items.iter().filter_map(|item| text::value_text(item, scope.inventory())).collect();
        return Ok(Value::String(items.join(separator)));
    }
    if matches!(function, Function::ToJson | Function::ToYaml) {
        let value = args.first().map(|value| json(value, scope)).unwrap_or_default();
        let is_json = function == Function::ToJson;
        return Ok(Value::String(if is_json { value.to_string() } else { yaml::write(&value) }));
    }
    let subject = text_arg(args, 0, span)?;
    let others: Vec<&str> = args.iter().skip(1).filter_map(Value::as_str).collect();
    if let Some(made) = of_text(function, subject, &others) {
        return Ok(Value::String(made));
    }
    Ok(match function {
        Function::Split => Value::List(subject.split(text_arg(args, 1, span)?).map(Value::string).collect()),
        Function::VersionCompare => {
            Value::Int(special_texts::compare_versions(subject, text_arg(args, 1, span)?) as i64)
        }
        Function::InNetwork => {
            let network = text_arg(args, 1, span)?;
            let refuse = || EvalError::NotConvertible {
                text: format!("{subject} in {network}"),
                to: "an address in a network such as 10.0.0.0/8",
                span,
            };
            Value::Bool(special_texts::in_network(subject, network).ok_or_else(refuse)?)
        }
        Function::Matches => Value::Bool(pattern(text_arg(args, 1, span)?, span)?.is_match(subject)),
        Function::FromJson => {
            serde_json::from_str(subject).map(from_json).map_err(|_| unreadable(subject, "JSON", span))?
        }
        Function::FromYaml => yaml::read(subject).map_err(|to| unreadable(subject, to, span))?,
        _ => return Err(EvalError::Mistyped { expected: "a function of a text", span }),
    })
}

fn unreadable(text: &str, to: &'static str, span: Span) -> EvalError {
    EvalError::NotConvertible { text: text.chars().take(40).collect(), to, span }
}

/// Functions from texts to one text, which secrets go through as well; none where it is another function.
pub fn of_text(function: Function, subject: &str, others: &[&str]) -> Option<String> {
    Some(match (function, others) {
        (Function::Lower, _) => subject.to_lowercase(),
        (Function::Upper, _) => subject.to_uppercase(),
        (Function::Trim, _) => subject.trim().to_string(),
        (Function::Replace, [from, to]) => subject.replace(from, to),
        (Function::Basename, _) => subject.rsplit(['/', '\\']).next().unwrap_or(subject).to_string(),
        (Function::Dirname, _) => match subject.rfind(['/', '\\']) {
            Some(0) => "/".to_string(),
            Some(end) => subject.get(..end).unwrap_or(subject).to_string(),
            None => ".".to_string(),
        },
        (Function::Base64, _) => base64::engine::general_purpose::STANDARD.encode(subject),
        (Function::Sha256, _) => hex(&sha2::Sha256::digest(subject.as_bytes())),
        _ => return None,
    })
}

fn pattern(text: &str, span: Span) -> Result<regex::Regex, EvalError> {
    patterns::parse(text).map_err(|reason| EvalError::BadPattern { pattern: text.to_string(), reason, span })
}

/// A value as JSON, hosts by name. Secrets are never in it.
pub fn json(value: &Value, scope: &dyn Scope) -> serde_json::Value {
    match value {
        Value::None | Value::Secret(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) | Value::Percent(value) => (*value).into(),
        Value::Size(bytes) => (*bytes).into(),
        Value::List(items) => items.iter().map(|item| json(item, scope)).collect(),
        Value::Record(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), json(value, scope)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Hosts(hosts) => hosts.iter().map(|host| json(&Value::Host(*host), scope)).collect(),
        other => text::value_text(other, scope.inventory()).into(),
    }
}

/// JSON as a value; numbers without fraction are ints.
pub fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
        }
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(fields) => {
            Value::Record(fields.into_iter().map(|(name, value)| (name, from_json(value))).collect())
        }
    }
}

fn text_arg(args: &[Value], index: usize, span: Span) -> Result<&str, EvalError> {
    args.get(index).and_then(Value::as_str).ok_or(EvalError::Mistyped { expected: "a text", span })
}

fn hosts_arg(args: &[Value], span: Span) -> Result<&[HostId], EvalError> {
    match args.first() {
        Some(Value::Hosts(hosts)) => Ok(hosts),
        _ => Err(EvalError::Mistyped { expected: "a host set", span }),
    }
}

/// `+ - * /` on numbers, durations and sizes, `+` on texts and lists, set operations on hosts.
pub fn arithmetic(operator: Operator, left: Value, right: Value, span: Span) -> Result<Value, EvalError> {
    if left.is_none() || right.is_none() {
        return Ok(Value::None);
    }
    match (operator, left, right) {
        (Operator::HostsUnion | Operator::HostsMinus | Operator::HostsIntersect, left, right) => {
            Ok(host_sets(operator, as_hosts(left), &as_hosts(right)))
        }
        (Operator::Add, Value::String(left), Value::String(right)) => Ok(Value::String(left + &right)),
        (Operator::Add, Value::List(left), Value::List(right)) => Ok(Value::List([left, right].concat())),
        (operator, Value::Int(left), Value::Int(right)) => ints(operator, left, right, span).map(Value::Int),
        (Operator::Divide, Value::Duration(left), Value::Duration(right))
        | (Operator::Divide, Value::Size(left), Value::Size(right)) => {
            floats(Operator::Divide, left as f64, right as f64, span)
        }
        (operator, Value::Duration(left), Value::Duration(right)) => {
            unsigned(operator, left, right, span).map(Value::Duration)
        }
        (operator, Value::Size(left), Value::Size(right)) => unsigned(operator, left, right, span).map(Value::Size),
        (Operator::Multiply, Value::Duration(value), Value::Int(times)) => {
            unsigned(Operator::Multiply, value, u64::try_from(times).unwrap_or(0), span).map(Value::Duration)
        }
        (Operator::Multiply, Value::Size(value), Value::Int(times)) => {
            unsigned(Operator::Multiply, value, u64::try_from(times).unwrap_or(0), span).map(Value::Size)
        }
        (operator, Value::Int(left), Value::Float(right)) => floats(operator, left as f64, right, span),
        (operator, Value::Float(left), Value::Int(right)) => floats(operator, left, right as f64, span),
        (operator, Value::Float(left), Value::Float(right)) => floats(operator, left, right, span),
        _ => Err(EvalError::Mistyped { expected: "two values of one type", span }),
    }
}

fn as_hosts(value: Value) -> Vec<HostId> {
    match value {
        Value::Host(host) => vec![host],
        Value::Hosts(hosts) => hosts,
        _ => Vec::new(),
    }
}

fn host_sets(operator: Operator, left: Vec<HostId>, right: &[HostId]) -> Value {
    Value::Hosts(match operator {
        Operator::HostsUnion => hosts::canonical([left.as_slice(), right].concat()),
        Operator::HostsMinus => left.into_iter().filter(|host| !right.contains(host)).collect(),
        _ => left.into_iter().filter(|host| right.contains(host)).collect(),
    })
}

fn ints(operator: Operator, left: i64, right: i64, span: Span) -> Result<i64, EvalError> {
    if operator == Operator::Divide && right == 0 {
        return Err(EvalError::DivisionByZero { span });
    }
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ => left.checked_div(right),
    }
    .ok_or(EvalError::Overflow { span })
}

fn unsigned(operator: Operator, left: u64, right: u64, span: Span) -> Result<u64, EvalError> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ => left.checked_div(right),
    }
    .ok_or(EvalError::Overflow { span })
}

fn floats(operator: Operator, left: f64, right: f64, span: Span) -> Result<Value, EvalError> {
    let value = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        _ => left / right,
    };
    if value.is_finite() { Ok(Value::Float(value)) } else { Err(EvalError::DivisionByZero { span }) }
}

/// An aggregate over items and the body's value for each.
pub fn aggregate(aggregate: Aggregate, items: Vec<(Value, Value)>, span: Span) -> Result<Value, EvalError> {
    let yes = |value: &Value| *value == Value::Bool(true);
    Ok(match aggregate {
        Aggregate::Any => Value::Bool(items.iter().any(|(_, value)| yes(value))),
        Aggregate::All => Value::Bool(items.iter().all(|(_, value)| yes(value))),
        Aggregate::Count => {
            Value::Int(i64::try_from(items.iter().filter(|(_, value)| yes(value)).count()).unwrap_or(i64::MAX))
        }
        Aggregate::Map => Value::List(items.into_iter().map(|(_, value)| value).collect()),
        Aggregate::Filter => {
            Value::List(items.into_iter().filter(|(_, value)| yes(value)).map(|(item, _)| item).collect())
        }
        Aggregate::Sort => {
            let mut items = items;
            items.sort_by(|left, right| order(&left.1, &right.1).unwrap_or(std::cmp::Ordering::Equal));
            Value::List(items.into_iter().map(|(item, _)| item).collect())
        }
        Aggregate::Min => extreme(items, std::cmp::Ordering::is_lt),
        Aggregate::Max => extreme(items, std::cmp::Ordering::is_gt),
        Aggregate::Sum => {
            let mut total: Option<Value> = None;
            for (_, value) in items {
                total = Some(match total {
                    Some(total) => arithmetic(Operator::Add, total, value, span)?,
                    None => value,
                });
            }
            total.unwrap_or(Value::Int(0))
        }
        Aggregate::Join => {
            let texts: Vec<&str> = items.iter().filter_map(|(_, value)| value.as_str()).collect();
            Value::String(texts.join(", "))
        }
    })
}

fn extreme(items: Vec<(Value, Value)>, better: fn(std::cmp::Ordering) -> bool) -> Value {
    let mut best = Value::None;
    for (_, value) in items {
        if best.is_none() || order(&value, &best).is_some_and(better) {
            best = value;
        }
    }
    best
}

//! Functions of secrets: put off until the secret is read, and then applied. Knows nothing of where secrets come from.

use super::error::EvalError;
use super::functions::of_text;
use super::scope::{Evaluated, Scope};
use super::text::value_text;
use super::yaml;
use crate::base::secret::Secret;
use crate::base::source::Span;
use crate::hir::expr::Function;
use crate::hir::value::{SecretRef, Value};

/// Functions whose value may be made of a secret, and is as secret. Every other one would tell something of it.
pub fn keeps_secret(function: Function) -> bool {
    matches!(
        function,
        Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::Replace
            | Function::Basename
            | Function::Dirname
            | Function::Base64
            | Function::Sha256
            | Function::ToString
            | Function::ToJson
            | Function::ToYaml
    )
}

/// The function put off: what it will be applied to.
pub fn applied(function: Function, args: &[Value], scope: &dyn Scope, span: Span) -> Result<Value, EvalError> {
    if !keeps_secret(function) {
        return Err(EvalError::Mistyped { expected: "a value that is not secret", span });
    }
    let part = |arg: &Value| match arg {
        Value::Secret(reference) => Ok(reference.clone()),
        other => value_text(other, scope.inventory()).map(SecretRef::Text).ok_or(EvalError::AbsentInText { span }),
    };
    args.iter().map(part).collect::<Result<Vec<_>, _>>().map(|parts| Value::Secret(SecretRef::Applied(function, parts)))
}

/// `declassify(x, reason)`; what is plain stays as it is.
pub fn declassified(args: &[Value], scope: &dyn Scope) -> Evaluated {
    match args.first() {
        Some(Value::Secret(reference)) => scope.declassified(reference),
        Some(plain) => Evaluated::Known(plain.clone()),
        None => Evaluated::Known(Value::None),
    }
}

/// The text of a secret, and wiped texts on the way to it, whose sources `read` knows; the first source that it does not know is the error.
pub fn text_of<'r, 's>(
    reference: &'r SecretRef,
    read: &dyn Fn(&str) -> Option<&'s str>,
) -> Result<Secret<String>, &'r str> {
    let texts_of = |parts: &'r [SecretRef]| {
        parts.iter().map(|part| text_of(part, read)).collect::<Result<Vec<Secret<String>>, _>>()
    };
    let text = match reference {
        SecretRef::Source(source) => read(source).map(str::to_string).ok_or(source.as_str())?,
        SecretRef::Text(text) => text.clone(),
        SecretRef::Concat(parts) => shown(&texts_of(parts)?).concat(),
        SecretRef::Applied(function, parts) => {
            let texts = texts_of(parts)?;
            let texts = shown(&texts);
            let (subject, others) = texts.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
            match function {
                Function::ToJson => serde_json::Value::from(subject).to_string(),
                Function::ToYaml => yaml::write(&subject.into()),
                other => of_text(*other, subject, others).unwrap_or_else(|| subject.to_string()),
            }
        }
    };
    Ok(Secret::new(text))
}

fn shown(texts: &[Secret<String>]) -> Vec<&str> {
    texts.iter().map(|text| text.expose().as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_applied_when_the_secret_is_known() {
        let token = || SecretRef::Source("env:TOKEN".to_string());
        let text = |text: &str| SecretRef::Text(text.to_string());
        let told = |reference: &SecretRef| {
            text_of(reference, &|source| (source == "env:TOKEN").then_some(" a\"b "))
                .map_or_else(str::to_string, |text| text.expose().clone())
        };
        let applied = |function, parts| SecretRef::Applied(function, parts);
        assert_eq!(told(&SecretRef::Concat(vec![text("x="), token()])), "x= a\"b ");
        assert_eq!(told(&applied(Function::Trim, vec![token()])), "a\"b");
        assert_eq!(told(&applied(Function::Replace, vec![token(), text("a"), text("z")])), " z\"b ");
        assert_eq!(told(&applied(Function::ToJson, vec![token()])), "\" a\\\"b \"");
        assert_eq!(told(&applied(Function::ToYaml, vec![token()])), "\" a\\\"b \"\n");
        assert_eq!(told(&applied(Function::Base64, vec![applied(Function::Trim, vec![token()])])), "YSJi");
        assert_eq!(told(&SecretRef::Source("env:OTHER".to_string())), "env:OTHER", "named where it is not known");
        assert_eq!(applied(Function::Upper, vec![token(), text("a")]).sources(), ["env:TOKEN"]);
    }
}

//! What a step would make different on a host, as far as `check` and the arguments tell. Pure: reads texts and values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{Texts, declared};
use crate::base::ids::BindingId;
use crate::eval::text::value_text;
use crate::hir::program::Action;
use crate::hir::types::{Field, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// One field, now and then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub field: String,
    /// As `check` reported it; absent where it reported nothing.
    pub now: Option<String>,
    /// As the arguments say; absent where they do not say it.
    pub then: Option<String>,
}

impl Difference {
    /// Of what a file holds, which is shown only where it is asked for.
    pub fn is_content(&self) -> bool {
        self.field == CONTENT
    }
}

/// What a step would write into a file, as far as it is known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Written {
    pub sha256: Option<String>,
    /// Only where contents are asked for.
    pub content: Option<Vec<u8>>,
}

/// The variable that asks `check` for contents, and the field (base64) that it answers with.
pub const WANTS_CONTENT: &str = "opsc_diff";
const CONTENT: &str = "content";
/// What `check` answers where only the host can say what the file will hold: the edited file's hash and content (base64).
const HASH_AFTER: &str = "sha256_after";
const CONTENT_AFTER: &str = "content_after";

/// Parameters whose name is a field's, the content that is written, and what is not there yet. Where none of these
/// says anything, the fields that the action promises, as they are now.
pub fn differences(
    inventory: &Inventory,
    action: &Action,
    params: &[(BindingId, Value)],
    written: &Written,
    before: &Texts,
) -> Vec<Difference> {
    let now = |field: &str| before.iter().find(|(name, _)| name == field).map(|(_, text)| text.clone());
    let promised = action.result.field_names();
    let mut found = Vec::new();
    if now("exists").as_deref() == Some("false") {
        found.push(Difference { field: "exists".to_string(), now: now("exists"), then: None });
    }
    for (param, (_, value)) in action.params.iter().zip(params) {
        let is_field = promised.contains(&param.name.as_str()) || now(&param.name).is_some();
        let Some(then) = value_text(value, inventory).filter(|_| is_field && param.name != CONTENT) else { continue };
        if now(&param.name).is_none_or(|now| !same(&now, &then)) {
            found.push(Difference { field: param.name.clone(), now: now(&param.name), then: Some(then) });
        }
    }
    let edited = now(CONTENT_AFTER).and_then(|encoded| decoded(&encoded));
    match content(written.content.clone().or(edited), now(CONTENT), now("exists")) {
        Some(difference) => found.push(difference),
        None => found.extend(hash(written.sha256.clone().or(now(HASH_AFTER)), now("sha256"))),
    }
    if found.is_empty() {
        let shown = before
            .iter()
            .filter(|(name, text)| promised.contains(&name.as_str()) && !is_empty_list(action, name, text));
        found.extend(shown.map(|(name, text)| Difference { field: name.clone(), now: Some(text.clone()), then: None }));
    }
    found
}

/// That nothing is created, say, is not worth a word.
fn is_empty_list(action: &Action, field: &str, text: &str) -> bool {
    let of_field = |known: &&Field| known.name == field && matches!(known.ty.core(), Type::List(_));
    text.is_empty() && declared(&action.result).iter().any(|known| of_field(&known))
}

fn hash(then: Option<String>, now: Option<String>) -> Option<Difference> {
    let (now, then) = (now?, then?);
    let short = |hash: &str| Some(hash.chars().take(12).collect());
    (now != then).then(|| Difference { field: "sha256".to_string(), now: short(&now), then: short(&then) })
}

/// `0640` and `640` are one mode.
fn same(now: &str, then: &str) -> bool {
    let bare = |text: &str| text.trim_start_matches('0').to_string();
    now == then || (now.chars().chain(then.chars()).all(|letter| letter.is_ascii_digit()) && bare(now) == bare(then))
}

/// Only where contents were asked for, and both are text.
fn content(written: Option<Vec<u8>>, now: Option<String>, exists: Option<String>) -> Option<Difference> {
    let then = String::from_utf8(written?).ok()?;
    let now = match now {
        Some(encoded) => String::from_utf8(decoded(&encoded)?).ok()?,
        None if exists.as_deref() == Some("false") => String::new(),
        None => return None,
    };
    (now != then).then(|| Difference { field: CONTENT.to_string(), now: Some(now), then: Some(then) })
}

/// As `base64` of a host writes it, in lines.
fn decoded(encoded: &str) -> Option<Vec<u8>> {
    STANDARD.decode(encoded.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_compared_as_text() {
        let difference = |now: Option<&str>, exists: &str| {
            content(Some(b"new\n".to_vec()), now.map(str::to_string), Some(exists.to_string()))
                .map(|found| found.now.unwrap())
        };
        assert_eq!(difference(Some("b2xk\nCg=="), "true"), Some("old\n".to_string()));
        assert_eq!(difference(Some("bmV3Cg=="), "true"), None);
        assert_eq!(difference(None, "false"), Some(String::new()));
        assert_eq!(difference(None, "true"), None, "too large, or not asked for");
        assert_eq!(difference(Some("/w=="), "true"), None, "no text");
    }

    #[test]
    fn modes_are_numbers() {
        assert!(same("640", "0640") && same("run", "run") && !same("640", "600") && !same("0a", "a"));
    }
}

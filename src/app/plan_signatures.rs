//! Whether a saved plan is signed by somebody whom `[approvers]` lists with a key. Knows nothing of what is in it.

use std::path::{Path, PathBuf};

use super::approvers::{Approvers, told};
use super::errors::AppError;
use super::files::read_text;
use super::signatures::Signature;
use crate::base::words;

/// `x.plan.minisig`, where `minisign -Sm x.plan` puts it.
fn place_of(plan: &Path) -> PathBuf {
    let mut name = plan.as_os_str().to_os_string();
    name.push(".minisig");
    PathBuf::from(name)
}

/// The name and the key that signed these bytes, the whole file.
pub fn signer_of(plan: &Path, bytes: &[u8], approvers: &Approvers) -> Result<(String, String), AppError> {
    let known: Vec<String> = approvers.all_keys().map(|(name, key)| told(name, key)).collect();
    let refuse = |reason: String| AppError::Unsigned {
        reason,
        hint: match known.is_empty() {
            true => "nothing was run; `[approvers]` of opsc.toml has no key: write `NAME = [\"RW…\"]`".to_string(),
            false => format!(
                "nothing was run; known are {}: one of them signs it with `minisign -Sm {}`",
                words::join_and(&known),
                plan.display()
            ),
        },
    };
    let place = place_of(plan);
    let (plan, shown) = (plan.display(), place.display());
    if !place.exists() {
        return Err(refuse(format!("`{plan}` is not signed: there is no `{shown}`")));
    }
    let text = read_text(&place)?;
    let signature = Signature::parse(&text).map_err(|fault| refuse(format!("`{shown}` cannot be used: {fault}")))?;
    if let Some((name, key)) = approvers.signer(approvers.names().map(String::as_str), bytes, &signature) {
        return Ok((name.to_string(), key.text().to_string()));
    }
    let id = signature.key_id();
    Err(refuse(match approvers.all_keys().find(|(_, key)| key.id() == id) {
        Some((name, key)) => format!("`{shown}` of {} is no signature of this `{plan}`", told(name, key)),
        None => format!("`{plan}` is signed with the key {id}, which nobody in `[approvers]` has"),
    }))
}

//! `# opsc:allow(CODE) reason`: takes away the findings that a file allows, and says which allows are wrong or idle.

use super::errors;
use super::errors::allow::AllowError;
use crate::diag::Diagnostic;
use crate::syntax::ast::{Allow, File, Name};

/// Lint of scripts that came before its own family.
const OLDER_LINT: &[&str] = &["E0703", "E0705"];

/// The findings that are left, and those about the main file's allows.
pub fn silence(main: &File, library: &[&File], diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let is_allowed = |diagnostic: &Diagnostic| {
        let mut allows = library.iter().chain([&main]).flat_map(|file| &file.allows);
        allows.any(|allow| allow.codes.iter().any(|code| silences(allow, code, diagnostic)))
    };
    let (silent, mut left): (Vec<Diagnostic>, Vec<Diagnostic>) = diagnostics.into_iter().partition(is_allowed);
    // After an error of another kind not everything was looked at, so nothing can be said to be idle.
    let is_whole = !left.iter().any(|diagnostic| diagnostic.is_error() && !may_be_allowed(diagnostic.code));
    let mut about: Vec<Diagnostic> = Vec::new();
    for allow in &main.allows {
        if allow.codes.is_empty() {
            about.push(AllowError::NoCode { span: allow.span }.diagnostic());
        }
        for code in &allow.codes {
            let idle = is_whole && !silent.iter().any(|diagnostic| silences(allow, code, diagnostic));
            about.extend(finding(allow, code, idle).map(|error| error.diagnostic()));
        }
    }
    left.extend(about);
    left
}

fn silences(allow: &Allow, code: &Name, diagnostic: &Diagnostic) -> bool {
    let (at, covers) = (diagnostic.primary.span, allow.covers);
    allow.has_reason
        && code.text == diagnostic.code
        && may_be_allowed(diagnostic.code)
        && at.file == covers.file
        && (covers.start..=covers.end).contains(&at.start)
}

/// Warnings and lint; not what is wrong with the program, nor with allows themselves.
fn may_be_allowed(code: &str) -> bool {
    let is_lint = code.starts_with("E10") || OLDER_LINT.contains(&code);
    is_lint || code.starts_with('W') && !code.starts_with("W11")
}

fn finding(allow: &Allow, code: &Name, idle: bool) -> Option<AllowError> {
    let known = || errors::codes().map(|doc| doc.code);
    let (name, span) = (code.text.clone(), code.span);
    if may_be_allowed(&name) && known().any(|known| known == name) {
        return match (allow.has_reason, idle) {
            (false, _) => Some(AllowError::NoReason { code: name, span: allow.span }),
            (true, true) => Some(AllowError::Idle { code: name, span }),
            (true, false) => None,
        };
    }
    let is_code = known().any(|known| known == name) || name.starts_with("E0") && name.len() == 5;
    if is_code {
        return Some(AllowError::NotAllowable { code: name, span });
    }
    Some(AllowError::UnknownCode { name, known: known().filter(|code| may_be_allowed(code)).collect(), span })
}

//! Which parameters the bodies for a system do not name, so that giving one would change nothing there. Reads words,
//! not languages: a name in a comment counts as well.

use crate::base::ids::BindingId;
use crate::eval::walk::mentions;
use crate::hir::program::{Action, ActionBody, Body, Impl, Param};
use crate::hir::types::Type;
use crate::hir::value::ScriptLanguage;

/// What surrounds a parameter's name where a body uses what is made of it: `each_names`, `password_set`.
const BEFORE: &[&str] = &["each_", "with_"];
const AFTER: &[&str] = &["_count", "_set", "_sha256", "_text"];

pub(super) fn note_unnamed(action: &mut Action) {
    // What the engine itself reads: around a script of the user, and in a template.
    let is_read_elsewhere = |place: usize, param: &Param| {
        action.runs_script()
            || action.effect_param == Some(place)
            || action.renders.is_some_and(|from| from == place || matches!(param.name.as_str(), "vars" | "secrets"))
            || is_in_expressions(action, param.binding)
    };
    let places = action.params.iter().enumerate();
    let candidates: Vec<usize> =
        places.filter(|(place, param)| !is_read_elsewhere(*place, param)).map(|(place, _)| place).collect();
    let ActionBody::Impls(impls) = &mut action.body else { return };
    for each in impls {
        let is_unnamed = |place: &usize| action.params.get(*place).is_some_and(|param| !names(each, param));
        each.unnamed = candidates.iter().copied().filter(is_unnamed).collect();
    }
}

fn is_in_expressions(action: &Action, binding: BindingId) -> bool {
    let conditions = action.needs.iter().chain(&action.ensure).map(|each| &each.condition);
    let others = [&action.skip, &action.reversible, &action.restarts].into_iter().flatten();
    conditions.chain(others).any(|expr| mentions(expr, binding))
}

fn names(each: &Impl, param: &Param) -> bool {
    [&each.check, &each.apply, &each.verify, &each.rollback].into_iter().flatten().any(|body| match body {
        Body::Native(_) => true,
        Body::Script { script, functions } => {
            let texts = functions.iter().map(|function| &function.text).chain([&script.text]);
            let is_command = *param.ty.core() == Type::Script;
            texts.into_iter().any(|text| names_variable(text, &param.name, script.language, is_command))
        }
    })
}

fn names_variable(text: &str, name: &str, language: ScriptLanguage, is_command: bool) -> bool {
    let mut rest = text;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        let word = rest.split(|letter| !is_of_word(letter)).next().unwrap_or_default();
        let is_variable = language == ScriptLanguage::Sh || is_command || matches!(before, '$' | '{' | '@');
        if is_variable && is_of(&word.to_ascii_lowercase(), name) {
            return true;
        }
        before = letter;
        rest = rest.get(word.len().max(letter.len_utf8())..).unwrap_or_default();
    }
    false
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn is_of(word: &str, name: &str) -> bool {
    let plain = BEFORE.iter().find_map(|before| word.strip_prefix(before)).unwrap_or(word);
    word == name || plain == name || AFTER.iter().any(|after| word.strip_suffix(after) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_a_body_uses_it() {
        let sh = ["echo \"$mode\"", "[ \"$mode_set\" = true ]", "each_mode x", "echo ${mode:-a}", "x$(mode)"];
        for text in sh {
            assert!(names_variable(text, "mode", ScriptLanguage::Sh, false), "{text}");
        }
        let powershell = ["$a = $mode", "\"${mode}x\"", "f($Mode)", "\"$mode_sha256\"", "é$mode"];
        for text in powershell {
            assert!(names_variable(text, "mode", ScriptLanguage::Powershell, false), "{text}");
        }
        for text in ["mode", "$modes", "$my_mode", "[FileMode]::Open", "$x.mode", "-mode 1"] {
            assert!(!names_variable(text, "mode", ScriptLanguage::Powershell, false), "{text}");
        }
        assert!(names_variable("mode; code 1", "mode", ScriptLanguage::Powershell, true));
        assert!(!names_variable("chmodes modest a_mode", "mode", ScriptLanguage::Sh, false));
    }
}

//! Functions of a file: which of them a body names, and the body as the rules of scripts see it, with the text of
//! those functions before its own. Knows nothing of what they do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::checker::Checker;
use super::errors::names::NameError;
use crate::diag::Diagnostic;
use crate::hir::program;
use crate::hir::types::Type;
use crate::syntax::ast::{self, Function, PhaseBody, Script, ScriptLanguage};

/// Names that a shell keeps for itself: its words, and the builtins in whose place it takes no function.
const OF_THE_SHELL: &[&str] = &[
    "break", "case", "continue", "do", "done", "elif", "esac", "eval", "exec", "exit", "export", "fi", "function",
    "local", "readonly", "return", "select", "set", "shift", "then", "time", "times", "trap", "unset", "until",
    "while",
];

/// Words of PowerShell that no command can be called by, beside those that the shell has too.
const OF_POWERSHELL: &[&str] = &[
    "begin",
    "catch",
    "class",
    "data",
    "dynamicparam",
    "else",
    "elseif",
    "end",
    "enum",
    "filter",
    "finally",
    "for",
    "foreach",
    "from",
    "hidden",
    "if",
    "in",
    "param",
    "process",
    "static",
    "switch",
    "throw",
    "try",
    "using",
    "var",
    "workflow",
];

/// What the functions begin with that a step makes of its parameters, and those of its own.
const OF_STEPS: &[&str] = &["each_", "with_", "__"];

impl<'a> Checker<'a> {
    pub(super) fn collect_function(&mut self, function: &'a Function) {
        let known = self.functions.entry(function.script.span.file).or_default();
        match known.iter().find(|other| other.name.text == function.name.text) {
            // A module that is imported under two names stands here twice.
            Some(first) if first.name.span == function.name.span => {}
            Some(first) => {
                let (what, name, first) = ("function", function.name.text.clone(), first.name.span);
                let error = NameError::DuplicateDefinition { what, name, first, span: function.name.span };
                self.report(error.diagnostic());
            }
            None => known.push(function),
        }
    }

    /// The functions that a body needs, in the order of its file.
    pub(super) fn functions_of(&self, body: &Script) -> Vec<&'a Function> {
        match self.functions.get(&body.span.file) {
            Some(functions) => needed(body, functions),
            None => Vec::new(),
        }
    }

    /// The bodies of an action, each with the functions that it needs before it.
    pub(super) fn whole_impls<'i>(&self, impls: &'i [ast::Impl]) -> Cow<'i, [ast::Impl]> {
        let file = impls.first().map(|each| each.span.file);
        if file.is_none_or(|file| !self.functions.contains_key(&file)) {
            return Cow::Borrowed(impls);
        }
        let mut impls = impls.to_vec();
        for phase in impls.iter_mut().flat_map(|each| &mut each.phases) {
            if let PhaseBody::Script(script) = &mut phase.body {
                *script = whole(script, &self.functions_of(script));
            }
        }
        Cow::Owned(impls)
    }

    /// A script that a step gets is a function too, and would be replaced by one of the same name.
    pub(super) fn refuse_functions_of_params(&mut self, action: &program::Action, impls: &[ast::Impl]) {
        let scripts = impls.iter().flat_map(|each| &each.phases).filter_map(|phase| match &phase.body {
            PhaseBody::Script(script) => Some(script),
            PhaseBody::Native(_) => None,
        });
        let functions: Vec<&Function> = scripts.flat_map(|script| self.functions_of(script)).collect();
        for param in action.params.iter().filter(|param| *param.ty.core() == Type::Script) {
            if let Some(function) = functions.iter().find(|function| function.name.text == param.name) {
                let (name, span) = (param.name.clone(), function.name.span);
                self.report(NameError::FunctionName { name, definition: Some(param.span), span }.diagnostic());
            }
        }
    }

    /// Functions of the main file: their names, and whether any body needs them.
    pub(super) fn check_functions(&mut self) {
        let main = self.input.main;
        let bodies = main.items.iter().flat_map(scripts_of);
        let used: BTreeSet<&str> =
            bodies.flat_map(|body| self.functions_of(body)).map(|function| function.name.text.as_str()).collect();
        let mut found: Vec<Diagnostic> = Vec::new();
        for item in &main.items {
            let ast::Item::Function(Function { name: ast::Name { text, span }, script, .. }) = item else { continue };
            let (name, span) = (text.clone(), *span);
            if is_taken(text, script.language) {
                found.push(NameError::FunctionName { name, definition: None, span }.diagnostic());
            } else if !used.contains(&**text) {
                found.push(NameError::Unused { name, span }.diagnostic());
            }
        }
        self.diagnostics.extend(found);
    }

    /// What is found in a function is found in every body that needs it; one of them is enough.
    pub(super) fn forget_repeated_findings(&mut self) {
        let texts: Vec<_> = self.functions.values().flatten().map(|function| function.script.span).collect();
        let mut seen = BTreeSet::new();
        self.diagnostics.retain(|diagnostic| {
            let at = diagnostic.primary.span;
            let is_shared = texts.iter().any(|text| text.file == at.file && (text.start..text.end).contains(&at.start));
            !is_shared || seen.insert((at, diagnostic.code))
        });
    }
}

/// Whether the language, or every step, has something of that name.
fn is_taken(name: &str, language: ScriptLanguage) -> bool {
    let of_language = language == ScriptLanguage::Powershell && OF_POWERSHELL.contains(&name);
    name == "out"
        || of_language
        || OF_THE_SHELL.contains(&name)
        || OF_STEPS.iter().any(|prefix| name.starts_with(prefix))
}

fn scripts_of(item: &ast::Item) -> Vec<&Script> {
    let ast::Item::Action(ast::Action { body: ast::ActionBody::Impls(impls), .. }) = item else { return Vec::new() };
    let scripts = impls.iter().flat_map(|each| &each.phases).filter_map(|phase| match &phase.body {
        PhaseBody::Script(script) => Some(script),
        PhaseBody::Native(_) => None,
    });
    scripts.collect()
}

/// The functions of its language that a body names, and those that they name themselves.
fn needed<'a>(body: &Script, functions: &[&'a Function]) -> Vec<&'a Function> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut texts = vec![body.text.as_str()];
    while let Some(text) = texts.pop() {
        for function in functions.iter().filter(|function| function.script.language == body.language) {
            if is_named(text, &function.name.text) && names.insert(&function.name.text) {
                texts.push(&function.script.text);
            }
        }
    }
    functions.iter().copied().filter(|function| names.contains(function.name.text.as_str())).collect()
}

/// Whether a word of the text is the name. Where it stands means nothing, since `trap 'clean' EXIT` calls it too; only a
/// variable and what is assigned to are something else.
fn is_named(text: &str, name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).unwrap_or("");
        let after = text.get(at + name.len()..).unwrap_or("");
        let is_variable = before.ends_with('$') || before.ends_with("${");
        !is_variable && !before.ends_with(is_letter) && !after.starts_with(is_letter) && !after.starts_with('=')
    })
}

/// A body behind its functions. Every piece knows where it stands in the file.
fn whole(body: &Script, functions: &[&Function]) -> Script {
    let (mut text, mut places) = (String::new(), Vec::new());
    let mut push = |piece: &str, of_piece: &[(usize, usize)]| {
        places.extend(of_piece.iter().map(|(offset, at)| (text.len() + offset, *at)));
        text.push_str(piece);
    };
    for Function { name, script, .. } in functions {
        let opening = match script.language {
            ScriptLanguage::Sh => format!("{}() {{\n", name.text),
            ScriptLanguage::Powershell => format!("function {} {{\n", name.text),
        };
        push(&opening, &[(0, name.span.start as usize)]);
        push(&script.text, &script.places);
        push("\n}\n", &[(0, script.span.end as usize)]);
    }
    push(&body.text, &body.places);
    Script { text, places, ..body.clone() }
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_function_is_named_wherever_its_word_stands() {
        for text in
            ["edit", "x | edit > y", "if ! edit; then", "each_key edit", "trap 'edit' EXIT", "$(edit)", "a=edit"]
        {
            assert!(is_named(text, "edit"), "{text}");
        }
        for text in ["", "edits", "re_edit", "$edit", "${edit:-x}", "edit=1", "edit2 edit_"] {
            assert!(!is_named(text, "edit"), "{text}");
        }
    }
}

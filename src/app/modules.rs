//! Files that a file imports with `use "./chat.ops" as chat`, and those that they import. Never outside the project;
//! modules of other repositories have a copy in it.

use std::path::{Path, PathBuf};

use super::files::{inside_project, read_text};
use super::vendoring::{Remote, vendored};
use super::workspace::{Workspace, display_path};
use crate::base::near::nearest;
use crate::base::source::Span;
use crate::check::modules::qualified;
use crate::diag::Diagnostic;
use crate::syntax::{self, ast};

/// What a file imports, ready to be part of its library.
#[derive(Default)]
pub struct Modules {
    pub files: Vec<ast::File>,
    /// Aliases of those that cannot be read.
    pub unread: Vec<String>,
    pub diagnostics: Vec<Diagnostic>,
}

/// The files being read, the importing one last, and the names that stand before the module's own.
struct Place<'a> {
    folder: &'a Path,
    open: &'a [PathBuf],
    alias: &'a [String],
}

impl Workspace {
    pub(super) fn modules_of(&mut self, tree: &ast::File, path: &Path, folder: &Path) -> Modules {
        let mut modules = Modules::default();
        let open: Vec<PathBuf> = path.canonicalize().into_iter().collect();
        self.import(tree, &Place { folder, open: &open, alias: &[] }, &mut modules);
        modules
    }

    fn import(&mut self, tree: &ast::File, place: &Place<'_>, modules: &mut Modules) {
        let mut seen: Vec<String> = Vec::new();
        for item in &tree.items {
            let ast::Item::Use(item) = item else { continue };
            match self.import_one(item, place, &seen, modules) {
                Ok(alias) => seen.push(alias),
                Err(diagnostic) => {
                    modules.diagnostics.push(diagnostic);
                    modules.unread.extend(item.alias.as_ref().map(|alias| alias.text.clone()));
                }
            }
        }
    }

    fn import_one(
        &mut self,
        item: &ast::Use,
        place: &Place<'_>,
        seen: &[String],
        modules: &mut Modules,
    ) -> Result<String, Diagnostic> {
        let (written, span) = source_of(item)?;
        let alias = alias_of(item, &written, span)?;
        if seen.contains(&alias) {
            return Err(Diagnostic::error("E0115", item.span, format!("two modules are called `{alias}`"))
                .help("give one of them another name: `as other`"));
        }
        let path = self.module_path(&written, place.folder, span)?;
        if place.open.contains(&path) {
            let shown = display_path(&path, &self.project);
            return Err(Diagnostic::error("E0114", span, format!("`{shown}` comes to itself by what it imports")));
        }
        let text = read_text(&path)
            .map_err(|error| Diagnostic::error("E0113", span, format!("`{written}` cannot be read: {error}")))?;
        let file = self.module_file(&path, text);
        let (tree, diagnostics) = syntax::parse(&self.sources, file);
        modules.diagnostics.extend(diagnostics);
        let Some(tree) = tree else { return Ok(alias) };
        let names: Vec<String> = place.alias.iter().cloned().chain([alias.clone()]).collect();
        let uses: Vec<String> = tree.items.iter().filter_map(alias_of_item).collect();
        modules.files.push(qualified(&tree, &names.join("."), &uses));
        let open: Vec<PathBuf> = place.open.iter().cloned().chain([path.clone()]).collect();
        let folder = path.parent().unwrap_or(Path::new("."));
        self.import(&tree, &Place { folder, open: &open, alias: &names }, modules);
        Ok(alias)
    }

    fn module_path(&self, written: &str, folder: &Path, span: Span) -> Result<PathBuf, Diagnostic> {
        if written.starts_with("git+") {
            let refuse = |reason: String| Diagnostic::error("E0116", span, format!("`{written}`: {reason}"));
            let remote = Remote::parse(written).map_err(refuse)?;
            return vendored(&remote, &self.project.root).map_err(refuse);
        }
        inside_project(&[folder, &self.project.root], &self.project.root, written).ok_or_else(|| {
            let diagnostic = Diagnostic::error("E0113", span, format!("there is no file `{written}` in the project"));
            let name = Path::new(written).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let beside = folder.join(Path::new(written).parent().unwrap_or(Path::new("")));
            let entries = std::fs::read_dir(beside).into_iter().flatten().flatten();
            let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            match nearest(&name, names.iter().map(String::as_str)) {
                Some(near) => diagnostic.did_you_mean(Some(near)),
                None => {
                    diagnostic.help("it is looked for beside the file that imports it, then from the project's root")
                }
            }
        })
    }
}

/// The path or the source as written.
fn source_of(item: &ast::Use) -> Result<(String, Span), Diagnostic> {
    let refuse = |span, what: &str| {
        Diagnostic::error("E0113", span, format!("{what} cannot be imported"))
            .help("write the path of a file, `use \"./chat.ops\" as chat`, or `git+https://host/repo//chat.ops@1.4.2`")
    };
    match &item.source {
        ast::UseSource::Path(text) => match text.constant() {
            Some(path) => Ok((path, text.span)),
            None => Err(refuse(text.span, "a path with a value in it")),
        },
        ast::UseSource::Name(name) => Err(refuse(name.span, "a name without a file")),
    }
}

fn alias_of(item: &ast::Use, written: &str, span: Span) -> Result<String, Diagnostic> {
    match &item.alias {
        Some(alias) => Ok(alias.text.clone()),
        None => {
            let stem = Path::new(written).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_name = stem.starts_with(|letter: char| letter.is_ascii_lowercase())
                && stem.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
            let refuse = || {
                Diagnostic::error("E0115", span, format!("`{stem}` cannot be the name of a module"))
                    .help("say what it is called: `as chat`")
            };
            if is_name { Ok(stem) } else { Err(refuse()) }
        }
    }
}

/// The alias where there is one that can be used; what is wrong is said when the module is imported.
fn alias_of_item(item: &ast::Item) -> Option<String> {
    let ast::Item::Use(item) = item else { return None };
    let (written, span) = source_of(item).ok()?;
    alias_of(item, &written, span).ok()
}

crate::diag::code_docs! {
    "E0113" "a module that is not there"
    "`use` names a file of the project, relative to the file that imports it, or to the project's root."
    "ops 1\n\nuse \"./caht.ops\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n" => "ops 1\n\n# chat.ops: type Level = \"low\" | \"high\"\nuse \"./chat.ops\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n"
    "E0114" "modules that import each other"
    "A module is read with what it imports, so none may come to itself."
    "ops 1\n\n# chat.ops: use \"./chat.ops\" as again\nuse \"./chat.ops\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n" => "ops 1\n\n# chat.ops: type Level = \"low\" | \"high\"\nuse \"./chat.ops\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n"
    "E0115" "the name of a module"
    "Every module that a file imports has one name in it, its own file name unless `as` says another."
    "ops 1\n\n# chat.ops: type Level = \"low\" | \"high\"\nuse \"./chat.ops\" as chat\nuse \"./chat.ops\"\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n" => "ops 1\n\n# chat.ops: type Level = \"low\" | \"high\"\nuse \"./chat.ops\"\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n"
    "E0116" "a module of another repository"
    "`use \"git+https://host/repo//path/x.ops@1.4.2\"` names a file of another repository at a pinned version. `opsc vendor` copies it into `vendor/` and writes `opsc.lock`; both are committed. Nothing but `opsc vendor` uses the network, and a copy that is not the locked one is refused."
    "ops 1\n\nuse \"git+https://example.org/ops/lib.git//chat.ops@1.4.2\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n" => "ops 1\n\n# chat.ops: type Level = \"low\" | \"high\"\nuse \"./chat.ops\" as chat\n\nplaybook p() ! read {\n  require true else \"never\"\n}\n"
}

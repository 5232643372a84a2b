//! Everything one command has read: sources, the world, library files by noun. Loads a program with what it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data::Loaded;
use super::errors::AppError;
use super::files::{Names, ProjectFiles, read_text};
use super::library;
use super::project::Project;
use super::schedules::check_zone;
use super::settings::Settings;
use super::sources_read::{self, Answered, Asking, Read};
use crate::base::ids::FileId;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::hir::expr::{Expr, ExprKind, Function};
use crate::hir::program::Program;
use crate::hir::value::Value;
use crate::hir::world::{Inventory, World};
use crate::inventory::Layers;
use crate::plan::expression_text::{walk_composite, walk_playbook};
use crate::syntax::ast;
use crate::{check, inventory, syntax};

/// Sources and parsed library files, kept for all files of one command.
pub struct Workspace {
    pub project: Project,
    pub settings: Settings,
    pub sources: Sources,
    pub world: World,
    /// The inventory's files in the order in which they were read.
    pub inventory_files: Vec<(PathBuf, FileId)>,
    /// What sources of hosts said, with their texts; below the files.
    pub answers: Vec<(Answered, FileId)>,
    /// Sources that never said anything; then hosts are not known.
    pub unread_sources: Vec<String>,
    /// Findings in the inventory.
    pub inventory_diagnostics: Vec<Diagnostic>,
    /// The library's files that have been needed so far, by name.
    library: BTreeMap<&'static str, Option<ast::File>>,
    /// `actions/*.ops`.
    ambient: Vec<Ambient>,
    /// Findings of the library's own files.
    library_diagnostics: Vec<Diagnostic>,
    /// Modules that were read, so that each is one source however many files import it.
    module_files: BTreeMap<PathBuf, FileId>,
    /// Names in `secrets/*.yaml`.
    secret_files: check::SecretFiles,
    /// Library actions that were lowered for an earlier file.
    known: check::Library,
}

/// A file of the project's own actions.
struct Ambient {
    path: PathBuf,
    tree: Option<ast::File>,
    diagnostics: Vec<Diagnostic>,
}

/// One file after all checks that need no host.
pub struct Checked {
    pub path: PathBuf,
    pub file: FileId,
    /// Absent where the text does not parse at all.
    pub tree: Option<ast::File>,
    /// Absent where there are errors.
    pub program: Option<Program>,
    pub diagnostics: Vec<Diagnostic>,
    /// Values of `load("…")`.
    pub loaded: Loaded,
}

impl Checked {
    /// Where the file stands.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl Workspace {
    /// Reads the inventory and the project's own actions, and asks nobody. No inventory means `World::Open`.
    pub fn open(project: Project, settings: Settings, inventory_files: &[PathBuf]) -> Result<Workspace, AppError> {
        Workspace::open_asking(project, settings, inventory_files, &Asking::Reading)
    }

    /// The same with the answers of sources of hosts; files that are named count instead of them.
    pub fn open_asking(
        project: Project,
        settings: Settings,
        inventory_files: &[PathBuf],
        asking: &Asking,
    ) -> Result<Workspace, AppError> {
        let of_settings: Vec<PathBuf> = settings.path("inventory").into_iter().collect();
        let files = project.inventory_files(if inventory_files.is_empty() { &of_settings } else { inventory_files })?;
        let mut texts = Vec::new();
        for path in files {
            let text = read_text(&path)?;
            texts.push((path, text));
        }
        let read = match inventory_files {
            [] => sources_read::read(&project, settings.sources(), asking)?,
            _ => Read::default(),
        };
        Workspace::over(project, settings, texts, read)
    }

    /// The same with these texts as inventory, whatever files there are.
    pub fn open_on(
        project: Project,
        settings: Settings,
        inventory: Vec<(PathBuf, String)>,
    ) -> Result<Workspace, AppError> {
        Workspace::over(project, settings, inventory, Read::default())
    }

    fn over(
        project: Project,
        settings: Settings,
        inventory: Vec<(PathBuf, String)>,
        read: Read,
    ) -> Result<Workspace, AppError> {
        let mut sources = Sources::new();
        let inventory_files: Vec<(PathBuf, FileId)> = inventory
            .into_iter()
            .map(|(path, text)| {
                let file = sources.add(display_path(&path, &project), text);
                (path, file)
            })
            .collect();
        let texts: Vec<FileId> = inventory_files.iter().map(|(_, file)| *file).collect();
        let answered = read.answered.into_iter().map(|answered| {
            let file = sources.add(format!("<source {}>", answered.name), answered.text.as_str());
            (answered, file)
        });
        let answers: Vec<(Answered, FileId)> = answered.collect();
        let answer_texts: Vec<FileId> = answers.iter().map(|(_, file)| *file).collect();
        let layers = Layers { answers: &answer_texts, files: &texts };
        let (found, inventory_diagnostics) = inventory::load_layers(&sources, &layers);
        let is_known = read.unread.is_empty() && !(inventory_files.is_empty() && answers.is_empty());
        let world = if is_known { World::Known(Arc::new(found)) } else { World::Open };
        let secret_files = super::secret_files::names(&project.root);
        let mut workspace = Workspace {
            project,
            settings,
            sources,
            world,
            inventory_files,
            answers,
            unread_sources: read.unread,
            inventory_diagnostics,
            library: BTreeMap::new(),
            ambient: Vec::new(),
            library_diagnostics: Vec::new(),
            module_files: BTreeMap::new(),
            secret_files,
            known: check::Library::default(),
        };
        workspace.load_ambient()?;
        Ok(workspace)
    }

    /// The inventory's texts from the lowest to the highest.
    pub fn inventory_texts(&self) -> Vec<FileId> {
        let answers = self.answers.iter().map(|(_, file)| *file);
        answers.chain(self.inventory_files.iter().map(|(_, file)| *file)).collect()
    }

    /// The hashes of what sources said, by their names.
    pub fn answer_hashes(&self) -> BTreeMap<String, String> {
        self.answers.iter().map(|(answered, _)| (answered.name.clone(), answered.sha256.clone())).collect()
    }

    fn load_ambient(&mut self) -> Result<(), AppError> {
        for path in self.project.action_files()? {
            let file = self.sources.add(display_path(&path, &self.project), read_text(&path)?);
            let (tree, diagnostics) = syntax::parse(&self.sources, file);
            let path = path.canonicalize().unwrap_or(path);
            self.ambient.push(Ambient { path, tree, diagnostics });
        }
        Ok(())
    }

    /// The inventory; without one, only `localhost` exists.
    pub fn inventory(&self) -> Arc<Inventory> {
        self.world.shared_inventory().unwrap_or_else(|| Arc::new(inventory::load(&Sources::new(), &[]).0))
    }

    /// Reads and checks one file.
    pub fn check_file(&mut self, path: &Path) -> Result<Checked, AppError> {
        let text = read_text(path)?;
        Ok(self.check_text(path, text))
    }

    /// Checks a text that stands, or would stand, at a path.
    pub fn check_text(&mut self, path: &Path, text: String) -> Checked {
        let file = self.sources.add(display_path(path, &self.project), text);
        let (tree, mut diagnostics) = syntax::parse(&self.sources, file);
        let parsed_whole = !diagnostics.iter().any(Diagnostic::is_error);
        let mut program = None;
        if let (Some(tree), true) = (&tree, parsed_whole) {
            let modules = self.modules_of(tree, path, folder_of(path));
            modules.files.iter().for_each(|module| self.load_library(module));
            self.load_library(tree);
            diagnostics.extend(modules.diagnostics);
            diagnostics.extend(self.library_diagnostics.iter().cloned());
            // A file of the project's own actions is not its own library.
            let itself = path.canonicalize().unwrap_or_default();
            let ambient = || self.ambient.iter().filter(|ambient| ambient.path != itself);
            diagnostics.extend(ambient().flat_map(|ambient| ambient.diagnostics.iter().cloned()));
            let ambient_trees = ambient().filter_map(|ambient| ambient.tree.as_ref());
            let library: Vec<&ast::File> =
                self.library.values().flatten().chain(ambient_trees).chain(&modules.files).collect();
            let secret_commands: Vec<String> = self.settings.secret_commands().keys().cloned().collect();
            let approvers: Vec<String> = self.settings.approvers().names().cloned().collect();
            let input = check::Input {
                main: tree,
                library: &library,
                world: &self.world,
                secret_commands: &secret_commands,
                secret_files: &self.secret_files,
                approvers: &approvers,
                unread: &modules.unread,
            };
            let (checked, found) = check::check(&input, &mut self.known);
            diagnostics.extend(found);
            diagnostics.extend(checked.iter().flat_map(|program| &program.playbooks).filter_map(check_zone));
            program = checked.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
        }
        let path = path.to_path_buf();
        let mut checked = Checked { path, file, tree, program, diagnostics, loaded: Loaded::new() };
        self.load_data(&mut checked);
        checked
    }

    /// Every action there is, for catalogues and listings: the whole library is parsed.
    pub fn catalogue(&mut self) -> (Program, Vec<Diagnostic>) {
        for file in library::files() {
            self.load_library_file(file);
        }
        let file = self.sources.add("<catalogue>", "ops 1\n");
        let (tree, mut diagnostics) = syntax::parse(&self.sources, file);
        let Some(tree) = tree else { return (Program::default(), diagnostics) };
        let ambient = self.ambient.iter().filter_map(|ambient| ambient.tree.as_ref());
        diagnostics.extend(self.library_diagnostics.iter().cloned());
        diagnostics.extend(self.ambient.iter().flat_map(|ambient| ambient.diagnostics.iter().cloned()));
        let library: Vec<&ast::File> = self.library.values().flatten().chain(ambient).collect();
        let secret_commands: Vec<String> = self.settings.secret_commands().keys().cloned().collect();
        let input = check::Input {
            main: &tree,
            library: &library,
            world: &self.world,
            secret_commands: &secret_commands,
            secret_files: &self.secret_files,
            approvers: &[],
            unread: &[],
        };
        let (program, found) = check::check_catalogue(&input, &mut self.known);
        diagnostics.extend(found);
        (program, diagnostics)
    }

    /// The source of a module, the same one for every file that imports it.
    pub(super) fn module_file(&mut self, path: &Path, text: String) -> FileId {
        if let Some(file) = self.module_files.get(path) {
            return *file;
        }
        let file = self.sources.add(display_path(path, &self.project), text);
        self.module_files.insert(path.to_path_buf(), file);
        file
    }

    /// Parses the library files that a tree needs, and those that these need.
    fn load_library(&mut self, tree: &ast::File) {
        let mut wanted = library_files(tree);
        for ambient in self.ambient.iter().filter_map(|ambient| ambient.tree.as_ref()) {
            wanted.extend(library_files(ambient));
        }
        while let Some((name, text)) = wanted.pop_first() {
            wanted.extend(self.load_library_file((name, text)));
        }
    }

    /// Parses a library file, once; the files that it needs.
    fn load_library_file(&mut self, (name, text): (&'static str, &'static str)) -> LibraryFiles {
        if self.library.contains_key(name) {
            return LibraryFiles::new();
        }
        let file = self.sources.add(format!("stdlib/{name}.ops"), text);
        let (tree, diagnostics) = syntax::parse(&self.sources, file);
        // The library is tested; should it not parse, the program that names it must say so.
        self.library_diagnostics.extend(diagnostics);
        let needed = tree.as_ref().map(library_files).unwrap_or_default();
        self.library.insert(name, tree);
        needed
    }

    /// The contents of files and folders that a program names.
    pub fn files_of(&self, checked: &Checked) -> ProjectFiles {
        let mut names = Names::default();
        if let Some(program) = &checked.program {
            let mut visit = |expr: &Expr| {
                names.files.extend(path_of(expr, Function::File));
                names.folders.extend(path_of(expr, Function::Folder));
            };
            let playbooks = program.playbooks.iter().chain(program.called.iter().map(AsRef::as_ref));
            playbooks.for_each(|playbook| walk_playbook(playbook, &mut visit));
            program.actions.values().for_each(|action| walk_composite(action, &mut visit));
        }
        ProjectFiles::read(checked.folder(), &self.project.root, names)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names and texts of files of the library.
type LibraryFiles = BTreeMap<&'static str, &'static str>;

fn library_files(tree: &ast::File) -> LibraryFiles {
    let names = check::names_used(tree);
    let of_types = names.types.iter().filter_map(|name| library::file_of_type(name));
    names.actions.iter().flat_map(|name| library::files_of_action(name)).chain(of_types).collect()
}

/// A path as messages show it: relative to the project where it lies inside.
pub fn display_path(path: &Path, project: &Project) -> String {
    let shown = path.strip_prefix(&project.root).unwrap_or(path);
    let shown = shown.strip_prefix(".").unwrap_or(shown);
    shown.display().to_string()
}

/// The argument of a `file("…")` or a `folder("…")`.
fn path_of(expr: &Expr, of: Function) -> Option<String> {
    let ExprKind::Call { function, args } = &expr.kind else { return None };
    if *function != of {
        return None;
    }
    match &args.first()?.kind {
        ExprKind::Literal(Value::String(name)) => Some(name.clone()),
        _ => None,
    }
}

//! Tests of a project's playbooks: each is checked, planned and, where something is expected of a run, simulated.
//! Touches no host, asks nobody, and writes nothing but golden plans that are accepted.

use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::errors::AppError;
use super::files::{inside_project, read_text, write_text};
use super::planning::{PlanOptions, Planned, plan_checked};
use super::project::Project;
use super::settings::Settings;
use super::simulating::{Simulated, simulate};
use super::test_checks::{self, Failure};
use super::test_file::{Case, Hosts, Placed, beside, only, read};
use super::test_script::{script, secrets};
use super::test_settings;
use super::workspace::{Checked, Workspace, display_path};
use crate::base::ids::FileId;
use crate::base::source::{Sources, Span};
use crate::diag::Diagnostic;
use crate::diag::render::{Colour, render};
use crate::inventory::errors::InventoryError;
use crate::report::plan_json::plan_json;
use crate::report::plan_text::plan_text;

/// What one test came to.
pub struct Tested {
    pub name: String,
    pub span: Span,
    pub failures: Vec<Failure>,
    /// Where something was expected of a run.
    pub run: Option<Simulated>,
    /// A golden plan that was written.
    pub wrote: Option<PathBuf>,
}

/// A file of tests, and where it belongs.
pub struct Testing<'a> {
    pub path: &'a Path,
    pub project: &'a Project,
    pub settings: &'a Settings,
    /// Golden plans that are another now, or missing, are written.
    pub accept: bool,
    pub sources: &'a Sources,
    pub file: FileId,
}

/// Runs all tests of a file. Mistakes in the file itself are errors, and then nothing is known of any test.
pub fn test_file(testing: &Testing<'_>) -> Result<Vec<Tested>, AppError> {
    let cases = read(testing.sources, testing.file, testing.path)
        .map_err(|diagnostics| AppError::Diagnostics { diagnostics })?;
    cases.iter().map(|case| testing.test(case)).collect()
}

impl Testing<'_> {
    fn test(&self, case: &Case) -> Result<Tested, AppError> {
        let mut tested =
            Tested { name: case.name.clone(), span: case.span, failures: Vec::new(), run: None, wrote: None };
        let mut workspace = self.workspace(case)?;
        let checked = workspace.check_file(&self.playbook(case)?)?;
        if let Some(expected) = &case.expect.diagnostics {
            let own = |diagnostic: &&Diagnostic| diagnostic.primary.span.file == checked.file;
            let found: Vec<&Diagnostic> = checked.diagnostics.iter().filter(own).collect();
            let failures = test_checks::findings(&expected.value, expected.span, &found, &workspace.sources);
            tested.failures.extend(failures);
        }
        if case.expect.plan.is_some() || case.expect.needs_run() {
            self.plan(case, &mut workspace, checked, &mut tested)?;
        }
        Ok(tested)
    }

    fn plan(
        &self,
        case: &Case,
        workspace: &mut Workspace,
        checked: Checked,
        tested: &mut Tested,
    ) -> Result<(), AppError> {
        let mistakes = test_settings::mistakes(&case.setting, &checked, workspace, self.file);
        match plan_checked(workspace, checked, &options(case)) {
            Ok(planned) => {
                if let Some(golden) = &case.expect.plan {
                    self.compare_plan(golden, &planned, tested)?;
                }
                if case.expect.needs_run() {
                    self.simulate(case, &planned, workspace, tested)?;
                }
            }
            // That it is refused may be what is expected.
            Err(error) if is_expected(case, &error) => {}
            Err(_) if !mistakes.is_empty() => return Err(AppError::Diagnostics { diagnostics: mistakes }),
            Err(error) => {
                let span = case.expect.exit.as_ref().map_or(case.span, |exit| exit.span);
                let details = render(error.diagnostics(), &workspace.sources, Colour::Never);
                let message = format!("there is no plan (exit {}): {error}", error.exit_code());
                tested.failures.push(Failure { span, message, details });
            }
        }
        Ok(())
    }

    /// The inventory that the test names or holds, or else the project's own.
    fn workspace(&self, case: &Case) -> Result<Workspace, AppError> {
        let (project, settings) = (self.project.clone(), self.settings.clone());
        match &case.setting.inventory {
            None => Workspace::open(project, settings, &[]),
            Some(Hosts::File(name)) => Workspace::open(project, settings, &[self.found(name)?]),
            Some(Hosts::Here(part)) => {
                let text = only(&self.sources.get(self.file).text, *part);
                Workspace::open_on(project, settings, vec![(self.path.to_path_buf(), text)])
            }
        }
    }

    fn playbook(&self, case: &Case) -> Result<PathBuf, AppError> {
        match &case.setting.file {
            Some(name) => self.found(name),
            None => Err(AppError::NoFiles { searched: vec![self.path.to_path_buf()] }),
        }
    }

    /// A file that a test names: beside it, or from the project's root.
    fn found(&self, name: &Placed<String>) -> Result<PathBuf, AppError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        inside_project(&[folder, &self.project.root], &self.project.root, &name.value).ok_or_else(|| {
            let expected = "a file beside the test, or from the project's root";
            wrong(&InventoryError::WrongForm { expected, found: "none of this name", span: name.span })
        })
    }

    fn compare_plan(&self, golden: &Placed<String>, planned: &Planned, tested: &mut Tested) -> Result<(), AppError> {
        let Some(path) = beside(self.path, &golden.value) else {
            let expected = "the name of a file beside the test";
            return Err(wrong(&InventoryError::WrongForm {
                expected,
                found: "a way out of its folder",
                span: golden.span,
            }));
        };
        let now = plan_of(planned, &golden.value);
        let before = if path.exists() { Some(read_text(&path)?) } else { None };
        if before.as_deref() == Some(now.as_str()) {
            return Ok(());
        }
        if before.as_deref().is_some_and(|before| !is_golden(before)) {
            let message = format!("`{}` is no golden plan, and is not written over", display_path(&path, self.project));
            tested.failures.push(Failure::new(golden.span, message));
            return Ok(());
        }
        if self.accept {
            write_text(&path, &now)?;
            tested.wrote = Some(path);
            return Ok(());
        }
        let shown = display_path(&path, self.project);
        let failure = match before {
            None => Failure::new(golden.span, format!("there is no `{shown}` yet; `--accept` writes it")),
            Some(before) => Failure {
                span: golden.span,
                message: format!("the plan is not that of `{shown}`; `--accept` writes it anew"),
                details: TextDiff::from_lines(&before, &now).unified_diff().header(&shown, "now").to_string(),
            },
        };
        tested.failures.push(failure);
        Ok(())
    }

    fn simulate(
        &self,
        case: &Case,
        planned: &Planned,
        workspace: &Workspace,
        tested: &mut Tested,
    ) -> Result<(), AppError> {
        let script = script(case, planned).map_err(|errors| AppError::Diagnostics {
            diagnostics: errors.iter().map(InventoryError::diagnostic).collect(),
        })?;
        let forks = workspace.settings.count("forks").unwrap_or(1);
        let run = simulate(planned, script, secrets(case, planned), forks)?;
        let unsaid = run.unsaid.iter().map(|unsaid| {
            let (step, host, field) = (&unsaid.step, &unsaid.host, &unsaid.field);
            let hint = format!("- {{ step: {step}, host: {host}, result: {{ {field}: … }} }}");
            let message = format!("the playbook reads `{field}` of `{step}` on {host}, which the test does not say");
            Failure { details: format!("under `steps:` goes, such as:\n{hint}\n"), ..Failure::new(case.span, message) }
        });
        tested.failures.extend(unsaid);
        tested.failures.extend(test_checks::of_run(&case.expect, &run));
        tested.run = Some(run);
        Ok(())
    }
}

pub(super) fn wrong(error: &InventoryError) -> AppError {
    AppError::Diagnostics { diagnostics: vec![error.diagnostic()] }
}

fn is_expected(case: &Case, error: &AppError) -> bool {
    case.expect.exit.as_ref().is_some_and(|exit| exit.value == error.exit_code())
}

fn options(case: &Case) -> PlanOptions {
    PlanOptions {
        playbook: case.setting.playbook.as_ref().map(|name| name.value.clone()),
        values: case.setting.vars.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect(),
        limit: case.setting.limit.as_ref().map(|limit| limit.value.clone()),
        allow: case.setting.allow,
        ..PlanOptions::default()
    }
}

/// The canonical plan, in the form that the name of its file asks for.
/// What `--accept` may write over: a plan, as text or as JSON, or nothing.
fn is_golden(text: &str) -> bool {
    let is_plan = |json: serde_json::Value| json.get("schema").is_some_and(|schema| schema == "opsc.plan/1");
    text.is_empty() || text.starts_with("plan ") || serde_json::from_str(text).is_ok_and(is_plan)
}

fn plan_of(planned: &Planned, name: &str) -> String {
    let Planned { plan, program, inventory, .. } = planned;
    if !name.ends_with(".json") {
        return plan_text(plan, program, inventory, false);
    }
    let json = serde_json::to_string_pretty(&plan_json(plan, program, inventory));
    // A plan is made of texts and numbers, which JSON can hold.
    json.map(|json| json + "\n").unwrap_or_default()
}

//! `opsc run`, `opsc do` and `opsc exec`: summary, question, run, recap.

use std::time::Duration;

use super::args::{Connection, Global, RunCommand, RunFormat};
use super::args_adhoc::{DoCommand, EffectName, ExecCommand};
use super::asked::Asked;
use super::output::Output;
use super::plan::{allowed, make_plan};
use super::saved;
use crate::app::AppError;
use crate::app::adhoc::{Adhoc, Exec, plan_action, plan_exec};
use crate::app::credentials::{CredentialSource, never_hidden, password_file};
use crate::app::execution::{Execution, GoingOn, Told};
use crate::app::going_on::{owing, taken_over, unfinished};
use crate::app::planning::{Allow, Planned};
use crate::app::running::ConnectOptions;
use crate::app::secret_providers::{Ask, key_passphrase};
use crate::app::workspace::Workspace;
use crate::base::secret::Secret;
use crate::base::words;
use crate::hir::effect::Level;
use crate::report;
use crate::report::progress::Progress;
use crate::run::event::{EventKind, RunEvent};
use crate::run::exit;
use crate::run::predict::Prediction;
use crate::state::{Journal, PlanFile};

/// Earlier runs that tell how long one may take.
const MOST_PACES: usize = 10;

/// A plan, where its project lies, and how hosts are reached.
pub struct Session<'a> {
    planned: &'a Planned,
    workspace: &'a Workspace,
    options: &'a ConnectOptions,
}

impl<'a> Session<'a> {
    pub fn new(planned: &'a Planned, workspace: &'a Workspace, options: &'a ConnectOptions) -> Self {
        Session { planned, workspace, options }
    }

    fn execution(&self, connection: &Connection) -> Execution<'_> {
        let forks = connection.forks.or(self.workspace.settings.count("forks")).unwrap_or(1);
        let (project, settings) = (&self.workspace.project, &self.workspace.settings);
        let (planned, options) = (self.planned, self.options);
        Execution { planned, project, settings, options, forks, request: None, going_on: None, plan_file: None }
    }

    pub fn predict(&self, connection: &Connection, contents: bool) -> Result<Vec<Prediction>, AppError> {
        self.execution(connection).predict(contents)
    }
}

/// What settings alone say of connections.
pub(super) fn plain_options(workspace: &Workspace) -> ConnectOptions {
    let settings = &workspace.settings;
    ConnectOptions {
        root: workspace.project.root.clone(),
        user: settings.text("user"),
        key: settings.path("private_key"),
        timeout: settings.time("timeout"),
        ssh_config: settings.path("ssh_config"),
        ssh_config_exec: settings.text("ssh_config_exec").as_deref() == Some("yes"),
        ..ConnectOptions::default()
    }
}

/// Passwords come from a prompt or a file, never from a flag.
pub fn connect_options(
    connection: &Connection,
    workspace: &Workspace,
    output: &mut Output,
) -> Result<ConnectOptions, i32> {
    let plain = plain_options(workspace);
    let ask: Option<Ask> = output.may_ask.then_some(ask_secret);
    let mut options = ConnectOptions {
        credentials: Some(CredentialSource::new(&workspace.project, &workspace.settings, ask)),
        user: connection.user.clone().or(plain.user),
        key: connection.private_key.clone().or(plain.key),
        timeout: connection.timeout.map(|seconds| Duration::from_secs(seconds as u64)).or(plain.timeout),
        ssh_config: connection.ssh_config.clone().or(plain.ssh_config),
        ..plain
    };
    if let Some(file) = &connection.password_file {
        options.password = Some(password_file(file).map_err(|error| output.fail(&error, None))?);
    } else if connection.ask_pass {
        options.password = Some(ask_password("login password: ", output)?);
    }
    if connection.ask_key_pass {
        options.passphrase = Some(ask_password("passphrase of the private key: ", output)?);
    } else {
        let passphrase = key_passphrase(&workspace.project, &workspace.settings, ask);
        options.passphrase = passphrase.map_err(|error| output.fail(&error, None))?;
    }
    if connection.ask_become_pass {
        options.admin_password = Some(ask_password("sudo password: ", output)?);
    }
    for setting in never_hidden(&options) {
        let name = setting.replace('_', " ");
        output.complain(&format!("warning: the {name} is too short to be hidden in what hosts print\n"));
    }
    Ok(options)
}

pub(super) fn ask_password(prompt: &str, output: &mut Output) -> Result<Secret<String>, i32> {
    if !output.may_ask {
        output.complain(
            "error: a password is needed, and there is no terminal to ask on\nhint: use `--password-file FILE`\n",
        );
        return Err(3);
    }
    match rpassword::prompt_password(prompt).map(Secret::new) {
        Ok(password) if password.expose().is_empty() => {
            output.complain("error: the password is empty\n");
            Err(10)
        }
        Ok(password) => Ok(password),
        Err(error) => {
            output.complain(&format!("error: no password could be read: {error}\n"));
            Err(3)
        }
    }
}

/// The value of a secret parameter, not shown while it is typed.
pub(super) fn ask_secret(name: &str) -> Option<Secret<String>> {
    // A prompt that cannot be read is as good as nobody: the run does not start, and says so.
    rpassword::prompt_password(format!("{name} (secret): ")).map(Secret::new).ok()
}

pub fn run(command: &RunCommand, global: &Global, output: &mut Output) -> i32 {
    if saved::is_saved(&command.selection.file) {
        return saved::run(command, global, output);
    }
    let (workspace, planned) = match make_plan(&command.selection, global, output) {
        Ok(made) => made,
        Err(code) => return code,
    };
    let asked = Asked::new(&command.selection, &planned, &command.connection, global);
    let how = How {
        dry_run: command.dry_run,
        diff: command.diff,
        request: asked.to_json(),
        require_signed: command.require_signed,
        ..How::new(&command.connection, command.yes, command.output)
    };
    carry_out(&workspace, &planned, &how, global, output)
}

/// What the flags of `run`, `do` and `resume` have in common.
pub struct How<'a> {
    pub connection: &'a Connection,
    pub yes: bool,
    pub dry_run: bool,
    pub diff: bool,
    pub format: RunFormat,
    /// For the journal: what it takes to ask for the same again.
    pub request: Option<String>,
    pub going_on: Option<GoingOn>,
    /// For the audit: the saved plan that it is.
    pub plan_file: Option<PlanFile>,
    /// It must be a saved plan with a signature.
    pub require_signed: bool,
}

impl<'a> How<'a> {
    pub fn new(connection: &'a Connection, yes: bool, format: RunFormat) -> How<'a> {
        How {
            connection,
            yes,
            dry_run: false,
            diff: false,
            format,
            request: None,
            going_on: None,
            plan_file: None,
            require_signed: false,
        }
    }

    /// What goes on with a run has the agreement of that run.
    fn expect_signed(&self, workspace: &Workspace, planned: &Planned) -> Result<(), AppError> {
        let demanded = self.require_signed || workspace.settings.demands_signature(planned.plan.level());
        let is_signed = self.plan_file.as_ref().is_some_and(|file| file.signed.is_some());
        if !demanded || is_signed || self.going_on.is_some() { Ok(()) } else { expect_signed(planned) }
    }
}

pub fn carry_out(workspace: &Workspace, planned: &Planned, how: &How<'_>, global: &Global, output: &mut Output) -> i32 {
    let options = match connect_options(how.connection, workspace, output) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let session = Session::new(planned, workspace, &options);
    if how.dry_run {
        output.print(&report::plan_text::plan_text(&planned.plan, &planned.program, &planned.inventory, output.colour));
        return match session.predict(how.connection, how.diff) {
            Ok(predictions) => {
                output.print(&format!("\n{}", report::prediction_text::prediction_text(&predictions, output.colour)));
                report::prediction_text::exit_code(&predictions)
            }
            Err(error) => output.fail(&error, None),
        };
    }
    if let Err(error) = how.expect_signed(workspace, planned) {
        return output.fail(&error, None);
    }
    if how.going_on.is_none()
        && let Err(code) = warn(workspace, planned, output)
    {
        return code;
    }
    if let Err(code) = agree(planned, how, output) {
        return code;
    }
    execute(&session, how, Ending::Recap, global, output)
}

/// What a project may ask of everybody: only signed plans change anything.
pub(super) fn expect_signed(planned: &Planned) -> Result<(), AppError> {
    let would = match planned.plan.level() {
        Level::Read => return Ok(()),
        Level::Change => "change hosts",
        Level::Destroy => "destroy what cannot be given back",
    };
    Err(AppError::Unsigned {
        reason: format!("`{}` would {would}, and is no saved plan that somebody signed", planned.plan.playbook),
        hint:
            "`opsc plan FILE --save x.plan`, then `minisign -Sm x.plan` by one of `[approvers]`, then `opsc run x.plan`"
                .to_string(),
    })
}

/// Of what other runs left unfinished on the same hosts.
fn warn(workspace: &Workspace, planned: &Planned, output: &mut Output) -> Result<(), i32> {
    let found = unfinished(&workspace.project, planned).map_err(|error| output.fail(&error, None))?;
    output.complain(&report::going_on_text::unfinished_text(&found));
    let owed = owing(&workspace.project, planned).map_err(|error| output.fail(&error, None))?;
    output.complain(&report::going_on_text::owed_text(&planned.plan.playbook, &owed));
    let locks = taken_over(&workspace.project, planned).map_err(|error| output.fail(&error, None))?;
    output.complain(&report::lock_text::taken_over_text(&locks));
    Ok(())
}

/// `-y`, a row that only reads, or a person who says yes.
fn agree(planned: &Planned, how: &How<'_>, output: &mut Output) -> Result<(), i32> {
    let plan = &planned.plan;
    if how.yes || plan.row.level == Level::Read {
        return Ok(());
    }
    if !output.may_ask {
        output.complain("error: this run changes things, and there is no terminal to ask on\nhint: add `-y`\n");
        return Err(3);
    }
    if how.going_on.is_none() {
        output.complain(&report::plan_text::plan_text(plan, &planned.program, &planned.inventory, output.colour));
    }
    let question = format!("\nrun {} on {}?", plan.playbook, words::count(plan.hosts.len(), "host"));
    if output.confirm(&question) {
        return Ok(());
    }
    output.complain("nothing was run\n");
    Err(3)
}

/// What stands on standard output when a run has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// One line a host.
    Recap,
    /// What the one step reported and printed on each host.
    Results,
}

fn execute(session: &Session<'_>, how: &How<'_>, ending: Ending, global: &Global, output: &mut Output) -> i32 {
    let mut progress = Progress::new(output.colour, global.verbose);
    let redraw = how.format == RunFormat::Text && !output.quiet && output.may_redraw;
    let mut drawn = false;
    let secrets = match session.execution(how.connection).read_secrets(output.may_ask.then_some(ask_secret)) {
        Ok(secrets) => secrets,
        Err(error) => return output.fail(&error, None),
    };
    let (request, going_on, plan_file) = (how.request.clone(), how.going_on.clone(), how.plan_file.clone());
    let execution = Execution { request, going_on, plan_file, ..session.execution(how.connection) };
    let finished = execution.run(secrets, &mut |told| match told {
        Told::Event { event, run } if how.format == RunFormat::Ndjson => {
            output.print(&format!("{}\n", report::event_json::event_json(event, run)));
        }
        Told::Event { event, .. } => {
            let lines = progress.lines(event);
            if redraw && ending == Ending::Recap && how.going_on.is_none() {
                remember(session, event, &mut progress);
            }
            if !lines.is_empty() {
                let erase = if drawn { "\r\x1b[K" } else { "" };
                let tell = if Progress::is_for_all(event) { Output::complain } else { Output::say };
                tell(output, &format!("{erase}{lines}"));
                drawn = false;
            }
        }
        Told::Tick { now } if redraw => {
            // What does not fit is cut by the terminal: a second line would stay.
            output.say(&format!("\r\x1b[K\x1b[?7l{}\x1b[?7h", progress.status(now)));
            drawn = true;
        }
        Told::Tick { .. } => {}
    });
    match finished {
        Ok(finished) => {
            if how.format == RunFormat::Text {
                if drawn {
                    output.say("\r\x1b[K");
                }
                match ending {
                    Ending::Recap => {
                        output.print(&report::recap::recap(&finished.summary.hosts, output.colour));
                        output.say(&progress.alike());
                    }
                    Ending::Results => print_results(session, finished.run, output),
                }
                let (run, place) = (finished.run, elsewhere(session.workspace));
                let back = how.going_on.as_ref().is_some_and(|going_on| going_on.back);
                let go_on = match (finished.summary.exit, &how.request) {
                    (0, _) | (_, None) => String::new(),
                    _ if finished.summary.status == "waiting" => {
                        format!(
                            ", then `opsc approve {run}` or `opsc reject {run}`; after that `opsc resume {run}` goes on"
                        )
                    }
                    _ if back => format!(", `opsc rollback {run}` tries again"),
                    (exit::ROLLBACK_FAILED, _) => format!(", `opsc rollback {run}` tries again to undo it"),
                    _ => format!(", `opsc resume {run}` goes on"),
                };
                // Who is asked must learn of it.
                let tell = if finished.summary.status == "waiting" { Output::complain } else { Output::say };
                let told = format!(
                    "run {run} {} in {}; `opsc show {run}`{place} tells more{go_on}\n",
                    finished.summary.status,
                    words::duration(finished.summary.elapsed_ms),
                );
                tell(output, &told);
            }
            // What happened on the hosts counts more than what is known of it.
            match finished.trouble.map(|trouble| output.fail(&trouble, None)) {
                Some(code) if finished.summary.exit == 0 => code,
                _ => finished.summary.exit,
            }
        }
        Err(error) => output.fail(&error, None),
    }
}

/// How earlier runs of a run's size went on, as soon as its size is known. Without a journal to read nothing is said; nor
/// of single commands, which have nothing in common but their name, and of what only goes on with another run.
fn remember(session: &Session<'_>, event: &RunEvent, progress: &mut Progress) {
    let EventKind::RunStarted { playbook, hosts, steps, .. } = &event.kind else { return };
    let journal = Journal::open(&session.workspace.project.journal());
    match journal.and_then(|journal| journal.paces(playbook, (hosts.len(), *steps), MOST_PACES)) {
        Ok(paces) => progress.remember(paces),
        Err(error) => tracing::warn!(%error, "earlier runs cannot be read"),
    }
}

/// Where a command must be given to find the journal, if not here.
fn elsewhere(workspace: &Workspace) -> String {
    let project = &workspace.project;
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).unwrap_or_default();
    if !project.found || here.starts_with(&project.root) {
        return String::new();
    }
    format!(" in {}", project.root.display())
}

/// The journal has what every host said.
fn print_results(session: &Session<'_>, run: i64, output: &mut Output) {
    let actions = session.planned.program.actions.values();
    let promised: Vec<&str> = actions.flat_map(|action| action.result.field_names()).collect();
    let details = Journal::open(&session.workspace.project.journal()).and_then(|journal| journal.run(run));
    match details {
        Ok(details) => {
            let results =
                details.map(|details| report::results_text::host_results(&details, &promised)).unwrap_or_default();
            output.print(&report::results_text::results_text(&results, output.colour));
        }
        Err(error) => output.complain(&format!("warning: the results cannot be read back: {error}\n")),
    }
}

/// One action as a playbook of one step: the compiler judges it like any other.
pub fn run_do(command: &DoCommand, global: &Global, output: &mut Output) -> i32 {
    let adhoc = Adhoc {
        action: &command.action,
        arguments: &command.arguments,
        limit: &command.limit,
        as_root: command.become_root,
        allow: allowed(&command.allow),
    };
    let how = How::new(&command.connection, command.yes, command.output);
    run_adhoc(&how, global, output, |workspace| plan_action(workspace, &adhoc))
}

/// A command is a step of a playbook too, with its evidence in the journal like any other.
pub fn run_exec(command: &ExecCommand, global: &Global, output: &mut Output) -> i32 {
    let effect = match command.effect {
        EffectName::Read => "read",
        EffectName::Change => "change",
        EffectName::Destroy => "destroy",
    };
    let exec = Exec {
        words: &command.words,
        effect,
        limit: &command.limit,
        as_root: command.become_root,
        allow: Allow { destroy: true, inactive: command.allow_inactive },
    };
    let how = How::new(&command.connection, command.yes, command.output);
    run_adhoc(&how, global, output, |workspace| plan_exec(workspace, &exec))
}

fn run_adhoc(
    how: &How<'_>,
    global: &Global,
    output: &mut Output,
    plan: impl FnOnce(&mut Workspace) -> Result<Planned, AppError>,
) -> i32 {
    let mut workspace = match super::plan::open_workspace(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let planned = match plan(&mut workspace) {
        Ok(planned) => planned,
        Err(error) => return output.fail(&error, Some(&workspace.sources)),
    };
    if let Err(error) = how.expect_signed(&workspace, &planned) {
        return output.fail(&error, None);
    }
    if let Err(code) = agree(&planned, how, output) {
        return code;
    }
    let options = match connect_options(how.connection, &workspace, output) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let session = Session::new(&planned, &workspace, &options);
    execute(&session, how, Ending::Results, global, output)
}

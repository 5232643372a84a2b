//! A plan carried out: the journal's record of the run, the runner on its own threads, events to whoever listens,
//! Ctrl-C counted.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest;
use tokio::sync::{mpsc, watch};

use super::auditing::from_where;
use super::credentials::{self, CredentialSource};
use super::errors::AppError;
use super::planning::Planned;
use super::project::Project;
use super::running::{ConnectOptions, endpoints, login_name};
use super::secret_providers::providers;
use super::settings::Settings;
use crate::base::hex::hex;
use crate::base::ids::HostId;
use crate::hir::effect::Level;
use crate::plan;
use crate::plan::model::{BlockHosts, RunsAt, Shown};
use crate::report::event_json::event_json;
use crate::run::earlier::Earlier;
use crate::run::event::{EventKind, RunEvent};
use crate::run::ports::LiveConnector;
use crate::run::predict::Prediction;
use crate::run::summary::Summary;
use crate::run::{self, Request};
use crate::secrets::{self, Ask, Failure, Resolved};
use crate::shell::holder::Owner;
use crate::state::process::{self, boot_id, machine, process_start};
use crate::state::{Beginning, Journal, PlanFile, RunRecord, StateError};
use crate::transport::backlog::Backlog;

/// Everything that one execution depends on.
pub struct Execution<'a> {
    pub planned: &'a Planned,
    pub project: &'a Project,
    pub settings: &'a Settings,
    pub options: &'a ConnectOptions,
    pub forks: usize,
    /// What it takes to ask for the same again, as JSON.
    pub request: Option<String>,
    pub going_on: Option<GoingOn>,
    /// The saved plan that it is, for the audit.
    pub plan_file: Option<PlanFile>,
}

/// An earlier run, and what is done about it.
#[derive(Clone)]
pub struct GoingOn {
    pub run: i64,
    pub earlier: Arc<Earlier>,
    /// Its changes are undone; else what is missing is done.
    pub back: bool,
}

/// What a listener is told.
pub enum Told<'e> {
    Event {
        event: &'e RunEvent,
        run: i64,
    },
    /// Time passed: milliseconds since 1970.
    Tick {
        now: u64,
    },
}

pub struct Finished {
    pub run: i64,
    pub summary: Summary,
    /// What the journal does not have of it, or why nothing more was begun.
    pub trouble: Option<AppError>,
}

/// How long a host is tried again that was lost with a step under way: three times what one connection may take.
const RECONNECT: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(200);

impl Execution<'_> {
    /// Runs only `check` bodies and reads that decide something; `contents` reads files' contents too.
    pub fn predict(&self, contents: bool) -> Result<Vec<Prediction>, AppError> {
        let journal = Journal::closed();
        let (events, _received) = mpsc::unbounded_channel();
        let (_stop, stopped) = watch::channel(0);
        let request = self.request(journal, 0, (events, None), stopped, Resolved::default());
        Ok(runtime()?.block_on(run::predict(request, contents)))
    }

    /// Every secret of the plan, or everything that is missing; what hosts want is read too, and refuses only them. `ask`
    /// asks a person for a parameter, if one is there.
    pub fn read_secrets(&self, ask: Option<Ask>) -> Result<Resolved, AppError> {
        credentials::read(self.references_of_hosts(), self.options);
        secrets::resolve(&plan::secrets::references(&self.planned.plan), &providers(self.project, self.settings, ask))
            .map_err(|failures| AppError::Secrets { failures: failures.iter().map(Failure::to_string).collect() })
    }

    /// Runs the plan to its end. Every event is handed to the journal before the listener hears of it.
    pub fn run(&self, secrets: Resolved, listen: &mut dyn FnMut(Told<'_>)) -> Result<Finished, AppError> {
        let journal = self.journal()?;
        let run = journal.begin_run(&self.record(), &self.locked(), &self.beginning()).map_err(state)?;
        let (events, mut received) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(0);
        let owner = Some(self.owner(&journal, run)?);
        let backlog = Arc::new(Backlog::default());
        let heard = (events, Some(Arc::clone(&backlog)));
        let request = Request { owner, ..self.request(journal.clone(), run, heard, stopped, secrets) };
        let summary = runtime()?.block_on(async {
            count_interrupts(stop);
            let back = self.going_on.as_ref().is_some_and(|going_on| going_on.back);
            let work = async { if back { Ok(run::go_back(request).await) } else { run::run(request).await } };
            let mut work = std::pin::pin!(work);
            let mut ticks = tokio::time::interval(TICK);
            let mut summary = None;
            loop {
                tokio::select! {
                    biased;
                    event = received.recv() => match event {
                        Some(event) => {
                            tell(&journal, run, &event, listen)?;
                            backlog.take(event.kind.printed());
                        }
                        None => break,
                    },
                    finished = &mut work, if summary.is_none() => summary = Some(finished),
                    _ = ticks.tick() => listen(Told::Tick { now: now() }),
                }
            }
            match summary {
                Some(summary) => Ok::<_, AppError>(summary),
                None => Ok(work.await),
            }
        })?;
        let summary = summary.map_err(|error| AppError::State { reason: error.to_string() })?;
        let trouble = journal.finish_run(run, summary.status, summary.exit, now()).err().map(|error| match error {
            StateError::Unwritable(trouble) => AppError::JournalFile {
                reason: format!("the journal takes no more, and nothing new was begun since: {trouble}"),
                hint: match summary.exit {
                    0 => "make room there; the run itself is done".to_string(),
                    _ => format!("make room there; then `opsc resume {run}` goes on"),
                },
                code: 1,
            },
            other => state(other),
        });
        Ok(Finished { run, summary, trouble })
    }

    /// Hosts that no other run may change meanwhile; those that only the run decides are locked when it does.
    fn locked(&self) -> Vec<String> {
        let (plan, inventory) = (&self.planned.plan, &self.planned.inventory);
        if plan.row.level == Level::Read {
            return Vec::new();
        }
        let hosts = self.hosts_known(|place| *place != RunsAt::Controller);
        hosts.into_iter().map(|host| inventory.hosts.at(host).name.clone()).collect()
    }

    /// The hosts of the plan and the machines of its places, as far as they are known now.
    fn hosts_known(&self, counts: impl Fn(&RunsAt) -> bool) -> BTreeSet<HostId> {
        let plan = &self.planned.plan;
        let places = plan.steps.values().filter_map(|step| step.runs_at.as_ref()).filter(|place| counts(place));
        let machines = places.flat_map(|place| place.machines(&self.planned.inventory));
        plan.hosts.iter().copied().chain(machines).collect()
    }

    /// The hosts that the run may connect to: all of them, where it decides only while it runs.
    fn hosts_in_reach(&self) -> BTreeSet<HostId> {
        let plan = &self.planned.plan;
        let is_late = |place: &RunsAt| matches!(place, RunsAt::Host { shown: Shown::Pending(_), .. });
        let late_blocks = plan.blocks.values().any(|block| matches!(block.hosts, BlockHosts::Pending { .. }));
        if late_blocks || plan.steps.values().filter_map(|step| step.runs_at.as_ref()).any(is_late) {
            return self.planned.inventory.hosts.ids().collect();
        }
        self.hosts_known(|_| true)
    }

    fn journal(&self) -> Result<Journal, AppError> {
        Journal::open(&self.project.journal()).map_err(state)
    }

    fn request(
        &self,
        journal: Journal,
        run: i64,
        (events, backlog): (mpsc::UnboundedSender<RunEvent>, Option<Arc<Backlog>>),
        stop: watch::Receiver<u8>,
        mut secrets: Resolved,
    ) -> Request {
        let planned = self.planned;
        let mut endpoints = endpoints(&planned.inventory, self.hosts_in_reach().into_iter(), self.options);
        let unset = self.secret_variables();
        endpoints.values_mut().for_each(|(endpoint, _)| endpoint.hide_variables(&unset));
        // What a host was given is hidden like the secrets of the plan.
        secrets.extend(self.credentials_read());
        secrets.extend(credentials::given(self.options));
        Request {
            plan: Arc::clone(&planned.plan),
            program: Arc::clone(&planned.program),
            inventory: Arc::clone(&planned.inventory),
            files: Arc::clone(&planned.files) as Arc<dyn run::ports::ContentStore>,
            secrets: Arc::new(secrets),
            wires: Arc::new(LiveConnector { endpoints, backlog: backlog.clone() }),
            journal,
            run,
            forks: self.forks.max(1),
            events,
            backlog,
            stop,
            reconnect: self.request.as_ref().map(|_| self.options.timeout.map_or(RECONNECT, |timeout| timeout * 3)),
            circuit: self.settings.circuit(),
            retry_budget: self.settings.count("retry.budget"),
            earlier: self.going_on.as_ref().map(|going_on| Arc::clone(&going_on.earlier)).unwrap_or_default(),
            owner: None,
        }
    }

    /// As whom a run keeps others from its hosts.
    fn owner(&self, journal: &Journal, run: i64) -> Result<Owner, AppError> {
        let (playbook, user, machine) = (&self.planned.plan.playbook, login_name(), machine());
        let words = format!("run {run} (`{playbook}`) of {user} on {machine}");
        Ok(Owner { journal: journal.audit_origin().map_err(state)?, words: words.replace(char::is_control, " ") })
    }

    /// Variables of this process that hold secrets of the plan or of hosts; no process that it starts for a step gets them.
    fn secret_variables(&self) -> Vec<String> {
        let mut references = plan::secrets::references(&self.planned.plan);
        references.extend(self.references_of_hosts());
        credentials::variables(&references)
    }

    fn references_of_hosts(&self) -> BTreeSet<String> {
        let hosts: Vec<HostId> = self.hosts_in_reach().into_iter().collect();
        credentials::references(&self.planned.inventory, &hosts, self.options)
    }

    /// What the inventory names for hosts, as far as it was read.
    fn credentials_read(&self) -> Resolved {
        self.options.credentials.as_ref().map(CredentialSource::resolved).unwrap_or_default()
    }

    /// What the audit says of it beside its record.
    fn beginning(&self) -> Beginning {
        let (plan, inventory) = (&self.planned.plan, &self.planned.inventory);
        let how = match &self.going_on {
            None => "run",
            Some(going_on) if going_on.back => "rollback",
            Some(_) => "resume",
        };
        let hosts = self.hosts_known(|_| true);
        let mut secrets = plan::secrets::references(plan);
        secrets.extend(self.credentials_read().iter().map(|(reference, _)| reference.to_string()));
        Beginning {
            how: how.to_string(),
            hosts: hosts.into_iter().map(|host| inventory.hosts.at(host).name.clone()).collect(),
            secrets: secrets.into_iter().collect(),
            from: from_where(),
            plan_file: self.plan_file.clone(),
        }
    }

    fn record(&self) -> RunRecord {
        let path = &self.planned.path;
        let source = std::fs::read(path).unwrap_or_default();
        let (commit, dirty) = git_state(&self.project.root, &self.secret_variables());
        RunRecord {
            playbook: self.planned.plan.playbook.clone(),
            path: path.display().to_string(),
            digest: self.planned.plan.digest.clone(),
            source_sha256: hex(&sha2::Sha256::digest(&source)),
            commit,
            dirty,
            user: login_name(),
            machine: machine(),
            started: now(),
            pid: std::process::id(),
            pid_start: process_start(std::process::id()),
            boot_id: boot_id(),
            request: self.request.clone(),
            goes_on_with: self.going_on.as_ref().map(|going_on| going_on.run),
        }
    }
}

fn tell(journal: &Journal, run: i64, event: &RunEvent, listen: &mut dyn FnMut(Told<'_>)) -> Result<(), AppError> {
    // Output is kept with its step's result; as events it would be stored twice.
    if !matches!(event.kind, EventKind::StepOutput { .. }) {
        let json = event_json(event, run).to_string();
        journal.event(run, event.seq, event.time, &json).map_err(state)?;
    }
    listen(Told::Event { event, run });
    Ok(())
}

pub(super) fn state(error: StateError) -> AppError {
    match error {
        StateError::GoneOn { run, by } => AppError::going_on(run, by, "has taken up"),
        StateError::UsedUp { run } => AppError::used_up(run),
        StateError::Locked { ref host, .. } => AppError::Locked { host: host.clone(), reason: error.to_string() },
        ref damaged if damaged.is_damage() => AppError::damaged(damaged),
        StateError::Unwritable(ref trouble) => AppError::JournalFile {
            reason: format!("the journal cannot be used: {trouble}"),
            hint: "make room there, or see that it can be written".to_string(),
            code: 1,
        },
        _ => AppError::State { reason: error.to_string() },
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, AppError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| AppError::State { reason: error.to_string() })
}

/// Each Ctrl-C (or termination signal) raises the level by one, up to three.
fn count_interrupts(stop: watch::Sender<u8>) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        // Who started it with nohup wants it to go on when the terminal goes.
        let mut hangup = if ignores_hangup() { None } else { signal(SignalKind::hangup()).ok() };
        for level in 1..=3 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = heard(&mut hangup) => {}
            }
            if stop.send(level).is_err() {
                return;
            }
        }
    });
}

async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is that of signal 1.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

pub fn now() -> u64 {
    process::now()
}

fn git_state(root: &Path, unset: &[String]) -> (Option<String>, Option<bool>) {
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        for name in unset {
            command.env_remove(name);
        }
        let output = command.arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "HEAD"]);
    let dirty = commit.as_ref().and_then(|_| git(&["status", "--porcelain"])).map(|changes| !changes.is_empty());
    (commit, dirty)
}

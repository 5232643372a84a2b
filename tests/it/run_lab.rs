//! A laboratory for runs: small actions and plans built by hand, hosts on this machine, folders of their own.
//! Knows nothing of the language's text.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sshd::Sshd;
use opsc::base::ids::{ActionId, BindingId, HostId, Id, IdVec, StepId};
use opsc::base::secret::Secret;
use opsc::base::source::{Sources, Span};
use opsc::hir::effect::{Kind, Level, Row};
use opsc::hir::expr::{Expr, ExprKind, Operator};
use opsc::hir::program::{Action, ActionBody, Binding, Body, Condition, Impl, Param, Platform, Program, RollbackScope};
use opsc::hir::types::{Field, Os, Type};
use opsc::hir::value::{FileRef, Script, ScriptLanguage, SecretRef, Value};
use opsc::hir::world::{AdminMethod, Connection, Host, Inventory, LaneKind, Lifecycle, TransportKind};
use opsc::plan::model::{
    Arg, BatchSize, Block, BlockHosts, Clause, Guard, Item, ItemKind, Plan, Reversible, Shown, Step,
};
use opsc::run::Request;
use opsc::run::event::{EventKind, HostOutcome, Outcome, RunEvent};
use opsc::run::ports::{Answer, Connector, ContentFailure, ContentStore, LiveConnector, Output, Wire, WireError};
use opsc::run::summary::Summary;
use opsc::secrets::Resolved;
use opsc::state::Record;
use opsc::transport::{Completed, Credentials, Endpoint};
use tokio::sync::{mpsc, watch};

pub(crate) fn span() -> Span {
    let mut sources = Sources::new();
    Span::new(sources.add("lab.ops", ""), 0, 0)
}

pub(crate) fn expr(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty, span: span() }
}

pub(crate) fn literal(value: Value) -> Expr {
    let ty = match &value {
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Secret(_) => Type::Secret(Box::new(Type::Text)),
        Value::File(_) => Type::File,
        Value::Script(_) => Type::Script,
        _ => Type::Text,
    };
    expr(ExprKind::Literal(value), ty)
}

pub(crate) fn text(text: &str) -> Expr {
    literal(Value::string(text))
}

pub(crate) fn script(text: &str) -> Expr {
    literal(Value::Script(Script { language: ScriptLanguage::Sh, text: text.to_string() }))
}

pub(crate) fn equal(left: Expr, right: Expr) -> Expr {
    let kind = ExprKind::Binary { operator: Operator::Equal, left: Box::new(left), right: Box::new(right) };
    expr(kind, Type::Bool)
}

pub(crate) fn field(base: Expr, name: &str, ty: Type) -> Expr {
    expr(ExprKind::Field(Box::new(base), name.to_string()), ty)
}

pub(crate) fn binding(index: usize) -> Expr {
    expr(ExprKind::Binding(BindingId::from_index(index)), Type::Record(Vec::new()))
}

pub(crate) fn it(name: &str) -> Expr {
    field(expr(ExprKind::It, Type::Record(Vec::new())), name, Type::Text)
}

pub(crate) fn host_name() -> Expr {
    field(expr(ExprKind::CurrentHost, Type::Host), "name", Type::String)
}

/// `{prefix}{host.name}`
pub(crate) fn per_host(prefix: &str) -> Expr {
    expr(ExprKind::Interpolated(vec![text(prefix), host_name()]), Type::Path)
}

fn sh(body: &str) -> Option<Body> {
    let script = Script { language: ScriptLanguage::Sh, text: body.to_string() };
    Some(Body::Script { script, functions: Vec::new() })
}

fn record(fields: &[(&str, Type)]) -> Type {
    Type::Record(fields.iter().map(|(name, ty)| Field { name: (*name).to_string(), ty: ty.clone() }).collect())
}

fn action(name: &str, params: &[(&str, Type)], level: Level) -> Action {
    let mut bindings = IdVec::new();
    let params = params
        .iter()
        .map(|(name, ty)| {
            let binding = bindings.push(Binding { name: (*name).to_string(), ty: ty.clone(), span: span() });
            Param { binding, name: (*name).to_string(), ty: ty.clone(), default: None, span: span() }
        })
        .collect();
    Action {
        name: name.to_string(),
        doc: String::new(),
        says: Vec::new(),
        example: None,
        params,
        bindings,
        result: record(&[]),
        before: record(&[]),
        row: Row { level, ..Row::default() },
        effect_param: None,
        timeout: 20_000,
        touches: Vec::new(),
        touches_undeclared: true,
        repeatable: false,
        needs: Vec::new(),
        skip: None,
        ensure: Vec::new(),
        reversible: None,
        renders: None,
        restarts: None,
        body: ActionBody::Impls(Vec::new()),
        span: span(),
    }
}

fn linux() -> Impl {
    Impl {
        platform: Platform::Linux,
        condition: None,
        check: None,
        apply: None,
        verify: None,
        rollback: None,
        unnamed: Vec::new(),
    }
}

pub(crate) const WRITE: usize = 0;
pub(crate) const SHELL: usize = 1;
pub(crate) const LOOK: usize = 2;
pub(crate) const HTTP: usize = 3;
pub(crate) const TEMPLATE: usize = 4;
pub(crate) const TYPED: usize = 5;

/// Writes a text to a file; undo brings back what was there.
fn write_action() -> Action {
    let state = record(&[("exists", Type::Bool), ("content", Type::Text)]);
    let mut write = action("note.write", &[("to", Type::Path), ("content", Type::Text)], Level::Change);
    let before = |name: &str| field(expr(ExprKind::Before, state.clone()), name, Type::Text);
    let after = |name: &str| field(expr(ExprKind::After, state.clone()), name, Type::Text);
    write.skip = Some(equal(before("content"), binding(1)));
    write.ensure = vec![Condition { condition: equal(after("content"), binding(1)), message: None }];
    write.result = state.clone();
    write.before = state;
    write.body = ActionBody::Impls(vec![Impl {
        check: sh("if [ -f \"$to\" ]; then out exists true; out content \"$(cat \"$to\")\"\n\
                   else out exists false; out content ''; fi"),
        apply: sh("printf '%s' \"$content\" > \"$to\""),
        rollback: sh("if [ \"$before_exists\" = true ]; then printf '%s' \"$before_content\" > \"$to\"\n\
                      else rm -f \"$to\"; fi"),
        ..linux()
    }]);
    write
}

fn shell_action(name: &str, level: Level) -> Action {
    let mut shell =
        action(name, &[("script", Type::Script), ("stdin", Type::Secret(Box::new(Type::Text)).optional())], level);
    shell.result = record(&[("code", Type::Int), ("stdout", Type::Text), ("stderr", Type::Text)]);
    shell.body = ActionBody::Impls(vec![Impl { apply: sh("script"), ..linux() }]);
    shell
}

fn http_action() -> Action {
    let mut http = action("http.check", &[("url", Type::Url), ("status", Type::Int)], Level::Read);
    http.result = record(&[("status", Type::Int), ("body", Type::Text), ("elapsed", Type::Duration)]);
    let native = Some(Body::Native("http.request".to_string()));
    http.body = ActionBody::Impls(vec![Impl { platform: Platform::Controller, apply: native, ..linux() }]);
    http
}

fn template_action() -> Action {
    let vars = Type::Map(Box::new(Type::String), Box::new(Type::Text));
    let params = [("from", Type::File), ("to", Type::Path), ("vars", vars)];
    let mut template = action("file.template", &params, Level::Change);
    template.renders = Some(0);
    template.result = record(&[("sha256", Type::String)]);
    let body = "cp \"$from\" \"$to\" && out sha256 \"$from_sha256\"";
    template.body = ActionBody::Impls(vec![Impl { apply: sh(body), ..linux() }]);
    template
}

/// Reports a number that is none.
fn typed_action() -> Action {
    let mut typed = action("typed.read", &[], Level::Read);
    typed.result = record(&[("count", Type::Int)]);
    typed.before = typed.result.clone();
    typed.body = ActionBody::Impls(vec![Impl { check: sh("out count many"), ..linux() }]);
    typed
}

fn host(name: &str) -> Host {
    Host {
        name: name.to_string(),
        address: name.to_string(),
        os: Some(Os::Linux),
        tags: Vec::new(),
        vars: Vec::new(),
        groups: Vec::new(),
        state: Lifecycle::Active,
        relations: Vec::new(),
        connection: Connection {
            transport: TransportKind::Local,
            port: None,
            user: None,
            admin: AdminMethod::None,
            lane: LaneKind::Auto,
            as_user: None,
            key: None,
            jump: None,
            known_hosts: None,
            host_key: None,
            connect_timeout: None,
            tls: None,
            certificate: None,
            kdc: None,
            password: None,
            passphrase: None,
            admin_password: None,
        },
    }
}

/// What a test says of one step.
#[derive(Clone, Default)]
pub(crate) struct StepSpec {
    pub(crate) action: usize,
    pub(crate) args: Vec<Expr>,
    pub(crate) binding: Option<usize>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) retry: u32,
    pub(crate) until: Option<Expr>,
    pub(crate) ok: Option<Expr>,
    pub(crate) changed: Option<Expr>,
    pub(crate) allow_failure: bool,
    pub(crate) timeout: Option<u64>,
}

pub(crate) fn write(to: Expr, content: &str) -> StepSpec {
    StepSpec { action: WRITE, args: vec![to, text(content)], ..StepSpec::default() }
}

pub(crate) fn shell(body: &str) -> StepSpec {
    StepSpec { action: SHELL, args: vec![script(body), literal(Value::None)], ..StepSpec::default() }
}

pub(crate) fn look(body: &str) -> StepSpec {
    StepSpec { action: LOOK, ..shell(body) }
}

pub(crate) struct Lab {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) plan: Plan,
    pub(crate) program: Program,
    pub(crate) inventory: Inventory,
    pub(crate) contents: BTreeMap<String, Vec<u8>>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) journal: opsc::state::Journal,
    /// Where hosts are reached; without it, on this machine.
    pub(crate) sshd: Option<Sshd>,
}

/// Connections that are lost on purpose: host name and the number of the program (from 1) that loses it.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) lose: Mutex<Vec<(String, usize)>>,
}

impl Lab {
    pub(crate) fn new(hosts: usize) -> Lab {
        let mut program = Program::default();
        let look = shell_action("shell.look", Level::Read);
        let actions = [
            write_action(),
            shell_action("shell.run", Level::Change),
            look,
            http_action(),
            template_action(),
            typed_action(),
        ];
        for action in actions {
            program.actions.push(std::sync::Arc::new(action));
        }
        let mut inventory = Inventory::default();
        for number in 1..=hosts {
            inventory.hosts.push(host(&format!("web{number}")));
        }
        let plan = Plan {
            playbook: "lab".to_string(),
            doc: String::new(),
            digest: "sha256:0".to_string(),
            row: Row { level: Level::Change, ..Row::default() },
            inputs: Vec::new(),
            params: Vec::new(),
            bindings: IdVec::new(),
            lets: Vec::new(),
            hosts: inventory.hosts.ids().collect(),
            blocks: IdVec::new(),
            steps: IdVec::new(),
            on_failure: Vec::new(),
            always: Vec::new(),
            gates: IdVec::new(),
            schedule: None,
            window: None,
            max_duration: None,
            assumptions: Vec::new(),
            warnings: Vec::new(),
        };
        let folder = tempfile::tempdir().expect("a folder for the test");
        let journal = opsc::state::Journal::open(&folder.path().join("state/journal.sqlite")).expect("a journal");
        journal.start_run(&opsc::state::RunRecord::default(), &[]).expect("run 1");
        Lab { folder, plan, program, inventory, contents: BTreeMap::new(), faults: Arc::default(), journal, sshd: None }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    pub(crate) fn step(&mut self, clause: Clause, spec: &StepSpec) -> Item {
        let id = ActionId::from_index(spec.action);
        let action = self.program.actions.at(id);
        let args = action.params.iter().zip(&spec.args).map(|(param, value)| Arg {
            name: param.name.clone(),
            value: value.clone(),
            from_default: false,
            shown: Shown::Pending(String::new()),
        });
        let step = Step {
            name: format!("{}#{}", action.name, self.plan.steps.len() + 1),
            block: None,
            clause,
            action: id,
            runs_at: None,
            binding: spec.binding.map(BindingId::from_index),
            args: args.collect(),
            as_user: None,
            row: action.row,
            kind: if action.row.level == Level::Read { Kind::Read } else { Kind::Once },
            reversible: Reversible::Yes,
            touches: Vec::new(),
            touches_undeclared: false,
            timeout: spec.timeout.unwrap_or(action.timeout),
            retry: spec.retry,
            every: 1,
            until: spec.until.clone(),
            changed: spec.changed.clone(),
            ok: spec.ok.clone(),
            allow_failure: spec.allow_failure,
            tags: Vec::new(),
            after: Vec::new(),
            span: span(),
        };
        let step: StepId = self.plan.steps.push(step);
        Item { guards: spec.guards.clone(), parallel: None, kind: ItemKind::Step(step) }
    }

    /// A block over all hosts; the caller changes what it wants otherwise.
    pub(crate) fn block(&mut self, items: &[StepSpec], rollback: Option<RollbackScope>) -> &mut Block {
        let items = items.iter().map(|spec| self.step(Clause::Main, spec)).collect();
        let rollback =
            rollback.map(|scope| Item { guards: Vec::new(), parallel: None, kind: ItemKind::Rollback(scope) });
        let block = Block {
            name: format!("on#{}", self.plan.blocks.len() + 1),
            parallel: None,
            binding: None,
            guards: Vec::new(),
            hosts: BlockHosts::Known(self.plan.hosts.clone()),
            batch: Vec::new(),
            at_once: None,
            max_failures: 0,
            include_failed: false,
            items,
            spread: Vec::new(),
            after_batch: Vec::new(),
            on_failure: rollback.into_iter().collect(),
            always: Vec::new(),
            span: span(),
        };
        let id = self.plan.blocks.push(block);
        self.plan.blocks.at_mut(id)
    }

    fn endpoint(&self, name: &str) -> Endpoint {
        self.sshd.as_ref().map_or_else(|| Endpoint::local(name), |sshd| sshd.endpoint(name))
    }

    pub(crate) fn request(&self) -> (Request, mpsc::UnboundedReceiver<RunEvent>, watch::Sender<u8>) {
        let (events, received) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(0);
        let endpoints =
            self.inventory.hosts.iter().map(|(id, host)| (id, (self.endpoint(&host.name), Credentials::default())));
        let live = LiveConnector { endpoints: endpoints.collect(), backlog: None };
        let names = self.inventory.hosts.iter().map(|(id, host)| (id, host.name.clone())).collect();
        let wires = FaultyConnector { live, names, faults: Arc::clone(&self.faults), counts: Arc::default() };
        let request = Request {
            plan: Arc::new(self.plan.clone()),
            program: Arc::new(self.program.clone()),
            inventory: Arc::new(self.inventory.clone()),
            files: Arc::new(Files(self.contents.clone())),
            secrets: Arc::new(lab_secrets()),
            wires: Arc::new(wires),
            journal: self.journal.clone(),
            run: 1,
            forks: 8,
            events,
            stop: stopped,
            earlier: Arc::default(),
            reconnect: Some(Duration::from_millis(50)),
            circuit: opsc::run::circuit::Limits::default(),
            retry_budget: None,
            backlog: None,
            owner: None,
        };
        (request, received, stop)
    }

    /// `intent note.write#1 apply` and `result note.write#1 apply changed`, in the order written.
    pub(crate) fn journaled(&self) -> Vec<String> {
        let line = |record: &Record| match record {
            Record::Intent(intent) => format!("intent {} {}", intent.step, intent.phase),
            Record::Result(result) => format!("result {} {} {}", result.step, result.phase, result.outcome),
        };
        self.journal.records(1).expect("the journal can be read").iter().map(line).collect()
    }

    pub(crate) fn run(&self) -> Ran {
        block_on(async {
            let (request, mut received, _stop) = self.request();
            let summary = opsc::run::run(request).await.expect("a run ends");
            let mut events = Vec::new();
            while let Some(event) = received.recv().await {
                events.push(event);
            }
            Ran { summary, events }
        })
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), work).await.expect("the test ends in time") })
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) summary: Summary,
    pub(crate) events: Vec<RunEvent>,
}

impl Ran {
    /// `web1 note.write#1 changed`, in order.
    pub(crate) fn outcomes(&self, host: &str) -> Vec<(String, Outcome)> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::StepFinished { step, host: at, outcome, .. } if at == host => Some((step.clone(), *outcome)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn only_outcomes(&self, host: &str) -> Vec<Outcome> {
        self.outcomes(host).into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// How the hosts of all blocks ended, in order.
    pub(crate) fn host_outcomes(&self) -> Vec<HostOutcome> {
        let blocks = self.summary.blocks.iter();
        blocks.flat_map(|block| block.hosts.iter().map(|(_, outcome)| *outcome)).collect()
    }

    pub(crate) fn error(&self, host: &str) -> String {
        self.events
            .iter()
            .find_map(|event| match &event.kind {
                EventKind::StepFinished { host: at, error: Some(error), .. } if at == host => Some(error.clone()),
                _ => None,
            })
            .unwrap_or_default()
    }
}

struct Files(BTreeMap<String, Vec<u8>>);

impl ContentStore for Files {
    fn file(&self, _path: &str) -> Option<FileRef> {
        None
    }

    fn content(&self, sha256: &str) -> Result<Vec<u8>, ContentFailure> {
        let missing = || ContentFailure { sha256: sha256.to_string(), reason: "not in the lab".to_string() };
        self.0.get(sha256).cloned().ok_or_else(missing)
    }
}

fn lab_secrets() -> Resolved {
    let mut secrets = Resolved::default();
    secrets.insert("lab:token", Secret::new("correct horse".to_string()));
    secrets
}

pub(crate) fn secret(reference: &str) -> Expr {
    literal(Value::Secret(SecretRef::Source(reference.to_string())))
}

pub(crate) fn count(size: usize) -> Vec<BatchSize> {
    vec![BatchSize::Count(size)]
}

/// Real sessions, of which some are lost.
struct FaultyConnector {
    live: LiveConnector,
    names: BTreeMap<HostId, String>,
    faults: Arc<Faults>,
    counts: Arc<Mutex<BTreeMap<HostId, usize>>>,
}

struct FaultyWire {
    wire: Box<dyn Wire>,
    host: HostId,
    name: String,
    faults: Arc<Faults>,
    counts: Arc<Mutex<BTreeMap<HostId, usize>>>,
}

impl Connector for FaultyConnector {
    fn connect(&self, host: HostId) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            let wire = self.live.connect(host).await?;
            let name = self.names.get(&host).cloned().unwrap_or_default();
            let (faults, counts) = (Arc::clone(&self.faults), Arc::clone(&self.counts));
            Ok(Box::new(FaultyWire { wire, host, name, faults, counts }) as Box<dyn Wire>)
        })
    }
}

impl Wire for FaultyWire {
    fn run<'a>(
        &'a mut self,
        user: Option<&'a str>,
        program: &'a opsc::shell::Program,
        deadline: Duration,
        output: Output<'a>,
    ) -> Answer<'a, Result<Completed, WireError>> {
        let number = {
            let mut counts = self.counts.lock().expect("counts");
            let number = counts.entry(self.host).or_default();
            *number += 1;
            *number
        };
        let lost =
            self.faults.lose.lock().expect("faults").iter().any(|(name, at)| *name == self.name && number >= *at);
        if lost {
            return Box::pin(async { Err(WireError::Lost) });
        }
        self.wire.run(user, program, deadline, output)
    }

    fn stage<'a>(
        &'a mut self,
        user: Option<&'a str>,
        content: &'a [u8],
        sha256: &'a str,
    ) -> Answer<'a, Result<String, WireError>> {
        self.wire.stage(user, content, sha256)
    }

    fn beside(&self) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            let (wire, host, name) = (self.wire.beside().await?, self.host, self.name.clone());
            let (faults, counts) = (Arc::clone(&self.faults), Arc::clone(&self.counts));
            Ok(Box::new(FaultyWire { wire, host, name, faults, counts }) as Box<dyn Wire>)
        })
    }

    fn is_open(&self) -> bool {
        self.wire.is_open()
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        self.wire.close()
    }
}

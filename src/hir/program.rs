//! Actions and playbooks after checking. The stage reached is in the types: a step has an `ActionId`.

use std::sync::Arc;

use super::effect::{Kind, Row};
use super::expr::Expr;
use super::schedule::Schedule;
use super::types::{Os, Type};
use super::value::{Script, ScriptLanguage};
use crate::base::ids::{ActionId, BindingId, IdVec};
use crate::base::source::Span;

/// A checked program: the playbooks of one file and every action they name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    /// Shared with other programs of the same library.
    pub actions: IdVec<ActionId, Arc<Action>>,
    pub playbooks: Vec<Playbook>,
    /// Playbooks that others call; `Statement::Call` has an index into it.
    pub called: Vec<Arc<Playbook>>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Binding {
    pub name: String,
    /// Inside the block that binds it.
    pub ty: Type,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    pub binding: BindingId,
    pub name: String,
    pub ty: Type,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `label: condition else "message"`.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    pub condition: Expr,
    pub message: Option<Expr>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    pub name: String,
    pub doc: String,
    pub says: Vec<String>,
    /// An invocation that runs, as written in `example:`.
    pub example: Option<String>,
    pub params: Vec<Param>,
    pub bindings: IdVec<BindingId, Binding>,
    /// A record, or `Type::Record(vec![])` where the action returns nothing.
    pub result: Type,
    /// What `before` and `after` are: the result's fields and whatever else `check` says by `out`.
    pub before: Type,
    pub row: Row,
    /// The parameter whose literal argument is the level (`! effect`).
    pub effect_param: Option<usize>,
    /// Milliseconds per attempt.
    pub timeout: u64,
    pub touches: Vec<Expr>,
    /// No `touches:` was written, so it may touch anything.
    pub touches_undeclared: bool,
    pub repeatable: bool,
    /// The `file` parameter whose content is rendered as a template with `vars` before it is used.
    pub renders: Option<usize>,
    /// `apply` restarts the host; the value, a duration over the parameters, is how long it may take to be back.
    pub restarts: Option<Expr>,
    pub needs: Vec<Condition>,
    pub skip: Option<Expr>,
    pub ensure: Vec<Condition>,
    pub reversible: Option<Expr>,
    pub body: ActionBody,
    pub span: Span,
}

impl Action {
    /// Whether it runs a script of the user, written out or in a file: `cwd env stdin vars` are that script's then.
    pub fn runs_script(&self) -> bool {
        let is_script = |param: &Param| matches!(param.ty.core(), Type::Script | Type::File);
        self.params.iter().any(|param| param.name == "script" && is_script(param))
    }

    /// The kind of a step with this row (the row is the step's, since `! effect` depends on the argument).
    pub fn kind(&self, row: Row) -> Kind {
        if row.level == super::effect::Level::Read {
            return Kind::Read;
        }
        let impls = self.impls();
        if self.skip.is_some() && !impls.is_empty() && impls.iter().all(|each| each.check.is_some()) {
            Kind::Converge
        } else if self.repeatable {
            Kind::Repeatable
        } else {
            Kind::Once
        }
    }

    pub fn impls(&self) -> &[Impl] {
        match &self.body {
            ActionBody::Impls(impls) => impls,
            ActionBody::Steps { .. } => &[],
        }
    }

    /// Places of parameters that mean nothing on hosts of a system, although they do on others.
    pub fn meaningless_on(&self, os: Os) -> Vec<usize> {
        let names = |each: &&Impl, place: usize| !each.unnamed.contains(&place);
        let here = || self.impls().iter().filter(|each| each.platform.runs_on(os));
        let means_something_elsewhere = |place: &usize| self.impls().iter().any(|each| names(&each, *place));
        let means_nothing_here = |place: &usize| here().count() > 0 && !here().any(|each| names(&each, *place));
        (0..self.params.len()).filter(means_nothing_here).filter(means_something_elsewhere).collect()
    }

    pub fn is_controller(&self) -> bool {
        self.impls().iter().any(|each| each.platform == Platform::Controller)
    }

    pub fn has_rollback(&self) -> bool {
        let impls = self.impls();
        !impls.is_empty() && impls.iter().all(|each| each.rollback.is_some())
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum ActionBody {
    Impls(Vec<Impl>),
    /// A composite action.
    Steps {
        body: Vec<Statement>,
        result: Option<Expr>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Platform {
    Linux,
    Windows,
    Darwin,
    /// Linux and macOS.
    Posix,
    Controller,
}

impl Platform {
    pub const ALL: [Platform; 5] =
        [Platform::Linux, Platform::Windows, Platform::Darwin, Platform::Posix, Platform::Controller];

    pub fn name(self) -> &'static str {
        match self {
            Platform::Linux => "linux",
            Platform::Windows => "windows",
            Platform::Darwin => "darwin",
            Platform::Posix => "posix",
            Platform::Controller => "controller",
        }
    }

    pub fn parse(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// What its bodies are written in.
    pub fn language(self) -> ScriptLanguage {
        if self == Platform::Windows { ScriptLanguage::Powershell } else { ScriptLanguage::Sh }
    }

    pub fn runs_on(self, os: Os) -> bool {
        match self {
            Platform::Linux => os == Os::Linux,
            Platform::Windows => os == Os::Windows,
            Platform::Darwin => os == Os::Darwin,
            Platform::Posix => os != Os::Windows,
            Platform::Controller => false,
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Impl {
    pub platform: Platform,
    /// Over `facts`.
    pub condition: Option<Expr>,
    pub check: Option<Body>,
    pub apply: Option<Body>,
    pub verify: Option<Body>,
    pub rollback: Option<Body>,
    /// Places of parameters that neither its bodies nor the action's own expressions name.
    pub unnamed: Vec<usize>,
}

/// A function that bodies of one file share, in their language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    pub name: String,
    pub text: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    Script {
        script: Script,
        /// What it calls, in an order that means nothing.
        functions: Vec<Function>,
    },
    /// The name of a builtin: `file.upload`, `http.request`, …
    Native(String),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Playbook {
    pub name: String,
    pub doc: String,
    pub params: Vec<Param>,
    pub bindings: IdVec<BindingId, Binding>,
    /// As written; at least what the body may do.
    pub row: Row,
    /// `as:` on the playbook.
    pub as_user: Option<Expr>,
    pub tags: Vec<String>,
    pub schedule: Option<Schedule>,
    /// Milliseconds after a scheduled time in which a run may still begin.
    pub window: Option<u64>,
    /// Milliseconds.
    pub max_duration: Option<u64>,
    pub body: Vec<Statement>,
    pub on_failure: Vec<Statement>,
    pub always: Vec<Statement>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Statement {
    Let {
        binding: BindingId,
        value: Expr,
    },
    On(OnBlock),
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
        span: Span,
    },
    /// Once for each value of a list that the plan knows; holds no clause. What its steps bind is a list after it.
    For {
        binding: BindingId,
        list: Expr,
        body: Vec<Statement>,
        span: Span,
    },
    /// Steps that run on another machine, on behalf of the current host. Holds no clause.
    At {
        place: Place,
        as_user: Option<Expr>,
        body: Vec<Statement>,
        span: Span,
    },
    /// Steps, or blocks, at the same time. Holds nothing else.
    Parallel {
        body: Vec<Statement>,
        span: Span,
    },
    /// So often at most, or until a condition over the round's names is true. Holds no clause.
    Repeat {
        times: Expr,
        until: Option<Expr>,
        body: Vec<Statement>,
        span: Span,
    },
    Require {
        condition: Expr,
        message: Expr,
        span: Span,
    },
    Approve(Approval),
    /// A playbook in place of a statement.
    Call(Call),
    /// Leaves the host out of the rest of its block: skipped, not failed.
    SkipIf {
        condition: Expr,
        reason: Expr,
        span: Span,
    },
    Rollback {
        scope: RollbackScope,
        span: Span,
    },
    Step(Step),
}

/// A playbook called by another: its steps in place of one.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// Unique in the playbook, like a step's.
    pub name: String,
    /// An index into `Program::called`.
    pub playbook: usize,
    /// Aligned with its parameters; `None` takes the parameter's default.
    pub args: Vec<Option<Expr>>,
    pub span: Span,
}

/// `approve(by: …, message: …, within: …)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Approval {
    /// Names of approvers, as settings know them.
    pub by: Vec<String>,
    pub message: Expr,
    /// Milliseconds; absent: for as long as it takes.
    pub within: Option<u64>,
    pub span: Span,
}

/// Where the steps of an `at` run.
#[derive(Clone, PartialEq, Debug)]
pub enum Place {
    /// The machine that opsc runs on.
    Controller,
    /// Of type `host`.
    Host(Expr),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RollbackScope {
    Host,
    Batch,
    All,
}

impl RollbackScope {
    pub fn name(self) -> &'static str {
        match self {
            RollbackScope::Host => "host",
            RollbackScope::Batch => "batch",
            RollbackScope::All => "all",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct OnBlock {
    pub binding: Option<BindingId>,
    /// Of type `hosts` or `host`.
    pub hosts: Expr,
    /// An int, a percent, or a list of both; absent: all at once.
    pub batch: Option<Expr>,
    pub at_once: Option<Expr>,
    pub max_failures: Option<Expr>,
    /// Over each host: never two hosts of one value in a batch.
    pub spread: Option<Expr>,
    pub as_user: Option<Expr>,
    pub include_failed: bool,
    pub body: Vec<Statement>,
    pub on_failure: Vec<Statement>,
    /// On the controller, after every batch.
    pub after_batch: Vec<Statement>,
    pub always: Vec<Statement>,
    pub span: Span,
    /// Of `on HOSTS (…)`.
    pub head_span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Unique in the playbook: its binding's name, or its action with an ordinal.
    pub name: String,
    pub binding: Option<BindingId>,
    pub action: ActionId,
    /// Aligned with the action's parameters; `None` takes the parameter's default.
    pub args: Vec<Option<Expr>>,
    pub attrs: StepAttrs,
    /// The action's row, with `! effect` resolved and `as:` counted.
    pub row: Row,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct StepAttrs {
    pub as_user: Option<Expr>,
    pub timeout: Option<Expr>,
    pub retry: Option<Expr>,
    pub every: Option<Expr>,
    pub until: Option<Expr>,
    pub changed: Option<Expr>,
    pub ok: Option<Expr>,
    pub allow_failure: bool,
    pub tags: Vec<String>,
}

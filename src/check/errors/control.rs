//! `E0600`: blocks, clauses and failure.

use crate::base::source::Span;
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum ControlError {
    NestedOn { span: Span },
    RollbackOutsideFailure { span: Span },
    RollbackScope { span: Span },
    ClauseNotAllowed { clause: &'static str, place: &'static str, span: Span },
    DuplicateClause { clause: &'static str, first: Span, span: Span },
    StepOnTopOfHosts { form: &'static str, span: Span },
    UnknownOption { form: &'static str, name: String, known: &'static [&'static str], span: Span },
    SkipOutsideBlock { span: Span },
    RepeatWithoutTimes { span: Span },
    NestedAt { span: Span },
    ApproveOnHosts { span: Span },
    ApproveGivesNothing { span: Span },
    UnknownApprover { name: String, known: Vec<String>, span: Span },
    CallInBlock { name: String, span: Span },
    CallGivesNothing { name: String, span: Span },
    CalleeWithClauses { name: String, clause: &'static str, clause_span: Span, span: Span },
    BadSchedule { reason: String, span: Span },
    WindowWithoutSchedule { span: Span },
    NotInParallel { what: &'static str, span: Span },
    ParallelAt { span: Span },
}

impl ControlError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            ControlError::NestedOn { span } => {
                Diagnostic::error("E0601", *span, "an `on` block cannot stand inside another")
                    .help("put the blocks one after the other; results of the first are known in the second")
            }
            ControlError::RollbackOutsideFailure { span } => {
                Diagnostic::error("E0602", *span, "`rollback` belongs into `on failure { … }`")
            }
            ControlError::RollbackScope { span } => {
                Diagnostic::error("E0603", *span, "in a playbook's own `on failure` only `rollback all` has a meaning")
                    .help("`rollback` and `rollback batch` belong into the `on failure` of an `on` block")
            }
            ControlError::ClauseNotAllowed { clause, place, span } => {
                Diagnostic::error("E0604", *span, format!("`{clause}` cannot stand in {place}"))
                    .help("clauses come last in a playbook or in an `on` block")
            }
            ControlError::DuplicateClause { clause, first, span } => {
                Diagnostic::error("E0605", *span, format!("`{clause}` stands twice in one block"))
                    .label(*first, "the first one")
            }
            ControlError::StepOnTopOfHosts { form, span } => {
                Diagnostic::error("E0606", *span, format!("`{form}` cannot stand in a clause"))
            }
            ControlError::UnknownOption { form, name, known, span } => {
                let diagnostic = Diagnostic::error("E0607", *span, format!("`{form}` has no option `{name}`"));
                match crate::base::near::nearest(name, known.iter().copied()) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("options are {}", known.join(", "))),
                }
            }
            ControlError::SkipOutsideBlock { span } => {
                Diagnostic::error("E0608", *span, "`skip if` leaves a host out of its block, so it stands in `on`")
                    .help("for the whole run, write `require`, or an `if` around the steps")
            }
            ControlError::ApproveOnHosts { span } => {
                Diagnostic::error("E0611", *span, "an approval is for the whole run, not for one host")
                    .help("write it in the playbook's body, between `on` blocks, or in `after batch`")
            }
            ControlError::ApproveGivesNothing { span } => {
                Diagnostic::error("E0614", *span, "an approval gives nothing that a name could stand for")
                    .help("what is behind it runs only if it was given")
            }
            ControlError::UnknownApprover { name, known, span } => {
                let diagnostic = Diagnostic::error("E0618", *span, format!("`[approvers]` names nobody `{name}`"));
                match crate::base::near::nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("it names {}", crate::base::words::join_some(known, 8))),
                }
            }
            ControlError::CallInBlock { name, span } => {
                Diagnostic::error("E0615", *span, format!("`{name}` is a playbook, which has hosts of its own"))
                    .help("call it in the playbook's body; what is to be done on each host is an action")
            }
            ControlError::CallGivesNothing { name, span } => Diagnostic::error(
                "E0616",
                *span,
                format!("the playbook `{name}` gives nothing that a name could stand for"),
            )
            .help("what gives a result is an action"),
            ControlError::CalleeWithClauses { name, clause, clause_span, span } => Diagnostic::error(
                "E0617",
                *span,
                format!("`{name}` has an `{clause}` of its own, so it cannot be part of another run"),
            )
            .label(*clause_span, "this is about a whole run")
            .help(format!(
                "move its other statements into a playbook of their own, call that one, and write `{clause}` in each caller"
            )),
            ControlError::BadSchedule { reason, span } => Diagnostic::error("E0612", *span, reason.clone()),
            ControlError::WindowWithoutSchedule { span } => {
                Diagnostic::error("E0613", *span, "`window` is about a schedule, and there is none")
                    .help("write `schedule: daily(at: \"02:00\")`, or `max_duration` for how long a run may take")
            }
            ControlError::NotInParallel { what, span } => {
                Diagnostic::error("E0619", *span, format!("{what} cannot stand in a `parallel`"))
                    .help("a `parallel` holds either steps or `on` blocks, and nothing that decides what runs")
            }
            ControlError::ParallelAt { span } => {
                Diagnostic::error("E0620", *span, "steps of an `at` take turns, so none can run beside another")
                    .help("put them one after the other, or the `parallel` outside of `at`")
            }
            ControlError::NestedAt { span } => Diagnostic::error("E0610", *span, "an `at` cannot stand inside another")
                .help("end the first one; a step runs on one machine"),
            ControlError::RepeatWithoutTimes { span } => {
                Diagnostic::error("E0609", *span, "`repeat` says how often at most")
                    .help("write `repeat (times: 3) { … }`; an `until:` ends it earlier")
            }
        }
    }
}

crate::diag::code_docs! {
    "E0601" "nested `on`"
    "A block runs on hosts; inside it there is one current host."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    on web {\n      file.info(path: \"/etc/hosts\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0602" "`rollback` without a failure"
    "`rollback` undoes the steps of a block that failed, so it stands in that block's `on failure`."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n    rollback\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n\n    on failure {\n      rollback\n    }\n  }\n}\n"
    "E0603" "a rollback of no host"
    "The playbook's own `on failure` runs once on the controller, where there is neither a host nor a batch."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n\n  on failure {\n    rollback\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n\n  on failure {\n    rollback all\n  }\n}\n"
    "E0604" "a clause in the wrong place"
    "`on failure` and `always` belong to a playbook or to an `on` block, not to branches or other clauses."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    if host.name == \"a\" {\n      file.directory(path: \"/tmp/x\")\n\n      on failure {\n        rollback\n      }\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    if host.name == \"a\" {\n      file.directory(path: \"/tmp/x\")\n    }\n\n    on failure {\n      rollback\n    }\n  }\n}\n"
    "E0605" "a clause stands twice"
    "A block has one `on failure`, one `after batch` and one `always`."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n\n    on failure {\n      rollback\n    }\n    on failure {\n      rollback\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n\n    on failure {\n      rollback\n    }\n  }\n}\n"
    "E0606" "a form that cannot stand in a clause"
    "Clauses run on hosts that are already there, or on the controller: they open no blocks."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n\n  always {\n    on web {\n      file.info(path: \"/tmp/x\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0607" "an unknown option"
    "The options of `on` are batch, at_once, max_failures, as, spread and include_failed."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web (bacth: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web (batch: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0608" "`skip if` without a host"
    "`skip if` leaves the current host out of the rest of its `on` block: skipped, not failed. Outside a block and in clauses there is nothing to leave."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  skip if web.count == 0 \"nothing to do\"\n\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    skip if host.name == \"spare\" \"a spare\"\n    file.directory(path: \"/tmp/x\")\n  }\n}\n"
    "E0609" "a `repeat` without end"
    "A plan is finite, so a loop says how often it goes round at most. With `until:` it ends as soon as the condition is true, and fails if it never is."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    repeat (until: seen.exists) {\n      seen = file.info(path: \"/tmp/x\")\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    repeat (times: 3, until: seen.exists) {\n      seen = file.info(path: \"/tmp/x\")\n    }\n  }\n}\n"
    "E0610" "nested `at`"
    "The steps of an `at` run on one other machine, on behalf of the current host."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  lb: host,\n) ! read {\n  on web {\n    at lb {\n      at controller {\n        file.info(path: \"/etc/hosts\")\n      }\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n  lb: host,\n) ! read {\n  on web {\n    at lb {\n      file.info(path: \"/etc/hosts\")\n    }\n  }\n}\n"
    "E0611" "an approval on a host"
    "An approval stops the whole run until somebody agrees, so it stands between blocks or between batches."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    approve(by: [\"dba\"], message: \"look at all of them\")\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  approve(by: [\"dba\"], message: \"look at all of them\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0612" "a schedule that means nothing"
    "Schedules are `hourly(minute:)`, `daily(at:, zone:)`, `weekly(day:, at:, zone:)` and `monthly(day:, at:, zone:)`, all of them written out. The time zone is UTC unless `zone` names another."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  schedule: weekly(day: \"sunday\", at: \"2 am\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  schedule: weekly(day: \"sunday\", at: \"02:00\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0613" "a window without a schedule"
    "`window` says how long after a scheduled time a run may still begin."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  window: 6h\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  schedule: daily(at: \"02:00\")\n  window: 6h\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0614" "a name for an approval"
    "An approval has no result: it is given, or what is behind it does not run."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  ok = approve(by: [\"dba\"], message: \"look at all of them\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  approve(by: [\"dba\"], message: \"look at all of them\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0615" "a playbook called on a host"
    "A playbook chooses its hosts itself, so it is called in another playbook's body. What is done on a host is an action."
    "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    look(web: web)\n  }\n}\n" => "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  look(web: web)\n}\n"
    "E0616" "the result of a playbook"
    "A playbook has no result. Its steps' names are its own."
    "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  seen = look(web: web)\n}\n" => "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  look(web: web)\n}\n"
    "E0617" "a called playbook with clauses"
    "`on failure` and `always` of a playbook are about its whole run: they start when nothing else of it is to come. A playbook that is called is a part of another run, which goes on or ends by its own clauses, so it has none. Clauses of its `on` blocks are about those, and stay."
    "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n\n  always {\n    require true else \"never\"\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  look(web: web)\n}\n" => "ops 1\n\nplaybook look(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  look(web: web)\n}\n"
    "E0618" "an unknown approver"
    "Where `opsc.toml` has a table `[approvers]`, approvals name only those in it: each with public keys, or `\"self\"` for whoever runs."
    "ops 1\n\n# opsc.toml: dba = \"self\"\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  approve(by: [\"dbs\"], message: \"go on\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\n# opsc.toml: dba = \"self\"\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  approve(by: [\"dba\"], message: \"go on\")\n\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0619" "something that cannot run beside others"
    "A `parallel` holds either steps or `on` blocks. Conditions and loops go around it, requirements behind it."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    parallel {\n      file.info(path: \"/a\")\n      require host.port == 22 else \"another port\"\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    parallel {\n      file.info(path: \"/a\")\n      file.info(path: \"/b\")\n    }\n    require host.port == 22 else \"another port\"\n  }\n}\n"
    "E0620" "`parallel` in an `at`"
    "What several hosts do on one other machine happens one after the other; that is the promise of `at`."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    at controller {\n      parallel {\n        file.info(path: \"/a\")\n        file.info(path: \"/b\")\n      }\n    }\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    at controller {\n      file.info(path: \"/a\")\n      file.info(path: \"/b\")\n    }\n  }\n}\n"
}

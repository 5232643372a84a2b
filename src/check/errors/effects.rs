//! `E0400`: what a playbook says it may do, and what it does.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::diag::{Diagnostic, Edit};
use crate::hir::effect::Row;

#[derive(Clone, PartialEq, Debug)]
pub enum EffectError {
    UnknownEffect {
        name: String,
        span: Span,
    },
    /// The body may do more than the row says. `cause` is a step that needs what is missing.
    RowTooSmall {
        /// `playbook` or `action`.
        what: &'static str,
        declared: Row,
        needed: Row,
        missing: Vec<&'static str>,
        row: Span,
        cause: Option<Span>,
    },
    RowMissing {
        what: &'static str,
        needed: Row,
        after: Span,
    },
    RowTooWide {
        what: &'static str,
        declared: Row,
        needed: Row,
        row: Span,
    },
    TwoLevels {
        span: Span,
    },
}

impl EffectError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            EffectError::UnknownEffect { name, span } => {
                let known = ["read", "change", "destroy", "admin", "network", "exec"];
                let diagnostic = Diagnostic::error("E0401", *span, format!("there is no effect `{name}`"));
                match nearest(name, known) {
                    Some(near) => diagnostic.did_you_mean(Some(near)),
                    None => diagnostic.help(format!("effects are {}", known.join(", "))),
                }
            }
            EffectError::RowTooSmall { what, declared, needed, missing, row, cause } => {
                let diagnostic = Diagnostic::error(
                    "E0402",
                    *row,
                    format!("the {what} says `! {declared}`, but its steps also need `{}`", missing.join("`, `")),
                );
                let diagnostic = match cause {
                    Some(cause) => diagnostic.label(*cause, format!("needs `{}`", missing.join("`, `"))),
                    None => diagnostic,
                };
                let whole = declared.join(*needed);
                diagnostic.fix(format!("write `! {whole}`"), vec![Edit { span: *row, text: format!("! {whole}") }])
            }
            EffectError::RowMissing { what, needed, after } => {
                // The closing parenthesis: the row is missing behind it.
                let closing = Span { start: after.end.saturating_sub(1), ..*after };
                Diagnostic::error("E0403", closing, format!("the {what} does not say what it may do"))
                    .at(format!("expected `! {needed}` after the parameters"))
                    .fix(
                        format!("write `! {needed}`"),
                        vec![Edit { span: after.after(), text: format!(" ! {needed}") }],
                    )
            }
            EffectError::RowTooWide { what, declared, needed, row } => Diagnostic::warning(
                "W0404",
                *row,
                format!("the {what} says `! {declared}`, but needs only `! {needed}`"),
            )
            .fix(format!("write `! {needed}`"), vec![Edit { span: *row, text: format!("! {needed}") }]),
            EffectError::TwoLevels { span } => {
                Diagnostic::error("E0405", *span, "a row has one of `read`, `change` and `destroy`")
            }
        }
    }
}

crate::diag::code_docs! {
    "E0401" "an unknown effect"
    "A row is one level (`read`, `change`, `destroy`) and any of the flags `admin`, `network`, `exec`."
    "ops 1\n\nplaybook p() ! reed {\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0402" "a playbook that does more than it says"
    "The row of a playbook is written where reviewers see it. A step that needs more makes a changed line in the pull request."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.directory(path: \"/tmp/x\")\n  }\n}\n"
    "E0403" "a playbook without effects"
    "Every playbook says after its parameters what it may do."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "W0404" "a playbook that says more than it does"
    "A row wider than the body lets later changes pass unseen."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! change {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web {\n    file.info(path: \"/tmp/x\")\n  }\n}\n"
    "E0405" "two levels in one row"
    "The levels include each other: `destroy` may change, `change` may read."
    "ops 1\n\nplaybook p() ! read, change {\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
}

//! Every transition that the journal commits, by name, in one table. Knows not what is done about them.

use super::approvals;
use super::journal::Change;
use super::records::StepResult;

/// What is true of a run, a host or the journal from a commit on, and was not before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transition {
    TablesMade,
    JournalRestored,
    RunStarted,
    /// Resumed, or rolled back.
    RunGoesOn,
    RunFinished,
    /// One that stopped at an approval, and may be gone on with.
    RunWaits,
    HostLocked,
    LockBroken,
    FactsKept,
    ApprovalAsked,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalUsed,
    ApplyIntended,
    ApplyOk,
    ApplyChanged,
    ApplyFailed,
    /// Of a step that may fail.
    ApplyIgnored,
    ApplyUnreachable,
    ApplyTimedOut,
    RollbackIntended,
    RolledBack,
    RollbackFailed,
    StepResolved,
    AuditNoted,
    EventTold,
}

/// In the order of the enum.
pub const TRANSITIONS: &[(Transition, &str)] = &[
    (Transition::TablesMade, "tables.made"),
    (Transition::JournalRestored, "journal.restored"),
    (Transition::RunStarted, "run.started"),
    (Transition::RunGoesOn, "run.goes_on"),
    (Transition::RunFinished, "run.finished"),
    (Transition::RunWaits, "run.waits"),
    (Transition::HostLocked, "host.locked"),
    (Transition::LockBroken, "lock.broken"),
    (Transition::FactsKept, "facts.kept"),
    (Transition::ApprovalAsked, "approval.asked"),
    (Transition::ApprovalGiven, "approval.given"),
    (Transition::ApprovalRefused, "approval.refused"),
    (Transition::ApprovalUsed, "approval.used"),
    (Transition::ApplyIntended, "apply.intended"),
    (Transition::ApplyOk, "apply.ok"),
    (Transition::ApplyChanged, "apply.changed"),
    (Transition::ApplyFailed, "apply.failed"),
    (Transition::ApplyIgnored, "apply.ignored"),
    (Transition::ApplyUnreachable, "apply.unreachable"),
    (Transition::ApplyTimedOut, "apply.timed_out"),
    (Transition::RollbackIntended, "rollback.intended"),
    (Transition::RolledBack, "rollback.done"),
    (Transition::RollbackFailed, "rollback.failed"),
    (Transition::StepResolved, "step.resolved"),
    (Transition::AuditNoted, "audit.noted"),
    (Transition::EventTold, "event.told"),
];

impl Transition {
    pub fn name(self) -> &'static str {
        TRANSITIONS.iter().find(|(transition, _)| *transition == self).map_or("", |(_, name)| name)
    }

    pub(super) fn of(change: &Change) -> Transition {
        match change {
            Change::Start(record, ..) if record.goes_on_with.is_some() => Transition::RunGoesOn,
            Change::Start(..) => Transition::RunStarted,
            Change::Lock { .. } => Transition::HostLocked,
            Change::Unlock { .. } => Transition::LockBroken,
            Change::Facts { .. } => Transition::FactsKept,
            Change::Approval(approvals::Change::Ask(_)) => Transition::ApprovalAsked,
            Change::Approval(approvals::Change::Say { verdict, .. }) if verdict.approved => Transition::ApprovalGiven,
            Change::Approval(approvals::Change::Say { .. }) => Transition::ApprovalRefused,
            Change::Approval(approvals::Change::Use { .. }) => Transition::ApprovalUsed,
            Change::Intent(intent) if intent.is_of_rollback() => Transition::RollbackIntended,
            Change::Intent(_) => Transition::ApplyIntended,
            Change::Result(result) => Transition::of_result(result),
            Change::Resolve(..) => Transition::StepResolved,
            Change::Note(_) => Transition::AuditNoted,
            Change::Event { .. } => Transition::EventTold,
            Change::Finish { status, .. } if status == "waiting" => Transition::RunWaits,
            Change::Finish { .. } => Transition::RunFinished,
        }
    }

    fn of_result(result: &StepResult) -> Transition {
        match (result.is_of_rollback(), result.outcome.as_str()) {
            (true, "rolled_back") => Transition::RolledBack,
            (true, _) => Transition::RollbackFailed,
            (_, "ok") => Transition::ApplyOk,
            (_, "changed") => Transition::ApplyChanged,
            (_, "ignored") => Transition::ApplyIgnored,
            (_, "unreachable") => Transition::ApplyUnreachable,
            (_, "timed_out") => Transition::ApplyTimedOut,
            _ => Transition::ApplyFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_transition_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = TRANSITIONS.iter().map(|(_, name)| *name).collect();
        assert_eq!(names.len(), TRANSITIONS.len());
        for (place, (transition, name)) in TRANSITIONS.iter().enumerate() {
            assert_eq!((*transition as usize, transition.name()), (place, *name));
        }
        assert_eq!(TRANSITIONS.len(), Transition::EventTold as usize + 1, "one is not in the table");
    }
}

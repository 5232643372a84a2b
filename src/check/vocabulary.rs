//! The words that the checker knows, by what they are: for documents that must not fall behind. Decides nothing.

use super::functions::{AGGREGATES, FUNCTIONS};
use super::{actions, approvals, blocks, members, playbooks, schedules, steps, types};
use crate::hir::facts::FACTS;

/// Words of one kind.
pub struct Words {
    /// What they are, in the plural.
    pub what: &'static str,
    pub words: Vec<&'static str>,
}

/// Every word, kind by kind, in the order of the tables.
pub fn words() -> Vec<Words> {
    let of = |what, words: &[&'static str]| Words { what, words: words.to_vec() };
    vec![
        Words { what: "functions", words: FUNCTIONS.iter().map(|function| function.name).collect() },
        Words { what: "aggregates", words: AGGREGATES.iter().map(|(name, _)| *name).collect() },
        Words { what: "types", words: types::built_in().map(|(name, _)| *name).collect() },
        of("types of types", types::GENERIC),
        of("attributes of steps", steps::ATTRIBUTES),
        of("attributes of playbooks", playbooks::ATTRIBUTES),
        of("attributes of actions", actions::ATTRIBUTES),
        of("options of `on`", blocks::OPTIONS),
        of("arguments of `approve`", &approvals::PARAMETERS),
        of("schedules", &schedules::FORMS),
        of("members of a host", members::HOST_MEMBERS),
        of("members of a set of hosts", members::HOSTS_MEMBERS),
        of("members of results", members::RESULTS_MEMBERS),
        of("members of a block's result", members::BLOCK_MEMBERS),
        of("flags of a result", members::RESULT_FLAGS),
        Words { what: "facts", words: FACTS.iter().map(|(name, _)| *name).collect() },
    ]
}

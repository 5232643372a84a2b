//! Floor 2: the typed program as data. Types, effects, values, expressions, actions, playbooks and the world of hosts.
//! Data only: `check` builds it, `eval` and `plan` read it. Knows nothing of syntax.

pub mod effect;
pub mod expr;
pub mod facts;
pub mod folder;
pub mod program;
pub mod schedule;
pub mod types;
pub mod value;
pub mod world;

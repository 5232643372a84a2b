//! Floor 1: a command as typed pieces, and its text for a POSIX shell. Values become text in one place only.
//! Knows nothing of connections: `transport` carries the text and brings back the bytes.
//!
//! * [`program`]: what a step runs, as data
//! * [`quote`]: the one place where a value becomes shell text
//! * [`lane`]: the constant texts of a lane: how it starts, what it defines, how it ends
//! * [`step`]: one step as the text that the lane reads
//! * [`frames`]: the marks that come back between the raw output

pub mod error;
pub mod frames;
pub mod lane;
pub mod program;
pub mod quote;
pub mod step;

pub use program::{NamedScript, Program, Text, Variable, VariableValue};

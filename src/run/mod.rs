//! Floor 7: runs a plan. A pure schedule says what is ready; the dispatcher does it and tells what ended.

pub mod event;

//! Floor 2: text to tree and back. `parse` keeps comments, `format` has one canonical output.
//! Knows nothing of names, types or hosts; pest stops here.

pub mod ast;

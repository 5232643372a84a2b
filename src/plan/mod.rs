//! Floor 5: program × inventory × inputs → plan. Pure. Knows nothing of sessions, time or files.

pub mod model;

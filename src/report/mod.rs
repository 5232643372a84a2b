//! Floor 8: plans, events and findings → text and JSON. Pure: nothing here prints, and nothing here is asked of a host.
//! Text from hosts is untrusted, so its control characters are written out.

pub mod check_json;
pub mod event_json;
pub mod graph;
pub mod paint;
pub mod plan_json;
pub mod plan_text;
pub mod prediction_text;
pub mod progress;
pub mod recap;

//! Floor 8: plans, events, findings and what the journal says → text, Markdown and JSON. Pure: nothing here prints, and nothing here is asked of a host.
//! Text from hosts is untrusted, so its control characters are written out.

pub mod approval_text;
pub mod audit_text;
pub mod check_ci;
pub mod check_json;
pub mod check_sarif;
pub mod db_text;
pub mod diff_json;
pub mod diff_markdown;
pub mod diff_text;
pub mod event_json;
pub mod examination;
pub mod facts_text;
pub mod fingerprint;
pub mod going_on_text;
pub mod graph;
pub mod left;
pub mod lock_text;
pub mod paint;
pub mod plan_json;
pub mod plan_text;
pub mod playbook_text;
pub mod prediction_text;
pub mod progress;
pub mod recap;
pub mod results_text;
pub mod review;
pub mod run_json;
pub mod run_markdown;
pub mod run_text;
pub mod tree_json;
pub mod tree_shape;
pub mod tree_source;
pub mod why_text;

//! What a model is told: the language card, the actions that fit, the inventory's names, the request. The static part
//! comes first, so that servers can cache it. Values of variables and secrets never enter a prompt.

use serde_json::{Value as Json, json};

use super::endpoint::Message;
use super::retrieve::best_actions;
use crate::base::source::Sources;
use crate::check;
use crate::diag::Diagnostic;
use crate::hir::expr::ExprKind;
use crate::hir::program::{Action, Param};
use crate::hir::world::Inventory;
use crate::{plan, syntax};

/// The language in two screens; its examples are compiled by a test.
pub const CARD: &str = include_str!("card.md");

const MOST_ACTIONS: usize = 12;
/// A name more or less does not matter to a model, but a fleet of thousands does not fit.
const MOST_HOSTS: usize = 200;

pub fn first_messages(request: &str, actions: &[&Action], inventory: &Inventory) -> Vec<Message> {
    let signatures: Vec<String> = best_actions(request, actions, MOST_ACTIONS).into_iter().map(signature).collect();
    let system = format!("{CARD}\nActions:\n{}\n\n{}", signatures.join("\n"), names(inventory));
    vec![Message { role: "system", content: system }, Message { role: "user", content: format!("Request: {request}") }]
}

/// `service.restart(name: string) ! change, admin  # Restart a service.`
fn signature(action: &Action) -> String {
    let params: Vec<String> = action.params.iter().map(param).collect();
    format!("{}({}) ! {}  # {}", action.name, params.join(", "), action.row, action.doc)
}

fn param(param: &Param) -> String {
    let default = param.default.as_ref().map(|default| match &default.kind {
        ExprKind::Literal(value) => format!(" = {}", value.literal()),
        _ => " = …".to_string(),
    });
    format!("{}: {}{}", param.name, param.ty, default.unwrap_or_default())
}

fn names(inventory: &Inventory) -> String {
    let groups: Vec<&str> = inventory.groups.iter().map(|group| group.name.as_str()).collect();
    let hosts: Vec<&str> = inventory.hosts.values().map(|host| host.name.as_str()).take(MOST_HOSTS).collect();
    let mut tags: Vec<&str> =
        inventory.hosts.values().flat_map(|host| host.tags.iter().map(|(key, _)| key.as_str())).collect();
    tags.sort_unstable();
    tags.dedup();
    format!("Groups: {}\nHosts: {}\nTag keys: {}\n", list(&groups), list(&hosts), list(&tags))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "(none)".to_string() } else { names.join(", ") }
}

/// The model's own text and what the compiler says of it, with one example that compiles.
pub fn repair_messages(said: &str, diagnostics: &[Diagnostic], sources: &Sources) -> Vec<Message> {
    let mut findings: Vec<Json> =
        diagnostics.iter().filter(|each| each.is_error()).map(|each| finding(each, sources)).collect();
    if findings.is_empty() {
        findings.push(json!({ "message": "there is no playbook in this" }));
    }
    let content = format!(
        "The compiler refuses this:\n{:#}\nAnswer with the whole program again, mended, and nothing else.",
        Json::from(findings)
    );
    vec![Message { role: "assistant", content: said.to_string() }, Message { role: "user", content }]
}

fn finding(diagnostic: &Diagnostic, sources: &Sources) -> Json {
    let place = sources.place(diagnostic.primary.span);
    let mut codes = syntax::errors::CODES.iter().chain(check::errors::codes()).chain(plan::errors::CODES);
    let example = codes.find(|doc| doc.code == diagnostic.code).map(|doc| doc.fixed).filter(|text| !text.is_empty());
    json!({
        "code": diagnostic.code,
        "line": place.line,
        "message": diagnostic.message,
        "here": diagnostic.primary.message,
        "help": diagnostic.help,
        "fix": diagnostic.fix.as_ref().map(|fix| &fix.title),
        "valid_example": example,
    })
}

//! The plan's steps and edges as Graphviz dot or Mermaid.

use crate::plan::graph::{Drawn, drawn_edges};
use crate::plan::model::{EdgeReason, Plan};

pub fn dot(plan: &Plan) -> String {
    let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(&plan.playbook));
    for step in plan.steps.values() {
        text.push_str(&format!("  {};\n", quoted(&step.name)));
    }
    for edge in drawn_edges(plan) {
        let style =
            if edge.why == EdgeReason::Order { String::new() } else { format!(" [label={}]", quoted(edge.why.name())) };
        let (from, to) = ends(plan, &edge);
        text.push_str(&format!("  {} -> {}{style};\n", quoted(from), quoted(to)));
    }
    text + "}\n"
}

pub fn mermaid(plan: &Plan) -> String {
    use crate::base::ids::Id;
    let mut text = "flowchart LR\n".to_string();
    for (id, step) in plan.steps.iter() {
        text.push_str(&format!("  s{}[{}]\n", id.index(), quoted(&step.name)));
    }
    for edge in drawn_edges(plan) {
        let label = if edge.why == EdgeReason::Order { String::new() } else { format!("|{}|", edge.why.name()) };
        text.push_str(&format!("  s{} -->{label} s{}\n", edge.from.index(), edge.to.index()));
    }
    text
}

fn ends<'p>(plan: &'p Plan, edge: &Drawn) -> (&'p str, &'p str) {
    (&plan.steps.at(edge.from).name, &plan.steps.at(edge.to).name)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}

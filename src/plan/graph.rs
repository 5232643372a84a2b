//! The plan's steps as a graph: an order that respects every edge, and edges that others already imply.

use std::collections::BTreeMap;

use petgraph::algo::{has_path_connecting, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::model::{EdgeReason, Plan};
use crate::base::ids::StepId;

/// One edge of the graph that is worth drawing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Drawn {
    pub from: StepId,
    pub to: StepId,
    pub why: EdgeReason,
}

/// Steps in an order that respects every edge, or a step on a cycle (a bug in opsc: program order has none).
pub fn steps_in_order(plan: &Plan) -> Result<Vec<StepId>, StepId> {
    let (graph, _) = build(plan);
    let order = toposort(&graph, None).map_err(|cycle| graph.node_weight(cycle.node_id()).copied());
    match order {
        Ok(order) => Ok(order.into_iter().filter_map(|node| graph.node_weight(node).copied()).collect()),
        Err(step) => step.map_or_else(|| Ok(Vec::new()), Err),
    }
}

/// The edges without those that a chain of others implies; data edges always stay, since they say why.
pub fn drawn_edges(plan: &Plan) -> Vec<Drawn> {
    let (mut graph, nodes) = build(plan);
    let mut drawn = Vec::new();
    for (to, step) in plan.steps.iter() {
        for edge in &step.after {
            let each = Drawn { from: edge.step, to, why: edge.why };
            if edge.why != EdgeReason::Order || !is_implied(&mut graph, &nodes, &each) {
                drawn.push(each);
            }
        }
    }
    drawn.sort_unstable();
    drawn.dedup();
    drawn
}

type Graph = DiGraph<StepId, EdgeReason>;

/// Batch edges are left out: they lead from the end of one batch to the start of the next, which is the same step.
fn build(plan: &Plan) -> (Graph, BTreeMap<StepId, NodeIndex>) {
    let mut graph = Graph::new();
    let nodes: BTreeMap<StepId, NodeIndex> = plan.steps.ids().map(|id| (id, graph.add_node(id))).collect();
    for (to, step) in plan.steps.iter() {
        for edge in step.after.iter().filter(|edge| edge.why != EdgeReason::Batch) {
            if let (Some(from), Some(to)) = (nodes.get(&edge.step), nodes.get(&to)) {
                graph.update_edge(*from, *to, edge.why);
            }
        }
    }
    (graph, nodes)
}

fn is_implied(graph: &mut Graph, nodes: &BTreeMap<StepId, NodeIndex>, edge: &Drawn) -> bool {
    let (Some(from), Some(to)) = (nodes.get(&edge.from), nodes.get(&edge.to)) else { return false };
    let Some(direct) = graph.find_edge(*from, *to) else { return false };
    let Some(why) = graph.remove_edge(direct) else { return false };
    let implied = has_path_connecting(&*graph, *from, *to, None);
    graph.add_edge(*from, *to, why);
    implied
}

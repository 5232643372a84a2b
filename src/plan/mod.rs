//! Floor 5: program × inventory × inputs → plan. Pure. Knows nothing of sessions, time or files.

pub mod arguments;
pub mod batches;
pub mod blocks;
pub mod builder;
pub mod chosen;
pub mod composites;
pub mod digest;
pub mod edges;
pub mod errors;
pub mod expand;
pub mod expression_text;
pub mod gates;
pub mod graph;
pub mod inputs;
mod meaning;
pub mod model;
pub mod options;
pub mod parallel;
pub mod read;
pub mod relations;
pub mod rounds;
pub mod scope;
pub mod secrets;
pub mod touches;

use crate::hir::program::{Playbook, Program};
use crate::hir::world::Inventory;

use errors::Refusal;
use inputs::Inputs;
use model::Plan;

/// The plan of one playbook, or every reason why there is none. Same arguments, same plan, byte for byte.
pub fn plan(program: &Program, playbook: &Playbook, inventory: &Inventory, inputs: &Inputs) -> Result<Plan, Refusal> {
    let params = inputs::resolve(playbook, inventory, inputs)?;
    let mut plan = builder::Builder::new(program, playbook, inventory, inputs, params).build()?;
    edges::connect(&mut plan);
    plan.warnings.extend(secrets::notes(&plan, &plan.bindings));
    plan.warnings.extend(relations::warnings(&plan, program, inventory));
    plan.digest = digest::digest(&plan, program, inventory);
    Ok(plan)
}

//! `opsc why STEP FILE`: why a step is in a plan.

use super::args::{Global, WhyCommand};
use super::output::Output;
use super::plan::make_plan;
use crate::base::near::nearest;
use crate::report::why_text::Why;

pub fn run(command: &WhyCommand, global: &Global, output: &mut Output) -> i32 {
    let (workspace, planned) = match make_plan(&command.selection, global, output) {
        Ok(made) => made,
        Err(code) => return code,
    };
    let (plan, wanted) = (&planned.plan, command.step.as_str());
    let inside = |name: &str| name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(['/', '[']));
    let mut found: Vec<_> = plan.steps.iter().filter(|(_, step)| step.name == wanted).map(|(id, _)| id).collect();
    if found.is_empty() {
        // A composite action's name, or a loop's, stands for all of its steps.
        found = plan.steps.iter().filter(|(_, step)| inside(&step.name)).map(|(id, _)| id).collect();
    }
    if found.is_empty() {
        output.complain(&format!("error: there is no step `{wanted}` in this plan\n"));
        let near = nearest(wanted, plan.steps.values().map(|step| step.name.as_str()));
        output.complain(&match near {
            Some(near) => format!("hint: did you mean `{near}`?\n"),
            None => "hint: `opsc plan` shows the names of all steps\n".to_string(),
        });
        return 10;
    }
    let why = Why { plan, program: &planned.program, inventory: &planned.inventory, sources: &workspace.sources };
    let texts: Vec<String> = found.into_iter().map(|id| why.text(id)).collect();
    output.print(&texts.join("\n"));
    0
}

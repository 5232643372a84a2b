//! Steps that the command line leaves out: by tags, or because they come before the one to start from.

use std::collections::BTreeSet;

use super::builder::{Builder, Place};
use super::errors::PlanError;
use crate::base::near::nearest;
use crate::base::words;
use crate::hir::program::Step;

/// What was met so far, to tell a typo from an empty choice.
#[derive(Default)]
pub struct Chosen {
    tags: BTreeSet<String>,
    steps: Vec<String>,
    reached: bool,
    left_out: usize,
}

impl Chosen {
    pub fn warning(&self) -> Option<String> {
        let count = self.left_out;
        (count > 0).then(|| {
            let verb = if count == 1 { "is" } else { "are" };
            format!("{} {verb} left out by --tags, --skip-tags or --from", words::count(count, "step"))
        })
    }
}

impl Builder<'_> {
    /// Whether this step is not in the plan; its result is absent then.
    pub(super) fn is_left_out(&mut self, step: &Step, place: &Place) -> bool {
        let inputs = self.inputs;
        let selection = &inputs.selection;
        let tags: BTreeSet<&String> = place.tags.iter().chain(&step.attrs.tags).chain(&self.playbook.tags).collect();
        self.chosen.tags.extend(tags.iter().map(|tag| (*tag).clone()));
        self.chosen.steps.push(step.name.clone());
        self.chosen.reached =
            self.chosen.reached || selection.from.as_deref().is_none_or(|from| is_at(&step.name, from));
        let wanted = selection.tags.is_empty() || selection.tags.iter().any(|tag| tags.contains(tag));
        let unwanted = selection.skip_tags.iter().any(|tag| tags.contains(tag));
        let left_out = !self.chosen.reached || !wanted || unwanted;
        self.chosen.left_out += usize::from(left_out);
        left_out
    }

    pub(super) fn check_chosen(&mut self) {
        let inputs = self.inputs;
        let selection = &inputs.selection;
        let playbook = self.playbook.span.before();
        for tag in selection.tags.iter().chain(&selection.skip_tags) {
            if !self.chosen.tags.contains(tag) {
                let near = nearest(tag, self.chosen.tags.iter().map(String::as_str)).map(str::to_string);
                let known = self.chosen.tags.iter().cloned().collect();
                self.errors.push(PlanError::UnknownTag { tag: tag.clone(), near, known, playbook });
            }
        }
        if let Some(from) = selection.from.as_ref().filter(|_| !self.chosen.reached) {
            let near = nearest(from, self.chosen.steps.iter().map(String::as_str)).map(str::to_string);
            self.errors.push(PlanError::UnknownStep { step: from.clone(), near, playbook });
        }
    }
}

/// `release` means the first step of the composite action of this name too.
fn is_at(step: &str, from: &str) -> bool {
    step == from || step.strip_prefix(from).is_some_and(|rest| rest.starts_with('/'))
}

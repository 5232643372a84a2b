//! What may run at the same time: steps that touch different things, blocks of different hosts.

use super::builder::Builder;
use super::errors::PlanError;
use super::model::{Block, BlockHosts, Item, Step};
use super::touches::keys_overlap;
use crate::base::ids::HostId;
use crate::hir::effect::Level;

impl Builder<'_> {
    pub(super) fn check_parallels(&mut self, clauses: [&[Item]; 2]) {
        let of_blocks = self
            .blocks
            .values()
            .flat_map(|block| [&block.items, &block.on_failure, &block.after_batch, &block.always].map(Vec::as_slice));
        let mut errors: Vec<PlanError> = of_blocks.chain(clauses).flat_map(|items| self.touched_twice(items)).collect();
        errors.extend(self.hosts_in_two_blocks());
        self.errors.append(&mut errors);
    }

    fn touched_twice(&self, items: &[Item]) -> Vec<PlanError> {
        let beside = |one: &Item, other: &Item| one.parallel.is_some() && one.parallel == other.parallel;
        let steps = items.iter().filter_map(|item| Some((item, self.steps.at(item.step()?))));
        let steps: Vec<(&Item, &Step)> = steps.filter(|(item, _)| item.parallel.is_some()).collect();
        let pairs = steps.iter().enumerate().flat_map(|(index, later)| {
            steps.iter().take(index).filter(|earlier| beside(earlier.0, later.0)).map(|earlier| (earlier.1, later.1))
        });
        pairs.filter_map(|(earlier, later)| meeting(earlier, later)).collect()
    }

    fn hosts_in_two_blocks(&self) -> Vec<PlanError> {
        let blocks: Vec<&Block> = self.blocks.values().filter(|block| block.parallel.is_some()).collect();
        let pairs = blocks.iter().enumerate().flat_map(|(index, later)| {
            blocks
                .iter()
                .take(index)
                .filter(|earlier| earlier.parallel == later.parallel)
                .map(|earlier| (*earlier, *later))
        });
        let shared = pairs.filter_map(|(earlier, later)| {
            let host = known(later).iter().find(|host| known(earlier).contains(host))?;
            let host = self.inventory.hosts.at(*host).name.clone();
            Some(PlanError::HostInTwoBlocks { host, first: earlier.span, span: later.span })
        });
        shared.collect()
    }
}

fn known(block: &Block) -> &[HostId] {
    if let BlockHosts::Known(hosts) = &block.hosts { hosts } else { &[] }
}

/// A key that both touch, at least one of them to change it. Of a step that does not say what it touches nothing is
/// known; whoever writes it beside others answers for it.
fn meeting(earlier: &Step, later: &Step) -> Option<PlanError> {
    let changes = earlier.row.level != Level::Read || later.row.level != Level::Read;
    let meets = |key: &&String| earlier.touches.iter().any(|other| keys_overlap(key, other));
    let key = later.touches.iter().filter(|_| changes).find(meets)?;
    Some(PlanError::TouchedTwice {
        steps: [earlier.name.clone(), later.name.clone()],
        key: key.clone(),
        first: earlier.span,
        span: later.span,
    })
}

//! Blocks of a plan: `on` blocks with their hosts, and the stretches between them that run on the controller.

use super::builder::{Builder, Place};
use super::errors::PlanError;
use super::expression_text::expression_text;
use super::inputs::may_be_empty;
use super::model::{Block, BlockHosts, Clause, Item};
use crate::base::ids::HostId;
use crate::eval::{Evaluated, eval};
use crate::hir::program::OnBlock;
use crate::hir::value::Value;

impl Builder<'_> {
    pub(super) fn close_stretch(&mut self, items: &mut Vec<Item>, place: &Place) {
        if items.is_empty() {
            return;
        }
        let number = self.count_blocks(|hosts| matches!(hosts, BlockHosts::Controller)) + 1;
        self.blocks.push(Block {
            name: format!("controller#{number}"),
            parallel: None,
            binding: None,
            guards: place.guards.clone(),
            hosts: BlockHosts::Controller,
            batch: Vec::new(),
            spread: Vec::new(),
            at_once: None,
            max_failures: 0,
            include_failed: false,
            items: std::mem::take(items),
            on_failure: Vec::new(),
            after_batch: Vec::new(),
            always: Vec::new(),
            span: self.playbook.span,
        });
    }

    fn count_blocks(&self, matching: impl Fn(&BlockHosts) -> bool) -> usize {
        self.blocks.values().filter(|block| matching(&block.hosts)).count()
    }

    pub(super) fn on_block(&mut self, block: &OnBlock, place: &Place) {
        let hosts = self.block_hosts(block);
        let number = self.count_blocks(|hosts| !matches!(hosts, BlockHosts::Controller)) + 1;
        let planned = Block {
            name: format!("on#{number}"),
            parallel: place.parallel.clone(),
            binding: block.binding,
            guards: place.guards.clone(),
            hosts: hosts.clone(),
            batch: self.batch(block.batch.as_ref()),
            spread: self.spread(block.spread.as_ref(), &hosts),
            at_once: self.count(block.at_once.as_ref(), "`at_once`", 1),
            max_failures: self.count(block.max_failures.as_ref(), "`max_failures`", 0).unwrap_or(0),
            include_failed: block.include_failed,
            items: Vec::new(),
            on_failure: Vec::new(),
            after_batch: Vec::new(),
            always: Vec::new(),
            span: block.head_span,
        };
        let id = self.blocks.push(planned);
        let here = Place {
            block: Some(id),
            clause: Clause::Main,
            hosts: match hosts {
                BlockHosts::Known(hosts) => hosts,
                BlockHosts::Pending { .. } | BlockHosts::Controller => Vec::new(),
            },
            as_user: self.user(block.as_user.as_ref()).or_else(|| place.as_user.clone()),
            runs_at: None,
            tags: place.tags.clone(),
            guards: Vec::new(),
            parallel: None,
        };
        let items = self.items(&block.body, &here);
        let on_failure = self.items(&block.on_failure, &Place { clause: Clause::Failure, ..here.clone() });
        let always = self.items(&block.always, &Place { clause: Clause::Always, ..here.clone() });
        let controller = Place { clause: Clause::AfterBatch, hosts: Vec::new(), as_user: None, ..here };
        let after_batch = self.items(&block.after_batch, &controller);
        let planned = self.blocks.at_mut(id);
        planned.after_batch = after_batch;
        planned.items = items;
        planned.on_failure = on_failure;
        planned.always = always;
    }

    fn block_hosts(&mut self, block: &OnBlock) -> BlockHosts {
        let text = expression_text(&block.hosts, &self.bindings);
        let found = match eval(&block.hosts, &self.scope(None)) {
            Ok(Evaluated::Known(Value::Hosts(hosts))) => hosts,
            Ok(Evaluated::Known(Value::Host(host))) => vec![host],
            Ok(Evaluated::Known(_)) => Vec::new(),
            Ok(Evaluated::Pending(_)) => {
                return BlockHosts::Pending { hosts: block.hosts.clone(), text, within: self.inputs.limit.clone() };
            }
            Err(error) => {
                self.errors.push(PlanError::Expression { error });
                return BlockHosts::Known(Vec::new());
            }
        };
        let limited: Vec<HostId> = match &self.inputs.limit {
            Some(limit) => found.iter().copied().filter(|host| limit.contains(host)).collect(),
            None => found.clone(),
        };
        if limited.is_empty() && !may_be_empty(&block.hosts.ty) {
            let span = block.hosts.span;
            self.errors.push(PlanError::NoHosts { text, limited: !found.is_empty(), span });
        }
        BlockHosts::Known(limited)
    }
}

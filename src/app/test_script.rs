//! From what a test says of hosts and steps to the script of its run: every name is one of the plan's, every field one
//! that its action knows.

use super::planning::Planned;
use super::test_file::{Case, Placed, PlacedRule};
use crate::base::secret::Secret;
use crate::base::source::Span;
use crate::hir::effect::Level;
use crate::hir::facts::FACTS;
use crate::hir::program::Action;
use crate::hir::types::{Os, Type};
use crate::hir::world::Host;
use crate::inventory::errors::InventoryError;
use crate::plan;
use crate::plan::model::{Block, BlockHosts};
use crate::run::errors::{Phase, StepError};
use crate::run::fields::{Texts, typed};
use crate::run::script::{Script, Word, fits};
use crate::secrets::Resolved;

/// What a host says of itself where a test says nothing else.
const LINUX: &[(&str, &str)] = &[
    ("os", "linux"),
    ("os_family", "debian"),
    ("distribution", "debian"),
    ("version", "12"),
    ("kernel", "6.1.0"),
    ("arch", "x86_64"),
    ("cpus", "2"),
    ("memory", "4GiB"),
    ("boot", "00000000-0000-4000-8000-000000000001"),
    ("init", "systemd"),
    ("package_manager", "apt"),
    ("firewall", "nftables"),
];
const DARWIN: &[(&str, &str)] = &[
    ("os", "darwin"),
    ("os_family", "darwin"),
    ("distribution", "macos"),
    ("version", "14"),
    ("kernel", "23.0.0"),
    ("arch", "arm64"),
    ("cpus", "8"),
    ("memory", "16GiB"),
    ("boot", "00000000-0000-4000-8000-000000000001"),
    ("init", "launchd"),
    ("package_manager", "brew"),
];
const WINDOWS: &[(&str, &str)] =
    &[("os", "windows"), ("os_family", "windows"), ("version", "10.0"), ("arch", "x86_64")];

/// The text of a secret that a test does not say: a url too, since many secrets are.
const SECRET: &str = "https://secret.invalid/simulated";

pub(super) fn script(case: &Case, planned: &Planned) -> Result<Script, Vec<InventoryError>> {
    let mut names = Names { planned, errors: Vec::new() };
    let setting = &case.setting;
    setting.rules.iter().for_each(|rule| names.rule(rule));
    for host in &setting.unreachable {
        names.host(&host.value, host.span);
    }
    for (host, facts) in &setting.facts {
        names.host(&host.value, host.span);
        facts.iter().for_each(|(name, _)| names.one_of("fact", name, FACTS.iter().map(|(name, _)| *name).collect()));
    }
    case.expect.hosts.iter().for_each(|(host, _)| names.host_of_run(host));
    for happening in case.expect.steps.iter().chain(&case.expect.never) {
        names.happening(&happening.step);
        if let Some(host) = &happening.host {
            names.host(&host.value, host.span);
        }
    }
    if !names.errors.is_empty() {
        return Err(names.errors);
    }
    let hosts = || planned.inventory.hosts.iter();
    let is_lost = |host: &Host| setting.unreachable.iter().any(|lost| fits(&lost.value, &host.name));
    let mut script = Script::default();
    script.rules = setting.rules.iter().map(|placed| placed.rule.clone()).collect();
    script.facts = hosts().map(|(id, host)| (id, facts(case, host))).collect();
    script.unreachable = hosts().filter(|(_, host)| is_lost(host)).map(|(id, _)| id).collect();
    script.read = plan::read::fields_read(&planned.plan, &planned.program);
    Ok(script)
}

/// Every secret of the plan, with a text that opens nothing.
pub(super) fn secrets(case: &Case, planned: &Planned) -> Resolved {
    let mut secrets = Resolved::default();
    for reference in plan::secrets::references(&planned.plan) {
        let said = case.setting.secrets.iter().rev().find(|(name, _)| *name == reference);
        let text = said.map_or(SECRET, |(_, text)| text.as_str());
        secrets.insert(&reference, Secret::new(text.to_string()));
    }
    secrets
}

fn facts(case: &Case, host: &Host) -> Texts {
    let usual = match host.os {
        Some(Os::Darwin) => DARWIN,
        Some(Os::Windows) => WINDOWS,
        Some(Os::Linux) | None => LINUX,
    };
    let mut facts: Texts = usual.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    facts.push(("hostname".to_string(), host.name.clone()));
    // The last of a name counts.
    let said = case.setting.facts.iter().filter(|(pattern, _)| fits(&pattern.value, &host.name));
    facts.extend(said.flat_map(|(_, facts)| facts.iter().map(|(name, text)| (name.value.clone(), text.clone()))));
    facts
}

struct Names<'a> {
    planned: &'a Planned,
    errors: Vec<InventoryError>,
}

impl Names<'_> {
    fn rule(&mut self, placed: &PlacedRule) {
        let rule = &placed.rule;
        if let Some(span) = placed.host {
            self.host(&rule.host, span);
        }
        let plan = &self.planned.plan;
        let steps: Vec<&str> = plan.steps.values().map(|step| step.name.as_str()).collect();
        let of_rule = plan.steps.values().filter(|step| fits(&rule.step, &step.name));
        let actions: Vec<&Action> = of_rule.map(|step| self.planned.program.actions.at(step.action).as_ref()).collect();
        if actions.is_empty() {
            let step = Placed { value: rule.step.clone(), span: placed.step };
            return self.one_of("step", &step, steps);
        }
        placed.fields.iter().for_each(|(field, text)| self.field(field, text, &actions));
        self.exit(placed);
        let never_idle = |action: &&Action| action.skip.is_none();
        if let (Some(Word::Ok), Some(span)) = (rule.said.outcome, placed.outcome)
            && actions.iter().all(never_idle)
            && of_changes(self.planned, &rule.step)
        {
            let expected = "changed or failed, since this step has something to do every time";
            self.errors.push(InventoryError::WrongForm { expected, found: "ok", span });
        }
    }

    /// A field that one of the actions knows, with a text that is of its type.
    fn field(&mut self, field: &Placed<String>, text: &str, actions: &[&Action]) {
        let types = |action: &&'_ Action| [action.before.clone(), action.result.clone()];
        let of_field = |ty: &Type| ty.field_names().contains(&field.value.as_str());
        let known: Vec<Type> = actions.iter().flat_map(types).filter(of_field).collect();
        if known.is_empty() {
            let fields = actions.iter().flat_map(|action| action.result.field_names()).collect();
            return self.one_of("field", field, fields);
        }
        let said = vec![(field.value.clone(), text.to_string())];
        let mut read = known.iter().map(|ty| typed(Phase::Check, &said, ty));
        if read.clone().all(|read| read.is_err())
            && let Some(Err(StepError::Field { error, .. })) = read.next()
        {
            let reason = format!("`{}` does not fit: {error}", field.value);
            self.errors.push(InventoryError::Unfit { reason, span: field.span });
        }
    }

    /// Codes of more than a byte are those of Windows.
    fn exit(&mut self, placed: &PlacedRule) {
        let hosts = &self.planned.inventory.hosts;
        let can_be = || hosts.values().any(|host| host.os == Some(Os::Windows) && fits(&placed.rule.host, &host.name));
        if let (Some(code @ 256..), Some(span)) = (placed.rule.said.exit, placed.exit)
            && !can_be()
        {
            let reason = format!("expected an exit code from 0 to 255, found {code}");
            self.errors.push(InventoryError::Unfit { reason, span });
        }
    }

    fn happening(&mut self, step: &Placed<String>) {
        const OTHERS: [&str; 3] = ["require", "skip if", "if"];
        let plan = &self.planned.plan;
        let blocks = plan.blocks.values().map(|block| block.name.as_str());
        let known: Vec<&str> = plan.steps.values().map(|step| step.name.as_str()).chain(OTHERS).chain(blocks).collect();
        self.one_of("step", step, known);
    }

    fn host(&mut self, name: &str, span: Span) {
        let inventory = &self.planned.inventory;
        let known: Vec<&str> = inventory.hosts.values().map(|host| host.name.as_str()).chain(["controller"]).collect();
        let name = Placed { value: name.to_string(), span };
        self.one_of("host", &name, known);
    }

    /// A pattern means hosts of the run, of which there must be one; a name may be that of any host.
    fn host_of_run(&mut self, host: &Placed<String>) {
        let Planned { plan, inventory, .. } = self.planned;
        let decided_later = |block: &Block| matches!(block.hosts, BlockHosts::Pending { .. });
        if !host.value.contains(['*', '?']) || plan.blocks.values().any(decided_later) {
            return self.host(&host.value, host.span);
        }
        let of_run = plan.hosts.iter().map(|id| inventory.hosts.at(*id).name.as_str());
        self.one_of("host", host, of_run.chain(["controller"]).collect());
    }

    fn one_of(&mut self, key: &'static str, name: &Placed<String>, known: Vec<&str>) {
        if known.iter().any(|known| fits(&name.value, known)) {
            return;
        }
        let known = known.into_iter().map(str::to_string).collect();
        self.errors.push(InventoryError::NotOneOf { key, known, found: name.value.clone(), span: name.span });
    }
}

/// Whether all steps of these names change something: those that only read end as ok.
fn of_changes(planned: &Planned, pattern: &str) -> bool {
    let steps = planned.plan.steps.values().filter(|step| fits(pattern, &step.name));
    steps.into_iter().all(|step| step.row.level != Level::Read)
}

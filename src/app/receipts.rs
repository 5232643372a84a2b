//! Steps of a run that nobody saw the end of: their hosts are asked before another run goes on with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::errors::AppError;
use super::execution::runtime;
use super::going_on::Ended;
use super::planning::Planned;
use super::running::{ConnectOptions, endpoints};
use super::side_by_side::side_by_side;
use crate::base::ids::HostId;
use crate::hir::world::Inventory;
use crate::run::earlier::{Earlier, Left, State};
use crate::run::ports::{Connector, LiveConnector};
use crate::run::receipts::{BRIEFLY, Known, known};
use crate::shell::receipt;
use crate::state::{Journal, Receipt};

/// How many hosts are asked at once.
const FORKS: usize = 32;

/// Why a host did not settle how a step ended, by host and step.
pub type Unsettled = BTreeMap<(String, String), String>;

/// A step of which the host may know.
struct Open {
    host: String,
    step: String,
    receipt: Receipt,
    ran_out: bool,
}

/// Whether some host keeps a receipt of what is not known.
pub fn can_be_asked(earlier: &Earlier) -> bool {
    !open_steps(earlier).is_empty()
}

/// Asks the hosts. What they know of is taken up by the next run; what never began is written down so.
pub fn ask_hosts(
    (journal, ended): (&Journal, &Ended),
    planned: &Planned,
    options: &ConnectOptions,
    earlier: &mut Earlier,
) -> Result<Unsettled, AppError> {
    let open = open_steps(earlier);
    let answers = ask_all(&planned.inventory, &open, options)?;
    let mut unsettled = Unsettled::new();
    for (open, answer) in open.into_iter().zip(answers) {
        let Open { host, step, receipt, ran_out } = open;
        match answer {
            Ok(Known::Finished) => earlier.keep(&host, &step, false),
            Ok(Known::Running) => earlier.keep(&host, &step, true),
            Ok(Known::NeverBegan) => {
                let said = format!("{} has no receipt of it", receipt.machine);
                ended.write_down_not_begun(journal, (&step, &host), &said)?;
                earlier.never_began(&host, &step);
            }
            Ok(Known::Told | Known::Lost) if ran_out => {
                let why = "it was ended before it was over, and what of it was done by then is not known";
                unsettled.insert((host, step), why.to_string());
            }
            Ok(Known::Told) => {
                let why = format!("{} has told its end to somebody, and this journal lacks it", receipt.machine);
                unsettled.insert((host, step), why);
            }
            Ok(Known::Lost) => {
                let why = format!("its process on {} is gone without a word", receipt.machine);
                unsettled.insert((host, step), why);
            }
            Err(why) => {
                unsettled.insert((host, step), why);
            }
        }
    }
    Ok(unsettled)
}

fn open_steps(earlier: &Earlier) -> Vec<Open> {
    let all = earlier.all().filter(|(_, _, left)| left.state == State::Unknown);
    let open = |(host, step, left): (&str, &str, &Left)| {
        let (receipt, ran_out) = (left.receipt.clone()?, left.ran_out);
        Some(Open { host: host.to_string(), step: step.to_string(), receipt, ran_out })
    };
    all.filter_map(open).collect()
}

/// The answers in the order of the steps.
fn ask_all(
    inventory: &Inventory,
    open: &[Open],
    options: &ConnectOptions,
) -> Result<Vec<Result<Known, String>>, AppError> {
    let machine = |open: &Open| inventory.hosts.iter().find(|(_, host)| host.name == open.receipt.machine);
    let machines: Vec<Option<HostId>> = open.iter().map(|open| machine(open).map(|(id, _)| id)).collect();
    let distinct: Vec<HostId> = machines.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let wires =
        Arc::new(LiveConnector { endpoints: endpoints(inventory, distinct.iter().copied(), options), backlog: None });
    let answers = runtime()?.block_on(side_by_side(&distinct, FORKS, |machine| {
        let kept = machines.iter().zip(open).filter(|(at, _)| **at == Some(machine));
        let receipts: Vec<Receipt> = kept.map(|(_, open)| open.receipt.clone()).collect();
        let wires = Arc::clone(&wires);
        async move { ask(wires.as_ref(), machine, &receipts).await }
    }));
    let mut answers: BTreeMap<HostId, VecDeque<Result<Known, String>>> =
        answers.into_iter().map(|(machine, answers)| (machine, answers.into())).collect();
    let mut answer = |machine: Option<HostId>| answers.get_mut(&machine?)?.pop_front();
    let answer = |(machine, open): (Option<HostId>, &Open)| {
        answer(machine).unwrap_or_else(|| Err(format!("{} is no longer in the inventory", open.receipt.machine)))
    };
    Ok(machines.into_iter().zip(open).map(answer).collect())
}

async fn ask(wires: &LiveConnector, machine: HostId, receipts: &[Receipt]) -> Vec<Result<Known, String>> {
    let mut wire = match wires.connect(machine).await {
        Ok(wire) => wire,
        Err(error) => return receipts.iter().map(|_| Err(error.to_string())).collect(),
    };
    let mut answers = Vec::new();
    for receipt in receipts {
        let program = receipt::ask(wire.language(), &receipt.id);
        let asked = wire.run(receipt.user.as_deref(), &program, BRIEFLY, &mut |_, _| {}).await;
        answers.push(asked.map(|asked| known(&asked, receipt)).map_err(|error| error.to_string()));
    }
    wire.close().await;
    answers
}

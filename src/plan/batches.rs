//! Batch sizes and the batch table they give for a list of hosts.

use super::errors::PlanError;
use super::model::BatchSize;
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::eval::fits::{Misfit, kind_name};
use crate::hir::value::Value;

/// `2`, `25%` or `[1, 10%, 25%]` as sizes.
pub fn sizes(value: &Value, span: Span) -> Result<Vec<BatchSize>, PlanError> {
    match value {
        Value::List(items) if !items.is_empty() => items.iter().map(|item| size(item, span)).collect(),
        other => Ok(vec![size(other, span)?]),
    }
}

fn size(value: &Value, span: Span) -> Result<BatchSize, PlanError> {
    let refuse = |misfit| PlanError::BadOption { what: "`batch`", misfit, span };
    let out_of_range = |range: &str| Misfit::OutOfRange { range: range.to_string(), found: value.literal() };
    match value {
        Value::Int(count) => match usize::try_from(*count) {
            Ok(count) if count > 0 => Ok(BatchSize::Count(count)),
            _ => Err(refuse(out_of_range("at least 1 host"))),
        },
        Value::Percent(percent) if *percent > 0.0 && *percent <= 100.0 => Ok(BatchSize::Percent(*percent)),
        Value::Percent(_) => Err(refuse(out_of_range("more than 0% and at most 100%"))),
        other => Err(refuse(Misfit::WrongType {
            expected: "a count, a percent or a list of both".to_string(),
            found: kind_name(other).to_string(),
        })),
    }
}

/// The batches of these hosts, in order. Percentages are of all hosts, rounded down, at least one host. Where two hosts
/// have one value in `spread`, the later one waits for a later batch.
pub fn table(hosts: &[HostId], sizes: &[BatchSize], spread: &[(HostId, Value)]) -> Vec<Vec<HostId>> {
    let mut rest = hosts.to_vec();
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let wanted = match sizes.get(batches.len()).or(sizes.last()) {
            None => rest.len(),
            Some(BatchSize::Count(count)) => *count,
            Some(BatchSize::Percent(percent)) => ((hosts.len() as f64 * percent / 100.0) as usize).max(1),
        };
        let (batch, after) = take(rest, wanted.max(1), spread);
        batches.push(batch);
        rest = after;
    }
    batches
}

/// The first hosts that may be together, and the others.
fn take(hosts: Vec<HostId>, wanted: usize, spread: &[(HostId, Value)]) -> (Vec<HostId>, Vec<HostId>) {
    let (mut batch, mut after, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for host in hosts {
        let value = spread.iter().find(|(of, _)| *of == host).map(|(_, value)| value);
        if batch.len() == wanted || value.is_some_and(|value| seen.contains(&value)) {
            after.push(host);
        } else {
            batch.push(host);
            seen.extend(value);
        }
    }
    (batch, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Id;

    fn counts(hosts: usize, sizes: &[BatchSize]) -> Vec<usize> {
        let hosts: Vec<HostId> = (0..hosts).map(HostId::from_index).collect();
        table(&hosts, sizes, &[]).iter().map(Vec::len).collect()
    }

    #[test]
    fn the_last_size_repeats_and_percentages_are_of_all_hosts() {
        assert_eq!(counts(5, &[]), [5]);
        assert_eq!(counts(5, &[BatchSize::Count(2)]), [2, 2, 1]);
        assert_eq!(
            counts(40, &[BatchSize::Count(1), BatchSize::Percent(10.0), BatchSize::Percent(25.0)]),
            [1, 4, 10, 10, 10, 5]
        );
        assert_eq!(counts(3, &[BatchSize::Percent(10.0)]), [1, 1, 1]);
        assert_eq!(counts(0, &[BatchSize::Count(1)]), [0; 0]);
    }

    #[test]
    fn hosts_of_one_value_are_never_together() {
        let hosts: Vec<HostId> = (0..6).map(HostId::from_index).collect();
        let spread: Vec<(HostId, Value)> = [(0, "a"), (1, "a"), (2, "b"), (3, "a")]
            .map(|(host, value)| (HostId::from_index(host), Value::string(value)))
            .to_vec();
        let numbers = |sizes: &[BatchSize]| -> Vec<Vec<usize>> {
            table(&hosts, sizes, &spread).iter().map(|batch| batch.iter().map(|host| host.index()).collect()).collect()
        };
        assert_eq!(numbers(&[]), [vec![0, 2, 4, 5], vec![1], vec![3]]);
        assert_eq!(numbers(&[BatchSize::Count(2)]), [vec![0, 2], vec![1, 4], vec![3, 5]]);
        assert_eq!(numbers(&[BatchSize::Count(1)]), [vec![0], vec![1], vec![2], vec![3], vec![4], vec![5]]);
    }
}

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

/// The batches of these hosts, in order. Percentages are of all hosts, rounded down, at least one host.
pub fn table(hosts: &[HostId], sizes: &[BatchSize]) -> Vec<Vec<HostId>> {
    let mut rest = hosts;
    let mut batches = Vec::new();
    let mut index = 0;
    while !rest.is_empty() {
        let wanted = match sizes.get(index).or(sizes.last()) {
            None => rest.len(),
            Some(BatchSize::Count(count)) => *count,
            Some(BatchSize::Percent(percent)) => ((hosts.len() as f64 * percent / 100.0) as usize).max(1),
        };
        let (batch, after) = rest.split_at(wanted.clamp(1, rest.len()));
        batches.push(batch.to_vec());
        rest = after;
        index += 1;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Id;

    fn counts(hosts: usize, sizes: &[BatchSize]) -> Vec<usize> {
        let hosts: Vec<HostId> = (0..hosts).map(HostId::from_index).collect();
        table(&hosts, sizes).iter().map(Vec::len).collect()
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
}

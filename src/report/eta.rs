//! How much longer a run may take: as much as earlier runs of its size took from the same place on. From fewer than three
//! of them nothing is said, and nothing is made up.

use crate::state::Pace;

/// Earlier runs that it takes to say anything.
const FEWEST: usize = 3;

/// What is left, by earlier runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Left {
    /// Milliseconds.
    Between(u64, u64),
    /// Each of so many earlier runs was over by now.
    Longer(usize),
}

/// After so many finished steps, and so long after the last of them.
pub fn left(paces: &[Pace], finished: usize, waited: u64) -> Option<Left> {
    if paces.len() < FEWEST {
        return None;
    }
    let left = |pace: &Pace| {
        let reached = match finished.checked_sub(1) {
            None => 0,
            Some(last) => pace.steps.get(last).copied().unwrap_or(pace.total),
        };
        pace.total.saturating_sub(reached).saturating_sub(waited)
    };
    let (least, most) = (paces.iter().map(left).min()?, paces.iter().map(left).max()?);
    Some(if most == 0 { Left::Longer(paces.len()) } else { Left::Between(least, most) })
}

/// `about 2 to 4 min left`, in the unit that the longer time is read in.
pub fn left_text(left: &Left) -> String {
    let (least, most) = match left {
        Left::Longer(runs) => return format!("longer than the last {runs} runs"),
        Left::Between(least, most) => (*least, *most),
    };
    // What is known is no finer than that.
    let (unit, size, step) = match most {
        0..20_000 => ("s", 1000, 1),
        20_000..90_000 => ("s", 1000, 5),
        90_000..5_400_000 => ("min", 60_000, 1),
        _ => ("h", 3_600_000, 1),
    };
    match (least / (size * step) * step, most.div_ceil(size * step) * step) {
        (0, most) => format!("up to {most} {unit} left"),
        (least, most) if least == most => format!("about {most} {unit} left"),
        (least, most) => format!("about {least} to {most} {unit} left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(steps: &[u64], total: u64) -> Pace {
        Pace { steps: steps.to_vec(), total }
    }

    #[test]
    fn what_is_left_is_what_was_left_then() {
        let paces =
            [pace(&[10_000, 70_000], 130_000), pace(&[20_000, 60_000], 300_000), pace(&[5_000, 9_000], 150_000)];
        assert_eq!(left(&paces[..2], 1, 0), None, "two runs are not enough");
        assert_eq!(left(&paces, 0, 0), Some(Left::Between(130_000, 300_000)));
        assert_eq!(left(&paces, 1, 5_000), Some(Left::Between(115_000, 275_000)));
        assert_eq!(left(&paces, 2, 0), Some(Left::Between(60_000, 240_000)));
        assert_eq!(left(&paces, 2, 500_000), Some(Left::Longer(3)));
        assert_eq!(left(&paces, 9, 0), Some(Left::Longer(3)), "more steps than any of them had");
    }

    #[test]
    fn times_are_as_coarse_as_they_are_sure() {
        assert_eq!(left_text(&Left::Between(115_000, 235_000)), "about 1 to 4 min left");
        assert_eq!(left_text(&Left::Between(23_000, 80_100)), "about 20 to 85 s left");
        assert_eq!(left_text(&Left::Between(500, 2_000)), "up to 2 s left");
        assert_eq!(left_text(&Left::Between(7_200_000, 7_200_000)), "about 2 h left");
        assert_eq!(left_text(&Left::Longer(5)), "longer than the last 5 runs");
    }
}

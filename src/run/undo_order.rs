//! In which order a host's steps are undone. Knows nothing of what a step does.

/// The last first, with one exception: what is `repeatable` makes something else take effect (a restart, a reload), so
/// undoing it must come after the others are undone, or a service would go on with what is no longer there. It does
/// not pass an earlier step that `overlaps` it, which will put the same thing back to where it was before.
pub fn undo_order(
    steps: usize,
    repeatable: impl Fn(usize) -> bool,
    overlaps: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..steps).rev().collect();
    for step in (0..steps).filter(|step| repeatable(*step)) {
        let Some(from) = order.iter().position(|other| *other == step) else { continue };
        order.remove(from);
        let stays_before = |other: &usize| *other < step && overlaps(*other, step);
        let to = order.iter().skip(from).position(stays_before).map_or(order.len(), |distance| from + distance);
        order.insert(to, step);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::undo_order;

    /// `file` and `x` are ordinary steps, `RESTART` is repeatable; `x` is of the same service.
    fn order(steps: &[&str]) -> String {
        let is_restart = |step: usize| steps.get(step).is_some_and(|name| name.starts_with("RESTART"));
        let of_service = |step: usize| steps.get(step).is_some_and(|name| *name == "x" || name.starts_with("RESTART"));
        let found = undo_order(steps.len(), is_restart, |left, right| of_service(left) && of_service(right));
        found.iter().filter_map(|step| steps.get(*step).copied()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_restart_is_undone_when_its_files_are() {
        let cases = [
            ("a b c", "c b a"),
            ("a RESTART", "a RESTART"),
            ("a b RESTART c", "c b a RESTART"),
            ("RESTART a", "a RESTART"),
            ("x a RESTART", "a RESTART x"),
            ("a x RESTART b", "b RESTART x a"),
            ("a RESTART1 b RESTART2", "b a RESTART2 RESTART1"),
            ("", ""),
        ];
        for (steps, expected) in cases {
            assert_eq!(order(&steps.split_whitespace().collect::<Vec<_>>()), expected, "{steps}");
        }
    }
}

//! In which order a host's steps are undone. Knows nothing of what a step does.

/// What decides about the order; steps are numbered as they ran.
pub struct Rules<R, E, O> {
    /// Makes something else take effect: a restart, a reload.
    pub repeatable: R,
    /// Done on another machine on this host's behalf: taken out of a balancer, an alert silenced.
    pub elsewhere: E,
    /// Whether an earlier step and a later one touch the same thing.
    pub overlaps: O,
}

/// The last first, with two exceptions. What is `repeatable` is undone after the others, or a service would go on with
/// what is no longer there; it does not pass an earlier step that `overlaps` it, which will put the same thing back to
/// where it was before. And what it passes of things done `elsewhere` is undone behind it: a server goes back into its
/// balancer when it runs as it did before.
pub fn undo_order<R, E, O>(steps: usize, rules: &Rules<R, E, O>) -> Vec<usize>
where
    R: Fn(usize) -> bool,
    E: Fn(usize) -> bool,
    O: Fn(usize, usize) -> bool,
{
    let mut order: Vec<usize> = (0..steps).rev().collect();
    for step in (0..steps).filter(|step| (rules.repeatable)(*step)) {
        let Some(from) = order.iter().position(|other| *other == step) else { continue };
        let rest = order.split_off(from);
        let later = rest.get(1..).unwrap_or_default();
        let stays_before = |other: &usize| *other < step && (rules.overlaps)(*other, step);
        let (passed, kept) = later.split_at(later.iter().position(stays_before).unwrap_or(later.len()));
        let waits = |other: &usize| (rules.elsewhere)(*other) && !is_needed_by_another(*other, passed, rules);
        order.extend(passed.iter().filter(|other| !waits(other)));
        order.push(step);
        order.extend(passed.iter().filter(|other| waits(other)));
        order.extend(kept);
    }
    order
}

/// An earlier step among these touches the same thing, so it is undone after this one.
fn is_needed_by_another<R, E, O>(step: usize, steps: &[usize], rules: &Rules<R, E, O>) -> bool
where
    E: Fn(usize) -> bool,
    O: Fn(usize, usize) -> bool,
{
    steps.iter().any(|other| *other < step && !(rules.elsewhere)(*other) && (rules.overlaps)(*other, step))
}

#[cfg(test)]
mod tests {
    use super::{Rules, undo_order};

    /// `RESTART` is repeatable, `x` is of the same service; `@…` is elsewhere, and `@x` touches what `x` does.
    fn order(steps: &[&str]) -> String {
        let is_restart = |step: usize| steps.get(step).is_some_and(|name| name.starts_with("RESTART"));
        let of_service = |step: usize| {
            steps.get(step).is_some_and(|name| name.trim_start_matches('@') == "x" || name.starts_with("RESTART"))
        };
        let rules = Rules {
            repeatable: is_restart,
            elsewhere: |step: usize| steps.get(step).is_some_and(|name| name.starts_with('@')),
            overlaps: |left, right| of_service(left) && of_service(right),
        };
        let found = undo_order(steps.len(), &rules);
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
            ("@drain a RESTART", "a RESTART @drain"),
            ("a @drain RESTART @ready", "@ready a RESTART @drain"),
            ("@silence @drain a RESTART b", "b a RESTART @drain @silence"),
            ("@a b", "b @a"),
            ("@drain x RESTART", "RESTART x @drain"),
        ];
        for (steps, expected) in cases {
            assert_eq!(order(&steps.split_whitespace().collect::<Vec<_>>()), expected, "{steps}");
        }
    }
}

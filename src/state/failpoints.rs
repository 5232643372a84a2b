//! Death at a commit, for tests: a build with the feature `failpoints` kills itself just before or just after the nth
//! commit of a named transition. Any other build has nothing of it but the call.
//!
//! `OPSC_FAILPOINT="apply.changed after 2"` says where; `OPSC_FAILPOINTS_SEEN=FILE` gets the name of each that is passed.

use super::transitions::Transition;

/// Commits, and dies there if that was asked for.
#[cfg(not(feature = "failpoints"))]
pub(super) fn around<T>(_passed: impl FnOnce() -> Vec<Transition>, commit: impl FnOnce() -> T) -> T {
    commit()
}

#[cfg(feature = "failpoints")]
pub(super) use armed::around;

#[cfg(feature = "failpoints")]
mod armed {
    use std::io::Write;
    use std::process::Command;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Transition;

    struct Failpoint {
        name: String,
        before: bool,
        nth: usize,
    }

    /// How often the transition that is waited for was committed or about to be.
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    pub(in crate::state) fn around<T>(passed: impl FnOnce() -> Vec<Transition>, commit: impl FnOnce() -> T) -> T {
        let passed = passed();
        let dies = point().filter(|point| is_reached(point, &passed));
        if dies.is_some_and(|point| point.before) {
            die();
        }
        let committed = commit();
        note(&passed);
        if dies.is_some() {
            die();
        }
        committed
    }

    fn point() -> Option<&'static Failpoint> {
        static POINT: OnceLock<Option<Failpoint>> = OnceLock::new();
        POINT.get_or_init(|| parse_point(&std::env::var("OPSC_FAILPOINT").ok()?)).as_ref()
    }

    /// A text that names no point is taken for one that is never reached.
    fn parse_point(text: &str) -> Option<Failpoint> {
        let mut words = text.split(' ');
        let (name, side, nth) = (words.next()?, words.next()?, words.next()?);
        Some(Failpoint { name: name.to_string(), before: side == "before", nth: nth.parse().ok()? })
    }

    fn is_reached(point: &Failpoint, passed: &[Transition]) -> bool {
        let here = passed.iter().filter(|transition| transition.name() == point.name).count();
        let earlier = PASSED.fetch_add(here, Ordering::SeqCst);
        (earlier + 1..=earlier + here).contains(&point.nth)
    }

    fn note(passed: &[Transition]) {
        let Some(path) = std::env::var_os("OPSC_FAILPOINTS_SEEN") else { return };
        let text: String = passed.iter().map(|transition| format!("{}\n", transition.name())).collect();
        let appended = std::fs::File::options().create(true).append(true).open(path);
        // A test that counts points sees that one is missing.
        drop(appended.and_then(|mut file| file.write_all(text.as_bytes())));
    }

    /// As a power cut has it: no destructor, no handler, no buffer.
    fn die() -> ! {
        drop(Command::new("sh").args(["-c", r#"kill -KILL "$PPID""#]).status());
        std::process::abort()
    }
}

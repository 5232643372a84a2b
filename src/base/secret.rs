//! A value that may be used but never shown. No `Display`, no `Serialize`, a `Debug` that hides; its memory is wiped.

use zeroize::{Zeroize, Zeroizing};

/// A secret of type `T`. The only way to the value is [`Secret::expose`], so uses can be searched for. Where it ends, its
/// memory is overwritten; what a buffer left behind when it grew is not, so secrets are read into buffers of their size.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// The value itself, for the one place that must send it.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be filled.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use zeroize::Zeroize;

    use super::Secret;

    struct Probe(Rc<Cell<u32>>);

    impl Zeroize for Probe {
        fn zeroize(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn debug_hides_the_value() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2".to_string()))), "Some((secret))");
    }

    #[test]
    fn it_is_wiped_where_it_ends_and_not_before() {
        let wiped = Rc::new(Cell::new(0));
        let secret = Secret::new(Probe(Rc::clone(&wiped)));
        let moved = Some(secret);
        assert_eq!(moved.as_ref().map(|secret| secret.expose().0.get()), Some(0));
        drop(moved);
        assert_eq!(wiped.get(), 1);
    }
}

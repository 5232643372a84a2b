//! Typed indices and the vectors they index. Knows nothing of what they point at.

use std::marker::PhantomData;

/// A typed index into an [`IdVec`].
pub trait Id: Copy + Eq + Ord + std::fmt::Debug {
    fn from_index(index: usize) -> Self;
    fn index(self) -> usize;
}

macro_rules! define_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);

        impl Id for $name {
            fn from_index(index: usize) -> Self {
                $name(u32::try_from(index).unwrap_or(u32::MAX))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

define_ids! {
    /// A source text in [`super::source::Sources`].
    FileId,
    /// An action of a `hir::Program`.
    ActionId,
    /// A name bound in one playbook or action: a parameter, `let`, step result or block result.
    BindingId,
    /// A host of a `hir::Inventory`.
    HostId,
    /// A step of one plan.
    StepId,
    /// An `on` block (or the controller's sequence) of one plan.
    BlockId,
    /// An approval of one plan.
    GateId,
}

/// A vector indexed by one kind of id, so that a host cannot be looked up with a step's number.
#[derive(Clone, PartialEq)]
pub struct IdVec<I, T> {
    items: Vec<T>,
    id: PhantomData<I>,
}

impl<I: Id, T> IdVec<I, T> {
    pub fn new() -> Self {
        IdVec { items: Vec::new(), id: PhantomData }
    }

    pub fn push(&mut self, item: T) -> I {
        self.items.push(item);
        I::from_index(self.items.len() - 1)
    }

    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.index())
    }

    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.items.get_mut(id.index())
    }

    /// The item of an id that came from this vector: vectors never shrink, so it is there.
    #[expect(clippy::indexing_slicing, reason = "an id comes from the vector it indexes; vectors never shrink")]
    pub fn at(&self, id: I) -> &T {
        &self.items[id.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "an id comes from the vector it indexes; vectors never shrink")]
    pub fn at_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.items.iter().enumerate().map(|(index, item)| (I::from_index(index), item))
    }

    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<I: Id, T> Default for IdVec<I, T> {
    fn default() -> Self {
        IdVec::new()
    }
}

impl<I: Id, T> FromIterator<T> for IdVec<I, T> {
    fn from_iter<S: IntoIterator<Item = T>>(items: S) -> Self {
        IdVec { items: items.into_iter().collect(), id: PhantomData }
    }
}

impl<I: Id, T: std::fmt::Debug> std::fmt::Debug for IdVec<I, T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(&self.items).finish()
    }
}

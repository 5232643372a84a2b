//! Patterns of names with wildcards, over letters or bytes.

/// `any` stands for any text, `one` for any one item; the whole text must fit. Linear: the last `any` is the only one
/// tried again.
pub fn matches<T: Copy + Eq>(pattern: &[T], text: &[T], (any, one): (T, T)) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(item) = text.get(read) {
        match (pattern.get(at), star) {
            (Some(expected), _) if *expected == any => {
                star = Some((at + 1, read));
                at += 1;
            }
            (Some(expected), _) if *expected == one || expected == item => {
                at += 1;
                read += 1;
            }
            (_, Some((after_star, taken))) => {
                star = Some((after_star, taken + 1));
                (at, read) = (after_star, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == any)
}

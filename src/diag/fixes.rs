//! Applies the edits that diagnostics offer to a text.

use super::Edit;

/// The text with the edits applied from the end, so that earlier places stay right; of overlapping ones the last wins.
pub fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.span.start, edit.span.end)));
    let mut fixed = text.to_string();
    let mut border = u32::MAX;
    for edit in edits {
        if edit.span.end <= border {
            fixed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
            border = edit.span.start;
        }
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{FileId, Id};
    use crate::base::source::Span;

    #[test]
    fn edits_are_applied_where_they_stood_and_overlapping_ones_wait() {
        let edit = |start, end, text: &str| Edit {
            span: Span { file: FileId::from_index(0), start, end },
            text: text.to_string(),
        };
        let edits = vec![edit(0, 1, "A"), edit(2, 3, "CC"), edit(1, 3, "no")];
        assert_eq!(apply("abcd", edits), "AbCCd");
    }
}

//! Explanations of codes: how a family lists its own, side by side with its errors. Knows no code.

/// The long explanation of one code, with a failing and a fixed example that tests compile.
#[derive(Clone, Copy, Debug)]
pub struct CodeDoc {
    pub code: &'static str,
    pub title: &'static str,
    pub explanation: &'static str,
    /// A whole file that yields this code.
    pub failing: &'static str,
    /// The same file, mended.
    pub fixed: &'static str,
}

/// Defines a family's `CODES`: code, title, explanation, a failing text and the same text mended. An example is a whole
/// file: a program, for codes of the inventory an inventory. Comments in it say which inventory and inputs it needs.
macro_rules! code_docs {
    ($($code:literal $title:literal $explanation:literal $failing:literal => $fixed:literal)*) => {
        pub const CODES: &[crate::diag::CodeDoc] = &[$(crate::diag::CodeDoc {
            code: $code, title: $title, explanation: $explanation, failing: $failing, fixed: $fixed,
        }),*];
    };
}
pub(crate) use code_docs;

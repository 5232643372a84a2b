//! What a saved plan showed, and what would be shown now.

/// A unified diff of the lines; empty where they are the same.
pub fn changed_lines(saved: &[String], now: &[String]) -> String {
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let (saved, now) = (text(saved), text(now));
    similar::TextDiff::from_lines(&saved, &now).unified_diff().header("saved", "now").to_string()
}

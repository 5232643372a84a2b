//! A review as Markdown, for the text of a pull request: a table for each item. Texts of programs are data here and may
//! neither end a cell nor be markup.

use super::diff_text::{line, subject};
use super::paint::harmless;
use super::review::{ChangedItem, Difference, Review, gained_and_lost, topic};
use crate::base::words;
use crate::syntax::changes::ChangeKind;

pub fn diff_markdown(review: &Review) -> String {
    let mut text = format!("## opsc diff {} → {}\n\n", code(&review.from.name), code(&review.to.name));
    if review.items.is_empty() {
        text.push_str(&format!("No difference in {}.\n", words::count(review.files, "file")));
    }
    let items: Vec<String> = review.items.iter().map(item_text).collect();
    text.push_str(&items.join("\n"));
    for file in &review.unreadable {
        let (path, revision) = (code(&file.file), code(&file.revision));
        text.push_str(&format!("\n**{path} cannot be read at {revision}**, so nothing is said of it.\n"));
    }
    text
}

fn item_text(item: &ChangedItem) -> String {
    let was = item.was_in.as_ref().map(|file| format!(", was in {}", code(file))).unwrap_or_default();
    let (what, name, file) = (item.what.word(), code(&item.name), code(&item.file));
    let mut text = format!("### {what} {name} {} in {file}{was}\n", item.kind.word());
    if !item.differences.is_empty() {
        text.push_str("\n| | topic | what | before | after |\n| --- | --- | --- | --- | --- |\n");
        item.differences.iter().for_each(|difference| text.push_str(&row(difference)));
    }
    text
}

fn row(difference: &Difference) -> String {
    let change = &difference.change;
    let (symbol, what) = match change.kind {
        ChangeKind::Added => ("➕", line(change)),
        ChangeKind::Removed => ("➖", line(change)),
        ChangeKind::Changed => ("✏️", subject(change)),
        ChangeKind::Moved => ("↕️", change.path.join(" › ")),
    };
    let side = |text: &Option<String>| text.as_deref().map(code).unwrap_or_default();
    let (before, mut after) = match change.kind {
        ChangeKind::Added | ChangeKind::Removed => (String::new(), String::new()),
        ChangeKind::Changed | ChangeKind::Moved => (side(&change.before), side(&change.after)),
    };
    if let Some(hosts) = &difference.hosts {
        let (gained, lost) = gained_and_lost(hosts);
        for (sign, names) in [("+", gained), ("−", lost)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| code(name)).collect();
                after.push_str(&format!(" {sign} {}", names.join(", ")));
            }
        }
    }
    format!("| {symbol} | {} | {} | {before} | {} |\n", topic(change), code(&what), after.trim())
}

/// Code in a cell: longer fences than any inside, no line breaks, and pipes that do not end the cell.
fn code(text: &str) -> String {
    let text = harmless(text).replace(['\n', '\t'], " ⏎ ").replace('|', "\\|");
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn texts_of_programs_cannot_leave_their_cell() {
        assert_eq!(code("a|b\nc"), "`a\\|b ⏎ c`");
        assert_eq!(code("`` x `"), "``` `` x ` ```");
        assert_eq!(code("\u{1b}[2J"), "`\\u{1b}[2J`");
    }
}

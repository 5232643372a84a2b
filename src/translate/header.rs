//! The comment at the top of a translated file: what was asked, who translated it, what was assumed.

use crate::hir::value::Value;

/// Puts the comment behind the line `ops 1` of a canonical text.
pub fn with_header(source: &str, request: &str, translator: &str, assumptions: &[String]) -> String {
    let mut header = format!(
        "# opsc compile {}\n# translated {}\n",
        Value::string(one_line(request)).literal(),
        one_line(translator)
    );
    for assumption in assumptions {
        header.push_str(&format!("# assumed: {}\n", one_line(assumption)));
    }
    let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
    format!("{first}\n\n{header}\n{}", rest.trim_start_matches('\n'))
}

/// Whatever is in a comment must not leave it.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r', '\u{2028}', '\u{2029}']).collect::<Vec<_>>().join(" ").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_stands_below_the_edition_and_cannot_be_left() {
        let text = with_header("ops 1\n\nplaybook a() {\n}\n", "do\nit", "offline", &["x\r\nplaybook".to_string()]);
        let expected =
            "ops 1\n\n# opsc compile \"do it\"\n# translated offline\n# assumed: x  playbook\n\nplaybook a() {\n}\n";
        assert_eq!(text, expected);
    }
}

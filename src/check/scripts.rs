//! The fields that a body reports by `out`. Reads its text line by line, in any language; runs nothing.

/// A key that a body reports with `out KEY …`.
pub struct Reported {
    pub name: String,
    /// The value is visibly `true` or `false`.
    pub is_bool: bool,
}

/// The keys after `out` at the start of a command.
pub fn reported_keys(text: &str) -> Vec<Reported> {
    let mut keys: Vec<Reported> = Vec::new();
    for line in text.lines() {
        for command in line.split([';', '&', '|', '{', '}']).flat_map(|part| part.split(" then ")) {
            let command = command.trim_start().trim_start_matches("then ").trim_start_matches("else ").trim_start();
            let Some(rest) = command.strip_prefix("out ") else { continue };
            let name: String =
                rest.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            let value = line.split_once(&format!("out {name}")).map_or("", |(_, value)| value);
            let is_bool = value.contains("echo true") || is_true_or_false(value.trim());
            if !name.is_empty() && !keys.iter().any(|key| key.name == name) {
                keys.push(Reported { name, is_bool });
            }
        }
    }
    keys
}

/// `true` of a shell; `$true` and `([bool]…)` of PowerShell.
fn is_true_or_false(value: &str) -> bool {
    matches!(value, "true" | "false" | "$true" | "$false") || value.starts_with("([bool]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_keys_are_found_and_booleans_told() {
        let keys = reported_keys(
            "out exists \"$(test -e x && echo true || echo false)\"\nif a; then out mode \"$m\"; fi\nlogout x\nout a $true\nif ($b) { out b ([bool]$c) }",
        );
        let found: Vec<(String, bool)> = keys.into_iter().map(|key| (key.name, key.is_bool)).collect();
        let expected = [("exists", true), ("mode", false), ("a", true), ("b", true)];
        assert_eq!(found, expected.map(|(name, is_bool)| (name.to_string(), is_bool)));
    }
}

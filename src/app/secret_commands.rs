//! `[secrets.NAME]` of `opsc.toml`: a program that prints a secret. Reads the table; runs nothing.

use toml::de::DeValue;

use super::host_sources::duration;
use crate::secrets::command::CommandSecret;

/// `command = ["pass", "show", "x"]`, and a `timeout`; what is wrong is said in one line.
pub fn read(name: &str, table: &DeValue<'_>) -> Result<CommandSecret, String> {
    let DeValue::Table(keys) = table else {
        return Err(format!("`secrets.{name}` is a table with `command`, found {}", table.type_str()));
    };
    let mut secret = CommandSecret::default();
    for (key, value) in keys {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("command", DeValue::Array(words)) => {
                secret.words = words.iter().map(|word| text(word.get_ref())).collect::<Option<_>>().unwrap_or_default();
            }
            // One text would have to be cut into words, which only a shell could do.
            ("command", _) => {}
            ("timeout", value) => {
                let expected = "a duration such as \"30s\", or seconds, and more than none";
                let timeout = duration(value).filter(|timeout| !timeout.is_zero());
                secret.timeout = timeout.ok_or_else(|| format!("`secrets.{name}.timeout` is {expected}"))?;
            }
            (other, _) => return Err(format!("`secrets.{name}` has `command` and `timeout`, found `{other}`")),
        }
    }
    if secret.words.first().is_none_or(String::is_empty) {
        return Err(format!(
            "`secrets.{name}.command` is a list of words, the program first, such as [\"pass\", \"show\", \"{name}\"]"
        ));
    }
    Ok(secret)
}

fn text(value: &DeValue<'_>) -> Option<String> {
    if let DeValue::String(text) = value { Some(text.to_string()) } else { None }
}

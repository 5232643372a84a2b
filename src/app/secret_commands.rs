//! `[secrets.NAME]` of `opsc.toml`: a program that prints a secret. Reads the table; runs nothing.

use std::time::Duration;

use toml::de::DeValue;

use crate::secrets::command::CommandSecret;

/// `command = ["pass", "show", "x"]`, and `timeout` in seconds; what is wrong is said in one line.
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
            ("timeout", DeValue::Integer(seconds)) => {
                let seconds = seconds.as_str().parse().ok().filter(|seconds| *seconds > 0);
                let seconds = seconds.ok_or_else(|| format!("`secrets.{name}.timeout` is at least 1 (seconds)"))?;
                secret.timeout = Duration::from_secs(seconds);
            }
            ("timeout", _) => return Err(format!("`secrets.{name}.timeout` is a whole number of seconds")),
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

//! Which variables are secrets: by their names, and by what they look like.

use super::findings::Reason;
use super::node::plain;
use crate::hir::value::Value;

/// A value that no inventory should hold. Truth values are none: `ask_password: true`.
pub(in crate::inventory) fn is_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::None | Value::Bool(_) => false,
        Value::List(items) => items.iter().any(|item| is_secret(name, item)),
        Value::Record(fields) => is_secret_name(name) || fields.iter().any(|(field, value)| is_secret(field, value)),
        Value::String(text) => is_secret_name(name) || is_secret_text(text),
        _ => is_secret_name(name),
    }
}

/// `db_password`, `apiToken`, `tls.private_key`; not `password_length`.
pub(in crate::inventory) fn is_secret_name(name: &str) -> bool {
    const LAST: &[&str] =
        &["pass", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "apikey", "credentials"];
    const BEFORE_KEY: &[&str] = &["api", "private", "secret", "access", "encryption", "ssh"];
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = letter.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    let ends = |word: &String| ["password", "passwd", "passwords"].iter().any(|end| word.ends_with(end));
    match words.as_slice() {
        [.., before, key] if key == "key" => BEFORE_KEY.contains(&before.as_str()),
        [.., last] => LAST.contains(&last.as_str()) || ends(last),
        [] => false,
    }
}

/// A key, or an address with a password in it.
fn is_secret_text(text: &str) -> bool {
    let login = |after: &str| {
        let authority = after.split(['/', '?', '#', ' ']).next().unwrap_or(after);
        authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    };
    text.contains("PRIVATE KEY-----")
        || text.match_indices("://").any(|(at, mark)| text.get(at + mark.len()..).is_some_and(login))
        || plain(text.to_string()) == Err(Reason::Vaulted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names_and_looks() {
        let secret =
            ["ansible_password", "ansible_become_pass", "dbPassword", "rootpassword", "api_key", "slack-token"];
        let open =
            ["password_length", "ansible_ssh_private_key_file", "tokens_per_second", "key", "compass", "passage"];
        assert_eq!(secret.map(is_secret_name), [true; 6]);
        assert_eq!(open.map(is_secret_name), [false; 6]);
        let held = Value::Record(vec![(
            "users".into(),
            Value::List(vec![Value::Record(vec![("pwd".into(), Value::Int(1))])]),
        )]);
        assert!(is_secret("x", &held));
        assert!(!is_secret("use_password", &Value::Bool(true)) && is_secret("use_password", &Value::Int(1)));
        assert!(is_secret_text("postgres://app:x@db/app") && !is_secret_text("http://db:80/a@b"));
    }
}

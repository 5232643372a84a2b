//! How a secret is named: `PROVIDER:NAME`. Knows nothing of how any is read.

use super::words;

/// What a reference begins with.
pub const PROVIDERS: [&str; 6] = ["env", "file", "age", "command", "vault", "keyring"];

const FORMS: [&str; 6] =
    ["env:NAME", "file:PATH", "age:FILE/NAME", "command:NAME", "vault:MOUNT/PATH#FIELD", "keyring:SERVICE/USER"];

/// Whether a text says where a secret is, rather than being one.
pub fn is_reference(text: &str) -> bool {
    text.split_once(':').is_some_and(|(provider, name)| PROVIDERS.contains(&provider) && !name.is_empty())
}

/// The service and the user of an entry in a keyring. The last slash divides: a service may be an address, a user has none.
pub fn split_keyring(name: &str) -> Option<(&str, &str)> {
    let (service, user) = name.rsplit_once('/')?;
    // What begins with a dash would be read as an option.
    let is_fine = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.contains(char::is_control);
    (is_fine(service) && is_fine(user)).then_some((service, user))
}

/// All forms, as messages name them.
pub fn forms() -> String {
    words::join_or(&FORMS)
}

/// The same, each as something to write.
pub fn forms_to_write() -> String {
    words::join_or(&FORMS.map(|form| format!("`{form}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_where_a_secret_is() {
        for (text, expected) in
            [("env:X", true), ("vault:a/b#c", true), ("env:", false), ("env", false), ("hunter:2", false), ("", false)]
        {
            assert_eq!(is_reference(text), expected, "{text}");
        }
        assert_eq!(split_keyring("db/admin"), Some(("db", "admin")));
        assert_eq!(split_keyring("https://db.example/x/admin"), Some(("https://db.example/x", "admin")));
        for bad in ["db", "/admin", "db/", "-s/admin", "db/-w", "db/a\nb", ""] {
            assert_eq!(split_keyring(bad), None, "{bad:?}");
        }
        assert!(forms().starts_with("env:NAME, file:PATH, ") && forms().ends_with(" or keyring:SERVICE/USER"));
    }
}

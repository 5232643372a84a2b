//! How a secret is named: `PROVIDER:NAME`. Knows nothing of how any is read.

use super::words;

/// What a reference begins with.
pub const PROVIDERS: [&str; 6] = ["env", "file", "age", "command", "vault", "keyring"];

/// In the order of the providers.
const FORMS: [&str; 6] =
    ["env:NAME", "file:PATH", "age:FILE/NAME", "command:NAME", "vault:MOUNT/PATH#FIELD", "keyring:SERVICE/USER"];

/// Whether a text says where a secret is, rather than being one.
pub fn is_reference(text: &str) -> bool {
    text.split_once(':').is_some_and(|(provider, name)| match provider {
        "env" => is_variable(name),
        "age" => name.split_once('/').is_some_and(|(file, name)| !file.is_empty() && !name.is_empty()),
        "vault" => split_vault(name).is_some(),
        "keyring" => split_keyring(name).is_some(),
        provider => PROVIDERS.contains(&provider) && !name.is_empty(),
    })
}

/// The form that a text should have which begins like a reference.
pub fn form_of(text: &str) -> Option<&'static str> {
    let (provider, _) = text.split_once(':')?;
    PROVIDERS.iter().zip(FORMS).find(|(known, _)| **known == provider).map(|(_, form)| form)
}

/// What a variable of the environment may be called.
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The path of `MOUNT/PATH#FIELD`, every part of which has letters, and the field.
pub fn split_vault(name: &str) -> Option<(&str, &str)> {
    let (path, field) = name.split_once('#')?;
    let is_part = |part: &str| !["", ".", ".."].contains(&part);
    let is_whole = path.contains('/') && path.split('/').all(is_part) && !field.is_empty();
    (is_whole && !name.contains(char::is_control)).then_some((path, field))
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
        let places = ["env:X", "file:~/x", "age:f/n", "command:c", "vault:a/b#c", "keyring:s/u"];
        let others = ["env:", "env:a b", "env", "file:", "age:n", "vault:x", "vault:a#b", "keyring:s", "hunter:2", ""];
        assert!(places.iter().all(|text| is_reference(text)));
        assert_eq!(others.iter().find(|text| is_reference(text)), None);
        assert_eq!(form_of("vault:x"), Some("vault:MOUNT/PATH#FIELD"));
        assert_eq!(form_of("hunter:2"), None);
        assert_eq!(split_keyring("db/admin"), Some(("db", "admin")));
        assert_eq!(split_keyring("https://db.example/x/admin"), Some(("https://db.example/x", "admin")));
        for bad in ["db", "/admin", "db/", "-s/admin", "db/-w", "db/a\nb", ""] {
            assert_eq!(split_keyring(bad), None, "{bad:?}");
        }
        assert!(forms().starts_with("env:NAME, file:PATH, ") && forms().ends_with(" or keyring:SERVICE/USER"));
    }
}

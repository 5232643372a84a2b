//! The commands that start a lane as another user, and what their prompts mean. Knows nothing of the bytes' way.

use super::endpoint::AdminMethod;
use super::error::TransportError;
use crate::shell::error::ShellError;
use crate::shell::lane::command_line;

/// How a command asks for a password on stderr.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Prompt {
    pub(super) method: &'static str,
    /// Exactly these bytes are the question.
    pub(super) token: String,
}

/// A command as words, and how it may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Elevated {
    pub(super) words: Vec<String>,
    pub(super) prompt: Option<Prompt>,
}

/// `words` as `user` through `method`. `nonce` makes sudo's question unmistakable; without one it asks nothing.
pub(super) fn elevate(
    method: AdminMethod,
    user: &str,
    words: &[String],
    nonce: Option<&str>,
) -> Result<Option<Elevated>, ShellError> {
    let token = match method {
        AdminMethod::Sudo => nonce.map(|nonce| format!("[opsc:{nonce}] ")).unwrap_or_default(),
        AdminMethod::Su => "Password: ".to_owned(),
        AdminMethod::Doas => String::new(),
        AdminMethod::None => return Ok(None),
    };
    // A name that looks like an option is not a user.
    if user.is_empty() || user.starts_with('-') {
        return Ok(None);
    }
    let front: Vec<&str> = match method {
        AdminMethod::Sudo if token.is_empty() => vec!["sudo", "-H", "-n", "-u", user, "--"],
        AdminMethod::Sudo => vec!["sudo", "-H", "-S", "-p", &token, "-u", user, "--"],
        AdminMethod::Doas => vec!["doas", "-n", "-u", user, "--"],
        AdminMethod::Su | AdminMethod::None => {
            let shell = words.first().map_or("/bin/sh", String::as_str);
            let line = command_line(words)?;
            let words = ["env", "LC_ALL=C", "su", "-s", shell, user, "-c", &format!("exec {line}")];
            return Ok(Some(Elevated {
                words: words.map(str::to_owned).to_vec(),
                prompt: Some(Prompt { method: "su", token }),
            }));
        }
    };
    let all = front.into_iter().map(str::to_owned).chain(words.iter().cloned()).collect();
    Ok(Some(Elevated { words: all, prompt: Some(Prompt { method: method.name(), token }) }))
}

/// What the end of such a command before the hello means.
pub(super) fn explain(host: &str, user: &str, method: &'static str, code: Option<i32>, said: &str) -> TransportError {
    let (host, user) = (host.to_owned(), user.to_owned());
    if code == Some(127) {
        return TransportError::PrivilegeMissing { host, method };
    }
    if said.contains("incorrect password") || said.contains("Authentication failure") {
        return TransportError::PrivilegePasswordWrong { host, method, user };
    }
    if said.contains("password is required") || said.contains("Authorization required") {
        return TransportError::PrivilegePasswordNeeded { host, method, user };
    }
    TransportError::PrivilegeDenied { host, method, user, said: said.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::{AdminMethod, elevate, explain};
    use crate::transport::TransportError;

    fn words(method: AdminMethod, user: &str) -> Option<Vec<String>> {
        let command = ["/bin/sh", "-c", "echo it's"].map(str::to_owned);
        elevate(method, user, &command, Some("ab")).unwrap().map(|elevated| elevated.words)
    }

    #[test]
    fn the_methods_have_their_words() {
        assert_eq!(
            words(AdminMethod::Sudo, "root").unwrap(),
            ["sudo", "-H", "-S", "-p", "[opsc:ab] ", "-u", "root", "--", "/bin/sh", "-c", "echo it's"]
        );
        assert_eq!(words(AdminMethod::Doas, "app").unwrap().get(..5).unwrap(), ["doas", "-n", "-u", "app", "--"]);
        let su = words(AdminMethod::Su, "root").unwrap();
        assert_eq!(su.last().unwrap(), r"exec '/bin/sh' '-c' 'echo it'\''s'");
        assert_eq!(words(AdminMethod::None, "root"), None);
        assert_eq!(words(AdminMethod::Sudo, "-i"), None);
    }

    #[test]
    fn endings_are_told_apart() {
        let explained = |code, said| explain("web1", "root", "sudo", Some(code), said);
        assert!(matches!(explained(127, "sh: sudo: not found"), TransportError::PrivilegeMissing { .. }));
        assert!(matches!(explained(1, "sudo: a password is required"), TransportError::PrivilegePasswordNeeded { .. }));
        assert!(matches!(
            explained(1, "sudo: 1 incorrect password attempt"),
            TransportError::PrivilegePasswordWrong { .. }
        ));
        assert!(matches!(explained(1, "ann is not in the sudoers file"), TransportError::PrivilegeDenied { .. }));
    }
}

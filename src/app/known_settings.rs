//! Everything that can be set outside the command line, with its variable, its kind and its default. Reads nothing.

/// One thing that can be set.
pub struct Known {
    pub key: &'static str,
    /// The variable that sets it; flags read the same one.
    pub variable: &'static str,
    pub(super) kind: Kind,
    pub default: &'static str,
    pub about: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Relative to the folder of the file that says it.
    Path,
    /// The same, or `none`.
    PathOrNone,
    /// One of these words, the loosest first.
    OneOf(&'static [&'static str]),
    /// At least one.
    Count,
    /// `30s`; a number alone is seconds.
    Time,
    /// Where a secret is, as in `secret("…")`.
    Reference,
}

/// Off and on.
const SWITCH: Kind = Kind::OneOf(&["no", "yes"]);

const fn known(
    key: &'static str,
    variable: &'static str,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Known {
    Known { key, variable, kind, default, about }
}

/// Where the identity lies, if nothing else is said.
/// `~/.config` stands for `$XDG_CONFIG_HOME`.
pub(super) const IDENTITY: &str = "~/.config/opsc/identity";

/// Every setting there is, in the order in which they are shown.
pub const KNOWN: &[Known] = &[
    known("inventory", "OPSC_INVENTORY", Kind::Path, "", "inventory file or folder"),
    known("user", "OPSC_USER", Kind::Text, "", "login user"),
    known("private_key", "OPSC_PRIVATE_KEY", Kind::Path, "", "private key file"),
    known(
        "private_key_passphrase",
        "OPSC_PRIVATE_KEY_PASSPHRASE",
        Kind::Reference,
        "",
        "where the passphrase of private keys is, such as age:ssh/key",
    ),
    known(
        "ssh_config",
        "OPSC_SSH_CONFIG",
        Kind::PathOrNone,
        "",
        "configuration of ssh, or none; ~/.ssh/config and that of the system without it",
    ),
    known(
        "ssh_config_exec",
        "OPSC_SSH_CONFIG_EXEC",
        SWITCH,
        "no",
        "whether `Match exec` of ssh's configuration runs programs",
    ),
    known(
        "identity",
        "OPSC_IDENTITY",
        Kind::Path,
        IDENTITY,
        "the file (0600) whose key opens encrypted files of secrets",
    ),
    known("vault.address", "VAULT_ADDR", Kind::Text, "", "a server of Vault or OpenBao, such as https://vault:8200"),
    known("vault.namespace", "VAULT_NAMESPACE", Kind::Text, "", "the namespace of its secrets"),
    known(
        "vault.token_file",
        "OPSC_VAULT_TOKEN_FILE",
        Kind::Path,
        "~/.vault-token",
        "the file (0600) with the token, where VAULT_TOKEN is not set",
    ),
    known("vault.ca_file", "VAULT_CACERT", Kind::Path, "", "certificates (PEM) that sign the server's"),
    known(
        "vault.plain_http",
        "OPSC_VAULT_PLAIN_HTTP",
        SWITCH,
        "no",
        "whether the token may go to other machines by plain HTTP",
    ),
    known("vault.timeout", "OPSC_VAULT_TIMEOUT", Kind::Time, "30s", "how long to wait for an answer"),
    known("timeout", "OPSC_TIMEOUT", Kind::Time, "", "how long to wait for a connection"),
    known("forks", "OPSC_FORKS", Kind::Count, "16", "how many hosts at the same time"),
    known(
        "circuit.failures",
        "OPSC_CIRCUIT_FAILURES",
        Kind::Count,
        "3",
        "after how many failed connections in a row a host is left alone",
    ),
    known("circuit.pause", "OPSC_CIRCUIT_PAUSE", Kind::Time, "30s", "for how long"),
    known("retry.budget", "OPSC_RETRY_BUDGET", Kind::Count, "", "how often a run tries something again, in all of it"),
    known(
        "require_signed",
        "OPSC_REQUIRE_SIGNED",
        Kind::OneOf(&["no", "destroy", "yes"]),
        "no",
        "whether only saved plans that one of [approvers] signed may change anything, or may destroy anything",
    ),
    known(
        "approvals.four_eyes",
        "OPSC_APPROVALS_FOUR_EYES",
        SWITCH,
        "no",
        "whether who started a run must not be who approves it",
    ),
    known(
        "model.url",
        "OPSC_MODEL_URL",
        Kind::Text,
        "",
        "an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1",
    ),
    known("model.name", "OPSC_MODEL_NAME", Kind::Text, "", "the model's name there"),
    known("model.key_env", "OPSC_MODEL_KEY_ENV", Kind::Text, "OPSC_MODEL_KEY", "the variable that holds its key"),
    known("model.timeout", "OPSC_MODEL_TIMEOUT", Kind::Time, "60s", "how long to wait for an answer"),
];

impl Known {
    /// How strict one of its words is.
    pub(super) fn rank(&self, text: &str) -> Option<usize> {
        let Kind::OneOf(words) = self.kind else { return None };
        words.iter().position(|word| *word == text)
    }
}

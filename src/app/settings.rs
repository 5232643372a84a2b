//! What can be set outside the command line: in `opsc.toml`, in the user's own file, and by the environment, in that
//! order of growing weight. Knows where each value came from. A key that does not exist is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::approvers::{self, Approvers};
use super::errors::AppError;
use super::files::read_text;
use super::host_sources::{self, HostSource};
use super::secret_commands;
use crate::base::near::nearest;
use crate::base::reference::{self, is_reference};
use crate::base::words;
use crate::hir::effect::Level;
use crate::run::circuit::Limits;
use crate::secrets::command::CommandSecret;

/// One thing that can be set.
pub struct Known {
    pub key: &'static str,
    /// The variable that sets it; flags read the same one.
    pub variable: &'static str,
    kind: Kind,
    pub default: &'static str,
    pub about: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Relative to the folder of the file that says it.
    Path,
    /// The same, or `none`.
    PathOrNone,
    /// One of these words, the loosest first.
    OneOf(&'static [&'static str]),
    /// At least one.
    Count,
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
const IDENTITY: &str = "~/.config/opsc/identity";

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
    known("vault.timeout", "OPSC_VAULT_TIMEOUT", Kind::Count, "30", "seconds to wait for an answer"),
    known("timeout", "OPSC_TIMEOUT", Kind::Count, "", "seconds to wait for a connection"),
    known("forks", "OPSC_FORKS", Kind::Count, "16", "how many hosts at the same time"),
    known(
        "circuit.failures",
        "OPSC_CIRCUIT_FAILURES",
        Kind::Count,
        "3",
        "after how many failed connections in a row a host is left alone",
    ),
    known("circuit.pause", "OPSC_CIRCUIT_PAUSE", Kind::Count, "30", "for how many seconds"),
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
    known("model.timeout", "OPSC_MODEL_TIMEOUT", Kind::Count, "60", "seconds to wait for an answer"),
];

impl Known {
    /// How strict one of its words is.
    fn rank(&self, text: &str) -> Option<usize> {
        let Kind::OneOf(words) = self.kind else { return None };
        words.iter().position(|word| *word == text)
    }
}

/// What a project asks of everybody: nobody's variable takes it back.
const RULES: &[&str] = &["require_signed", "approvals.four_eyes"];

/// Variables of OpenBao that count before those of Vault, as for its own command line.
const BEFORE: &[(&str, &str)] =
    &[("VAULT_ADDR", "BAO_ADDR"), ("VAULT_NAMESPACE", "BAO_NAMESPACE"), ("VAULT_CACERT", "BAO_CACERT")];

/// The variable that sets a key; the key itself where there is none.
pub fn variable_of(key: &str) -> &str {
    KNOWN.iter().find(|known| known.key == key).map_or(key, |known| known.variable)
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    Default,
    /// A file and the line in it.
    File(PathBuf, usize),
    Environment(&'static str),
}

/// A value as text, and who set it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    pub text: String,
    pub origin: Origin,
}

/// Every setting that has a value.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, Setting>,
    secret_commands: BTreeMap<String, CommandSecret>,
    sources: BTreeMap<String, HostSource>,
    approvers: Approvers,
}

impl Settings {
    /// Reads the files that exist, weakest first, and the environment.
    pub fn load(files: &[PathBuf], environment: &dyn Fn(&str) -> Option<String>) -> Result<Settings, AppError> {
        let mut settings = Settings::default();
        for known in KNOWN.iter().filter(|known| !known.default.is_empty()) {
            let text = match said(environment, "XDG_CONFIG_HOME") {
                Some(home) if known.key == "identity" => known.default.replace("~/.config", &home),
                _ => known.default.to_string(),
            };
            settings.values.insert(known.key, Setting { text, origin: Origin::Default });
        }
        for file in files.iter().filter(|file| file.is_file()) {
            settings.read_file(file)?;
        }
        for known in KNOWN {
            let before = BEFORE.iter().filter(|(variable, _)| *variable == known.variable).map(|(_, before)| *before);
            let set = before.chain([known.variable]).find_map(|name| Some((name, said(environment, name)?)));
            if let Some((variable, text)) = set {
                expect_kind(known, &text).map_err(|reason| AppError::Setting {
                    place: variable.to_string(),
                    reason,
                    near: None,
                })?;
                let loosens = settings.get(known.key).is_some_and(|set| known.rank(&text) < known.rank(&set.text));
                if !(RULES.contains(&known.key) && loosens) {
                    settings.values.insert(known.key, Setting { text, origin: Origin::Environment(variable) });
                }
            }
        }
        Ok(settings)
    }

    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.values.get(key)
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|setting| setting.text.clone())
    }

    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.get(key).map(|setting| PathBuf::from(&setting.text))
    }

    /// What opens encrypted files of secrets.
    pub fn identity(&self) -> PathBuf {
        self.path("identity").unwrap_or_else(|| PathBuf::from(IDENTITY))
    }

    pub fn count(&self, key: &str) -> Option<usize> {
        // `load` has refused everything that is no number.
        self.get(key).and_then(|setting| setting.text.parse().ok())
    }

    pub fn seconds(&self, key: &str) -> Option<Duration> {
        self.count(key).map(|seconds| Duration::from_secs(seconds as u64))
    }

    /// The tables `[secrets.NAME]`, by name.
    pub fn secret_commands(&self) -> &BTreeMap<String, CommandSecret> {
        &self.secret_commands
    }

    /// The tables `[sources.NAME]`, by name.
    pub fn sources(&self) -> &BTreeMap<String, HostSource> {
        &self.sources
    }

    /// The table `[approvers]`.
    pub fn approvers(&self) -> &Approvers {
        &self.approvers
    }

    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|setting| setting.text == "yes")
    }

    /// Whether a plan that does this needs a signature.
    pub fn demands_signature(&self, level: Level) -> bool {
        level != Level::Read
            && match self.get("require_signed").map(|setting| setting.text.as_str()) {
                Some("yes") => true,
                Some("destroy") => level == Level::Destroy,
                _ => false,
            }
    }

    /// When hosts are left alone.
    pub fn circuit(&self) -> Limits {
        let default = Limits::default();
        Limits {
            failures: self.count("circuit.failures").unwrap_or(default.failures),
            pause: self.seconds("circuit.pause").unwrap_or(default.pause),
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), AppError> {
        let text = read_text(path)?;
        let table = DeTable::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            AppError::Setting { place: place(path, line), reason: error.message().to_string(), near: None }
        })?;
        for (key, value) in table.get_ref() {
            let line = line_of(&text, key.span().start);
            match value.get_ref() {
                DeValue::Table(named) if key.get_ref() == "secrets" => {
                    for (name, value) in named {
                        let command = secret_commands::read(name.get_ref(), value.get_ref()).map_err(|reason| {
                            let line = line_of(&text, name.span().start);
                            AppError::Setting { place: place(path, line), reason, near: None }
                        })?;
                        self.secret_commands.insert(name.get_ref().to_string(), command);
                    }
                }
                DeValue::Table(named) if key.get_ref() == "sources" => {
                    for (name, value) in named {
                        let source = host_sources::read(name.get_ref(), value.get_ref()).map_err(|reason| {
                            let line = line_of(&text, name.span().start);
                            AppError::Setting { place: place(path, line), reason, near: None }
                        })?;
                        self.sources.insert(name.get_ref().to_string(), source);
                    }
                }
                DeValue::Table(named) if key.get_ref() == "approvers" => {
                    for (name, value) in named {
                        let approver = approvers::read(name.get_ref(), value.get_ref()).map_err(|reason| {
                            let line = line_of(&text, name.span().start);
                            AppError::Setting { place: place(path, line), reason, near: None }
                        })?;
                        self.approvers.add(name.get_ref(), approver);
                    }
                }
                DeValue::Table(inner) => {
                    for (name, value) in inner {
                        let line = line_of(&text, name.span().start);
                        self.take(path, &format!("{}.{}", key.get_ref(), name.get_ref()), line, value.get_ref())?;
                    }
                }
                value => self.take(path, key.get_ref(), line, value)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, file: &Path, key: &str, line: usize, value: &DeValue<'_>) -> Result<(), AppError> {
        let refuse = |reason: String, near: Option<&str>| AppError::Setting {
            place: place(file, line),
            reason,
            near: near.map(str::to_string),
        };
        let Some(known) = KNOWN.iter().find(|known| known.key == key) else {
            let near = nearest(key, KNOWN.iter().map(|known| known.key));
            return Err(refuse(format!("there is no setting `{key}`"), near));
        };
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().to_string(),
            other => return Err(refuse(format!("`{key}` is a text or a number, found {}", other.type_str()), None)),
        };
        expect_kind(known, &text).map_err(|reason| refuse(reason, None))?;
        let text = match known.kind {
            Kind::PathOrNone if text == "none" => text,
            Kind::Path | Kind::PathOrNone => beside(file, &text),
            Kind::Text | Kind::Count | Kind::OneOf(_) | Kind::Reference => text,
        };
        self.values.insert(known.key, Setting { text, origin: Origin::File(file.to_path_buf(), line) });
        Ok(())
    }
}

/// A path as a settings file means it: relative to its folder, unless it starts at a home.
fn beside(file: &Path, text: &str) -> String {
    match file.parent() {
        Some(folder) if Path::new(text).is_relative() && !text.starts_with("~/") => {
            folder.join(text).display().to_string()
        }
        _ => text.to_string(),
    }
}

fn expect_kind(known: &Known, text: &str) -> Result<(), String> {
    match known.kind {
        Kind::Count if !text.parse::<usize>().is_ok_and(|count| count > 0) => {
            Err(format!("`{}` is a whole number of at least 1, found `{text}`", known.key))
        }
        // Somebody may have written the passphrase itself: it is not shown.
        Kind::Reference if !is_reference(text) => Err(format!(
            "`{}` says where the secret is: {}, and is never the secret itself",
            known.key,
            reference::forms()
        )),
        Kind::OneOf(words) if !words.contains(&text) => {
            let words: Vec<String> = words.iter().rev().map(|word| format!("`{word}`")).collect();
            Err(format!("`{}` is {}, found `{text}`", known.key, words::join_or(&words)))
        }
        _ => Ok(()),
    }
}

fn said(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    environment(name).filter(|text| !text.is_empty())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(project: &str, user: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let files = [("user.toml", user), ("opsc.toml", project)].map(|(name, text)| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        });
        let environment = |name: &str| {
            environment.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_string())
        };
        Settings::load(&files, &environment).map_err(|error| {
            let folder = format!("{}/", folder.path().display());
            format!("{error} [{}]", error.hint().unwrap_or_default()).replace(&folder, "")
        })
    }

    #[test]
    fn the_environment_wins_over_the_project_over_the_user_over_defaults() {
        let project = "forks = 4\n[model]\nname = \"small\"\n";
        let user = "forks = 2\nuser = \"deploy\"\ntimeout = 7\n";
        let settings = load(project, user, &[("OPSC_TIMEOUT", "9")]).unwrap();
        assert_eq!(settings.count("forks"), Some(4));
        assert_eq!(settings.text("user").as_deref(), Some("deploy"));
        assert_eq!(settings.seconds("timeout"), Some(Duration::from_secs(9)));
        assert_eq!(settings.get("timeout").unwrap().origin, Origin::Environment("OPSC_TIMEOUT"));
        assert!(
            matches!(&settings.get("model.name").unwrap().origin, Origin::File(path, 3) if path.ends_with("opsc.toml"))
        );
        assert_eq!(settings.get("model.timeout").unwrap().origin, Origin::Default);
        assert_eq!(settings.get("inventory"), None);
    }

    #[test]
    fn a_variable_makes_a_rule_stricter_and_never_looser() {
        for (key, text, variable) in [
            ("require_signed", "require_signed = \"yes\"\n", "OPSC_REQUIRE_SIGNED"),
            ("approvals.four_eyes", "[approvals]\nfour_eyes = \"yes\"\n", "OPSC_APPROVALS_FOUR_EYES"),
        ] {
            assert!(load(text, "", &[(variable, "no")]).unwrap().is_on(key), "{key}");
            assert!(load("", "", &[(variable, "yes")]).unwrap().is_on(key), "{key}");
        }
        let some = "require_signed = \"destroy\"\n";
        for (variable, change, destroy) in [("no", false, true), ("destroy", false, true), ("yes", true, true)] {
            let settings = load(some, "", &[("OPSC_REQUIRE_SIGNED", variable)]).unwrap();
            let demands = [Level::Read, Level::Change, Level::Destroy].map(|level| settings.demands_signature(level));
            assert_eq!(demands, [false, change, destroy], "{variable}");
        }
        assert_eq!(
            load("require_signed = \"some\"\n", "", &[]).unwrap_err(),
            "opsc.toml:1: `require_signed` is `yes`, `destroy` or `no`, found `some` []"
        );
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let settings = load("inventory = \"hosts\"\nprivate_key = \"~/.ssh/id\"\n", "", &[]).unwrap();
        assert!(settings.path("inventory").unwrap().is_absolute());
        assert!(settings.path("inventory").unwrap().ends_with("hosts"));
        assert_eq!(settings.text("private_key").as_deref(), Some("~/.ssh/id"));
    }

    #[test]
    fn secrets_name_programs_by_their_words() {
        let settings = load("[secrets.vault]\ncommand = [\"pass\", \"a b\"]\ntimeout = 5\n", "", &[]).unwrap();
        let vault = &settings.secret_commands()["vault"];
        assert_eq!((vault.words.join("|").as_str(), vault.timeout), ("pass|a b", Duration::from_secs(5)));
        let refused = |table: &str| load(&format!("[secrets.vault]\n{table}\n"), "", &[]).unwrap_err();
        let words = "opsc.toml:1: `secrets.vault.command` is a list of words, the program first, such as [\"pass\", \"show\", \"vault\"] []";
        assert_eq!(refused("command = \"pass show x\""), words);
        assert_eq!(refused("command = []"), words);
        assert_eq!(
            refused("comand = [\"x\"]"),
            "opsc.toml:1: `secrets.vault` has `command` and `timeout`, found `comand` []"
        );
        assert_eq!(
            refused("command = [\"x\"]\ntimeout = 0"),
            "opsc.toml:1: `secrets.vault.timeout` is at least 1 (seconds) []"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let refused = |project: &str| load(project, "", &[]).unwrap_err();
        assert_eq!(refused("\nfork = 3\n"), "opsc.toml:2: there is no setting `fork` [did you mean `forks`?]");
        assert_eq!(refused("forks = 0\n"), "opsc.toml:1: `forks` is a whole number of at least 1, found `0` []");
        assert_eq!(refused("forks = [1]\n"), "opsc.toml:1: `forks` is a text or a number, found array []");
        assert!(refused("[model\n").starts_with("opsc.toml:1: "));
        let error = load("", "", &[("OPSC_FORKS", "many")]).unwrap_err();
        assert_eq!(error, "OPSC_FORKS: `forks` is a whole number of at least 1, found `many` []");
    }
}

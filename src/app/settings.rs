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
use super::known_settings::{IDENTITY, KNOWN, Kind, Known};
use super::secret_commands;
use crate::base::near::nearest;
use crate::base::reference::{self, is_reference};
use crate::base::words;
use crate::eval::parse::parse_duration;
use crate::hir::effect::Level;
use crate::run::circuit::Limits;
use crate::secrets::command::CommandSecret;

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

    pub fn time(&self, key: &str) -> Option<Duration> {
        self.get(key).and_then(|setting| some_time(&setting.text))
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
            pause: self.time("circuit.pause").unwrap_or(default.pause),
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
            Kind::Text | Kind::Count | Kind::Time | Kind::OneOf(_) | Kind::Reference => text,
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
        Kind::Time if some_time(text).is_none() => {
            Err(format!("`{}` is a duration such as `30s`, or seconds, and more than none, found `{text}`", known.key))
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

fn some_time(text: &str) -> Option<Duration> {
    parse_duration(text).filter(|time| *time > 0).map(Duration::from_millis)
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
        assert_eq!(settings.time("timeout"), Some(Duration::from_secs(9)));
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
        let longer = load("[secrets.vault]\ncommand = [\"pass\"]\ntimeout = \"2m\"\n", "", &[]).unwrap();
        assert_eq!(longer.secret_commands()["vault"].timeout, Duration::from_secs(120));
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
            "opsc.toml:1: `secrets.vault.timeout` is a duration such as \"30s\", or seconds, and more than none []"
        );
    }

    #[test]
    fn times_have_units_and_a_number_alone_is_seconds() {
        for (text, expected) in [("\"1m30s\"", 90_000), ("\"250ms\"", 250), ("7", 7000), ("\"7\"", 7000)] {
            let settings = load(&format!("timeout = {text}\n[circuit]\npause = {text}\n"), "", &[]).unwrap();
            let pause = settings.circuit().pause;
            assert_eq!((settings.time("timeout").unwrap(), pause), (pause, Duration::from_millis(expected)), "{text}");
        }
        assert_eq!(load("", "", &[]).unwrap().circuit().pause, Duration::from_secs(30));
        for text in ["0", "\"soon\"", "\"30 s\"", "\"0s\"", "-3"] {
            let refused = load(&format!("[circuit]\npause = {text}\n"), "", &[]).unwrap_err();
            let text = text.trim_matches('"');
            let expected = format!(
                "opsc.toml:2: `circuit.pause` is a duration such as `30s`, or seconds, and more than none, found `{text}` []"
            );
            assert_eq!(refused, expected);
        }
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

//! `[sources.NAME]` of `opsc.toml`: a program, or a server, that says which hosts there are. Reads the table; asks nobody.

use std::time::Duration;

use sha2::Digest;
use toml::de::DeValue;

use crate::base::hex::hex;
use crate::eval::parse::parse_duration;

/// Where hosts are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The program and its arguments; at least the program.
    Program(Vec<String>),
    /// A url, and the variable that holds the token for it.
    Server { url: String, token_env: Option<String> },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostSource {
    pub origin: Origin,
    pub timeout: Duration,
    /// How old an answer may be that counts without asking again.
    pub max_age: Duration,
    /// Whether no host at all is an answer.
    pub may_be_empty: bool,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_secs(300);
const KEYS: &str = "`command` or `url`, `token_env`, `timeout`, `max_age` and `may_be_empty`";

impl HostSource {
    /// The same for every source that asks the same.
    pub fn declared(&self) -> String {
        let text = match &self.origin {
            Origin::Program(words) => format!("program {words:?}"),
            Origin::Server { url, token_env } => format!("server {url:?} {token_env:?}"),
        };
        hex(&sha2::Sha256::digest(text.as_bytes()))
    }

    /// Who is asked, as messages say it: without what a url may hide.
    pub fn shown(&self) -> String {
        match &self.origin {
            Origin::Program(words) => words.first().cloned().unwrap_or_default(),
            Origin::Server { url, .. } => {
                let plain = url.split(['?', '#']).next().unwrap_or_default();
                match plain.split_once("://") {
                    Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
                    None => plain.to_string(),
                }
            }
        }
    }
}

/// Reads one table; what is wrong is said in one line.
pub fn read(name: &str, table: &DeValue<'_>) -> Result<HostSource, String> {
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')) {
        return Err(format!("`{}` is no name of a source: letters, digits, _ and -", name.escape_debug()));
    }
    let DeValue::Table(keys) = table else {
        return Err(format!("`sources.{name}` is a table with {KEYS}, found {}", table.type_str()));
    };
    let wrong = |key: &str, expected: &str| format!("`sources.{name}.{key}` is {expected}");
    let (mut words, mut url, mut token_env) = (None, None, None);
    let (mut timeout, mut max_age, mut may_be_empty) = (TIMEOUT, MAX_AGE, false);
    for (key, value) in keys {
        let (key, value) = (key.get_ref().as_ref(), value.get_ref());
        match key {
            "command" => {
                let expected = "a list of words, the program first, such as [\"./hosts.py\", \"--list\"]";
                words = Some(command(value).ok_or_else(|| wrong(key, expected))?);
            }
            "url" => url = Some(text(value).ok_or_else(|| wrong(key, "a text"))?),
            "token_env" => token_env = Some(text(value).ok_or_else(|| wrong(key, "the name of a variable"))?),
            "timeout" => {
                timeout = duration(value)
                    .filter(|timeout| !timeout.is_zero())
                    .ok_or_else(|| wrong(key, "a duration such as \"30s\", or seconds, and more than none"))?;
            }
            "max_age" => {
                max_age = duration(value).ok_or_else(|| wrong(key, "a duration such as \"10m\", or seconds"))?;
            }
            "may_be_empty" => {
                may_be_empty = matches!(value, DeValue::Boolean(true));
                if !matches!(value, DeValue::Boolean(_)) {
                    return Err(wrong(key, "true or false"));
                }
            }
            other => return Err(format!("`sources.{name}` has {KEYS}, found `{other}`")),
        }
    }
    let origin = match (words, url) {
        (Some(_), None) if token_env.is_some() => {
            return Err(format!("`sources.{name}` has a `token_env`, which only a `url` takes"));
        }
        (Some(words), None) => Origin::Program(words),
        (None, Some(url)) => Origin::Server { url: expect_url(name, url, token_env.is_some())?, token_env },
        _ => return Err(format!("`sources.{name}` has either a `command` or a `url`")),
    };
    Ok(HostSource { origin, timeout, max_age, may_be_empty })
}

/// A token is sent over plain HTTP only to this machine.
fn expect_url(name: &str, url: String, with_token: bool) -> Result<String, String> {
    // Compared as a whole: `localhost:8@elsewhere` is elsewhere.
    let at_home = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|home| {
            let port = authority.strip_prefix(home).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
            port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    match url.split_once("://") {
        Some(("https", _)) => Ok(url),
        Some(("http", rest)) if !with_token || at_home(rest) => Ok(url),
        Some(("http", _)) => {
            Err(format!("`sources.{name}` would send its token unencrypted; its url begins with https://"))
        }
        _ => Err(format!("`sources.{name}.url` begins with https:// or http://")),
    }
}

fn command(value: &DeValue<'_>) -> Option<Vec<String>> {
    let DeValue::Array(words) = value else { return None };
    let words: Vec<String> = words.iter().map(|word| text(word.get_ref())).collect::<Option<_>>()?;
    words.first().is_some_and(|program| !program.is_empty()).then_some(words)
}

fn text(value: &DeValue<'_>) -> Option<String> {
    if let DeValue::String(text) = value { Some(text.to_string()) } else { None }
}

/// `"30s"`, or whole seconds.
pub(super) fn duration(value: &DeValue<'_>) -> Option<Duration> {
    match value {
        DeValue::String(text) => parse_duration(text).map(Duration::from_millis),
        DeValue::Integer(seconds) => seconds.as_str().parse().ok().map(Duration::from_secs),
        _ => None,
    }
}

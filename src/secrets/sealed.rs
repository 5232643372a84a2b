//! The text of a file of secrets, `secrets/NAME.yaml`: names, dates and recipients to read, values that age has
//! encrypted, and a MAC over all of it. Knows the one form only that opsc writes; decrypts nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A file of secrets as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Also under the MAC, so that one file cannot be put in the place of another.
    pub name: String,
    /// Who can read it, each with a label behind it that is for people.
    pub recipients: Vec<String>,
    /// The file's own age identity, encrypted to the recipients.
    pub key: String,
    pub entries: BTreeMap<String, Entry>,
    pub mac: String,
}

/// One secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Encrypted to the file's own identity.
    pub value: String,
    /// The day on which it got this text.
    pub changed: String,
    /// After how many days it should be changed again.
    pub rotate: Option<u32>,
}

/// Where a text is no file of secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misformed {
    pub line: usize,
    pub expected: &'static str,
}

const TITLE: &str = "# Values are encrypted by age and belong together: change them with `opsc secret`.";
const FORMAT: &str = "format: opsc.secrets/1";

impl Sealed {
    /// Reads what [`Sealed::text`] writes, and nothing else.
    pub fn parse(text: &str) -> Result<Sealed, Misformed> {
        let mut lines = Lines { lines: text.lines().collect(), at: 0 };
        lines.exactly(TITLE, "the title of a file of secrets")?;
        lines.exactly(FORMAT, "`format: opsc.secrets/1`")?;
        let name = lines.field("name: ", "`name: NAME`")?;
        lines.exactly("recipients:", "`recipients:`")?;
        let mut recipients = vec![lines.field("  - ", "`  - RECIPIENT`")?];
        while let Some(recipient) = lines.maybe("  - ") {
            recipients.push(recipient);
        }
        let key = lines.field("key: ", "`key: BASE64`")?;
        lines.exactly("secrets:", "`secrets:`")?;
        let mut entries = BTreeMap::new();
        while let Some(name) = lines.maybe("  ") {
            let name = name.strip_suffix(':').filter(|name| is_name(name) && !entries.contains_key(*name));
            let name = name.ok_or(Misformed { line: lines.at, expected: "`  NAME:`, each once" })?.to_string();
            entries.insert(name, lines.entry()?);
        }
        let mac = lines.field("mac: ", "`  NAME:` or `mac: BASE64`")?;
        lines.end()?;
        Ok(Sealed { name, recipients, key, entries, mac })
    }

    /// All that the MAC is over.
    pub fn body(&self) -> String {
        let mut text = format!("{TITLE}\n{FORMAT}\nname: {}\nrecipients:\n", self.name);
        let written = self.write_rest(&mut text);
        debug_assert!(written.is_ok(), "a text takes what is written to it");
        text
    }

    fn write_rest(&self, text: &mut String) -> std::fmt::Result {
        self.recipients.iter().try_for_each(|recipient| writeln!(text, "  - {recipient}"))?;
        writeln!(text, "key: {}\nsecrets:", self.key)?;
        for (name, entry) in &self.entries {
            writeln!(text, "  {name}:\n    value: {}\n    changed: {}", entry.value, entry.changed)?;
            entry.rotate.map_or(Ok(()), |days| writeln!(text, "    rotate: {days}d"))?;
        }
        Ok(())
    }

    pub fn text(&self) -> String {
        format!("{}mac: {}\n", self.body(), self.mac)
    }
}

/// Names of files and of secrets: what is a plain word in YAML, in a reference and as a file.
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    first && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter))
}

/// `FILE/NAME`.
pub fn split_name(reference: &str) -> Option<(&str, &str)> {
    reference.split_once('/').filter(|(file, name)| is_name(file) && is_name(name))
}

struct Lines<'a> {
    lines: Vec<&'a str>,
    /// The next one, from 0; the number of the last one that was taken, from 1.
    at: usize,
}

impl Lines<'_> {
    fn maybe(&mut self, before: &str) -> Option<String> {
        let rest = self.lines.get(self.at)?.strip_prefix(before)?.to_string();
        self.at += 1;
        Some(rest)
    }

    fn field(&mut self, before: &str, expected: &'static str) -> Result<String, Misformed> {
        let refuse = Misformed { line: self.at + 1, expected };
        self.maybe(before).filter(|rest| !rest.trim().is_empty()).ok_or(refuse)
    }

    fn exactly(&mut self, line: &str, expected: &'static str) -> Result<(), Misformed> {
        let refuse = Misformed { line: self.at + 1, expected };
        self.maybe(line).filter(String::is_empty).map(|_| ()).ok_or(refuse)
    }

    fn entry(&mut self) -> Result<Entry, Misformed> {
        let value = self.field("    value: ", "`    value: BASE64`")?;
        let changed = self.field("    changed: ", "`    changed: DATE`")?;
        let rotate = self.maybe("    rotate: ").map(|days| {
            let days = days.strip_suffix('d').and_then(|days| days.parse().ok());
            days.ok_or(Misformed { line: self.at, expected: "`    rotate: DAYSd`" })
        });
        Ok(Entry { value, changed, rotate: rotate.transpose()? })
    }

    fn end(&self) -> Result<(), Misformed> {
        if self.at == self.lines.len() {
            Ok(())
        } else {
            Err(Misformed { line: self.at + 1, expected: "no more lines" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Sealed {
        let entry = |rotate| Entry { value: "QUJD".to_string(), changed: "2026-11-21".to_string(), rotate };
        Sealed {
            name: "db".to_string(),
            recipients: vec!["age1x anna".to_string(), "ssh-ed25519 AAAA".to_string()],
            key: "S0VZ".to_string(),
            entries: BTreeMap::from([("a.b-c".to_string(), entry(None)), ("token".to_string(), entry(Some(90)))]),
            mac: "TUFD".to_string(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Sealed::parse(&sealed().text()), Ok(sealed()));
        let empty = Sealed { entries: BTreeMap::new(), ..sealed() };
        assert_eq!(Sealed::parse(&empty.text()), Ok(empty));
        assert_eq!(Sealed::parse(&sealed().text().replace('\n', "\r\n")), Ok(sealed()), "as git may check it out");
    }

    #[test]
    fn nothing_else_is() {
        let text = sealed().text();
        let cases = [
            (text.replace("secrets/1", "secrets/2"), 2, "`format: opsc.secrets/1`"),
            (text.replace("name: db\n", ""), 3, "`name: NAME`"),
            (text.replace("  - age1x anna\n  - ssh-ed25519 AAAA\n", ""), 5, "`  - RECIPIENT`"),
            (text.replace("    changed: 2026-11-21\n", ""), 11, "`    changed: DATE`"),
            (text.replace("90d", "90"), 15, "`    rotate: DAYSd`"),
            (text.replace("  token:", "  a.b-c:"), 12, "`  NAME:`, each once"),
            (text.replace("  token:", "  to ken:"), 12, "`  NAME:`, each once"),
            (text.replace("  token:", "<<<<<<< HEAD\n  token:"), 12, "`  NAME:` or `mac: BASE64`"),
            (text.replace("mac: TUFD\n", ""), 16, "`  NAME:` or `mac: BASE64`"),
            (format!("{text}more\n"), 17, "no more lines"),
            (String::new(), 1, "the title of a file of secrets"),
        ];
        for (text, line, expected) in cases {
            assert_eq!(Sealed::parse(&text), Err(Misformed { line, expected }), "{text}");
        }
    }
}

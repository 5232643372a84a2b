//! Effect rows: one level and three flags. What a step may do to the world, written where reviewers see it.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Level {
    #[default]
    Read,
    Change,
    Destroy,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Read => "read",
            Level::Change => "change",
            Level::Destroy => "destroy",
        }
    }

    pub fn parse(name: &str) -> Option<Level> {
        [Level::Read, Level::Change, Level::Destroy].into_iter().find(|level| level.name() == name)
    }
}

/// `! change, admin, network`. The union of rows is their join; an empty row is `read`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Row {
    pub level: Level,
    pub admin: bool,
    pub network: bool,
    pub exec: bool,
}

impl Row {
    pub fn join(self, other: Row) -> Row {
        Row {
            level: self.level.max(other.level),
            admin: self.admin || other.admin,
            network: self.network || other.network,
            exec: self.exec || other.exec,
        }
    }

    /// Whether everything `other` may do is allowed by this row.
    pub fn covers(self, other: Row) -> bool {
        self.join(other) == self
    }

    /// The names in canonical order; the level comes first and `read` is said only where it stands alone.
    pub fn names(self) -> Vec<&'static str> {
        let flags = [(self.admin, "admin"), (self.network, "network"), (self.exec, "exec")];
        let flags: Vec<&'static str> = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
        let level = (self.level != Level::Read || flags.is_empty()).then(|| self.level.name());
        level.into_iter().chain(flags).collect()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(", "))
    }
}

/// What repeating a step means after a crash; derived, never declared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// Has `check` and `skip`: asks before it acts.
    Converge,
    /// Declared `repeatable: true`.
    Repeatable,
    /// Everything else.
    Once,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Converge => "converge",
            Kind::Repeatable => "repeatable",
            Kind::Once => "once",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_join_and_cover() {
        let change = Row { level: Level::Change, ..Row::default() };
        let admin = Row { admin: true, ..Row::default() };
        assert_eq!(change.join(admin).to_string(), "change, admin");
        assert!(change.join(admin).covers(change));
        assert!(!change.covers(admin));
        assert_eq!(Row::default().to_string(), "read");
        assert_eq!(Row { network: true, ..Row::default() }.to_string(), "network");
    }
}

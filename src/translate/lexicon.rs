//! The words of English that requests are read with: which are never names, which begin a clause, which say nothing by
//! themselves. Knows no action.

use crate::base::near::is_one_edit;

/// Words that are never a name, a package or a file; in quotes they may be.
#[rustfmt::skip]
pub const NEVER_NAMES: &[&str] = &[
    "the", "a", "an", "and", "or", "on", "in", "at", "to", "of", "for", "with", "if", "then", "is", "are", "it",
    "that", "this", "all", "every", "each", "server", "servers", "host", "hosts", "machine", "machines", "service",
    "package", "packages", "file", "directory", "folder", "user", "port", "command", "script", "roll", "back",
    "health", "check", "time", "times", "failure", "except", "but", "not", "please", "first", "finally", "after",
    "from", "into", "version", "them", "between", "everywhere", "when", "until", "instance", "instances",
    "replication", "container", "image", "volume", "cluster", "database", "device", "repository", "repo", "group",
    "groups", "users", "account", "accounts", "settings", "setting", "configuration", "config", "key", "keys",
    "certificate", "certificates", "module", "process", "job", "task", "tasks", "block", "line", "lines", "section",
    "files", "directories", "folders", "services", "ports", "commands", "scripts", "software", "updates", "objects",
    "object", "resources", "resource", "dependencies", "dependency", "requirements", "tools", "libraries", "library",
    "plugin", "plugins", "data", "everything", "something", "anything", "nothing", "latest", "newest", "required",
    "additional", "necessary", "needed", "new", "old", "current", "default", "existing", "missing", "other",
    "another", "some", "any", "our", "my", "your", "its", "specific", "various", "common", "basic", "extra",
    "selected", "custom", "so", "because", "order", "existence", "presence", "system", "os", "patch", "patches", "unneeded", "unused",
    "orphaned", "swap", "swapping", "selinux", "scale", "scaling", "availability", "placement", "dns", "tcp", "udp",
];

/// Verbs: after "and" they begin a clause, and are no further name of a list.
#[rustfmt::skip]
pub const VERBS: &[&str] = &[
    "restart", "reload", "start", "stop", "enable", "disable", "install", "remove", "uninstall", "delete", "prune",
    "purge", "copy", "put", "write", "render", "create", "make", "add", "run", "execute", "wait", "verify", "ensure",
    "test", "configure", "reboot", "upgrade", "update", "deploy", "push", "upload", "clean", "notify", "monitor",
    "watch", "confirm", "continue", "proceed", "report", "log", "mask", "show", "list", "set", "go", "try", "retry",
    "undo", "revert", "rollback", "abort", "halt", "fetch", "get", "download", "extract", "unpack", "mount",
    "unmount", "load", "pull", "apply", "scale", "drain", "ping", "touch", "check", "generate", "trust", "allow",
    "deny", "open", "close", "replace", "append", "change", "rename", "move", "link", "look", "see", "send", "mail",
    "tell", "unmask", "hold",
];

/// Words of politeness are passed over.
#[rustfmt::skip]
pub const POLITE: &[&str] = &[
    "please", "can", "could", "would", "you", "kindly", "hi", "hello", "hey", "i", "want", "need", "to", "us", "me", "let",
    "just", "again", "now", "simply", "we", "thanks", "thank", "asap", "immediately", "quickly", "lets", "let's",
    "i'd", "we'd", "like", "shall", "will", "help", "ahead", "should", "must",
];

/// Words of a phrase that only join the others; what is missing besides them is a value.
#[rustfmt::skip]
const JOINING: &[&str] = &[
    "a", "an", "the", "to", "into", "in", "on", "at", "of", "for", "from", "by", "with", "is", "are", "be", "has",
    "that", "under", "below", "if", "whether", "until", "every", "onto", "as",
];
const ARTICLES: &[&str] = &["a", "an", "the", "our", "my", "your"];

pub fn is_joining(word: &str) -> bool {
    JOINING.contains(&word)
}

/// Words that many phrases have, and that say little of which one is meant.
#[rustfmt::skip]
const GENERAL: &[&str] = &[
    "add", "change", "check", "create", "delete", "disable", "disabled", "enable", "enabled", "exist", "exists", "get", "install",
    "list", "make", "present", "absent", "put", "remove", "removed", "run", "see", "set", "show", "update", "verify",
    "wait",
];

/// How much a word of a phrase says about what is meant.
pub fn weight(word: &str) -> u32 {
    match word {
        "ensure" | "sure" | "not" | "does" => 0,
        _ if is_joining(word) => 0,
        _ if GENERAL.contains(&word) => 1,
        _ => 2,
    }
}

/// A condition or a reason begins with one of these; what it speaks of is no wish.
pub fn begins_reason(word: &str) -> bool {
    ["so", "because", "since", "if", "unless", "when", "while", "before", "after"].contains(&word)
}

/// "to refresh the list", "to avoid trouble": what for, and no wish either.
pub fn begins_purpose(word: &str, next: &str) -> bool {
    const MORE: &[&str] = &["use", "avoid", "prevent", "refresh", "support", "keep", "help", "work", "fix", "register"];
    word == "to" && (VERBS.contains(&next) || MORE.contains(&next))
}

pub fn is_article(word: &str) -> bool {
    ARTICLES.contains(&word)
}

/// Equal, or one typo away from a phrase's word of five letters or more.
pub fn same_word(phrase: &str, word: &str) -> bool {
    phrase == word || is_typo(phrase, word)
}

fn is_typo(phrase: &str, word: &str) -> bool {
    is_one_edit(phrase, word) && phrase.chars().count() >= 5 && word.chars().count() >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_with_one_typo_and_other_words_are_not() {
        for (phrase, word) in [("restart", "restrat"), ("stop", "stop"), ("folder", "foldr")] {
            assert!(same_word(phrase, word), "{phrase} {word}");
        }
        for (phrase, word) in
            [("stop", "step"), ("install", "installed"), ("start", "starving"), ("install", "uninstall")]
        {
            assert!(!same_word(phrase, word), "{phrase} {word}");
        }
    }
}

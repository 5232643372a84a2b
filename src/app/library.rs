//! The standard library, embedded: one noun per file, parsed only when a program names it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Noun and text of every file in `stdlib/`.
const FILES: &[(&str, &str)] = &[
    ("cron", include_str!("../../stdlib/cron.ops")),
    ("file", include_str!("../../stdlib/file.ops")),
    ("group", include_str!("../../stdlib/group.ops")),
    ("http", include_str!("../../stdlib/http.ops")),
    ("os", include_str!("../../stdlib/os.ops")),
    ("package", include_str!("../../stdlib/package.ops")),
    ("package_key", include_str!("../../stdlib/package_key.ops")),
    ("package_repo", include_str!("../../stdlib/package_repo.ops")),
    ("service", include_str!("../../stdlib/service.ops")),
    ("shell", include_str!("../../stdlib/shell.ops")),
    ("ssh_key", include_str!("../../stdlib/ssh_key.ops")),
    ("user", include_str!("../../stdlib/user.ops")),
    ("wait", include_str!("../../stdlib/wait.ops")),
];

/// Which file defines a type; a scan for lines that start with `type`, not a parse.
static TYPES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let definitions =
        |text: &'static str| text.lines().filter_map(|line| line.strip_prefix("type ")?.split([' ', '=']).next());
    FILES.iter().flat_map(|(noun, text)| definitions(text).map(|name| (name, *noun))).collect()
});

/// The text of a noun's file.
pub fn text(noun: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == noun).map(|(_, text)| *text)
}

/// All nouns, sorted.
pub fn nouns() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(noun, _)| *noun)
}

/// The noun whose file defines a type.
pub fn noun_of_type(name: &str) -> Option<&'static str> {
    TYPES.get(name).copied()
}

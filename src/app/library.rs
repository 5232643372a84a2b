//! The standard library, embedded: a noun is a file, or several (`file.ops`, `file-text.ops`), parsed only when a program
//! names it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Name and text of every file in `stdlib/`; its noun is what stands before a `-`.
const FILES: &[(&str, &str)] = &[
    ("archive", include_str!("../../stdlib/archive.ops")),
    ("cron", include_str!("../../stdlib/cron.ops")),
    ("disk", include_str!("../../stdlib/disk.ops")),
    ("file", include_str!("../../stdlib/file.ops")),
    ("file-download", include_str!("../../stdlib/file-download.ops")),
    ("file-look", include_str!("../../stdlib/file-look.ops")),
    ("file-rights", include_str!("../../stdlib/file-rights.ops")),
    ("file-text", include_str!("../../stdlib/file-text.ops")),
    ("git", include_str!("../../stdlib/git.ops")),
    ("group", include_str!("../../stdlib/group.ops")),
    ("http", include_str!("../../stdlib/http.ops")),
    ("os", include_str!("../../stdlib/os.ops")),
    ("package", include_str!("../../stdlib/package.ops")),
    ("package_key", include_str!("../../stdlib/package_key.ops")),
    ("package_repo", include_str!("../../stdlib/package_repo.ops")),
    ("process", include_str!("../../stdlib/process.ops")),
    ("service", include_str!("../../stdlib/service.ops")),
    ("shell", include_str!("../../stdlib/shell.ops")),
    ("ssh_key", include_str!("../../stdlib/ssh_key.ops")),
    ("user", include_str!("../../stdlib/user.ops")),
    ("wait", include_str!("../../stdlib/wait.ops")),
];

/// Which noun defines a type; a scan for lines that start with `type`, not a parse.
static TYPES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let definitions =
        |text: &'static str| text.lines().filter_map(|line| line.strip_prefix("type ")?.split([' ', '=']).next());
    FILES.iter().flat_map(|(file, text)| definitions(text).map(|name| (name, noun_of(file)))).collect()
});

fn noun_of(file: &'static str) -> &'static str {
    file.split_once('-').map_or(file, |(noun, _)| noun)
}

/// Name and text of the files of a noun.
pub fn files(noun: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(move |(file, _)| noun_of(file) == noun)
}

/// All nouns, sorted; one of several files comes several times.
pub fn nouns() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(file, _)| noun_of(file))
}

/// The noun that defines a type.
pub fn noun_of_type(name: &str) -> Option<&'static str> {
    TYPES.get(name).copied()
}

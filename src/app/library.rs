//! The standard library, embedded: a noun is a file, or several (`file.ops`, `file-line.ops`). Only those files are parsed that
//! have what a program names.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Name and text of every file in `stdlib/`; its noun is what stands before a `-`.
const FILES: &[(&str, &str)] = &[
    ("archive", include_str!("../../stdlib/archive.ops")),
    ("ca", include_str!("../../stdlib/ca.ops")),
    ("archive-create", include_str!("../../stdlib/archive-create.ops")),
    ("container", include_str!("../../stdlib/container.ops")),
    ("container-build", include_str!("../../stdlib/container-build.ops")),
    ("container-parts", include_str!("../../stdlib/container-parts.ops")),
    ("cron", include_str!("../../stdlib/cron.ops")),
    ("disk", include_str!("../../stdlib/disk.ops")),
    ("disk-filesystem", include_str!("../../stdlib/disk-filesystem.ops")),
    ("file", include_str!("../../stdlib/file.ops")),
    ("file-acl", include_str!("../../stdlib/file-acl.ops")),
    ("file-assemble", include_str!("../../stdlib/file-assemble.ops")),
    ("file-block", include_str!("../../stdlib/file-block.ops")),
    ("file-download", include_str!("../../stdlib/file-download.ops")),
    ("file-fetch", include_str!("../../stdlib/file-fetch.ops")),
    ("file-ini", include_str!("../../stdlib/file-ini.ops")),
    ("file-json", include_str!("../../stdlib/file-json.ops")),
    ("file-line", include_str!("../../stdlib/file-line.ops")),
    ("file-look", include_str!("../../stdlib/file-look.ops")),
    ("file-prune", include_str!("../../stdlib/file-prune.ops")),
    ("file-replace", include_str!("../../stdlib/file-replace.ops")),
    ("file-rights", include_str!("../../stdlib/file-rights.ops")),
    ("file-tree", include_str!("../../stdlib/file-tree.ops")),
    ("file-yaml", include_str!("../../stdlib/file-yaml.ops")),
    ("firewall", include_str!("../../stdlib/firewall.ops")),
    ("firewall-rule", include_str!("../../stdlib/firewall-rule.ops")),
    ("gem", include_str!("../../stdlib/gem.ops")),
    ("git", include_str!("../../stdlib/git.ops")),
    ("gpu", include_str!("../../stdlib/gpu.ops")),
    ("group", include_str!("../../stdlib/group.ops")),
    ("haproxy", include_str!("../../stdlib/haproxy.ops")),
    ("helm", include_str!("../../stdlib/helm.ops")),
    ("http", include_str!("../../stdlib/http.ops")),
    ("log", include_str!("../../stdlib/log.ops")),
    ("net", include_str!("../../stdlib/net.ops")),
    ("npm", include_str!("../../stdlib/npm.ops")),
    ("notify", include_str!("../../stdlib/notify.ops")),
    ("k8s", include_str!("../../stdlib/k8s.ops")),
    ("mysql", include_str!("../../stdlib/mysql.ops")),
    ("mysql-query", include_str!("../../stdlib/mysql-query.ops")),
    ("mysql-user", include_str!("../../stdlib/mysql-user.ops")),
    ("os", include_str!("../../stdlib/os.ops")),
    ("os-facts", include_str!("../../stdlib/os-facts.ops")),
    ("os-reboot", include_str!("../../stdlib/os-reboot.ops")),
    ("os-alternatives", include_str!("../../stdlib/os-alternatives.ops")),
    ("os-environment", include_str!("../../stdlib/os-environment.ops")),
    ("os-swap", include_str!("../../stdlib/os-swap.ops")),
    ("os-update", include_str!("../../stdlib/os-update.ops")),
    ("package", include_str!("../../stdlib/package.ops")),
    ("package-debian", include_str!("../../stdlib/package-debian.ops")),
    ("package-look", include_str!("../../stdlib/package-look.ops")),
    ("package-remove", include_str!("../../stdlib/package-remove.ops")),
    ("package-upgrade", include_str!("../../stdlib/package-upgrade.ops")),
    ("package_key", include_str!("../../stdlib/package_key.ops")),
    ("package_repo", include_str!("../../stdlib/package_repo.ops")),
    ("pip", include_str!("../../stdlib/pip.ops")),
    ("postgres", include_str!("../../stdlib/postgres.ops")),
    ("postgres-query", include_str!("../../stdlib/postgres-query.ops")),
    ("postgres-user", include_str!("../../stdlib/postgres-user.ops")),
    ("process", include_str!("../../stdlib/process.ops")),
    ("prometheus", include_str!("../../stdlib/prometheus.ops")),
    ("registry", include_str!("../../stdlib/registry.ops")),
    ("scheduled_task", include_str!("../../stdlib/scheduled_task.ops")),
    ("selinux", include_str!("../../stdlib/selinux.ops")),
    ("service", include_str!("../../stdlib/service.ops")),
    ("shell", include_str!("../../stdlib/shell.ops")),
    ("ssh_key", include_str!("../../stdlib/ssh_key.ops")),
    ("supervisor", include_str!("../../stdlib/supervisor.ops")),
    ("tls", include_str!("../../stdlib/tls.ops")),
    ("user", include_str!("../../stdlib/user.ops")),
    ("wait", include_str!("../../stdlib/wait.ops")),
    ("windows", include_str!("../../stdlib/windows.ops")),
    ("windows-package", include_str!("../../stdlib/windows-package.ops")),
];

type File = (&'static str, &'static str);

/// Which file defines a type (`type NAME = …`) or an action (`action NAME(`); a scan for such lines, not a parse.
static DEFINITIONS: LazyLock<BTreeMap<&'static str, File>> = LazyLock::new(|| {
    let name = |line: &'static str| {
        let definition = line.strip_prefix("type ").or_else(|| line.strip_prefix("action "))?;
        definition.split([' ', '=', '(']).next()
    };
    FILES.iter().flat_map(|file| file.1.lines().filter_map(name).map(|name| (name, *file))).collect()
});

fn noun_of(file: &'static str) -> &'static str {
    file.split_once('-').map_or(file, |(noun, _)| noun)
}

/// Name and text of every file.
pub fn files() -> impl Iterator<Item = File> {
    FILES.iter().copied()
}

/// The file with an action; all files of its noun where there is no such action, so that its neighbours are known.
pub fn files_of_action(name: &str) -> Vec<File> {
    match DEFINITIONS.get(name) {
        Some(file) => vec![*file],
        None => {
            let noun = name.split('.').next().unwrap_or_default();
            FILES.iter().copied().filter(|(file, _)| noun_of(file) == noun).collect()
        }
    }
}

/// The file with a type.
pub fn file_of_type(name: &str) -> Option<File> {
    DEFINITIONS.get(name).copied()
}

//! The actions for SELinux over tools that answer as their manuals say: no host of the rig has it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

/// The tools keep their state in `/srv/selinux`; only `-P` says what is so after a reboot.
const TOOLS: &str = r#"mkdir -p /srv/selinux /etc/selinux
echo Permissive > /srv/selinux/mode
echo off > /srv/selinux/now.httpd_can_network_connect
echo off > /srv/selinux/later.httpd_can_network_connect
printf '# kept\nSELINUX=permissive\nSELINUXTYPE=targeted\n' > /etc/selinux/config
tool() { { echo '#!/bin/sh'; cat; } > "/usr/sbin/$1"; chmod 755 "/usr/sbin/$1"; }
tool getenforce <<'EOF'
cat /srv/selinux/mode
EOF
tool setenforce <<'EOF'
case "$1" in 1) echo Enforcing ;; 0) echo Permissive ;; *) exit 1 ;; esac > /srv/selinux/mode
EOF
tool getsebool <<'EOF'
if [ ! -e "/srv/selinux/now.$1" ]; then echo "Error getting active value for $1" >&2; exit 1; fi
echo "$1 --> $(cat "/srv/selinux/now.$1")"
EOF
tool semanage <<'EOF'
[ "$*" = "boolean -l" ] || exit 1
printf 'SELinux boolean                State  Default Description\n\n'
for each in /srv/selinux/now.*; do
  name="${each#*now.}"
  printf '%-30s (%-5s,%5s)  Allow %s\n' "$name" "$(cat "$each")" "$(cat "/srv/selinux/later.$name")" "$name"
done
EOF
tool setsebool <<'EOF'
if [ -e /srv/selinux/locked ]; then echo "Could not change policy booleans" >&2; exit 1; fi
if [ "$1" = -P ]; then shift; echo "$2" > "/srv/selinux/later.$1"; fi
echo "$2" > "/srv/selinux/now.$1"
EOF
"#;

fn case() -> Case {
    let case = Case::new();
    case.host().sh(TOOLS);
    case
}

#[test]
fn a_boolean_is_set_now_and_later() {
    let case = case();
    let shows = "cat /srv/selinux/now.* /srv/selinux/later.*";
    let name = "name: \"httpd_can_network_connect\"";
    case.converges(&format!("selinux.boolean({name})"), shows, "on\non\n");
    // On after a reboot, although it is off now.
    case.host().sh("echo off > /srv/selinux/now.httpd_can_network_connect");
    case.converges(&format!("selinux.boolean({name})"), shows, "on\non\n");
    case.converges(&format!("selinux.boolean({name}, on: false)"), shows, "off\noff\n");
    case.fails_not_undone("selinux.boolean(name: \"no_such\")", shows, &["SELinux knows no such boolean"]);
    case.host().sh("touch /srv/selinux/locked");
    let said = case.run(&format!("selinux.boolean({name})"));
    assert!(said.code != 0 && said.stderr.contains("Could not change policy booleans"), "{said:?}");
}

#[test]
fn the_mode_is_set_now_and_later() {
    let case = case();
    let shows = "cat /srv/selinux/mode /etc/selinux/config";
    let done = "Enforcing\n# kept\nSELINUXTYPE=targeted\nSELINUX=enforcing\n";
    case.converges("selinux.mode(mode: \"enforcing\")", shows, done);
    case.host().sh("echo Disabled > /srv/selinux/mode");
    case.fails_not_undone("selinux.mode(mode: \"permissive\")", shows, &["SELinux is not at work on this host"]);
}

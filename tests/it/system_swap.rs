//! Swap files on a real Debian host. A container may not swap, so but for one test swapon and swapoff are programs that answer
//! as they do, and what the kernel would say is a file in the place of /proc/swaps.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

const PROGRAMS: &str = r#"printf 'Filename\tType\tSize\tUsed\tPriority\n' > /var/log/swaps
cat > /usr/local/sbin/swapon <<'END'
#!/bin/sh
shift
[ "$(dd if="$1" bs=1 skip=4086 count=10 2>/dev/null)" = SWAPSPACE2 ] || { echo "swapon: $1: read swap header failed" >&2; exit 255; }
[ "$(stat -c %a "$1")" = 600 ] || { echo "swapon: $1: insecure permissions" >&2; exit 255; }
printf '%s file %s 0 -2\n' "$(printf '%s' "$1" | sed 's/ /\\040/g')" "$(stat -c %s "$1")" >> /var/log/swaps
END
cat > /usr/local/sbin/swapoff <<'END'
#!/bin/sh
if [ "$1" = -a ]; then sed -i 2,\$d /var/log/swaps.new; head -n 1 /var/log/swaps > /var/log/swaps.new
else place="$(printf '%s' "$2" | sed 's/ /\\040/g')" awk '$1 != ENVIRON["place"]' /var/log/swaps > /var/log/swaps.new; fi
cat /var/log/swaps.new > /var/log/swaps
END
touch /var/log/swaps.new
chmod 755 /usr/local/sbin/swapon /usr/local/sbin/swapoff
mount --bind /var/log/swaps /proc/swaps && cat /proc/swaps"#;

const SHOWS: &str = "sed 1d /proc/swaps | cut -d ' ' -f 1,3; grep swap /etc/fstab 2>/dev/null || true; stat -c '%n %s %a %U' /srv/swap* 2>/dev/null || true";

#[test]
fn a_host_swaps_to_a_file_and_to_none() {
    let case = Case::new();
    assert!(case.host().sh(PROGRAMS).starts_with("Filename"), "what the kernel would say is ours");
    case.host().sh("echo '# mine' > /etc/fstab; mkdir -p -m 700 /root/.opsc/backup");
    let step = |path: &str, size: &str| format!("os.swap(path: \"{path}\", size: {size})");
    let both = "/srv/swap\\040file 4194304\n/srv/swap\\040file none swap sw 0 0\n/srv/swap file 4194304 600 root\n";
    case.converges(&step("/srv/swap file", "4MiB"), SHOWS, both);
    // The one before comes back with another number of its own.
    let larger = step("/srv/swap file", "8MiB");
    case.undoes(&larger, SHOWS);
    let said = case.run(&larger);
    assert_eq!(
        (said.code, changed(&said), case.host().sh(SHOWS)),
        (0, 1, both.replace("4194304", "8388608")),
        "{said:?}"
    );
    case.has_nothing_to_do(&larger);
    case.host().sh("swapoff -- '/srv/swap file'; sed -i /swap/d /etc/fstab");
    case.converges(&larger, SHOWS, &both.replace("4194304", "8388608"));

    case.host().sh("echo precious > /srv/swapless");
    case.fails(&step("/srv/swapless", "1MiB"), SHOWS, &["exists and is no swap file"]);
    case.fails(&step("/srv/none/swap", "1MiB"), SHOWS, &["does not exist"]);
    case.fails(&step("/srv/swap2", "1048577B"), SHOWS, &["of whole MiB"]);
    case.fails(&step("/srv/swap2", "90000TiB"), SHOWS, &["not enough room"]);
    case.host().sh("rm /srv/swapless");

    let off = "/srv/swap file 8388608 600 root\n";
    case.converges("os.no_swap(path: \"/srv/swap file\")", SHOWS, off);
    case.converges(&larger, SHOWS, &both.replace("4194304", "8388608"));
    case.converges("os.no_swap()", SHOWS, off);
    assert_eq!(case.host().sh("cat /etc/fstab"), "# mine\n");
}

#[test]
fn a_host_that_may_not_swap_says_so_and_is_as_before() {
    let case = Case::new();
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    case.fails("os.swap(path: \"/srv/swap\", size: 1MiB)", "ls /srv", &["swapon failed: Operation not permitted"]);
}

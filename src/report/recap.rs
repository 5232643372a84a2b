//! The recap everyone greps: one line a host.

use super::paint::{Tone, paint};
use crate::run::event::HostRecap;

pub fn recap(hosts: &[HostRecap], colour: bool) -> String {
    let width = hosts.iter().map(|recap| recap.host.chars().count()).max().unwrap_or(0);
    hosts.iter().map(|recap| line(recap, width, colour)).collect()
}

fn line(recap: &HostRecap, width: usize, colour: bool) -> String {
    let tone = if recap.failed + recap.unreachable > 0 {
        Tone::Failed
    } else if recap.changed > 0 {
        Tone::Changed
    } else {
        Tone::Ok
    };
    let padding = " ".repeat(width.saturating_sub(recap.host.chars().count()));
    format!(
        "{}{padding} : ok={} changed={} unreachable={} failed={} skipped={} rolled_back={}\n",
        paint(&recap.host, tone, colour),
        recap.ok,
        recap.changed,
        recap.unreachable,
        recap.failed,
        recap.skipped,
        recap.rolled_back
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recap_keeps_its_form() {
        let hosts = [HostRecap { host: "web1".to_string(), ok: 3, changed: 1, ..HostRecap::default() }];
        assert_eq!(recap(&hosts, false), "web1 : ok=3 changed=1 unreachable=0 failed=0 skipped=0 rolled_back=0\n");
    }
}

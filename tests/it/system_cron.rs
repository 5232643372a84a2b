//! The actions for cron jobs on a real Debian host: whole, changed, removed, of somebody who is not there.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

const JOB: &str = "cat /etc/cron.d/backup 2>/dev/null || true; stat -c '%U %a' /etc/cron.d/backup 2>/dev/null || true";

#[test]
fn cron_jobs_are_made_changed_and_removed() {
    let case = Case::new();
    // cron would end the line at a percent sign.
    let job = r#"echo \"it's $HOME\" > /tmp/x-$(date +%F) \\%"#;
    let step = format!("cron.ensure(name: \"backup\", job: \"{job}\", schedule: \"30 2 * * 1-5\", user: \"ops\")");
    let line = r#"30 2 * * 1-5 ops echo "it's $HOME" > /tmp/x-$(date +\%F) \%"#;
    case.converges(&step, JOB, &format!("{line}\nroot 644\n"));
    case.host().sh("chmod 600 /etc/cron.d/backup; chown ops /etc/cron.d/backup");
    let daily = "cron.ensure(name: \"backup\", job: \"true\", schedule: \"@daily\")";
    case.converges(daily, JOB, "@daily root true\nroot 644\n");
    case.converges("cron.remove(name: \"backup\")", JOB, "");
    case.has_nothing_to_do("cron.remove(name: \"backup\")");
    let nobody = daily.replace("\"@daily\"", "\"@daily\", user: \"nobody-at-all\"");
    case.fails(&nobody, JOB, &["there is no user nobody-at-all"]);
}

#[test]
fn names_and_times_that_cron_would_pass_over_are_refused() {
    let case = Case::new();
    // cron says nothing about a file with a dot in its name, and leaves out a whole file for one bad line.
    let job = |name: &str, schedule: &str| {
        let step = format!("cron.ensure(name: \"{name}\", job: \"true\", schedule: \"{schedule}\")");
        case.opsc(&["check"], &step)
    };
    for (name, schedule) in [
        ("a.sh", "@daily"),
        ("a", "60 * * * *"),
        ("a", "0 24 * * *"),
        ("a", "0 0 0 * *"),
        ("a", "0 0 1 13 *"),
        ("a", "0 0 * * 8"),
        ("a", "* * * *"),
        ("a", "@never"),
    ] {
        let said = job(name, schedule);
        assert_eq!(said.code, 11, "{name} {schedule}: {said:?}");
    }
    for schedule in ["*/5 0,12 1-31/2 jan sun", "0  3 * * 1-5", "@reboot"] {
        let said = job("a", schedule);
        assert_eq!(said.code, 0, "{schedule}: {said:?}");
    }
}

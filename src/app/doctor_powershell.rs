//! What `opsc doctor` finds out about PowerShell on a host: whether steps run there, and how long one takes at least.
//! Knows nothing of the way there.

use std::time::Duration;

use super::doctor::Users;
use crate::report::examination::Finding;
use crate::shell::Program;
use crate::transport::Session;

/// Reports what runs there.
const PROBE: &str = include_str!("doctor_powershell.ps1");
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn examine_powershell(
    session: &mut Session,
    users: &Users,
    findings: &mut Vec<Finding>,
) -> Option<Duration> {
    let probe = session.run(None, &Program::powershell(PROBE), LIMIT, &mut |_, _| {}).await;
    let started = tokio::time::Instant::now();
    let finding = match &probe {
        Ok(done) if done.code == 0 => {
            let said = |name: &str| done.text(name).unwrap_or_default().escape_debug().to_string();
            Finding::ok("powershell", format!("{} on {}", said("version"), said("system")))
        }
        Ok(done) => failed(String::from_utf8_lossy(&done.stderr.kept).trim().escape_debug().to_string()),
        Err(error) => failed(error.to_string()),
    };
    findings.push(finding);
    // The first step has started the process; another one tells how long a step takes.
    probe.ok()?;
    session.run(None, &Program::powershell(""), LIMIT, &mut |_, _| {}).await.ok()?;
    let took = started.elapsed();
    for user in users {
        findings.push(reached(session, user).await);
    }
    Some(took)
}

/// Whether there can be a task of the user.
async fn reached(session: &mut Session, user: &str) -> Finding {
    let found = match session.run(Some(user), &Program::powershell(""), LIMIT, &mut |_, _| {}).await {
        Ok(done) if done.code == 0 && !done.timed_out => return Finding::ok("task", format!("{user} is reached")),
        Ok(done) if done.timed_out => format!("no task of {user} has ended within {} s", LIMIT.as_secs()),
        Ok(done) => String::from_utf8_lossy(&done.stderr.kept).trim().escape_debug().to_string(),
        Err(error) => error.to_string(),
    };
    Finding::failed(
        "task",
        found,
        "log in as an administrator there, and name an account that may log on as a batch job",
    )
}

fn failed(found: String) -> Finding {
    Finding::failed(
        "powershell",
        found,
        "there must be Windows PowerShell 5.1 in full language mode: `powershell.exe -Command \"$PSVersionTable; \
         $ExecutionContext.SessionState.LanguageMode\"` there shows it",
    )
}

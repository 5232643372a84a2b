//! `opsc lock ls` and `opsc lock break`: hosts that runs keep for themselves.

use super::args::{Format, Global};
use super::args_hosts::LockCommand;
use super::output::Output;
use super::runs::{broken, open};
use crate::app::auditing::by;
use crate::report::lock_text::{lock_line, locks_json};
use crate::state::{Journal, Lock};

pub fn run(command: &LockCommand, global: &Global, output: &mut Output) -> i32 {
    let opened = open(global, output).and_then(|journal| match journal.locks() {
        Ok(locks) => Ok((journal, locks)),
        Err(error) => Err(broken(&error, output)),
    });
    let (journal, locks) = match opened {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    match command {
        LockCommand::Ls { output: format } => list(&locks, *format, output),
        LockCommand::Break { host, yes } => take_away(&journal, &locks, (host, *yes), output),
    }
}

fn list(locks: &[Lock], format: Format, output: &mut Output) -> i32 {
    if format == Format::Json {
        output.print(&format!("{:#}\n", locks_json(locks)));
        return 0;
    }
    if locks.is_empty() {
        output.say("no host is locked\n");
    }
    locks.iter().for_each(|lock| output.print(&lock_line(lock)));
    0
}

/// Of a run that is gone it needs no question: nothing changes that host any more.
fn take_away(journal: &Journal, locks: &[Lock], (host, yes): (&str, bool), output: &mut Output) -> i32 {
    let Some(lock) = locks.iter().find(|lock| lock.host == host) else {
        let hint = "`opsc lock ls` lists the locks";
        output.complain(&format!("error: `{host}` is not locked\nhint: {hint}\n"));
        return 10;
    };
    let run = lock.holder.id;
    if !yes && !lock.holder.is_gone() {
        if !output.may_ask {
            output.complain(&format!(
                "error: run {run} may still be at work on `{host}`, and there is no terminal to ask on\nhint: add `-y`\n"
            ));
            return 3;
        }
        if !output.confirm(&format!(
            "run {run} may still be at work on {host}, and would begin nothing more there; take its lock away?"
        )) {
            output.complain("nothing was done\n");
            return 3;
        }
    }
    match journal.unlock(host, &by()) {
        Ok(()) => {
            output.say(&format!("{host} is free; run {run} had it\n"));
            0
        }
        Err(error) => broken(&error, output),
    }
}

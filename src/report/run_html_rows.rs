//! The page's lists and tables: failures, the recap, changes, the timeline. Hosts that say the same stand together.

use std::collections::BTreeSet;

use super::run_html::{section, tone};
use super::story::{BlockStory, End, StepStory, Story};
use super::xml::html;
use crate::base::words;
use crate::run::event::{HostRecap, Outcome};

/// More hosts than these are counted, not named.
const MOST_NAMED: usize = 12;
/// The last lines of an output; all of it is in the logs.
const MOST_LINES: usize = 40;

pub(super) fn failures(story: &Story<'_>) -> String {
    let mut groups: Vec<(Vec<&str>, &StepStory)> = Vec::new();
    for step in steps(story).filter(|step| step.is_bad()) {
        let same = |first: &StepStory| {
            first.step == step.step && first.end == step.end && first.error == step.error && first.output == step.output
        };
        match groups.iter_mut().find(|(_, first)| same(first)) {
            Some((hosts, _)) => hosts.push(&step.host),
            None => groups.push((vec![&step.host], step)),
        }
    }
    let place = |host: &str| story.recap.iter().position(|recap| recap.host == host);
    groups.iter_mut().for_each(|(hosts, _)| hosts.sort_by_key(|host| place(host)));
    section("What failed", &groups.iter().map(|(hosts, step)| failure(hosts, step)).collect::<String>())
}

fn failure(hosts: &[&str], step: &StepStory) -> String {
    let code = step.evidence.code.map(|code| format!(", exit {code}")).unwrap_or_default();
    let attempts = if step.attempt > 1 { format!(", after {} attempts", step.attempt) } else { String::new() };
    let how = format!("{}{code}{attempts}", step.outcome_word(false));
    let error = step.error.as_deref().unwrap_or("no error is recorded");
    let lines: Vec<&str> = step.output.lines().collect();
    let shown = lines.get(lines.len().saturating_sub(MOST_LINES)..).unwrap_or_default().join("\n");
    let said = if shown.trim().is_empty() {
        String::new()
    } else {
        format!("<p class=\"quiet\">The end of what it printed:</p>\n<pre>{}</pre>\n", html(&shown))
    };
    format!(
        "<h3>{} on {} <span class=\"bad\">{}</span></h3>\n<pre class=\"error\">{}</pre>\n{said}",
        html(&step.step),
        html(&words::join_some(hosts, MOST_NAMED)),
        html(&how),
        html(error.trim_end())
    )
}

pub(super) fn hosts(story: &Story<'_>) -> String {
    if story.recap.is_empty() {
        return section("Hosts", "<p class=\"quiet\">The run has no end in the journal, so there is no recap.</p>\n");
    }
    let row = |recap: &HostRecap| {
        let counts = [
            (recap.ok, "ok"),
            (recap.changed, "changed"),
            (recap.unreachable, "bad"),
            (recap.failed, "bad"),
            (recap.skipped, "skipped"),
            (recap.rolled_back, "rolled_back"),
        ];
        let cell = |(count, tone): (usize, &str)| {
            let tone = if count == 0 { "quiet" } else { tone };
            format!("<td class=\"number {tone}\">{count}</td>")
        };
        format!("<tr><td>{}</td>{}</tr>\n", html(&recap.host), counts.map(cell).concat())
    };
    let names = ["ok", "changed", "unreachable", "failed", "skipped", "rolled back"];
    let heads = names.map(|name| format!("<th class=\"number\">{name}</th>")).concat();
    let rows: String = story.recap.iter().map(row).collect();
    section("Hosts", &format!("<div class=\"scroll\"><table>\n<tr><th>host</th>{heads}</tr>\n{rows}</table></div>\n"))
}

/// What is not any more as it was.
pub(super) fn changed(story: &Story<'_>) -> String {
    let back: BTreeSet<(&str, &str)> =
        steps(story).filter(|step| is(step, Outcome::RolledBack)).map(|step| (&*step.host, &*step.step)).collect();
    let stays = |step: &&StepStory| is(step, Outcome::Changed) && !back.contains(&(&*step.host, &*step.step));
    section("Changed", &steps(story).filter(stays).map(change).collect::<String>())
}

fn change(step: &StepStory) -> String {
    let differences = step.differences();
    let name = format!("<span class=\"changed\">{}</span>: {}", html(&step.host), html(&step.step));
    if differences.is_empty() {
        return format!("<p>{name}</p>\n");
    }
    let line = |(field, before, after): &(&str, &str, &str)| format!("{field}\n  - {before}\n  + {after}\n");
    let lines: String = differences.iter().map(line).collect();
    format!("<details><summary>{name}</summary>\n<pre>{}</pre></details>\n", html(lines.trim_end()))
}

pub(super) fn undone(story: &Story<'_>) -> String {
    let line = |step: &StepStory| {
        format!("<p><span class=\"rolled_back\">{}</span>: {}</p>\n", html(&step.host), html(&step.step))
    };
    let undone = steps(story).filter(|step| is(step, Outcome::RolledBack));
    section("Rolled back", &undone.map(line).collect::<String>())
}

pub(super) fn timeline(story: &Story<'_>) -> String {
    let start = story.details.summary.record.started;
    let last = steps(story).filter_map(|step| step.ended).max();
    let whole = story.details.summary.finished.max(last).unwrap_or(start).saturating_sub(start).max(1);
    let tables: String = story.blocks.iter().map(|block| table(block, start, whole, story.alive)).collect();
    section(
        "Steps",
        &if tables.is_empty() { "<p class=\"quiet\">No step was started.</p>\n".to_string() } else { tables },
    )
}

fn table(block: &BlockStory, start: u64, whole: u64, alive: bool) -> String {
    let name = if block.name.is_empty() { "outside of blocks" } else { &block.name };
    let row = |step: &StepStory| {
        let took = step.ended.map(|ended| ended.saturating_sub(step.began));
        let share = |length: u64| format!("{}.{}%", length * 100 / whole, length * 1000 / whole % 10);
        let ran = match (step.evidence.done_in, took) {
            (Some(run), _) => format!("in run {run}"),
            (None, Some(took)) => words::duration(took),
            (None, None) => "?".to_string(),
        };
        let tone = tone(step);
        format!(
            "<tr><td>{}</td><td>{}</td><td class=\"{tone}\">{}</td><td class=\"number\">{ran}</td>\
             <td class=\"time\"><span class=\"bar {tone}\" style=\"margin-left:{};width:{}\"></span></td></tr>\n",
            html(&step.host),
            html(&step.step),
            step.outcome_word(alive).replace('_', " "),
            share(step.began.saturating_sub(start).min(whole)),
            share(took.unwrap_or(0).min(whole)),
        )
    };
    let rows: String = block.steps.iter().map(row).collect();
    let not_started = block.not_started.as_ref().map_or(String::new(), |left_out| {
        format!("<p>{}. Not started: {}</p>\n", html(&left_out.why), html(&left_out.hosts.join(", ")))
    });
    format!(
        "<h3>{}</h3>\n<div class=\"scroll\"><table>\n<tr><th>host</th><th>step</th><th>outcome</th>\
         <th class=\"number\">took</th><th></th></tr>\n{rows}</table></div>\n{not_started}",
        html(name)
    )
}

fn is(step: &StepStory, outcome: Outcome) -> bool {
    step.end == End::Told(outcome)
}

fn steps<'s>(story: &'s Story<'_>) -> impl Iterator<Item = &'s StepStory> {
    story.blocks.iter().flat_map(|block| &block.steps)
}

//! One run as a page of its own: no script, nothing fetched, light and dark. What went wrong comes first. Every text is
//! escaped, most of them come from hosts.

use super::approval_text::{at_batch, verdict_text};
use super::link::{later_text, link, link_text};
use super::run_html_rows::{changed, failures, hosts, timeline, undone};
use super::run_text::{short, status, time_text};
use super::story::{End, StepStory, Story};
use super::xml::html;
use crate::base::words;
use crate::state::Approval;

const STYLE: &str = include_str!("run_html.css");

pub fn run_html(story: &Story<'_>) -> String {
    let summary = &story.details.summary;
    let title = format!("{}: run {}, {}", summary.record.playbook, summary.id, status(summary, story.alive));
    let sections: String = [
        head(story),
        failures(story),
        left(story),
        unknown(story),
        approvals(story),
        hosts(story),
        changed(story),
        undone(story),
        timeline(story),
        origin(story),
    ]
    .concat();
    // Even what would slip through could load nothing and run nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{sections}</main>\n</body>\n</html>\n",
        html(&title)
    )
}

/// A part of the page with its headline; nothing where there is nothing to tell.
pub(super) fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section>\n<h2>{title}</h2>\n{body}</section>\n") }
}

/// The class that colours a word.
pub(super) fn tone(step: &StepStory) -> &'static str {
    match step.end {
        _ if step.is_bad() => "bad",
        End::Told(outcome) => outcome.name(),
        End::Unknown { .. } => "bad",
    }
}

fn head(story: &Story<'_>) -> String {
    let summary = &story.details.summary;
    let record = &summary.record;
    let word = status(summary, story.alive);
    let tone = match word {
        "done" | "rolled_back" | "waiting" | "running" => word,
        _ => "bad",
    };
    let mut told = vec![format!("run {}", summary.id)];
    told.extend(summary.exit.map(|exit| format!("exit {exit}")));
    told.push(time_text(record.started));
    told.extend(summary.finished.map(|end| format!("took {}", words::duration(end.saturating_sub(record.started)))));
    told.push(format!("by {} on {}", record.user, record.machine));
    told.extend(link(record).map(link_text));
    told.extend(story.later.map(later_text));
    format!(
        "<header>\n<p class=\"state {tone}\">{}</p>\n<h1>{}</h1>\n<p class=\"quiet\">{}</p>\n</header>\n",
        html(word),
        html(&record.playbook),
        html(&told.join(" · "))
    )
}

fn left(story: &Story<'_>) -> String {
    let line = |left: &super::left::Left| {
        let steps: Vec<String> = left.steps.iter().map(|step| html(step)).collect();
        format!("<p><span class=\"bad\">{}</span>: {}</p>\n", html(&left.host), steps.join(", "))
    };
    let lines: String = story.left.iter().map(line).collect();
    let why = "<p class=\"quiet\">These steps changed a host and were not undone.</p>\n";
    section("Not as before", &if lines.is_empty() { lines } else { format!("{why}{lines}") })
}

fn unknown(story: &Story<'_>) -> String {
    let title = if story.alive { "Under way" } else { "Not known" };
    let steps = story.blocks.iter().flat_map(|block| &block.steps);
    let line = |step: &StepStory| match step.end {
        End::Unknown { .. } if story.alive => format!("<p>{}: {}</p>\n", html(&step.host), html(&step.step)),
        End::Unknown { intended: true } => format!(
            "<p><span class=\"bad\">{}</span>: {}. The intent is recorded and no result: what happened on the host is not known.</p>\n",
            html(&step.host),
            html(&step.step)
        ),
        End::Unknown { intended: false } => format!(
            "<p>{}: {}. It began, no result is recorded, and no change was begun.</p>\n",
            html(&step.host),
            html(&step.step)
        ),
        End::Told(_) => String::new(),
    };
    section(title, &steps.map(line).collect::<String>())
}

fn approvals(story: &Story<'_>) -> String {
    let line = |approval: &Approval| {
        let said = verdict_text(approval).unwrap_or_else(|| format!("waits for {}", words::join_or(&approval.by)));
        let gate = at_batch(&approval.gate, approval.batch);
        format!("<p>{}: {}</p>\n<pre>{}</pre>\n", html(&gate), html(&said), html(&approval.message))
    };
    section("Approvals", &story.details.approvals.iter().map(line).collect::<String>())
}

/// What the run was made of.
fn origin(story: &Story<'_>) -> String {
    let record = &story.details.summary.record;
    let dirty = if record.dirty == Some(true) { ", with uncommitted changes" } else { "" };
    let commit = record.commit.as_deref().map(|commit| format!(" · commit {}{dirty}", short(commit)));
    format!(
        "<footer>\n<p class=\"mono\">{}</p>\n<p>Times are UTC. What is told here was observed and is in the journal; \
         <code>opsc logs {}</code> has all that the steps printed. opsc {}</p>\n</footer>\n",
        html(&format!(
            "{} (sha256 {}) · plan {}{}",
            record.path,
            short(&record.source_sha256),
            record.digest,
            commit.unwrap_or_default()
        )),
        story.details.summary.id,
        env!("CARGO_PKG_VERSION")
    )
}

//! Where everything printed goes: results to standard output, progress and errors to standard error. A closed pipe
//! ends the program quietly; results that cannot be written for another reason are a failure.

use std::io::{BufWriter, Error, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::args::Global;
use crate::app::AppError;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::diag::render::{Colour, render};

/// Few enough writes that their number no longer shows, and small enough to stay in the cache.
const JSON_BUFFER: usize = 64 * 1024;

pub struct Output {
    pub colour: bool,
    pub quiet: bool,
    pub may_ask: bool,
    /// A line of standard error can be written over.
    pub may_redraw: bool,
    /// Nobody is there to ask: `--no-input`, or `CI`.
    pub no_input: bool,
    /// Nobody reads results any more.
    closed: bool,
    /// Nobody reads the rest.
    deaf: bool,
    /// Why results are not written, where somebody would have read them.
    unwritten: Option<Error>,
}

impl Output {
    pub fn new(global: &Global) -> Output {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let forced = set("CLICOLOR_FORCE");
        let is_shown = std::io::stderr().is_terminal();
        let may_redraw = is_shown && obeys_escapes(std::env::var("TERM").as_deref().unwrap_or_default());
        let colour = !global.no_color && !set("NO_COLOR") && (forced || may_redraw);
        let terminal = std::io::stdin().is_terminal() && is_shown;
        let no_input = global.no_input || set("CI");
        Output {
            colour,
            quiet: global.quiet,
            may_ask: terminal && !no_input,
            may_redraw,
            no_input,
            closed: false,
            deaf: false,
            unwritten: None,
        }
    }

    /// A result.
    pub fn print(&mut self, text: &str) {
        if !self.closed {
            self.note(std::io::stdout().write_all(text.as_bytes()));
        }
    }

    /// After a write of results.
    fn note(&mut self, written: Result<(), Error>) {
        let Err(error) = written else { return };
        self.closed = true;
        if error.kind() != ErrorKind::BrokenPipe {
            self.unwritten = Some(error);
        }
    }

    /// A result for programs, written while it is made: a large one is never held as text.
    pub fn print_json(&mut self, result: &impl Serialize) {
        if self.closed {
            return;
        }
        let mut writer = BufWriter::with_capacity(JSON_BUFFER, std::io::stdout().lock());
        let written = serde_json::to_writer_pretty(&mut writer, result).map_err(Error::from);
        let written = written.and_then(|()| writeln!(writer)).and_then(|()| writer.flush());
        // What is left in the buffer would be tried once more.
        drop(writer.into_parts());
        self.note(written);
    }

    /// Progress; nothing when quiet.
    pub fn say(&mut self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// An error or a warning.
    pub fn complain(&mut self, text: &str) {
        // Without standard error there is nobody to tell.
        self.deaf = self.deaf || std::io::stderr().write_all(text.as_bytes()).is_err();
    }

    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic], sources: &Sources) {
        let colour = if self.colour { Colour::Always } else { Colour::Never };
        self.complain(&render(diagnostics, sources, colour));
    }

    /// Says why a command failed; its exit code.
    pub fn fail(&mut self, error: &AppError, sources: Option<&Sources>) -> i32 {
        if let Some(sources) = sources {
            self.diagnostics(error.diagnostics(), sources);
        }
        self.complain(&format!("error: {error}\n"));
        if let Some(hint) = error.hint() {
            self.complain(&format!("hint: {hint}\n"));
        }
        error.exit_code()
    }

    /// Asks a question that only `y` or `yes` affirms.
    pub fn confirm(&mut self, question: &str) -> bool {
        matches!(self.ask(&format!("{question} [y/N] ")).as_str(), "y" | "Y" | "yes" | "Yes")
    }

    /// One line from the terminal, without the spaces around it; empty where there is nothing to read.
    pub fn ask(&mut self, prompt: &str) -> String {
        self.complain(prompt);
        let mut answer = String::new();
        match std::io::stdin().read_line(&mut answer) {
            Ok(_) => answer.trim().to_string(),
            Err(_) => String::new(),
        }
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Flushes; a reader that went away is not a failure of the command.
    pub fn finish(&mut self, code: i32) -> i32 {
        if !self.closed {
            self.note(std::io::stdout().flush());
        }
        let Some(error) = self.unwritten.take() else { return code };
        self.complain(&format!(
            "error: the result cannot be written to standard output: {error}\nhint: what was done is done; ask for it again where there is room\n"
        ));
        if code == 0 { 1 } else { code }
    }
}

/// Whether the terminal of this name can be told to erase and to colour; one that nobody named shows what it is told.
fn obeys_escapes(terminal: &str) -> bool {
    !matches!(terminal, "" | "dumb" | "unknown")
}

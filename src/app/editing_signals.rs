//! Signals while a text of secrets lies in a folder: whatever would end the process takes the folder away first. Knows
//! nothing of what is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::errors::AppError;

/// Exit codes of a process that these ended.
pub(super) const HUNG_UP: i32 = 129;
const INTERRUPTED: i32 = 130;
pub(super) const TERMINATED: i32 = 143;

/// What was heard.
#[derive(Default)]
pub(super) struct Signals {
    /// The exit code of the last one that would have ended the process; 0 for none.
    told: AtomicI32,
    /// Whether a person is asked: nobody else can end the process then.
    is_asking: AtomicBool,
}

impl Signals {
    /// From when this is done on, no signal ends the process by itself.
    pub(super) async fn watch(
        self: &Arc<Self>,
        folder: PathBuf,
        take_away: fn(&Path),
        leave: fn(i32),
    ) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let signals = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => INTERRUPTED,
                    _ = terminate.recv() => TERMINATED,
                    _ = hangup.recv() => HUNG_UP,
                };
                // Ctrl-C is the editor's, as long as it is open.
                if code != INTERRUPTED {
                    signals.told.store(code, Ordering::SeqCst);
                }
                if signals.is_asking.load(Ordering::SeqCst) {
                    take_away(&folder);
                    leave(code);
                }
            }
        });
        Ok(())
    }

    /// A question to a person; one that nobody answers any more is not asked.
    pub(super) fn while_asking(&self, ask: impl FnOnce() -> bool) -> Result<bool, AppError> {
        self.is_asking.store(true, Ordering::SeqCst);
        self.expect_none()?;
        let answer = ask();
        self.is_asking.store(false, Ordering::SeqCst);
        Ok(answer)
    }

    pub(super) fn expect_none(&self) -> Result<(), AppError> {
        match self.told.load(Ordering::SeqCst) {
            0 => Ok(()),
            code => Err(AppError::Editor { reason: "stopped; nothing was written".to_string(), code }),
        }
    }
}

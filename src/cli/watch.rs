//! Runs something again whenever a file below some paths changes, until the process is ended. Knows not what it runs.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher};

/// Editors write in several steps; what comes within this time is one change.
const SETTLES: Duration = Duration::from_millis(50);

/// Calls `work` now and after every change; returns only if nothing can be watched.
pub fn watch(paths: &[PathBuf], work: &mut dyn FnMut()) -> notify::Result<()> {
    let (tell, told) = channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Without a listener the process is ending.
        drop(tell.send(event));
    })?;
    for path in paths {
        let (folder, mode) = place(path);
        watcher.watch(folder, mode)?;
    }
    loop {
        work();
        if !wait(&told) {
            return Ok(());
        }
    }
}

/// A file is watched by its folder: editors replace files, and a watch on the old one would see nothing more.
fn place(path: &Path) -> (&Path, RecursiveMode) {
    if path.is_dir() {
        return (path, RecursiveMode::Recursive);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    (folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)
}

/// Waits until something that matters has changed and no more comes; false where nobody watches any more.
fn wait(told: &Receiver<notify::Result<Event>>) -> bool {
    loop {
        match told.recv() {
            Ok(Ok(event)) if matters(&event) => break,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    while told.recv_timeout(SETTLES).is_ok() {}
    true
}

/// Reading a file is an event too, and this program reads them itself.
fn matters(event: &Event) -> bool {
    const ENDINGS: &[&str] = &["ops", "yaml", "yml", "toml"];
    let ending =
        |path: &PathBuf| path.extension().and_then(|ending| ending.to_str()).is_some_and(|it| ENDINGS.contains(&it));
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(ending)
}

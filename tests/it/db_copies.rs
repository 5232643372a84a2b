//! `opsc db backup` and `opsc db restore`: copies of a journal that is written to, refused, damaged, and brought back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::db_check::Kept;
use super::project::Said;

const WAITS: &str = "ops 1\n\nplaybook waits() ! change, exec {\n  on host(\"w2\") {\n    shell.run(script: sh\"echo begun; until [ -e ROOT/go ]; do sleep 0.02; done\", effect: \"change\")\n  }\n}\n";

fn runs(kept: &Kept) -> Vec<String> {
    let listed = kept.opsc("runs").stdout;
    listed.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The path that stands behind a word of what was said.
fn named(said: &Said, mark: &str) -> PathBuf {
    let line = said.stdout.lines().find(|line| line.starts_with(mark)).unwrap_or_else(|| panic!("{said:?}"));
    PathBuf::from(line.trim_start_matches(mark))
}

/// A run that has begun and waits.
fn waiting(kept: &Kept) -> std::process::Child {
    let root = kept.project.path("root").display().to_string();
    kept.project.write("waits.ops", &WAITS.replace("ROOT", &root));
    let mut child = kept.project.spawn(&["run", "waits.ops", "-y", "-o", "ndjson"]);
    let mut events = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(events.any(|event| event.unwrap().contains("begun")));
    child
}

#[test]
fn a_backup_is_private_whole_and_never_over_another_file() {
    let kept = Kept::new();
    let made = kept.opsc("db backup");
    assert_eq!(made.code, 0, "{made:?}");
    let copy = PathBuf::from(made.stdout.trim_end());
    assert_eq!(copy.parent(), kept.journal().parent(), "beside the journal");
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(kept.opsc(&format!("db check --file {}", copy.display())).code, 0);

    kept.project.write("mine", "precious");
    let refused = kept.opsc("db backup mine");
    assert_eq!(refused.code, 10, "{refused:?}");
    assert_eq!(refused.stderr, "error: `mine` exists, and nothing is written over it\nhint: name another file\n");
    assert_eq!(kept.project.read("mine").as_deref(), Some("precious"));
    let nowhere = kept.opsc("db backup no/such/folder");
    assert_eq!(nowhere.code, 1, "{nowhere:?}");
    assert!(
        std::fs::read_dir(kept.project.folder.path()).unwrap().all(|file| !file
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("part"))
    );

    let empty = super::project::Project::new();
    let refused = empty.opsc(&["db", "backup"]);
    assert_eq!(refused.code, 10, "{refused:?}");
    assert!(!empty.path(".opsc").exists(), "looking for a journal makes none");
}

#[test]
fn a_backup_is_made_while_a_run_writes_and_restore_waits_for_its_end() {
    let kept = Kept::new();
    let mut run = waiting(&kept);
    assert_eq!(kept.opsc("db backup during.sqlite").code, 0);
    let refused = kept.opsc("db restore during.sqlite -y");
    assert_eq!(refused.code, 26, "{refused:?}");
    assert!(refused.stderr.starts_with("error: run 4 may be under way (`waits`, by root on "), "{refused:?}");
    kept.project.write("root/go", "");
    assert!(run.wait().unwrap().success());
    assert_eq!(runs(&kept)[0], "4 done", "it wrote on as if nothing had been");

    let restored = kept.opsc("db restore during.sqlite");
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(runs(&kept)[0], "4 interrupted", "as it was then, and its process is gone");
    let resumed = kept.opsc("resume 4 -y");
    assert_eq!(resumed.code, 3, "nobody knows any more how the step ended: {resumed:?}");
}

#[test]
fn a_backup_comes_back_and_what_was_there_is_kept() {
    let kept = Kept::new();
    assert_eq!(kept.opsc("db backup good.sqlite").code, 0);
    let before = runs(&kept);
    assert_eq!(kept.opsc("exec -l w1 -y -- true").code, 0);
    let after = runs(&kept);
    let good = std::fs::read(kept.project.path("good.sqlite")).unwrap();
    let restored = kept.opsc("db restore good.sqlite");
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(restored.stdout.ends_with("only there: run 4\n"), "{restored:?}");
    assert_eq!(runs(&kept), before);
    assert_eq!(kept.opsc("db check").code, 0);
    assert_eq!(std::fs::read(kept.project.path("good.sqlite")).unwrap(), good, "the backup stays as it is");
    let there = named(&restored, "what was there is ");
    assert_eq!(mode(&there), 0o600);
    assert_eq!(kept.opsc(&format!("db restore {}", there.display())).code, 0);
    assert_eq!(runs(&kept), after, "and back again");
    assert_eq!(kept.opsc("approve 3 --as ann").code, 10, "what was said then is said");
}

#[test]
fn what_is_not_whole_is_not_brought_back() {
    let kept = Kept::new();
    assert_eq!(kept.opsc("db backup good.sqlite").code, 0);
    let whole = std::fs::read(kept.project.path("good.sqlite")).unwrap();
    std::fs::write(kept.project.path("cut.sqlite"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(kept.project.path("doubtful.sqlite"), &whole).unwrap();
    let connection = rusqlite::Connection::open(kept.project.path("doubtful.sqlite")).unwrap();
    connection.execute_batch("UPDATE runs SET status = 'fine' WHERE id = 2").unwrap();
    drop(connection);
    kept.project.write("notes.txt", "these are notes, and no database at all");
    let before = std::fs::read(kept.journal()).unwrap();
    for (file, flag, code, told) in [
        ("cut.sqlite", "-y", 1, "is not whole: file: "),
        ("notes.txt", "-y", 1, "is not whole: file: file is not a database"),
        ("doubtful.sqlite", "", 1, "is not whole: runs 2: no run ends as `fine`"),
        ("nowhere.sqlite", "", 10, "there is no journal"),
    ] {
        let refused = kept.opsc(&format!("db restore {file} {flag}"));
        assert_eq!(refused.code, code, "{file}: {refused:?}");
        assert!(refused.stderr.contains(told), "{file}: {refused:?}");
        assert_eq!(std::fs::read(kept.journal()).unwrap(), before, "{file}");
    }
    assert_eq!(kept.opsc("db restore doubtful.sqlite -y").code, 0, "whoever insists");
    let nowhere = kept.opsc("db backup nowhere/a.sqlite");
    assert!(nowhere.code == 1 && nowhere.stderr.starts_with("error: cannot write `nowhere/a.sqlite`: "), "{nowhere:?}");
}

#[test]
fn a_damaged_journal_is_moved_away_and_a_lost_one_comes_back() {
    let kept = Kept::new();
    assert_eq!(kept.opsc("db backup good.sqlite").code, 0);
    let before = runs(&kept);
    for damage in [b"not a database at all".repeat(300), std::fs::read(kept.journal()).unwrap()[..5000].to_vec()] {
        std::fs::write(kept.journal(), &damage).unwrap();
        for command in ["runs", "exec -l w1 -y -- true"] {
            let refused = kept.opsc(command);
            assert!(refused.code == 1 && refused.stderr.contains("`opsc db restore FILE` puts a copy"), "{refused:?}");
        }
        let restored = kept.opsc("db restore good.sqlite");
        assert_eq!(restored.code, 0, "{restored:?}");
        assert_eq!(std::fs::read(named(&restored, "what was there is ")).unwrap(), damage, "kept as it was");
        assert_eq!(runs(&kept), before);
    }
    std::fs::remove_dir_all(kept.project.path(".opsc")).unwrap();
    let restored = kept.opsc("db restore good.sqlite");
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!((runs(&kept), mode(&kept.journal())), (before, 0o600));
}

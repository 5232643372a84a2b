//! A folder of the project on this machine: brought, compared, cleared of what is not in it, and taken back.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Instant;

use super::stdlib_cases::{Case, mode};

const NAMES: &[&str] =
    &["plain", "with space", "-n", "quote'd", "$(touch hacked)", "ä;rm", "two\nlines", "end\n", "*", "\\", ".hidden"];

fn case() -> Case {
    let case = Case::new();
    for name in NAMES {
        case.project.write(&format!("site/{name}"), &format!("of {name}\n"));
        case.project.write(&format!("site/sub of {name}/{name}"), name);
    }
    std::fs::create_dir(case.project.path("site/empty")).unwrap();
    set_mode(&case.project.path("site/plain"), 0o755);
    symlink("../plain", case.project.path("site/empty/link")).unwrap();
    symlink("nowhere", case.project.path("site/-lost")).unwrap();
    case
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_as_here(project: &super::project::Project) -> bool {
    NAMES.iter().all(|name| {
        project.read(&format!("root/out/{name}")) == project.read(&format!("site/{name}"))
            && project.read(&format!("root/out/sub of {name}/{name}")).as_deref() == Some(*name)
    }) && std::fs::read_link(project.path("root/out/empty/link")).unwrap() == Path::new("../plain")
        && std::fs::read_link(project.path("root/out/-lost")).unwrap() == Path::new("nowhere")
        && mode(project, "root/out/plain") == 0o755
        && mode(project, "root/out/-n") == 0o644
        && mode(project, "root/out/empty") == 0o755
}

const STEP: &str = "file.tree(from: folder(\"site\"), to: \"{root}/out\")";
const DELETE: &str = "file.tree(from: folder(\"site\"), to: \"{root}/out\", delete: true)";

#[test]
fn file_tree_into_nothing_and_over_another() {
    let case = case();
    case.converges(STEP, "change", is_as_here);
    assert!(!case.project.path("hacked").exists() && !case.project.path("home/hacked").exists());

    let path = |name: &str| case.project.path(&format!("root/out/{name}"));
    case.project.write("root/out/-n", "other");
    set_mode(&path("-n"), 0o600);
    std::fs::remove_file(path("two\nlines")).unwrap();
    std::fs::remove_file(path("end\n")).unwrap();
    symlink("plain", path("end\n")).unwrap();
    std::fs::remove_file(path("-lost")).unwrap();
    symlink("elsewhere", path("-lost")).unwrap();
    std::fs::remove_dir_all(path("sub of -n")).unwrap();
    set_mode(&path("plain"), 0o600);
    case.project.write("root/out/more/own", "own");
    case.converges(STEP, "change", |project| {
        let kept = mode(project, "root/out/-n") == 0o600;
        set_mode(&project.path("root/out/-n"), 0o644);
        let is_right = is_as_here(project) && project.read("root/out/more/own").as_deref() == Some("own");
        set_mode(&project.path("root/out/-n"), 0o600);
        kept && is_right && !project.path("root/out/end\n").is_symlink()
    });
    case.has_nothing_to_do(STEP, "change");
}

#[test]
fn file_tree_takes_away_what_is_not_in_it_and_nothing_else() {
    let case = case();
    case.project.write("root/elsewhere/kept", "kept");
    for name in ["own/deep/x", "own/deep/.y", "top", "a.log", "cache/c", "mixed/a.log", "mixed/b", "sub of -n/more"] {
        case.project.write(&format!("root/out/{name}"), "own");
    }
    case.project.write("site/no.log", "never");
    std::fs::write(case.project.path("root/out").join(OsStr::from_bytes(b"not \xff text")), "x").unwrap();
    symlink("../elsewhere", case.project.path("root/out/way")).unwrap();
    symlink("../elsewhere", case.project.path("root/out/own/way")).unwrap();
    let step = "file.tree(from: folder(\"site\"), to: \"{root}/out\", delete: true, exclude: [\"*.log\", \"cache\"])";
    case.converges(step, "change", |project| {
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(project.path(folder)).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into()).collect();
            names.sort();
            names
        };
        is_as_here(project)
            && !["own", "top", "way", "mixed/b", "sub of -n/more", "no.log"]
                .iter()
                .any(|name| project.path(&format!("root/out/{name}")).exists())
            && names("root/out").len() == 2 * NAMES.len() + 2 + 3
            && (names("root/out/mixed"), names("root/out/cache")) == (vec!["a.log".into()], vec!["c".into()])
            && project.read("root/elsewhere/kept").as_deref() == Some("kept")
    });
}

#[test]
fn file_tree_does_not_take_the_place_of_another_kind_unless_told() {
    let case = case();
    case.project.write("root/elsewhere/link", "kept");
    case.project.write("root/out/plain/x", "x");
    case.fails(STEP, "change", "something of another kind in the place of plain; delete: true takes it away");
    symlink("../elsewhere", case.project.path("root/out/empty")).unwrap();
    case.converges(DELETE, "change", |project| {
        is_as_here(project) && project.read("root/elsewhere/link").as_deref() == Some("kept")
    });
    case.project.write("root/file", "x");
    case.fails("file.tree(from: folder(\"site\"), to: \"{root}/file\")", "change", "is not a folder");
    case.fails("file.tree(from: folder(\"site\"), to: \"{root}/no/out\")", "change", "does not exist");
    // It fails half-way, and what was done goes back.
    let owned = "file.tree(from: folder(\"site\"), to: \"{root}/new\", owner: \"no-such-user\")";
    case.fails(owned, "change", "no-such-user");
    // A folder that is a link is the folder behind it.
    std::fs::create_dir(case.project.path("root/behind")).unwrap();
    symlink("behind", case.project.path("root/way")).unwrap();
    case.converges("file.tree(from: folder(\"site\"), to: \"{root}/way\")", "change", |project| {
        project.path("root/way").is_symlink() && project.path("root/behind/empty/link").is_symlink()
    });
}

#[test]
fn file_tree_gives_the_rights_that_are_said() {
    let case = case();
    let step = "file.tree(from: folder(\"site\"), to: \"{root}/out\", mode: \"0640\", folder_mode: \"0750\")";
    let rights = |project: &super::project::Project| {
        ["plain", "-n", "empty", "sub of -n/-n", ""].map(|name| mode(project, &format!("root/out/{name}")))
    };
    case.converges(step, "change", |project| rights(project) == [0o750, 0o640, 0o750, 0o640, 0o750]);
    let step = step.replace("0640", "0600").replace("0750", "0700");
    case.converges(&step, "change", |project| rights(project) == [0o700, 0o600, 0o700, 0o600, 0o700]);
    // A name for the number of whoever runs the test.
    let user = std::fs::metadata(case.project.path("site")).unwrap().uid();
    case.has_nothing_to_do(&step.replace("mode: \"0600\"", &format!("mode: \"0600\", owner: \"{user}\"")), "change");
}

#[test]
fn what_a_tree_makes_different_is_shown() {
    let case = Case::new();
    case.project.write("site/conf", "a = 1\nb = 3\n");
    case.project.write("site/new", "new\n");
    std::fs::write(case.project.path("site/image"), [0, 255, 1]).unwrap();
    case.project.write("root/out/conf", "a = 1\nb = 2\n");
    case.project.write("root/out/old", "old\n");
    let planned = case.run(DELETE, "change", &["plan"]);
    assert!(planned.stdout.contains("~ will change: created image new, updated conf, removed old\n"), "{planned:?}");
    let planned = case.run(DELETE, "change", &["plan", "--diff"]);
    for line in [" === conf", "-b = 2", "+b = 3", "+=== image", "+(not shown: ", "+=== new", "+new", "-=== old", "-old"]
    {
        assert!(planned.stdout.contains(line), "{line}: {planned:?}");
    }
    let told = "x = file.tree(from: folder(\"site\"), to: \"{root}/out\", delete: true)\n    require join(x.created) == \"image, new\" and join(x.updated) == \"conf\" and join(x.removed) == \"old\" else \"{x.created} {x.updated} {x.removed}\"";
    let ran = case.run(told, "change", &["run", "-y"]);
    assert_eq!((ran.code, case.changed(&ran)), (0, 1), "{ran:?}");
}

#[test]
fn a_tree_of_a_thousand_files() {
    let case = Case::new();
    for number in 0..1000 {
        case.project.write(&format!("site/{}/{number}", number % 7), &format!("file {number}\n"));
    }
    let begun = Instant::now();
    case.converges(DELETE, "change", |project| {
        (0..1000).all(|number| {
            project.read(&format!("root/out/{}/{number}", number % 7)) == Some(format!("file {number}\n"))
        })
    });
    // A plan, two runs that write and one that finds all as it is; far less, on a machine with nothing else to do.
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
    // As long as before.
    case.project.write("site/3/3", "FILE 3\n");
    let said = case.run(DELETE, "change", &["run", "-y"]);
    assert_eq!((said.code, case.changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.project.read("root/out/3/3").as_deref(), Some("FILE 3\n"));
}

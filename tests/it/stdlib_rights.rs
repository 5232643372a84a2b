//! Rights of files and folders, on this machine, and files that only need to be there.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::stdlib_cases::{Case, mode};

fn put(case: &Case, name: &str, mode: u32) {
    case.project.write(name, name);
    std::fs::set_permissions(case.project.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn file_touch() {
    let case = Case::new();
    for name in ["plain", "with space", "-n", "it's $(touch hacked)"] {
        let step = format!("file.touch(path: \"{{root}}/{name}\")");
        case.converges(&step, "change", |project| {
            project.read(&format!("root/{name}")).as_deref() == Some("")
                && mode(project, &format!("root/{name}")) == 0o644
        });
    }
    case.project.write("root/plain", "kept");
    let time = || std::fs::metadata(case.project.path("root/plain")).unwrap().modified().unwrap();
    let before = time();
    case.converges("file.touch(path: \"{root}/plain\", mode: \"0600\")", "change", |project| {
        project.read("root/plain").as_deref() == Some("kept") && mode(project, "root/plain") == 0o600
    });
    assert_eq!(time(), before);
    case.has_nothing_to_do("file.touch(path: \"{root}/plain\")", "change");
    symlink("later", case.project.path("root/link")).unwrap();
    case.converges("file.touch(path: \"{root}/link\")", "change", |project| {
        project.path("root/link").is_symlink() && project.read("root/later").as_deref() == Some("")
    });
    case.fails("file.touch(path: \"{root}\")", "change", "is not a file");
    case.fails("file.touch(path: \"{root}/no/file\")", "change", "does not exist");
    case.fails("file.touch(path: \"{root}/new\", owner: \"no-such-user\")", "change", "no-such-user");
    case.is_refused("file.touch(path: \"{root}/new\", mode: \"rw\")", "change", "expected text like");
}

#[test]
fn file_permissions_of_one() {
    let case = Case::new();
    put(&case, "root/it's $(a)", 0o644);
    case.converges("file.permissions(path: \"{root}/it's $(a)\", mode: \"4750\")", "change", |project| {
        mode(project, "root/it's $(a)") == 0o4750
    });
    case.has_nothing_to_do("file.permissions(path: \"{root}/it's $(a)\", mode: \"4750\")", "change");
}

#[test]
fn file_permissions_of_all_below_a_folder() {
    let case = Case::new();
    put(&case, "root/d/a", 0o600);
    put(&case, "root/d/e/b c", 0o640);
    put(&case, "root/d/e/line\nend", 0o755);
    put(&case, "root/d/right", 0o644);
    put(&case, "root/outside", 0o600);
    symlink("../outside", case.project.path("root/d/link")).unwrap();
    std::fs::set_permissions(case.project.path("root/d/e"), PermissionsExt::from_mode(0o700)).unwrap();
    let step = "file.permissions(path: \"{root}/d\", mode: \"0644\", folder_mode: \"0750\", recursive: true)";
    case.converges(step, "change", |project| {
        let files = ["root/d/a", "root/d/e/b c", "root/d/e/line\nend", "root/d/right"];
        files.iter().all(|file| mode(project, file) == 0o644)
            && mode(project, "root/d") == 0o750
            && mode(project, "root/d/e") == 0o750
            && mode(project, "root/outside") == 0o600
    });
    // The folder alone.
    case.converges("file.permissions(path: \"{root}/d\", mode: \"0700\")", "change", |project| {
        mode(project, "root/d") == 0o700 && mode(project, "root/d/e") == 0o750
    });
}

#[test]
fn file_permissions_that_cannot_be() {
    let case = Case::new();
    put(&case, "root/file", 0o644);
    let step = |arguments: &str| format!("file.permissions(path: \"{{root}}/file\", {arguments})");
    case.is_refused("file.permissions(path: \"{root}/file\")", "change", "says what is wanted");
    case.fails("file.permissions(path: \"{root}/none\", mode: \"0600\")", "change", "there is no ");
    case.is_refused(&step("folder_mode: \"0700\""), "change", "say recursive: true");
    case.fails(&step("mode: \"0600\", owner: \"no-such-user\""), "change", "no-such-user");
    case.fails(&step("mode: \"0600\", group: \"no-such-group\""), "change", "no-such-group");
    case.is_refused(&step("mode: \"0888\""), "change", "expected text like");
    case.is_refused(&step("owner: \"-x\""), "change", "expected text like");
}

//! A folder of the project on a real host: owners, undo and failures.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

#[test]
fn file_tree_on_a_host() {
    let case = Case::new();
    case.project.write("site/index.html", "home\n");
    case.project.write("site/it's $(x)/two\nlines", "deep\n");
    std::os::unix::fs::symlink("../index.html", case.project.path("site/it's $(x)/link")).unwrap();
    let tree =
        |arguments: &str| format!("file.tree(from: folder(\"site\"), to: {arguments}) {{\n      as: \"root\"\n    }}");
    let step = tree("\"/srv/site\", owner: \"ops\", group: \"daemon\", delete: true");
    let shows = "if cd /srv/site 2>/dev/null; then find . -printf '%p %M %u %g %l|' | tr '\\n|' '?\\n' | sort; fi";
    let done = "\
. drwxr-xr-x ops daemon \n\
./index.html -rw-r--r-- ops daemon \n\
./it's $(x) drwxr-xr-x ops daemon \n\
./it's $(x)/link lrwxrwxrwx ops daemon ../index.html\n\
./it's $(x)/two?lines -rw-r--r-- ops daemon \n";
    case.converges(&step, shows, done);
    let spoil = "cd /srv/site; chown root index.html; mkdir own; echo x > own/x; cd it*; chown -h root:root link; chgrp ops .; echo y > more";
    case.host().sh(spoil);
    case.converges(&step, shows, done);
    let because = "the folder that /srv/none/site is to lie in does not exist";
    case.fails(&tree("\"/srv/none/site\""), shows, &[because]);
    case.fails(&tree("\"/srv/other\", owner: \"nobody-here\""), shows, &["nobody-here"]);
    // Who logs in may not write there.
    case.fails("file.tree(from: folder(\"site\"), to: \"/srv/other\")", shows, &["ermission denied"]);
}

//! Lines of text files, on this machine: one is there, or is not. Each promise of the actions, odd files and odd values.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::stdlib_cases::{Case, mode};

/// What the file holds, what is asked of it, and what it holds then; the same where there is nothing to do.
pub(crate) fn edits(action: &str, cases: &[(&str, &str, &str)]) {
    let case = Case::new();
    for (index, (before, arguments, after)) in cases.iter().enumerate() {
        let name = format!("file{index}");
        case.project.write(&format!("root/{name}"), before);
        let step = format!("{action}(path: \"{{root}}/{name}\", {arguments})");
        if before == after {
            case.has_nothing_to_do(&step, "change");
        } else {
            case.converges(&step, "change", |project| project.read(&format!("root/{name}")).as_deref() == Some(*after));
        }
    }
    assert!(!case.project.path("hacked").exists() && !case.project.path("home/hacked").exists());
}

#[test]
fn a_line_is_added_where_it_is_not() {
    edits(
        "file.line",
        &[
            ("a\nb\n", "line: \"c\"", "a\nb\nc\n"),
            ("a\nb", "line: \"c\"", "a\nb\nc\n"),
            ("", "line: \"c\"", "c\n"),
            ("a\n", "line: \"\"", "a\n\n"),
            ("a\r\nb\r\n", "line: \"c\"", "a\r\nb\r\nc\r\n"),
            ("a\nb\nc\n", "line: \"x\", after: \"^[ab]$\"", "a\nb\nx\nc\n"),
            ("a\nb", "line: \"x\", after: \"b\"", "a\nb\nx"),
            ("a\nb\n", "line: \"x\", after: \"nowhere\"", "a\nb\nx\n"),
            ("c\na\n", "line: \"c\", after: \"a\"", "c\na\n"),
            ("cc\n c\n", "line: \"c\"", "cc\n c\nc\n"),
            ("a\r\nc", "line: \"c\"", "a\r\nc"),
            ("a\r\nb", "line: \"c\"", "a\r\nb\r\nc\r\n"),
        ],
    );
}

#[test]
fn a_line_is_put_in_place_of_the_last_that_matches() {
    edits(
        "file.line",
        &[
            ("#Port 22\nHost\n", "line: \"Port 80\", match: '^#?Port '", "Port 80\nHost\n"),
            ("Port 1\nPort 2\nx\n", "line: \"Port 80\", match: '^Port [0-9]{1,5}$'", "Port 1\nPort 80\nx\n"),
            ("x\n", "line: \"Port 80\", match: '^#?Port '", "x\nPort 80\n"),
            ("x\ny\n", "line: \"Port 80\", match: '^#?Port ', after: \"^x\"", "x\nPort 80\ny\n"),
            ("Port 80\n", "line: \"Port 80\", match: '^#?Port '", "Port 80\n"),
            ("Port 80\nPort 1\n", "line: \"Port 80\", match: '^Port '", "Port 80\nPort 80\n"),
            // A line that does not match itself is put in place of one of them only.
            ("a1\na2\n", "line: \"b\", match: \"^a\"", "a1\nb\n"),
            ("a1\nb\n", "line: \"b\", match: \"^a\"", "a1\nb\n"),
            ("a\r\nPort 1\r\nz\r\n", "line: \"Port 2\", match: '^Port 1$'", "a\r\nPort 2\r\nz\r\n"),
            ("x\nPort 1", "line: \"Port 2\", match: \"Port\"", "x\nPort 2"),
        ],
    );
}

#[test]
fn a_line_is_data_whatever_it_says() {
    let case = Case::new();
    for (index, line) in [
        "-n",
        "--",
        "-e x",
        "it's $(touch hacked) `touch hacked` ; & | \\\"quoted\\\"",
        "back\\\\slash \\\\1 \\\\n %s %d &",
        "tab\\there",
        "übergröße 日本",
        "  spaces  ",
        "[a-z]*.?^$+(x)\\{3}",
        "/a/b=c",
    ]
    .iter()
    .enumerate()
    {
        let said = line.replace("\\\"", "\"").replace("\\\\", "\\").replace("\\t", "\t").replace("\\{", "{");
        case.project.write("root/it's $(a) -file", "first\nlast\n");
        let step = format!("file.line(path: \"{{root}}/it's $(a) -file\", line: \"{line}\")");
        case.converges(&step, "change", |project| {
            project.read("root/it's $(a) -file") == Some(format!("first\nlast\n{said}\n"))
        });
        let step = format!("file.no_line(path: \"{{root}}/it's $(a) -file\", line: \"{line}\")");
        case.converges(&step, "change", |project| {
            project.read("root/it's $(a) -file").as_deref() == Some("first\nlast\n")
        });
        assert!(!case.project.path("hacked").exists() && !case.project.path("home/hacked").exists(), "{index}");
    }
}

#[test]
fn a_line_is_written_where_a_link_leads_and_rights_stay() {
    let case = Case::new();
    case.project.write("root/real/conf", "a\n");
    std::fs::set_permissions(case.project.path("root/real/conf"), PermissionsExt::from_mode(0o440)).unwrap();
    symlink("real/conf", case.project.path("root/link")).unwrap();
    case.converges("file.line(path: \"{root}/link\", line: \"b\")", "change", |project| {
        project.path("root/link").is_symlink()
            && project.read("root/real/conf").as_deref() == Some("a\nb\n")
            && mode(project, "root/real/conf") == 0o440
    });
    // A link to nothing is where the file comes to be.
    symlink("real/later", case.project.path("root/dangling")).unwrap();
    case.converges("file.line(path: \"{root}/dangling\", line: \"b\", create: true)", "change", |project| {
        project.path("root/dangling").is_symlink() && project.read("root/real/later").as_deref() == Some("b\n")
    });
    let latin = b"\xe4\xff\na\n".to_vec();
    std::fs::write(case.project.path("root/latin"), &latin).unwrap();
    case.converges("file.line(path: \"{root}/latin\", line: \"b\", match: \"^a\")", "change", |project| {
        std::fs::read(project.path("root/latin")).unwrap() == b"\xe4\xff\nb\n"
    });
}

#[test]
fn a_line_makes_a_file_only_where_that_is_asked_for() {
    let case = Case::new();
    let step = |more: &str| format!("file.line(path: \"{{root}}/new\", line: \"b\"{more})");
    case.fails(&step(""), "change", "there is no file");
    case.converges(&step(", create: true"), "change", |project| {
        project.read("root/new").as_deref() == Some("b\n") && mode(project, "root/new") == 0o644
    });
    case.fails("file.line(path: \"{root}/no/file\", line: \"b\", create: true)", "change", "does not exist");
    case.fails("file.line(path: \"{root}\", line: \"b\")", "change", "is not a file");
    case.fails("file.line(path: \"{root}/new\", line: \"b\", match: \"a(\")", "change", "Unmatched");
    std::fs::write(case.project.path("root/binary"), b"a\0b\n").unwrap();
    case.fails("file.line(path: \"{root}/binary\", line: \"b\")", "change", "holds a zero byte");
    case.is_refused("file.line(path: \"{root}/new\", line: \"a\\nb\")", "change", "one line");
    case.is_refused("file.line(path: \"new\", line: \"a\")", "change", "absolute path");
}

#[test]
fn lines_are_taken_away() {
    edits(
        "file.no_line",
        &[
            ("a\nb\na\nc\n", "line: \"a\"", "b\nc\n"),
            ("a\n", "line: \"a\"", ""),
            ("b\na", "line: \"a\"", "b\n"),
            ("b\naa\n", "line: \"a\"", "b\naa\n"),
            ("a\r\nb\r\n", "line: \"b\"", "a\r\n"),
            ("a1\nb\na22\n", "match: '^a[0-9]{1,2}$'", "b\n"),
            ("a1\nb\nc", "line: \"b\", match: '^a'", "c"),
            ("", "line: \"\"", ""),
            ("a\n\nb\n", "line: \"\"", "a\nb\n"),
            ("a\nb\n", "match: \"nowhere\"", "a\nb\n"),
        ],
    );
    let case = Case::new();
    case.has_nothing_to_do("file.no_line(path: \"{root}/none\", line: \"a\")", "change");
    case.project.write("root/file", "a\n");
    case.fails("file.no_line(path: \"{root}/file\")", "change", "neither line nor match");
    case.fails("file.no_line(path: \"{root}/file\", match: \"[\")", "change", "check");
}

#[test]
fn what_a_line_makes_different_is_shown() {
    let case = Case::new();
    case.project.write("root/conf", "a = 1\nb = 2\n");
    let step = "file.line(path: \"{root}/conf\", line: \"b = 3\", match: \"^b =\")";
    let planned = case.run(step, "change", &["plan", "--diff"]);
    assert!(planned.stdout.contains("-b = 2") && planned.stdout.contains("+b = 3"), "{planned:?}");
    let planned = case.run(step, "change", &["plan"]);
    assert!(planned.stdout.contains("sha256") && !planned.stdout.contains("b = 2"), "{planned:?}");
    // Hosts write longer contents in several lines of base64.
    case.project.write("root/conf", &format!("{}b = 2\n", "a = 1\n".repeat(50)));
    let planned = case.run(step, "change", &["plan", "--diff"]);
    assert!(planned.stdout.contains("-b = 2") && planned.stdout.contains("+b = 3"), "{planned:?}");
}

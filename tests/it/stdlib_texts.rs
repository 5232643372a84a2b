//! Parts of text files, on this machine: blocks of lines, what matches a pattern, and keys of ini files.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::stdlib_cases::Case;
use super::stdlib_lines::edits;

#[test]
fn a_block_is_put_in_and_replaced() {
    edits(
        "file.block",
        &[
            ("a\n", "block: \"x\\ny\"", "a\n# begin opsc\nx\ny\n# end opsc\n"),
            ("a", "block: \"x\\n\"", "a\n# begin opsc\nx\n# end opsc\n"),
            ("", "block: \"x\"", "# begin opsc\nx\n# end opsc\n"),
            ("a\n# begin opsc\nold\n# end opsc\nz", "block: \"x\"", "a\n# begin opsc\nx\n# end opsc\nz"),
            ("# begin opsc\nx\n# end opsc", "block: \"x\"", "# begin opsc\nx\n# end opsc"),
            ("# begin opsc\nx\n# end opsc\n", "block: \"\"", "# begin opsc\n# end opsc\n"),
            ("# begin b\nx\n# end b\n", "block: \"y\", name: \"a\"", "# begin b\nx\n# end b\n# begin a\ny\n# end a\n"),
            (
                "a\nb\nc\n",
                "block: \"x\", comment: \"//\", after: \"^[ab]\"",
                "a\nb\n// begin opsc\nx\n// end opsc\nc\n",
            ),
            ("a\r\nb\r\n", "block: \"x\\ny\", after: \"a\"", "a\r\n# begin opsc\r\nx\r\ny\r\n# end opsc\r\nb\r\n"),
            ("a\r\n# begin opsc\r\nx\r\n# end opsc\r\n", "block: \"x\"", "a\r\n# begin opsc\r\nx\r\n# end opsc\r\n"),
            (
                "a\n",
                "block: \"it's \\\"$(touch hacked)\\\" \\\\1 & %s\\n\\n-n\\n  é\"",
                "a\n# begin opsc\nit's \"$(touch hacked)\" \\1 & %s\n\n-n\n  é\n# end opsc\n",
            ),
        ],
    );
}

#[test]
fn a_block_that_is_not_whole_is_left_alone() {
    let case = Case::new();
    case.project.write("root/conf", "# begin opsc\nprecious\n");
    case.fails("file.block(path: \"{root}/conf\", block: \"x\")", "change", "only one of its two lines");
    case.fails("file.no_block(path: \"{root}/conf\")", "change", "only one of its two lines");
    case.fails(
        "file.block(path: \"{root}/conf\", name: \"b\", block: \"a\\n# end b\")",
        "change",
        "that begins or ends it",
    );
    case.fails("file.block(path: \"{root}/none\", block: \"x\")", "change", "there is no file");
    case.converges("file.block(path: \"{root}/none\", block: \"x\", create: true)", "change", |project| {
        project.read("root/none").as_deref() == Some("# begin opsc\nx\n# end opsc\n")
    });
    case.is_refused("file.block(path: \"{root}/a\", block: \"x\", name: \" \")", "change", "expected text like");
}

#[test]
fn blocks_are_taken_away() {
    edits(
        "file.no_block",
        &[
            ("a\n# begin opsc\nx\n# end opsc\nb\n", "name: \"opsc\"", "a\nb\n"),
            ("a\n# begin opsc\nx\n# end opsc", "name: \"opsc\"", "a\n"),
            ("# begin opsc\r\n# end opsc\r\nb\r\n", "name: \"opsc\"", "b\r\n"),
            ("# begin opsc\n# end opsc\n", "name: \"opsc\"", ""),
            ("# begin a\n1\n# end a\n2\n# begin a\n# end a\n3", "name: \"a\"", "2\n3"),
            ("# begin b\n# end b\n", "name: \"a\"", "# begin b\n# end b\n"),
        ],
    );
    Case::new().has_nothing_to_do("file.no_block(path: \"{root}/none\", name: \"a\")", "change");
}

#[test]
fn what_matches_is_replaced() {
    edits(
        "file.replace",
        &[
            ("host = a\nhost = b\nx", "match: 'host = .*', with: \"host = c\"", "host = c\nhost = c\nx"),
            ("a-b c-d\n", "match: '([a-z])-([a-z])', with: '\\2/\\1'", "b/a d/c\n"),
            ("a/b\n", "match: '^a/', with: '|&|'", "|a/|b\n"),
            ("x\n", "match: 'x', with: \"it's $(touch hacked) `id`; e\"", "it's $(touch hacked) `id`; e\n"),
            ("1 22 333\n", "match: ' ?[0-9]{2,3}', with: \"\"", "1\n"),
            ("a\r\nb\r\n", "match: 'b', with: \"c\"", "a\r\nc\r\n"),
            ("a\n", "match: 'nowhere', with: \"c\"", "a\n"),
            ("", "match: 'a', with: \"c\"", ""),
            ("a\n", "match: 'a', with: 'w out'", "w out\n"),
        ],
    );
}

#[test]
fn what_cannot_be_replaced_says_why() {
    let case = Case::new();
    case.project.write("root/file", "a\n");
    let step = |arguments: &str| format!("file.replace(path: \"{{root}}/file\", {arguments})");
    case.fails(&step("match: 'a', with: \"aa\""), "change", "every run would change");
    case.fails(&step("match: 'a(', with: \"b\""), "change", "sed: ");
    case.fails(&step("match: 'a', with: '\\1'"), "change", "sed: ");
    case.fails("file.replace(path: \"{root}/none\", match: 'a', with: \"b\")", "change", "there is no file");
    case.is_refused(&step("match: 'a\\', with: \"b\""), "change", "expected text like");
    case.is_refused(&step("match: \"a\\nb\", with: \"b\""), "change", "one line");
    case.is_refused(&step("match: \"a\", with: \"b\u{1}w /tmp/x\""), "change", "control characters");
}

#[test]
fn a_key_of_an_ini_file_has_a_value() {
    edits(
        "file.ini",
        &[
            ("[a]\nx = 1\n[b]\nx = 1\n", "section: \"b\", key: \"x\", value: \"2\"", "[a]\nx = 1\n[b]\nx = 2\n"),
            ("[a]\nx=1\n\n[b]\ny=1\n", "section: \"a\", key: \"z\", value: \"2\"", "[a]\nx=1\nz=2\n\n[b]\ny=1\n"),
            ("[a]\nx=1\n", "section: \"c d\", key: \"z\", value: \"2\"", "[a]\nx=1\n\n[c d]\nz=2\n"),
            ("", "section: \"a\", key: \"z\", value: \"2\"", "[a]\nz = 2\n"),
            ("", "key: \"z\", value: \"2\"", "z = 2\n"),
            ("[a]\nz = 1\n", "key: \"z\", value: \"2\"", "z = 2\n[a]\nz = 1\n"),
            ("y = 1\n[a]\n", "key: \"z\", value: \"2\"", "y = 1\nz = 2\n[a]\n"),
            ("[a]\n#x = 1\n;x = 1\n", "section: \"a\", key: \"x\", value: \"1\"", "[a]\n#x = 1\n;x = 1\nx = 1\n"),
            ("[a]\nx = 1\nx = 2\n", "section: \"a\", key: \"x\", value: \"3\"", "[a]\nx = 1\nx = 3\n"),
            ("[ a ]\n  x   =   1  \n", "section: \"a\", key: \"x\", value: \"1\"", "[ a ]\n  x   =   1  \n"),
            ("[a]\nx = 01\n", "section: \"a\", key: \"x\", value: \"1\"", "[a]\nx = 1\n"),
            ("[a]\r\nx = 1\r\n", "section: \"a\", key: \"x\", value: \"2\"", "[a]\r\nx = 2\r\n"),
            ("[a]\r\nx = 1", "section: \"a\", key: \"y\", value: \"2\"", "[a]\r\nx = 1\r\ny = 2\r\n"),
            ("[a]\nx = 1", "section: \"a\", key: \"x\", value: \"2\"", "[a]\nx = 2"),
            ("[a]\nx = 1\n", "section: \"a\", key: \"x\", value: \"\"", "[a]\nx = \n"),
            ("[a]\n", "section: \"a\", key: \"x\", value: \"\"", "[a]\nx =\n"),
            (
                "[a]\n",
                "section: \"a\", key: \"it's $k\", value: \"\\\"$(touch hacked)\\\" = \\\\1 & %s\"",
                "[a]\nit's $k = \"$(touch hacked)\" = \\1 & %s\n",
            ),
        ],
    );
}

#[test]
fn keys_and_sections_of_an_ini_file_are_taken_away() {
    edits(
        "file.no_ini",
        &[
            ("[a]\nx = 1\ny = 2\nx=3\n[b]\nx = 1\n", "section: \"a\", key: \"x\"", "[a]\ny = 2\n[b]\nx = 1\n"),
            ("x = 1\n[a]\nx = 1\n", "key: \"x\"", "[a]\nx = 1\n"),
            ("[a]\n# about x\nx = 1\n[b]\nx = 1", "section: \"a\"", "[b]\nx = 1"),
            ("[b]\nx = 1\n[a]\nx = 1", "section: \"a\"", "[b]\nx = 1\n"),
            ("[a]\r\nx = 1\r\ny = 1\r\n", "section: \"a\", key: \"y\"", "[a]\r\nx = 1\r\n"),
            ("[a]\n#x = 1\n", "section: \"a\", key: \"x\"", "[a]\n#x = 1\n"),
        ],
    );
    let case = Case::new();
    case.project.write("root/file", "x = 1\n");
    case.fails("file.no_ini(path: \"{root}/file\")", "change", "neither key nor section");
    case.fails("file.ini(path: \"{root}/none\", key: \"x\", value: \"1\")", "change", "there is no file");
    case.is_refused("file.ini(path: \"{root}/a\", key: \"x=y\", value: \"1\")", "change", "expected text like");
    case.is_refused(
        "file.ini(path: \"{root}/a\", section: \"a]\", key: \"x\", value: \"1\")",
        "change",
        "expected text",
    );
    case.converges("file.ini(path: \"{root}/new\", key: \"x\", value: \"1\", create: true)", "change", |project| {
        project.read("root/new").as_deref() == Some("x = 1\n")
    });
}

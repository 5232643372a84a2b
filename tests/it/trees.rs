//! A program as JSON and back: nothing is lost, comments included, and what is no tree is told with its place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use opsc::app::trees::{program, tree_of};
use opsc::base::source::Sources;
use opsc::cli::explain::codes;
use opsc::report::{tree_forms, tree_schema};
use opsc::syntax;
use serde_json::{Value as Json, json};

use super::project::Project;
use super::schemas::{assert_valid, root};

fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("a.ops", text);
    let (tree, diagnostics) = syntax::parse(&sources, file);
    tree.filter(|_| diagnostics.is_empty()).map(|tree| syntax::format(&tree, text))
}

/// Every program of the project: files, and examples of codes.
fn programs() -> Vec<(String, String)> {
    let mut programs = Vec::new();
    let mut folders: Vec<PathBuf> = ["tests", "stdlib", "examples"].map(|folder| root().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ops") {
                programs.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    for doc in codes() {
        programs.push((format!("{} fails", doc.code), doc.failing.to_string()));
        programs.push((format!("{} mended", doc.code), doc.fixed.to_string()));
    }
    programs
}

#[test]
fn every_program_of_the_project_comes_back_as_its_canonical_text() {
    let mut trees = Vec::new();
    for (name, text) in programs() {
        let Some(canonical) = formatted(&text) else { continue };
        let tree = tree_of(&canonical).unwrap();
        assert_eq!(program(&tree.to_string()), Ok(canonical), "{name}");
        trees.push((name, tree));
    }
    assert!(trees.len() > 130, "{}", trees.len());
    assert_valid("opsc.file-1", &trees);
}

/// A comment in every place that keeps one, and every statement, expression and type.
const COMMENTED: &str = r#"# head

# of the file
ops 1  # edition

use "./m.ops" as m  # import
use chat.tools

# a type
type Kind = ("a" | 1)?
type Name = { a: string(/[a-z\/]+/), b: list<int(-5..)>, c: duration(..9s)? }

# a function
function one_two sh """
  one  # no comment of the file

  two "$1"
"""  # behind it

action x.y(
  # first
  a: int = 1,  # one
  # last
) -> { b: int } ! change {
  doc: "x"  # doc

  # before a platform
  linux where facts.init == "systemd" {
    # before a phase
    check sh """
      true # not a comment
    """  # behind a phase

    apply native "file.upload"
    # at the end of a platform
  }
  timeout: 5s
  # at the end
}

action x.z(a: int, b: string = 'raw\') {
  steps {  # opening
    a.b()

    # at the end of the steps
  }
}

playbook p(
  # only a comment before it
  a: hosts<linux>(2..) = group("a") + (group("b") - tag("c", "d")),
) ! change, admin {
  doc: """
    lines \"quoted\" \{brace}
      and {a.b[host].c['k']["l"][0]} more
  """
  max_duration: 1h30m

  # before a statement
  let x = [
    1_000,  # one
    # two
    2.50,
    # at the end of a list
  ]  # behind a statement
  let y = {
    a: none,  # none
    "b c": true,
    # at the end of a map
  }
  let z = f(
    a,  # first
    b: 5MiB,
    # at the end of a call
  )
  let e = {}
  let s = sh"echo \"a\\b\""
  let v = -a.b(1)[2] * 3 ?? (not c in d)

  r = on a where host.os == "linux" (batch: [1, 25%], max_failures: 0) {  # opening
    s = q.r(
      # before an argument
      a: 1,  # behind it
      # at the end of the arguments
    ) {
      # before an attribute
      retry: 3  # behind it
      needs: a else "b"
    }
    if a {
      skip if b "c"
      # at the end of a branch
    } else if c {
      require d else "e"
    } else {  # otherwise
      rollback batch
    }
    for n in [1] {
      parallel {
        repeat (times: 3) {
          at controller {
            a.b()
          }
        }
      }
    }

    # before a clause
    on failure {
      rollback all
    }  # behind a clause

    after batch {
    }

    always {
      # nothing
    }
  }
  # at the end of the playbook
}

# foot
"#;

#[test]
fn a_comment_in_every_place_comes_back_there() {
    let canonical = formatted(COMMENTED).unwrap();
    assert_eq!(canonical, COMMENTED, "the text is canonical");
    let tree = tree_of(&canonical).unwrap();
    assert_eq!(program(&tree.to_string()), Ok(canonical));
    assert_valid("opsc.file-1", &[("commented".to_string(), tree.clone())]);
    let text = tree.to_string();
    for kind in tree_forms::kinds() {
        assert!(text.contains(&format!("\"node\":\"{kind}\"")), "the text has no `{kind}`");
    }
}

#[test]
fn the_published_schema_is_the_table_that_judges() {
    let path = root().join("schemas/opsc.file-1.schema.json");
    let published: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(published, tree_schema::schema());
}

#[test]
fn the_binary_writes_trees_and_reads_them() {
    let project = Project::new();
    project.write("a.ops", &COMMENTED.replace("\n  let e", "\n      let e"));
    let tree = project.opsc(&["fmt", "-o", "json", "a.ops"]);
    assert_eq!((tree.code, tree.stderr.as_str()), (0, ""), "{tree:?}");
    project.write("a.json", &tree.stdout);
    let back = project.opsc(&["fmt", "--from-json", "a.json"]);
    assert_eq!((back.code, back.stdout.as_str()), (0, COMMENTED), "{back:?}");
    assert_ne!(project.read("a.ops").unwrap(), COMMENTED, "nothing was written");

    let made = json!({
        "schema": "opsc.file/1", "edition": 1,
        "items": [{ "node": "playbook", "name": "made", "effects": ["read"], "statements": [{
            "node": "on", "hosts": { "node": "call", "function": "group", "args": [
                { "value": { "node": "string", "style": "quoted", "pieces": [{ "text": "web" }] } }] },
            "body": { "statements": [{ "node": "step", "action": "file.info", "comments": [{ "text": "# look" }], "args": [
                { "label": "path", "value": { "node": "string", "style": "quoted", "pieces": [
                    { "text": "/tmp/\"{" }, { "hole": { "node": "field", "base": { "node": "name", "name": "host" }, "field": "name" } }] } }] }] },
        }] }],
    });
    project.write("made.json", &made.to_string());
    let written = project.opsc(&["fmt", "--from-json", "made.json"]);
    let expected = "ops 1\n\nplaybook made() ! read {\n  on group(\"web\") {\n    # look\n    file.info(path: \"/tmp/\\\"\\{{host.name}\")\n  }\n}\n";
    assert_eq!((written.code, written.stdout.as_str()), (0, expected), "{written:?}");

    project.write("broken.ops", "ops 1\n}\n");
    let broken = project.opsc(&["fmt", "-o", "json", "broken.ops"]);
    assert!(broken.code == 11 && broken.stdout.is_empty() && broken.stderr.contains("E0004"), "{broken:?}");
    let several = project.opsc(&["fmt", "-o", "json", "a.ops", "broken.ops"]);
    assert!(several.code == 10 && several.stderr.contains("of one file"), "{several:?}");
    assert_eq!(project.opsc(&["fmt", "--from-json", "nowhere.json"]).code, 10);
    assert_eq!(project.opsc(&["fmt", "--from-json", "a.json", "--check"]).code, 10);
}

/// A small tree with one field replaced, by JSON pointer; `null` takes it away.
fn with(pointer: &str, value: Json) -> String {
    let canonical =
        "ops 1\n\nplaybook p(\n  a: int(1..) = 1,\n) ! read {\n  let x = 5s  # c\n  y = file.info(path: \"/{a}\")\n}\n";
    let mut tree = tree_of(canonical).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = tree.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match (parent, value) {
        (Json::Object(fields), Json::Null) => drop(fields.remove(key)),
        (Json::Object(fields), value) => drop(fields.insert(key.to_string(), value)),
        (Json::Array(items), value) => items[key.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{other}"),
    }
    tree.to_string()
}

#[test]
fn what_is_no_tree_is_told_with_its_place() {
    let number = |text: &str| json!({ "node": "int", "text": text });
    let cases = [
        ("/schema", json!("opsc.file/2"), "/schema", "expected one of opsc.file/1, found `opsc.file/2`"),
        ("/edition", Json::Null, "", "`edition` is missing"),
        ("/edition", json!(2), "", "expected edition 1, found 2"),
        ("/itmes", json!([]), "/itmes", "there is no field `itmes` here; did you mean `items`?"),
        ("/items", json!({}), "/items", "expected a list, found an object"),
        (
            "/items/0/node",
            json!("play"),
            "/items/0/node",
            "expected one of use, type, action, playbook, function, found `play`",
        ),
        ("/items/0/node", Json::Null, "/items/0", "`node` is missing"),
        ("/items/0/name", json!("a b"), "/items/0/name", "expected a name of letters, digits and `_`, found `a b`"),
        ("/items/0/name", json!(7), "/items/0/name", "expected a name of letters, digits and `_`, found 7"),
        ("/items/0/a~b", json!(1), "/items/0/a~0b", "there is no field `a~b` here"),
        ("/items/0/statements/0/trailing", json!("x"), "/items/0/statements/0/trailing", "starts with `#`, found `x`"),
        ("/items/0/statements/0/trailing", json!("# a\nb"), "/items/0/statements/0/trailing", "one line"),
        ("/items/0/statements/0/blank", json!(1), "/items/0/statements/0/blank", "expected true or false, found 1"),
        ("/items/0/statements/0/value", json!("5s"), "/items/0/statements/0/value", "expected an object, found `5s`"),
        ("/items/0/name", json!("if"), "/items/0", "cannot be read"),
        ("/items/0/statements/0/value", number("1 + 2"), "/items/0/statements/0/value/", "reads as"),
        ("/items/0/statements/0/value", number("5s"), "/items/0/statements/0/value/node", "reads as `\"duration\"`"),
        ("/items/0/statements/0/value", number("1\nrollback all"), "/items/0/statements", "written as a program"),
        ("/items/0/statements/0/value", number("1) }"), "/items/0/statements/0/value", "cannot be read"),
        (
            "/items/0/statements/1/args/0/value/style",
            json!("raw"),
            "/items/0/statements/1/args/0/value/pieces",
            "reads as",
        ),
        (
            "/items/0/statements/1/args/0/value/pieces",
            json!([{}]),
            "/items/0/statements/1/args/0/value/pieces/0",
            "exactly one of `text` and `hole`",
        ),
        (
            "/items/0/statements/1/args/0/value/pieces/1/hole",
            number("1 + 1"),
            "/items/0/statements/1/args/0/value/pieces",
            "cannot be read",
        ),
        (
            "/items/0/params/0/type/range/min",
            json!({ "node": "name", "name": "b" }),
            "/items/0/params/0/type",
            "cannot be read",
        ),
        ("/items/0/params/0/type/pattern", json!("["), "/items/0/params/0/type", "cannot be read"),
        ("/items/0/effects", json!(["read", 1]), "/items/0/effects/1", "expected a name"),
    ];
    for (pointer, value, place, expected) in cases {
        let refused = program(&with(pointer, value.clone()));
        let error = refused.expect_err(&format!("{pointer} {value}"));
        assert!(error.pointer.starts_with(place) && error.reason.contains(expected), "{pointer} {value}: {error}");
    }
    for (text, expected) in [
        ("{", "this is not JSON: EOF"),
        ("[]", "expected an object, found a list"),
        (&"[".repeat(500), "recursion limit"),
    ] {
        let error = program(text).unwrap_err();
        assert!(error.to_string().starts_with("at /: ") && error.reason.contains(expected), "{error}");
    }
    let project = Project::new();
    project.write("bad.json", &with("/items/0/name", json!("a b")));
    let refused = project.opsc(&["fmt", "--from-json", "bad.json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (11, ""));
    assert_eq!(
        refused.stderr,
        "error: `bad.json` at /items/0/name: expected a name of letters, digits and `_`, found `a b`\n"
    );
    assert!(Path::new(&project.path("bad.json")).exists());
}

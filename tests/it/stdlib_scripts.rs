//! Scripts that are files of the project, on this machine: what they get, what they say, and how often they run.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::stdlib_cases::Case;

const ROW: &str = "change, exec";

#[test]
fn shell_script_gets_arguments_surroundings_and_stdin() {
    let case = Case::new();
    case.project.write(
        "say it's.sh",
        "printf '<%s>' \"$@\"; printf ' %s %s ' \"$WHO\" \"$PWD\"; cat; echo \" $#\"; echo warned >&2; exit 3\n",
    );
    let step = "x = shell.script(script: file(\"say it's.sh\"), effect: \"read\", args: [\"-n\", \"a 'b' $(id)\", \"\"], env: { WHO: \"it's\" }, cwd: root, stdin: \"in\\nput\") {\n      ok: it.code == 3\n    }";
    let expected = format!("<-n><a 'b' $(id)><> it's {} in\\nput 3", case.root());
    let said = case.run(
        &format!(
            "{step}\n    require x.stdout == \"{expected}\" and x.stderr == \"warned\" and x.code == 3 else \"{{x.stdout}}\""
        ),
        "exec",
        &["run"],
    );
    assert_eq!((said.code, case.changed(&said)), (0, 0), "{said:?}");
}

#[test]
fn shell_script_is_run_once_and_undone() {
    let case = Case::new();
    case.project.write("make.sh", "mkdir \"$1\" && echo made > \"$1/file\"\n");
    let step = "shell.script(script: file(\"make.sh\"), effect: \"change\", args: [\"{root}/it's\"], creates: \"{root}/it's\", undo: sh\"rm -r \\\"$creates\\\"\")";
    case.converges(step, ROW, |project| project.read("root/it's/file").as_deref() == Some("made\n"));
    case.project.write("words.awk", "BEGIN { print \"from awk\" > ARGV[1] }\n");
    let other = "shell.script(script: file(\"words.awk\"), effect: \"change\", interpreter: \"{root}/awk\", args: [\"{root}/said\"])";
    case.fails(other, ROW, "there is no ");
    case.project.write("broken.sh", "echo 'no such thing' >&2; exit 7\n");
    case.fails("shell.script(script: file(\"broken.sh\"), effect: \"change\")", ROW, "no such thing");
    case.is_refused("shell.script(script: file(\"none.sh\"), effect: \"change\")", ROW, "none.sh");
    case.is_refused("shell.script(script: file(\"make.sh\"), effect: \"change\", args: \"x\")", ROW, "list");
    case.is_refused("shell.script(script: file(\"make.sh\"))", ROW, "effect");
}

//! Packages of languages and access lists of files on a real Debian host: Python's come from wheels that the tests make, and
//! from nowhere else.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, DATA_HOST, changed};

/// A folder of wheels: `left` of two versions, and `right`, which needs the older of them.
const WHEELS: &str = r#"mkdir -p "/srv/whe'els" && python3 - <<'END'
import zipfile
for name, version, needs in [("left", "1.0", ""), ("left", "2.0", ""), ("right", "1.5", "left<2")]:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"/srv/whe'els/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = '{version}'\n")
        needed = f"Requires-Dist: {needs}\n" if needs else ""
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
END
"#;

const FROZEN: &str = "\"/srv/a venv/bin/python\" -B -m pip freeze 2>/dev/null || true";

#[test]
fn pip_packages_are_installed_and_the_environment_comes_back() {
    let case = Case::with_packages(DATA_HOST);
    case.host().sh(&format!("mkdir -p -m 700 /root/.opsc/backup; {WHEELS}"));
    let step = |names: &str| {
        format!(
            "pip.install(names: [{names}], venv: \"/srv/a venv\", links: \"/srv/whe'els\") {{\n      as: \"root\"\n    }}"
        )
    };
    case.converges(&step("\"left == 1.0\""), FROZEN, "left==1.0\n");
    case.converges(&step("\"left>=2\""), FROZEN, "left==2.0\n");
    case.converges(&step("\"right\", \"Left\""), FROZEN, "left==1.0\nright==1.5\n");
    case.has_nothing_to_do(&step("\"left>=1,<2\", \"right\""));
    case.fails(&step("\"nothing-of-this-name\""), FROZEN, &["No matching distribution found for nothing-of-this-name"]);
    case.fails(&step("\"left==7\""), FROZEN, &["left==7"]);
    let refused = case.opsc(&["check"], &step("\"--index-url=http://x\""));
    assert_eq!(refused.code, 11, "{refused:?}");
    case.host().sh("mkdir /srv/plain");
    let plain = "pip.install(names: [\"left\"], venv: \"/srv/plain\")";
    case.fails(plain, FROZEN, &["exists and is no virtual environment"]);
    let none = "pip.install(names: [\"left\"], venv: \"/srv/new\", python: \"/usr/bin/python9\")";
    case.fails(none, FROZEN, &["there is no /usr/bin/python9"]);
}

#[test]
fn access_lists_are_set_and_given_back() {
    let case = Case::with_packages(DATA_HOST);
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup; mkdir -p \"/srv/it's/sub\"; cd \"/srv/it's\"; echo x > file; echo x > program; chmod 640 file; chmod 750 program; ln -s /etc/passwd link; setfacl -m u:guest:r file");
    let shows = "cd /srv; getfacl -R -P --absolute-names \"/srv/it's\" /etc/passwd 2>/dev/null";
    let step = |more: &str| format!("file.acl(path: \"/srv/it's\", {more}) {{\n      as: \"root\"\n    }}");
    let undone_and_done = |step: &str, part: &str| {
        let had = case.host().sh(shows);
        case.undoes(step);
        assert_eq!(case.host().sh(shows), had, "{step}");
        let first = case.run(step);
        assert_eq!((first.code, changed(&first)), (0, 1), "{first:?}");
        let now = case.host().sh(shows);
        assert!(now.contains(part), "{step}: {now}");
        case.has_nothing_to_do(step);
        now
    };
    undone_and_done(&step("entries: [\"u:ops:rwx\", \"group:1001:r\"]"), "user:ops:rwx\ngroup::r-x\ngroup:asked:r--");
    let all = step("entries: [\"user:ops:rwX\", \"default:user:ops:rX\"], recursive: true");
    let now = undone_and_done(&all, "default:user:ops:r-x");
    for (file, rights) in [("file", "user:ops:rw-"), ("program", "user:ops:rwx"), ("sub", "user:ops:rwx")] {
        let part = now.split(&format!("# file: /srv/it's/{file}\n")).nth(1).unwrap().split("# file: ").next().unwrap();
        assert!(part.contains(rights), "{file}: {now}");
    }
    assert!(!now.split("# file: /etc/passwd").nth(1).unwrap().contains("ops"), "a link is not followed: {now}");
    // Rights that the mask takes away again are not there.
    case.host().sh("setfacl -m m::r \"/srv/it's/program\"");
    let again = case.run(&all);
    assert_eq!((again.code, changed(&again)), (0, 1), "{again:?}");
    case.fails_not_undone(&step("entries: [\"u:nobody-here:r\"]"), shows, &["nobody-here"]);
    let none = "file.acl(path: \"/srv/none\", entries: [\"u:ops:r\"])";
    case.fails_not_undone(none, shows, &["there is no /srv/none"]);
}

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
        case.converges_as_shown(step, shows, |shown| shown.contains(part));
        case.has_nothing_to_do(step);
        case.host().sh(shows)
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

/// Answers as npm is documented to; `NAME@VERSION` lines stand for what is installed, of all the host or of a folder.
const NPM: &str = r#"#!/bin/sh
set -eu
verb="$1" at=/var/log/npm words=
shift
while [ "$#" -gt 0 ]; do
  case "$1" in
    --prefix) at="$2/node_modules"; shift ;;
    --registry | --loglevel) shift ;;
    --global | --parseable | --long | --depth=0 | --no-audit | --no-fund | --) ;;
    -*) echo "unknown option $1" >&2; exit 1 ;;
    *) words="$words $1" ;;
  esac
  shift
done
[ -e "$at" ] || [ "$verb" = ls ] || : > "$at"
for word in $words; do
  name="$(printf '%s' "$word" | sed 's/\(.\)@[^@]*$/\1/')" version=2.0.0
  if [ "$name" != "$word" ]; then version="${word##*@}"; fi
  if [ "$name" = none ]; then echo "npm ERR! 404  'none@*' is not in this registry." >&2; exit 1; fi
  grep -v -F -e "$name@" "$at" > /tmp/npm.new || true
  if [ "$verb" = install ]; then echo "$name@$version" >> /tmp/npm.new; fi
  sort /tmp/npm.new > "$at"
  rm /tmp/npm.new
  case "$at" in */node_modules) cp "$at" "${at%node_modules}package.json"; cp "$at" "${at%node_modules}package-lock.json" ;; esac
done
if [ "$verb" = ls ]; then
  echo "/x:"
  sed 's|^\(.*\)@\([^@]*\)$|/x/node_modules/\1:\1@\2|' "$at" 2>/dev/null || true
fi
"#;

#[test]
fn npm_packages_are_installed_and_versions_come_back() {
    let case = Case::new();
    case.host().sh(&format!("cat > /usr/local/bin/npm <<'END OF IT'\n{NPM}\nEND OF IT\nchmod 755 /usr/local/bin/npm; mkdir -p -m 700 /root/.opsc/backup; : > /var/log/npm"));
    let step = |more: &str| format!("npm.install(names: {more}) {{\n      as: \"root\"\n    }}");
    let all = "cat /var/log/npm";
    case.converges(&step("[\"pm2@1.0.0\"]"), all, "pm2@1.0.0\n");
    case.has_nothing_to_do(&step("[\"pm2\"]"));
    case.converges(&step("[\"pm2@2.0.0\", \"@scope/tool\"]"), all, "@scope/tool@2.0.0\npm2@2.0.0\n");
    case.fails(&step("[\"none\"]"), all, &["is not in this registry"]);
    case.fails(&step("[\"x\"], path: \"/srv/none\""), all, &["the folder has no package.json"]);
    case.host().sh("mkdir \"/srv/it's\"; echo '{}' > \"/srv/it's/package.json\"; : > \"/srv/it's/node_modules\"");
    let own = step("[\"left@1.2.3\"], path: \"/srv/it's\", registry: \"https://npm.example.org\"");
    case.converges(&own, "cat \"/srv/it's/package.json\"", "left@1.2.3\n");
    let refused = case.opsc(&["check"], &step("[\"--global\"]"));
    assert_eq!(refused.code, 11, "{refused:?}");
    case.host().sh("rm /usr/local/bin/npm");
    case.fails(&step("[\"x\"]"), all, &["there is no npm"]);
}

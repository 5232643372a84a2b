//! The actions of the standard library on this machine, without root's rights being needed: each does it, finds nothing
//! to do the second time, is undone to the same tree, and its check writes nothing. Hostile names are data.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::project::{Project, Said};

/// Path → rights and content or target, below a folder.
fn tree(folder: &Path) -> BTreeMap<String, (u32, Option<String>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let rights = std::fs::symlink_metadata(&path).unwrap().permissions().mode();
        let bytes = if path.is_file() { std::fs::read(&path).ok() } else { None };
        let content = match std::fs::read_link(&path) {
            Ok(target) => Some(target.display().to_string()),
            Err(_) => bytes.map(|bytes| bytes.escape_ascii().to_string()),
        };
        found.insert(path.strip_prefix(folder).unwrap().display().to_string(), (rights, content));
        if path.is_dir() && !path.is_symlink() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

pub(crate) struct Case {
    pub(crate) project: Project,
}

impl Case {
    pub(crate) fn new() -> Case {
        let project = Project::new();
        std::fs::create_dir_all(project.path("root")).unwrap();
        Case { project }
    }

    pub(crate) fn root(&self) -> String {
        self.project.path("root").display().to_string()
    }

    pub(crate) fn run(&self, steps: &str, row: &str, command: &[&str]) -> Said {
        let text = format!(
            "ops 1\n\nplaybook case(\n  root: path,\n) ! {row} {{\n  on host(\"localhost\") {{\n    {steps}\n    on failure {{\n      rollback\n    }}\n  }}\n}}\n"
        );
        self.project.write("case.ops", &text);
        let root = format!("root={}", self.root());
        let arguments: Vec<&str> = command.iter().copied().chain(["case.ops", "-e", &root]).collect();
        self.project.opsc(&arguments)
    }

    pub(crate) fn changed(&self, said: &Said) -> usize {
        let recap = said.stdout.split("changed=").nth(1).unwrap_or_else(|| panic!("{said:?}"));
        recap.split(' ').next().unwrap().parse().unwrap()
    }

    /// The four promises of a converging action: a dry run that writes nothing, the effect, nothing to do, and the undo.
    pub(crate) fn converges(&self, step: &str, row: &str, holds: impl Fn(&Project) -> bool) {
        self.converges_but_for(step, row, "no such place", holds);
    }

    /// The same, with a place below the root where undoing leaves something on purpose.
    pub(crate) fn converges_but_for(&self, step: &str, row: &str, left: &str, holds: impl Fn(&Project) -> bool) {
        let planned = self.plans(step, row);
        assert!(planned.stdout.contains("~ will change"), "{planned:?}");
        self.undoes_but_for(step, row, left);

        let first = self.run(step, row, &["run", "-y"]);
        assert_eq!((first.code, self.changed(&first)), (0, 1), "{first:?}");
        assert!(holds(&self.project), "{step}: {:?}", tree(&self.project.path("root")));
        let after = tree(&self.project.path("root"));
        let second = self.run(step, row, &["run", "-y"]);
        assert_eq!((second.code, self.changed(&second)), (0, 0), "{second:?}");
        assert_eq!(tree(&self.project.path("root")), after);
    }

    /// What a dry run says, which writes nothing.
    pub(crate) fn plans(&self, step: &str, row: &str) -> Said {
        let before = tree(&self.project.path("root"));
        let planned = self.run(step, row, &["plan", "--allow-destroy"]);
        assert!(planned.stdout.contains("localhost: "), "{planned:?}");
        assert_eq!(tree(&self.project.path("root")), before, "a check writes nothing: {step}");
        planned
    }

    /// Done, and undone because a later step does not hold.
    pub(crate) fn undoes(&self, step: &str, row: &str) {
        self.undoes_but_for(step, row, "no such place");
    }

    fn undoes_but_for(&self, step: &str, row: &str, left: &str) {
        let kept = || {
            let mut files = tree(&self.project.path("root"));
            files.retain(|path, _| !path.starts_with(left));
            files
        };
        let before = kept();
        let failing = format!("{step}\n    require host.name == \"nobody\" else \"stop here\"");
        let undone = self.run(&failing, row, &["run", "-y"]);
        assert_eq!((undone.code, undone.stderr.contains("stop here")), (23, true), "{undone:?}");
        assert_eq!(kept(), before, "an undo restores the tree: {step}");
    }

    /// Steps that only read, with what must hold of them, write nothing at all.
    pub(crate) fn reads(&self, steps: &str, row: &str) {
        let before = tree(&self.project.path("root"));
        let planned = self.plans(steps, row);
        assert!(planned.stdout.contains("x\n  localhost: = ok"), "{planned:?}");
        let said = self.run(steps, row, &["run"]);
        assert_eq!((said.code, self.changed(&said)), (0, 0), "{said:?}");
        assert_eq!(tree(&self.project.path("root")), before, "{steps}");
    }

    /// A dry run and a run that find all as it should be.
    pub(crate) fn has_nothing_to_do(&self, step: &str, row: &str) {
        let before = tree(&self.project.path("root"));
        let planned = self.plans(step, row);
        assert!(planned.stdout.contains(": = ok"), "{planned:?}");
        let ran = self.run(step, row, &["run", "-y"]);
        assert_eq!((ran.code, self.changed(&ran)), (0, 0), "{ran:?}");
        assert_eq!(tree(&self.project.path("root")), before);
    }

    /// Not a program: nothing is asked of any host.
    pub(crate) fn is_refused(&self, step: &str, row: &str, because: &str) {
        let said = self.run(step, row, &["plan", "--offline"]);
        assert_eq!(said.code, 11, "{said:?}");
        assert!(said.stderr.contains(because), "{}", said.stderr);
    }

    pub(crate) fn fails(&self, step: &str, row: &str, because: &str) {
        let before = tree(&self.project.path("root"));
        let said = self.run(step, row, &["run", "-y"]);
        assert_ne!(said.code, 0, "{said:?}");
        assert!(said.stderr.contains(because), "{}", said.stderr);
        assert_eq!(tree(&self.project.path("root")), before);
    }
}

pub(crate) fn mode(project: &Project, path: &str) -> u32 {
    std::fs::metadata(project.path(path)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn file_directory() {
    let case = Case::new();
    case.converges("file.directory(path: \"{root}/a/b c/d\", mode: \"0750\")", "change", |project| {
        mode(project, "root/a/b c/d") == 0o750
    });
    case.converges("file.directory(path: \"{root}/a/b c/d\", mode: \"0700\")", "change", |project| {
        mode(project, "root/a/b c/d") == 0o700
    });
    case.project.write("root/plain", "x");
    case.fails("file.directory(path: \"{root}/plain\")", "change", "exists and is not a folder");
}

#[test]
fn file_write_new_and_over_another() {
    let case = Case::new();
    let step = "file.write(to: \"{root}/note\", content: \"it's \\\"$HOME\\\" `x` $(id)\\n\", mode: \"0600\")";
    case.converges(step, "change", |project| {
        project.read("root/note").as_deref() == Some("it's \"$HOME\" `x` $(id)\n")
            && mode(project, "root/note") == 0o600
    });
    let over = "file.write(to: \"{root}/note\", content: \"other\")";
    case.converges(over, "change", |project| {
        project.read("root/note").as_deref() == Some("other") && mode(project, "root/note") == 0o600
    });
    case.fails("file.write(to: \"{root}/no/folder\", content: \"x\")", "change", "does not exist");
    // It fails after the old content was put aside, which undoing it takes back.
    let owned = "file.write(to: \"{root}/note\", content: \"mine\", owner: \"no-such-user\")";
    let kept = || tree(&case.project.path("home/.opsc/backup")).len();
    let before = kept();
    case.fails(owned, "change", "no-such-user");
    assert_eq!(kept(), before);
}

#[test]
fn a_file_takes_the_place_of_a_link_with_the_rights_behind_it_and_gives_it_back() {
    let case = Case::new();
    let link = case.project.path("root/link");
    case.project.write("app.conf", "new\n");
    for step in [
        "file.write(to: \"{root}/link\", content: \"new\\n\")",
        "file.copy(from: file(\"app.conf\"), to: \"{root}/link\")",
        "file.template(from: file(\"app.conf\"), to: \"{root}/link\")",
    ] {
        case.project.write("root/real", "old\n");
        std::fs::set_permissions(case.project.path("root/real"), std::fs::Permissions::from_mode(0o640)).unwrap();
        drop(std::fs::remove_file(&link));
        std::os::unix::fs::symlink("real", &link).unwrap();
        case.converges(step, "change", |project| {
            project.read("root/real").as_deref() == Some("old\n")
                && project.read("root/link").as_deref() == Some("new\n")
                && !project.path("root/link").is_symlink()
                && mode(project, "root/link") == 0o640
        });
    }
    std::os::unix::fs::symlink("nowhere", case.project.path("root/lost")).unwrap();
    case.converges("file.absent(path: \"{root}/lost\")", "change", |project| !project.path("root/lost").is_symlink());
    std::fs::create_dir(case.project.path("root/folder")).unwrap();
    std::os::unix::fs::symlink("folder", case.project.path("root/way")).unwrap();
    case.converges("file.directory(path: \"{root}/way\", mode: \"0700\")", "change", |project| {
        mode(project, "root/folder") == 0o700 && project.path("root/way").is_symlink()
    });
}

#[test]
fn file_copy_with_hostile_names() {
    let case = Case::new();
    case.project.write("app.conf", "port = 1\n");
    for name in ["plain", "with space", "-n", "quote'd", "$(touch hacked)", "ä;rm"] {
        let step = format!("file.copy(from: file(\"app.conf\"), to: \"{{root}}/{name}\", mode: \"0640\")");
        case.converges(&step, "change", |project| {
            project.read(&format!("root/{name}")).as_deref() == Some("port = 1\n")
                && mode(project, &format!("root/{name}")) == 0o640
        });
    }
    assert!(!case.project.path("hacked").exists() && !case.project.path("home/hacked").exists());
    std::fs::create_dir_all(case.project.path("root/folder")).unwrap();
    case.fails("file.copy(from: file(\"app.conf\"), to: \"{root}/folder\")", "change", "is a folder");
}

#[test]
fn file_template() {
    let case = Case::new();
    case.project.write("app.j2", "host {{ host.name }} port {{ vars.port }}\n");
    let step = "file.template(from: file(\"app.j2\"), to: \"{root}/app\", vars: { port: \"8080\" })";
    case.converges(step, "change", |project| {
        project.read("root/app").as_deref().map(str::trim_end) == Some("host localhost port 8080")
    });
    case.project.write("app.j2", "{{ vars.nothing }}\n");
    case.fails(step, "change", "nothing");
}

#[test]
fn file_absent() {
    let case = Case::new();
    case.project.write("root/dir/inner/file", "precious");
    case.fails("file.absent(path: \"{root}/dir\")", "change", "say recursive: true");
    case.converges("file.absent(path: \"{root}/dir\", recursive: true)", "change", |project| {
        !project.path("root/dir").exists()
    });
}

#[test]
fn file_template_is_judged_before_it_is_in_place() {
    let case = Case::new();
    case.project.write("app.j2", "port {{ vars.port }}\n");
    case.project.write("root/app", "port 1\n");
    let step = |port: &str| {
        format!(
            "file.template(from: file(\"app.j2\"), to: \"{{root}}/app\", vars: {{ port: \"{port}\" }}, validate: sh\"grep -q 'port [0-9]' \\\"$file\\\" || {{ echo \\\"no port in $(cat \\\"$file\\\")\\\"; exit 3; }}\")"
        )
    };
    case.fails(&step("x"), "change", "no port in port x");
    case.fails(&step("x"), "change", "is not valid");
    case.converges(&step("2"), "change", |project| project.read("root/app").as_deref() == Some("port 2\n"));
    let ends =
        "file.template(from: file(\"app.j2\"), to: \"{root}/new\", vars: { port: \"3\" }, validate: sh\"exit 0\")";
    case.converges(ends, "change", |project| project.read("root/new").as_deref() == Some("port 3\n"));
}

#[test]
fn file_move_to_a_new_place_and_over_a_file() {
    let case = Case::new();
    for (from, to) in [("plain", "new"), ("with space", "quote'd"), ("-n", "$(touch hacked)")] {
        case.project.write(&format!("root/{from}"), from);
        std::fs::set_permissions(case.project.path(&format!("root/{from}")), PermissionsExt::from_mode(0o640)).unwrap();
        let step = format!("file.move(from: \"{{root}}/{from}\", to: \"{{root}}/{to}\")");
        case.converges(&step, "change", |project| {
            project.read(&format!("root/{to}")).as_deref() == Some(from)
                && mode(project, &format!("root/{to}")) == 0o640
                && !project.path(&format!("root/{from}")).exists()
        });
    }
    case.project.write("root/key.new", "new key");
    case.project.write("root/key", "old key");
    std::fs::set_permissions(case.project.path("root/key"), PermissionsExt::from_mode(0o400)).unwrap();
    let step = "file.move(from: \"{root}/key.new\", to: \"{root}/key\")";
    case.converges(step, "change", |project| project.read("root/key").as_deref() == Some("new key"));
    case.project.write("root/folder/inner", "x");
    case.converges("file.move(from: \"{root}/folder\", to: \"{root}/other\")", "change", |project| {
        project.read("root/other/inner").as_deref() == Some("x")
    });
    case.fails("file.move(from: \"{root}/key\", to: \"{root}/other\")", "change", "is there and is not a file");
    case.fails("file.move(from: \"{root}/other\", to: \"{root}/key\")", "change", "is there and is not a file");
    case.fails("file.move(from: \"{root}/none\", to: \"{root}/nothing\")", "change", "there is neither");
    case.fails("file.move(from: \"{root}/key\", to: \"{root}/no/folder\")", "change", "does not exist");
}

#[test]
fn file_link_is_made_and_turned() {
    let case = Case::new();
    let target = |project: &Project| {
        let link = project.path("root/current");
        link.is_symlink().then(|| std::fs::read_link(link).unwrap())
    };
    for to in ["first", "second's $(x)", "nowhere"] {
        if to != "nowhere" {
            case.project.write(&format!("root/{to}/inner"), to);
        }
        let before = target(&case.project);
        let step = format!("file.link(path: \"{{root}}/current\", to: \"{{root}}/{to}\")");
        let undone =
            case.run(&format!("{step}\n    require host.name == \"x\" else \"stop\""), "change", &["run", "-y"]);
        assert_eq!((undone.code, target(&case.project)), (23, before), "{undone:?}");
        case.converges(&step, "change", |project| target(project) == Some(project.path("root").join(to)));
    }
    case.project.write("root/plain", "x");
    case.fails("file.link(path: \"{root}/plain\", to: \"/tmp\")", "change", "exists and is not a link");
}

#[test]
fn file_info_reads() {
    let case = Case::new();
    case.project.write("root/file", "abc");
    let step = "x = file.info(path: \"{root}/file\")\n    require x.sha256 == \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" and x.kind == \"file\" and x.size == 3B else \"{x.exists}\"\n    y = file.info(path: \"{root}/none\")\n    require not y.exists else \"it exists\"";
    case.reads(step, "read");
}

#[test]
fn file_secret_is_kept_and_undone() {
    let case = Case::new();
    case.project.write("token", "it's $(x)\n");
    std::fs::set_permissions(case.project.path("token"), PermissionsExt::from_mode(0o600)).unwrap();
    let step = "file.secret(to: \"{root}/app\", content: secret(\"file:token\"))";
    for had in [None, Some("before\n")] {
        if let Some(text) = had {
            case.project.write("root/app", text);
            std::fs::set_permissions(case.project.path("root/app"), PermissionsExt::from_mode(0o644)).unwrap();
        }
        // A plan reads no secrets, so it says that it does not know.
        assert!(case.plans(step, "change").stdout.contains("it takes a secret"));
        case.undoes(step, "change");
        for changes in [1, 0] {
            let said = case.run(step, "change", &["run", "-y"]);
            assert_eq!((said.code, case.changed(&said)), (0, changes), "{said:?}");
            assert!(case.project.read("root/app").is_some_and(|text| text.starts_with("it's $(x)")));
            assert_eq!(mode(&case.project, "root/app"), 0o600);
        }
    }
}

#[test]
fn shell_run_with_creates_unless_undo_and_variables() {
    let case = Case::new();
    let step = "shell.run(script: sh\"printf '%s' \\\"$what\\\" > \\\"$to\\\"\", effect: \"change\", vars: { what: \"a 'b' $(c)\", to: \"{root}/made\" }, creates: \"{root}/made\", undo: sh\"rm -f \\\"$to\\\"\")";
    case.converges(step, "change, exec", |project| project.read("root/made").as_deref() == Some("a 'b' $(c)"));
    case.fails("shell.run(script: sh\"echo broken >&2; exit 7\", effect: \"change\")", "change, exec", "broken");
    let read = "x = shell.run(script: sh\"echo hello\", effect: \"read\")\n    require x.stdout == \"hello\" and x.code == 0 else \"{x.stdout}\"";
    let said = case.run(read, "exec", &["run"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn shell_run_prints_json_and_ends_with_a_code_that_is_right() {
    let case = Case::new();
    let step = |code: usize, holds: &str| {
        format!(
            "x = shell.run(script: sh\"printf '%s' '{{\\\"a\\\": [1, {{\\\"b\\\": true}}]}}'; exit {code}\", effect: \"read\") {{\n      ok: it.code in [0, 1]\n    }}\n    require {holds} else \"no\""
        )
    };
    let holds = "x.code == 1 and from_json(x.stdout).a[0] == 1 and from_json(x.stdout).a[1].b";
    let said = case.run(&step(1, holds), "exec", &["run"]);
    assert_eq!((said.code, case.changed(&said)), (0, 0), "{said:?}");
    assert_eq!(case.run(&step(1, "from_json(x.stdout).a[0] == 2"), "exec", &["run"]).code, 21);
    let wrong = case.run(&step(2, "x.code == 2"), "exec", &["run"]);
    assert!(wrong.code == 21 && wrong.stderr.contains("`ok` does not hold"), "{wrong:?}");
}

#[test]
fn wait_port_sees_who_listens() {
    let case = Case::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = format!("x = wait.port(port: {port})\n    require x.listening else \"closed\"");
    assert_eq!(case.run(&open, "read", &["run"]).code, 0);
    drop(listener);
    let closed = format!("wait.port(port: {port}, state: \"closed\")");
    assert_eq!(case.run(&closed, "read", &["run"]).code, 0);
    let never = format!("wait.port(port: {port}) {{\n      timeout: 1s\n    }}");
    assert_eq!(case.run(&never, "read", &["run"]).code, 27);
}

#[test]
fn wait_port_hears_what_is_said() {
    let case = Case::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        // Not yet at the first time.
        for (number, stream) in listener.incoming().enumerate() {
            let said = if number == 0 { "421 busy\r\n" } else { "220 it's $(ready)\r\n" };
            drop(std::io::Write::write_all(&mut stream.unwrap(), said.as_bytes()));
        }
    });
    let ready = format!("wait.port(port: {port}, text: \"220 it's $(ready)\")");
    let said = case.run(&ready, "read", &["run"]);
    assert_eq!((said.code, case.changed(&said)), (0, 0), "{said:?}");
    let other = format!("wait.port(port: {port}, text: \"250\") {{\n      timeout: 2s\n    }}");
    assert_eq!(case.run(&other, "read", &["run"]).code, 27);
    case.fails(
        &format!("wait.port(port: {port}, state: \"closed\", text: \"x\")"),
        "read",
        "a closed port says nothing",
    );
}

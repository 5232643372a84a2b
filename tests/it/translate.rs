//! Plain language through the binary: sentences become checked files, what is not understood is a question.

use serde_json::Value as Json;

use opsc::app::project::Project as Place;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::hir::program::Action;
use opsc::hir::world::Inventory;
use opsc::translate::phrasebook::Phrasebook;
use opsc::translate::program::{Known, draft};
use opsc::translate::templates::{Part, is_doubtful, parse};

use super::phrase_sentences::sentences;
use super::project::Project;

const INVENTORY: &str = "groups:\n  app:\n    hosts: [\"app[1:3]\"]\n    os: linux\n  web:\n    hosts: [web1, web2]\n    os: linux\n    tags: { env: prod }\n  db:\n    hosts: [db1]\n    os: linux\n";

pub(crate) fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("app.conf", "");
    project
}

/// The statements of the compiled playbook on one line, or the questions.
pub(crate) fn compiled(project: &Project, request: &str) -> String {
    let said = project.opsc(&["compile", request, "-o", "json", "--no-input"]);
    let json: Json = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    if said.code == 3 {
        let asks: Vec<&str> =
            json["questions"].as_array().unwrap().iter().map(|each| each["ask"].as_str().unwrap()).collect();
        return format!("? {}", asks.join(" | "));
    }
    assert_eq!(said.code, 0, "{request}: {said:?}");
    let source = json["source"].as_str().unwrap();
    let body: Vec<&str> =
        source.lines().skip_while(|line| !line.trim().starts_with("doc:")).skip(1).map(str::trim).collect();
    body.join(" ").trim().trim_end_matches('}').trim().to_string()
}

#[test]
fn sentences_become_programs_or_questions() {
    let project = project();
    let cases = [
        (
            "create the directory /srv/app on the app servers, copy app.conf to /srv/app/app.conf with mode 0640, then check that http://{address}:8080/healthz answers 200, one server at a time, roll back on failure",
            "on app (as: \"root\", batch: 1, max_failures: 0) { file.directory(path: \"/srv/app\") file.copy(from: file(\"app.conf\"), to: \"/srv/app/app.conf\", mode: \"0640\") http.check(url: \"http://{host.address}:8080/healthz\", status: 200)  on failure { rollback } }",
        ),
        (
            "restart nginx on web servers, two at a time, roll back if /healthz fails",
            "on web (batch: 2, max_failures: 0) { service.restart(name: \"nginx\") http.check(url: \"http://{host.address}/healthz\", status: 200)  on failure { rollback } }",
        ),
        ("Please restart nginx on the web servers.", "on web { service.restart(name: \"nginx\") }"),
        ("restrat nginx on the web servers", "on web { service.restart(name: \"nginx\") }"),
        (
            "install nginx and redis on the web servers except web2",
            "on web { package.ensure(names: [\"nginx\", \"redis\"]) }",
        ),
        (
            "install nginx on web and db servers, 25% at a time",
            "on targets (batch: 25%, max_failures: 0) { package.ensure(names: [\"nginx\"]) }",
        ),
        ("write \"hello\" to /tmp/x on localhost", "on localhost { file.write(to: \"/tmp/x\", content: \"hello\") }"),
        ("delete /tmp/x on db1", "on db1 { file.absent(path: \"/tmp/x\") }"),
        (
            "create the user deploy with shell /bin/bash on all servers",
            "on targets { user.ensure(name: \"deploy\", shell: \"/bin/bash\") }",
        ),
        (
            "wait until port 8080 is open on the app servers, retry 3 times every 5 seconds",
            "on app { wait.port(port: 8080, state: \"open\") { retry: 3 every: 5s } }",
        ),
        (
            "create the directory /srv/app on the app servers, then run the health check, one server at a time",
            "? http.check: which url? (url)",
        ),
        ("restart nginx", "? on which hosts?"),
        ("restart nginx on the wbe servers", "? there is no group or host `wbe`: which one is meant?"),
        ("defragment nginx on the web servers", "? what does \"defragment nginx\" mean here?"),
        ("restart nginx on the web servers after hours", "? what does \"after hours\" mean here?"),
        (
            "create the directory /srv/shop (mode 0750, owned by root) on the app servers, copy app.conf to /srv/shop/app.conf with mode 0640 and owned by www-data",
            "on app (as: \"root\") { file.directory(path: \"/srv/shop\", mode: \"0750\", owner: \"root\") file.copy(from: file(\"app.conf\"), to: \"/srv/shop/app.conf\", mode: \"0640\", owner: \"www-data\") }",
        ),
        ("stop nginx on web1", "on web1 { service.stop(name: \"nginx\") }"),
        (
            "on the web servers, install nginx and then restart it",
            "on web { package.ensure(names: [\"nginx\"]) service.restart(name: \"nginx\") }",
        ),
        (
            "restart nginx and redis on the web servers",
            "on web { service.restart(name: \"nginx\") service.restart(name: \"redis\") }",
        ),
        (
            "stop nginx and redis on the web servers, then restart them",
            "on web { service.stop(name: \"nginx\") service.stop(name: \"redis\") service.restart(name: \"nginx\") service.restart(name: \"redis\") }",
        ),
        (
            "install nginx version 1.22.1-9 on web",
            "on web { package.ensure(names: [\"nginx\"], version: \"1.22.1-9\") }",
        ),
        ("restart nginx on the prod servers", "on prod { service.restart(name: \"nginx\") }"),
        ("restart nginx on all hosts tagged env=prod", "on prod { service.restart(name: \"nginx\") }"),
        ("restart nginx on all linux servers except db1", "on linux { service.restart(name: \"nginx\") }"),
        (
            "restart nginx and redis on the web servers, retry 3 times",
            "on web { service.restart(name: \"nginx\") { retry: 3 } service.restart(name: \"redis\") { retry: 3 } }",
        ),
        ("restart nginx everywhere", "on targets { service.restart(name: \"nginx\") }"),
        (
            "restart nginx on the web servers, but stop if more than 1 fails",
            "on web (max_failures: 1) { service.restart(name: \"nginx\") }",
        ),
        (
            "restart nginx on the web servers, then stop redis on the db servers",
            "on web { service.restart(name: \"nginx\") }  on db { service.stop(name: \"redis\") }",
        ),
        (
            "on the db servers stop redis, on the web servers restart nginx",
            "on db { service.stop(name: \"redis\") }  on web { service.restart(name: \"nginx\") }",
        ),
        (
            "roll out app.conf to /etc/app.conf on the app servers one at a time, checking http://{address}:8080/healthz after each, and roll back if it fails",
            "on app (as: \"root\", batch: 1, max_failures: 0) { file.copy(from: file(\"app.conf\"), to: \"/etc/app.conf\") http.check(url: \"http://{host.address}:8080/healthz\")  on failure { rollback } }",
        ),
        (
            "run \"uptime\" on the web servers",
            "? shell.run: which effect? (\"read\" | \"change\" | \"destroy\"; say `with effect read`)",
        ),
        (
            "run \"uptime\" on the web servers with effect read",
            "on web { shell.run(script: sh\"uptime\", effect: \"read\") }",
        ),
        ("run \"uptime\" on web1, which only reads", "on web1 { shell.run(script: sh\"uptime\", effect: \"read\") }"),
        (
            "run \"rm -rf /tmp/x\" with effect destroy on web1, then run \"uptime\" which only reads",
            "on web1 { shell.run(script: sh\"rm -rf /tmp/x\", effect: \"destroy\") shell.run(script: sh\"uptime\", effect: \"read\") }",
        ),
        ("restart nginx on web1 with effect read", "? what does \"with effect read\" mean here?"),
        ("run \"uptime\" on web1 with effect read with effect change", "? what does \"with effect change\" mean here?"),
        ("launch nginx on web1", "on web1 { service.start(name: \"nginx\") }"),
        ("make sure that nginx is running on web1", "on web1 { service.ensure(name: \"nginx\", state: \"running\") }"),
        (
            "add the deploy user to the docker group on web1",
            "on web1 { user.ensure(name: \"deploy\", groups: [\"docker\"]) }",
        ),
        (
            "find files in /var/log larger than 200 MB on web1",
            "on web1 (as: \"root\") { file.find(path: \"/var/log\", larger: 200MiB) }",
        ),
        ("wait 5 minutes on web1", "on web1 { wait.seconds(for: 5m) }"),
        ("turn off ip forwarding on web1", "on web1 { os.sysctl(name: \"net.ipv4.ip_forward\", value: \"0\") }"),
        (
            "create the tls folder for haproxy on web1",
            "? what does \"tls for haproxy\" mean here? | file.directory: which path? (path)",
        ),
        ("delete old.conf on web1", "? file.absent: which path? (path)"),
        ("copy app.conf /etc/app.conf on web1", "? does \"copy app.conf /etc/app.conf\" mean file.copy?"),
        ("extract the archive on web1", "? archive.extract: which from? (file?) | archive.extract: which to? (path)"),
        ("install nginx so that we can stop apache on web1", "? what does \"so that we can stop apache\" mean here?"),
        ("restart nginx if redis is running on web1", "? what does \"if redis is running\" mean here?"),
        (
            "install the latest tools on web1",
            "? what does \"latest\" mean here? | package.ensure: which names? (list<PackageName>(1..))",
        ),
        ("remove gizmo on web1", "? does \"remove gizmo\" mean package.remove?"),
        ("restart it on the web servers", "? service.restart: which name? (ServiceName)"),
        ("install nginx version on web", "? what does \"version\" mean here?"),
        ("restart nginx on the web servers, then stop redis on the db servers, then install curl", "? on which hosts?"),
        (
            "restart nginx on the web servers, then stop redis on the db servers, roll back on failure",
            "? when one part fails, should only its own hosts be rolled back, or the earlier parts too?",
        ),
        ("restart nginx on the web servers on db1", "? every step on all of these hosts, or some steps only on some?"),
        ("restart nginx on two web servers", "? what does \"on two web servers\" mean here? | on which hosts?"),
        (
            "restart nginx on web1, ask for approval first",
            "approve(by: [\"self\"], message: \"restart nginx on web1, ask for approval first\")  on web1 { service.restart(name: \"nginx\") }",
        ),
        (
            "wait for the approval of dba or ann, then restart nginx on web1",
            "approve( by: [\"dba\", \"ann\"], message: \"wait for the approval of dba or ann, then restart nginx on web1\", )  on web1 { service.restart(name: \"nginx\") }",
        ),
        (
            "stop nginx, ask for approval, then start it on web1",
            "? must the approval be there before everything, or only before what follows?",
        ),
        (
            "ask for approval by ann first, with approval by ben, restart nginx on web1",
            "? what does \"with approval by ben\" mean here?",
        ),
        (
            "start nginx on web1 and verify that it works",
            "on web1 (max_failures: 0) { service.start(name: \"nginx\") service.check(name: \"nginx\")  on failure { rollback } }",
        ),
        ("create the directory /tmp/x on web1 and verify it", "? what does \"verify it\" mean here?"),
        ("check that nginx is running on web1", "on web1 { service.check(name: \"nginx\") }"),
        ("check whether nginx is running on web1", "on web1 { service.status(name: \"nginx\") }"),
        (
            "on web1 stop nginx, copy app.conf to /tmp/app.conf and start it",
            "on web1 { service.stop(name: \"nginx\") file.copy(from: file(\"app.conf\"), to: \"/tmp/app.conf\") service.start(name: \"nginx\") }",
        ),
        (
            "install redis, copy app.conf to /tmp/app.conf and restart it on web1",
            "? service.restart: which name? (ServiceName)",
        ),
        (
            "copy the new app.conf to /tmp/app.conf on web1",
            "on web1 { file.copy(from: file(\"app.conf\"), to: \"/tmp/app.conf\") }",
        ),
        ("copy the new app.conf on web1", "on web1 (as: \"root\") { file.copy(from: file(\"app.conf\"), to: to) }"),
        ("hello", "? what should be done? no action was recognised (`opsc actions` lists them)"),
    ];
    for (request, expected) in cases {
        assert_eq!(compiled(&project, request), expected, "{request}");
    }
}

#[test]
fn politeness_and_number_words_change_nothing() {
    let project = project();
    let plain = compiled(&project, "restart nginx on the web servers, 2 at a time");
    for request in [
        "please restart nginx on the web servers, two at a time",
        "could you restart nginx on the web servers two at a time",
        "Restart nginx on the web servers, two at a time.",
    ] {
        assert_eq!(compiled(&project, request), plain, "{request}");
    }
}

#[test]
fn a_unit_that_the_language_lacks_is_an_assumption() {
    let project = project();
    project.write("inventory.yaml", &format!("{INVENTORY}hosts:\n  win1: {{ os: windows, transport: winrm }}\n"));
    let assumed = |request: &str| -> Json {
        let said = project.opsc(&["compile", request, "-o", "json", "--no-input"]);
        serde_json::from_str::<Json>(&said.stdout).unwrap()["assumptions"].clone()
    };
    let about_size = "`larger: 2GiB` is not in the request";
    let as_root = "as root, since a path lies outside home and /tmp";
    assert_eq!(assumed("find files in /var/log larger than 2GB on web1"), serde_json::json!([as_root, about_size]));
    assert_eq!(assumed("find files in /var/log larger than 2 GiB on web1"), serde_json::json!([as_root]));
    // A path of Windows stands in the program with its backslashes doubled, and is there all the same.
    let copied = project.opsc(&["compile", r"copy app.conf to C:\app\app.conf on win1", "-o", "json", "--no-input"]);
    let copied: Json = serde_json::from_str(&copied.stdout).unwrap();
    assert_eq!((&copied["assumptions"], &copied["uncovered"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn what_is_in_braces_is_said_to_be_text() {
    let project = project();
    let assumed = |request: &str| -> Vec<String> {
        let said = project.opsc(&["compile", request, "-o", "json", "--no-input"]);
        let json: Json = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
        let all = json["assumptions"].as_array().unwrap_or_else(|| panic!("{said:?}"));
        all.iter().map(|each| each.as_str().unwrap().to_string()).collect()
    };
    let of_name = "`{host.name}` is text: no value is put in its place";
    assert_eq!(assumed("write \"I am {host.name}\" to /tmp/x on web1"), [of_name]);
    assert_eq!(assumed("run \"echo {host.name}\" on web1, which only reads"), [of_name]);
    for other in ["${HOME}", "{{name}}", "{ \\\"a\\\": 1 }", "a{1,3}"] {
        assert_eq!(assumed(&format!("write '{other}' to /tmp/x on web1")), Vec::<String>::new(), "{other}");
    }
    let filled = "check that http://{host.name}:8080/healthz answers 200 on web1";
    assert_eq!(assumed(filled), Vec::<String>::new());
}

#[test]
fn what_is_left_open_is_a_parameter_and_who_approves_is_named_by_the_project() {
    let project = project();
    project.write("opsc.toml", "[approvers]\ndba = \"self\"\nops = \"self\"\n");
    project.write("b.conf", "");
    let request = "after approval copy the new app.conf, copy the new b.conf on web1";
    let said = project.opsc(&["compile", request, "-o", "json", "--no-input"]);
    let json: Json = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let source = json["source"].as_str().unwrap_or_else(|| panic!("{said:?}"));
    for expected in ["  to: path,\n  to2: path,\n", "by: [\"dba\", \"ops\"],", "to: to)", "to: to2)"] {
        assert!(source.contains(expected), "{expected}: {source}");
    }
    let assumed = json["assumptions"].as_array().unwrap();
    assert!(assumed.contains(&"`to2` is given when the playbook is run".into()), "{assumed:?}");
    assert!(assumed.contains(&"`by: \"ops\"` of the approval is not in the request".into()), "{assumed:?}");
    assert_eq!(json["uncovered"], serde_json::json!([]));
}

#[test]
fn a_question_about_the_whole_can_be_answered() {
    let project = project();
    let shown = project.on_terminal("compile 'copy app.conf /etc/app.conf on web1' --save a.ops", "file.copy\n");
    let saved = project.read("a.ops").unwrap_or_else(|| panic!("{shown}"));
    assert!(saved.contains("file.copy(from: file(\"app.conf\"), to: \"/etc/app.conf\")"), "{saved}");
}

#[test]
fn a_question_writes_nothing_and_an_existing_file_is_kept() {
    let project = project();
    let asked = project.opsc(&["compile", "restart nginx", "--save", "new.ops", "--no-input"]);
    assert_eq!((asked.code, project.read("new.ops")), (3, None), "{asked:?}");
    let request = "restart nginx on the web servers";
    assert_eq!(project.opsc(&["compile", request, "--save", "new.ops"]).code, 0);
    assert_eq!(project.opsc(&["fmt", "--check", "new.ops"]).code, 0);
    assert_eq!(project.opsc(&["check", "new.ops"]).code, 0);
    let again = project.opsc(&["compile", "restart redis on the web servers", "--save", "new.ops"]);
    assert_eq!(again.code, 10);
    assert!(again.stderr.contains("+    service.restart(name: \"redis\")"), "{}", again.stderr);
    assert!(project.read("new.ops").unwrap().contains("nginx"));
}

/// Words that begin a control clause; inside a phrase they would cut it.
const CONTROL: &[&str] = &["then", "finally", "except", "excluding", "without", "retry", "rollback", "undo", "revert"];

fn sample(name: &str, action: &Action) -> &'static str {
    match (action.name.as_str(), name) {
        ("notify.webhook", "url" | "json") => "env:APP_TOKEN",
        ("notify.slack", "to") => "\"#deploys\"",
        ("notify.sms", "to") => "+4915112345678",
        ("notify.email", "to") => "ops@example.org",
        ("net.port" | "net.ping" | "net.trace" | "net.path", "to") | (_, "host") => "db9.example.org",
        ("wait.path", "state") => "present",
        (_, "method") => "DELETE",
        (_, "count") => "3",
        (_, "for") => "30s",
        ("haproxy.drain" | "haproxy.ready", "server") => "web1",
        (_, "server") => "http://prom:9090",
        (_, "query" | "text" | "subject" | "body") => "\"quoted words\"",
        ("archive.create", "to") => "/srv/x.tar.gz",
        ("archive.create" | "file.assemble", "from") => "/srv/y",
        (_, "url") => "http://web1/healthz",
        ("package.debconf", "question") => "tzdata/Areas",
        ("package.debconf", "package") => "tzdata",
        ("package.debconf", "type") => "select",
        ("selinux.mode", "mode") => "enforcing",
        ("selinux.boolean", "name") => "httpd_can_network_connect",
        (_, "status") => "204",
        ("registry.set" | "registry.remove" | "registry.get", "key") => "\"HKLM\\SOFTWARE\\App\"",
        ("scheduled_task.ensure", "program") | ("windows.package", "installer") => "/srv/x",
        ("scheduled_task.ensure", "daily") => "\"03:30\"",
        ("scheduled_task.ensure", "every") => "2h",
        ("windows.user_right", "right") => "SeServiceLogonRight",
        ("windows.user_right", "accounts") | ("windows.acl", "account") => "deploy",
        ("windows.acl", "rights") => "Modify",
        ("windows.audit_policy", "subcategory") => "\"quoted words\"",
        (_, "path" | "to" | "home" | "shell" | "interpreter") => "/srv/x",
        ("file.move", "from") => "/srv/y",
        ("file.tree", "from") => "dist/site",
        (_, "from") => "app.conf",
        (_, "mode") => "0640",
        (_, "repo") => "\"https://git.example.org/app.git\"",
        (_, "archive") => "/srv/x.tgz",
        (_, "older" | "newer") => "7d",
        (_, "larger") => "2GiB",
        ("file.find" | "file.prune", "name") => "\"*.log\"",
        (_, "owner") => "deploy",
        ("file.secret", "content") => "env:APP_TOKEN",
        ("file.json" | "file.no_json" | "file.yaml" | "file.no_yaml", "key") => "\"nginx\"",
        ("file.acl", "entries") => "\"user:deploy:rwx\"",
        ("file.yaml", "value") => "8080",
        ("container.compose", "project") => "shop",
        ("k8s.apply", "manifest") => "app.conf",
        (_, "namespace" | "kind") => "deployment",
        (_, "replicas") => "3",
        (_, "sql") => "\"quoted words\"",
        (_, "image") => "\"docker.io/library/nginx:1.27\"",
        (_, "database") => "shop",
        (_, "groups") => "docker",
        (_, "csr") => "\"quoted words\"",
        (_, "days") => "30",
        (_, "venv") => "/srv/venv",
        (_, "contains" | "content" | "script" | "line" | "match" | "after" | "block" | "with" | "value") => {
            "\"quoted words\""
        }
        (_, "port") => "8080",
        (_, "wait") => "20m",
        (_, "socket") => "/run/haproxy/admin.sock",
        (_, "backend") => "web",
        ("wait.port", "state") => "open",
        (_, "state") => "stopped",
        (_, "version") => "1.2.3",
        (_, "grace") => "30s",
        (_, "uri") => "https://deb.example.org/debian",
        (_, "user") => "deploy",
        (_, "gid") => "4000",
        (_, "type") => "ed25519",
        (_, "job") => "\"/usr/bin/backup --all\"",
        (_, "schedule") => "\"30 2 * * *\"",
        ("ssh_key.authorize" | "ssh_key.remove" | "ssh_key.known_host", "key") => "\"ssh-ed25519 AAAA\"",
        ("file.ini" | "file.no_ini", "key") => "nginx",
        (_, "key") => "/etc/apt/keyrings/x.asc",
        (_, "suites" | "components") => "stable",
        ("firewall.allow" | "firewall.deny" | "firewall.remove", "service") => "https",
        ("firewall.allow" | "firewall.deny" | "firewall.remove" | "firewall.rule", "source") => "10.0.0.0/8",
        (_, "verdict") => "allow",
        ("os.swap", "size") => "2GiB",
        ("container.build", "context") => "/srv/x",
        (_, "device") => "/dev/sdb1",
        ("disk.filesystem", "fstype") => "ext4",
        (_, "chart") => "shop/web",
        ("os.mount", "source") => "\"LABEL=data\"",
        ("os.mount", "fstype") => "ext4",
        ("os.mount", "options") => "noatime",
        ("os.timezone", "name") => "\"Europe/Berlin\"",
        ("os.locale", "name") => "\"C.UTF-8\"",
        ("os.sysctl", "name") => "net.ipv4.ip_forward",
        (_, "name" | "names" | "section") => "nginx",
        (action, other) => panic!("{action}: what is a {other}?"),
    }
}

#[test]
fn every_phrase_means_its_own_action_and_no_other() {
    let project = project();
    let place = Place { root: project.path(""), found: true, state: project.path(".opsc") };
    let mut workspace = Workspace::open(place, Settings::default(), &[]).unwrap();
    let (program, diagnostics) = workspace.catalogue();
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let actions: Vec<&Action> = program.actions.values().map(AsRef::as_ref).collect();
    let book = Phrasebook::new(&actions);
    let inventory = workspace.inventory();
    let mut phrases: Vec<Said<'_>> = Vec::new();
    for action in &actions {
        assert!(!action.says.is_empty(), "{} has no phrase", action.name);
        phrases.extend(action.says.iter().flat_map(|says| phrase_sentences(says, action)));
    }
    assert!(phrases.len() > 3000, "{}", phrases.len());
    let readers = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |part: &[Said<'_>]| -> Vec<String> {
        part.iter().filter_map(|said| misread(said, &book, &inventory)).collect()
    };
    let misread: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            phrases.chunks(phrases.len().div_ceil(readers)).map(|chunk| scope.spawn(|| part(chunk))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(misread.is_empty(), "{} of {}:\n{}", misread.len(), phrases.len(), misread.join("\n"));
}

/// A sentence that a phrase of an action accepts.
struct Said<'a> {
    action: &'a Action,
    sentence: String,
    is_doubtful: bool,
}

fn phrase_sentences<'a>(says: &str, action: &'a Action) -> Vec<Said<'a>> {
    let parts = parse(says);
    let has_control = |part: &Part| matches!(part, Part::Word(word) if CONTROL.contains(&word.as_str()));
    assert!(!parts.iter().any(has_control), "{says}");
    let is_doubtful = is_doubtful(says);
    sentences(&parts, action, &sample).into_iter().map(|sentence| Said { action, sentence, is_doubtful }).collect()
}

/// What is wrong with how a sentence is read. What is doubtful is asked, and this action is one that may be meant.
fn misread(said: &Said<'_>, book: &Phrasebook<'_>, inventory: &Inventory) -> Option<String> {
    let Said { action, sentence, is_doubtful } = said;
    let known = Known { inventory, approvers: &[], answers: &[] };
    let draft = draft(&format!("{sentence} on web1"), book, &known);
    let nodes: Vec<&str> = draft.clauses.iter().map(|clause| clause.node.as_str()).collect();
    let ties: Vec<_> = draft.questions.iter().filter(|question| question.kind != "missing").collect();
    let is_asked = ties.len() == 1 && ties[0].kind == "tie" && ties[0].options.contains(&action.name);
    let is_right = if *is_doubtful {
        nodes.len() == 2 && nodes[1] == "hosts" && is_asked
    } else {
        nodes == [action.name.as_str(), "hosts"] && ties.is_empty()
    };
    (!is_right).then(|| format!("{}: {sentence}: {nodes:?} {ties:?}", action.name))
}

#[test]
fn questions_are_asked_on_a_terminal_and_the_answers_complete_the_program() {
    let project = project();
    let shown = project.on_terminal(
        "compile 'restart nginx, then run the health check' --save a.ops",
        "the web servers\nhttp://{address}/up\n",
    );
    let saved = project.read("a.ops").unwrap_or_else(|| panic!("{shown}"));
    assert!(
        saved.contains("group(\"web\")") && saved.contains("http.check(url: \"http://{host.address}/up\")"),
        "{saved}"
    );
    assert_eq!(project.opsc(&["check", "a.ops"]).code, 0);
}

#[test]
fn without_anybody_to_ask_the_questions_are_json() {
    let project = project();
    let asked = project.opsc(&["compile", "restart nginx", "--no-input"]);
    let json: Json = serde_json::from_str(&asked.stdout).unwrap();
    assert_eq!((asked.code, &json["questions"][0]["kind"]), (3, &"hosts".into()), "{asked:?}");
    assert_eq!(json["questions"][0]["options"], serde_json::json!(["app", "web", "db"]));
}

//! Plain language through the binary: sentences become checked files, what is not understood is a question.

use serde_json::Value as Json;

use super::project::Project;

const INVENTORY: &str = "groups:\n  app:\n    hosts: [\"app[1:3]\"]\n    os: linux\n  web:\n    hosts: [web1, web2]\n    os: linux\n  db:\n    hosts: [db1]\n    os: linux\n";

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", INVENTORY);
    project.write("app.conf", "");
    project
}

/// The statements of the compiled playbook on one line, or the questions.
fn compiled(project: &Project, request: &str) -> String {
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
            "on targets (as: \"root\") { user.ensure(name: \"deploy\", shell: \"/bin/bash\") }",
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
        ("restart nginx on the web servers after hours", "? what does \"hours\" mean here?"),
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

//! What may be meant otherwise is asked, and what goes without saying is not.

use super::translate::{compiled, project};

fn reads_so(cases: &[(&str, &str)]) {
    let project = project();
    for (request, expected) in cases {
        assert_eq!(compiled(&project, request), *expected, "{request}");
    }
}

#[test]
fn a_doubtful_phrase_is_a_question_even_where_all_its_words_are_there() {
    reads_so(&[
        ("enable nginx on web1", "? does \"enable nginx\" mean service.enable?"),
        ("enable the nginx service on web1", "on web1 { service.enable(name: \"nginx\") }"),
        ("disable nginx at boot on web1", "on web1 { service.disable(name: \"nginx\") }"),
        ("create /srv/x on web1", "? does \"create /srv/x\" mean file.directory or file.touch?"),
        (
            "drop the database shop on db1",
            "? does \"drop the database shop\" mean mysql.no_database or postgres.no_database?",
        ),
        ("disable swap on web1", "on web1 { os.no_swap() }"),
    ]);
}

#[test]
fn who_answers_yes_means_the_action_of_the_question() {
    let project = project();
    let shown = project.on_terminal("compile 'enable nginx on web1' --save a.ops", "yes\n");
    assert!(shown.contains("does \"enable nginx\" mean service.enable?"), "{shown}");
    let saved = project.read("a.ops").unwrap_or_else(|| panic!("{shown}"));
    assert!(saved.contains("service.enable(name: \"nginx\")"), "{saved}");
}

#[test]
fn a_phrase_of_a_project_may_be_doubtful_too() {
    let project = project();
    project.write(
        "actions/till.ops",
        "ops 1\n\naction till.open(name: string(/[a-z]+/)) ! read {\n  doc: \"Open a till.\"\n  says: [\"unlock [the] till {name}\", \"unlock {name}?\"]\n\n  linux {\n    check sh \"true\"\n  }\n}\n",
    );
    assert_eq!(compiled(&project, "unlock north on web1"), "? does \"unlock north\" mean till.open?");
    assert_eq!(compiled(&project, "unlock the till north on web1"), "on web1 { till.open(name: \"north\") }");
}

#[test]
fn a_condition_goes_without_saying_only_where_the_action_asks_it_itself() {
    reads_so(&[
        (
            "create the directory /srv/x if it does not exist on web1",
            "on web1 (as: \"root\") { file.directory(path: \"/srv/x\") }",
        ),
        ("install nginx on web1 unless it is already installed", "on web1 { package.ensure(names: [\"nginx\"]) }"),
        ("stop nginx if it is running on web1", "on web1 { service.stop(name: \"nginx\") }"),
        ("delete /tmp/x if it exists on web1", "on web1 { file.absent(path: \"/tmp/x\") }"),
        ("restart nginx if it is running on web1", "? what does \"if it is running\" mean here?"),
        ("stop nginx if it is installed on web1", "? what does \"if it is installed\" mean here?"),
        ("delete /tmp/x if it does not exist on web1", "? what does \"if it does not exist\" mean here?"),
        (
            "create the user deploy with shell /bin/bash if it does not exist on web1",
            "? what does \"if it does not exist\" mean here?",
        ),
        ("stop nginx if it is running low on web1", "? what does \"if it is running low\" mean here?"),
    ]);
}

#[test]
fn purposes_and_times_are_no_wishes() {
    reads_so(&[
        ("delete /tmp/x to stop nginx on web1", "? what does \"to stop nginx\" mean here?"),
        ("I want to stop nginx on web1", "on web1 { service.stop(name: \"nginx\") }"),
        ("restart nginx after the upgrade of redis on web1", "? what does \"after the upgrade of redis\" mean here?"),
        (
            "install nginx, after that restart it on web1",
            "on web1 { package.ensure(names: [\"nginx\"]) service.restart(name: \"nginx\") }",
        ),
    ]);
}

#[test]
fn articles_hyphens_and_quotes_change_nothing() {
    reads_so(&[
        ("install a package nginx on web1", "on web1 { package.ensure(names: [\"nginx\"]) }"),
        ("reload our nginx daemon on web1", "on web1 { service.reload(name: \"nginx\") }"),
        ("restart the nginx-service on web1", "on web1 { service.restart(name: \"nginx-service\") }"),
        ("stop the docker-container shop on web1", "on web1 { container.stop(name: \"shop\") }"),
        ("write 'it's up' to /tmp/x on web1", "on web1 { file.write(to: \"/tmp/x\", content: \"it's up\") }"),
        ("create dhclient.conf on web1", "? file.write: which to? (path) | file.write: which content? (text)"),
        ("delete 'old.conf' in /etc/shop on web1", "? file.absent: which path? (path)"),
    ]);
}

#[test]
fn capitals_alone_are_no_name_of_a_package_or_a_service() {
    reads_so(&[
        ("install REST on web1", "? does \"install REST\" mean package.ensure?"),
        ("install \"REST\" on web1", "on web1 { package.ensure(names: [\"REST\"]) }"),
        ("set the timezone to UTC on web1", "on web1 { os.timezone(name: \"UTC\") }"),
    ]);
}

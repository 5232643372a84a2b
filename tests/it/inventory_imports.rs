//! `opsc inv import csv` and `tofu`: hosts from tables and states, what was not understood, and no secret; through the
//! binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use super::project::{Project, Said, said};

fn import(project: &Project, words: &[&str]) -> Said {
    project.opsc(&[&["inv", "import"], words].concat())
}

/// The text that comes of a table; it loads, and is what `--save` writes.
#[track_caller]
fn table(text: &str, words: &[&str]) -> (Project, String, Said) {
    let project = Project::new();
    project.write("hosts.csv", text);
    let words = [&["csv", "hosts.csv"], words].concat();
    let said = import(&project, &words);
    assert_eq!(said.code, 0, "{text:?}: {said:?}");
    let saved = import(&project, &[&words[..], &["--save", "inventory.yaml"]].concat());
    assert_eq!(saved.code, 0, "{saved:?}");
    let written = project.read("inventory.yaml").unwrap();
    assert_eq!(written, said.stdout);
    let listed = project.opsc(&["inv", "ls"]);
    assert_eq!(listed.code, 0, "{written}\n{listed:?}");
    (project, written, said)
}

#[track_caller]
fn refused(from: &str, text: &str, words: &str) {
    let project = Project::new();
    project.write("in", text);
    let said = import(&project, &[from, "in"]);
    assert_eq!(said.code, 11, "{text:?}: {said:?}");
    assert!(said.stdout.is_empty() && said.stderr.contains(words), "{text:?}: {said:?}");
}

#[test]
fn a_table_with_names_that_people_use_is_read() {
    let text = "\u{feff}Hostname,IP Address,OS,SSH Port,Groups,State,Username,tags.env,vars.http_port,vars.note\r\n\
                web1,10.0.0.1,Ubuntu 24.04,22,\"web, edge\",Active,deploy,prod,8080,\"says \"\"hi\"\",\nthen more\"\r\n\
                \r\n\
                win1,10.0.0.2,Windows Server 2022,,win,,,,,007\r\n\
                d\u{fc}b1,,\"debian\",,\"\",maintenance,,true,1.10,";
    let (project, written, said) = table(text, &[]);
    let expected = "\
# Made by `opsc inv import csv hosts.csv`.
groups:
  edge:
    hosts:
      - web1
  web:
    hosts:
      - web1
  win:
    hosts:
      - win1
hosts:
  web1:
    address: \"10.0.0.1\"
    os: linux
    port: 22
    state: active
    user: deploy
    tags:
      env: prod
    vars:
      http_port: 8080
      note: \"says \\\"hi\\\",\\nthen more\"
  win1:
    address: \"10.0.0.2\"
    os: windows
    vars:
      note: \"007\"
  \"d\u{fc}b1\":
    os: linux
    state: maintenance
    tags:
      env: true
    vars:
      http_port: \"1.10\"
";
    assert_eq!(written, expected);
    assert_eq!(said.stderr, "imported 3 hosts in 3 groups, 0 warnings\n");
    assert!(project.opsc(&["inv", "show", "web1"]).stdout.contains("vars.http_port: 8080\n"));
}

#[test]
fn columns_are_mapped_and_others_are_named() {
    let text = "Server;Site;Rack;Admin Password;Parent;Serial\nw1;ams;b4;hunter2;hv1;x\nw2;fra;b5;;hv1 hv2;y\nhv1;;;;;\nhv2;;;;;\n";
    let map = [
        "--map",
        "Server=name",
        "--map",
        "Site=tags.site",
        "--map",
        "Rack=vars.rack",
        "--map",
        "Parent=depends_on",
        "--map",
        "Admin Password=vars.admin_password",
        "--map",
        "Serial=-",
    ];
    let (project, written, said) = table(text, &map);
    assert!(!written.contains("hunter2") && !written.contains('x'), "{written}");
    assert_eq!(
        said.stderr,
        "warning: hosts.csv:2: the variable `admin_password` looks like a secret and is left out\n\
                             imported 4 hosts in 0 groups, 1 warning\n"
    );
    let shown = project.opsc(&["inv", "show", "w2"]).stdout;
    assert!(shown.contains("depends_on: hv1, hv2\n") && shown.contains("tags.site: \"fra\"\n"), "{shown}");
    let (_, _, said) = table(text, &["--map", "Server=name"]);
    assert!(
        said.stderr.contains("warning: hosts.csv:1: the column `Rack` is not taken; `--map 'Rack=vars.NAME'` takes it"),
        "{said:?}"
    );
    assert!(!said.stderr.contains("`Server`") && said.stderr.ends_with("5 warnings\n"), "{said:?}");
    let (_, written, said) = table("name|os\na|plan9\n", &["--delimiter", "|"]);
    assert!(
        said.stderr.contains("hosts.csv:2: `plan9` is no system that opsc knows") && !written.contains("os:"),
        "{said:?}"
    );
    let project = Project::new();
    project.write("hosts.csv", text);
    for (map, words) in [
        ("Sever=name", "hosts.csv:1: there is no column `Sever`; did you mean `Server`?"),
        ("Server=nmae", "`nmae` is none of name, groups, address, os,"),
        ("Server=vars.", "`vars.` is none of name"),
    ] {
        let said = import(&project, &["csv", "hosts.csv", "--map", map]);
        assert!(said.code == 11 && said.stderr.contains(words), "{map}: {said:?}");
    }
}

#[test]
fn a_table_that_is_none_is_refused_with_its_line() {
    for (text, words) in [
        ("", "in: there is no row that names columns"),
        ("address\n10.0.0.1\n", "in:1: no column is the name of hosts; `--map COLUMN=name` says which one"),
        ("name,host\na,b\n", "in:1: the column `host` says the same as another one"),
        ("name,os\na\n", "in:2: there are 2 columns, and 1 here"),
        ("name,os\n\"a\nb\",linux\nc,linux,x\n", "in:4: there are 2 columns, and 3 here"),
        ("name\na\na\n", "in:3: there is another host `a`"),
        ("name\na b\n", "in:2: `a b` cannot be the name of a host"),
        ("name\n\u{1b}[2J\n", "in:2: `\\u{1b}[2J` cannot be the name of a host"),
        ("name,groups\na,b/c\n", "in:2: `b/c` cannot be the name of a group"),
        ("name,os\n,linux\n", "in:2: the host has no name"),
        ("name,port\na,70000\n", "in:2: `70000` is no port from 1 to 65535"),
        ("name,state\na,on\n", "`state` is active, maintenance or retired, found `on`"),
        ("name\n\"a\n", "in:2: a quote is never closed"),
        ("name\na\"b\n", "in:2: a quote stands inside of a cell that is not quoted"),
        ("name\n\"a\"b\n", "in:2: something stands behind a closing quote"),
    ] {
        refused("csv", text, words);
    }
    let project = Project::new();
    std::fs::write(project.path("in"), b"\xff\xfen\0a\0").unwrap();
    let said = import(&project, &["csv", "in"]);
    assert!(said.code == 10 && said.stderr.contains("`in` is not UTF-8 text"), "{said:?}");
}

/// One resource with its instances: index, attributes, and the first steps of sensitive paths.
fn resource(kind: &str, name: &str, instances: &[(Json, Json, &[&str])]) -> Json {
    let instance = |(index, attributes, sensitive): &(Json, Json, &[&str])| {
        let paths: Vec<Json> = sensitive.iter().map(|name| json!([{ "type": "get_attr", "value": name }])).collect();
        let mut instance = json!({ "schema_version": 1, "attributes": attributes, "sensitive_attributes": paths });
        if !index.is_null() {
            instance["index_key"] = index.clone();
        }
        instance
    };
    let instances: Vec<Json> = instances.iter().map(instance).collect();
    json!({ "mode": "managed", "type": kind, "name": name, "provider": "p", "instances": instances })
}

fn state(resources: &[Json]) -> String {
    json!({ "version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "x",
            "outputs": { "admin_password": { "value": "hunter2", "sensitive": true } }, "resources": resources })
    .to_string()
}

#[test]
fn machines_of_a_state_are_hosts_and_its_secrets_stay_in_it() {
    let aws = |name: &str, public: &str, private: &str| {
        json!({ "public_ip": public, "private_ip": private,
        "user_data": "hunter3", "password_data": "hunter4", "tags": { "Name": name, "env": "prod", "api_token": "hunter5" } })
    };
    let resources = [
        resource(
            "aws_instance",
            "web",
            &[
                (json!(0), aws("shop", "3.0.0.1", "10.0.0.1"), &[]),
                (json!(1), aws("shop", "", "10.0.0.2"), &[]),
                (json!(2), aws("off", "", ""), &[]),
            ],
        ),
        resource(
            "google_compute_instance",
            "db",
            &[(
                json!("eu west"),
                json!({ "name": "db-eu", "labels": { "env": "prod" },
            "network_interface": [{ "network_ip": "10.1.0.1", "access_config": [{ "nat_ip": "34.0.0.1" }] }] }),
                &["labels"],
            )],
        ),
        resource(
            "azurerm_windows_virtual_machine",
            "desk",
            &[(
                Json::Null,
                json!({ "name": "desk 1", "admin_username": "boss",
            "admin_password": "hunter6", "private_ip_address": "10.2.0.1", "public_ip_address": "" }),
                &["admin_password"],
            )],
        ),
        resource(
            "hcloud_server",
            "edge",
            &[(
                Json::Null,
                json!({ "name": "edge", "ipv4_address": "5.0.0.1",
            "network": [{ "ip": "10.3.0.1" }], "labels": {} }),
                &[],
            )],
        ),
        resource(
            "digitalocean_droplet",
            "cache",
            &[(
                Json::Null,
                json!({ "name": "cache", "ipv4_address": "6.0.0.1",
            "ipv4_address_private": "10.4.0.1", "tags": ["fast"] }),
                &[],
            )],
        ),
        resource("aws_vpc", "main", &[(Json::Null, json!({ "id": "vpc-1" }), &[])]),
        resource("random_password", "p", &[(Json::Null, json!({ "result": "hunter7" }), &["result"])]),
        json!({ "mode": "data", "type": "aws_instance", "name": "other", "instances": [{ "attributes": { "public_ip": "9.9.9.9" } }] }),
    ];
    let project = Project::new();
    project.write("terraform.tfstate", &state(&resources));
    let said = import(&project, &["tofu", "terraform.tfstate", "--save", "inventory.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
    let written = project.read("inventory.yaml").unwrap();
    assert!(!written.contains("hunter") && !said.stderr.contains("hunter"), "{written}{said:?}");
    let addresses: Vec<(String, String)> = project
        .opsc(&["inv", "ls"])
        .stdout
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words[0].to_string(), words[2].to_string())
        })
        .collect();
    let expected = [
        ("web-0", "3.0.0.1"),
        ("web-1", "10.0.0.2"),
        ("db-eu", "34.0.0.1"),
        ("desk", "10.2.0.1"),
        ("edge", "5.0.0.1"),
        ("cache", "6.0.0.1"),
        ("localhost", "127.0.0.1"),
    ];
    assert_eq!(addresses, expected.map(|(name, address)| (name.to_string(), address.to_string())));
    let shown = |host: &str| project.opsc(&["inv", "show", host]).stdout;
    assert!(shown("web-1").contains("groups: web\n") && shown("web-1").contains("tags.env: \"prod\"\n"));
    assert!(shown("desk").contains("os: windows\n") && shown("desk").contains("user: boss\n"));
    assert!(shown("cache").contains("tags.fast: true\n") && !shown("db-eu").contains("tags.env"));
    for warning in [
        "warning: terraform.tfstate: not known as machines, and left out: aws_vpc (1), random_password (1)\n",
        "warning: aws_instance.web[2]: has no address, and is left out\n",
        "warning: google_compute_instance.db[eu west]: `labels` is sensitive, and left out\n",
        "warning: aws_instance.web[0]: the tag `api_token` looks like a secret and is left out\n",
    ] {
        assert!(said.stderr.contains(warning), "{warning}{said:?}");
    }
    // Inner addresses first, and piped in.
    let mut child =
        project.command(&["inv", "import", "terraform", "-", "--private"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(state(&resources).as_bytes()).unwrap();
    let private = said_of(child);
    assert_eq!(private.code, 0, "{private:?}");
    for address in ["10.0.0.1", "10.0.0.2", "10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1"] {
        assert!(private.stdout.contains(&format!("address: \"{address}\"\n")), "{address}: {private:?}");
    }
}

fn said_of(child: std::process::Child) -> Said {
    said(child.wait_with_output().unwrap())
}

#[test]
fn what_is_no_state_is_refused_and_one_without_machines_says_so() {
    for (text, words) in [
        ("", "in: this is no JSON: "),
        ("[]", "in: this is no state of OpenTofu: it says no version"),
        (r#"{ "version": 3, "modules": [] }"#, "in: this state is of version 3, and version 4 is read"),
        (r#"{ "version": 4 }"#, "in: this state has no list of resources"),
        (r#"{ "format_version": "1.0", "values": {} }"#, "`tofu state pull` writes the state itself"),
        (r#"{ "encrypted_data": "x", "encryption_version": "v0" }"#, "in: this state is encrypted; `tofu state pull`"),
    ] {
        refused("tofu", text, words);
    }
    let twice = resource("hcloud_server", "a", &[(Json::Null, json!({ "name": "x", "ipv4_address": "1.1.1.1" }), &[])]);
    refused("tofu", &state(&[twice.clone(), twice]), "hcloud_server.a: there is another host `a`");
    let project = Project::new();
    project.write("in", &state(&[]));
    let said = import(&project, &["tofu", "in"]);
    assert!(
        said.code == 0 && said.stderr.contains("warning: in: there is no machine in this state that opsc knows\n"),
        "{said:?}"
    );
    // A file that is there is kept.
    project.write("inventory.yaml", "hosts: { a: }\n");
    assert_eq!(import(&project, &["tofu", "in", "--save", "inventory.yaml"]).code, 10);
    assert_eq!(project.read("inventory.yaml").as_deref(), Some("hosts: { a: }\n"));
}

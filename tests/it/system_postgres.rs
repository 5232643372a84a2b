//! The actions for PostgreSQL on a real server: databases and roles are made, changed, undone and removed, names of every
//! kind are data, passwords are seen nowhere, and queries bring rows.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, DATA_HOST, changed};

/// Quotes of every kind, what an option looks like, and what a shell or a statement would run.
const HOSTILE: &str = r#"-d a'b\"c; drop table x; --$(touch /hacked)`x`"#;

fn case() -> Case {
    let case = Case::with_packages(DATA_HOST);
    // The folder for what is kept stays, as with files that are replaced; what was in it does not.
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    case
}

/// What the server says to this, as its own superuser.
fn told(sql: &str) -> String {
    format!("cd /; runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 <<'END'\n{sql}\nEND\n")
}

fn databases() -> String {
    told(
        "select datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding) from pg_database where not datistemplate order by 1;",
    )
}

fn roles() -> String {
    told(
        "select rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolpassword, array(select pg_get_userbyid(roleid) from pg_auth_members where member = r.oid order by 1) from pg_authid r where rolname !~ '^pg_' and rolname <> 'postgres' order by 1;",
    )
}

#[test]
fn postgres_databases_are_made_changed_undone_and_dropped() {
    let case = case();
    let had = case.host().sh(&databases());
    case.host().sh(&told("create role shop; create role \"o'w\";"));
    case.converges("postgres.database(name: \"b\")", &databases(), &format!("b|postgres|UTF8\n{had}"));
    let had = case.host().sh(&databases());
    let first = "postgres.database(name: \"a shop\", owner: \"shop\")";
    case.converges(first, &databases(), &format!("a shop|shop|UTF8\n{had}"));
    let owned = "postgres.database(name: \"a shop\", owner: \"o'w\")";
    case.converges(owned, &databases(), &format!("a shop|o'w|UTF8\n{had}"));
    let step =
        format!("postgres.database(name: \"{HOSTILE}\", owner: \"shop\", encoding: \"SQL_ASCII\", locale: \"C\")");
    let name = HOSTILE.replace('\\', "");
    case.converges(&step, &databases(), &format!("{name}|shop|SQL_ASCII\na shop|o'w|UTF8\n{had}"));
    case.has_nothing_to_do(&step.replace("SQL_ASCII", "sql_ascii"));
    case.fails(&step.replace("SQL_ASCII", "UTF8"), &databases(), &["has another encoding"]);
    case.fails("postgres.database(name: \"x\", owner: \"nobody\")", &databases(), &["role \"nobody\" does not exist"]);

    let gone = format!("postgres.no_database(name: \"{HOSTILE}\")");
    assert_eq!(case.run(&gone).code, 11, "it may lose data");
    case.plans(&gone);
    let said = destroyed(&case, &gone);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(&databases()), format!("a shop|o'w|UTF8\n{had}"));
    let again = destroyed(&case, &gone);
    assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
    assert_eq!(
        case.host().sh("ls -d /hacked 2>&1 || true"),
        "ls: cannot access '/hacked': No such file or directory\n"
    );
}

/// The same run with the right to lose data.
fn destroyed(case: &Case, step: &str) -> super::project::Said {
    let text = format!("ops 1\n\nplaybook gone() ! destroy, admin {{\n  on group(\"rig\") {{\n    {step}\n  }}\n}}\n");
    case.project.write("gone.ops", &text);
    case.project.opsc(&["run", "-y", "--allow-destroy", "gone.ops"])
}

#[test]
fn postgres_roles_are_made_changed_undone_and_removed() {
    let case = case();
    case.host().sh(&told("create role staff; create role \"te'am\";"));
    let had = case.host().sh(&roles());
    let plain = format!("postgres.user(name: \"{HOSTILE}\")");
    let name = HOSTILE.replace('\\', "");
    case.converges(&plain, &roles(), &format!("{name}|t|f|f|f||{{}}\n{had}"));
    let more =
        format!("postgres.user(name: \"{HOSTILE}\", login: false, createdb: true, groups: [\"staff\", \"te'am\"])");
    case.converges(&more, &roles(), &format!("{name}|f|f|t|f||{{staff,te'am}}\n{had}"));
    // What is not said stays.
    let login = format!("postgres.user(name: \"{HOSTILE}\", superuser: false)");
    case.converges(&login, &roles(), &format!("{name}|t|f|t|f||{{staff,te'am}}\n{had}"));
    case.fails("postgres.user(name: \"new\", groups: [\"nobody\"])", &roles(), &["role \"nobody\" does not exist"]);

    case.host().sh(&told(
        "create role member in role staff; grant \"te'am\" to staff with admin option; alter role staff set search_path = 'a, b', public; alter role staff set work_mem = '8MB'; alter role staff password 'x'; comment on role staff is 'it''s'; alter role staff connection limit 3 valid until '2030-01-01';",
    ));
    let whole = told(
        "select rolname, rolpassword, rolconnlimit, rolvaliduntil, shobj_description(r.oid, 'pg_authid'), setconfig, array(select pg_get_userbyid(member) || m.admin_option from pg_auth_members m where roleid = r.oid order by 1), array(select pg_get_userbyid(roleid) || m.admin_option from pg_auth_members m where member = r.oid order by 1) from pg_authid r left join pg_db_role_setting s on s.setrole = r.oid where rolname !~ '^pg_' order by 1;",
    );
    case.undoes("postgres.no_user(name: \"staff\")", &whole);
    let removed = case.run("postgres.no_user(name: \"staff\")");
    assert_eq!((removed.code, changed(&removed)), (0, 1), "{removed:?}");
    assert!(!case.host().sh(&roles()).contains("staff|"));
    case.has_nothing_to_do("postgres.no_user(name: \"staff\")");
    case.host().sh(&told("create database owned owner \"te'am\";"));
    case.fails("postgres.no_user(name: \"te'am\")", &roles(), &["cannot be dropped because some objects depend on it"]);
}

#[test]
fn postgres_passwords_are_compared_changed_and_undone() {
    let case = case();
    let user = |file: &str| format!("postgres.user(name: \"app\", password: secret(\"file:{file}\"))");
    let may = |password: &str| {
        let quoted = password.replace('\'', "'\\''");
        let said = case.host().sh(&format!(
            "cd /; PGPASSWORD='{quoted}' psql -h 127.0.0.1 -U app -XAtc 'select 1' postgres 2>&1 || true"
        ));
        said == "1\n"
    };
    let long = "x".repeat(80);
    let passwords = [("first", r#"pa$$ `w`"'\x"#), ("second", long.as_str()), ("third", "þþþþ")];
    for (file, password) in passwords {
        case.secret(file, password);
    }
    for (file, password) in &passwords[..2] {
        let first = case.run(&user(file));
        assert_eq!((first.code, changed(&first), may(password)), (0, 1, true), "{first:?}");
        let again = case.run(&user(file));
        assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
    }
    case.undoes(&user("first"), &roles());
    assert_eq!((may(passwords[0].1), may(passwords[1].1)), (false, true));
    let beyond = case.run(&user("third"));
    assert_eq!(beyond.code, 21, "{beyond:?}");
    assert!(beyond.stderr.contains("more than ASCII letters"), "{beyond:?}");

    // Also where the server still keeps the older kind of hash.
    case.host().sh(&told("set password_encryption = 'md5'; alter role app password 'pa$$ `w`\"''\\x';"));
    let same = case.run(&user("first"));
    assert_eq!((same.code, changed(&same)), (0, 0), "{same:?}");
    let other = case.run(&user("second"));
    assert_eq!((other.code, changed(&other)), (0, 1), "{other:?}");
}

/// A server that writes everything down, and programs that tell how they were called.
#[test]
fn postgres_passwords_are_in_no_log_and_no_command_line() {
    let case = case();
    case.host().sh("for each in psql runuser; do real=\"$(command -v \"$each\")\"; printf '#!/bin/sh\\n{ tr \"\\\\0\" \" \" < /proc/$$/cmdline; tr \"\\\\0\" \" \" < /proc/$PPID/cmdline; env; } >> /tmp/calls\\nexec %s \"$@\"\\n' \"$real\" > \"/usr/local/bin/$each\"; chmod 755 \"/usr/local/bin/$each\"; done; : > /tmp/calls; chmod 666 /tmp/calls");
    case.secret("one", "Kanarie-one");
    case.secret("two", "Kanarie-two");
    let user = |file: &str| format!("postgres.user(name: \"app\", password: secret(\"file:{file}\"))");
    let query = "q = postgres.query(sql: \"select length(:'given')\", effect: \"read\", vars: { given: secret(\"file:one\") })\n    require q.value == \"11\" else \"no\"";
    assert_eq!(case.run(query).code, 0);
    case.host().sh(&told(
        "alter system set log_statement = 'all'; alter system set log_min_duration_statement = 0; select pg_reload_conf();",
    ));
    assert_eq!(case.run(&user("one")).code, 0);
    assert_eq!(case.run(&user("one")).code, 0);
    case.undoes(&user("two"), &roles());
    case.host().sh("grep -q psql /tmp/calls; grep -q 'statement: ' /var/log/postgresql/*.log");
    // The hex of it is what a statement would hold.
    let found = case
        .host()
        .sh("grep -rlE 'Kanarie|4b616e61726965' /tmp /var/log /root /var/lib/postgresql/*/*/log 2>/dev/null || true");
    assert_eq!(found, "");
}

#[test]
fn postgres_queries_bring_rows_and_change_only_what_they_may() {
    let case = case();
    case.host().sh(&told("create table t (a int, b text);"));
    let step = r#"q = postgres.query(sql: "select 1 as a, :'v' as \"b\"\"x\", null as c, E'l1\\n\\t\"q\\\\\\x01' as d, '' as e union all select 2, 'x', 'y', 'ü', null", effect: "read", vars: { v: "it's; $(x) \\g \\\\" })
    file.write(to: "/tmp/said", content: q.json)
    require q.rows == 2 and q.value == "1" else "{q.rows}""#;
    let said = case.run(step);
    assert_eq!(said.code, 0, "{said:?}");
    let rows: serde_json::Value = serde_json::from_str(&case.host().sh("cat /tmp/said")).unwrap();
    let expected = serde_json::json!([
        { "a": "1", "b\"x": "it's; $(x) \\g \\\\", "c": null, "d": "l1\n\t\"q\\\u{1}", "e": "" },
        { "a": "2", "b\"x": "x", "c": "y", "d": "ü", "e": null }
    ]);
    assert_eq!(rows, expected);

    let insert = |effect: &str| {
        format!(
            "postgres.query(sql: \"insert into t values (:'n', :'v')\", effect: \"{effect}\", vars: {{ n: \"7\", v: \"\" }})"
        )
    };
    let count = told("select count(*) from t;");
    case.fails_not_undone(&insert("read"), &count, &["cannot execute INSERT in a read-only transaction"]);
    let said = case.run(&insert("change"));
    assert_eq!((said.code, changed(&said), case.host().sh(&count)), (0, 1, "1\n".to_owned()), "{said:?}");
    let none = "q = postgres.query(sql: \"select a from t where a = 1\", effect: \"read\")\n    require q.rows == 0 and q.value == none and q.json == \"[]\" else \"{q.json}\"";
    assert_eq!(case.run(none).code, 0);
    let wrong = "postgres.query(sql: \"select nonsense\", effect: \"read\")";
    case.fails_not_undone(wrong, &count, &["column \"nonsense\" does not exist", "LINE 1: select nonsense"]);
    let nowhere = "postgres.query(sql: \"select 1\", effect: \"read\", database: \"dbname=postgres\")";
    case.fails_not_undone(nowhere, &count, &["database \"dbname=postgres\" does not exist"]);
}

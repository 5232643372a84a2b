//! The actions for MariaDB on a real server: databases and accounts are made, changed, undone and removed, names of every
//! kind are data, passwords are seen nowhere, and queries bring rows.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Said;
use super::system_case::{Case, DATA_HOST, changed};

/// Quotes of every kind, what an option looks like, wildcards, and what a shell or a statement would run.
const HOSTILE: &str = r#"-d_%`a'b\"c; drop database x; --$(touch /hacked)"#;
fn case() -> Case {
    let case = Case::with_packages(DATA_HOST);
    // The folder for what is kept stays, as with files that are replaced; what was in it does not.
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    case
}

/// What the server says to this, as its own superuser.
fn told(sql: &str) -> String {
    format!("mariadb --batch --raw --skip-column-names <<'END'\n{sql}\nEND\n")
}

fn databases() -> String {
    told(
        "select schema_name, default_character_set_name, default_collation_name from information_schema.schemata where schema_name not in ('mysql', 'sys', 'performance_schema', 'information_schema') order by 1;",
    )
}

fn accounts() -> String {
    told(
        "select user, host, authentication_string from mysql.user where user not in ('root', 'mysql', 'mariadb.sys') order by 1, 2; select grantee, table_schema, group_concat(privilege_type order by 1) from information_schema.schema_privileges group by 1, 2 order by 1, 2;",
    )
}

/// The same run with the right to lose data.
fn destroyed(case: &Case, step: &str) -> Said {
    let text = format!("ops 1\n\nplaybook gone() ! destroy, admin {{\n  on group(\"rig\") {{\n    {step}\n  }}\n}}\n");
    case.project.write("gone.ops", &text);
    case.project.opsc(&["run", "-y", "--allow-destroy", "gone.ops"])
}

#[test]
fn mysql_databases_are_made_changed_undone_and_dropped() {
    let case = case();
    let name = HOSTILE.replace('\\', "");
    let step = format!("mysql.database(name: \"{HOSTILE}\", charset: \"latin2\")");
    case.converges(&step, &databases(), &format!("{name}\tlatin2\tlatin2_general_ci\n"));
    let other = format!("mysql.database(name: \"{HOSTILE}\", charset: \"utf8mb4\", collation: \"utf8mb4_bin\")");
    case.converges(&other, &databases(), &format!("{name}\tutf8mb4\tutf8mb4_bin\n"));
    case.has_nothing_to_do(&format!("mysql.database(name: \"{HOSTILE}\")"));
    let unknown = "mysql.database(name: \"x\", charset: \"klingon\")";
    case.fails(unknown, &databases(), &["Unknown character set: 'klingon'"]);

    let gone = format!("mysql.no_database(name: \"{HOSTILE}\")");
    case.plans(&gone);
    let said = destroyed(&case, &gone);
    assert_eq!((said.code, changed(&said), case.host().sh(&databases())), (0, 1, String::new()), "{said:?}");
    let again = destroyed(&case, &gone);
    assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
    assert_eq!(
        case.host().sh("ls -d /hacked 2>&1 || true"),
        "ls: cannot access '/hacked': No such file or directory\n"
    );
}

#[test]
fn mysql_accounts_are_made_changed_undone_and_removed() {
    let case = case();
    case.host().sh(&told("create database shop; create database `s_op`; create database sxop;"));
    let name = HOSTILE.replace('\\', "");
    let plain = format!("mysql.user(name: \"{HOSTILE}\")");
    case.converges(&plain, &accounts(), &format!("{name}\tlocalhost\t\n"));
    let read = format!(
        "mysql.user(name: \"{HOSTILE}\", from: \"10.0.%\", database: \"s_op\", privileges: [\"select\", \"create temporary tables\"])"
    );
    let lines = format!("{name}\t10.0.%\t\n{name}\tlocalhost\t\n");
    let granted = format!("'{name}'@'10.0.%'\ts\\_op\tCREATE TEMPORARY TABLES,SELECT\n");
    case.converges(&read, &accounts(), &format!("{lines}{granted}"));
    let all = "mysql.user(name: \"shop\", database: \"shop\")";
    let shop = told("select count(*) > 17 from information_schema.schema_privileges where table_schema = 'shop';");
    case.converges(all, &shop, "1\n");
}

#[test]
fn mysql_accounts_come_back_with_all_that_they_might_do() {
    let case = case();
    case.host().sh(&told(
        "create database shop; create user old@'%' identified by 'x'; grant select on shop.* to old@'%' with grant option; grant process on *.* to old@'%'; create role staff; grant staff to old@'%';",
    ));
    let shows = told("show grants for old@'%'; show create user old@'%';");
    for step in [
        "mysql.no_user(name: \"old\", from: \"%\")",
        "mysql.user(name: \"old\", from: \"%\", database: \"shop\", privileges: [\"insert\"])",
    ] {
        case.undoes(step, &shows);
        assert_eq!(case.host().sh("ls /root/.opsc/backup"), "");
    }
    let removed = case.run("mysql.no_user(name: \"old\", from: \"%\")");
    assert_eq!((removed.code, changed(&removed)), (0, 1), "{removed:?}");
    case.has_nothing_to_do("mysql.no_user(name: \"old\", from: \"%\")");
    let unknown = "mysql.user(name: \"new\", database: \"shop\", privileges: [\"fly\"])";
    case.fails(unknown, &accounts(), &["You have an error in your SQL syntax"]);
}

#[test]
fn mysql_passwords_are_compared_changed_and_undone() {
    let case = case();
    let user = |file: &str| format!("mysql.user(name: \"app\", password: secret(\"file:{file}\"))");
    let may = |password: &str| {
        let quoted = password.replace('\'', "'\\''");
        let said = case.host().sh(&format!("MYSQL_PWD='{quoted}' mariadb -u app -Ne 'select 1' 2>&1 || true"));
        said == "1\n"
    };
    let passwords = [("first", r#"pa$$ `w`"'\x þ"#), ("second", "\"other'")];
    for (file, password) in passwords {
        case.secret(file, password);
    }
    for (file, password) in passwords {
        let first = case.run(&user(file));
        assert_eq!((first.code, changed(&first), may(password)), (0, 1, true), "{first:?}");
        let again = case.run(&user(file));
        assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");
    }
    case.undoes(&user("first"), &accounts());
    assert_eq!((may(passwords[0].1), may(passwords[1].1)), (false, true));

    // A hash that only the server can compare.
    case.host().sh(&told(
        "install plugin if not exists ed25519 soname 'auth_ed25519'; alter user app@localhost identified via ed25519 using password('\"other''');",
    ));
    let same = case.run(&user("second"));
    assert_eq!((same.code, changed(&same)), (0, 0), "{same:?}");
    let other = case.run(&user("first"));
    assert_eq!((other.code, changed(&other), may(passwords[0].1)), (0, 1, true), "{other:?}");
}

/// A server that writes everything down, and programs that tell how they were called.
#[test]
fn mysql_passwords_are_in_no_log_and_no_command_line() {
    let case = case();
    case.host().sh(&told(
        "set global general_log_file = '/var/lib/mysql/all.log'; set global general_log = 1; set global slow_query_log = 1; set global long_query_time = 0;",
    ));
    case.host().sh("printf '#!/bin/sh\\n{ tr \"\\\\0\" \" \" < /proc/$$/cmdline; tr \"\\\\0\" \" \" < /proc/$PPID/cmdline; env; } >> /tmp/calls\\nexec /usr/bin/mariadb \"$@\"\\n' > /usr/local/bin/mariadb; chmod 755 /usr/local/bin/mariadb");
    case.secret("one", "Kanarie-one");
    case.secret("two", "Kanarie-two");
    let user = |file: &str| format!("mysql.user(name: \"app\", password: secret(\"file:{file}\"))");
    assert_eq!(case.run(&user("one")).code, 0);
    assert_eq!(case.run(&user("one")).code, 0);
    case.undoes(&user("two"), &accounts());
    case.host().sh("grep -q skip-column-names /tmp/calls; grep -q mysql.user /var/lib/mysql/all.log");
    // The hex of it is what a statement would hold.
    let found = case.host().sh("grep -rliE 'Kanarie|4b616e61726965' /tmp /var/log /root /var/lib/mysql/*.log || true");
    assert_eq!(found, "");
}

#[test]
fn mysql_queries_bring_rows_and_change_only_what_they_may() {
    let case = case();
    case.host().sh(&told("create database shop; create table shop.t (a int, b text);"));
    let step = r#"q = mysql.query(sql: "select 1 as a, @v as `b\"<x`, null as c, 'l1\\n\\t\"q<&>\\\\' as d, '' as e union all select 2, 'x', 'y', 'ü', null", effect: "read", vars: { v: "it's; $(x) \\g &lt;" })
    file.write(to: "/tmp/said", content: q.json)
    require q.rows == 2 and q.value == "1" else "{q.rows}""#;
    let said = case.run(step);
    assert_eq!(said.code, 0, "{said:?}");
    let rows: serde_json::Value = serde_json::from_str(&case.host().sh("cat /tmp/said")).unwrap();
    let expected = serde_json::json!([
        { "a": "1", "b\"<x": "it's; $(x) \\g &lt;", "c": null, "d": "l1\n\t\"q<&>\\", "e": "" },
        { "a": "2", "b\"<x": "x", "c": "y", "d": "ü", "e": null }
    ]);
    assert_eq!(rows, expected);

    let insert = |effect: &str| {
        format!(
            "mysql.query(sql: \"insert into t values (@n, @v)\", effect: \"{effect}\", database: \"shop\", vars: {{ n: \"7\", v: \"\" }})"
        )
    };
    let count = told("select count(*) from shop.t;");
    case.fails_not_undone(&insert("read"), &count, &["Cannot execute statement in a READ ONLY transaction"]);
    let said = case.run(&insert("change"));
    assert_eq!((said.code, changed(&said), case.host().sh(&count)), (0, 1, "1\n".to_owned()), "{said:?}");
    let none = "q = mysql.query(sql: \"select a from shop.t where a = 1\", effect: \"read\")\n    require q.rows == 0 and q.value == none and q.json == \"[]\" else \"{q.json}\"";
    assert_eq!(case.run(none).code, 0);
    case.fails_not_undone(
        "mysql.query(sql: \"select nonsense\", effect: \"read\")",
        &count,
        &["Unknown column 'nonsense'"],
    );
}

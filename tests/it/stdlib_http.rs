//! Requests of this machine: what is sent, what is told of the answer, where they fail, and that no secret of theirs is seen.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::example_servers::{Request, Server, http, http_with_headers, silent};
use super::project::{Said, said};
use super::stdlib_cases::Case;
use super::stdlib_tls::{TlsServer, authority, journal};

/// A secret, and the part of it that is looked for.
const TOKEN: &str = "tOk3n+Kanarie/42";
const INNER: &str = "Kanarie";

/// Runs a playbook with the secret `token`, in every place that shows something.
fn with_token(case: &Case, steps: &str, command: &[&str]) -> Said {
    let text = format!(
        "ops 1\n\nplaybook case(\n  token: secret<string> = secret(\"env:TOKEN\"),\n  hook: secret<url> = secret(\"env:HOOK\"),\n) ! change, network {{\n  on host(\"localhost\") {{\n    {steps}\n  }}\n}}\n"
    );
    case.project.write("case.ops", &text);
    let arguments: Vec<&str> = command.iter().copied().chain(["case.ops"]).collect();
    let hook = format!("http://127.0.0.1:1/{TOKEN}");
    said(case.project.command(&arguments).env("TOKEN", TOKEN).env("HOOK", hook).output().unwrap())
}

fn request(server: &Server<Request>, arguments: &str) -> String {
    format!("x = http.request(url: \"http://127.0.0.1:{}/a%20b?c=d\"{arguments})", server.port)
}

/// Runs one step that must do well and a condition of its result.
fn holds(case: &Case, row: &str, step: &str, condition: &str) {
    let steps = format!("{step}\n    require {condition} else \"{{x.status}} {{x.body}}\"");
    let said = case.run(&steps, row, &["run", "-y"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_request_has_method_headers_and_one_body() {
    let case = Case::new();
    let server = http_with_headers(|_| {
        let headers = "X-Kind: a\r\nx-kind: b=c\r\nSet-Cookie: session=1\r\nLocation: /there\r\n";
        (201, headers.to_string(), "{\"id\": 7}".to_string())
    });
    let heard = |arguments: &str| {
        let condition = "x.status == 201 and x.body == \"\\{\\\"id\\\": 7}\" and x.headers[\"x-kind\"] == \"a, b=c\" and x.headers[\"set-cookie\"] == none and x.elapsed < 20s";
        holds(&case, "change, network", &request(&server, &format!(", effect: \"change\"{arguments}")), condition);
        server.heard().pop().unwrap()
    };
    let json =
        heard(", method: \"PUT\", json: to_json({ a: \"b\" }), headers: { \"X-One\": \"1\", accept: \"text/plain\" }");
    assert_eq!((json.line.as_str(), json.body.as_str()), ("PUT /a%20b?c=d HTTP/1.1", "{\"a\":\"b\"}"));
    for header in ["content-type: application/json", "x-one: 1", "accept: text/plain"] {
        assert!(json.headers.iter().any(|heard| heard == header), "{header}: {:?}", json.headers);
    }
    let form = heard(", method: \"POST\", form: { a: \"b c\", d: \"&=ü\" }, headers: { \"content-type\": \"x/y\" }");
    assert_eq!(form.body, "a=b+c&d=%26%3D%C3%BC");
    assert_eq!(form.headers.iter().filter(|header| header.starts_with("content-type")).count(), 1, "{form:?}");
    assert!(form.headers.contains(&"content-type: x/y".to_string()), "{form:?}");
    let plain = heard(", method: \"DELETE\", body: \"it's $HOME\", user: \"me\"");
    assert_eq!(plain.body, "it's $HOME");
    assert!(plain.headers.contains(&"authorization: Basic bWU6".to_string()), "{plain:?}");
    let two = request(&server, ", effect: \"change\", method: \"POST\", body: \"a\", json: \"b\"");
    case.fails(&two, "change, network", "a request has one body");
    let split = request(&server, ", effect: \"change\", headers: { a: \"b\\nc: d\" }");
    case.fails(&split, "change, network", "the header `a`: its value has a line break");
    let named = request(&server, ", effect: \"change\", headers: { \"a b\": \"c\" }");
    case.fails(&named, "change, network", "the header `a b`: this is no name of a header");
    assert!(server.heard().is_empty(), "nothing was sent");
}

#[test]
fn a_reading_request_needs_no_change_and_is_refused_as_one() {
    let case = Case::new();
    let server = http(|request: &Request| (200, request.line.clone()));
    let reads = request(&server, ", effect: \"read\", method: \"HEAD\", headers: { a: \"b\" }");
    let said = case.run(&reads, "network", &["run"]);
    assert_eq!((said.code, case.changed(&said)), (0, 0), "{said:?}");
    server.heard();
    let planned = case.run(&reads, "network", &["plan"]);
    assert_eq!((planned.code, server.heard().len()), (0, 1), "{planned:?}");
    case.is_refused(&request(&server, ", effect: \"change\""), "network", "E0402");
    let lies = request(&server, ", effect: \"read\", method: \"DELETE\"");
    case.fails(&lies, "network", "a DELETE request changes something");
    let changes = request(&server, ", effect: \"change\", method: \"POST\"");
    let planned = case.run(&changes, "change, network", &["plan"]);
    assert!(planned.stdout.contains("~ will change"), "{planned:?}");
    assert!(server.heard().is_empty(), "a plan sends nothing that changes");
}

#[test]
fn wrong_answers_say_what_came_instead() {
    let case = Case::new();
    let server = http_with_headers(|request| match request.line.split([' ', '?']).nth(1).unwrap() {
        "/page" => (500, "content-type: text/html; charset=utf-8\r\n".to_string(), "<html>".repeat(9)),
        "/long" => (200, String::new(), "x".repeat((1 << 20) + 1)),
        _ => (422, String::new(), format!("{{\"error\":\n  \"no {}\u{1b}[31m\"}}", "y".repeat(500))),
    });
    let at = |path: &str, rest: &str| {
        format!("http.request(url: \"http://127.0.0.1:{}{path}\", effect: \"read\"{rest})", server.port)
    };
    let body = format!("/x: expected status 200 to 299, found 422, which says: {{\"error\": \"no {}…", "y".repeat(186));
    case.fails(&at("/x", ""), "network", &body);
    case.fails(&at("/x", ", status: [200, 404]"), "network", "expected status 200 or 404, found 422");
    case.fails(&at("/x", ", status: [422], contains: \"fine\""), "network", "the answer does not contain \"fine\"");
    let page = case.run(&at("/page", ""), "network", &["run"]);
    assert!(page.stderr.contains("found 500") && !page.stderr.contains("which says"), "{page:?}");
    case.fails(&at("/long", ""), "network", "the answer has more than 1048576 bytes");
    let check = format!("http.check(url: \"http://127.0.0.1:{}/long\", contains: \"xxx\")", server.port);
    assert_eq!(case.run(&check, "network", &["run"]).code, 0);
    holds(&case, "network", &format!("x = {}", at("/x", ", status: [422], contains: \"yyy\"")), "x.status == 422");
}

#[test]
fn no_answer_is_a_failure_of_its_own() {
    let case = Case::new();
    let quiet = silent();
    let slow = format!(
        "http.request(url: \"http://127.0.0.1:{}/\", effect: \"read\") {{\n      timeout: 1s\n    }}",
        quiet.port
    );
    let said = case.run(&slow, "network", &["run"]);
    assert_eq!(said.code, 27, "{said:?}");
    assert!(said.stderr.contains("did not end within 1s") || said.stderr.contains("no answer in time"), "{said:?}");
    case.fails("http.request(url: \"http://127.0.0.1:1/\", effect: \"read\")", "network", "connection refused");
    case.fails(
        "http.request(url: \"http://no-such-host.invalid/\", effect: \"read\")",
        "network",
        "no-such-host.invalid",
    );
    let mut left = 2;
    let server = http(move |_| {
        left -= 1;
        (if left < 0 { 200 } else { 503 }, String::new())
    });
    let again = format!(
        "x = http.request(url: \"http://127.0.0.1:{}/\", effect: \"read\") {{\n      retry: 5\n      every: 10ms\n    }}",
        server.port
    );
    holds(&case, "network", &again, "x.status == 200");
    assert_eq!(server.heard().len(), 3);
}

#[test]
fn redirects_are_followed_but_not_with_secrets_to_others() {
    let case = Case::new();
    let other = http(|_| (200, "other".to_string()));
    let there = format!("http://127.0.0.1:{}/there", other.port);
    let server = http_with_headers(move |request| match request.line.split([' ', '?']).nth(1).unwrap() {
        "/home" => (307, "location: /end\r\n".to_string(), String::new()),
        "/round" => (302, "location: /round\r\n".to_string(), String::new()),
        "/end" => (200, String::new(), "end".to_string()),
        _ => (302, format!("location: {there}\r\n"), String::new()),
    });
    let at = |path: &str, rest: &str| {
        format!("x = http.request(url: \"http://127.0.0.1:{}{path}\", effect: \"read\"{rest})", server.port)
    };
    holds(&case, "network", &at("/away", ""), "x.body == \"other\"");
    let heard = other.heard().pop().unwrap();
    assert!(!heard.headers.iter().any(|header| header.starts_with("referer")), "{heard:?}");
    holds(
        &case,
        "network",
        &at("/away", ", follow: false, status: [302]"),
        "matches(x.headers[\"location\"] ?? \"\", '/there$')",
    );
    case.fails(&at("/round", ""), "network", "too many redirects");
    let secret = ", headers: { authorization: \"Bearer {token}\" }";
    let at_home = with_token(&case, &at("/home", secret), &["run", "-y"]);
    assert_eq!(at_home.code, 0, "{at_home:?}");
    assert!(server.heard().pop().unwrap().headers.contains(&format!("authorization: Bearer {TOKEN}")));
    let away = with_token(&case, &at("/away", secret), &["run", "-y"]);
    assert!(away.stderr.contains("leads to another server, which must not get the secrets"), "{away:?}");
    let round = with_token(&case, &at("/round", secret), &["run", "-y"]);
    assert!(round.stderr.contains("too many redirects"), "{round:?}");
    assert!(other.heard().is_empty(), "it was told nothing");
}

#[test]
fn what_is_secret_in_a_request_is_sent_and_never_seen() {
    let case = Case::new();
    // It gives back all it hears.
    let server = http_with_headers(|request| {
        let told = format!("x-told: {}\r\n", request.headers.join(" "));
        let status = if request.line.contains("fail") { 500 } else { 200 };
        (status, told, format!("{} {:?} {}", request.line, request.headers, request.body))
    });
    let steps = |path: &str| {
        format!(
            "x = http.request(method: \"POST\", url: \"http://127.0.0.1:{}/{path}?a=b\", query: {{ t: token }}, effect: \"change\", headers: {{ \"x-key\": token }}, form: {{ a: token, b: \"c\" }}, user: \"me\", password: trim(token)) {{\n      allow_failure: true\n    }}\n    file.write(to: \"{}/told\", content: \"{{x.status}}\")",
            server.port,
            case.root()
        )
    };
    for path in ["fine", "fail"] {
        for command in [&["plan"][..], &["plan", "-o", "json"], &["run", "-y", "-v"], &["run", "-y", "-o", "json"]] {
            let shown = with_token(&case, &steps(path), command);
            assert!(!format!("{shown:?}").contains(INNER), "{command:?}: {shown:?}");
        }
        let heard = server.heard().pop().unwrap();
        assert!(heard.line.contains("?a=b&t=tOk3n%2BKanarie%2F42 "), "{heard:?}");
        assert!(heard.line.contains(INNER) && heard.body.contains(INNER), "{heard:?}");
        assert!(heard.headers.contains(&format!("x-key: {TOKEN}")), "{heard:?}");
        let run = case.project.newest_run().to_string();
        for command in [&["show", &run, "-o", "json"][..], &["logs", &run], &["report", &run]] {
            let shown = case.project.opsc(command);
            assert_eq!(shown.code, 0, "{shown:?}");
            assert!(!format!("{shown:?}").contains(INNER), "{command:?}: {shown:?}");
        }
    }
    assert!(journal(&case).contains("elapsed") && !journal(&case).contains(INNER));
    let refused = with_token(&case, "notify.webhook(url: hook, json: \"x\")", &["run", "-y"]);
    assert!(refused.stderr.contains("(secret url): connection refused"), "{refused:?}");
    assert!(!format!("{refused:?}").contains(INNER), "{refused:?}");
}

#[test]
fn a_certificate_is_trusted_where_its_authority_is_given() {
    let case = Case::new();
    let (ca, certificate, key) = authority(&case.project, "127.0.0.1");
    let server = TlsServer::answering(&certificate, &key);
    let url = format!("https://127.0.0.1:{}/", server.port);
    let plain = format!("http.request(url: \"{url}\", effect: \"read\")");
    server.wait();
    case.fails(&plain, "network", "certificate");
    let trusted = format!("http.request(url: \"{url}\", effect: \"read\", ca: file(\"{ca}\"))");
    let said = case.run(&trusted, "network", &["run"]);
    assert_eq!(said.code, 0, "{said:?}");
    let other =
        format!("http.request(url: \"https://localhost:{}/\", effect: \"read\", ca: file(\"{ca}\"))", server.port);
    case.fails(&other, "network", "certificate");
}

#[test]
fn prometheus_gives_one_number() {
    let case = Case::new();
    let vector =
        |series: &str| format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#);
    let one = r#"{"metric":{"a":"\"value\":["},"value":[1763720000.123,"0.25"]}"#;
    let answers = [
        (200, vector(one), ""),
        (200, r#"{"status":"success","data":{"resultType":"scalar","result":[1763720000,"0.25"]}}"#.to_string(), ""),
        (200, vector(""), "the query gives no number"),
        (200, vector(&format!("{one},{one}")), "the query gives 2 numbers, expected one"),
        (
            400,
            r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error"}"#.to_string(),
            "bad_data: 1:3: parse error",
        ),
        (502, "bad gateway".to_string(), "status 502 and no answer of Prometheus: bad gateway"),
    ];
    for (status, body, expected) in answers {
        let server = http(move |_: &Request| (status, body.clone()));
        let steps = format!(
            "x = prometheus.query(server: \"http://127.0.0.1:{}/prom/\", query: 'sum(rate(a{{code=~\"5..\"}}[2m])) + 1', headers: {{ \"x-tenant\": \"ops\" }})\n    require x.value == 0.25 else \"{{x.value}}\"",
            server.port
        );
        if expected.is_empty() {
            case.reads(&steps, "network");
        } else {
            case.fails(&steps, "network", expected);
        }
        let heard = server.heard().remove(0);
        let query = "query=sum%28rate%28a%7Bcode%3D%7E%225..%22%7D%5B2m%5D%29%29+%2B+1";
        assert_eq!(heard.line, format!("GET /prom/api/v1/query?{query} HTTP/1.1"));
        assert!(heard.headers.contains(&"x-tenant: ops".to_string()), "{heard:?}");
    }
    let refused = "prometheus.query(server: \"http://127.0.0.1:1\", query: \"up\")";
    case.fails(refused, "network", "http://127.0.0.1:1: connection refused");
}

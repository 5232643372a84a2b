//! What this machine sees of the net, what it waits for, and its graphics cards. Tools that are not everywhere are scripted
//! with the words of real ones; `system_net.rs` asks real ones.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::example_servers::{Request, http};
use super::project::{Said, said};
use super::stdlib_cases::Case;

/// Reads and expects something of it, in a dry run too.
fn tells(case: &Case, row: &str, step: &str, condition: &str) {
    let steps = format!("x = {step}\n    require {condition} else \"it is not so\"");
    let said = case.run(&steps, row, &["run"]);
    assert_eq!((said.code, case.changed(&said)), (0, 0), "{step}: {said:?}");
}

/// A tool that prints what a real one printed.
fn tool(case: &Case, name: &str, script: &str) {
    let path = format!("tools/{name}");
    case.project.write(&path, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(case.project.path(&path), PermissionsExt::from_mode(0o755)).unwrap();
}

/// Runs a step with the tools of the case before those of the machine.
fn with_tools(case: &Case, row: &str, steps: &str) -> Said {
    let text = format!("ops 1\n\nplaybook case() ! {row} {{\n  on host(\"localhost\") {{\n    {steps}\n  }}\n}}\n");
    case.project.write("case.ops", &text);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", case.project.path("tools").display());
    said(case.project.command(&["run", "case.ops"]).env("PATH", path).output().unwrap())
}

#[test]
fn a_port_is_open_or_closed_and_says_why() {
    let case = Case::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for to in ["127.0.0.1", "localhost"] {
        tells(
            &case,
            "network",
            &format!("net.port(to: \"{to}\", port: {port})"),
            "x.open and x.reason == \"it answers\"",
        );
    }
    let not_closed = format!("net.port(to: \"localhost\", port: {port}, state: \"closed\")");
    case.fails(&not_closed, "network", &format!("port {port} of localhost is not closed: it answers"));
    drop(listener);
    let closed = format!("net.port(to: \"127.0.0.1\", port: {port}, state: \"closed\")");
    tells(&case, "network", &closed, "not x.open and x.reason == \"connection refused\"");
    let refused = format!("net.port(to: \"127.0.0.1\", port: {port})");
    case.fails(&refused, "network", &format!("port {port} of 127.0.0.1 is not open: connection refused"));
    for state in ["open", "closed"] {
        let unknown = format!("net.port(to: \"no-such-host.invalid\", port: 80, state: \"{state}\")");
        case.fails(&unknown, "network", "no-such-host.invalid has no address");
    }
    // Where connections are neither taken nor refused: nobody accepts, and the queue is full.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = full.local_addr().unwrap().port();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300)) {
        waiting.push(stream);
    }
    let slow = format!("net.port(to: \"127.0.0.1\", port: {port}, within: 1s)");
    case.fails(&slow, "network", "is not open: no answer within 1s");
}

#[test]
fn names_have_the_addresses_that_programs_see() {
    let case = Case::new();
    tells(
        &case,
        "network",
        "net.dns(name: \"127.0.0.1\")",
        "x.found and x.addresses.count == 1 and x.addresses[0] == \"127.0.0.1\"",
    );
    tells(&case, "network", "net.dns(name: \"localhost\", family: \"ipv4\", address: \"127.0.0.1\")", "x.found");
    tells(&case, "network", "net.dns(name: \"::1\", family: \"ipv6\")", "x.addresses[0] == \"::1\"");
    case.fails(
        "net.dns(name: \"127.0.0.1\", family: \"ipv6\")",
        "network",
        "127.0.0.1 has no address of family ipv6 here",
    );
    case.fails(
        "net.dns(name: \"no-such-host.invalid\")",
        "network",
        "no-such-host.invalid has no address of family any",
    );
    let other = "net.dns(name: \"127.0.0.1\", address: \"192.0.2.1\")";
    case.fails(other, "network", "127.0.0.1 has other addresses here: 127.0.0.1");
    case.is_refused("net.dns(name: \"-x\")", "network", "E0");
}

#[test]
fn pings_are_counted_whatever_ping_there_is() {
    let case = Case::new();
    let cases = [
        (
            "echo '3 packets transmitted, 2 received, 33.3333% packet loss, time 2003ms'; echo 'rtt min/avg/max/mdev = 0.026/0.125/0.048/0.009 ms'",
            ", max_loss: 34%",
            "x.loss > 33% and x.loss < 34% and x.rtt == 0.125",
        ),
        (
            "echo '3 packets transmitted, 3 packets received, 0% packet loss'; echo 'round-trip min/avg/max = 0.053/0.5/0.071 ms'",
            "",
            "x.loss == 0% and x.rtt == 0.5",
        ),
        (
            "echo '4 packets transmitted, 0 received, +4 errors, 100% packet loss, time 3071ms'; exit 1",
            ", max_loss: 100%",
            "x.loss == 100% and x.rtt == none",
        ),
    ];
    for (said, rest, condition) in cases {
        tool(&case, "ping", &format!("[ \"$1\" != -V ] || exit 0\n{said}"));
        let steps = format!("x = net.ping(to: \"db1\"{rest})\n    require {condition} else \"{{x.loss}}\"");
        let ran = with_tools(&case, "network", &steps);
        assert_eq!(ran.code, 0, "{said}: {ran:?}");
    }
    let lost = with_tools(&case, "network", "net.ping(to: \"db1\")");
    assert!(lost.stderr.contains("100% of the pings to db1 are lost"), "{lost:?}");
    tool(&case, "ping", "echo \"ping: db1: Name or service not known\" >&2; exit 2");
    let unknown = with_tools(&case, "network", "net.ping(to: \"db1\")");
    assert!(unknown.stderr.contains("Name or service not known"), "{unknown:?}");
}

#[test]
fn ways_are_read_from_traceroute_and_tracepath() {
    let case = Case::new();
    let traceroute = "cat <<'END'\ntraceroute to db1 (192.0.2.9), 30 hops max, 60 byte packets\n 1  10.0.0.1  0.250 ms\n 2  *\n 3  192.0.2.9  1.500 ms !X\nEND";
    let tracepath = "cat <<'END'\n 1?: [LOCALHOST]                      pmtu 1500\n 1:  10.0.0.1                                              0.250ms \n 1:  10.0.0.1                                              0.300ms \n 2:  no reply\n 3:  192.0.2.9                                             1.500ms reached\n     Resume: pmtu 1500 hops 3 back 3 \nEND";
    let condition = "x.reached and x.hops.count == 3 and x.hops[0].number == 1 and x.hops[0].address == \"10.0.0.1\" and x.hops[0].rtt == 0.25 and x.hops[1].address == none and x.hops[2].address == \"192.0.2.9\" and x.hops[2].rtt == 1.5";
    for (name, script) in [("traceroute", traceroute), ("tracepath", tracepath)] {
        case.project.write("tools/x", "");
        std::fs::remove_dir_all(case.project.path("tools")).unwrap();
        tool(&case, name, script);
        let steps = format!("x = net.trace(to: \"db1\")\n    require {condition} else \"it is not so\"");
        let ran = with_tools(&case, "network", &steps);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        tool(&case, name, &script.replace(" 3  192.0.2.9  1.500 ms !X", " 3  *").replace(" reached", ""));
        let steps = "x = net.trace(to: \"db1\")\n    require not x.reached else \"reached\"";
        let ran = with_tools(&case, "network", steps);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        tool(&case, name, "echo 'db1: Temporary failure in name resolution' >&2; exit 2");
        let ran = with_tools(&case, "network", "net.trace(to: \"db1\")");
        assert!(ran.stderr.contains("Temporary failure in name resolution"), "{ran:?}");
    }
}

#[test]
fn a_download_is_measured() {
    let case = Case::new();
    let server = http(|request: &Request| match request.line.contains("none") {
        true => (404, String::new()),
        false => (200, "x".repeat(300_000)),
    });
    let step = format!("net.bandwidth(url: \"http://127.0.0.1:{}/\")", server.port);
    tells(&case, "network", &step, "x.bytes == 300000B and x.rate > 0B and x.elapsed < 10s");
    let none = format!("net.bandwidth(url: \"http://127.0.0.1:{}/none\")", server.port);
    case.fails(&none, "network", "404");
    case.fails("net.bandwidth(url: \"http://127.0.0.1:1/\")", "network", "onnect");
}

#[test]
fn what_is_waited_for_comes_or_the_time_is_over() {
    let case = Case::new();
    case.project.write("root/it's ready", "one\nstate=up and running\n");
    tells(&case, "read", "wait.path(path: \"{root}/it's ready\")", "x.exists");
    tells(&case, "read", "wait.path(path: \"{root}/it's ready\", contains: \"state=up\")", "x.exists");
    tells(&case, "read", "wait.path(path: \"{root}/none\", state: \"absent\")", "not x.exists");
    for never in
        ["\"{root}/none\"", "\"{root}/it's ready\", contains: \"-down\"", "\"{root}/it's ready\", state: \"absent\""]
    {
        let step = format!("wait.path(path: {never}) {{\n      timeout: 1s\n    }}");
        assert_eq!(case.run(&step, "read", &["run"]).code, 27, "{never}");
    }
    let both = "wait.path(path: \"{root}/x\", state: \"absent\", contains: \"x\")";
    case.fails(both, "read", "what is absent contains nothing");
    let comes = case.project.path("root/comes");
    let writer = std::thread::spawn({
        let seen = case.project.path(".opsc");
        move || {
            // As soon as the run has begun.
            while !seen.exists() {
                std::thread::yield_now();
            }
            std::fs::write(comes, "now").unwrap();
        }
    });
    tells(&case, "read", "wait.path(path: \"{root}/comes\", contains: \"now\")", "x.exists");
    writer.join().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (started, step) = (std::time::Instant::now(), format!("wait.port(port: {port}, delay: 1s)"));
    tells(&case, "read", &step, "x.listening");
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    let started = std::time::Instant::now();
    assert_eq!(case.run("wait.seconds(for: 1s)", "read", &["run"]).code, 0);
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
}

#[test]
fn graphics_cards_are_told_by_nvidia_smi() {
    let case = Case::new();
    tool(
        &case,
        "nvidia-smi",
        "case \"$*\" in *--format=csv,noheader,nounits*) ;; *) exit 1 ;; esac\ncat <<'END'\n0, NVIDIA A100-SXM4-40GB, GPU-5e1a, 40960, 40354, 17, 31, 550.54.15\n1, Tesla T4, GPU-77c2, 15360, 0, [N/A], [N/A], 550.54.15\nEND",
    );
    let condition = "x.count == 2 and x.driver == \"550.54.15\" and x.gpus[0].name == \"NVIDIA A100-SXM4-40GB\" and x.gpus[0].memory == 40GiB and x.gpus[0].free < 40GiB and x.gpus[0].load == 17 and x.gpus[1].celsius == none and x.gpus[1].free == 0B";
    let steps = format!("x = gpu.info()\n    require {condition} else \"it is not so\"");
    let ran = with_tools(&case, "read", &steps);
    assert_eq!(ran.code, 0, "{ran:?}");
    tool(
        &case,
        "nvidia-smi",
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9",
    );
    let failed = with_tools(&case, "read", "gpu.info()");
    assert!(failed.stderr.contains("could not communicate with the NVIDIA driver"), "{failed:?}");
    tool(&case, "nvidia-smi", "echo '0, a card'");
    let odd = with_tools(&case, "read", "gpu.info()");
    assert!(odd.stderr.contains("a line that is not understood: 0, a card"), "{odd:?}");
    std::fs::remove_file(case.project.path("tools/nvidia-smi")).unwrap();
    case.fails("gpu.info()", "read", "there is no nvidia-smi");
}

//! The net as real tools of real Debian hosts see it: ping, traceroute, tracepath and the size of packets.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;

use super::system_case::Case;

#[test]
fn hosts_ping_trace_and_measure_the_way() {
    let case = Case::new();
    // The machine that the test comes from, and an address that nobody has.
    let gateway = case.host().sh("echo \"${SSH_CLIENT%% *}\"").trim().to_string();
    let nobody = format!("{}.250", gateway.rsplit_once('.').unwrap().0);
    let holds = |steps: &str| {
        let said = case.run(steps);
        assert_eq!(said.code, 0, "{said:?}");
    };
    let ping =
        "x = net.ping(to: \"TO\", count: 2)\n    require x.loss == 0% and (x.rtt ?? 0.0) > 0.0 else \"{x.loss}\"";
    case.reads(&ping.replace("TO", &gateway));
    case.reads(&ping.replace("TO", "localhost"));
    case.reads("x = net.dns(name: \"localhost\")\n    require x.found else \"no\"");
    case.fails_not_undone("net.ping(to: \"no-such-host.invalid\", count: 1)", "", &["no-such-host.invalid"]);
    let lost = format!("net.ping(to: \"{nobody}\", count: 1, wait: 1s)");
    case.fails_not_undone(&lost, "", &[&format!("100% of the pings to {nobody} are lost")]);
    case.fails_not_undone("net.ping(to: \"192.0.2.77\")", "", &["Network is unreachable"]);
    let trace = "x = net.trace(to: \"TO\")\n    require x.reached and x.hops.count == 1 and x.hops[0].address == \"TO\" else \"{x.hops.count}\"";
    holds(&trace.replace("TO", &gateway));
    // Which leaves tracepath.
    case.host().sh("rm /usr/bin/traceroute /usr/sbin/traceroute");
    holds(&trace.replace("TO", &gateway));
    let path = "x = net.path(to: \"TO\")\n    require x.mtu == MTU else \"{x.mtu}\"";
    holds(&path.replace("TO", &gateway).replace("MTU", "1500"));
    holds(&path.replace("TO", "127.0.0.1").replace("MTU", "65535"));
    let silent = format!("net.path(to: \"{nobody}\")");
    case.fails_not_undone(&silent, "", &[&format!("{nobody} answers no ping")]);
}

#[test]
fn a_port_is_looked_at_from_the_host_or_from_the_controller() {
    let case = Case::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let looks = |state: &str| format!("net.port(to: \"127.0.0.1\", port: {port}, state: \"{state}\")");
    let both = format!("{}\n    at controller {{\n      {}\n    }}", looks("closed"), looks("open"));
    let planned = case.plans(&both);
    assert_eq!((planned.code, planned.stdout.matches("= ok").count()), (0, 2), "{planned:?}");
    case.reads(&both);
    drop(listener);
    case.fails_not_undone(&both, "", &[&format!("port {port} of 127.0.0.1 is not open: connection refused")]);
}

//! The actions for firewalls on real Debian hosts, each in its own network: nftables, iptables, ufw and firewalld.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpStream;
use std::time::Duration;

use super::system_case::{Case, changed};
use super::system_managers::MORE;

/// A host whose firewall is what this script leaves.
fn case(prepare: &str) -> Case {
    let case = Case::with_packages(MORE);
    case.host().sh("systemctl disable -q --now firewalld; nft flush ruleset; mkdir -p -m 700 /root/.opsc/backup");
    case.host().sh(prepare);
    case
}

/// Done, undone, repeated and refused, whatever the firewall; `shows` then prints these.
fn keeps_its_promises(case: &Case, shows: &str, [allowed, from_one, denied, removed]: [&str; 4]) {
    case.converges("firewall.allow(port: 8080)", shows, allowed);
    case.converges("firewall.allow(service: \"ntp\", protocol: \"udp\", source: \"10.1.0.0/16\")", shows, from_one);
    case.converges("firewall.deny(port: 8080)", shows, denied);
    case.converges("firewall.remove(port: 8080)", shows, removed);
    case.has_nothing_to_do("firewall.remove(port: 9)");
    for (step, because) in [
        (
            "firewall.deny(port: 22)",
            "this is the port of ssh (or WinRM), and nobody could log in any more: name a source",
        ),
        ("firewall.deny(service: \"ssh\")", "this is the port of ssh"),
        ("firewall.allow(service: \"no-such\")", "the host knows no such service (/etc/services): say its port"),
        ("firewall.allow()", "say either port or service"),
        ("firewall.allow(port: 80, service: \"http\")", "say either port or service"),
    ] {
        case.fails_not_undone(step, shows, &[because]);
    }
}

#[test]
fn nftables_lets_in_before_its_own_rules() {
    let case = case(
        "printf 'flush ruleset\\ntable inet filter {\\nchain input {\\ntype filter hook input priority 0; policy drop;\\n\
         ct state established accept\\niif lo accept\\ntcp dport 22 accept\\n}\\n}\\n' > /etc/nftables.conf; nft -f /etc/nftables.conf",
    );
    // What the kernel has, then what it would have after a reboot.
    let shows = "one() { nft list ruleset | grep -E 'jump|opsc \\{|dport' | grep -v 'dport 22 '; }; one || true; \
         nft -f /etc/nftables.conf; echo again; one || true; grep include /etc/nftables.conf || true";
    let after = |rules: &[&str]| {
        let rules: String = rules.iter().map(|rule| format!("\t\t{rule}\n")).collect();
        let once = format!("\t\tjump opsc\n\tchain opsc {{\n{rules}");
        format!("{once}again\n{once}include \"/etc/nftables.d/opsc.nft\"\n")
    };
    let port = "tcp dport 8080 accept comment \"opsc tcp/8080 any\"";
    let one = "ip saddr 10.1.0.0/16 udp dport 123 accept comment \"opsc udp/123 10.1.0.0/16\"";
    let drop = "tcp dport 8080 drop comment \"opsc tcp/8080 any\"";
    keeps_its_promises(&case, shows, [&after(&[port]), &after(&[one, port]), &after(&[drop, one]), &after(&[one])]);
}

#[test]
fn nftables_without_rules_gets_a_table() {
    let case = case("echo 'flush ruleset' > /etc/nftables.conf");
    let shows = "nft list ruleset | grep -E 'table|dport' || true";
    let step = "firewall.deny(port: 3306)";
    case.converges(step, shows, "table inet opsc {\n\t\ttcp dport 3306 drop comment \"opsc tcp/3306 any\"\n");
    case.host().sh("nft -f /etc/nftables.conf");
    case.has_nothing_to_do(step);
    let said = case.run("firewall.remove(port: 3306)");
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");

    case.host().sh("iptables -A INPUT -p tcp --dport 9 -j DROP");
    case.fails_not_undone(step, shows, &["iptables made the rules of this host, and nft does not write them"]);
}

/// Takes connections and ends them.
const LISTENER: &str = "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5) or die; \
     while ($c = $s->accept) { close $c }";

#[test]
fn packets_are_dropped_and_let_in_again() {
    for prepare in
        ["true", "mv /usr/sbin/nft /usr/sbin/nft.away", "ufw allow 22/tcp; ufw allow 8080/tcp; ufw --force enable"]
    {
        let case = case(prepare);
        case.host().sh(&format!(
            "systemd-run -q --unit hello perl -e '{LISTENER}'; until ss -ltn | grep -q :8080; do sleep 0.05; done"
        ));
        let address = format!("{}:8080", case.host().address).parse().unwrap();
        let reaches = || TcpStream::connect_timeout(&address, Duration::from_millis(700)).is_ok();
        assert!(reaches(), "{prepare}");
        for (action, lets_in) in [("deny", false), ("allow", true), ("deny", false), ("remove", true)] {
            let said = case.run(&format!("firewall.{action}(port: 8080)"));
            assert_eq!(said.code, 0, "{said:?}");
            let expected = lets_in && !(action == "remove" && prepare.contains("ufw"));
            assert_eq!(reaches(), expected, "{prepare}: {action}");
        }
    }
}

#[test]
fn iptables_has_a_chain_of_its_own() {
    let case = case("mv /usr/sbin/nft /usr/sbin/nft.away; iptables -A INPUT -p tcp --dport 9 -j DROP");
    let shows = "iptables -S; ip6tables -S | grep dport || true";
    let lines = |rules: &[&str]| -> String { rules.iter().map(|rule| format!("-A OPSC {rule}\n")).collect() };
    let rules = |four: &[&str], six: &[&str]| {
        let kept = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N OPSC\n-A INPUT -j OPSC\n\
             -A INPUT -p tcp -m tcp --dport 9 -j DROP\n";
        format!("{kept}{}{}", lines(four), lines(six))
    };
    let port = "-p tcp -m tcp --dport 8080 -m comment --comment \"opsc tcp/8080 any\" -j ACCEPT";
    let one = "-s 10.1.0.0/16 -p udp -m udp --dport 123 -m comment --comment \"opsc udp/123 10.1.0.0/16\" -j ACCEPT";
    let drop = "-p tcp -m tcp --dport 8080 -m comment --comment \"opsc tcp/8080 any\" -j DROP";
    let expected =
        [rules(&[port], &[port]), rules(&[one, port], &[port]), rules(&[drop, one], &[drop]), rules(&[one], &[])];
    keeps_its_promises(&case, shows, [&expected[0], &expected[1], &expected[2], &expected[3]]);
}

#[test]
fn ufw_lets_in_before_its_own_rules() {
    let case = case("ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; ufw deny from 10.9.9.9 >/dev/null");
    let shows = "ufw show added | grep '^ufw'; iptables -S ufw-user-input | grep -c -e --dport";
    let own = "ufw allow 22/tcp\nufw deny from 10.9.9.9\n";
    let one = "ufw allow from 10.1.0.0/16 to any port 123 proto udp\n";
    let expected = [
        format!("ufw allow 8080/tcp\n{own}2\n"),
        format!("{one}ufw allow 8080/tcp\n{own}3\n"),
        format!("ufw deny 8080/tcp\n{one}{own}3\n"),
        format!("{one}{own}2\n"),
    ];
    keeps_its_promises(&case, shows, [&expected[0], &expected[1], &expected[2], &expected[3]]);
}

#[test]
fn firewalld_keeps_ports_and_rules_now_and_later() {
    let case = case("systemctl start firewalld; firewall-cmd -q --state");
    let shows = "for when in '' --permanent; do firewall-cmd $when --list-ports; firewall-cmd $when --list-rich-rules | sort; done";
    let twice = |once: &str| format!("{once}{once}");
    let one = "rule family=\"ipv4\" source address=\"10.1.0.0/16\" port port=\"123\" protocol=\"udp\" accept\n";
    let drop = "rule port port=\"8080\" protocol=\"tcp\" drop\n";
    let expected = [
        twice("8080/tcp\n\n"),
        twice(&format!("8080/tcp\n{one}")),
        twice(&format!("\n{one}{drop}")),
        twice(&format!("\n{one}")),
    ];
    keeps_its_promises(&case, shows, [&expected[0], &expected[1], &expected[2], &expected[3]]);
}

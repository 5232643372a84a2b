//! A real haproxy: servers are drained, put back, and found again as they were.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

/// A backend with a server that listens and one in maintenance.
const CONFIG: &str = r#"
cat > /etc/haproxy/haproxy.cfg <<'END'
global
  stats socket /run/haproxy/admin.sock mode 660 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:8080
  default_backend web
backend web
  server web1 127.0.0.1:22
  server web2 127.0.0.1:22 disabled
END
systemctl restart haproxy
"#;

#[test]
fn servers_are_drained_and_put_back() {
    let case = Case::with_packages(&["haproxy", "socat"]);
    case.host().sh(CONFIG);
    let state = |server: &str| {
        format!(
            "echo 'show stat' | socat - UNIX-CONNECT:/run/haproxy/admin.sock | awk -F , '$1 == \"web\" && $2 == \"{server}\" {{ print $18 }}'"
        )
    };
    case.converges("haproxy.drain(backend: \"web\", server: \"web1\")", &state("web1"), "DRAIN\n");
    case.converges("haproxy.ready(backend: \"web\", server: \"web1\")", &state("web1"), "no check\n");
    case.converges("haproxy.ready(backend: \"web\", server: \"web2\")", &state("web2"), "no check\n");
    case.fails_not_undone(
        "haproxy.drain(backend: \"web\", server: \"web9\")",
        &state("web1"),
        &["haproxy has no server web/web9"],
    );
    let other = "haproxy.drain(backend: \"web\", server: \"web1\", socket: \"/run/none.sock\")";
    case.fails_not_undone(other, &state("web1"), &["/run/none.sock"]);
}

//! What a host is: one read-only program, asked once per host and run, and only where a body depends on it.

use std::time::Duration;

use super::context::Context;
use super::errors::{Phase, StepError};
use super::link::{Call, Link};
use super::redact::{printable, tail};
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::shell::Program;

/// Writes nothing, forks little, works on dash, busybox, bash and ksh.
const PROBE: &str = r#"
case "$(uname -s)" in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) os=$(uname -s) ;;
esac
out os "$os"
out arch "$(uname -m)"
distribution=; version=; family=
if [ -r /etc/os-release ]; then
  while IFS='=' read -r key value; do
    value=${value#[\"\']}; value=${value%[\"\']}
    case "$key" in
      ID) distribution=$value ;;
      VERSION_ID) version=$value ;;
      ID_LIKE) family=${value%% *} ;;
    esac
  done < /etc/os-release
elif [ "$os" = darwin ]; then
  distribution=macos; version=$(sw_vers -productVersion 2>/dev/null); family=darwin
fi
case "$distribution $family" in
  *debian*|*ubuntu*) family=debian ;;
  *rhel*|*fedora*|*centos*) family=redhat ;;
  *suse*) family=suse ;;
  alpine*) family=alpine ;;
  arch*) family=arch ;;
  *) family=${family:-$distribution} ;;
esac
out distribution "$distribution"
out version "$version"
out os_family "$family"
init=unknown
if [ -d /run/systemd/system ]; then init=systemd
elif [ -x /sbin/openrc-run ]; then init=openrc
elif [ "$os" = darwin ]; then init=launchd
elif [ -d /etc/init.d ]; then init=sysv
fi
out init "$init"
manager=unknown
for each in apt-get:apt dnf:dnf yum:yum zypper:zypper apk:apk pacman:pacman brew:brew; do
  if command -v "${each%%:*}" >/dev/null 2>&1; then manager=${each##*:}; break; fi
done
out package_manager "$manager"
firewall=unknown
for each in nft:nftables iptables:iptables; do
  for folder in /usr/sbin /sbin /usr/bin; do
    if [ "$firewall" = unknown ] && [ -x "$folder/${each%%:*}" ]; then firewall=${each##*:}; fi
  done
done
# These two keep the rules of the ones above, where they are at work.
if [ -x /usr/bin/firewall-cmd ] && systemctl is-active -q firewalld 2>/dev/null; then firewall=firewalld; fi
if [ -r /etc/ufw/ufw.conf ]; then
  while IFS= read -r line; do
    if [ "$line" = ENABLED=yes ]; then firewall=ufw; fi
  done < /etc/ufw/ufw.conf
fi
out firewall "$firewall"
"#;

const DEADLINE: Duration = Duration::from_secs(30);

/// The facts of a host as a record of strings; empty ones are absent.
pub async fn gather(context: &Context, link: &mut Link) -> Result<Value, StepError> {
    if let Some(facts) = &link.facts {
        return Ok(facts.clone());
    }
    let program = Program { body: PROBE.to_string(), ..Program::default() };
    let call = Call { phase: Phase::Facts, user: None, program: &program, deadline: DEADLINE };
    let completed = link.run(context, call, &mut |_, _| {}).await?;
    if completed.timed_out {
        return Err(StepError::TimedOut { phase: Phase::Facts, after: 30_000 });
    }
    if completed.code != 0 {
        let tail = tail(&printable(&completed.stderr.kept));
        return Err(StepError::Exit { phase: Phase::Facts, code: completed.code, tail });
    }
    let fields = completed.fields.iter().map(|(name, bytes)| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        (name.clone(), if text.is_empty() { Value::None } else { Value::String(text) })
    });
    let facts = Value::Record(fields.collect());
    link.facts = Some(facts.clone());
    Ok(facts)
}

/// The operating system that facts speak of.
pub fn os_of(facts: &Value) -> Option<Os> {
    facts.field("os").and_then(Value::as_str).and_then(Os::parse)
}

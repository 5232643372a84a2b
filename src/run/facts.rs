//! What a host is: one read-only program, asked once per host and run, and only where a body depends on it.

use std::time::Duration;

use super::context::Context;
use super::errors::{Phase, StepError};
use super::fields;
use super::link::{Call, Link};
use super::phases::language;
use super::redact::{printable, tail};
use crate::hir::facts::facts_type;
use crate::hir::types::Os;
use crate::hir::value::{ScriptLanguage, Value};
use crate::shell::{Language, Program};
use crate::transport::Completed;

/// Writes nothing, forks little, works on dash, busybox, bash and ksh.
const PROBE: &str = r#"
set -- $(uname -snrm)
os=$1; hostname=$2; kernel=$3; arch=$4
case "$os" in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
esac
out os "$os"
out hostname "$hostname"
out kernel "$kernel"
out arch "$arch"
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
cpus=; memory=; boot=
if [ "$os" = linux ]; then
  cpus=0
  while read -r word _; do case "$word" in processor) cpus=$((cpus + 1)) ;; esac; done < /proc/cpuinfo
  [ "$cpus" -gt 0 ] || cpus=$(getconf _NPROCESSORS_ONLN)
  read -r _ memory _ < /proc/meminfo
  memory=$((memory * 1024))
  read -r boot < /proc/sys/kernel/random/boot_id
elif [ "$os" = darwin ]; then
  cpus=$(sysctl -n hw.ncpu); memory=$(sysctl -n hw.memsize); boot=$(sysctl -n kern.bootsessionuuid)
fi
out cpus "$cpus"
out memory "$memory"
out boot "$boot"
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

/// The longest that a host may take to say what it is.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The same for Windows.
const WINDOWS_PROBE: &str = include_str!("facts_windows.ps1");

/// What asks a host.
pub fn program(language: Language) -> Program {
    match language {
        Language::Sh => Program::new(PROBE),
        Language::PowerShell => Program::powershell(WINDOWS_PROBE),
    }
}

/// What programs for a host are written in, by what the inventory says of it.
pub fn language_of(os: Option<Os>) -> Language {
    language(os.map_or(ScriptLanguage::Sh, ScriptLanguage::of))
}

/// The facts of a host as a record, asked once per link.
pub async fn gather(context: &Context, link: &mut Link) -> Result<Value, StepError> {
    if let Some(facts) = &link.facts {
        return Ok(facts.clone());
    }
    let program = program(context.language(link));
    let call = Call { phase: Phase::Facts, user: None, program: &program, deadline: DEADLINE, doing: None };
    let completed = link.run(context, call, &mut |_, _| {}).await?;
    let facts = read(completed)?;
    link.facts = Some(facts.clone());
    Ok(facts)
}

/// What a host answered, as a record of [`facts_type`]; what it does not say is absent.
pub fn read(completed: Completed) -> Result<Value, StepError> {
    if completed.timed_out {
        let after = u64::try_from(DEADLINE.as_millis()).unwrap_or(u64::MAX);
        return Err(StepError::TimedOut { phase: Phase::Facts, after });
    }
    if completed.code != 0 {
        let tail = tail(&printable(&completed.stderr.kept));
        return Err(StepError::Exit { phase: Phase::Facts, code: completed.code, tail });
    }
    let mut said = fields::texts(Phase::Facts, completed.fields)?;
    let is_said = |(_, text): &(String, String)| !text.is_empty();
    let (there, absent): (fields::Texts, fields::Texts) = said.drain(..).partition(is_said);
    let Value::Record(mut facts) = fields::typed(Phase::Facts, &there, &facts_type())? else { return Ok(Value::None) };
    facts.extend(absent.into_iter().map(|(name, _)| (name, Value::None)));
    Ok(Value::Record(facts))
}

/// The operating system that facts speak of.
pub fn os_of(facts: &Value) -> Option<Os> {
    facts.field("os").and_then(Value::as_str).and_then(Os::parse)
}

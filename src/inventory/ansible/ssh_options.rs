//! What `ansible_ssh_common_args` says that `inventory.yaml` can say too: a jump host, host keys, a time limit.

use super::words;

/// The options of one or several texts.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct SshOptions {
    /// As written: `user@host:port`, several with commas.
    pub(super) jump: Option<String>,
    pub(super) host_key: Option<&'static str>,
    pub(super) known_hosts: Option<String>,
    /// Seconds.
    pub(super) connect_timeout: Option<i64>,
    /// What there is no word for.
    pub(super) others: Vec<String>,
}

impl SshOptions {
    pub(super) fn read(&mut self, text: &str) {
        let Ok(words) = words::split(text, false) else {
            self.others.push("a quote that is not closed".to_string());
            return;
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let of = |flag: &str| word.strip_prefix(flag).map(str::to_string);
            if let Some(joined) = of("-o") {
                let option = if joined.is_empty() { words.next().unwrap_or_default() } else { joined };
                self.option(&option);
            } else if let Some(joined) = of("-J") {
                self.jump = Some(if joined.is_empty() { words.next().unwrap_or_default() } else { joined });
            } else {
                self.others.push(word);
            }
        }
    }

    fn option(&mut self, option: &str) {
        let (name, value) = option.split_once(['=', ' ']).unwrap_or((option, ""));
        let value = value.trim_matches([' ', '=', '"']);
        let known = match (name.trim().to_ascii_lowercase().as_str(), value) {
            ("proxyjump", value) if !value.is_empty() => {
                self.jump = Some(value.to_string()).filter(|jump| jump != "none");
                true
            }
            ("proxycommand", command) => match jump_of_command(command) {
                Some(jump) => {
                    self.jump = Some(jump);
                    true
                }
                None => false,
            },
            ("stricthostkeychecking", "yes") => {
                self.host_key = Some("strict");
                true
            }
            ("stricthostkeychecking", "accept-new") => {
                self.host_key = Some("accept-new");
                true
            }
            ("userknownhostsfile", path) if !path.is_empty() && path != "/dev/null" && !path.contains(' ') => {
                self.known_hosts = Some(path.to_string());
                true
            }
            ("connecttimeout", seconds) => {
                self.connect_timeout = seconds.parse().ok().filter(|seconds| *seconds > 0).or(self.connect_timeout);
                self.connect_timeout.is_some()
            }
            _ => false,
        };
        if !known {
            // A command may hold a password.
            let shown = if value.contains(' ') { format!("-o {name}") } else { format!("-o {option}") };
            self.others.push(shown);
        }
    }
}

/// `ssh -W %h:%p -q -p 22 user@bastion` goes through one host.
fn jump_of_command(command: &str) -> Option<String> {
    let words = words::split(command, false).ok()?;
    let (program, rest) = words.split_first()?;
    if program.rsplit('/').next() != Some("ssh") {
        return None;
    }
    let (mut host, mut port, mut user, mut forwards) = (None, None, None, false);
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let mut value = |flag: &str| {
            let joined = word.strip_prefix(flag)?;
            if joined.is_empty() { rest.next().cloned() } else { Some(joined.to_string()) }
        };
        if let Some(target) = value("-W") {
            forwards = matches!(target.as_str(), "%h:%p" | "[%h]:%p");
        } else if let Some(given) = value("-p") {
            port = Some(given);
        } else if let Some(given) = value("-l") {
            user = Some(given);
        } else if ["-i", "-o", "-F"].iter().any(|flag| value(flag).is_some()) || word.starts_with('-') {
            // How the jump host is reached stands with the jump host.
        } else if host.replace(word).is_some() {
            return None;
        }
    }
    let host = host.filter(|_| forwards)?;
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{user}{host}{port}"))
}

/// The host in `ssh://user@host:port`; `None` where there are several.
pub(super) fn host_of_jump(jump: &str) -> Option<&str> {
    let jump = jump.strip_prefix("ssh://").unwrap_or(jump);
    let host = jump.rsplit_once('@').map_or(jump, |(_, host)| host);
    if let Some((inner, _)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return Some(inner);
    }
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let host = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    (!jump.contains(',')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_host_is_told_however_it_is_written() {
        let ways = [
            ("-o ProxyJump=deploy@bastion:2222", "bastion"),
            ("-oProxyJump=bastion", "bastion"),
            ("-J ssh://deploy@bastion", "bastion"),
            ("-Jbastion -C", "bastion"),
            ("-o \"ProxyJump bastion\"", "bastion"),
            ("-o ProxyCommand=\"ssh -W %h:%p -q -i ~/.ssh/key -p 2222 deploy@bastion\"", "bastion"),
            ("-o 'ProxyCommand=/usr/bin/ssh -W [%h]:%p -l deploy bastion'", "bastion"),
            ("-J deploy@[2001:db8::1]:22", "2001:db8::1"),
        ];
        for (text, expected) in ways {
            let mut options = SshOptions::default();
            options.read(text);
            assert_eq!(options.jump.as_deref().and_then(host_of_jump), Some(expected), "{text}: {options:?}");
        }
    }

    #[test]
    fn what_there_is_no_word_for_is_kept_apart() {
        let mut options = SshOptions::default();
        options.read("-o StrictHostKeyChecking=no -o ConnectTimeout=10 -C -o ProxyCommand='nc -x proxy %h %p'");
        assert_eq!(options.others, ["-o StrictHostKeyChecking=no", "-C", "-o ProxyCommand"]);
        assert_eq!((options.connect_timeout, options.jump), (Some(10), None));
        assert_eq!(host_of_jump("a,b"), None);
    }
}

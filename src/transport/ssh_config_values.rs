//! Options of ssh's configuration with the values that they take. Reads nothing but names of ports.

/// What opsc does something about; all others are `Other`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    Host,
    Match,
    Include,
    IgnoreUnknown,
    HostName,
    User,
    Port,
    HostKeyAlias,
    BindAddress,
    PreferredAuthentications,
    IdentityAgent,
    IdentityFile,
    CertificateFile,
    UserKnownHostsFile,
    GlobalKnownHostsFile,
    IdentitiesOnly,
    StrictHostKeyChecking,
    AddressFamily,
    ConnectTimeout,
    ServerAliveInterval,
    ServerAliveCountMax,
    CanonicalizeHostname,
    ProxyCommand,
    ProxyJump,
    Ciphers,
    KexAlgorithms,
    Macs,
    HostKeyAlgorithms,
    Other,
}

const KEYS: &[(&str, Key)] = &[
    ("host", Key::Host),
    ("match", Key::Match),
    ("include", Key::Include),
    ("ignoreunknown", Key::IgnoreUnknown),
    ("hostname", Key::HostName),
    ("user", Key::User),
    ("port", Key::Port),
    ("hostkeyalias", Key::HostKeyAlias),
    ("bindaddress", Key::BindAddress),
    ("preferredauthentications", Key::PreferredAuthentications),
    ("identityagent", Key::IdentityAgent),
    ("identityfile", Key::IdentityFile),
    ("identityfile2", Key::IdentityFile),
    ("certificatefile", Key::CertificateFile),
    ("userknownhostsfile", Key::UserKnownHostsFile),
    ("globalknownhostsfile", Key::GlobalKnownHostsFile),
    ("identitiesonly", Key::IdentitiesOnly),
    ("stricthostkeychecking", Key::StrictHostKeyChecking),
    ("addressfamily", Key::AddressFamily),
    ("connecttimeout", Key::ConnectTimeout),
    ("serveraliveinterval", Key::ServerAliveInterval),
    ("serveralivecountmax", Key::ServerAliveCountMax),
    ("canonicalizehostname", Key::CanonicalizeHostname),
    ("proxycommand", Key::ProxyCommand),
    ("proxyjump", Key::ProxyJump),
    ("ciphers", Key::Ciphers),
    ("kexalgorithms", Key::KexAlgorithms),
    ("macs", Key::Macs),
    ("hostkeyalgorithms", Key::HostKeyAlgorithms),
];

impl Key {
    /// As `ssh -G` has it.
    pub fn name(self) -> &'static str {
        KEYS.iter().find(|(_, key)| *key == self).map_or("", |(name, _)| name)
    }
}

/// Options that are read over: about what opsc does not do, or of programs and versions beside OpenSSH 9.
const OTHERS: &str = "addkeystoagent afstokenpassing batchmode bindinterface canonicaldomains canonicalizefallbacklocal \
    canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms challengeresponseauthentication \
    channeltimeout checkhostip cipher clearallforwardings compression compressionlevel connectionattempts \
    controlmaster controlpath controlpersist dsaauthentication dynamicforward enableescapecommandline enablesshkeysign \
    escapechar exitonforwardfailure fallbacktorsh fingerprinthash forkafterauthentication forwardagent forwardx11 \
    forwardx11timeout forwardx11trusted gatewayports globalknownhostsfile2 gssapiauthentication gssapiclientidentity \
    gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity \
    gssapitrustdns hashknownhosts hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes \
    ipqos kbdinteractiveauthentication kbdinteractivedevices keepalive kerberosauthentication \
    kerberostgtpassing knownhostscommand localcommand localforward loglevel logverbose \
    nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication \
    permitlocalcommand permitremoteopen pkcs11provider protocol proxyusefdpass pubkeyacceptedalgorithms \
    pubkeyacceptedkeytypes pubkeyauthentication refuseconnection rekeylimit remotecommand remoteforward requesttty \
    requiredrsasize revokedhostkeys rhostsauthentication rhostsrsaauthentication rsaauthentication \
    securitykeyprovider sendenv sessiontype setenv skeyauthentication smartcarddevice stdinnull streamlocalbindmask \
    streamlocalbindunlink syslogfacility tag tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys \
    usekeychain useprivilegedport userknownhostsfile2 useroaming usersh verifyhostkeydns versionaddendum visualhostkey \
    warnweakcrypto xauthlocation";

/// The option of a keyword in lower case.
pub(super) fn key_of(keyword: &str) -> Option<Key> {
    let key = KEYS.iter().find(|(name, _)| *name == keyword).map(|(_, key)| *key);
    key.or_else(|| OTHERS.split_whitespace().any(|name| name == keyword).then_some(Key::Other))
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _)| *name).chain(OTHERS.split_whitespace())
}

/// A host on the way to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

impl std::fmt::Display for Hop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(formatter, "{user}@")?;
        }
        if self.host.contains(':') { write!(formatter, "[{}]", self.host) } else { formatter.write_str(&self.host) }?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

/// `none`, or hosts in the order in which they are passed.
pub(super) fn parse_jumps(text: &str) -> Option<Vec<Hop>> {
    let text = text.split('#').next().unwrap_or_default();
    if text.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    // Versions of ssh up to 9 end the list at the first blank.
    let list = text.split([' ', '\t']).next().unwrap_or_default();
    list.split(',').map(parse_hop).collect()
}

fn parse_hop(text: &str) -> Option<Hop> {
    let (text, is_uri) = text.strip_prefix("ssh://").map_or((text, false), |rest| (rest, true));
    let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
    let user = user.map(|user| if is_uri { user.split(';').next().unwrap_or_default() } else { user });
    if user == Some("") {
        return None;
    }
    let (host, behind) = match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => place.split_at(place.find([':', '/']).unwrap_or(place.len())),
    };
    let port = match behind.strip_prefix([':', '/']) {
        Some(port) => port.trim_end_matches(|character| is_uri && character == '/'),
        None if behind.is_empty() => "",
        None => return None,
    };
    let port = if port.is_empty() { None } else { Some(parse_port(port)?) };
    (!host.is_empty()).then(|| Hop { user: user.map(str::to_owned), host: host.to_owned(), port })
}

/// A number, or a name of `/etc/services`.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0).or_else(|| {
        let is_name = text.chars().any(char::is_alphabetic);
        let services = std::fs::read_to_string("/etc/services").ok().filter(|_| is_name)?;
        services.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let (name, port) = (words.next()?, words.next()?);
            let is_named = name == text || words.any(|alias| alias == text);
            port.strip_suffix("/tcp").filter(|_| is_named)?.parse().ok()
        })
    })
}

/// Seconds: `90`, `1m30s`, `2h`.
pub(super) fn parse_time(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let mut after = behind.chars();
        let factor = match after.next().map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 24 * 3600,
            Some('w') => 7 * 24 * 3600,
            Some(_) => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = after.as_str();
    }
    (!text.is_empty() && total <= i32::MAX.unsigned_abs().into()).then_some(total)
}

/// One of the words that an option takes, as `ssh -G` calls it.
pub(super) fn parse_choice(key: Key, text: &str) -> Option<&'static str> {
    let choices: &[(&str, &'static str)] = match key {
        Key::StrictHostKeyChecking => &[
            ("true", "true"),
            ("yes", "true"),
            ("false", "false"),
            ("no", "false"),
            ("off", "false"),
            ("ask", "ask"),
            ("accept-new", "accept-new"),
        ],
        Key::AddressFamily => &[("inet", "inet"), ("inet6", "inet6"), ("any", "any")],
        Key::CanonicalizeHostname => {
            &[("true", "true"), ("yes", "true"), ("false", "false"), ("no", "false"), ("always", "always")]
        }
        _ => &[("yes", "yes"), ("true", "yes"), ("no", "no"), ("false", "no")],
    };
    choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::{Hop, names, parse_jumps, parse_time};

    #[test]
    fn times() {
        for (text, expected) in
            [("90", Some(90)), ("1m30s", Some(90)), ("2H3", Some(7203)), ("", None), ("m", None), ("1x", None)]
        {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        assert_eq!(parse_time("99999999999999999999"), None);
    }

    #[test]
    fn jumps() {
        let hop =
            |user: Option<&str>, host: &str, port| Hop { user: user.map(str::to_owned), host: host.to_owned(), port };
        let chain = vec![hop(Some("a"), "b", Some(22)), hop(None, "c", None), hop(Some("d@e"), "::1", Some(99))];
        assert_eq!(parse_jumps("a@b:22,c,d@e@[::1]:99 # way"), Some(chain));
        assert_eq!(parse_jumps("ssh://x@y:3/"), Some(vec![hop(Some("x"), "y", Some(3))]));
        assert_eq!(parse_jumps("NONE"), Some(Vec::new()));
        for wrong in ["", "a,,b", "@a", "a:0", "a:x", "::1", "[::1"] {
            assert_eq!(parse_jumps(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_name_twice() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), names().count());
    }
}

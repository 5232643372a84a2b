//! Every way Kerberos can fail, as data, with its prose and its hints. Knows nothing of messages.

use std::fmt;

use crate::base::words;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KerberosError {
    /// There is no password, and no ticket of `kinit` that would do.
    NoTicket {
        user: String,
        cache: String,
        reason: String,
    },
    /// No KDC of the realm was reached.
    Kdc {
        realm: String,
        address: String,
        reason: String,
    },
    UnknownUser {
        user: String,
    },
    WrongPassword {
        user: String,
    },
    /// The account is over, or its password.
    Expired {
        user: String,
    },
    Locked {
        user: String,
    },
    /// The KDC's clock, seconds ahead of ours; negative where it is behind.
    ClockSkew {
        seconds: i64,
    },
    /// The KDC has no key for the host under these names.
    UnknownHost {
        names: Vec<String>,
        realm: String,
    },
    /// No cipher in common: AES is all that opsc takes.
    NoCipher,
    TicketExpired,
    /// The host's key is another one than the KDC has.
    HostKey,
    /// Another code of the KDC, or of the host.
    Refused {
        code: i64,
        text: String,
    },
    HostRefused,
    /// Who answers does not have the key that a ticket is for.
    NotMutual,
    Unreadable {
        what: &'static str,
    },
}

impl KerberosError {
    /// Whether it failed before the host was asked.
    pub fn is_of_the_kdc(&self) -> bool {
        !matches!(self, KerberosError::HostKey | KerberosError::NotMutual | KerberosError::HostRefused)
    }

    pub(super) fn hint(&self) -> Option<String> {
        use KerberosError as E;
        Some(match self {
            E::NoTicket { user, .. } => {
                format!("`kinit {user}`, or give the password: `-k`, or `--password-file FILE`")
            }
            E::Kdc { .. } => "check `kdc:` of the host (`HOST` or `HOST:PORT`), or `kdc =` in krb5.conf".to_owned(),
            E::UnknownUser { .. } => "check `user:`; a user of the host itself is `ann` without a realm".to_owned(),
            E::WrongPassword { .. } => "too many tries lock an account".to_owned(),
            E::Expired { .. } => "renew the account or its password, for example with `kpasswd`".to_owned(),
            E::Locked { .. } => "unlock the account: `Unlock-ADAccount`".to_owned(),
            E::ClockSkew { .. } => {
                "set this machine's clock by the domain's (`chronyc makestep`); five minutes are allowed".to_owned()
            }
            E::UnknownHost { .. } => {
                "`address:` must be the name that the domain knows the host by; `setspn -L NAME` shows it".to_owned()
            }
            E::NoCipher => {
                "allow AES for the account (msDS-SupportedEncryptionTypes), then change its password".to_owned()
            }
            E::TicketExpired => "`kinit` takes a new ticket".to_owned(),
            E::HostKey => {
                "the name may belong to another account of the domain; the host may have joined it anew".to_owned()
            }
            E::HostRefused => {
                "on the host, `winrm get winrm/config/service/auth` shows whether it takes Kerberos; its clock and its key must \
                 be those of the realm"
                    .to_owned()
            }
            E::Refused { .. } | E::NotMutual | E::Unreadable { .. } => return None,
        })
    }
}

impl fmt::Display for KerberosError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use KerberosError as E;
        match self {
            E::NoTicket { user, cache, reason } => {
                write!(formatter, "there is no password, and no ticket of `{user}` in {cache}: {reason}")
            }
            E::Kdc { realm, address, reason } => {
                write!(formatter, "the KDC of {realm} at {address} does not answer: {reason}")
            }
            E::UnknownUser { user } => write!(formatter, "the KDC knows no `{user}`"),
            E::WrongPassword { user } => write!(formatter, "the password of `{user}` is wrong"),
            E::Expired { user } => write!(formatter, "the account of `{user}`, or its password, has expired"),
            E::Locked { user } => write!(formatter, "the account of `{user}` is locked"),
            E::ClockSkew { seconds } => {
                let way = if *seconds < 0 { "behind" } else { "ahead of" };
                let skew = words::duration(seconds.unsigned_abs().saturating_mul(1000));
                write!(formatter, "the clock of the KDC is {skew} {way} this machine's")
            }
            E::UnknownHost { names, realm } => {
                write!(formatter, "the KDC of {realm} knows no host {}", words::join_or(names))
            }
            E::NoCipher => {
                formatter.write_str("the KDC has no AES key for the account, and opsc takes no older cipher")
            }
            E::TicketExpired => formatter.write_str("the ticket has expired"),
            E::HostKey => formatter.write_str("the host cannot open the ticket that the KDC made for it"),
            E::Refused { code, text } if text.is_empty() => write!(formatter, "Kerberos error {code}"),
            E::Refused { code, text } => write!(formatter, "Kerberos error {code}: {}", text.escape_debug()),
            E::HostRefused => formatter.write_str("the host does not take the ticket"),
            E::NotMutual => formatter.write_str("who answers is not the host that the ticket is for"),
            E::Unreadable { what } => write!(formatter, "{what} is not readable"),
        }
    }
}

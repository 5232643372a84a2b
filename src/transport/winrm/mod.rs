//! A Windows host over WinRM: WS-Management envelopes over HTTP, sealed by the login or carried by TLS, and the Windows Remote
//! Shell in them. Knows nothing of what its commands read and print.
//!
//! * [`envelope`]: what is asked, as text
//! * [`reply`]: what is answered, as data
//! * [`error`]: every way to fail
//!
//! An authentication belongs to one TCP connection: a [`link::Link`] is such a connection, and when it ends, nothing of it
//! is used again. A request that was sent is never sent twice, because it may have been carried out. An answer that is
//! not sealed where requests are is not believed.

pub mod envelope;
pub mod error;
#[cfg(fuzzing)]
pub mod hostile;
pub mod reply;

mod asn1;
mod carry;
mod client_certificate;
mod clixml;
mod der;
mod heard;
mod http;
mod kerberos;
mod kerberos_error;
mod krb_cache;
mod krb_config;
mod krb_kdc;
mod krb_keys;
mod krb_messages;
mod link;
mod login;
mod ntlm;
mod ntlm_keys;
mod sealed;
mod shell;
mod spnego;
mod tls;
mod tokens;

pub(super) use shell::{Line, Winrm};

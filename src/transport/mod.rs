//! Floor 6: a session on one host: lanes of POSIX shells here or over SSH, of PowerShell over SSH or WinRM. Runs programs
//! and brings back what they did.
//! Knows nothing of plans, steps or evidence.
//!
//! * [`endpoint`]: where a host is and how to get in
//! * [`session`]: the front: `connect`, `run`, `stage`, `exec`, `close`
//! * [`backlog`]: what waits to be told
//! * [`banner`]: what listens at an endpoint
//! * [`ssh_config`]: what `~/.ssh/config` says of a host
//! * [`trust`]: host keys before anybody logs in
//! * [`completed`]: what a program left behind
//! * [`winrm`]: Windows hosts
//! * [`error`]: every way to fail
#![expect(clippy::disallowed_methods, reason = "reaching hosts needs processes, files and the clock")]

pub mod backlog;
pub mod banner;
pub mod completed;
pub mod endpoint;
pub mod error;
pub mod session;
pub mod ssh_config;
pub mod trust;
pub mod winrm;

pub mod algorithms;
mod authenticate;
mod certificate;
mod channel;
mod dial;
mod known_hosts;
mod lane;
mod nonce;
mod opening;
mod patterns;
mod privilege;
mod proxy;
mod raw;
mod running;
mod ssh;
mod ssh_config_error;
mod ssh_config_files;
mod ssh_config_holds;
mod ssh_config_parse;
mod ssh_config_tokens;
mod ssh_config_values;
mod ssh_config_words;
mod upload;

pub use completed::{Captured, Completed, Stream};
pub use endpoint::{
    AddressFamily, AdminMethod, Agent, Credentials, Endpoint, HostKeyPolicy, Identities, Keepalive, LaneKind, Refused,
    Tls, WhyExec, Wire,
};
pub use error::TransportError;
pub use nonce::nonce;
pub use session::Session;

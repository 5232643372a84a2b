//! Host keys before anybody logs in: is a host's key known, and one that was looked at and approved becomes known.

use super::endpoint::{Credentials, Endpoint, HostKeyPolicy, Wire};
use super::error::TransportError;
use super::known_hosts::KnownHost;
use super::ssh::Ssh;

/// `Ok` where the host shows a known key; `HostKeyUnknown` tells the key that it shows instead. Nobody logs in, but
/// through jump hosts.
pub async fn check_host_key(endpoint: &Endpoint, credentials: &Credentials) -> Result<(), TransportError> {
    if endpoint.transport != Wire::Ssh {
        return Ok(());
    }
    let strict = Endpoint { host_key: HostKeyPolicy::Strict, ..endpoint.clone() };
    Ssh::check_host_key(&strict, credentials).await
}

/// Adds exactly the key that was looked at to the host's first known_hosts file.
pub fn trust_host_key(endpoint: &Endpoint, key: &str) -> Result<(), TransportError> {
    KnownHost::of(endpoint)?.write(key)
}

//! Host keys that are not known yet: looked at, shown, and added when somebody approves.

use super::errors::AppError;
use super::running::{ConnectOptions, endpoints};
use crate::base::ids::HostId;
use crate::hir::world::Inventory;
use crate::transport::TransportError;
use crate::transport::trust::{check_host_key, trust_host_key};

/// What a host shows.
pub enum HostKey {
    Known,
    /// The key with its kind and fingerprint; [`trust`] takes the key.
    Unknown {
        kind: String,
        fingerprint: String,
        key: String,
    },
    /// Changed, revoked, or the host cannot be reached.
    Refused(TransportError),
}

/// The key of each host, in order. Nobody logs in, but through jump hosts.
pub fn look(
    inventory: &Inventory,
    hosts: &[HostId],
    options: &ConnectOptions,
) -> Result<Vec<(HostId, HostKey)>, AppError> {
    let places = endpoints(inventory, hosts.iter().copied(), options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AppError::State { reason: error.to_string() })?;
    let look = |host: &HostId| {
        let (endpoint, credentials) = places.get(host)?;
        let seen = match runtime.block_on(check_host_key(endpoint, credentials)) {
            Ok(()) => HostKey::Known,
            Err(TransportError::HostKeyUnknown { kind, fingerprint, key, .. }) => {
                HostKey::Unknown { kind, fingerprint, key }
            }
            Err(error) => HostKey::Refused(error),
        };
        Some((*host, seen))
    };
    Ok(hosts.iter().filter_map(look).collect())
}

/// Adds a key that was looked at.
pub fn trust(inventory: &Inventory, host: HostId, options: &ConnectOptions, key: &str) -> Result<(), AppError> {
    let places = endpoints(inventory, std::iter::once(host), options);
    let added = places.get(&host).map_or(Ok(()), |(endpoint, _)| trust_host_key(endpoint, key));
    added.map_err(|error| AppError::Credential { reason: error.to_string() })
}

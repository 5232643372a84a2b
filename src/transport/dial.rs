//! The way to a host that has no other: a connection to one of its addresses. Knows nothing of SSH.

use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use super::endpoint::{AddressFamily, Endpoint};
use super::error::TransportError;

/// Tries every address of the name within the connect timeout; the last failure is told.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<TcpStream, TransportError> {
    let dialing = async {
        let from = match &endpoint.bind_address {
            Some(address) => Some(addresses(endpoint, address, 0).await?),
            None => None,
        };
        let mut failure = no_address(endpoint, &endpoint.address, "the name has no address");
        for address in addresses(endpoint, &endpoint.address, endpoint.port).await? {
            match connect(address, from.as_deref()).await {
                Ok(stream) => {
                    // Without this a step waits for the other side's delayed acknowledgement.
                    stream.set_nodelay(true).map_err(|error| dial_error(endpoint, &error))?;
                    return Ok(stream);
                }
                Err(error) => failure = dial_error(endpoint, &error),
            }
        }
        Err(failure)
    };
    timeout(endpoint.connect_timeout, dialing).await.map_err(|_| connect_timeout(endpoint))?
}

/// Those of the family that is wanted.
async fn addresses(endpoint: &Endpoint, name: &str, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
    let found = lookup_host((name, port)).await.map_err(|error| no_address(endpoint, name, &error.to_string()))?;
    let fits = |address: &SocketAddr| match endpoint.family {
        AddressFamily::Any => true,
        AddressFamily::V4 => address.is_ipv4(),
        AddressFamily::V6 => address.is_ipv6(),
    };
    Ok(found.filter(fits).collect())
}

async fn connect(to: SocketAddr, from: Option<&[SocketAddr]>) -> std::io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(to).await };
    let unusable = || std::io::Error::other("the address to connect from is of another family");
    let from = from.iter().find(|from| from.is_ipv4() == to.is_ipv4()).ok_or_else(unusable)?;
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(*from)?;
    socket.connect(to).await
}

fn no_address(endpoint: &Endpoint, name: &str, reason: &str) -> TransportError {
    let (host, address) = (endpoint.name.clone(), name.to_owned());
    TransportError::Dns { host, address, reason: reason.to_owned() }
}

fn dial_error(endpoint: &Endpoint, error: &std::io::Error) -> TransportError {
    let (host, address) = (endpoint.name.clone(), shown_address(endpoint));
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => TransportError::Refused { host, address },
        std::io::ErrorKind::TimedOut => connect_timeout(endpoint),
        _ => TransportError::Unreachable { host, address, reason: error.to_string() },
    }
}

pub(super) fn connect_timeout(endpoint: &Endpoint) -> TransportError {
    TransportError::ConnectTimeout {
        host: endpoint.name.clone(),
        address: shown_address(endpoint),
        seconds: endpoint.connect_timeout.as_secs(),
    }
}

pub(super) fn shown_address(endpoint: &Endpoint) -> String {
    if endpoint.address.contains(':') {
        format!("[{}]:{}", endpoint.address, endpoint.port)
    } else {
        format!("{}:{}", endpoint.address, endpoint.port)
    }
}

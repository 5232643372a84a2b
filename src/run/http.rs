//! HTTP from this machine: one way to make a client, and one way to say why a request failed. Knows no action.

use std::sync::Once;
use std::time::Duration;

/// A client whose whole exchange ends by the deadline.
pub fn client(deadline: Duration) -> Result<reqwest::Client, reqwest::Error> {
    install_crypto();
    reqwest::Client::builder().timeout(deadline).user_agent(concat!("opsc/", env!("CARGO_PKG_VERSION"))).build()
}

/// The innermost cause says what went wrong; the outer ones repeat the url, which may be secret.
pub fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "no answer in time".to_string() } else { cause.to_string().to_lowercase() }
}

fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("another crypto provider was installed before");
        }
    });
}

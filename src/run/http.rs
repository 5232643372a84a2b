//! HTTP from this machine: one way to make a client, and one way to say why a request failed. Knows no action.

use std::sync::Once;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};

/// What a client does with an answer that says to go elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redirects {
    /// The answer is this one.
    Kept,
    /// At most ten, to whatever server.
    Followed,
    /// At most ten, none of them to another server: what is sent holds secrets.
    FollowedAtHome,
}

/// How requests are made.
pub struct ClientOptions {
    pub deadline: Duration,
    pub redirects: Redirects,
    /// Certificates in PEM that are trusted beside those of the machine.
    pub ca: Option<Vec<u8>>,
    pub ways: Ways,
}

/// Whether requests go by a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ways {
    /// By that which the environment names.
    AsSet,
    Direct,
}

const MOST_REDIRECTS: usize = 10;

/// A client whose whole exchange ends by the deadline.
pub fn client(deadline: Duration) -> Result<reqwest::Client, reqwest::Error> {
    client_with(&ClientOptions { deadline, redirects: Redirects::Followed, ca: None, ways: Ways::AsSet })
}

pub fn client_with(options: &ClientOptions) -> Result<reqwest::Client, reqwest::Error> {
    install_crypto();
    let policy = match options.redirects {
        Redirects::Kept => Policy::none(),
        Redirects::Followed => Policy::limited(MOST_REDIRECTS),
        Redirects::FollowedAtHome => Policy::custom(stay_at_home),
    };
    let builder = reqwest::Client::builder()
        .timeout(options.deadline)
        .redirect(policy)
        // A url may be secret, and another server has no business with it.
        .referer(false)
        .user_agent(concat!("opsc/", env!("CARGO_PKG_VERSION")));
    let builder = if options.ways == Ways::Direct { builder.no_proxy() } else { builder };
    match &options.ca {
        Some(pem) => builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?).build(),
        None => builder.build(),
    }
}

fn stay_at_home(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let home = attempt.previous().first().map(reqwest::Url::origin);
    if home.is_some_and(|home| home != attempt.url().origin()) {
        return attempt.error("the answer leads to another server, which must not get the secrets of this request");
    }
    if attempt.previous().len() > MOST_REDIRECTS { attempt.error("too many redirects") } else { attempt.follow() }
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

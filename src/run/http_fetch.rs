//! One text from a server, whole and of bounded size, for those who wait for it. Knows nothing of what it says.

use std::time::Duration;

use super::http::{self, ClientOptions, Redirects};
use crate::base::secret::Secret;

/// What is asked for.
pub struct Wanted<'a> {
    pub url: &'a str,
    /// Sent to this server and no other.
    pub token: Option<&'a Secret<String>>,
    pub deadline: Duration,
    pub most: usize,
}

/// How a server's own words are told of an answer that is none.
const SHOWN: usize = 200;

/// The body of an answer that says it succeeded; else what went wrong.
pub fn fetch(wanted: &Wanted<'_>) -> Result<Vec<u8>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(exchange(wanted))
}

async fn exchange(wanted: &Wanted<'_>) -> Result<Vec<u8>, String> {
    let reason = |error: reqwest::Error| http::reason(&error);
    let redirects = if wanted.token.is_some() { Redirects::FollowedAtHome } else { Redirects::Followed };
    let options = ClientOptions { deadline: wanted.deadline, redirects, ca: None };
    let mut request = http::client_with(&options).map_err(reason)?.get(wanted.url).header("accept", "application/json");
    if let Some(token) = wanted.token {
        request = request.bearer_auth(token.expose());
    }
    let mut answer = request.send().await.map_err(reason)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reason)? {
        body.extend_from_slice(&chunk);
        if body.len() > wanted.most {
            return Err(format!("the answer has more than {} bytes", wanted.most));
        }
    }
    if !status.is_success() {
        let said: String = String::from_utf8_lossy(&body).trim().chars().take(SHOWN).collect();
        return Err(format!("the server answered {}: {said}", status.as_u16()));
    }
    Ok(body)
}

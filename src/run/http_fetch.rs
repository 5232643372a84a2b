//! One text from a server for those who wait for it: an answer that says it succeeded, else what went wrong.

use std::time::Duration;

use super::http::{ClientOptions, Redirects, Ways};
use super::http_get;
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

pub fn fetch(wanted: &Wanted<'_>) -> Result<Vec<u8>, String> {
    let redirects = if wanted.token.is_some() { Redirects::FollowedAtHome } else { Redirects::Followed };
    let options = ClientOptions { deadline: wanted.deadline, redirects, ca: None, ways: Ways::AsSet };
    let accept = Secret::new("application/json".to_string());
    let bearer = wanted.token.map(|token| Secret::new(format!("Bearer {}", token.expose())));
    let headers: Vec<_> = [("accept", Some(&accept)), ("authorization", bearer.as_ref())]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let page = http_get::Wanted { url: wanted.url, headers: &headers, most: wanted.most };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (status, body) = runtime.block_on(http_get::get(&page, &options))?;
    if !(200..300).contains(&status) {
        let said: String = String::from_utf8_lossy(body.expose()).trim().chars().take(SHOWN).collect();
        return Err(format!("the server answered {status}: {said}"));
    }
    Ok(body.expose().clone())
}

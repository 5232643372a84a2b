//! One page from a server, for floors that know no HTTP: bounded in time and size, its headers and its content secret.

use super::http::{self, ClientOptions};
use crate::base::secret::Secret;
use crate::base::words;

/// A page, and the most that it may have.
pub struct Wanted<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'static str, &'a Secret<String>)],
    pub most: usize,
}

/// Status and content, or why there is none.
pub async fn get(wanted: &Wanted<'_>, options: &ClientOptions) -> Result<(u16, Secret<Vec<u8>>), String> {
    let refuse = |error: reqwest::Error| http::reason(&error);
    let mut request = http::client_with(options).map_err(refuse)?.get(wanted.url);
    for (name, value) in wanted.headers {
        let mut value: reqwest::header::HeaderValue =
            value.expose().parse().map_err(|_| format!("the header `{name}` has letters that no header has"))?;
        value.set_sensitive(true);
        request = request.header(*name, value);
    }
    let mut answer = request.send().await.map_err(refuse)?;
    // Of its size from the beginning: a buffer that grows leaves copies behind.
    let mut body = Secret::new(Vec::with_capacity(wanted.most));
    while let Some(chunk) = answer.chunk().await.map_err(refuse)? {
        if body.expose().len() + chunk.len() > wanted.most {
            return Err(format!("its answer is larger than {}", words::size(wanted.most as u64)));
        }
        body.expose_mut().extend_from_slice(&chunk);
    }
    Ok((answer.status().as_u16(), body))
}

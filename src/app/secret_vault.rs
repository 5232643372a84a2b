//! The settings of a server of secrets, and how it is asked. Knows nothing of what it answers.

use std::path::Path;
use std::time::Duration;

use super::execution::runtime;
use super::settings::Settings;
use crate::base::secret::Secret;
use crate::run::http::{ClientOptions, Redirects, Ways};
use crate::run::http_get::{Wanted, get};
use crate::secrets::file::LARGEST;
use crate::secrets::vault::{Answer, NoAnswer, Vault};

/// What the settings say of it; nothing is asked yet.
pub fn vault(settings: &Settings) -> Vault {
    let seconds = settings.time("vault.timeout").unwrap_or(Duration::from_secs(30));
    let ca = settings.path("vault.ca_file");
    Vault {
        address: settings.text("vault.address"),
        namespace: settings.text("vault.namespace"),
        token_file: settings.text("vault.token_file").unwrap_or_default(),
        may_be_plain: settings.text("vault.plain_http").as_deref() == Some("yes"),
        get: Box::new(move |url, headers| {
            page(url, headers, seconds, ca.as_deref()).map_err(|reason| NoAnswer { reason })
        }),
    }
}

fn page(
    url: &str,
    headers: &[(&'static str, &Secret<String>)],
    deadline: Duration,
    ca: Option<&Path>,
) -> Result<Answer, String> {
    let ca = match ca.map(|path| (path, std::fs::read(path))) {
        Some((path, Err(error))) => {
            return Err(format!("`{}` (`vault.ca_file`) cannot be read: {error}", path.display()));
        }
        Some((_, Ok(pem))) => Some(pem),
        None => None,
    };
    // What goes to this machine itself, or in the open, is no business of a proxy.
    let ways = if url.starts_with("http://") { Ways::Direct } else { Ways::AsSet };
    let options = ClientOptions { deadline, redirects: Redirects::FollowedAtHome, ca, ways };
    let wanted = Wanted { url, headers, most: LARGEST as usize };
    let runtime = runtime().map_err(|error| error.to_string())?;
    let (status, body) = runtime.block_on(get(&wanted, &options))?;
    Ok(Answer { status, body })
}

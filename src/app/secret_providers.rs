//! Where secrets come from, as settings and project say; and the one secret that settings themselves name.

use std::collections::BTreeSet;

use super::errors::AppError;
use super::project::Project;
use super::secret_vault::vault;
use super::settings::Settings;
use crate::base::secret::Secret;
pub use crate::secrets::Ask;
use crate::secrets::{Failure, Keys, Providers, resolve};

pub(super) fn providers<'a>(project: &Project, settings: &'a Settings, ask: Option<Ask>) -> Providers<'a> {
    let keys = Keys { identity: settings.identity(), ask };
    Providers { root: project.root.clone(), commands: settings.secret_commands(), keys, vault: vault(settings) }
}

/// What opens private keys, where a setting says where it is.
pub fn key_passphrase(
    project: &Project,
    settings: &Settings,
    ask: Option<Ask>,
) -> Result<Option<Secret<String>>, AppError> {
    let Some(reference) = settings.text("private_key_passphrase") else { return Ok(None) };
    match resolve(&BTreeSet::from([reference.clone()]), &providers(project, settings, ask)) {
        Ok(resolved) => Ok(resolved.get(&reference).cloned()),
        Err(failures) => {
            let failures: Vec<String> = failures.iter().map(Failure::to_string).collect();
            Err(AppError::Credential {
                reason: format!("`private_key_passphrase` cannot be read: {}", failures.join("; ")),
            })
        }
    }
}

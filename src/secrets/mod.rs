//! Floor 6: reads secrets where their references say: in the environment, in a file, in an
//! encrypted file of the project, from a program, from a server of secrets, from a person.
//! Once at the start of a run, all of them or none. Knows nothing of programs, plans and hosts.
#![expect(clippy::disallowed_methods, reason = "secrets are read from environment, files and programs")]

pub mod ansible_vault;
pub mod command;
pub mod error;
pub mod file;
pub mod identity;
pub mod import_error;
mod import_tree;
pub mod keyring;
pub mod providers;
pub mod recipient;
pub mod resolved;
pub mod sealed;
pub mod sealed_error;
pub mod sealed_files;
pub mod sealing;
pub mod sops;
pub mod vault;
pub mod vault_error;

pub use error::{Failure, SecretError};
pub use identity::Keys;
pub use providers::{Ask, Providers, resolve, resolve_each};
pub use resolved::Resolved;

/// A shorter one cannot be hidden in what a host prints without hiding ordinary words with it, and soon is guessed.
pub const SHORTEST: usize = 4;

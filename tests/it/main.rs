//! The one integration binary: the binary in a sealed environment, real parts, and the code tested as text.

mod codes;
mod contract;
mod project;
mod run_engine;
mod run_lab;
mod run_language;
mod ssh_failures;
mod sshd;
mod story;
#[cfg(feature = "system-tests")]
mod system_sudo;

//! A file on its way to a host: hashed there before it is of use. Where PowerShell is, it goes in pieces, each a step of
//! the lane. Knows nothing of what the file is for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::completed::Completed;
use super::error::TransportError;
use super::lane::Lane;
use crate::shell::powershell::{STAGE, STAGED};
use crate::shell::{Program, Scalar, Variable, VariableValue};

/// So many bytes are on their way at once.
const PIECE: usize = 512 << 10;
/// How long one piece may take, and the hash.
const PIECE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Prints the hash of `$path` with whatever the host has.
const HASH: &str = r#"if command -v sha256sum; then set -- sha256sum
elif command -v openssl; then set -- openssl dgst -sha256 -r
elif command -v shasum; then set -- shasum -a 256
elif command -v sha256; then set -- sha256 -q
elif command -v busybox; then set -- busybox sha256sum
else exit 3; fi >/dev/null 2>&1
sum=$("$@" <"$path") || exit 4
out sha256 "${sum%% *}"
"#;

/// Takes a file for staged where it is what it should be.
pub(super) async fn verify(lane: &mut Lane, host: &str, path: String, sha256: &str) -> Result<String, TransportError> {
    let hashed = lane.run(&Program::new(HASH).with("path", &path), PIECE_LIMIT, &mut |_, _| {}).await?;
    let found = hashed.text("sha256").ok_or_else(|| TransportError::NoHashTool { host: host.to_owned() })?;
    if found != sha256 {
        return Err(mismatch(host, sha256, found));
    }
    lane.staged.insert(sha256.to_owned(), path.clone());
    Ok(path)
}

/// In pieces. The path on the host; `sha256` is of the content, in lower case hexadecimal.
pub(super) async fn stage(lane: &mut Lane, host: &str, content: &[u8], sha256: &str) -> Result<String, TransportError> {
    let named = |body: &str, token: &str| Program::powershell(body).with("token", token).with("name", sha256);
    let token = lane.token.clone();
    let pieces = content.chunks(PIECE).enumerate();
    // An empty file has no pieces, and is a file.
    for (index, piece) in pieces.chain(content.is_empty().then_some((0, content))) {
        let at = (index * PIECE).to_string();
        let mut program = named(STAGE, &token).with("piece", &STANDARD.encode(piece));
        program.variables.push(Variable { name: "at".to_owned(), value: VariableValue::Typed(Scalar::Long, at) });
        expect_done(host, &lane.run(&program, PIECE_LIMIT, &mut |_, _| {}).await?)?;
    }
    let done = lane.run(&named(STAGED, &token), PIECE_LIMIT, &mut |_, _| {}).await?;
    expect_done(host, &done)?;
    let Some(path) = done.text("path") else {
        return Err(mismatch(host, sha256, done.text("sha256").unwrap_or_default()));
    };
    lane.staged.insert(sha256.to_owned(), path.clone());
    Ok(path)
}

fn mismatch(host: &str, expected: &str, found: String) -> TransportError {
    TransportError::StageMismatch { host: host.to_owned(), expected: expected.to_owned(), found }
}

fn expect_done(host: &str, done: &Completed) -> Result<(), TransportError> {
    match done.code {
        0 if !done.timed_out => Ok(()),
        code => Err(TransportError::StageRefused { host: host.to_owned(), code }),
    }
}

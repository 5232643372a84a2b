//! The host's end of NTLM by the crate sspi, for a listener that asks over standard input, a line each: `step TOKEN`,
//! `wrap TEXT`, `unwrap HEADER SEALED`, all of it in hexadecimal. Answers `more TOKEN`, `done`, `text TEXT`, `sealed HEADER
//! SEALED` or `failed WHY`. The first line is the user, the password and the channel binding, in hexadecimal; nothing for none.

use std::io::{BufRead, Write};

use sspi::{
    AcquireCredentialsHandleResult, AuthIdentity, AuthIdentityBuffers, BufferType, CredentialUse, DataRepresentation,
    EncryptionFlags, Ntlm, SecurityBuffer, SecurityBufferRef, SecurityStatus, ServerRequestFlags, Sspi, SspiImpl, Username,
};

const SIGNATURE: usize = 16;

type Handle = AcquireCredentialsHandleResult<Option<AuthIdentityBuffers>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut lines = std::io::stdin().lock().lines();
    let first = lines.next().ok_or("there is no first line")??;
    let [user, password, binding] = words(&first)?;
    let mut ntlm = Ntlm::new();
    if !binding.is_empty() {
        ntlm.set_channel_bindings(&binding);
    }
    let identity = AuthIdentity {
        username: Username::new(&String::from_utf8(user)?, None)?,
        password: String::from_utf8(password)?.into(),
    };
    let mut handle = ntlm
        .acquire_credentials_handle()
        .with_credential_use(CredentialUse::Inbound)
        .with_auth_data(&identity)
        .execute(&mut ntlm)?;
    for line in lines {
        let answer = answer(&mut ntlm, &mut handle, &line?).unwrap_or_else(|error| format!("failed {error}"));
        writeln!(std::io::stdout(), "{}", answer.replace('\n', " "))?;
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(ntlm: &mut Ntlm, handle: &mut Handle, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
    match what {
        "step" => step(ntlm, handle, rest),
        "wrap" => {
            let [mut text] = words(rest)?;
            let mut signature = [0; SIGNATURE];
            let mut buffers =
                [SecurityBufferRef::token_buf(&mut signature), SecurityBufferRef::data_buf(text.as_mut_slice())];
            ntlm.encrypt_message(EncryptionFlags::empty(), &mut buffers)?;
            Ok(format!("sealed {} {}", hex(&signature), hex(&text)))
        }
        "unwrap" => {
            let [mut header, mut sealed] = words(rest)?;
            let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut sealed)];
            ntlm.decrypt_message(&mut buffers)?;
            let text = buffers[1].data().to_vec();
            Ok(format!("text {}", hex(&text)))
        }
        other => Err(format!("`{other}` is no question").into()),
    }
}

fn step(ntlm: &mut Ntlm, handle: &mut Handle, token: &str) -> Result<String, Box<dyn std::error::Error>> {
    let [token] = words(token)?;
    let mut input = [SecurityBuffer::new(token, BufferType::Token)];
    let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let builder = ntlm
        .accept_security_context()
        .with_credentials_handle(&mut handle.credentials_handle)
        .with_context_requirements(ServerRequestFlags::ALLOCATE_MEMORY)
        .with_target_data_representation(DataRepresentation::Native)
        .with_input(&mut input)
        .with_output(&mut output);
    let status = ntlm.accept_security_context_impl(builder)?.resolve_to_result()?.status;
    if status == SecurityStatus::ContinueNeeded {
        return Ok(format!("more {}", hex(&output[0].buffer)));
    }
    // Here the code over all messages is checked, and with it the password.
    ntlm.complete_auth_token(&mut output)?;
    Ok("done".to_owned())
}

fn words<const COUNT: usize>(line: &str) -> Result<[Vec<u8>; COUNT], Box<dyn std::error::Error>> {
    let mut words = line.split(' ');
    let mut found = [const { Vec::new() }; COUNT];
    for word in &mut found {
        *word = unhex(words.next().unwrap_or_default())?;
    }
    Ok(found)
}

fn unhex(word: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    (0..word.len() / 2).map(|at| u8::from_str_radix(&word[2 * at..2 * at + 2], 16)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! One step as the text that a lane reads: assignments and a call in a subshell, then the end marks.
//! Knows nothing of who reads it, nor of what the body does.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::error::ShellError;
use super::frames::Nonces;
use super::lane::FUNCTIONS;
use super::program::{NamedScript, Program, Variable, VariableValue};
use super::quote::{check_name, quote};
use super::receipt;

use crate::base::hex::hex;

/// The name under which a lane keeps a body, of a program or of a function: bodies are constant, so each one travels once.
pub fn body_name(body: &str) -> String {
    let digest = hex(&Sha256::digest(body.as_bytes()));
    format!("b_{digest:.32}")
}

/// The text that gives a lane a body. It is kept as data and evaluated inside the step's subshell, because a syntax
/// error in a function definition would end the lane's shell itself.
pub fn body_text(body: &str) -> Result<String, ShellError> {
    Ok(format!("{}={}\n", body_name(body), quote("body", body)?))
}

/// The bodies that a lane must have before the program's step: each travels once.
pub fn bodies(program: &Program) -> impl Iterator<Item = Cow<'_, str>> {
    let functions = program.functions.iter().map(|function| Cow::Borrowed(function.body.as_str()));
    let receipt = program.receipt.as_ref().map(|_| Cow::Owned(receipt::once()));
    functions.chain([Cow::Borrowed(program.body.as_str())]).chain(receipt)
}

/// The text that a fresh lane reads before its first step: the end of a step 0 says that it reads.
pub fn begin_text(nonces: &Nonces) -> String {
    format!("__end {} 0 0\n", nonces.end)
}

/// The text of a program that is a command of its own: all that a lane would read for it.
pub fn whole_text(program: &Program, nonces: &Nonces) -> Result<String, ShellError> {
    let mut text = format!("{FUNCTIONS}{}", begin_text(nonces));
    for body in bodies(program) {
        text.push_str(&body_text(&body)?);
    }
    text.push_str(&step_text(program, 1, nonces)?);
    text.push_str("exit 0\n");
    Ok(text)
}

/// The text of one step. `sequence` comes back in the end marks. Their nonce is a word of the line behind the subshell,
/// which the lane reads when the step is over, and never a variable.
pub fn step_text(program: &Program, sequence: u64, nonces: &Nonces) -> Result<String, ShellError> {
    let mut text = format!("(\n__nonce={}\n", nonces.fields);
    for variable in &program.variables {
        push_variable(&mut text, variable)?;
    }
    for script in &program.scripts {
        push_script(&mut text, script)?;
    }
    for (name, value) in &program.env {
        let name = check_name(name)?;
        text.push_str(&format!("{name}={}\nexport {name}\n", quote(name, value.expose())?));
    }
    if let Some(directory) = &program.cwd {
        text.push_str(&format!("CDPATH='' cd -- {} || exit 1\n", quote("cwd", directory)?));
    }
    for function in &program.functions {
        text.push_str(&format!("{}() {{ eval \"${}\"; }}\n", check_name(&function.name)?, body_name(&function.body)));
    }
    text.push_str(&format!("__body() {{ eval \"${}\"; }}\n", body_name(&program.body)));
    let run = match &program.stdin {
        // A here-document would put a secret into a temporary file in some shells; a pipe does not.
        Some(stdin) => {
            text.push_str(&format!("__stdin={}\n", quote("stdin", stdin.expose())?));
            "printf '%s' \"$__stdin\" | __body"
        }
        None => "__body",
    };
    match &program.receipt {
        Some(receipt) => {
            let once = body_name(&receipt::once());
            text.push_str(&format!(
                "__receipt={}\n__run() {{ {run}; }}\neval \"${once}\"\n",
                quote("receipt", receipt)?
            ));
        }
        None => text.push_str(&format!("{run}\n")),
    }
    text.push_str(&format!(") </dev/null\n__end {} {sequence} \"$?\"\n", nonces.end));
    Ok(text)
}

fn push_variable(text: &mut String, variable: &Variable) -> Result<(), ShellError> {
    let name = check_name(&variable.name)?;
    match &variable.value {
        VariableValue::Text(value) | VariableValue::Typed(_, value) => push_text(text, name, value),
        VariableValue::Secret(value) => push_text(text, name, value.expose()),
        VariableValue::List(items) => push_list(text, name, items.iter().map(String::as_str)),
        VariableValue::Secrets(items) => push_list(text, name, items.iter().map(|item| item.expose().as_str())),
        VariableValue::Absent => {
            push_list_functions(text, name, std::iter::empty())?;
            text.push_str(&format!("{name}=''\n{name}_set=false\n"));
            Ok(())
        }
    }
}

fn push_text(text: &mut String, name: &str, value: &str) -> Result<(), ShellError> {
    text.push_str(&format!("{name}={}\n{name}_set=true\n", quote(name, value)?));
    Ok(())
}

fn push_list<'a>(text: &mut String, name: &str, items: impl Iterator<Item = &'a str>) -> Result<(), ShellError> {
    push_list_functions(text, name, items)?;
    text.push_str(&format!("{name}_set=true\n"));
    Ok(())
}

/// `with_NAME CMD…` runs once with all items behind it, `each_NAME CMD…` once per item.
fn push_list_functions<'a>(
    text: &mut String,
    name: &str,
    items: impl Iterator<Item = &'a str>,
) -> Result<(), ShellError> {
    let quoted = items.map(|item| quote(name, item)).collect::<Result<Vec<_>, _>>()?;
    text.push_str(&format!("with_{name}() {{ \"$@\" {}; }}\neach_{name}() {{ :\n", quoted.join(" ")));
    for item in &quoted {
        text.push_str(&format!("\"$@\" {item} || return $?\n"));
    }
    text.push_str(&format!("}}\n{name}_count={}\n", quoted.len()));
    Ok(())
}

fn push_script(text: &mut String, script: &NamedScript) -> Result<(), ShellError> {
    let name = check_name(&script.name)?;
    match &script.text {
        Some(body) => {
            text.push_str(&format!("__script_{name}={}\n", quote(name, body)?));
            text.push_str(&format!("{name}() ( eval \"$__script_{name}\" )\n{name}_set=true\n"));
        }
        None => text.push_str(&format!("{name}() {{ :; }}\n{name}_set=false\n")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::{body_name, step_text};
    use crate::base::secret::Secret;
    use crate::shell::frames::Nonces;
    use crate::shell::{Function, Program, Variable, VariableValue};

    fn nonces() -> Nonces {
        Nonces { fields: "ff".to_owned(), end: "ee".to_owned() }
    }

    #[test]
    fn a_step_is_assignments_a_call_and_an_end() {
        let program = Program::new("echo \"$to\"").with("to", "it's");
        let expected = format!(
            "(\n__nonce=ff\nto='it'\\''s'\nto_set=true\n__body() {{ eval \"${}\"; }}\n__body\n) </dev/null\n__end ee 7 \"$?\"\n",
            body_name("echo \"$to\"")
        );
        assert_eq!(step_text(&program, 7, &nonces()).unwrap(), expected);
    }

    #[test]
    fn a_function_evaluates_a_text_that_the_lane_has() {
        let shared = Function { name: "shared".to_owned(), body: "echo".to_owned() };
        let text = step_text(&Program { functions: vec![shared], ..Program::new("shared") }, 7, &nonces()).unwrap();
        assert!(text.contains(&format!("\nshared() {{ eval \"${}\"; }}\n__body()", body_name("echo"))), "{text}");
    }

    #[test]
    fn a_list_with_secrets_arrives_like_any_other() {
        let given = |value| Variable { name: "env".to_owned(), value };
        let text = |value| {
            let program = Program { variables: vec![given(value)], ..Program::new("x") };
            step_text(&program, 7, &nonces()).unwrap()
        };
        let items = ["a=it's", "b="];
        let secret = VariableValue::Secrets(items.map(|item| Secret::new(item.to_owned())).to_vec());
        assert_eq!(text(secret), text(VariableValue::List(items.map(str::to_owned).to_vec())));
    }

    #[test]
    fn names_and_nul_bytes_are_refused() {
        assert!(step_text(&Program::new("x").with("a;b", "1"), 1, &nonces()).is_err());
        assert!(step_text(&Program::new("x").with("a", "1\0"), 1, &nonces()).is_err());
        let list = Variable { name: "l".to_owned(), value: VariableValue::List(vec!["\0".to_owned()]) };
        assert!(step_text(&Program { variables: vec![list], ..Program::new("x") }, 1, &nonces()).is_err());
    }
}

//! The bytes of a lane of PowerShell: how it is started, what it reads first, and one step as a frame of JSON. Knows
//! nothing of who carries them.
//!
//! What comes back has the marks of every lane. Both programs that Windows has read the same text, and the start is
//! constant: whatever differs from step to step comes by the input, and never stands on a command line.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::error::ShellError;
use super::frames::Nonces;
use super::powershell_task::Task;
use super::program::{Program, Text, Variable, VariableValue};
use super::quote::{check_name, check_text};

use crate::base::hex::hex;

/// Reads the first frame and runs it. Nothing in it names `$input`, or PowerShell itself would read the frames.
pub const BOOTSTRAP: &str = include_str!("powershell_bootstrap.ps1");
/// The first frame.
pub const RUNTIME: &str = include_str!("powershell_runtime.ps1");
/// Writes the base64 `piece` at the place `at` of what becomes the file `name` of the lane `token`.
pub const STAGE: &str = include_str!("powershell_stage.ps1");
/// Reports `sha256` of the file, and `path` where it is the name.
pub const STAGED: &str = include_str!("powershell_staged.ps1");

/// The command line that starts a lane, for cmd.exe and for any other shell.
pub fn start_line() -> String {
    let wide: Vec<u8> = BOOTSTRAP.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = STANDARD.encode(wide);
    format!("powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}")
}

/// What a lane reads before its first step.
pub fn opening(token: &str) -> Vec<u8> {
    [frame(RUNTIME), frame(&json!({ "token": token }).to_string())].concat()
}

/// The name of a body: its SHA-256 in lower case hexadecimal.
pub fn body_name(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes()))
}

/// What makes a step of a program.
pub struct Step<'a> {
    pub program: &'a Program,
    /// Comes back in the end marks.
    pub sequence: u64,
    pub nonces: &'a Nonces,
    pub deadline: Duration,
    /// Where another user does it than who logged in.
    pub task: Option<Task<'a>>,
}

impl Step<'_> {
    /// The step as a frame, with those of its bodies that `is_new` says the lane does not have.
    pub fn frame(&self, mut is_new: impl FnMut(&str) -> bool) -> Result<Vec<u8>, ShellError> {
        let mut step = match &self.task {
            None => self.message(self.program, &mut is_new)?,
            Some(task) => {
                // Another process reads it, which has no bodies yet; it never learns how the lane says the end.
                let inner = self.message(self.program, &mut |_| true)?;
                let outer = task.program(&Json::from(inner).to_string(), self.seconds());
                let mut step = self.message(&outer, &mut is_new)?;
                step.insert("lane".to_owned(), true.into());
                step
            }
        };
        step.insert("seq".to_owned(), self.sequence.into());
        step.insert("end".to_owned(), self.nonces.end.as_str().into());
        Ok(frame(&Json::from(step).to_string()))
    }

    fn seconds(&self) -> u64 {
        self.deadline.as_secs() + 1
    }

    fn message(
        &self,
        program: &Program,
        is_new: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Map<String, Json>, ShellError> {
        let step = json!({
            "fields": self.nonces.fields,
            "deadline": self.seconds(),
            "body": body_name(&program.body),
            "functions": functions(program)?,
            "variables": variables(program)?,
            "scripts": scripts(program)?,
            "env": env(program)?,
        });
        let Json::Object(mut step) = step else { return Ok(Map::new()) };
        if let Some(directory) = &program.cwd {
            step.insert("cwd".to_owned(), check_text("cwd", directory)?.into());
        }
        if let Some(stdin) = &program.stdin {
            step.insert("stdin".to_owned(), check_text("stdin", stdin.expose())?.into());
        }
        if let Some(receipt) = &program.receipt {
            step.insert("receipt".to_owned(), receipt.as_str().into());
        }
        // Last: what is refused until here was not sent, and nothing of it is there.
        step.insert("bodies".to_owned(), bodies(program, is_new).into());
        Ok(step)
    }
}

/// Its length in four bytes, the lowest first, and the text.
fn frame(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), text.as_bytes()].concat()
}

fn bodies(program: &Program, is_new: &mut dyn FnMut(&str) -> bool) -> Map<String, Json> {
    let all = program.functions.iter().map(|function| &function.body).chain([&program.body]);
    let named = all.map(|body| (body_name(body), body.as_str().into()));
    named.filter(|(name, _)| is_new(name)).collect()
}

fn functions(program: &Program) -> Result<Vec<Json>, ShellError> {
    let function = |function: &super::program::Function| {
        Ok(json!({ "name": check_name(&function.name)?, "body": body_name(&function.body) }))
    };
    program.functions.iter().map(function).collect()
}

fn scripts(program: &Program) -> Result<Vec<Json>, ShellError> {
    let script = |script: &super::program::NamedScript| {
        let text = script.text.as_deref().map(|text| check_text(&script.name, text)).transpose()?;
        Ok(json!({ "name": check_name(&script.name)?, "text": text }))
    };
    program.scripts.iter().map(script).collect()
}

fn env(program: &Program) -> Result<Map<String, Json>, ShellError> {
    let entry =
        |(name, value): &(String, Text)| Ok((check_name(name)?.to_owned(), check_text(name, value.expose())?.into()));
    program.env.iter().map(entry).collect()
}

fn variables(program: &Program) -> Result<Vec<Json>, ShellError> {
    program.variables.iter().map(variable).collect()
}

fn variable(variable: &Variable) -> Result<Json, ShellError> {
    let text = |text: &str| check_text(&variable.name, text).map(Json::from);
    let list = |items: &mut dyn Iterator<Item = &str>| items.map(text).collect::<Result<Vec<_>, _>>().map(Json::from);
    let (kind, value) = match &variable.value {
        VariableValue::Text(value) => ("text", text(value)?),
        VariableValue::Secret(value) => ("text", text(value.expose())?),
        VariableValue::Typed(kind, value) => (kind.name(), text(value)?),
        VariableValue::List(items) => ("list", list(&mut items.iter().map(String::as_str))?),
        VariableValue::Secrets(items) => ("list", list(&mut items.iter().map(|item| item.expose().as_str()))?),
        VariableValue::Absent => ("absent", Json::Null),
    };
    Ok(json!({ "name": check_name(&variable.name)?, "kind": kind, "value": value }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use std::time::Duration;

    use serde_json::{Value as Json, json};

    use super::{BOOTSTRAP, Step, Task, body_name, opening, start_line};
    use crate::base::secret::Secret;
    use crate::shell::frames::Nonces;
    use crate::shell::{Function, Program, Scalar, Variable, VariableValue};

    fn read(frame: &[u8]) -> Json {
        let (length, text) = frame.split_at(4);
        assert_eq!(u32::from_le_bytes(length.try_into().unwrap()) as usize, text.len());
        serde_json::from_slice(text).unwrap()
    }

    fn step(program: &Program, is_new: bool) -> Json {
        let nonces = Nonces { fields: "ff".to_owned(), end: "ee".to_owned() };
        let step = Step { program, sequence: 7, nonces: &nonces, deadline: Duration::from_secs(3), task: None };
        read(&step.frame(|_| is_new).unwrap())
    }

    #[test]
    fn a_lane_starts_by_a_line_that_cmd_takes() {
        assert!(start_line().len() < 8191, "{}", start_line().len());
        assert!(!start_line().contains(['"', '%', '^', '&', '|', '<', '>', '\'', '$']));
        // Where a command names it, PowerShell reads all of its standard input as lines first.
        assert!(!BOOTSTRAP.contains("$input"));
        let all = opening("ab");
        let length = u32::from_le_bytes(all[..4].try_into().unwrap()) as usize;
        assert_eq!(read(&all[4 + length..]), json!({ "token": "ab" }));
    }

    #[test]
    fn values_are_data_of_their_kinds() {
        let given = |name: &str, value| Variable { name: name.to_owned(), value };
        let program = Program {
            variables: vec![
                given("a", VariableValue::Text("$(x) '\u{2019}\n".to_owned())),
                given("b", VariableValue::Secret(Secret::new("s".to_owned()))),
                given("c", VariableValue::Typed(Scalar::Long, "12".to_owned())),
                given("d", VariableValue::List(vec!["x".to_owned()])),
                given("e", VariableValue::Absent),
            ],
            ..Program::new("body")
        };
        let kinds = json!([
            { "name": "a", "kind": "text", "value": "$(x) '\u{2019}\n" },
            { "name": "b", "kind": "text", "value": "s" },
            { "name": "c", "kind": "long", "value": "12" },
            { "name": "d", "kind": "list", "value": ["x"] },
            { "name": "e", "kind": "absent", "value": null },
        ]);
        assert_eq!(step(&program, true)["variables"], kinds);
        let wrong = Program { variables: vec![given("a;b", VariableValue::Absent)], ..Program::new("x") };
        let nonces = Nonces { fields: String::new(), end: String::new() };
        let step = Step { program: &wrong, sequence: 1, nonces: &nonces, deadline: Duration::ZERO, task: None };
        assert!(step.frame(|_| true).is_err());
    }

    #[test]
    fn a_step_of_another_user_is_a_value_of_what_makes_its_task() {
        let user = "it's \u{2019} $(x) `y` \"z\"";
        let program = Program { receipt: Some("r1".to_owned()), ..Program::powershell("body") };
        let nonces = Nonces { fields: "ff".to_owned(), end: "ee".to_owned() };
        let task = Some(Task { user, token: "ab" });
        let step = Step { program: &program, sequence: 7, nonces: &nonces, deadline: Duration::from_secs(3), task };
        let outer = read(&step.frame(|_| false).unwrap());
        assert_eq!((&outer["seq"], &outer["end"], &outer["lane"]), (&json!(7), &json!("ee"), &json!(true)));
        assert_eq!((&outer["bodies"], &outer["receipt"]), (&json!({}), &Json::Null));
        let value = |name: &str| {
            let all = outer["variables"].as_array().unwrap();
            all.iter().find(|each| each["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            (value("user"), value("token"), value("deadline")),
            (user.to_owned(), "ab".to_owned(), "4".to_owned())
        );
        let inner: Json = serde_json::from_str(&value("step")).unwrap();
        assert_eq!((&inner["fields"], &inner["receipt"], &inner["deadline"]), (&json!("ff"), &json!("r1"), &json!(4)));
        assert_eq!((inner.get("end"), &inner["bodies"]), (None, &json!({ body_name("body"): "body" })));
    }

    #[test]
    fn a_body_travels_once() {
        let shared = Function { name: "shared".to_owned(), body: "one".to_owned() };
        let program = Program { functions: vec![shared], ..Program::new("shared") };
        let (first, second) = (step(&program, true), step(&program, false));
        assert_eq!(first["bodies"], json!({ body_name("one"): "one", body_name("shared"): "shared" }));
        assert_eq!((&second["bodies"], &second["body"]), (&json!({}), &json!(body_name("shared"))));
        assert_eq!(second["functions"], json!([{ "name": "shared", "body": body_name("one") }]));
    }
}

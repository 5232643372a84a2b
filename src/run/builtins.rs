//! What only the binary can do: HTTP from the controller. Knows nothing of plans and sessions.

use std::time::{Duration, Instant};

use super::errors::StepError;
use super::http;
use crate::base::secret::Secret;
use crate::hir::program::Action;
use crate::hir::value::Value;

/// The most of an answer's body that is kept.
const LARGEST_BODY: usize = 1 << 20;

/// What the host of a step is; the only builtin that asks a host.
pub const FACTS: &str = "os.facts";

/// What a playbook tells the people who watch it.
pub const NOTE: &str = "log.note";

/// A builtin's parameters by name, secrets resolved.
pub struct Arguments<'a> {
    pub action: &'a Action,
    pub params: &'a [(crate::base::ids::BindingId, Value)],
    pub secrets: &'a [(String, Secret<String>)],
    pub deadline: Duration,
}

impl Arguments<'_> {
    fn value(&self, name: &str) -> &Value {
        let binding = self.action.params.iter().find(|param| param.name == name).map(|param| param.binding);
        let found = self.params.iter().find(|(param, _)| Some(*param) == binding);
        found.map_or(&Value::None, |(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        let secret = self.secrets.iter().find(|(secret, _)| secret == name);
        secret.map(|(_, text)| text.expose().clone()).or_else(|| self.value(name).as_str().map(str::to_string))
    }
}

/// Runs a builtin; what it reports, as a script would by `out`.
pub async fn run(name: &str, arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, StepError> {
    match name {
        "http.request" => http_request(arguments).await,
        other => Err(StepError::UnknownBuiltin { name: other.to_string() }),
    }
}

async fn http_request(arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, StepError> {
    let url = arguments.text("url").unwrap_or_default();
    // A secret url is never shown.
    let shown = arguments.value("url").as_str().unwrap_or("(secret url)").to_string();
    let refuse = |error: reqwest::Error| StepError::Http { url: shown.clone(), reason: http::reason(&error) };
    let started = Instant::now();
    let request = build(arguments, &url).map_err(refuse)?;
    let mut answer = request.send().await.map_err(refuse)?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(refuse)? {
        let room = LARGEST_BODY.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    judge(arguments, &shown, status, &text)?;
    let elapsed = format!("{}ms", started.elapsed().as_millis());
    Ok(vec![("status".to_string(), status.to_string()), ("body".to_string(), text), ("elapsed".to_string(), elapsed)])
}

fn build(arguments: &Arguments<'_>, url: &str) -> Result<reqwest::RequestBuilder, reqwest::Error> {
    let client = http::client(arguments.deadline)?;
    let method = arguments.text("method").and_then(|method| method.to_uppercase().parse().ok());
    let mut request = client.request(method.unwrap_or(reqwest::Method::GET), url);
    if let Value::Record(headers) = arguments.value("headers") {
        for (name, value) in headers {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
    }
    if let Some(user) = arguments.text("user") {
        request = request.basic_auth(user, arguments.text("password"));
    }
    Ok(match arguments.text("body") {
        Some(body) => request.body(body),
        None => request,
    })
}

fn judge(arguments: &Arguments<'_>, url: &str, status: u16, body: &str) -> Result<(), StepError> {
    let expected: Vec<i64> = match arguments.value("status") {
        Value::Int(expected) => vec![*expected],
        Value::List(items) => {
            items.iter().filter_map(|item| if let Value::Int(code) = item { Some(*code) } else { None }).collect()
        }
        _ => Vec::new(),
    };
    if let Some(first) = expected.first()
        && !expected.contains(&i64::from(status))
    {
        return Err(StepError::HttpStatus { url: url.to_string(), expected: *first, found: status });
    }
    match arguments.text("contains") {
        Some(expected) if !body.contains(&expected) => Err(StepError::HttpText { url: url.to_string(), expected }),
        _ => Ok(()),
    }
}

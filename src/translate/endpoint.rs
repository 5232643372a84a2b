//! One question to an OpenAI-compatible endpoint, and its answer as text. Servers differ and misbehave: every way is an
//! error with a name. Knows nothing of the language.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::base::secret::Secret;
use crate::run::http;

/// Where a model is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Up to and without `/chat/completions`.
    pub url: String,
    pub model: String,
    pub key: Option<Secret<String>>,
    pub timeout: Duration,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub role: &'static str,
    pub content: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelError {
    Unreachable {
        url: String,
        reason: String,
    },
    TimedOut {
        url: String,
        seconds: u64,
    },
    /// With the beginning of what the server said.
    Status {
        url: String,
        status: u16,
        said: String,
    },
    /// The body is neither JSON nor a stream of it.
    NotJson {
        url: String,
        content_type: String,
    },
    /// JSON without a message in it.
    NoMessage {
        url: String,
    },
    /// The answer stops in the middle.
    Truncated {
        url: String,
    },
    TooLarge {
        url: String,
    },
    /// The compiler refused what the model wrote, also after the repairs.
    Refused {
        rounds: usize,
    },
}

/// A program is a few thousand bytes; a server that sends more than this is ended.
const LARGEST_ANSWER: usize = 4 << 20;
const MOST_TOKENS: u32 = 4096;

impl Endpoint {
    /// Sends the messages and waits for the whole answer. Makes a runtime of its own: one question is all there is.
    pub fn complete(&self, messages: &[Message]) -> Result<String, ModelError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ModelError::Unreachable { url: self.shown_url(), reason: error.to_string() })?;
        runtime.block_on(self.exchange(messages))
    }

    /// The url as headers and messages may hold it: who logs in there, and what a query carries, may be secret.
    pub fn shown_url(&self) -> String {
        let plain = self.url.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = plain.split_once("://") else { return plain.to_string() };
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
    }

    async fn exchange(&self, messages: &[Message]) -> Result<String, ModelError> {
        let url = format!("{}/chat/completions", self.url.trim_end_matches('/'));
        let shown = format!("{}/chat/completions", self.shown_url().trim_end_matches('/'));
        let refuse = |error: reqwest::Error| self.failure(&shown, &error);
        let mut request = http::client(self.timeout).map_err(refuse)?.post(&url).json(&self.body(messages));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let mut answer = request.send().await.map_err(refuse)?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or("none").to_string();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(refuse)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(ModelError::TooLarge { url: shown });
            }
        }
        let text = String::from_utf8_lossy(&body);
        if !(200..300).contains(&status) {
            return Err(ModelError::Status { url: shown, status, said: beginning(&text) });
        }
        read_body(&text, &shown, &content_type)
    }

    /// The same request gives the same bytes; the server is asked for the same answer.
    fn body(&self, messages: &[Message]) -> Json {
        let messages: Vec<Json> =
            messages.iter().map(|message| json!({ "role": message.role, "content": message.content })).collect();
        json!({
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "seed": 1,
            "max_tokens": MOST_TOKENS,
            "stream": false,
        })
    }

    fn failure(&self, url: &str, error: &reqwest::Error) -> ModelError {
        if error.is_timeout() {
            return ModelError::TimedOut { url: url.to_string(), seconds: self.timeout.as_secs() };
        }
        ModelError::Unreachable { url: url.to_string(), reason: http::reason(error) }
    }
}

/// One JSON object, or a stream of them from a server that streams although it was asked not to.
fn read_body(text: &str, url: &str, content_type: &str) -> Result<String, ModelError> {
    let chunks: Vec<Json> = match serde_json::from_str(text) {
        Ok(whole) => vec![whole],
        Err(_) => text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|event| serde_json::from_str(event.trim()).ok())
            .collect(),
    };
    if chunks.is_empty() {
        return Err(ModelError::NotJson { url: url.to_string(), content_type: content_type.to_string() });
    }
    let choices: Vec<&Json> = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0")).collect();
    if choices.iter().any(|choice| choice.get("finish_reason").and_then(Json::as_str) == Some("length")) {
        return Err(ModelError::Truncated { url: url.to_string() });
    }
    let content = |choice: &&Json| {
        ["/message/content", "/delta/content"].iter().find_map(|at| choice.pointer(at)?.as_str().map(str::to_string))
    };
    let said: String = choices.iter().filter_map(content).collect();
    if said.trim().is_empty() { Err(ModelError::NoMessage { url: url.to_string() }) } else { Ok(said) }
}

fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(200).collect()
}

impl ModelError {
    /// What may mend it.
    pub fn hint(&self) -> &'static str {
        match self {
            ModelError::Unreachable { .. } => "is the server running, and `model.url` right? (`opsc config show`)",
            ModelError::TimedOut { .. } => "a larger `model.timeout` waits longer",
            ModelError::Status { status: 401 | 403, .. } => "put the key into the variable that `model.key_env` names",
            ModelError::Status { status: 404, .. } => "is `model.url` right up to `/v1`, and `model.name` known there?",
            ModelError::Truncated { .. } => "say less in one request, or use a model that thinks less",
            ModelError::Refused { .. } => "say it in other words, or write the file by hand (`opsc actions`)",
            _ => "is `model.url` an OpenAI-compatible endpoint?",
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Unreachable { url, reason } => write!(formatter, "no connection to {url}: {reason}"),
            ModelError::TimedOut { url, seconds } => write!(formatter, "no answer from {url} in {seconds}s"),
            ModelError::Status { url, status, said } => write!(formatter, "{url} answered {status}: {said}"),
            ModelError::NotJson { url, content_type } => {
                write!(formatter, "expected JSON from {url}, found content of type {content_type}")
            }
            ModelError::NoMessage { url } => write!(formatter, "the answer of {url} holds no message"),
            ModelError::Truncated { url } => write!(formatter, "the answer of {url} stops in the middle"),
            ModelError::TooLarge { url } => {
                write!(
                    formatter,
                    "the answer of {url} is larger than {}",
                    crate::base::words::size(LARGEST_ANSWER as u64)
                )
            }
            ModelError::Refused { rounds } => {
                write!(formatter, "the model wrote no program that the compiler accepts, in {rounds} attempts")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ModelError> {
        read_body(text, "u", "text/html")
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        let shown = |url: &str| {
            let (url, model) = (url.to_string(), String::new());
            Endpoint { url, model, key: None, timeout: Duration::ZERO }.shown_url()
        };
        assert_eq!(shown("https://me:s3cret@models.lan:8000/v1?key=s3cret#x"), "https://models.lan:8000/v1");
        assert_eq!(shown("http://127.0.0.1:8000/v1"), "http://127.0.0.1:8000/v1");
        assert_eq!(shown("http://u@h"), "http://h");
    }

    #[test]
    fn whole_and_streamed_answers_are_read() {
        assert_eq!(read(r#"{"choices":[{"message":{"content":"ops 1"}}]}"#).unwrap(), "ops 1");
        let streamed = "data: {\"choices\":[{\"delta\":{\"content\":\"ops\"}}]}\n\n\
                        data: {\"choices\":[{\"delta\":{\"content\":\" 1\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n";
        assert_eq!(read(streamed).unwrap(), "ops 1");
    }

    #[test]
    fn every_misbehaviour_has_a_name() {
        assert!(matches!(read("<html>"), Err(ModelError::NotJson { .. })));
        assert!(matches!(read("{}"), Err(ModelError::NoMessage { .. })));
        assert!(matches!(read(r#"{"choices":[{"message":{"content":null}}]}"#), Err(ModelError::NoMessage { .. })));
        let cut = r#"{"choices":[{"message":{"content":"ops 1"},"finish_reason":"length"}]}"#;
        assert!(matches!(read(cut), Err(ModelError::Truncated { .. })));
    }
}

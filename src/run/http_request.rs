//! The builtin `http.request`: one exchange from this machine, and whether the answer is one that was expected. Knows
//! nothing of what the answer means.

use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};

use super::builtins::Arguments;
use super::errors::StepError;
use super::fields;
use super::http::{self, ClientOptions, Redirects, Ways};
use crate::base::secret::Secret;
use crate::hir::value::Value;

/// The most of an answer's body that is kept.
const LARGEST_BODY: usize = 1 << 20;
/// The most of it that a failure shows.
const SHOWN: usize = 200;

/// What is hidden of a secret url by itself: see [`hide_parts`].
const SHORTEST_TOKEN: usize = 16;
const SHORTEST_PATH: usize = 8;

/// What a server said.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
    /// There was more than is kept.
    pub cut: bool,
    elapsed: u128,
}

pub async fn run(arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, StepError> {
    let exchange = Exchange::new(arguments, "url")?;
    let answer = exchange.ask(arguments, |client, url| build(arguments, client, url)).await?;
    exchange.judge(arguments, &answer)?;
    let mut told = vec![
        ("status".to_string(), answer.status.to_string()),
        ("elapsed".to_string(), format!("{}ms", answer.elapsed)),
    ];
    let declared = fields::declared(&arguments.prepared.action.result);
    if declared.iter().any(|field| field.name == "headers") {
        if answer.cut {
            return Err(exchange.failed(format!("the answer has more than {LARGEST_BODY} bytes")));
        }
        told.push(("headers".to_string(), header_lines(&answer)));
    }
    told.push(("body".to_string(), answer.body));
    Ok(told)
}

/// One url, as it is asked and as it is shown.
pub struct Exchange {
    url: Secret<String>,
    shown: String,
}

impl Exchange {
    pub fn new(arguments: &Arguments<'_>, param: &str) -> Result<Exchange, StepError> {
        let url = arguments.text(param)?.unwrap_or_default();
        let shown = match arguments.value(param).as_str() {
            Some(url) => url.to_string(),
            None => {
                hide_parts(arguments, &url);
                "(secret url)".to_string()
            }
        };
        Ok(Exchange { url, shown })
    }

    pub fn failed(&self, reason: String) -> StepError {
        StepError::Http { url: self.shown.clone(), reason }
    }

    pub async fn ask<Build>(&self, arguments: &Arguments<'_>, build: Build) -> Result<Answer, StepError>
    where
        Build: FnOnce(&reqwest::Client, reqwest::Url) -> Result<reqwest::RequestBuilder, StepError>,
    {
        let refuse = |error: reqwest::Error| self.failed(http::reason(&error));
        let redirects = match arguments.value("follow") {
            Value::Bool(false) => Redirects::Kept,
            _ if arguments.has_secrets() => Redirects::FollowedAtHome,
            _ => Redirects::Followed,
        };
        let options = ClientOptions {
            deadline: arguments.deadline,
            redirects,
            ca: arguments.file("ca").await?,
            ways: Ways::AsSet,
        };
        let client = http::client_with(&options).map_err(refuse)?;
        let mut url = reqwest::Url::parse(self.url.expose()).map_err(|error| self.failed(error.to_string()))?;
        let query = arguments.entries("query")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query.iter().map(|(name, value)| (name, value.expose())));
        }
        let started = Instant::now();
        let mut response = build(&client, url)?.send().await.map_err(refuse)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (mut body, mut cut) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await.map_err(refuse)? {
            let room = LARGEST_BODY.saturating_sub(body.len());
            cut = cut || chunk.len() > room;
            body.extend(chunk.iter().take(room));
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, headers, body, cut, elapsed: started.elapsed().as_millis() })
    }

    fn judge(&self, arguments: &Arguments<'_>, answer: &Answer) -> Result<(), StepError> {
        let expected = Expected::of(arguments.value("status"));
        if !expected.holds(answer.status) {
            let said = said(arguments, answer);
            let (url, expected, found) = (self.shown.clone(), expected.to_string(), answer.status);
            return Err(StepError::HttpStatus { url, expected, found, said });
        }
        match arguments.text("contains")? {
            Some(expected) if !answer.body.contains(expected.expose().as_str()) => {
                Err(StepError::HttpText { url: self.shown.clone(), expected: expected.expose().clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Of a secret url a server knows, and may give back, only what comes after its own name; or a part of that which is as long
/// as only a token is. Shorter ones are words, which would be taken out of every text.
fn hide_parts(arguments: &Arguments<'_>, url: &Secret<String>) {
    let url = url.expose();
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let Some(start) = rest.find(['/', '?']) else { return };
    let path = rest.get(start..).unwrap_or_default();
    let parts = path.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= SHORTEST_TOKEN);
    let whole = Some(path).filter(|path| path.len() >= SHORTEST_PATH);
    for part in parts.chain(whole) {
        arguments.context.hidden.add(Secret::new(part.to_string()));
    }
}

/// The beginning of a body that says more than a page would. Secrets go before anything is cut.
pub fn said(arguments: &Arguments<'_>, answer: &Answer) -> String {
    let is_page = answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        return String::new();
    }
    let clean = arguments.context.redactor().clean(&answer.body);
    let words: Vec<&str> = clean.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The statuses that are as they should be: those that are named, else all that mean success.
enum Expected {
    One(i64),
    Several(Vec<i64>),
    Success,
}

impl Expected {
    fn of(status: &Value) -> Expected {
        let code = |item: &Value| if let Value::Int(code) = item { Some(*code) } else { None };
        match status {
            Value::Int(code) => Expected::One(*code),
            Value::List(items) if !items.is_empty() => Expected::Several(items.iter().filter_map(code).collect()),
            _ => Expected::Success,
        }
    }

    fn holds(&self, status: u16) -> bool {
        match self {
            Expected::One(code) => *code == i64::from(status),
            Expected::Several(codes) => codes.contains(&i64::from(status)),
            Expected::Success => (200..300).contains(&status),
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::One(code) => write!(formatter, "{code}"),
            Expected::Several(codes) => {
                let codes: Vec<String> = codes.iter().map(i64::to_string).collect();
                formatter.write_str(&codes.join(" or "))
            }
            Expected::Success => formatter.write_str("200 to 299"),
        }
    }
}

fn build(
    arguments: &Arguments<'_>,
    client: &reqwest::Client,
    url: reqwest::Url,
) -> Result<reqwest::RequestBuilder, StepError> {
    let method = arguments.text("method")?.and_then(|method| method.expose().parse().ok());
    let request = client.request(method.unwrap_or(reqwest::Method::GET), url);
    let request = with_body(arguments, with_user(arguments, request)?)?;
    with_headers(arguments, request)
}

pub fn with_user(
    arguments: &Arguments<'_>,
    request: reqwest::RequestBuilder,
) -> Result<reqwest::RequestBuilder, StepError> {
    let Some(user) = arguments.text("user")? else { return Ok(request) };
    let password = arguments.text("password")?;
    Ok(request.basic_auth(user.expose(), password.as_ref().map(Secret::expose)))
}

/// Given headers take the place of those that come of themselves.
pub fn with_headers(
    arguments: &Arguments<'_>,
    mut request: reqwest::RequestBuilder,
) -> Result<reqwest::RequestBuilder, StepError> {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in arguments.entries("headers")? {
        let wrong = |what: &str| StepError::HttpHeader { name: name.clone(), what: what.to_string() };
        let key: HeaderName = name.parse().map_err(|_| wrong("this is no name of a header"))?;
        let mut value: HeaderValue = value
            .expose()
            .parse()
            .map_err(|_| wrong("its value has a line break or another letter that no header has"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    request = request.headers(headers);
    Ok(request)
}

/// `body` as it is, `json` with its type, or `form` as a browser sends one.
fn with_body(
    arguments: &Arguments<'_>,
    request: reqwest::RequestBuilder,
) -> Result<reqwest::RequestBuilder, StepError> {
    let form = arguments.entries("form")?;
    let bodies = (arguments.text("body")?, arguments.text("json")?, !form.is_empty());
    Ok(match bodies {
        (None, None, false) => request,
        (Some(body), None, false) => request.body(body.expose().clone()),
        (None, Some(json), false) => request.header(CONTENT_TYPE, "application/json").body(json.expose().clone()),
        (None, None, true) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(urlencoded(&form)),
        _ => return Err(StepError::HttpBodies),
    })
}

fn urlencoded(form: &[(String, Secret<String>)]) -> String {
    let Ok(mut url) = reqwest::Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form.iter().map(|(name, value)| (name, value.expose())));
    url.query().unwrap_or_default().to_string()
}

/// As the type `map` is reported. A cookie is a server's secret, so it is left out.
fn header_lines(answer: &Answer) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
        let text = String::from_utf8_lossy(value.as_bytes()).replace('\t', " ");
        match lines.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, known)) => *known = format!("{known}, {text}"),
            None => lines.push((name.to_string(), text)),
        }
    }
    lines.sort();
    lines.iter().map(|(name, text)| format!("{name}={text}\n")).collect()
}

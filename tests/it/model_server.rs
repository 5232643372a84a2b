//! An OpenAI-compatible endpoint that says what a test scripted, misbehaviour included; ends with the value.
//! Knows nothing of the language.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value as Json, json};

/// One answer of the server.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A message, as a server should send it.
    Say(String),
    /// A message that was cut at the token limit.
    Cut(String),
    /// A message in a stream, one event for each word.
    Stream(String),
    /// Whatever: status, content type, body.
    Raw(u16, &'static str, String),
    /// Nothing, with the connection open until the client goes.
    Silence,
    /// The connection is closed at once.
    Close,
}

pub(crate) struct ModelServer {
    port: u16,
    heard: Receiver<Heard>,
    ended: Arc<AtomicBool>,
}

/// One request as it came.
pub(crate) struct Heard {
    pub(crate) headers: String,
    pub(crate) body: Json,
}

impl ModelServer {
    /// Gives the replies in order; the last one again and again.
    pub(crate) fn start(replies: &[Reply]) -> ModelServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = channel();
        let server = ModelServer { port, heard, ended: Arc::new(AtomicBool::new(false)) };
        let (ended, replies) = (Arc::clone(&server.ended), replies.to_vec());
        std::thread::spawn(move || {
            let mut replies = replies.into_iter().peekable();
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let reply = replies.next().unwrap();
                if replies.peek().is_none() {
                    replies = vec![reply.clone()].into_iter().peekable();
                }
                serve(stream, &reply, &tell);
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// What came since the last look.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends; if nobody listens any more, it has ended already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(mut stream: TcpStream, reply: &Reply, tell: &Sender<Heard>) {
    let Some(request) = read_request(&stream) else { return };
    // The test may have ended.
    drop(tell.send(request));
    let (status, content_type, body) = match reply {
        Reply::Say(text) => (200, "application/json", message(text, "stop")),
        Reply::Cut(text) => (200, "application/json", message(text, "length")),
        Reply::Stream(text) => (200, "text/event-stream", events(text)),
        Reply::Raw(status, content_type, body) => (*status, *content_type, body.clone()),
        Reply::Silence => return wait_for_the_end(stream),
        Reply::Close => return,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A client that went away needs no answer.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn message(text: &str, reason: &str) -> String {
    json!({ "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": reason }] }).to_string()
}

fn events(text: &str) -> String {
    let event = |word: &str| format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": word } }] }));
    text.split_inclusive(' ').map(event).collect::<String>() + "data: [DONE]\n\n"
}

fn wait_for_the_end(mut stream: TcpStream) {
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
}

fn read_request(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut headers = String::new();
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 0 && line.trim() != "" {
        headers.push_str(&line.to_lowercase());
        line.clear();
    }
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { headers, body: serde_json::from_slice(&body).ok()? })
}

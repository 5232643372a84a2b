//! HTTP/1.1 on one connection, request after request; nothing is sent twice, and no answer is larger than it may be. Knows
//! nothing of what is in the bodies.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::error::WinrmError;
use super::tls;

/// An envelope is at most a third of this, and its sealed form hardly more.
const LARGEST: usize = 2 << 20;
pub(super) const PATH: &str = "/wsman";

pub(super) struct Http {
    sender: SendRequest<Full<Bytes>>,
    /// `HOST:PORT`.
    host: String,
}

/// What is posted.
pub(super) struct Post<'a> {
    pub(super) authorization: Option<&'a str>,
    pub(super) content_type: &'a str,
    pub(super) body: Vec<u8>,
    pub(super) patience: Duration,
}

pub(super) struct Answer {
    pub(super) status: u16,
    /// All of `WWW-Authenticate`.
    pub(super) offers: Vec<String>,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Http {
    pub(super) async fn open<S>(stream: S, host: String) -> Result<Http, WinrmError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a WinRM listener ended");
            }
        });
        Ok(Http { sender, host })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(super) async fn post(&mut self, post: Post<'_>) -> Result<Answer, WinrmError> {
        let silent = WinrmError::Silent { seconds: post.patience.as_secs() };
        timeout(post.patience, self.exchange(post)).await.map_err(|_| silent)?
    }

    async fn exchange(&mut self, post: Post<'_>) -> Result<Answer, WinrmError> {
        let mut request = Request::post(PATH)
            .header(HOST, &self.host)
            .header(USER_AGENT, concat!("opsc/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, post.content_type);
        if let Some(authorization) = post.authorization {
            let mut value = HeaderValue::from_str(authorization)
                .map_err(|error| WinrmError::NotHttp { reason: error.to_string() })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request
            .body(Full::new(Bytes::from(post.body)))
            .map_err(|error| WinrmError::NotHttp { reason: error.to_string() })?;
        self.sender.ready().await.map_err(|error| broken(&error))?;
        let response = self.sender.send_request(request).await.map_err(|error| broken(&error))?;
        read(response).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, WinrmError> {
    let status = response.status().as_u16();
    let offers = texts(response.headers(), &WWW_AUTHENTICATE);
    let content_type = texts(response.headers(), &CONTENT_TYPE).join("; ");
    let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|error| {
        match error.downcast_ref::<hyper::Error>() {
            Some(error) => broken(error),
            None => WinrmError::TooLarge { most: LARGEST },
        }
    })?;
    Ok(Answer { status, offers, content_type, body: body.to_bytes().to_vec() })
}

fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}

fn broken(error: &hyper::Error) -> WinrmError {
    // A host judges our certificate after the handshake is over for us.
    if let Some(alert) = alert(error) {
        return WinrmError::Alert { reason: tls::words_of(alert) };
    }
    if error.is_parse() {
        return WinrmError::NotHttp { reason: error.to_string() };
    }
    WinrmError::Ended { reason: error.to_string() }
}

fn alert(error: &hyper::Error) -> Option<&rustls::Error> {
    let cause = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?.get_ref()?;
    cause.downcast_ref().filter(|error| matches!(error, rustls::Error::AlertReceived(_)))
}

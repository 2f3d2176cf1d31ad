//! Receivers on this machine that print what they get, in place of Slack, a mail server and a
//! webhook's receiver.

use std::net::SocketAddr;

use axum::{Json, Router, extract::State, http::Uri};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

type Sender = mpsc::Sender<String>;

/// The receivers, and the messages they got.
pub struct Receivers {
    http: SocketAddr,
    smtp: SocketAddr,
    messages: mpsc::Receiver<String>,
}

impl Receivers {
    /// Starts them on the loopback interface.
    pub async fn start() -> anyhow::Result<Self> {
        let (sender, messages) = mpsc::channel(1000);
        let (http, smtp) = (listen(8025).await?, listen(2525).await?);
        let receivers = Self { http: http.local_addr()?, smtp: smtp.local_addr()?, messages };
        let router = Router::new().fallback(take).with_state(sender.clone());
        tokio::spawn(async move { axum::serve(http, router).await });
        tokio::spawn(async move {
            while let Ok((stream, _)) = smtp.accept().await {
                tokio::spawn(converse(stream, sender.clone()));
            }
        });
        Ok(receivers)
    }

    /// Where HTTP is received.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where mail is received.
    pub fn smtp_port(&self) -> u16 {
        self.smtp.port()
    }

    /// The next message.
    pub async fn next(&mut self) -> Option<String> {
        self.messages.recv().await
    }
}

/// The usual port, so that a second start finds what the first one declared; or a free one.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind("127.0.0.1:0").await,
    }
}

async fn take(State(sender): State<Sender>, uri: Uri, body: String) -> Json<Value> {
    let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
    let line = if uri.path().ends_with("chat.postMessage") {
        format!("[slack → {}] {}", shown(&parsed["channel"]), shown(&parsed["text"]))
    } else {
        format!("[webhook {}] {}: {}", uri.path(), shown(&parsed["type"]), shown(&parsed["alert"]["summary"]))
    };
    let _ = sender.send(line).await;
    Json(json!({"ok": true, "channel": parsed["channel"], "ts": "1.1"}))
}

fn shown(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

/// As much of SMTP (RFC 5321) as a mail needs.
async fn converse(stream: TcpStream, sender: Sender) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 callout demo\r\n").await?;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.trim_end().to_ascii_uppercase();
        if let Some(address) = verb.strip_prefix("RCPT TO:") {
            to = address.trim_matches(['<', '>', ' ']).to_lowercase();
        }
        if verb == "DATA" {
            stream.write_all(b"354 go ahead\r\n").await?;
            let subject = subject(&mut stream).await?;
            let _ = sender.send(format!("[mail → {to}] {subject}")).await;
        }
        let reply: &[u8] = if verb == "QUIT" { b"221 bye\r\n" } else { b"250 ok\r\n" };
        stream.write_all(reply).await?;
    }
}

/// Reads a mail up to its lone dot; gives its subject.
async fn subject(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut subject = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line.trim_end() == "." {
            return Ok(subject);
        }
        if let Some(text) = line.strip_prefix("Subject: ")
            && subject.is_empty()
        {
            subject = text.trim().to_owned();
        }
    }
}

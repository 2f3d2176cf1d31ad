//! A small SMTP server (RFC 5321) that remembers mails and answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::PATIENCE;

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub struct Mail {
    /// MAIL FROM, without the brackets.
    pub from: String,
    /// Every RCPT TO, without the brackets.
    pub to: Vec<String>,
    /// Headers and body.
    pub data: String,
}

impl Mail {
    /// A header's value, folded lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

#[derive(Debug)]
struct Shared {
    mails: Mutex<Vec<Mail>>,
    refusals: Mutex<VecDeque<String>>,
    count: watch::Sender<usize>,
}

/// An SMTP server on loopback.
#[derive(Debug)]
pub struct SmtpReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl SmtpReceiver {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let shared =
            Shared { mails: Mutex::default(), refusals: Mutex::default(), count: watch::Sender::new(0) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let receiver = Self { address, shared: Arc::new(shared), stop: CancellationToken::new() };
        receiver.accept(listener, receiver.stop.clone());
        receiver
    }

    /// Stops listening; new connections are refused until [`SmtpReceiver::listen_again`].
    pub fn stop_listening(&self) {
        self.stop.cancel();
    }

    /// Listens on the same port again.
    pub async fn listen_again(&mut self) {
        self.stop = CancellationToken::new();
        let listener = TcpListener::bind(self.address).await.expect("the port is free again");
        self.accept(listener, self.stop.clone());
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers the next mail's content with this line, such as "451 try later".
    pub fn refuse_next(&self, reply: &str) {
        self.shared.refusals.lock().expect("not poisoned").push_back(reply.to_owned());
    }

    /// What has arrived so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().expect("not poisoned").clone()
    }

    /// Waits until `count` mails have arrived in all, and gives them.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let mut changes = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, changes.wait_for(|have| *have >= count)).await;
        let mails = self.mails();
        assert!(arrived.is_ok(), "{} of {count} mails arrived: {mails:#?}", mails.len());
        mails
    }

    fn accept(&self, listener: TcpListener, stop: CancellationToken) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stop.run_until_cancelled(listener.accept()).await {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                tokio::spawn(async move { stop.run_until_cancelled(converse(stream, &shared)).await });
            }
        });
    }
}

impl Drop for SmtpReceiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 localhost ready\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.trim_end().to_ascii_uppercase();
        let reply = if verb.starts_with("EHLO") {
            "250-localhost\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned()
        } else if verb.starts_with("MAIL FROM:") {
            from = address(&line);
            "250 ok".to_owned()
        } else if verb.starts_with("RCPT TO:") {
            to.push(address(&line));
            "250 ok".to_owned()
        } else if verb == "DATA" {
            stream.write_all(b"354 go ahead\r\n").await?;
            let data = content(&mut stream).await?;
            accept(shared, Mail { from: std::mem::take(&mut from), to: std::mem::take(&mut to), data })
        } else if verb == "QUIT" {
            stream.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            "250 ok".to_owned()
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

/// Reads up to the lone dot, and takes the dots off that were put before others (RFC 5321, 4.5.2).
async fn content(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn accept(shared: &Shared, mail: Mail) -> String {
    if let Some(refusal) = shared.refusals.lock().expect("not poisoned").pop_front() {
        return refusal;
    }
    shared.mails.lock().expect("not poisoned").push(mail);
    shared.count.send_modify(|count| *count += 1);
    "250 queued".to_owned()
}

fn address(line: &str) -> String {
    let start = line.find('<').map_or(0, |at| at + 1);
    let end = line.find('>').unwrap_or(line.len());
    line[start..end].to_owned()
}

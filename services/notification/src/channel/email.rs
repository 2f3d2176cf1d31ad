//! E-mail by SMTP.
//!
//! Every mail of a subject refers to the same message id, and its Subject line stays the same while
//! the state changes in the body, so mail programs thread it. The Message-ID is the delivery's: a
//! mail that is sent again is the same mail.

use std::sync::Arc;

use async_trait::async_trait;
use callout_runtime::SharedClock;
use jiff::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart, header::MessageId},
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use moka::sync::Cache;
use uuid::Uuid;

use super::{
    ATTEMPT_TIMEOUT, Channel, Outcome, Parcel,
    configuration::{Configuration, Email as Settings, Security},
};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Connections by configuration; a changed one has new connections.
#[derive(Debug)]
pub struct Transports(Cache<(Uuid, Timestamp), Arc<Result<Transport, String>>>);

impl Default for Transports {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(1000).time_to_idle(std::time::Duration::from_secs(600)).build())
    }
}

impl Transports {
    /// The connections of a configuration.
    pub fn get(
        &self,
        configuration: Option<&Configuration>,
        settings: &Settings,
    ) -> Arc<Result<Transport, String>> {
        let key = configuration.map(|c| (c.id, c.updated_at)).unwrap_or((Uuid::nil(), Timestamp::UNIX_EPOCH));
        self.0.get_with(key, || Arc::new(transport(settings)))
    }
}

fn transport(settings: &Settings) -> Result<Transport, String> {
    let tls = || TlsParameters::new(settings.host.clone()).map_err(|error| error.to_string());
    let tls = match settings.security {
        Security::StartTls => Tls::Required(tls()?),
        Security::Tls => Tls::Wrapper(tls()?),
        Security::Plaintext => Tls::None,
    };
    let mut builder = Transport::builder_dangerous(&settings.host)
        .port(settings.port)
        .tls(tls)
        .timeout(Some(ATTEMPT_TIMEOUT))
        .pool_config(PoolConfig::new().max_size(8));
    if !settings.username.is_empty() {
        let credentials = Credentials::new(settings.username.clone(), settings.password.0.clone());
        builder = builder.credentials(credentials);
    }
    Ok(builder.build())
}

pub struct Email<'a> {
    pub transport: Arc<Result<Transport, String>>,
    pub settings: &'a Settings,
    pub clock: &'a SharedClock,
}

#[async_trait]
impl Channel for Email<'_> {
    async fn send(&self, parcel: &Parcel<'_>) -> Outcome {
        let transport = match self.transport.as_ref() {
            Ok(transport) => transport,
            Err(reason) => return Outcome::permanent(reason.clone()),
        };
        let message = match self.message(parcel) {
            Ok(message) => message,
            Err(reason) => return Outcome::permanent(reason),
        };
        match transport.send(message).await {
            Ok(response) => {
                let said: Vec<_> = response.message().collect();
                Outcome::Accepted { provider_id: said.join(" ").chars().take(200).collect() }
            }
            Err(error) => failure(&error),
        }
    }
}

impl Email<'_> {
    fn message(&self, parcel: &Parcel<'_>) -> Result<Message, String> {
        let address = if parcel.address.is_empty() { &self.settings.default_to } else { parcel.address };
        let mailbox =
            |text: &str| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is not an e-mail address"));
        let from = mailbox(&self.settings.from)?;
        let domain = from.email.domain().to_owned();
        let thread = format!("<{}@{domain}>", parcel.subject.replace(['/', ' ', '<', '>', '@'], "-"));
        let rendered = parcel.rendered;
        let builder = Message::builder()
            .from(from)
            .to(mailbox(address)?)
            .subject(rendered.subject.clone())
            .date(std::time::SystemTime::from(self.clock.now()))
            .header(MessageId::from(format!("<{}@{domain}>", parcel.delivery_id)))
            .references(thread.clone())
            .in_reply_to(thread);
        let (text, html) = (rendered.text.clone(), rendered.html.clone());
        let built = match (text.is_empty(), html.is_empty()) {
            (false, false) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            (true, false) => builder.singlepart(SinglePart::html(html)),
            _ => builder.singlepart(SinglePart::plain(text)),
        };
        built.map_err(|error| error.to_string())
    }
}

/// 4xx: not now; 5xx: never (RFC 5321, section 4.2.1). Without a connection nothing was sent; a
/// connection that breaks may break after the final dot.
fn failure(error: &lettre::transport::smtp::Error) -> Outcome {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let reason = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_permanent() || error.is_client() {
        return Outcome::permanent(format!("the mail server says {reason}"));
    }
    if error.is_transient() {
        return Outcome::not_processed(format!("the mail server says {reason}"));
    }
    let text = format!("{error}: {reason}").to_lowercase();
    if text.contains("connection error")
        || text.contains("refused")
        || text.contains("lookup")
        || error.is_tls()
    {
        return Outcome::not_processed(format!("no connection to the mail server: {reason}"));
    }
    Outcome::ambiguous(format!("the mail server did not answer: {reason}"))
}

//! Signed webhooks: Standard Webhooks 1.0.0.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! The id is the delivery's, so a receiver recognises a message that is sent again.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use callout_runtime::SharedClock;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::{
    Channel, Outcome, Parcel,
    configuration::{Secret, Webhook as Settings},
    http::Client,
};

const PREFIX: &str = "whsec_";

pub struct Webhook<'a> {
    pub http: &'a Client,
    pub settings: &'a Settings,
    pub clock: &'a SharedClock,
}

#[async_trait]
impl Channel for Webhook<'_> {
    async fn send(&self, parcel: &Parcel<'_>) -> Outcome {
        let url = if parcel.address.is_empty() { &self.settings.url } else { parcel.address };
        if url.is_empty() {
            return Outcome::permanent("neither the destination nor the channel names a URL");
        }
        let Some(key) = signing_key(&self.settings.signing_secret) else {
            return Outcome::permanent("the signing secret is malformed");
        };
        let (id, at) = (parcel.delivery_id.to_string(), self.clock.now().as_second().to_string());
        let signature = sign(&key, &id, &at, &parcel.rendered.body);
        let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
        let headers: HeaderMap = headers
            .into_iter()
            .filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
            })
            .collect();
        match self.http.post(url, headers, parcel.rendered.body.clone()).await {
            Err(outcome) => outcome,
            Ok(answer) if answer.status.is_success() => Outcome::Accepted { provider_id: String::new() },
            Ok(answer) => answer.failure(),
        }
    }
}

/// The key of a signing secret, if it is one.
pub fn signing_key(secret: &Secret) -> Option<Vec<u8>> {
    let key = BASE64_STANDARD.decode(secret.0.strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

/// A new signing secret.
pub fn generate_secret() -> Secret {
    Secret(format!("{PREFIX}{}", BASE64_STANDARD.encode(callout_runtime::secret::random_bytes::<32>())))
}

fn sign(key: &[u8], id: &str, at: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = signing_key(&Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(signing_key(&Secret("whsec_c2hvcnQ=".into())).is_none());
        assert!(signing_key(&generate_secret()).is_some());
    }
}

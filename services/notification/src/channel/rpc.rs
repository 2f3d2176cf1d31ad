//! `notification.v1.ChannelService`.

use callout_auth::{OrganizationId, Principal};
use callout_proto::notification::v1::{
    self as pb, channel_configuration::Settings as PbSettings, channel_service_server::ChannelService,
    email_settings::Security as PbSecurity,
};
use callout_store::{PageToken, new_id, page_size};
use jiff::Timestamp;
use tonic::{Request, Response, Status};
use url::Url;
use uuid::Uuid;

use super::{
    Outcome, Parcel,
    configuration::{Configuration, Email, Secret, Security, Settings, Slack, Webhook},
    store,
    webhook::generate_secret,
};
use crate::{
    error::{Error, Result},
    rendered::Kind,
    state::State,
    template::{builtin, render},
    wire::{id, kind_to_pb, to_pb},
};

const WHAT: &str = "channel";
const MUTABLE: [&str; 7] =
    ["name", "slack", "email", "webhook", "is_default", "rate_limit_per_second", "disabled"];

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl ChannelService for State {
    async fn create_channel(
        &self,
        request: Request<pb::CreateChannelRequest>,
    ) -> Answer<pb::ChannelConfiguration> {
        let organization = Principal::of(&request)?.organization.clone();
        let wanted = request.into_inner().channel.unwrap_or_default();
        let now = self.clock.now();
        let mut configuration = from_pb(wanted, None)?;
        (configuration.id, configuration.created_at, configuration.updated_at) = (new_id(now), now, now);
        let mut shown = None;
        if let Settings::Webhook(webhook) = &mut configuration.settings
            && webhook.signing_secret.is_empty()
        {
            webhook.signing_secret = generate_secret();
            shown = Some(webhook.signing_secret.0.clone());
        }
        self.save_channel(&organization, &configuration, true).await?;
        let mut answer = pb::ChannelConfiguration::from(configuration);
        if let (Some(secret), Some(PbSettings::Webhook(webhook))) = (shown, &mut answer.settings) {
            webhook.signing_secret = secret;
        }
        Ok(Response::new(answer))
    }

    async fn get_channel(&self, request: Request<pb::GetChannelRequest>) -> Answer<pb::ChannelConfiguration> {
        let organization = Principal::of(&request)?.organization.clone();
        Ok(Response::new(self.channel(&organization, &request.get_ref().channel_id).await?.into()))
    }

    async fn list_channels(
        &self,
        request: Request<pb::ListChannelsRequest>,
    ) -> Answer<pb::ListChannelsResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let after: Option<String> =
            PageToken::decode(&request.page_token, &request.name).map_err(|e| Error::page(&e))?;
        let (after, limit) = (after.unwrap_or_default(), i64::try_from(size + 1).unwrap_or(i64::MAX));
        let found =
            store::list(&self.db, &self.master_key, &organization, &after, &request.name, limit).await;
        let mut channels = found.map_err(Error::from)?;
        let more = channels.len() > size;
        channels.truncate(size);
        let last = channels.last().filter(|_| more);
        let next_page_token =
            last.map(|c| PageToken::encode(c.name.clone(), &request.name)).unwrap_or_default();
        let channels = channels.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListChannelsResponse { channels, next_page_token }))
    }

    async fn update_channel(
        &self,
        request: Request<pb::UpdateChannelRequest>,
    ) -> Answer<pb::ChannelConfiguration> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let paths = request.update_mask.map(|mask| mask.paths).filter(|paths| !paths.is_empty());
        if let Some(path) = paths.iter().flatten().find(|path| !MUTABLE.contains(&path.as_str())) {
            let reason = format!("`{path}` cannot be changed; there are {}", MUTABLE.join(", "));
            return Err(Error::invalid("update_mask", reason).into());
        }
        let has = |field: &str| paths.as_ref().is_none_or(|paths| paths.iter().any(|path| path == field));
        let mut wanted = request.channel.unwrap_or_default();
        let present = self.channel(&organization, &wanted.id).await?;
        let changes_settings =
            ["slack", "email", "webhook"].into_iter().any(&has) && wanted.settings.is_some();
        if !changes_settings {
            wanted.settings = pb::ChannelConfiguration::from(present.clone()).settings;
        }
        let new = from_pb(wanted, Some(&present.settings))?;
        let configuration = Configuration {
            name: if has("name") { new.name } else { present.name },
            settings: if changes_settings { new.settings } else { present.settings },
            is_default: if has("is_default") { new.is_default } else { present.is_default },
            rate_limit_milli: if has("rate_limit_per_second") {
                new.rate_limit_milli
            } else {
                present.rate_limit_milli
            },
            disabled: if has("disabled") { new.disabled } else { present.disabled },
            updated_at: self.clock.now(),
            ..present
        };
        self.save_channel(&organization, &configuration, false).await?;
        Ok(Response::new(configuration.into()))
    }

    async fn delete_channel(&self, request: Request<pb::DeleteChannelRequest>) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        let id = id(&request.get_ref().channel_id, WHAT)?;
        let mut tx = self.db.begin().await.map_err(Error::from)?;
        let deleted = store::delete(&mut tx, &organization, id).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        if deleted { Ok(Response::new(())) } else { Err(Error::NotFound(WHAT).into()) }
    }

    async fn test_channel(
        &self,
        request: Request<pb::TestChannelRequest>,
    ) -> Answer<pb::TestChannelResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let configuration = self.channel(&organization, &request.channel_id).await?;
        let outcome = self.send_test(&configuration, &request.address).await;
        let (number, detail) = match outcome {
            Outcome::Accepted { provider_id } => (1, provider_id),
            Outcome::NotProcessed { reason, .. } => (2, reason),
            Outcome::Ambiguous { reason } => (3, reason),
            Outcome::Permanent { reason } => (4, reason),
        };
        Ok(Response::new(pb::TestChannelResponse { accepted: number == 1, outcome: number, detail }))
    }
}

impl State {
    async fn channel(&self, organization: &OrganizationId, text: &str) -> Result<Configuration> {
        let found = store::get(&self.db, &self.master_key, organization, id(text, WHAT)?).await?;
        found.ok_or(Error::NotFound(WHAT))
    }

    async fn save_channel(
        &self,
        organization: &OrganizationId,
        c: &Configuration,
        is_new: bool,
    ) -> Result<()> {
        let violations = c.violations();
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let mut tx = self.db.begin().await?;
        let written = if is_new {
            store::insert(&mut tx, &self.master_key, organization, c).await
        } else {
            store::update(&mut tx, &self.master_key, organization, c).await
        };
        written.map_err(|error| {
            if error.is_conflict() {
                return Error::AlreadyExists("there is a channel of this name already".to_owned());
            }
            error.into()
        })?;
        Ok(tx.commit().await?)
    }

    async fn send_test(&self, configuration: &Configuration, address: &str) -> Outcome {
        let kind = configuration.settings.kind();
        let slack_channel = slack_address(configuration, address);
        let mut context = builtin::sample_context();
        context["alert"]["summary"] = "Test message of Callout: nothing is wrong".into();
        let rendered =
            render::render(&builtin::default().published, kind, &context, slack_channel.as_deref());
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(problem) => return Outcome::permanent(problem.to_string()),
        };
        let delivery_id = new_id(self.clock.now());
        let parcel = Parcel { delivery_id, subject: "test", address, rendered: &rendered };
        self.channels.send(kind, Some(configuration), &parcel).await
    }
}

/// Where a bot posts: the `channel` of chat.postMessage's body; `None` for incoming webhooks.
pub(crate) fn slack_address(configuration: &Configuration, address: &str) -> Option<String> {
    match &configuration.settings {
        Settings::Slack(slack) if !slack.bot_token.is_empty() && !super::slack::is_url(address) => {
            Some(if address.is_empty() { slack.default_channel.clone() } else { address.to_owned() })
        }
        _ => None,
    }
}

/// A configuration of a request; a secret that is left empty stays the present one.
fn from_pb(channel: pb::ChannelConfiguration, present: Option<&Settings>) -> Result<Configuration> {
    let settings = match channel.settings {
        Some(settings) => settings_from_pb(settings, present)?,
        None => return Err(no_settings(channel.channel)),
    };
    let milli = channel.rate_limit_per_second * 1000.0;
    if !(0.0..=1e9).contains(&milli) {
        return Err(Error::invalid("channel.rate_limit_per_second", "must be between 0 and 1000000"));
    }
    Ok(Configuration {
        id: Uuid::nil(),
        name: channel.name,
        settings,
        is_default: channel.is_default,
        rate_limit_milli: milli.round() as i64,
        disabled: channel.disabled,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}

fn no_settings(channel: i32) -> Error {
    match Kind::from_number(channel.into()) {
        Some(kind) if !kind.is_built() => Error::NotBuilt(kind.name()),
        _ => Error::invalid("channel.settings", "one of slack, email and webhook is needed"),
    }
}

fn settings_from_pb(settings: PbSettings, present: Option<&Settings>) -> Result<Settings> {
    Ok(match settings {
        PbSettings::Slack(new) => {
            let old = match present {
                Some(Settings::Slack(old)) => old.clone(),
                _ => Slack::default(),
            };
            let (webhook_url, bot_token) = (Secret(new.webhook_url), Secret(new.bot_token));
            // Changing from one way to the other drops the secret of the way that is left.
            let (webhook_url, bot_token) = match (webhook_url.is_empty(), bot_token.is_empty()) {
                (true, true) => (old.webhook_url, old.bot_token),
                _ => (webhook_url, bot_token),
            };
            let base = if new.api_base_url.is_empty() {
                "https://slack.com/api".to_owned()
            } else {
                new.api_base_url
            };
            Settings::Slack(Slack {
                webhook_url,
                bot_token,
                default_channel: new.default_channel,
                api_base_url: base,
            })
        }
        PbSettings::Email(new) => {
            let old = match present {
                Some(Settings::Email(old)) => old.password.clone(),
                _ => Secret::default(),
            };
            let (security, usual) = match new.security() {
                PbSecurity::Unspecified | PbSecurity::Starttls => (Security::StartTls, 587),
                PbSecurity::Tls => (Security::Tls, 465),
                PbSecurity::Plaintext => (Security::Plaintext, 25),
            };
            let port = u16::try_from(new.port)
                .map_err(|_| Error::invalid("channel.email.port", "must be 1 to 65535"))?;
            Settings::Email(Email {
                host: new.host,
                port: if port == 0 { usual } else { port },
                security,
                username: new.username,
                password: Secret(new.password).or(&old),
                from: new.from,
                default_to: new.default_to,
            })
        }
        PbSettings::Webhook(new) => {
            let old = match present {
                Some(Settings::Webhook(old)) => old.clone(),
                _ => Webhook { url: String::new(), signing_secret: Secret::default() },
            };
            // The URL is shown redacted: sent back like that, it stays as it is.
            let url = if new.url == redacted(&old.url) { old.url } else { new.url };
            Settings::Webhook(Webhook {
                url,
                signing_secret: Secret(new.signing_secret).or(&old.signing_secret),
            })
        }
    })
}

/// A URL without what may be secret in it.
fn redacted(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return String::new() };
    if url.query().is_some() {
        url.set_query(Some("redacted"));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user && (url.set_username("redacted").is_err() || url.set_password(None).is_err()) {
        return String::new();
    }
    url.to_string()
}

impl From<Configuration> for pb::ChannelConfiguration {
    fn from(configuration: Configuration) -> Self {
        let kind = configuration.settings.kind();
        Self {
            id: configuration.id.to_string(),
            name: configuration.name,
            channel: kind_to_pb(kind),
            settings: Some(configuration.settings.into()),
            is_default: configuration.is_default,
            rate_limit_per_second: configuration.rate_limit_milli as f64 / 1000.0,
            disabled: configuration.disabled,
            created_at: Some(to_pb(configuration.created_at)),
            updated_at: Some(to_pb(configuration.updated_at)),
        }
    }
}

impl From<Settings> for PbSettings {
    fn from(settings: Settings) -> Self {
        let set = |secrets: &[(&str, &Secret)]| {
            secrets.iter().filter(|(_, s)| !s.is_empty()).map(|(name, _)| (*name).to_owned()).collect()
        };
        match settings {
            Settings::Slack(slack) => Self::Slack(pb::SlackSettings {
                secrets_set: set(&[("webhook_url", &slack.webhook_url), ("bot_token", &slack.bot_token)]),
                default_channel: slack.default_channel,
                api_base_url: slack.api_base_url,
                ..Default::default()
            }),
            Settings::Email(email) => Self::Email(pb::EmailSettings {
                secrets_set: set(&[("password", &email.password)]),
                host: email.host,
                port: email.port.into(),
                security: email.security as i32,
                username: email.username,
                password: String::new(),
                from: email.from,
                default_to: email.default_to,
            }),
            Settings::Webhook(webhook) => Self::Webhook(pb::WebhookSettings {
                url: redacted(&webhook.url),
                signing_secret: String::new(),
                secrets_set: set(&[("signing_secret", &webhook.signing_secret)]),
            }),
        }
    }
}

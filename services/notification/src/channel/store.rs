//! Channel configurations in the database, their secrets encrypted.

use callout_auth::OrganizationId;
use callout_runtime::MasterKey;
use callout_store::{Db, Result, StoreError, Tx, micros, timestamp, with_db};
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    configuration::{Configuration, Email, Secret, Security, Settings, Slack, Webhook},
    secret,
};
use crate::rendered::Kind;

#[derive(FromRow)]
struct ChannelRow {
    id: Uuid,
    name: String,
    kind: i64,
    settings: String,
    secrets: Vec<u8>,
    is_default: bool,
    rate_limit_milli: i64,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl ChannelRow {
    fn open(self, organization: &OrganizationId, key: &MasterKey) -> Result<Configuration> {
        let corrupt = |what: &str| StoreError::corrupt("channels", format!("{}: {what}", self.id));
        let plain = secret::open(key, organization.as_str(), self.id, &self.secrets);
        let plain = plain.ok_or_else(|| corrupt("the secrets were sealed with another master key"))?;
        let secrets: Value = serde_json::from_slice(&plain).map_err(|_| corrupt("secrets"))?;
        let settings: Value = serde_json::from_str(&self.settings).map_err(|_| corrupt("settings"))?;
        let kind = Kind::from_number(self.kind).ok_or_else(|| corrupt("kind"))?;
        Ok(Configuration {
            id: self.id,
            settings: read(kind, &settings, &secrets).ok_or_else(|| corrupt("settings"))?,
            name: self.name,
            is_default: self.is_default,
            rate_limit_milli: self.rate_limit_milli,
            disabled: self.disabled,
            created_at: timestamp(self.created_at),
            updated_at: timestamp(self.updated_at),
        })
    }
}

/// Settings and secrets as they are kept, apart.
fn parts(settings: &Settings) -> (Value, Value) {
    match settings {
        Settings::Slack(s) => (
            json!({"default_channel": s.default_channel, "api_base_url": s.api_base_url}),
            json!({"webhook_url": s.webhook_url, "bot_token": s.bot_token}),
        ),
        Settings::Email(s) => (
            json!({
                "host": s.host, "port": s.port, "security": s.security, "username": s.username,
                "from": s.from, "default_to": s.default_to,
            }),
            json!({"password": s.password}),
        ),
        Settings::Webhook(s) => (json!({}), json!({"url": s.url, "signing_secret": s.signing_secret})),
    }
}

fn read(kind: Kind, settings: &Value, secrets: &Value) -> Option<Settings> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let secret = |name: &str| Secret(text(secrets, name));
    Some(match kind {
        Kind::Slack => Settings::Slack(Slack {
            webhook_url: secret("webhook_url"),
            bot_token: secret("bot_token"),
            default_channel: text(settings, "default_channel"),
            api_base_url: text(settings, "api_base_url"),
        }),
        Kind::Email => Settings::Email(Email {
            host: text(settings, "host"),
            port: u16::try_from(settings["port"].as_u64()?).ok()?,
            security: serde_json::from_value::<Security>(settings["security"].clone()).ok()?,
            username: text(settings, "username"),
            password: secret("password"),
            from: text(settings, "from"),
            default_to: text(settings, "default_to"),
        }),
        Kind::Webhook => {
            Settings::Webhook(Webhook { url: text(secrets, "url"), signing_secret: secret("signing_secret") })
        }
        Kind::Teams | Kind::Sms | Kind::Voice | Kind::Push => return None,
    })
}

const GET: &str = "SELECT * FROM channels WHERE organization_id = $1 AND id = $2";

/// One configuration.
pub async fn get(
    db: &Db,
    key: &MasterKey,
    organization: &OrganizationId,
    id: Uuid,
) -> Result<Option<Configuration>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, ChannelRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(|row| row.open(organization, key)).transpose()
}

const DEFAULT: &str = "SELECT * FROM channels WHERE organization_id = $1 AND kind = $2 AND NOT disabled \
     ORDER BY is_default DESC, updated_at DESC, id LIMIT 1";

/// The configuration for addresses of a kind that name none: the default one, or the newest.
pub async fn default_of(
    db: &Db,
    key: &MasterKey,
    organization: &OrganizationId,
    kind: Kind,
) -> Result<Option<Configuration>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, ChannelRow>(DEFAULT)
        .bind(organization.as_str())
        .bind(kind as i64)
        .fetch_optional(c))?;
    row.map(|row| row.open(organization, key)).transpose()
}

const LIST: &str = "SELECT * FROM channels WHERE organization_id = $1 AND name > $2 AND ($3 = '' OR name = $3) ORDER BY name LIMIT $4";

/// Configurations by name, after one.
pub async fn list(
    db: &Db,
    key: &MasterKey,
    organization: &OrganizationId,
    after: &str,
    name: &str,
    limit: i64,
) -> Result<Vec<Configuration>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, ChannelRow>(LIST)
        .bind(organization.as_str())
        .bind(after)
        .bind(name)
        .bind(limit)
        .fetch_all(c))?;
    rows.into_iter().map(|row| row.open(organization, key)).collect()
}

const INSERT: &str = "INSERT INTO channels (id, organization_id, name, kind, settings, secrets, is_default, \
     rate_limit_milli, disabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE: &str = "UPDATE channels SET name = $3, kind = $4, settings = $5, secrets = $6, is_default = $7, \
     rate_limit_milli = $8, disabled = $9, created_at = $10, updated_at = $11 WHERE id = $1 AND organization_id = $2";

/// Writes a new configuration.
pub async fn insert(
    tx: &mut Tx,
    key: &MasterKey,
    organization: &OrganizationId,
    c: &Configuration,
) -> Result<()> {
    write(tx, INSERT, key, organization, c).await
}

/// Writes a configuration's new state.
pub async fn update(
    tx: &mut Tx,
    key: &MasterKey,
    organization: &OrganizationId,
    c: &Configuration,
) -> Result<()> {
    write(tx, UPDATE, key, organization, c).await
}

async fn write(
    tx: &mut Tx,
    statement: &'static str,
    key: &MasterKey,
    organization: &OrganizationId,
    configuration: &Configuration,
) -> Result<()> {
    let (settings, secrets) = parts(&configuration.settings);
    let sealed = secret::seal(key, organization.as_str(), configuration.id, secrets.to_string().as_bytes());
    with_db!(tx, |c| async {
        let query = sqlx::query(statement).bind(configuration.id).bind(organization.as_str());
        let query = query.bind(&configuration.name).bind(configuration.settings.kind() as i64);
        let query = query.bind(settings.to_string()).bind(&sealed).bind(configuration.is_default);
        let query = query.bind(configuration.rate_limit_milli).bind(configuration.disabled);
        let query = query.bind(micros(configuration.created_at)).bind(micros(configuration.updated_at));
        query.execute(c).await.map(drop)
    })
}

const DELETE: &str = "DELETE FROM channels WHERE organization_id = $1 AND id = $2";

/// Deletes a configuration; false if there is none.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

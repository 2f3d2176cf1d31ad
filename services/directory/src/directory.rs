//! Users, teams and keys, and what can be asked about them.

use std::collections::BTreeMap;

use callout_auth::{KeyOwner, Role};
use jiff::Timestamp;
use serde::Deserialize;

/// All that the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// By id.
    pub organizations: BTreeMap<String, Organization>,
    /// The id of the one that stands first in the file.
    pub first: Option<String>,
}

/// One organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organization {
    /// What people call it.
    pub name: String,
    /// By id.
    pub users: BTreeMap<String, User>,
    /// By id.
    pub teams: BTreeMap<String, Team>,
    /// In the order of the file.
    pub api_keys: Vec<ApiKey>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their main e-mail address, or empty.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// IANA name, or empty.
    pub time_zone: String,
    /// Inactive users are never notified.
    pub active: bool,
    /// In their order of preference.
    pub contacts: Vec<Contact>,
}

/// One way to reach a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Unique within the user.
    pub id: String,
    /// What kind of address it is.
    pub channel: ContactChannel,
    /// The address.
    pub address: String,
    /// What the user calls it.
    pub label: String,
    /// Kept, never used.
    pub disabled: bool,
}

/// The longest address: as long as browsers take URLs.
const MAX_ADDRESS_BYTES: usize = 2048;

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactChannel {
    /// A Slack user or channel id, or an incoming webhook's URL.
    Slack,
    /// A Teams workflow's URL.
    Teams,
    /// An e-mail address.
    Email,
    /// A telephone number for text messages.
    Sms,
    /// A telephone number for calls.
    Voice,
    /// A push token.
    Push,
    /// A URL for signed webhooks.
    Webhook,
}

impl ContactChannel {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Push => "push",
            Self::Webhook => "webhook",
        }
    }

    /// Whether an address has the form its kind has; the reason if not.
    pub fn check_address(self, address: &str) -> Result<(), &'static str> {
        let is_url = address.starts_with("https://") || address.starts_with("http://");
        let is_number = address.len() >= 4
            && address.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        if address.len() > MAX_ADDRESS_BYTES {
            return Err("is longer than 2048 bytes");
        }
        let is_email =
            address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
                && !address.contains(char::is_whitespace);
        let (good, reason) = match self {
            Self::Email => (is_email, "is not an e-mail address"),
            Self::Sms | Self::Voice => (is_number, "must be a number in E.164 form, such as +4930901820"),
            Self::Teams | Self::Webhook => (is_url, "must be an http or https URL"),
            Self::Slack | Self::Push => (!address.is_empty(), "must not be empty"),
        };
        if good { Ok(()) } else { Err(reason) }
    }
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// User ids.
    pub members: Vec<String>,
}

/// An API key, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What histories call it.
    pub name: String,
    /// Lower-case hex of the key's SHA-256.
    pub sha256: String,
    /// What it may do.
    pub role: Role,
    /// The user it acts for.
    pub user_id: Option<String>,
    /// Refused from then on.
    pub expires: Option<Timestamp>,
}

impl Directory {
    /// The key with this hash and its organization, if it is good at `now`: not expired, and not
    /// that of a user who is inactive or gone.
    pub fn key(&self, sha256: &str, now: Timestamp) -> Option<(&str, &ApiKey)> {
        self.organizations.iter().find_map(|(id, organization)| {
            let key = organization.api_keys.iter().find(|key| key.sha256 == sha256)?;
            let is_active = |id: &String| organization.users.get(id).is_some_and(|user| user.active);
            let is_good =
                key.expires.is_none_or(|expires| now < expires) && key.user_id.as_ref().is_none_or(is_active);
            is_good.then_some((id.as_str(), key))
        })
    }

    /// Whose key has this hash, if it is good at `now`.
    pub fn key_owner(&self, sha256: &str, now: Timestamp) -> Option<KeyOwner> {
        let (organization, key) = self.key(sha256, now)?;
        Some(KeyOwner {
            organization: organization.into(),
            key_name: key.name.clone(),
            role: key.role,
            user_id: key.user_id.clone(),
        })
    }
}

impl Organization {
    /// The active members of a team, by id; `None` if there is no such team.
    pub fn team_members(&self, team_id: &str) -> Option<Vec<&User>> {
        let team = self.teams.get(team_id)?;
        let mut members: Vec<_> =
            team.members.iter().filter_map(|id| self.users.get(id)).filter(|user| user.active).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|a, b| a.id == b.id);
        Some(members)
    }
}

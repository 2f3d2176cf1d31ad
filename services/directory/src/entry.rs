//! What the file may say, before it is checked.

use callout_auth::Role;
use callout_runtime::yaml::Spanned;
use jiff::Timestamp;
use serde::Deserialize;

use crate::directory::ContactChannel;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) organizations: Vec<OrganizationEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationEntry {
    pub(crate) id: Spanned<String>,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) users: Vec<UserEntry>,
    #[serde(default)]
    pub(crate) teams: Vec<TeamEntry>,
    #[serde(default)]
    pub(crate) api_keys: Vec<ApiKeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserEntry {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<Spanned<String>>,
    #[serde(default = "member")]
    pub(crate) role: RoleEntry,
    pub(crate) time_zone: Option<Spanned<String>>,
    #[serde(default = "yes")]
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) contact_methods: Vec<ContactEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactEntry {
    pub(crate) id: Option<Spanned<String>>,
    pub(crate) channel: ContactChannel,
    pub(crate) address: Spanned<String>,
    #[serde(default)]
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamEntry {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) members: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) sha256: Spanned<String>,
    pub(crate) role: RoleEntry,
    pub(crate) user: Option<Spanned<String>>,
    pub(crate) expires: Option<Timestamp>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleEntry {
    Viewer,
    Member,
    Admin,
    Owner,
}

impl From<RoleEntry> for Role {
    fn from(role: RoleEntry) -> Self {
        match role {
            RoleEntry::Viewer => Self::Viewer,
            RoleEntry::Member => Self::Member,
            RoleEntry::Admin => Self::Admin,
            RoleEntry::Owner => Self::Owner,
        }
    }
}

fn member() -> RoleEntry {
    RoleEntry::Member
}

fn yes() -> bool {
    true
}

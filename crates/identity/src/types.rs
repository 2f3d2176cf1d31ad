//! What services want to know about people.

use callout_proto::identity::v1 as pb;

/// An answer of the identity service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<T> {
    /// The answer.
    pub value: T,
    /// It is the last-known copy: the identity service could not be asked.
    pub stale: bool,
}

/// Why something about a person is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The identity service says that it does not exist.
    #[error("the identity service does not know it")]
    NotFound,
    /// The identity service cannot be asked, and nothing is remembered.
    #[error("the identity service cannot be reached, and nothing is remembered")]
    Unavailable,
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
    /// IANA name, or empty.
    pub time_zone: String,
    /// Inactive users are never notified.
    pub active: bool,
}

/// A person and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contacts {
    /// The person.
    pub user: User,
    /// In their order of preference, those they switched off left out.
    pub methods: Vec<Contact>,
}

/// One way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// What kind of address it is.
    pub kind: ContactKind,
    /// The address.
    pub address: String,
}

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ContactKind {
    Slack,
    Teams,
    Email,
    Sms,
    Voice,
    Push,
    Webhook,
}

impl From<pb::User> for User {
    fn from(user: pb::User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            time_zone: user.time_zone,
            active: user.active,
        }
    }
}

impl From<pb::GetUserContactMethodsResponse> for Contacts {
    fn from(response: pb::GetUserContactMethodsResponse) -> Self {
        let methods = response.contact_methods.into_iter().filter(|method| !method.disabled);
        Self {
            user: response.user.unwrap_or_default().into(),
            methods: methods
                .filter_map(|method| Some(Contact { kind: kind(method.channel())?, address: method.address }))
                .collect(),
        }
    }
}

fn kind(channel: pb::ContactChannel) -> Option<ContactKind> {
    Some(match channel {
        pb::ContactChannel::Unspecified => return None,
        pb::ContactChannel::ContactSlack => ContactKind::Slack,
        pb::ContactChannel::ContactTeams => ContactKind::Teams,
        pb::ContactChannel::ContactEmail => ContactKind::Email,
        pb::ContactChannel::ContactSms => ContactKind::Sms,
        pb::ContactChannel::ContactVoice => ContactKind::Voice,
        pb::ContactChannel::ContactPush => ContactKind::Push,
        pb::ContactChannel::ContactWebhook => ContactKind::Webhook,
    })
}

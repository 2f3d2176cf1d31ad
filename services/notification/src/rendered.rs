//! What is sent.

use serde::{Deserialize, Serialize};

/// A kind of channel. The numbers are those of the wire and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Slack = 1,
    Teams = 2,
    Email = 3,
    Sms = 4,
    Voice = 5,
    Push = 6,
    Webhook = 7,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Slack, Self::Teams, Self::Email, Self::Sms, Self::Voice, Self::Push, Self::Webhook];

    /// The kind with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        ["SLACK", "TEAMS", "EMAIL", "SMS", "VOICE", "PUSH", "WEBHOOK"][self as usize - 1]
    }

    /// Whether Callout can send on it.
    pub fn is_built(self) -> bool {
        matches!(self, Self::Slack | Self::Email | Self::Webhook)
    }
}

/// A rendered message, byte for byte what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The channel it is for.
    pub kind: Kind,
    /// E-mail: the subject line.
    pub subject: String,
    /// E-mail: the text part. SMS: the message. Slack: the fall-back text.
    pub text: String,
    /// E-mail: the HTML part.
    pub html: String,
    /// Slack, Teams and webhook: the HTTP body.
    pub body: String,
}

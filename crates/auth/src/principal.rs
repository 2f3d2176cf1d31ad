//! The caller.

use std::{fmt, sync::Arc};

use callout_proto::{access::v1::Access, identity::v1 as pb};
use tonic::{Request, Status};

/// An organization's id, as the identity service gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganizationId(Arc<str>);

impl OrganizationId {
    /// An id from its text.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for OrganizationId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for OrganizationId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

/// What a caller may do in its organization; each role may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees.
    Viewer,
    /// Acts on alerts.
    Member,
    /// Changes configuration.
    Admin,
    /// Owns the organization.
    Owner,
}

impl Role {
    /// The role on the wire, or `None` if it is not stated.
    pub fn from_pb(role: pb::Role) -> Option<Self> {
        match role {
            pb::Role::Unspecified => None,
            pb::Role::Viewer => Some(Self::Viewer),
            pb::Role::Member => Some(Self::Member),
            pb::Role::Admin => Some(Self::Admin),
            pb::Role::Owner => Some(Self::Owner),
        }
    }

    /// The wire's word for the role.
    pub fn to_pb(self) -> pb::Role {
        match self {
            Self::Viewer => pb::Role::Viewer,
            Self::Member => pb::Role::Member,
            Self::Admin => pb::Role::Admin,
            Self::Owner => pb::Role::Owner,
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person, by user id.
    User(String),
    /// A machine, by the name of its API key.
    Key(String),
    /// One of Callout's own services.
    Peer,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// All it can see.
    pub organization: OrganizationId,
    /// Who it is.
    pub subject: Subject,
    /// What it may do; not looked at for a peer, which may do everything.
    pub role: Role,
}

impl Principal {
    /// The caller of a request that came through the auth layer.
    pub fn of<T>(request: &Request<T>) -> Result<&Self, Status> {
        request.extensions().get().ok_or_else(|| Status::unauthenticated("no credentials"))
    }

    /// The name histories show: a user id, the name of a key, or "callout".
    pub fn actor(&self) -> &str {
        match &self.subject {
            Subject::User(id) => id,
            Subject::Key(name) => name,
            Subject::Peer => "callout",
        }
    }

    /// The user acting, if it is one.
    pub fn user_id(&self) -> Option<&str> {
        match &self.subject {
            Subject::User(id) => Some(id),
            Subject::Key(_) | Subject::Peer => None,
        }
    }

    /// Whether the caller may call an RPC that needs `access`.
    pub fn may(&self, access: Access) -> bool {
        if self.subject == Subject::Peer {
            return access != Access::Unspecified;
        }
        match access {
            Access::Unspecified | Access::Peer => false,
            Access::View => true,
            Access::Respond => self.role >= Role::Member,
            Access::Configure => self.role >= Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_table_says() {
        let may = |role, access| {
            Principal { organization: "o".into(), subject: Subject::Key("k".into()), role }.may(access)
        };
        let table = [
            (Role::Viewer, [true, false, false]),
            (Role::Member, [true, true, false]),
            (Role::Admin, [true, true, true]),
            (Role::Owner, [true, true, true]),
        ];
        for (role, [view, respond, configure]) in table {
            assert_eq!(may(role, Access::View), view);
            assert_eq!(may(role, Access::Respond), respond);
            assert_eq!(may(role, Access::Configure), configure);
            assert!(!may(role, Access::Peer));
            assert!(!may(role, Access::Unspecified));
        }
    }
}

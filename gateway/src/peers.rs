//! The services behind the gateway.

use callout_runtime::Peer;

/// The services behind the gateway. Whatever credentials of its own a peer carries are taken
/// off: the gateway passes on the caller's and nothing else.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Serves `identity.v1`.
    pub identity: Peer,
    /// Serves `alerting.v1`, webhooks and action links.
    pub alerting: Peer,
    /// Serves `notification.v1`.
    pub notification: Peer,
}

/// A peer and its name, for messages and logs.
#[derive(Debug, Clone)]
pub(crate) struct NamedPeer {
    pub(crate) name: &'static str,
    pub(crate) peer: Peer,
}

impl Peers {
    pub(crate) fn without_credentials(self) -> Self {
        Self {
            identity: self.identity.without_credentials(),
            alerting: self.alerting.without_credentials(),
            notification: self.notification.without_credentials(),
        }
    }

    /// The peer that serves a proto package.
    pub(crate) fn owner(&self, package: &str) -> Option<NamedPeer> {
        match package {
            "identity.v1" => Some(NamedPeer { name: "identity", peer: self.identity.clone() }),
            "alerting.v1" => Some(NamedPeer { name: "alerting", peer: self.alerting.clone() }),
            "notification.v1" => Some(NamedPeer { name: "notification", peer: self.notification.clone() }),
            _ => None,
        }
    }

    /// The peer that serves the service of a gRPC path such as `/alerting.v1.AlertService/GetAlert`.
    pub(crate) fn owner_of_rpc(&self, path: &str) -> Option<NamedPeer> {
        let (service, _) = path.strip_prefix('/')?.split_once('/')?;
        self.owner_of_service(service)
    }

    /// The peer that serves a service such as `alerting.v1.AlertService`.
    pub(crate) fn owner_of_service(&self, service: &str) -> Option<NamedPeer> {
        self.owner(service.rsplit_once('.')?.0)
    }
}

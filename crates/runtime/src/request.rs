//! Requests from one of Callout's services to another.

use std::time::Duration;

use tonic::{Request, metadata::MetadataValue};

use crate::peer::ORGANIZATION_HEADER;

/// How long one service waits for another before it takes it for unavailable.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(10);

/// A request made on an organization's behalf, with a deadline.
pub fn on_behalf_of<T>(organization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PEER_TIMEOUT);
    if let Ok(value) = MetadataValue::try_from(organization) {
        request.metadata_mut().insert(ORGANIZATION_HEADER, value);
    }
    request
}

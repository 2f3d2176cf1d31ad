//! Acting on an alert by a link in a message.

mod link;
mod page;

pub use link::{ActionLinks, Claim, LinkError};
pub use page::router;

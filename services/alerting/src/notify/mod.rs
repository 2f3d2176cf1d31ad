//! What alerting tells notification: who shall hear what about an alert.

mod context;
mod handler;
mod message;

pub use context::{StepContext, render_context};
pub use handler::NotificationHandler;
pub use message::{acknowledged, channel, close_message, page, resolved, subject};

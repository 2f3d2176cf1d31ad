//! What a service is to the program that runs it.

use std::sync::Arc;

use axum::Router;

use crate::worker::{Wake, Worker};

/// A built service: what it answers, and what it does by itself.
pub struct Service {
    /// Its name, such as "alerting".
    pub name: &'static str,
    /// gRPC and plain HTTP on one router, every layer included.
    pub router: Router,
    /// Loops to be run for as long as the program runs.
    pub workers: Vec<(Arc<dyn Worker>, Wake)>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let workers: Vec<_> = self.workers.iter().map(|(worker, _)| worker.name()).collect();
        f.debug_struct("Service").field("name", &self.name).field("workers", &workers).finish_non_exhaustive()
    }
}

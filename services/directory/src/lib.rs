//! A stand-in identity service that serves `identity.v1` from a file.
//!
//! For installations that have no identity service yet, for demonstrations and for tests. The
//! file is read at start and again when it changes; a file with an error is refused with its
//! place, and what was read last stays in force. Keys stand in it as SHA-256 only.

mod directory;
mod entry;
mod file;
mod rpc;
mod watch;

use std::{path::PathBuf, sync::Arc};

use callout_auth::AuthLayer;
use callout_runtime::{MasterKey, Service, SharedClock, Wake};
use serde::{Deserialize, Serialize};
use tonic::service::Routes;

pub use directory::{ApiKey, Contact, ContactChannel, Directory, Organization, Team, User};
pub use file::read;
pub use watch::LoadError;

use crate::{rpc::DirectoryRpc, watch::Current};

/// How the directory is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryConfig {
    /// The file with users, teams and keys.
    pub file: PathBuf,
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self { file: PathBuf::from("directory.yaml") }
    }
}

/// A key that the program gives besides those of the file, such as the first admin's.
#[derive(Debug, Clone)]
pub struct BootstrapKey {
    /// The organization it is for; the file's first one if `None`.
    pub organization: Option<String>,
    /// The key.
    pub key: ApiKey,
}

/// Reads the file and builds the service.
pub async fn build(
    config: &DirectoryConfig,
    bootstrap: Vec<BootstrapKey>,
    master_key: &MasterKey,
    clock: SharedClock,
) -> Result<Service, LoadError> {
    let current = Arc::new(Current::load(&config.file, bootstrap, clock)?);
    let rpc = DirectoryRpc::new(Arc::clone(&current));
    let auth = AuthLayer::new(Arc::clone(&current) as _, master_key);
    let mut routes = Routes::builder();
    rpc.add_to(&mut routes);
    let router = callout_runtime::grpc::router(routes, &rpc::NAMES).await;
    Ok(Service { name: "directory", router: router.route_layer(auth), workers: vec![(current, Wake::new())] })
}

//! The file as it was last read, and the loop that reads it again.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use callout_auth::{KeyLookup, KeyOwner, LookupError};
use callout_runtime::{
    Next, SharedClock, Worker, WorkerError,
    yaml::{MAX_BYTES, YamlError},
};
use jiff::Timestamp;

use crate::{BootstrapKey, Directory, read};

/// Why a directory file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It says something wrong.
    #[error("{}", .errors.iter().map(|error| format!("{path}: {error}")).collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// The file.
        path: String,
        /// What, and where.
        errors: Vec<YamlError>,
    },
}

/// What is in force.
#[derive(Debug)]
pub struct Current {
    path: PathBuf,
    bootstrap: Vec<BootstrapKey>,
    clock: SharedClock,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    /// What the file said when it was last looked at; `None` if it could not be read.
    text: Option<String>,
    directory: Arc<Directory>,
}

impl Current {
    /// Reads the file for the first time; an error then is final.
    pub fn load(path: &Path, bootstrap: Vec<BootstrapKey>, clock: SharedClock) -> Result<Self, LoadError> {
        let text = read_file(path)?;
        let directory = Arc::new(with_bootstrap(parse(path, &text)?, &bootstrap));
        Ok(Self {
            path: path.to_owned(),
            bootstrap,
            clock,
            state: RwLock::new(State { text: Some(text), directory }),
        })
    }

    /// The directory as it is now.
    pub fn get(&self) -> Arc<Directory> {
        Arc::clone(&self.state.read().expect("no holder of the lock panics").directory)
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the file again if it says something new. What is wrong with it is reported once;
    /// what was in force stays.
    fn reload(&self) -> Result<(), LoadError> {
        let text = read_file(&self.path);
        let said = text.as_ref().ok();
        if self.state.read().expect("no holder of the lock panics").text.as_ref() == said {
            return Ok(());
        }
        let said = said.cloned();
        let parsed = text.and_then(|text| parse(&self.path, &text));
        let mut state = self.state.write().expect("no holder of the lock panics");
        state.text = said;
        state.directory = Arc::new(with_bootstrap(parsed?, &self.bootstrap));
        tracing::info!(file = %self.path.display(), "directory read again");
        Ok(())
    }
}

#[async_trait]
impl Worker for Current {
    fn name(&self) -> &'static str {
        "directory file"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn run_once(&self, _: Timestamp) -> Result<Next, WorkerError> {
        self.reload()?;
        Ok(Next::WhenWoken)
    }
}

#[async_trait]
impl KeyLookup for Current {
    async fn lookup(&self, key_sha256: &str) -> Result<Option<KeyOwner>, LookupError> {
        Ok(self.get().key_owner(key_sha256, self.now()))
    }
}

/// Reads no more than it takes to see that the file is too large.
fn read_file(path: &Path) -> Result<String, LoadError> {
    let mut text = String::new();
    let limit = MAX_BYTES as u64 + 1;
    fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|source| LoadError::Read { path: path.display().to_string(), source })?;
    Ok(text)
}

fn parse(path: &Path, text: &str) -> Result<Directory, LoadError> {
    read(text).map_err(|errors| LoadError::Invalid { path: path.display().to_string(), errors })
}

fn with_bootstrap(mut directory: Directory, bootstrap: &[BootstrapKey]) -> Directory {
    for BootstrapKey { organization, key } in bootstrap {
        let id =
            organization.clone().or_else(|| directory.first.clone()).unwrap_or_else(|| "default".to_owned());
        directory.organizations.entry(id).or_default().api_keys.push(key.clone());
    }
    directory
}

#[cfg(test)]
mod tests {
    use callout_auth::Role;
    use callout_runtime::SystemClock;

    use super::*;
    use crate::ApiKey;

    #[tokio::test]
    async fn a_changed_file_is_read_again_and_a_broken_one_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("directory.yaml");
        fs::write(&path, "organizations: [{id: acme, users: [{id: alice}]}]").unwrap();
        let key = ApiKey {
            name: "admin".into(),
            sha256: "a".repeat(64),
            role: Role::Owner,
            user_id: None,
            expires: None,
        };
        let bootstrap = vec![BootstrapKey { organization: None, key }];
        let current = Current::load(&path, bootstrap, SystemClock::shared()).unwrap();
        let users = || current.get().organizations["acme"].users.keys().cloned().collect::<Vec<_>>();
        assert_eq!(users(), ["alice"]);

        fs::write(&path, "organizations: [{id: acme, users: [{id: alice}, {id: bob}]}]").unwrap();
        current.run_once(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(users(), ["alice", "bob"]);

        fs::write(&path, "organizations: [{id: acme, users: [{id: 'a b'}]}]").unwrap();
        let error = current.run_once(Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(error.to_string().contains("directory.yaml: line 1"), "{error}");
        assert_eq!(users(), ["alice", "bob"]);
        assert!(current.run_once(Timestamp::UNIX_EPOCH).await.is_ok(), "the same error is reported once");

        fs::remove_file(&path).unwrap();
        assert!(current.run_once(Timestamp::UNIX_EPOCH).await.is_err());
        assert!(current.run_once(Timestamp::UNIX_EPOCH).await.is_ok());
        assert_eq!(users(), ["alice", "bob"]);
        fs::write(&path, "organizations: [{id: acme, users: [{id: eve}]}, {id: aaa}]").unwrap();
        current.run_once(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(users(), ["eve"]);
        let owner = current.lookup(&"a".repeat(64)).await.unwrap().unwrap();
        assert_eq!((owner.organization.as_str(), owner.role), ("acme", Role::Owner));
    }
}

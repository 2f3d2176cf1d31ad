//! The installation's master key and what is derived from it.
//!
//! One secret is configured; each use has its own key, so that a leak of one says nothing about
//! another (HMAC-SHA-256 as the derivation, RFC 5869's expand step with one block).

use std::{fmt, fs, io, path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

/// 32 secret bytes. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct MasterKey(Arc<[u8; 32]>);

/// Why a master key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not the base64 of 32 bytes.
    #[error("the master key must be the base64 of 32 bytes (make one with `openssl rand -base64 32`)")]
    Malformed,
    /// The key file could not be read or written.
    #[error("master key file {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl MasterKey {
    /// A key made of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(bytes))
    }

    /// Reads the base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self::from_bytes(bytes.try_into().map_err(|_| MasterKeyError::Malformed)?))
    }

    /// Reads the key file, or makes one (mode 0600) if there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.display().to_string(), source };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = random_bytes();
                write_private(path, &BASE64_STANDARD.encode(bytes)).map_err(failed)?;
                Ok(Self::from_bytes(bytes))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The key for one use. The same label gives the same key, on every node.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes any key length");
        mac.update(label.as_bytes());
        mac.update(&[1]);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

/// Bytes that nobody can guess.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Writes a file that only its owner can read (mode 0600), all or nothing.
pub fn write_private(path: &Path, content: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let temporary = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        let first = MasterKey::load_or_create(&path).unwrap();
        let second = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(first.derive("x"), second.derive("x"));
        assert_ne!(first.derive("x"), first.derive("y"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(matches!(MasterKey::parse("c2hvcnQ="), Err(MasterKeyError::Malformed)));
        assert_eq!(format!("{:?}", MasterKey::from_bytes([7; 32])), "MasterKey(redacted)");
    }
}

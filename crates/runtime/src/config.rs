//! Layered configuration: defaults, then a TOML file, then `CALLOUT_…` in the environment,
//! then flags.
//!
//! Each topic is one serde struct that refuses unknown keys. In the environment a double
//! underscore goes one level down: `CALLOUT_ALERTING__PUBLIC_URL` sets `alerting.public_url`.

use std::path::Path;

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Serialize, de::DeserializeOwned};

/// Why a configuration cannot be used; says the key and where it was set.
#[derive(Debug, thiserror::Error)]
#[error("the configuration")]
pub struct ConfigError(#[source] Box<figment::Error>);

/// The effective configuration. `flags` are those that were given, as a map or struct with
/// everything else left out.
pub fn load<T>(defaults: &T, file: Option<&Path>, flags: impl Serialize) -> Result<T, ConfigError>
where
    T: Serialize + DeserializeOwned,
{
    let mut figment = Figment::from(Serialized::defaults(defaults));
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    figment
        .merge(Env::prefixed("CALLOUT_").split("__"))
        .merge(Serialized::defaults(flags))
        .extract()
        .map_err(|error| ConfigError(Box::new(error)))
}

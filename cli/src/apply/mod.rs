//! `callout apply`: makes things as a file declares them, by name, over REST.

mod client;
mod difference;
mod file;
mod plan;

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::Args;

pub use client::Client;

use crate::cli::say;

/// Arguments of `callout apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// A YAML file; may be given several times.
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where Callout is.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub server: String,
    /// The file with the API key.
    #[arg(long, default_value = "callout-data/admin.key", value_name = "FILE")]
    pub key_file: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `callout apply`.
pub async fn run(apply: Apply) -> anyhow::Result<()> {
    let key = fs::read_to_string(&apply.key_file)
        .with_context(|| format!("cannot read the API key from {}", apply.key_file.display()))?;
    let client = Client::new(&apply.server, key.trim())?;
    for path in &apply.files {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        text_of(&client, &name, &text, apply.dry_run).await?;
    }
    Ok(())
}

/// Applies one file's text, and says what changed.
pub async fn text_of(client: &Client, name: &str, text: &str, dry_run: bool) -> anyhow::Result<()> {
    let declared: file::File =
        callout_runtime::yaml::parse(text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let mut plan = plan::Plan::new(client, name, dry_run);
    plan.apply(declared).await?;
    say(plan.summary());
    Ok(())
}

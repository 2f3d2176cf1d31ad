//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{apply, config, demo, run};

/// On-call alerting: gets a problem to the person on call, and does not let go until somebody acts.
#[derive(Debug, Parser)]
#[command(name = "callout", version, about, long_about = None)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything in one process, on embedded SQLite unless a database is named.
    #[command(
        after_help = "Examples:\n  callout up --demo\n  callout up --data-dir /var/lib/callout --listen 0.0.0.0:8080 --public-url https://callout.example.com\n  callout up --database-url postgres://callout@db/callout --directory people.yaml"
    )]
    Up(Up),
    /// Runs the alerting service: who must know, and when.
    #[command(after_help = "Example:\n  callout alerting --listen 0.0.0.0:7001 --config callout.toml")]
    Alerting(Serve),
    /// Runs the notification service: how they are told.
    #[command(after_help = "Example:\n  callout notification --listen 0.0.0.0:7002 --config callout.toml")]
    Notification(Serve),
    /// Runs the gateway: REST and gRPC over the services.
    #[command(after_help = "Example:\n  callout gateway --listen 0.0.0.0:8080 --config callout.toml")]
    Gateway(Serve),
    /// Runs the directory: users, teams and keys from a file.
    #[command(after_help = "Example:\n  callout directory --listen 0.0.0.0:7003 --directory people.yaml")]
    Directory(Serve),
    /// Makes services, rules, schedules, policies, templates and channels as a file declares them.
    #[command(
        after_help = "Examples:\n  callout apply -f callout.yaml --dry-run\n  callout apply -f channels.yaml -f services.yaml --server https://callout.example.com --key-file admin.key"
    )]
    Apply(apply::Apply),
    /// Shows an alert's whole way on this terminal: sent, paged, acknowledged, resolved.
    #[command(after_help = "Example:\n  callout demo")]
    Demo,
    /// Prints the effective configuration, secrets redacted.
    #[command(
        after_help = "Example:\n  CALLOUT_ALERTING__PUBLIC_URL=https://callout.example.com callout config"
    )]
    Config(Common),
    /// Makes an API key; prints it and the entry for the directory file.
    #[command(after_help = "Example:\n  callout key --name ci --role member")]
    Key(Key),
    /// Prints a completion script for a shell.
    #[command(after_help = "Example:\n  callout completions bash > /etc/bash_completion.d/callout")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What every service takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// A TOML file with the configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the data is kept: postgres://… or sqlite:DIRECTORY.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// The file with users, teams and API keys.
    #[arg(long, value_name = "FILE")]
    pub directory: Option<PathBuf>,
    /// Where people reach Callout: the beginning of the links in messages.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// A network that is not public and may be sent to all the same; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub allow_network: Vec<String>,
    /// Serve Prometheus metrics on this address.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Args)]
pub struct Up {
    #[command(flatten)]
    pub common: Common,
    /// Where keys and, unless a database is named, the data are kept.
    #[arg(long, value_name = "DIRECTORY", default_value = "callout-data")]
    pub data_dir: PathBuf,
    /// The address to serve on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Also set up an example, with receivers whose messages are printed.
    #[arg(long)]
    pub demo: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Serve {
    #[command(flatten)]
    pub common: Common,
    /// The address to serve on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7001")]
    pub listen: SocketAddr,
}

#[derive(Debug, Args)]
struct Key {
    /// What histories call it.
    #[arg(long)]
    name: String,
    /// viewer, member, admin or owner.
    #[arg(long, default_value = "member")]
    role: String,
}

impl Common {
    /// The flags that were given, in the configuration's form.
    pub fn flags(&self) -> Value {
        let mut flags = Map::new();
        let mut set = |topic: &str, key: &str, value: Value| {
            let topic = flags.entry(topic.to_owned()).or_insert_with(|| json!({}));
            topic[key] = value;
        };
        if let Some(url) = &self.database_url {
            set("database", "url", json!(url));
        }
        if let Some(file) = &self.directory {
            set("directory", "file", json!(file));
        }
        if let Some(url) = &self.public_url {
            set("alerting", "public_url", json!(url));
        }
        if !self.allow_network.is_empty() {
            set("notification", "allowed_networks", json!(self.allow_network));
        }
        if let Some(address) = self.metrics_listen {
            set("telemetry", "metrics_listen", json!(address));
        }
        Value::Object(flags)
    }
}

/// Prints a line for people.
pub fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    // A closed pipe is not worth dying for.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Does what the arguments say.
pub async fn dispatch(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Up(up) => run::up(up).await,
        Command::Alerting(serve) => run::alerting(serve).await,
        Command::Notification(serve) => run::notification(serve).await,
        Command::Gateway(serve) => run::gateway(serve).await,
        Command::Directory(serve) => run::directory(serve).await,
        Command::Apply(apply) => apply::run(apply).await,
        Command::Demo => demo::run().await,
        Command::Config(common) => print_config(&common),
        Command::Key(key) => print_key(&key),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "callout", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn print_config(common: &Common) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Shown(Value);
    let mut shown = serde_json::to_value(config::load(common)?)?;
    for secret in ["/master_key", "/database/url"] {
        if let Some(value) = shown.pointer_mut(secret)
            && let Some(text) = value.as_str()
        {
            *value = json!(redacted(text));
        }
    }
    say(serde_json::to_string_pretty(&Shown(shown).0)?);
    Ok(())
}

/// A URL without its credentials; anything else not at all.
fn redacted(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://redacted@{host}"),
        _ if text.contains(':') || text.is_empty() => text.to_owned(),
        _ => "redacted".to_owned(),
    }
}

fn print_key(key: &Key) -> anyhow::Result<()> {
    anyhow::ensure!(
        ["viewer", "member", "admin", "owner"].contains(&key.role.as_str()),
        "--role must be viewer, member, admin or owner"
    );
    let secret = callout_auth::generate_api_key();
    say(format_args!("key: {secret}"));
    say("entry for the directory file, under api_keys:");
    let hash = callout_auth::key_sha256(&secret);
    say(format_args!("  - {{name: {}, role: {}, sha256: {hash}}}", key.name, key.role));
    Ok(())
}

//! Running services, alone or together.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::Context;
use axum::{Router, routing::get};
use callout_auth::{Role, generate_api_key, key_sha256};
use callout_directory::{ApiKey, BootstrapKey};
use callout_gateway::Peers;
use callout_runtime::{
    MasterKey, Peer, Service, SharedClock, SystemClock, secret::write_private, server, telemetry, worker,
};
use callout_store::Db;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{Common, Serve, Up, say},
    config::{self, Config},
    demo,
};

/// A directory for an installation that has none yet.
const FIRST_DIRECTORY: &str = "\
# Users, teams and API keys. Changes are read within two seconds; see docs/directory.md.
organizations:
  - id: default
    name: Default
    users: []
    teams: []
    api_keys: []
";

/// What runs until shutdown.
struct Running {
    clock: SharedClock,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    fn new() -> Self {
        let shutdown = CancellationToken::new();
        let asked = shutdown.clone();
        tokio::spawn(async move {
            wait_for_signal().await;
            asked.cancel();
        });
        Self { clock: SystemClock::shared(), shutdown, tasks: TaskTracker::new() }
    }

    /// Runs a service's workers.
    fn work(&self, service: Service) -> Router {
        for (worker, wake) in service.workers {
            self.tasks.spawn(worker::run(worker, wake, self.clock.clone(), self.shutdown.clone()));
        }
        service.router
    }

    /// Serves until shutdown, then waits for the workers.
    async fn serve(self, listener: tokio::net::TcpListener, router: Router) -> anyhow::Result<()> {
        server::serve(listener, router, self.shutdown.clone()).await?;
        self.tasks.close();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), self.tasks.wait()).await;
        Ok(())
    }
}

/// Runs everything in one process.
pub async fn up(up: Up) -> anyhow::Result<()> {
    let mut config = config::load(&up.common)?;
    let receivers = if up.demo { Some(demo::Receivers::start().await?) } else { None };
    prepare(&up, &mut config, receivers.as_ref())?;
    start_telemetry(&config).await?;
    let master_key = if config.master_key.is_empty() {
        MasterKey::load_or_create(&up.data_dir.join("master.key"))?
    } else {
        config.master_key()?
    };
    let (admin_key, is_new) = admin_key(&up.data_dir)?;
    let listener =
        server::bind(up.listen).await.with_context(|| format!("cannot listen on {}", up.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    if up.common.public_url.is_none() && config.alerting.public_url == Config::default().alerting.public_url {
        config.alerting.public_url = url.clone();
    }
    let running = Running::new();
    let router = everything(&config, &running, &master_key, &admin_key).await?;
    let shutdown = running.shutdown.clone();
    let serving = tokio::spawn(running.serve(listener, router));
    say(format_args!("ready {url}"));
    if is_new {
        let file = up.data_dir.join("admin.key");
        say(format_args!("The first admin API key is in {} (only its owner can read it).", file.display()));
    }
    if let Some(receivers) = receivers {
        demo::set_up(&url, &admin_key, &receivers).await?;
        demo::print_messages(receivers, shutdown);
    }
    serving.await?
}

/// Builds all services and the gateway over them.
async fn everything(
    config: &Config,
    running: &Running,
    master_key: &MasterKey,
    admin_key: &str,
) -> anyhow::Result<Router> {
    let bootstrap = BootstrapKey {
        organization: None,
        key: ApiKey {
            name: "admin".to_owned(),
            sha256: key_sha256(admin_key),
            role: Role::Owner,
            user_id: None,
            expires: None,
        },
    };
    let directory =
        callout_directory::build(&config.directory, vec![bootstrap], master_key, running.clock.clone())
            .await?;
    let identity = Peer::near(running.work(directory));
    let notification = Peer::near(build_notification(config, running, master_key, identity.clone()).await?);
    let alerting =
        build_alerting(config, running, master_key, identity.clone(), notification.clone()).await?;
    let peers = Peers { identity, alerting: Peer::near(alerting), notification };
    Ok(callout_gateway::build(config.gateway.clone(), peers)?)
}

async fn build_notification(
    config: &Config,
    running: &Running,
    master_key: &MasterKey,
    identity: Peer,
) -> anyhow::Result<Router> {
    let with = callout_notification::Dependencies {
        db: Db::open(&config.database, &callout_notification::migrations()).await?,
        clock: running.clock.clone(),
        master_key: master_key.clone(),
        identity,
    };
    Ok(running.work(callout_notification::build(&config.notification, with).await))
}

async fn build_alerting(
    config: &Config,
    running: &Running,
    master_key: &MasterKey,
    identity: Peer,
    notification: Peer,
) -> anyhow::Result<Router> {
    let with = callout_alerting::Dependencies {
        db: Db::open(&config.database, &callout_alerting::migrations()).await?,
        clock: running.clock.clone(),
        master_key: master_key.clone(),
        identity,
        notification,
    };
    Ok(running.work(callout_alerting::build(&config.alerting, with).await))
}

/// Runs alerting by itself.
pub async fn alerting(serve: Serve) -> anyhow::Result<()> {
    let (config, running) = begin(&serve.common).await?;
    let (identity, notification) =
        (Peer::far(&config.peers.identity)?, Peer::far(&config.peers.notification)?);
    let router = build_alerting(&config, &running, &config.master_key()?, identity, notification).await?;
    finish(running, serve.listen, router).await
}

/// Runs notification by itself.
pub async fn notification(serve: Serve) -> anyhow::Result<()> {
    let (config, running) = begin(&serve.common).await?;
    let identity = Peer::far(&config.peers.identity)?;
    let router = build_notification(&config, &running, &config.master_key()?, identity).await?;
    finish(running, serve.listen, router).await
}

/// Runs the gateway by itself.
pub async fn gateway(serve: Serve) -> anyhow::Result<()> {
    let (config, running) = begin(&serve.common).await?;
    let peers = Peers {
        identity: Peer::far(&config.peers.identity)?,
        alerting: Peer::far(&config.peers.alerting)?,
        notification: Peer::far(&config.peers.notification)?,
    };
    finish(running, serve.listen, callout_gateway::build(config.gateway, peers)?).await
}

/// Runs the directory by itself.
pub async fn directory(serve: Serve) -> anyhow::Result<()> {
    let (config, running) = begin(&serve.common).await?;
    let clock = running.clock.clone();
    let service =
        callout_directory::build(&config.directory, Vec::new(), &config.master_key()?, clock).await?;
    let router = running.work(service);
    finish(running, serve.listen, router).await
}

async fn begin(common: &Common) -> anyhow::Result<(Config, Running)> {
    let config = config::load(common)?;
    start_telemetry(&config).await?;
    Ok((config, Running::new()))
}

async fn finish(running: Running, listen: SocketAddr, router: Router) -> anyhow::Result<()> {
    let listener = server::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    say(format_args!("ready http://{}", listener.local_addr()?));
    running.serve(listener, router).await
}

/// Fills in what depends on the data directory, and makes it.
fn prepare(up: &Up, config: &mut Config, receivers: Option<&demo::Receivers>) -> anyhow::Result<()> {
    fs::create_dir_all(&up.data_dir).with_context(|| format!("cannot make {}", up.data_dir.display()))?;
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&up.data_dir, fs::Permissions::from_mode(0o700))?;
    }
    let defaults = Config::default();
    if config.database.url == defaults.database.url {
        config.database.url = format!("sqlite:{}", up.data_dir.display());
    }
    if config.directory.file == defaults.directory.file {
        config.directory.file = up.data_dir.join("directory.yaml");
        let file = &config.directory.file;
        match receivers {
            Some(receivers) => write_private(file, &demo::directory(receivers))?,
            None if !file.exists() => write_private(file, FIRST_DIRECTORY)?,
            None => {}
        }
    }
    if up.demo {
        config.notification.allowed_networks.push("127.0.0.0/8".parse()?);
    }
    Ok(())
}

/// The first admin's key: made once, and whether it was made now.
fn admin_key(data_dir: &Path) -> anyhow::Result<(String, bool)> {
    let file = data_dir.join("admin.key");
    match fs::read_to_string(&file) {
        Ok(key) => Ok((key.trim().to_owned(), false)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = generate_api_key();
            write_private(&file, &format!("{key}\n"))?;
            Ok((key, true))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

async fn start_telemetry(config: &Config) -> anyhow::Result<()> {
    telemetry::start_logging(&config.telemetry.log, config.telemetry.log_format);
    let Some(address) = config.telemetry.metrics_listen else { return Ok(()) };
    let handle = telemetry::start_metrics()?;
    let listener = server::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let router = Router::new().route("/metrics", get(move || std::future::ready(handle.render())));
    tokio::spawn(server::serve(listener, router, CancellationToken::new()));
    Ok(())
}

async fn wait_for_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

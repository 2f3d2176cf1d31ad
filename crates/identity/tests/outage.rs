//! What is known while the identity service is down, on both databases.

#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of a test for no test")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use callout_auth::{KeyLookup, LookupError, Role, key_sha256};
use callout_directory::{ApiKey, BootstrapKey, DirectoryConfig};
use callout_identity::{IdentityClient, IdentityError, POSTGRES_TABLE, Refresher, SQLITE_TABLE, User};
use callout_runtime::{Clock, MasterKey, Peer, Worker};
use callout_store::{
    Migrations,
    sqlx::{
        SqlSafeStr,
        migrate::{Migration, MigrationType, Migrator},
    },
    with_db,
};
use callout_testkit::{ManualClock, databases};
use jiff::SignedDuration;
use tonic::Status;

const FILE: &str = "
organizations:
  - id: acme
    users:
      - {id: alice, contact_methods: [{channel: email, address: alice@example.com}]}
      - {id: bob, contact_methods: [{channel: email, address: bob@example.com}]}
    teams: [{id: sre, members: [alice, bob]}]
";

fn migrations() -> Migrations {
    let migrator = |sql: &'static str| {
        let mut migrator = Migrator::DEFAULT;
        migrator.migrations =
            vec![Migration::new(1, "cache".into(), MigrationType::Simple, sql.into_sql_str(), false)].into();
        migrator
    };
    Migrations { schema: "identity", postgres: migrator(POSTGRES_TABLE), sqlite: migrator(SQLITE_TABLE) }
}

/// A directory whose connection can be cut.
async fn directory(master_key: &MasterKey, clock: &ManualClock) -> switch::Switch {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("directory.yaml");
    std::fs::write(&file, FILE).unwrap();
    let key = ApiKey {
        name: "ci".into(),
        sha256: key_sha256("secret"),
        role: Role::Member,
        user_id: None,
        expires: None,
    };
    let bootstrap = vec![BootstrapKey { organization: None, key }];
    let service =
        callout_directory::build(&DirectoryConfig { file }, bootstrap, master_key, Arc::new(clock.clone()))
            .await
            .unwrap();
    switch::serve(service).await
}

/// Serves the directory on a real socket that can be closed and opened again.
mod switch {
    use callout_runtime::{Service, server};
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    pub struct Switch {
        pub address: std::net::SocketAddr,
        service: Service,
        running: Option<(CancellationToken, tokio::task::JoinHandle<std::io::Result<()>>)>,
    }

    pub async fn serve(service: Service) -> Switch {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut switch = Switch { address, service, running: None };
        switch.start(listener);
        switch
    }

    impl Switch {
        fn start(&mut self, listener: TcpListener) {
            let stop = CancellationToken::new();
            let task = tokio::spawn(server::serve(listener, self.service.router.clone(), stop.clone()));
            self.running = Some((stop, task));
        }

        pub async fn off(&mut self) {
            let (stop, task) = self.running.take().unwrap();
            stop.cancel();
            task.await.unwrap().unwrap();
        }

        pub async fn on(&mut self) {
            self.start(TcpListener::bind(self.address).await.unwrap());
        }
    }
}

#[tokio::test]
async fn the_last_known_copy_stands_in_while_identity_is_down() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        let master_key = MasterKey::from_bytes([1; 32]);
        let mut identity = directory(&master_key, &clock).await;
        let peer = Peer::far(&format!("http://{}", identity.address)).unwrap().trusted(&master_key);
        let client = |db| IdentityClient::new(peer.clone(), db, Arc::new(clock.clone()));

        let alive = client(db.clone());
        let contacts = alive.contacts("acme", "alice").await.unwrap();
        assert_eq!(
            (contacts.value.methods[0].address.as_str(), contacts.stale),
            ("alice@example.com", false)
        );
        assert_eq!(alive.contacts("acme", "eve").await, Err(IdentityError::NotFound));
        assert_eq!(alive.contacts("globex", "alice").await, Err(IdentityError::NotFound));
        let owner = alive.lookup(&key_sha256("secret")).await.unwrap().unwrap();
        assert_eq!((owner.organization.as_str(), owner.role), ("acme", Role::Member));
        assert!(alive.lookup(&key_sha256("guess")).await.unwrap().is_none());
        // Bob and the team were never asked for: the refresher has heard of them all the same.
        Refresher::new(alive).run_once(jiff::Timestamp::UNIX_EPOCH).await.unwrap();

        identity.off().await;
        clock.advance(SignedDuration::from_mins(10));
        // A new client is what a restarted node has: nothing in memory.
        let alone = client(db.clone());
        let contacts = alone.contacts("acme", "bob").await.unwrap();
        assert_eq!((contacts.value.methods[0].address.as_str(), contacts.stale), ("bob@example.com", true));
        assert_eq!(alone.team_members("acme", "sre").await.unwrap().value.len(), 2, "{}", database.kind);
        assert_eq!(alone.contacts("acme", "carol").await, Err(IdentityError::Unavailable));
        assert!(alone.lookup(&key_sha256("secret")).await.unwrap().is_some());
        assert!(matches!(alone.lookup(&key_sha256("guess")).await, Err(LookupError::Unavailable)));

        clock.advance(SignedDuration::from_hours(24));
        assert!(matches!(alone.lookup(&key_sha256("secret")).await, Err(LookupError::Unavailable)));

        identity.on().await;
        clock.advance(SignedDuration::from_secs(2));
        assert!(!alone.contacts("acme", "alice").await.unwrap().stale);
    }
}

#[tokio::test]
async fn an_organization_known_by_its_keys_only_has_copies_of_everybody() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        let master_key = MasterKey::from_bytes([1; 32]);
        let mut identity = directory(&master_key, &clock).await;
        let peer = Peer::far(&format!("http://{}", identity.address)).unwrap().trusted(&master_key);
        let client = IdentityClient::new(peer, db.clone(), Arc::new(clock.clone()));
        let ids = ["bob", "nobody", "alice"].map(str::to_owned);

        client.lookup(&key_sha256("secret")).await.unwrap().unwrap();
        Refresher::new(client.clone()).run_once(clock.now()).await.unwrap();
        clock.advance(SignedDuration::from_mins(1));
        let users = client.users("acme", &ids).await.unwrap();
        assert_eq!((names(&users.value), users.stale), (vec!["bob", "alice"], false), "{}", database.kind);

        identity.off().await;
        let users = client.users("acme", &ids).await.unwrap();
        assert_eq!((names(&users.value), users.stale), (vec!["bob", "alice"], true), "{}", database.kind);
        assert_eq!(client.users("acme", &ids[1..2]).await, Err(IdentityError::Unavailable));
        // A refresh that finds nobody loses nothing.
        Refresher::new(client.clone()).run_once(clock.now()).await.unwrap();
        assert!(client.contacts("acme", "bob").await.unwrap().stale);
        // A day later the key is good no more, and nothing of it is kept.
        let tomorrow = clock.advance(SignedDuration::from_hours(25));
        Refresher::new(client.clone()).run_once(tomorrow).await.unwrap();
        let keys = "SELECT count(*) FROM identity_cache WHERE kind = 'api-key'";
        let kept = with_db!(db, |c| sqlx::query_scalar::<_, i64>(keys).fetch_one(c)).unwrap();
        assert_eq!(kept, 0, "{}", database.kind);
    }
}

fn names(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.id.as_str()).collect()
}

/// An identity service that takes as long as a caller waits, and then does not answer.
fn hanging(clock: &ManualClock, asked: &Arc<AtomicUsize>) -> Peer {
    let (clock, asked) = (clock.clone(), Arc::clone(asked));
    Peer::near(axum::Router::new().fallback(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        clock.advance(SignedDuration::from_secs(2));
        async { Status::deadline_exceeded("too slow").into_http::<axum::body::Body>() }
    }))
}

#[tokio::test]
async fn an_identity_service_that_hangs_is_left_alone_for_a_second() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        let asked = Arc::new(AtomicUsize::new(0));
        let client = IdentityClient::new(hanging(&clock, &asked), db, Arc::new(clock.clone()));
        let times_asked = async || {
            assert_eq!(client.contacts("acme", "alice").await, Err(IdentityError::Unavailable));
            asked.load(Ordering::SeqCst)
        };
        assert_eq!(times_asked().await, 1);
        assert_eq!(times_asked().await, 1, "a burst is not slowed by time-outs");
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(times_asked().await, 2, "it is tried again");
    }
}

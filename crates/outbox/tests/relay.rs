//! The outbox on both databases: nothing is lost, nothing is handed over by two at once.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use callout_outbox::{
    Handler, Message, Outcome, POSTGRES_TABLES, Relay, SQLITE_TABLES, Trouble, append, waiting,
};
use callout_runtime::{Clock, Next, Worker};
use callout_store::{
    Db, Migrations, Result, Tx, new_id,
    sqlx::migrate::{Migration, MigrationType, Migrator},
};
use callout_testkit::{ManualClock, databases};
use jiff::{SignedDuration, Timestamp};

fn migrations() -> Migrations {
    let migrator = |sql: &'static str| {
        let mut migrator = Migrator::DEFAULT;
        migrator.migrations = vec![Migration::new(
            1,
            "outbox".into(),
            MigrationType::Simple,
            sqlx::SqlSafeStr::into_sql_str(sql),
            false,
        )]
        .into();
        migrator
    };
    Migrations { schema: "outbox", postgres: migrator(POSTGRES_TABLES), sqlite: migrator(SQLITE_TABLES) }
}

/// Remembers what it was handed; answers with what it was told to.
struct Recorder {
    delivered: Mutex<Vec<String>>,
    troubles: Mutex<Vec<Trouble>>,
    outcome: Mutex<Outcome>,
    attempts: AtomicUsize,
}

impl Recorder {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            delivered: Mutex::default(),
            troubles: Mutex::default(),
            outcome: Mutex::new(Outcome::Done),
            attempts: AtomicUsize::new(0),
        })
    }

    fn answers(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap() = outcome;
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn deliver(&self, message: &Message) -> Outcome {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let outcome = self.outcome.lock().unwrap().clone();
        if outcome == Outcome::Done {
            self.delivered.lock().unwrap().push(message.subject.clone());
        }
        outcome
    }

    async fn trouble(&self, _: &mut Tx, _: &Message, trouble: &Trouble, _: Timestamp) -> Result<()> {
        self.troubles.lock().unwrap().push(trouble.clone());
        Ok(())
    }
}

async fn plan(db: &Db, now: Timestamp, count: usize) {
    let messages: Vec<_> = (0..count)
        .map(|number| Message {
            id: new_id(now),
            organization: "acme".into(),
            topic: "test".into(),
            subject: format!("subject-{number}"),
            payload: vec![1, 2, 3],
            created_at: now,
            attempts: 0,
        })
        .collect();
    let mut tx = db.begin().await.unwrap();
    append(&mut tx, &messages).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn two_relays_hand_each_message_over_once() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        plan(&db, clock.now(), 600).await;
        let recorder = Recorder::new();
        let (one, two) = (Relay::new(db.clone(), recorder.clone()), Relay::new(db.clone(), recorder.clone()));
        while waiting(&db).await.unwrap().0 > 0 {
            let (a, b) = tokio::join!(one.run_once(clock.now()), two.run_once(clock.now()));
            a.unwrap();
            b.unwrap();
        }
        let mut delivered = recorder.delivered.lock().unwrap().clone();
        delivered.sort();
        delivered.dedup();
        assert_eq!(
            (delivered.len(), recorder.attempts.load(Ordering::SeqCst)),
            (600, 600),
            "{}",
            database.kind
        );
        assert_eq!(waiting(&db).await.unwrap(), (0, None));
    }
}

#[tokio::test]
async fn what_does_not_get_through_waits_and_says_why() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        plan(&db, clock.now(), 1).await;
        let recorder = Recorder::new();
        let relay = Relay::new(db.clone(), recorder.clone());

        recorder.answers(Outcome::Retry("nobody answers".into()));
        relay.run_once(clock.now()).await.unwrap();
        let Next::At(due) = relay.run_once(clock.now()).await.unwrap() else { panic!("something waits") };
        assert!(due > clock.now() && due <= clock.now() + SignedDuration::from_secs(1));
        relay.run_once(clock.advance(SignedDuration::from_secs(1))).await.unwrap();
        let repeated: Vec<_> = recorder.troubles.lock().unwrap().iter().map(|t| t.repeated).collect();
        assert_eq!(repeated, [false, true], "{}", database.kind);

        recorder.answers(Outcome::Done);
        relay.run_once(clock.advance(SignedDuration::from_secs(2))).await.unwrap();
        assert_eq!(*recorder.delivered.lock().unwrap(), ["subject-0"]);
        assert_eq!(waiting(&db).await.unwrap(), (0, None));
    }
}

#[tokio::test]
async fn what_is_refused_is_kept_aside() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        plan(&db, clock.now(), 2).await;
        let recorder = Recorder::new();
        recorder.answers(Outcome::Refused("no such channel".into()));
        Relay::new(db.clone(), recorder.clone()).run_once(clock.now()).await.unwrap();
        assert_eq!(recorder.troubles.lock().unwrap().len(), 2);
        assert_eq!(waiting(&db).await.unwrap(), (0, None));
        let dead = callout_store::with_db!(&db, |c| sqlx::query_scalar::<_, i64>(
            "SELECT COUNT(*) FROM outbox_dead WHERE error = 'no such channel'"
        )
        .fetch_one(c))
        .unwrap();
        assert_eq!(dead, 2, "{}", database.kind);
    }
}

/// Dies while it hands a message over: it never answers.
struct Mortal(tokio::sync::Notify);

#[async_trait]
impl Handler for Mortal {
    async fn deliver(&self, _: &Message) -> Outcome {
        self.0.notify_one();
        std::future::pending().await
    }

    async fn trouble(&self, _: &mut Tx, _: &Message, _: &Trouble, _: Timestamp) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_dead_node_had_taken_is_handed_over_by_another() {
    for database in databases().await {
        let db = database.open(&migrations()).await;
        let clock = ManualClock::at("2026-03-02T09:00:00Z");
        plan(&db, clock.now(), 1).await;
        let mortal = Arc::new(Mortal(tokio::sync::Notify::new()));
        let dying = Relay::new(db.clone(), mortal.clone());
        tokio::select! {
            _ = dying.run_once(clock.now()) => panic!("it never answers"),
            () = mortal.0.notified() => {}
        }
        let recorder = Recorder::new();
        let relay = Relay::new(db.clone(), recorder.clone());
        relay.run_once(clock.advance(SignedDuration::from_secs(19))).await.unwrap();
        assert_eq!(recorder.attempts.load(Ordering::SeqCst), 0, "the lease holds");
        relay.run_once(clock.advance(SignedDuration::from_secs(2))).await.unwrap();
        assert_eq!(recorder.delivered.lock().unwrap().len(), 1, "{}", database.kind);
    }
}

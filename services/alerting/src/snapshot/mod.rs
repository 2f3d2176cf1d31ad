//! An organization's configuration as this node last read it.
//!
//! Ingest and escalation need services, rules, policies and schedules for every alert. They are
//! kept in memory, compiled, and each use asks the database for one number: the version that every
//! configuration change raises in its own transaction. So no replica decides by configuration
//! older than the moment it asked.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use callout_auth::OrganizationId;
use callout_store::{Db, Either, Result, Tx, with_db};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    catalog::{self, Service},
    escalation::policy::{self, Policy},
    routing::{self, CompiledRules},
    schedule::{self, Schedule},
};

/// An organization's configuration at one version.
#[derive(Debug)]
pub struct Snapshot {
    version: i64,
    /// Services with their rules.
    pub services: HashMap<Uuid, ServiceConfig>,
    /// Escalation policies.
    pub policies: HashMap<Uuid, Policy>,
    /// Schedules with the overrides that are not over.
    pub schedules: HashMap<Uuid, Schedule>,
}

/// A service and how its alerts are routed.
#[derive(Debug)]
pub struct ServiceConfig {
    /// The service.
    pub service: Service,
    /// Its rules, compiled.
    pub rules: CompiledRules,
}

/// Snapshots of the organizations that this node has to do with.
#[derive(Debug, Clone, Default)]
pub struct Snapshots(Arc<Mutex<HashMap<OrganizationId, Arc<Snapshot>>>>);

impl Snapshots {
    /// An organization's present configuration.
    pub async fn get(&self, db: &Db, organization: &OrganizationId, now: Timestamp) -> Result<Arc<Snapshot>> {
        let mut found = self.get_many(db, [organization.clone()].into(), now).await?;
        Ok(found.remove(organization).expect("each organization that is asked for is answered"))
    }

    /// The present configuration of each of these, with one question to the database while
    /// nothing has changed.
    pub async fn get_many(
        &self,
        db: &Db,
        organizations: HashSet<OrganizationId>,
        now: Timestamp,
    ) -> Result<HashMap<OrganizationId, Arc<Snapshot>>> {
        let versions = versions(db, &organizations).await?;
        let mut found = HashMap::with_capacity(organizations.len());
        for organization in organizations {
            let version = versions.get(organization.as_str()).copied().unwrap_or(0);
            let known = self.0.lock().expect("no holder of the lock panics").get(&organization).cloned();
            let snapshot = match known.filter(|known| known.version == version) {
                Some(known) => known,
                None => self.load(db, &organization, version, now).await?,
            };
            found.insert(organization, snapshot);
        }
        Ok(found)
    }

    /// Reads it all. A change during the reading raises the version beyond the one noted here, so
    /// what was read then is read again at the next use.
    async fn load(
        &self,
        db: &Db,
        organization: &OrganizationId,
        version: i64,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>> {
        let mut rules = routing::store::all(db, organization).await?;
        let services = catalog::store::all(db, organization).await?.into_iter().map(|service| {
            let rules = CompiledRules::new(rules.remove(&service.id).unwrap_or_default());
            (service.id, ServiceConfig { service, rules })
        });
        let snapshot = Arc::new(Snapshot {
            version,
            services: services.collect(),
            policies: policy::store::all(db, organization).await?.into_iter().map(|p| (p.id, p)).collect(),
            schedules: schedule::store::all(db, organization, now)
                .await?
                .into_iter()
                .map(|s| (s.id, s))
                .collect(),
        });
        let mut known = self.0.lock().expect("no holder of the lock panics");
        known.insert(organization.clone(), Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

const VERSIONS: &str =
    "SELECT organization_id, version FROM configuration_versions WHERE organization_id = ANY($1)";
const VERSION: &str =
    "SELECT organization_id, version FROM configuration_versions WHERE organization_id = $1";

async fn versions(db: &Db, organizations: &HashSet<OrganizationId>) -> Result<HashMap<String, i64>> {
    let mut rows: Vec<(String, i64)> = Vec::with_capacity(organizations.len());
    match db.either() {
        Either::Postgres(pool) => {
            let ids: Vec<_> = organizations.iter().map(ToString::to_string).collect();
            rows = sqlx::query_as(VERSIONS).bind(ids).fetch_all(pool).await?;
        }
        Either::Sqlite(pool) => {
            for id in organizations {
                rows.extend(
                    sqlx::query_as::<_, (String, i64)>(VERSION)
                        .bind(id.as_str())
                        .fetch_optional(pool)
                        .await?,
                );
            }
        }
    }
    Ok(rows.into_iter().collect())
}

const RAISE: &str = "INSERT INTO configuration_versions (organization_id, version) VALUES ($1, 1) \
     ON CONFLICT (organization_id) DO UPDATE SET version = configuration_versions.version + 1";

/// Says, as part of the transaction, that the organization's configuration has changed.
pub async fn raise(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    with_db!(tx, |c| async { sqlx::query(RAISE).bind(organization.as_str()).execute(c).await.map(drop) })
}

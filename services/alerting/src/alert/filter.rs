//! Which alerts a list shows, as SQL.

use std::collections::BTreeMap;

use callout_auth::OrganizationId;
use callout_store::{Db, Either, Result, micros, with_db};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{
    Alert, Priority, Status,
    store::{AlertRow, alerts},
};

/// Which alerts; what is empty does not limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Filter {
    /// Any of these.
    pub statuses: Vec<Status>,
    /// Any of these.
    pub priorities: Vec<Priority>,
    /// Any of these.
    pub services: Vec<Uuid>,
    /// All of these.
    pub labels: BTreeMap<String, String>,
    /// Created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
    /// Occurs in summary or details, ignoring case.
    pub text: String,
    /// Assigned to this user.
    pub assignee: String,
}

impl Filter {
    /// Whether an alert is among them; the same decision as the SQL's.
    pub fn matches(&self, alert: &Alert) -> bool {
        let text = self.text.to_lowercase();
        (self.statuses.is_empty() || self.statuses.contains(&alert.status))
            && (self.priorities.is_empty() || self.priorities.contains(&alert.priority))
            && (self.services.is_empty() || self.services.contains(&alert.service_id))
            && self.labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value))
            && self.created_from.is_none_or(|from| alert.created_at >= from)
            && self.created_before.is_none_or(|before| alert.created_at < before)
            && (text.is_empty()
                || alert.summary.to_lowercase().contains(&text)
                || alert.details.to_lowercase().contains(&text))
            && (self.assignee.is_empty() || alert.assignee_user_id.as_deref() == Some(&self.assignee))
    }
}

/// A value bound to a placeholder.
#[derive(Debug, Clone)]
enum Bind {
    Text(String),
    Number(i64),
    Id(Uuid),
}

/// A WHERE clause in the making.
struct Where {
    sql: String,
    binds: Vec<Bind>,
}

impl Where {
    fn new(organization: &OrganizationId) -> Self {
        let binds = vec![Bind::Text(organization.to_string())];
        Self { sql: " WHERE organization_id = $1".to_owned(), binds }
    }

    /// The placeholder of a value.
    fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    fn and_any(&mut self, column: &str, values: Vec<Bind>) {
        if values.is_empty() {
            return;
        }
        let places: Vec<_> = values.into_iter().map(|value| self.bind(value)).collect();
        self.and(&format!("{column} IN ({})", places.join(", ")));
    }
}

fn conditions(db: &Db, organization: &OrganizationId, filter: &Filter) -> Where {
    let mut clause = Where::new(organization);
    clause.and_any("status", filter.statuses.iter().map(|status| Bind::Number(*status as i64)).collect());
    clause.and_any("priority", filter.priorities.iter().map(|p| Bind::Number(*p as i64)).collect());
    clause.and_any("service_id", filter.services.iter().map(|id| Bind::Id(*id)).collect());
    for (name, value) in &filter.labels {
        let condition = if matches!(db.either(), Either::Postgres(_)) {
            let labels = serde_json::json!({name: value}).to_string();
            format!("labels @> {}::jsonb", clause.bind(Bind::Text(labels)))
        } else {
            let (name, value) =
                (clause.bind(Bind::Text(name.clone())), clause.bind(Bind::Text(value.clone())));
            format!("EXISTS (SELECT 1 FROM json_each(labels) WHERE key = {name} AND value = {value})")
        };
        clause.and(&condition);
    }
    for (operator, at) in [(">=", filter.created_from), ("<", filter.created_before)] {
        if let Some(at) = at {
            let place = clause.bind(Bind::Number(micros(at)));
            clause.and(&format!("created_at {operator} {place}"));
        }
    }
    if !filter.text.is_empty() {
        let escaped = filter.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let place = clause.bind(Bind::Text(format!("%{escaped}%")));
        let like = |column: &str| format!("LOWER({column}) LIKE LOWER({place}) ESCAPE '\\'");
        clause.and(&format!("({} OR {})", like("summary"), like("details")));
    }
    if !filter.assignee.is_empty() {
        let place = clause.bind(Bind::Text(filter.assignee.clone()));
        clause.and(&format!("assignee_user_id = {place}"));
    }
    clause
}

/// Binds every value to a query of either database.
macro_rules! bind_all {
    ($query:expr, $binds:expr) => {{
        let mut query = $query;
        for value in $binds {
            query = match value {
                Bind::Text(text) => query.bind(text.clone()),
                Bind::Number(number) => query.bind(*number),
                Bind::Id(id) => query.bind(*id),
            };
        }
        query
    }};
}

/// Alerts, newest first, after one.
pub async fn list(
    db: &Db,
    organization: &OrganizationId,
    filter: &Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Alert>> {
    let mut clause = conditions(db, organization, filter);
    if let Some(after) = after {
        let place = clause.bind(Bind::Id(after));
        clause.and(&format!("id < {place}"));
    }
    let limit = clause.bind(Bind::Number(limit));
    let sql = format!("SELECT * FROM alerts{} ORDER BY id DESC LIMIT {limit}", clause.sql);
    let rows = with_db!(db, |c| {
        let query = sqlx::query_as::<_, AlertRow>(AssertSqlSafe(sql.clone()));
        bind_all!(query, &clause.binds).fetch_all(c)
    })?;
    alerts(rows)
}

/// How many alerts there are of a status and a priority.
#[derive(Debug, FromRow)]
pub struct Count {
    /// The status's number.
    pub status: i64,
    /// The priority's number.
    pub priority: i64,
    /// How many.
    pub count: i64,
}

/// Counts alerts by status and priority.
pub async fn count(db: &Db, organization: &OrganizationId, filter: &Filter) -> Result<Vec<Count>> {
    let clause = conditions(db, organization, filter);
    let sql = format!(
        "SELECT status, priority, COUNT(*) AS count FROM alerts{} GROUP BY status, priority",
        clause.sql
    );
    with_db!(db, |c| {
        let query = sqlx::query_as::<_, Count>(AssertSqlSafe(sql.clone()));
        bind_all!(query, &clause.binds).fetch_all(c)
    })
}

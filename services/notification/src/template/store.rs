//! Templates in the database.

use callout_auth::OrganizationId;
use callout_store::{Db, Result, StoreError, Tx, micros, timestamp, with_db};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::FromRow;
use uuid::Uuid;

use super::{DEFAULT, Template, Version, builtin};

#[derive(FromRow)]
struct TemplateRow {
    id: Uuid,
    name: String,
    description: String,
    published_version: i64,
    latest_version: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(FromRow)]
struct VersionRow {
    version: i64,
    contents: String,
    required_variables: String,
    optional_variables: String,
    comment: String,
    created_at: i64,
    created_by: String,
}

impl TryFrom<VersionRow> for Version {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self> {
        fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
            serde_json::from_str(text)
                .map_err(|error| StoreError::corrupt("template_versions", error.to_string()))
        }
        Ok(Self {
            number: row.version,
            contents: json(&row.contents)?,
            required: json(&row.required_variables)?,
            optional: json(&row.optional_variables)?,
            comment: row.comment,
            created_at: timestamp(row.created_at),
            created_by: row.created_by,
        })
    }
}

const BY_NAME_OR_ID: &str =
    "SELECT * FROM templates WHERE organization_id = $1 AND (name = $2 OR id = $3) AND deleted_at IS NULL";
const VERSION: &str = "SELECT * FROM template_versions WHERE template_id = $1 AND version = $2";

/// A template by name or id; the built-in one where the organization has none of its name.
pub async fn find(db: &Db, organization: &OrganizationId, name_or_id: &str) -> Result<Option<Template>> {
    let name = if name_or_id.is_empty() { DEFAULT } else { name_or_id };
    let id = name.parse::<Uuid>().ok();
    let row = with_db!(db, |c| sqlx::query_as::<_, TemplateRow>(BY_NAME_OR_ID)
        .bind(organization.as_str())
        .bind(name)
        .bind(id)
        .fetch_optional(c))?;
    match row {
        Some(row) => with_published(db, row).await.map(Some),
        None if name == DEFAULT => Ok(Some(builtin::default())),
        None => Ok(None),
    }
}

async fn with_published(db: &Db, row: TemplateRow) -> Result<Template> {
    let published = version(db, row.id, row.published_version).await?;
    Ok(Template {
        id: Some(row.id),
        name: row.name,
        description: row.description,
        published: published.ok_or_else(|| StoreError::corrupt("templates", "no published version"))?,
        latest_version: row.latest_version,
        created_at: timestamp(row.created_at),
        updated_at: timestamp(row.updated_at),
    })
}

/// One version of a template.
pub async fn version(db: &Db, template_id: Uuid, number: i64) -> Result<Option<Version>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, VersionRow>(VERSION)
        .bind(template_id)
        .bind(number)
        .fetch_optional(c))?;
    row.map(Version::try_from).transpose()
}

const VERSIONS: &str =
    "SELECT * FROM template_versions WHERE template_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3";

/// Versions, newest first, before one.
pub async fn versions(db: &Db, template_id: Uuid, before: i64, limit: i64) -> Result<Vec<Version>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, VersionRow>(VERSIONS)
        .bind(template_id)
        .bind(before)
        .bind(limit)
        .fetch_all(c))?;
    rows.into_iter().map(Version::try_from).collect()
}

const LIST: &str = "SELECT * FROM templates WHERE organization_id = $1 AND name > $2 AND deleted_at IS NULL \
     ORDER BY name LIMIT $3";

/// An organization's own templates by name, after one.
pub async fn list(db: &Db, organization: &OrganizationId, after: &str, limit: i64) -> Result<Vec<Template>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, TemplateRow>(LIST)
        .bind(organization.as_str())
        .bind(after)
        .bind(limit)
        .fetch_all(c))?;
    let mut templates = Vec::with_capacity(rows.len());
    for row in rows {
        templates.push(with_published(db, row).await?);
    }
    Ok(templates)
}

const INSERT: &str = "INSERT INTO templates (id, organization_id, name, description, published_version, \
     latest_version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

/// Writes a new template with its first version.
pub async fn insert(tx: &mut Tx, organization: &OrganizationId, id: Uuid, template: &Template) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(INSERT).bind(id).bind(organization.as_str()).bind(&template.name);
        let query = query.bind(&template.description).bind(template.published.number);
        query.bind(template.latest_version).bind(micros(template.created_at)).execute(c).await.map(drop)
    })?;
    insert_version(tx, id, &template.published).await
}

const INSERT_VERSION: &str = "INSERT INTO template_versions (template_id, version, contents, required_variables, \
     optional_variables, comment, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

async fn insert_version(tx: &mut Tx, id: Uuid, version: &Version) -> Result<()> {
    let contents = serde_json::to_string(&version.contents).expect("contents are JSON");
    let required = serde_json::to_string(&version.required).expect("paths are JSON");
    let optional = serde_json::to_string(&version.optional).expect("paths are JSON");
    with_db!(tx, |c| async {
        let query = sqlx::query(INSERT_VERSION).bind(id).bind(version.number).bind(&contents);
        let query = query.bind(&required).bind(&optional).bind(&version.comment);
        query.bind(micros(version.created_at)).bind(&version.created_by).execute(c).await.map(drop)
    })
}

const NEXT: &str = "UPDATE templates SET latest_version = latest_version + 1, updated_at = $3 \
     WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING latest_version";

/// Adds a version, whose number is the next one; `None` if there is no such template.
pub async fn add_version(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: Uuid,
    mut version: Version,
) -> Result<Option<Version>> {
    let next: Option<i64> = with_db!(tx, |c| sqlx::query_scalar(NEXT)
        .bind(organization.as_str())
        .bind(id)
        .bind(micros(version.created_at))
        .fetch_optional(c))?;
    let Some(next) = next else { return Ok(None) };
    version.number = next;
    insert_version(tx, id, &version).await?;
    Ok(Some(version))
}

const PUBLISH: &str = "UPDATE templates SET published_version = $3, updated_at = $4 \
     WHERE organization_id = $1 AND id = $2 AND latest_version >= $3 AND deleted_at IS NULL";

/// Makes a version the one that new messages use; false if there is no such version.
pub async fn publish(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: Uuid,
    number: i64,
    now: Timestamp,
) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(PUBLISH).bind(organization.as_str()).bind(id).bind(number);
        query.bind(micros(now)).execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

const DELETE: &str =
    "UPDATE templates SET deleted_at = $3 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL";

/// Takes a template out of use; its versions stay for messages that were taken.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid, now: Timestamp) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id).bind(micros(now));
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

//! `alerting.v1.ServiceCatalog`.

use callout_auth::{OrganizationId, Principal, key_sha256};
use callout_proto::alerting::v1::{self as pb, service_catalog_server::ServiceCatalog};
use callout_store::{PageToken, new_id, page_size};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Service,
    key::{IntegrationKey, check_secret, generate_secret, hint},
    store,
};
use crate::{
    error::{Error, Result},
    escalation::policy,
    snapshot,
    state::State,
    wire::{Mask, id, masked, reference, to_pb},
};

const MUTABLE: [&str; 5] = ["name", "description", "escalation_policy_id", "labels", "template"];

#[tonic::async_trait]
impl ServiceCatalog for State {
    async fn create_service(
        &self,
        request: Request<pb::CreateServiceRequest>,
    ) -> std::result::Result<Response<pb::Service>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let now = self.clock.now();
        let wanted = request.into_inner().service.unwrap_or_default();
        let mut service = from_pb(wanted)?;
        (service.id, service.created_at, service.updated_at) = (new_id(now), now, now);
        self.save(&organization, &service, None).await?;
        Ok(Response::new(service.into()))
    }

    async fn get_service(
        &self,
        request: Request<pb::GetServiceRequest>,
    ) -> std::result::Result<Response<pb::Service>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let service = self.service(&organization, &request.get_ref().service_id).await?;
        Ok(Response::new(service.into()))
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> std::result::Result<Response<pb::ListServicesResponse>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let after: Option<String> =
            PageToken::decode(&request.page_token, &request.name).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let after = after.unwrap_or_default();
        let found = store::list(&self.db, &organization, &after, &request.name, limit).await;
        let mut services = found.map_err(Error::from)?;
        let more = services.len() > size;
        services.truncate(size);
        let last = services.last().filter(|_| more);
        let next_page_token =
            last.map(|s| PageToken::encode(s.name.clone(), &request.name)).unwrap_or_default();
        let services = services.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListServicesResponse { services, next_page_token }))
    }

    async fn update_service(
        &self,
        request: Request<pb::UpdateServiceRequest>,
    ) -> std::result::Result<Response<pb::Service>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let mask = Mask::new(request.update_mask, &MUTABLE)?;
        let wanted = request.service.unwrap_or_default();
        let present = self.service(&organization, &wanted.id).await?;
        let new = from_pb(wanted)?;
        let service = Service {
            name: masked(&mask, "name", present.name.clone(), new.name),
            description: masked(&mask, "description", present.description.clone(), new.description),
            escalation_policy_id: masked(
                &mask,
                "escalation_policy_id",
                present.escalation_policy_id,
                new.escalation_policy_id,
            ),
            labels: masked(&mask, "labels", present.labels.clone(), new.labels),
            template: masked(&mask, "template", present.template.clone(), new.template),
            updated_at: self.clock.now(),
            ..present.clone()
        };
        self.save(&organization, &service, Some(&present)).await?;
        Ok(Response::new(service.into()))
    }

    async fn delete_service(
        &self,
        request: Request<pb::DeleteServiceRequest>,
    ) -> std::result::Result<Response<()>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        self.delete_service_row(&organization, &request.get_ref().service_id).await?;
        self.keys.forget();
        Ok(Response::new(()))
    }

    async fn create_integration_key(
        &self,
        request: Request<pb::CreateIntegrationKeyRequest>,
    ) -> std::result::Result<Response<pb::CreateIntegrationKeyResponse>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let (key, secret) = self.create_key(&organization, request.into_inner()).await?;
        Ok(Response::new(pb::CreateIntegrationKeyResponse { integration_key: Some(key.into()), secret }))
    }

    async fn list_integration_keys(
        &self,
        request: Request<pb::ListIntegrationKeysRequest>,
    ) -> std::result::Result<Response<pb::ListIntegrationKeysResponse>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let service = self.service(&organization, &request.get_ref().service_id).await?;
        let keys = store::list_keys(&self.db, &organization, service.id).await.map_err(Error::from)?;
        let integration_keys = keys.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListIntegrationKeysResponse { integration_keys }))
    }

    async fn rotate_integration_key(
        &self,
        request: Request<pb::RotateIntegrationKeyRequest>,
    ) -> std::result::Result<Response<pb::RotateIntegrationKeyResponse>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let secret = generate_secret();
        let now = self.clock.now();
        let change = |key: &mut IntegrationKey| {
            if key.revoked_at.is_some() {
                return Err(Error::Precondition("the key is revoked".to_owned()));
            }
            key.rotated_at = Some(now);
            key.hint = hint(&secret);
            Ok(())
        };
        let hash = key_sha256(&secret);
        let id = &request.get_ref().integration_key_id;
        let key = self.change_key(&organization, id, Some(&hash), change).await?;
        Ok(Response::new(pb::RotateIntegrationKeyResponse { integration_key: Some(key.into()), secret }))
    }

    async fn revoke_integration_key(
        &self,
        request: Request<pb::RevokeIntegrationKeyRequest>,
    ) -> std::result::Result<Response<pb::IntegrationKey>, Status> {
        let organization = Principal::of(&request)?.organization.clone();
        let now = self.clock.now();
        let change = |key: &mut IntegrationKey| {
            key.revoked_at = key.revoked_at.or(Some(now));
            Ok(())
        };
        let key = self.change_key(&organization, &request.get_ref().integration_key_id, None, change).await?;
        Ok(Response::new(key.into()))
    }
}

impl State {
    /// A service of the organization.
    pub(crate) async fn service(&self, organization: &OrganizationId, text: &str) -> Result<Service> {
        let found = store::get(&self.db, organization, id(text, "service")?).await?;
        found.ok_or(Error::NotFound("service"))
    }

    async fn save(
        &self,
        organization: &OrganizationId,
        service: &Service,
        present: Option<&Service>,
    ) -> Result<()> {
        Error::if_any(service.violations())?;
        let mut tx = self.db.begin().await?;
        if let Some(policy_id) = service.escalation_policy_id
            && !policy::store::exists(&mut tx, organization, policy_id).await?
        {
            return Err(Error::invalid("service.escalation_policy_id", "there is no such escalation policy"));
        }
        let written = match present {
            None => store::insert(&mut tx, organization, service).await,
            Some(_) => store::update(&mut tx, organization, service).await,
        };
        written.map_err(|error| name_taken(error, "a service"))?;
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn delete_service_row(&self, organization: &OrganizationId, text: &str) -> Result<()> {
        let id = id(text, "service")?;
        let mut tx = self.db.begin().await?;
        if store::open_alerts(&mut tx, organization, id).await? > 0 {
            return Err(Error::Precondition("the service has open alerts; resolve them first".to_owned()));
        }
        if !store::delete(&mut tx, organization, id).await? {
            return Err(Error::NotFound("service"));
        }
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn create_key(
        &self,
        organization: &OrganizationId,
        request: pb::CreateIntegrationKeyRequest,
    ) -> Result<(IntegrationKey, String)> {
        let service = self.service(organization, &request.service_id).await?;
        if !(1..=255).contains(&request.name.chars().count()) {
            return Err(Error::invalid("name", "must have 1 to 255 characters"));
        }
        let secret = if request.secret.is_empty() { generate_secret() } else { request.secret };
        check_secret(&secret)?;
        let now = self.clock.now();
        let key = IntegrationKey {
            id: new_id(now),
            service_id: service.id,
            name: request.name,
            hint: hint(&secret),
            created_at: now,
            rotated_at: None,
            revoked_at: None,
        };
        let mut tx = self.db.begin().await?;
        let written = store::insert_key(&mut tx, organization, &key, &key_sha256(&secret)).await;
        written.map_err(|error| name_taken(error, "a key"))?;
        tx.commit().await?;
        self.keys.forget();
        Ok((key, secret))
    }

    async fn change_key(
        &self,
        organization: &OrganizationId,
        text: &str,
        hash: Option<&str>,
        change: impl FnOnce(&mut IntegrationKey) -> Result<()>,
    ) -> Result<IntegrationKey> {
        const WHAT: &str = "integration key";
        let mut tx = self.db.begin().await?;
        let found = store::get_key(&mut tx, organization, id(text, WHAT)?).await?;
        let mut key = found.ok_or(Error::NotFound(WHAT))?;
        change(&mut key)?;
        store::update_key(&mut tx, organization, &key, hash).await?;
        tx.commit().await?;
        self.keys.forget();
        Ok(key)
    }
}

/// A conflict on a table whose only unique index besides the id is on the name.
pub(crate) fn name_taken(error: callout_store::StoreError, what: &'static str) -> Error {
    if error.is_conflict() { Error::AlreadyExists(what) } else { error.into() }
}

fn from_pb(service: pb::Service) -> Result<Service> {
    let policy = Some(service.escalation_policy_id).filter(|id| !id.is_empty());
    let policy = policy.map(|id| reference(&id, "service.escalation_policy_id")).transpose()?;
    Ok(Service {
        id: Uuid::nil(),
        name: service.name,
        description: service.description,
        escalation_policy_id: policy,
        labels: service.labels.into_iter().collect(),
        template: service.template,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
    })
}

impl From<Service> for pb::Service {
    fn from(service: Service) -> Self {
        Self {
            id: service.id.to_string(),
            name: service.name,
            description: service.description,
            escalation_policy_id: service.escalation_policy_id.map(|id| id.to_string()).unwrap_or_default(),
            labels: service.labels.into_iter().collect(),
            template: service.template,
            created_at: Some(to_pb(service.created_at)),
            updated_at: Some(to_pb(service.updated_at)),
        }
    }
}

impl From<IntegrationKey> for pb::IntegrationKey {
    fn from(key: IntegrationKey) -> Self {
        Self {
            id: key.id.to_string(),
            service_id: key.service_id.to_string(),
            name: key.name,
            hint: key.hint,
            created_at: Some(to_pb(key.created_at)),
            rotated_at: key.rotated_at.map(to_pb),
            revoked_at: key.revoked_at.map(to_pb),
        }
    }
}

//! `notification.v1.TemplateService`.

use callout_auth::{OrganizationId, Principal};
use callout_proto::notification::v1::{
    self as pb, render_preview_request::Source, template_service_server::TemplateService,
};
use callout_runtime::structs::from_struct;
use callout_store::{PageToken, new_id, page_size};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    DEFAULT, Problem, Template, Version, builtin, render, store, validate,
    wire::{content, contents},
};
use crate::{
    delivery,
    error::{Error, Result},
    rendered::Rendered,
    state::State,
    wire::{id, kind},
};

const WHAT: &str = "template";

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl TemplateService for State {
    async fn create_template(&self, request: Request<pb::CreateTemplateRequest>) -> Answer<pb::Template> {
        let principal = Principal::of(&request)?.clone();
        let request = request.into_inner();
        check_name(&request.name, &request.description)?;
        let version = pb::UpdateTemplateRequest {
            template: String::new(),
            contents: request.contents,
            required_variables: request.required_variables,
            optional_variables: request.optional_variables,
            comment: request.comment,
            publish: true,
        };
        let published = self.version_from_pb(version, principal.actor())?;
        let now = self.clock.now();
        let template = Template {
            id: Some(new_id(now)),
            name: request.name,
            description: request.description,
            published,
            latest_version: 1,
            created_at: now,
            updated_at: now,
        };
        self.insert_template(&principal.organization, &template).await?;
        Ok(Response::new(template.into()))
    }

    async fn get_template(&self, request: Request<pb::GetTemplateRequest>) -> Answer<pb::Template> {
        let organization = Principal::of(&request)?.organization.clone();
        Ok(Response::new(self.template(&organization, &request.get_ref().template).await?.into()))
    }

    async fn update_template(
        &self,
        request: Request<pb::UpdateTemplateRequest>,
    ) -> Answer<pb::TemplateVersion> {
        let principal = Principal::of(&request)?.clone();
        let request = request.into_inner();
        let (name, publish) = (request.template.clone(), request.publish);
        let version = self.version_from_pb(request, principal.actor())?;
        let version = self.add_template_version(&principal.organization, &name, version, publish).await?;
        Ok(Response::new(version.into()))
    }

    async fn delete_template(&self, request: Request<pb::DeleteTemplateRequest>) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        let id = self.own_template(&organization, &request.get_ref().template).await?;
        let mut tx = self.db.begin().await.map_err(Error::from)?;
        let deleted =
            store::delete(&mut tx, &organization, id, self.clock.now()).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        if deleted { Ok(Response::new(())) } else { Err(Error::NotFound(WHAT).into()) }
    }

    async fn list_templates(
        &self,
        request: Request<pb::ListTemplatesRequest>,
    ) -> Answer<pb::ListTemplatesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let after: Option<String> =
            PageToken::decode(&request.page_token, &()).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let name = after.clone().unwrap_or_default();
        let found = store::list(&self.db, &organization, &name, limit).await;
        let mut templates = found.map_err(Error::from)?;
        let has_own_default = store::find(&self.db, &organization, DEFAULT).await.map_err(Error::from)?;
        if after.is_none() && has_own_default.is_none_or(|template| template.id.is_none()) {
            templates.insert(0, builtin::default());
        }
        let more = templates.len() > size;
        templates.truncate(size);
        let last = templates.last().filter(|_| more);
        let next_page_token = last.map(|t| PageToken::encode(t.name.clone(), &())).unwrap_or_default();
        let templates = templates.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListTemplatesResponse { templates, next_page_token }))
    }

    async fn get_template_version(
        &self,
        request: Request<pb::GetTemplateVersionRequest>,
    ) -> Answer<pb::TemplateVersion> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let template = self.template(&organization, &request.template).await?;
        Ok(Response::new(self.template_version(template, request.version).await?.into()))
    }

    async fn list_template_versions(
        &self,
        request: Request<pb::ListTemplateVersionsRequest>,
    ) -> Answer<pb::ListTemplateVersionsResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 20, 100).map_err(|e| Error::page(&e))?;
        let before: Option<i64> =
            PageToken::decode(&request.page_token, &request.template).map_err(|e| Error::page(&e))?;
        let template = self.template(&organization, &request.template).await?;
        let Some(id) = template.id else {
            let versions = vec![template.published.into()];
            return Ok(Response::new(pb::ListTemplateVersionsResponse { versions, ..Default::default() }));
        };
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let found = store::versions(&self.db, id, before.unwrap_or(i64::MAX), limit).await;
        let mut versions = found.map_err(Error::from)?;
        let more = versions.len() > size;
        versions.truncate(size);
        let last = versions.last().filter(|_| more);
        let next_page_token =
            last.map(|v| PageToken::encode(v.number, &request.template)).unwrap_or_default();
        let versions = versions.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListTemplateVersionsResponse { versions, next_page_token }))
    }

    async fn publish_template(&self, request: Request<pb::PublishTemplateRequest>) -> Answer<pb::Template> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let id = self.own_template(&organization, &request.template).await?;
        let mut tx = self.db.begin().await.map_err(Error::from)?;
        let version = i64::from(request.version);
        let done = version > 0
            && store::publish(&mut tx, &organization, id, version, self.clock.now())
                .await
                .map_err(Error::from)?;
        if !done {
            return Err(Error::NotFound("template version").into());
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(Response::new(self.template(&organization, &request.template).await?.into()))
    }

    async fn render_preview(
        &self,
        request: Request<pb::RenderPreviewRequest>,
    ) -> Answer<pb::RenderPreviewResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let rendered = self.preview(&organization, request.into_inner()).await?;
        Ok(Response::new(rendered.into()))
    }

    async fn validate_template(
        &self,
        request: Request<pb::ValidateTemplateRequest>,
    ) -> Answer<pb::ValidateTemplateResponse> {
        Principal::of(&request)?;
        let request = request.into_inner();
        let contents = contents(request.contents)?;
        let context = request.render_context.as_ref().map(from_struct);
        let problems = validate::problems(
            &contents,
            &request.required_variables,
            &request.optional_variables,
            context.as_ref(),
        );
        let errors: Vec<pb::TemplateError> = problems.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ValidateTemplateResponse { valid: errors.is_empty(), errors }))
    }
}

impl State {
    /// A template of the organization, or the built-in one.
    pub(crate) async fn template(&self, organization: &OrganizationId, name_or_id: &str) -> Result<Template> {
        store::find(&self.db, organization, name_or_id).await?.ok_or(Error::NotFound(WHAT))
    }

    /// A version of a template; 0 is the published one.
    pub(crate) async fn template_version(&self, template: Template, number: i32) -> Result<Version> {
        if number == 0 || i64::from(number) == template.published.number {
            return Ok(template.published);
        }
        let version = match template.id {
            Some(id) => store::version(&self.db, id, number.into()).await?,
            None => None,
        };
        version.ok_or(Error::NotFound("template version"))
    }

    async fn own_template(&self, organization: &OrganizationId, name_or_id: &str) -> Result<Uuid> {
        let template = self.template(organization, name_or_id).await?;
        template.id.ok_or_else(|| Error::Precondition("the built-in template cannot be changed".to_owned()))
    }

    async fn insert_template(&self, organization: &OrganizationId, template: &Template) -> Result<()> {
        let id = template.id.ok_or(Error::NotFound(WHAT))?;
        let mut tx = self.db.begin().await?;
        store::insert(&mut tx, organization, id, template).await.map_err(|error| {
            if error.is_conflict() {
                return Error::AlreadyExists("there is a template of this name already".to_owned());
            }
            error.into()
        })?;
        Ok(tx.commit().await?)
    }

    async fn add_template_version(
        &self,
        organization: &OrganizationId,
        name: &str,
        version: Version,
        publish: bool,
    ) -> Result<Version> {
        let id = self.own_template(organization, name).await?;
        let now = version.created_at;
        let mut tx = self.db.begin().await?;
        let version = store::add_version(&mut tx, organization, id, version).await?;
        let version = version.ok_or(Error::NotFound(WHAT))?;
        if publish {
            store::publish(&mut tx, organization, id, version.number, now).await?;
        }
        tx.commit().await?;
        Ok(version)
    }

    fn version_from_pb(&self, request: pb::UpdateTemplateRequest, actor: &str) -> Result<Version> {
        if request.comment.len() > 255 {
            return Err(Error::invalid("comment", "must have at most 255 bytes"));
        }
        let contents = contents(request.contents)?;
        let (required, optional) = (request.required_variables, request.optional_variables);
        let problems = validate::problems(&contents, &required, &optional, None);
        if !problems.is_empty() {
            return Err(problems.into());
        }
        Ok(Version {
            number: 1,
            contents,
            required,
            optional,
            comment: request.comment,
            created_at: self.clock.now(),
            created_by: actor.to_owned(),
        })
    }

    async fn preview(
        &self,
        organization: &OrganizationId,
        request: pb::RenderPreviewRequest,
    ) -> Result<Rendered> {
        let context = request.render_context.as_ref().map_or_else(builtin::sample_context, from_struct);
        let rendered = match request.source.clone() {
            Some(Source::DeliveryId(text)) => {
                let delivery = delivery::store::get(&self.db, organization, id(&text, "delivery")?).await?;
                let delivery = delivery.ok_or(Error::NotFound("delivery"))?;
                return Ok(self.render_delivery(&delivery).await?.0);
            }
            Some(Source::Content(draft)) => {
                render::render_content(&content(draft, "content")?, &context, None, "content")
            }
            Some(Source::Template(name)) => {
                let template = self.template(organization, &name).await?;
                let version = self.template_version(template, request.template_version).await?;
                let missing = validate::missing(&version.required, &context);
                if !missing.is_empty() {
                    return Err(missing.into());
                }
                render::render(&version, kind(request.channel(), "channel")?, &context, None)
            }
            None => {
                return Err(Error::invalid("template", "one of template, content and delivery_id is needed"));
            }
        };
        rendered.map_err(|problem: Problem| vec![problem].into())
    }
}

fn check_name(name: &str, description: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    if !(1..=255).contains(&name.len()) || !name.chars().all(good) {
        return Err(Error::invalid("name", "must be 1 to 255 characters of a-z A-Z 0-9 . _ - and space"));
    }
    if description.len() > 4096 {
        return Err(Error::invalid("description", "must be at most 4 KiB"));
    }
    Ok(())
}

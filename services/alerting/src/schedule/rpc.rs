//! `alerting.v1.ScheduleService`.

use callout_auth::{OrganizationId, Principal};
use callout_proto::alerting::v1::{self as pb, schedule_service_server::ScheduleService};
use callout_store::{PageToken, new_id, page_size};
use jiff::{SignedDuration, Timestamp};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Override, Schedule, store,
    wire::{override_from_pb, override_to_pb, rotation_from_pb, schedule_from_pb},
};
use crate::{
    catalog::rpc::name_taken,
    error::{Error, Result},
    snapshot,
    state::State,
    wire::{Mask, id, masked, time},
};

const WHAT: &str = "schedule";
const MUTABLE: [&str; 4] = ["name", "description", "time_zone", "rotations"];
/// The longest range that shifts are listed for, and the usual one.
const RANGES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_hours(366 * 24), SignedDuration::from_hours(28 * 24));

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl ScheduleService for State {
    async fn create_schedule(&self, request: Request<pb::CreateScheduleRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let now = self.clock.now();
        let wanted = request.into_inner().schedule.unwrap_or_default();
        let mut schedule = schedule_from_pb(wanted, &|| new_id(now))?;
        (schedule.id, schedule.created_at, schedule.updated_at) = (new_id(now), now, now);
        self.save_schedule(&organization, &schedule, true).await?;
        Ok(Response::new(schedule.into()))
    }

    async fn get_schedule(&self, request: Request<pb::GetScheduleRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let schedule = self.schedule(&organization, &request.get_ref().schedule_id).await?;
        Ok(Response::new(schedule.into()))
    }

    async fn list_schedules(
        &self,
        request: Request<pb::ListSchedulesRequest>,
    ) -> Answer<pb::ListSchedulesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let after: Option<String> =
            PageToken::decode(&request.page_token, &request.name).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let after = after.unwrap_or_default();
        let found = store::list(&self.db, &organization, &after, &request.name, limit).await;
        let mut schedules = found.map_err(Error::from)?;
        let more = schedules.len() > size;
        schedules.truncate(size);
        let last = schedules.last().filter(|_| more);
        let next_page_token =
            last.map(|s| PageToken::encode(s.name.clone(), &request.name)).unwrap_or_default();
        let schedules = schedules.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListSchedulesResponse { schedules, next_page_token }))
    }

    async fn update_schedule(&self, request: Request<pb::UpdateScheduleRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let mask = Mask::new(request.update_mask, &MUTABLE)?;
        let mut wanted = request.schedule.unwrap_or_default();
        let present = self.schedule(&organization, &wanted.id).await?;
        if !mask.has("time_zone") {
            wanted.time_zone = present.time_zone.iana_name().unwrap_or("UTC").to_owned();
        }
        let now = self.clock.now();
        let new = schedule_from_pb(wanted, &|| new_id(now))?;
        let schedule = Schedule {
            name: masked(&mask, "name", present.name, new.name),
            description: masked(&mask, "description", present.description, new.description),
            time_zone: new.time_zone,
            rotations: masked(&mask, "rotations", present.rotations, new.rotations),
            updated_at: now,
            ..present
        };
        self.save_schedule(&organization, &schedule, false).await?;
        Ok(Response::new(schedule.into()))
    }

    async fn delete_schedule(&self, request: Request<pb::DeleteScheduleRequest>) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        self.delete_schedule_row(&organization, &request.get_ref().schedule_id).await?;
        Ok(Response::new(()))
    }

    async fn add_rotation(&self, request: Request<pb::AddRotationRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let mut wanted = request.rotation.unwrap_or_default();
        wanted.id.clear();
        let now = self.clock.now();
        let rotation = rotation_from_pb(wanted, "rotation", &|| new_id(now))?;
        let change = |schedule: &mut Schedule| {
            schedule.rotations.push(rotation);
            Ok(())
        };
        Ok(Response::new(self.change_schedule(&organization, &request.schedule_id, change).await?.into()))
    }

    async fn update_rotation(&self, request: Request<pb::UpdateRotationRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let wanted = request.rotation.unwrap_or_default();
        let id = id(&wanted.id, "rotation")?;
        let rotation = rotation_from_pb(wanted, "rotation", &|| id)?;
        let change = |schedule: &mut Schedule| {
            let found = schedule.rotations.iter_mut().find(|other| other.id == id);
            *found.ok_or(Error::NotFound("rotation"))? = rotation;
            Ok(())
        };
        Ok(Response::new(self.change_schedule(&organization, &request.schedule_id, change).await?.into()))
    }

    async fn remove_rotation(&self, request: Request<pb::RemoveRotationRequest>) -> Answer<pb::Schedule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let id = id(&request.rotation_id, "rotation")?;
        let change = |schedule: &mut Schedule| {
            let found = schedule.rotations.iter().position(|rotation| rotation.id == id);
            schedule.rotations.remove(found.ok_or(Error::NotFound("rotation"))?);
            Ok(())
        };
        Ok(Response::new(self.change_schedule(&organization, &request.schedule_id, change).await?.into()))
    }

    async fn create_override(&self, request: Request<pb::CreateOverrideRequest>) -> Answer<pb::Override> {
        let principal = Principal::of(&request)?.clone();
        let request = request.into_inner();
        let mut override_ = override_from_pb(request.r#override.unwrap_or_default())?;
        let now = self.clock.now();
        (override_.id, override_.created_at) = (new_id(now), now);
        override_.created_by = principal.actor().to_owned();
        let schedule = self.add_override(&principal.organization, &request.schedule_id, &override_).await?;
        Ok(Response::new(override_to_pb(override_, schedule)))
    }

    async fn list_overrides(
        &self,
        request: Request<pb::ListOverridesRequest>,
    ) -> Answer<pb::ListOverridesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let schedule = self.schedule(&organization, &request.schedule_id).await?;
        let from = self.time_or_now(request.from, "from")?;
        let to = request.to.map(|at| time(at, "to")).transpose()?.unwrap_or(Timestamp::MAX);
        let found =
            store::overrides(&self.db, &organization, schedule.id, from, to).await.map_err(Error::from)?;
        let overrides = found.into_iter().map(|o| override_to_pb(o, schedule.id)).collect();
        Ok(Response::new(pb::ListOverridesResponse { overrides }))
    }

    async fn delete_override(&self, request: Request<pb::DeleteOverrideRequest>) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        self.delete_override_row(&organization, &request).await?;
        Ok(Response::new(()))
    }

    async fn get_on_call_users(
        &self,
        request: Request<pb::GetOnCallUsersRequest>,
    ) -> Answer<pb::GetOnCallUsersResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let at = self.time_or_now(request.at, "at")?;
        let schedule =
            self.schedule_with_overrides(&organization, &request.schedule_id, at, Timestamp::MAX).await?;
        Ok(Response::new(schedule.on_call(at).into()))
    }

    async fn list_shifts(&self, request: Request<pb::ListShiftsRequest>) -> Answer<pb::ListShiftsResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let from = self.time_or_now(request.from, "from")?;
        let usual = from.checked_add(RANGES.1).unwrap_or(Timestamp::MAX);
        let to = request.to.map(|at| time(at, "to")).transpose()?.unwrap_or(usual);
        if to <= from || to.duration_since(from) > RANGES.0 {
            return Err(Error::invalid("to", "must be after `from`, by at most 366 days").into());
        }
        let schedule = self.schedule_with_overrides(&organization, &request.schedule_id, from, to).await?;
        let shifts = schedule.shifts(from, to).map_err(|error| Error::invalid("to", error.to_string()))?;
        Ok(Response::new(pb::ListShiftsResponse { shifts: shifts.into_iter().map(Into::into).collect() }))
    }
}

impl State {
    fn time_or_now(&self, at: Option<prost_types::Timestamp>, field: &str) -> Result<Timestamp> {
        at.map_or_else(|| Ok(self.clock.now()), |at| time(at, field))
    }

    async fn schedule(&self, organization: &OrganizationId, text: &str) -> Result<Schedule> {
        store::get(&self.db, organization, id(text, WHAT)?).await?.ok_or(Error::NotFound(WHAT))
    }

    async fn schedule_with_overrides(
        &self,
        organization: &OrganizationId,
        text: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Schedule> {
        let mut schedule = self.schedule(organization, text).await?;
        schedule.overrides = store::overrides(&self.db, organization, schedule.id, from, to).await?;
        Ok(schedule)
    }

    async fn save_schedule(
        &self,
        organization: &OrganizationId,
        schedule: &Schedule,
        is_new: bool,
    ) -> Result<()> {
        Error::if_any(schedule.violations())?;
        let mut tx = self.db.begin().await?;
        let written = if is_new {
            store::insert(&mut tx, organization, schedule).await
        } else {
            store::update(&mut tx, organization, schedule).await
        };
        written.map_err(|error| name_taken(error, "a schedule"))?;
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn change_schedule(
        &self,
        organization: &OrganizationId,
        text: &str,
        change: impl FnOnce(&mut Schedule) -> Result<()>,
    ) -> Result<Schedule> {
        let mut schedule = self.schedule(organization, text).await?;
        change(&mut schedule)?;
        schedule.updated_at = self.clock.now();
        self.save_schedule(organization, &schedule, false).await?;
        Ok(schedule)
    }

    async fn delete_schedule_row(&self, organization: &OrganizationId, text: &str) -> Result<()> {
        let id = id(text, WHAT)?;
        let mut tx = self.db.begin().await?;
        if store::users(&mut tx, organization, id).await? > 0 {
            return Err(Error::Precondition("an escalation policy uses the schedule".to_owned()));
        }
        if !store::delete(&mut tx, organization, id).await? {
            return Err(Error::NotFound(WHAT));
        }
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn add_override(
        &self,
        organization: &OrganizationId,
        text: &str,
        override_: &Override,
    ) -> Result<Uuid> {
        Error::if_any(override_.violations())?;
        let schedule = self.schedule(organization, text).await?;
        let mut tx = self.db.begin().await?;
        store::insert_override(&mut tx, organization, schedule.id, override_).await?;
        snapshot::raise(&mut tx, organization).await?;
        tx.commit().await?;
        Ok(schedule.id)
    }

    async fn delete_override_row(
        &self,
        organization: &OrganizationId,
        request: &pb::DeleteOverrideRequest,
    ) -> Result<()> {
        let (schedule_id, id) = (id(&request.schedule_id, WHAT)?, id(&request.override_id, "override")?);
        let mut tx = self.db.begin().await?;
        if !store::delete_override(&mut tx, organization, schedule_id, id).await? {
            return Err(Error::NotFound("override"));
        }
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }
}

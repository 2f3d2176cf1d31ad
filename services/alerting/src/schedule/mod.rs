//! Schedules: who is on call, and when.
//!
//! A schedule has rotations as layers. At any instant each rotation puts at most one participant
//! on call; the schedule's people are those of all its rotations, changed by overrides. All of it
//! is computed from the plan and the instant asked about: nothing is precomputed, so nothing can
//! be out of date.

pub mod on_call;
pub mod plan;
pub mod restriction;
pub mod rotation;
pub mod rpc;
pub mod store;
mod wire;

pub use on_call::{MAX_SHIFTS, OnCall, OnCallUser, Shift, TooManyShifts};
pub use plan::{Override, Schedule};
pub use restriction::Restriction;
pub use rotation::{Rotation, ShiftLength};

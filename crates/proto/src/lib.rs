//! The generated code of Callout's API and its embedded descriptors; nothing else.
//!
//! `proto/` is the only definition of the API. REST, OpenAPI and the access table are derived
//! from [`DESCRIPTORS`] at run time, so nothing is said twice.
#![forbid(unsafe_code)]

/// Who may call an RPC.
pub mod access {
    /// Version 1.
    #[allow(clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("access.v1");
    }
}

/// Users, teams and how to reach them.
pub mod identity {
    /// Version 1.
    #[allow(clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("identity.v1");
    }
}

/// Alerts, routing, schedules and escalation.
pub mod alerting {
    /// Version 1.
    #[allow(clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("alerting.v1");
    }
}

/// Templates, channels and deliveries.
pub mod notification {
    /// Version 1.
    #[allow(clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("notification.v1");
    }
}

/// The encoded `FileDescriptorSet` of everything above, comments and options included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

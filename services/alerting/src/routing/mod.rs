//! Routing: where a service's alerts go, by rules in order.

pub mod rpc;
pub mod rule;
pub mod store;
mod wire;

pub use rule::{Action, CompiledRules, Decision, Rule, RuleResult, Sample};

//! Who is calling, and what they may do.
//!
//! Every RPC names the access it needs in the proto ([`AccessTable`] reads it from the
//! descriptors); one tower layer ([`AuthLayer`]) in front of every service turns the bearer into
//! a [`Principal`] and refuses what the principal may not do. An RPC that names no access is
//! refused to everybody. Keys are looked up by their SHA-256 only, so a key is never stored,
//! logged or sent on.
//!
//! Handlers take the principal with [`Principal::of`] and pass its organization to every store
//! function: that is what keeps organizations apart.

mod access;
mod key;
mod layer;
mod principal;

pub use access::{Access, AccessTable};
pub use key::{KeyLookup, KeyOwner, LookupError, generate_api_key, key_sha256};
pub use layer::{AuthLayer, AuthService};
pub use principal::{OrganizationId, Principal, Role, Subject};

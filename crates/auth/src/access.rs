//! The access each RPC needs, read from the descriptors.

use std::{collections::HashMap, sync::LazyLock};

use callout_proto::DESCRIPTORS;
pub use callout_proto::access::v1::Access;
use prost_reflect::{DescriptorPool, MethodDescriptor};

static TABLE: LazyLock<AccessTable> = LazyLock::new(AccessTable::from_descriptors);

/// Which access the RPC at a path such as `/alerting.v1.AlertService/GetAlert` needs.
#[derive(Debug)]
pub struct AccessTable(HashMap<String, Access>);

impl AccessTable {
    /// The table of Callout's API.
    pub fn get() -> &'static Self {
        &TABLE
    }

    /// The access an RPC needs; `None` if there is no such RPC.
    pub fn needed(&self, path: &str) -> Option<Access> {
        self.0.get(path).copied()
    }

    /// Every path with its access.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Access)> {
        self.0.iter().map(|(path, access)| (path.as_str(), *access))
    }

    fn from_descriptors() -> Self {
        let pool = DescriptorPool::decode(DESCRIPTORS).expect("the embedded descriptors decode");
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        Self(methods.map(|method| (path(&method), declared(&pool, &method))).collect())
    }
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn declared(pool: &DescriptorPool, method: &MethodDescriptor) -> Access {
    let option = pool.get_extension_by_name("access.v1.access").expect("the option is in the descriptors");
    let options = method.options();
    let number = options.get_extension(&option).as_enum_number().unwrap_or_default();
    Access::try_from(number).unwrap_or(Access::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_names_its_access() {
        let silent: Vec<_> =
            AccessTable::get().iter().filter(|(_, access)| *access == Access::Unspecified).collect();
        assert!(silent.is_empty(), "RPCs without access: {silent:?}");
        assert!(AccessTable::get().iter().count() > 50);
    }

    #[test]
    fn the_table_says_what_the_proto_says() {
        let needed = |path| AccessTable::get().needed(path);
        assert_eq!(needed("/alerting.v1.AlertService/GetAlert"), Some(Access::View));
        assert_eq!(needed("/alerting.v1.AlertService/AcknowledgeAlert"), Some(Access::Respond));
        assert_eq!(needed("/alerting.v1.ServiceCatalog/CreateService"), Some(Access::Configure));
        assert_eq!(needed("/identity.v1.CredentialService/AuthenticateApiKey"), Some(Access::Peer));
        assert_eq!(needed("/alerting.v1.AlertService/NoSuch"), None);
    }
}

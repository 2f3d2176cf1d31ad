//! Which addresses may be connected to.
//!
//! A URL that a user writes must not reach what only this machine reaches (server-side request
//! forgery). Only global addresses are let through, unless an allow-list names a network. The check
//! is made on the addresses that the connection uses, in the resolver, so that a name that changes
//! its answer gains nothing; and on literal addresses, which no resolver sees.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Why an address is not connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address, and no allowed network has it")]
pub struct Refused(String);

/// Lets connections through, or not.
#[derive(Debug, Clone, Default)]
pub struct Guard(Arc<[IpNet]>);

impl Guard {
    /// Lets global addresses through, and those of `allowed`.
    pub fn new(allowed: &[IpNet]) -> Self {
        Self(allowed.into())
    }

    /// Whether an address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address)) || is_global(address)
    }

    /// Refuses a URL whose host is an address that may not be connected to. The parser has made
    /// `0x7f.1` and `2130706433` the addresses they are.
    pub fn check(&self, url: &Url) -> Result<(), Refused> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Refused("a URL without a host".to_owned())),
        };
        if self.allows(address) { Ok(()) } else { Err(Refused(address.to_string())) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.into_iter().filter(|at| guard.allows(at.ip())).collect();
            if allowed.is_empty() {
                return Err(Refused(name).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

/// IANA's special-purpose registry (RFC 6890), and multicast.
fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only 2000::/3 is given out for global unicast; within it, some is not global.
    let is_unicast = (segments[0] & 0xE000) == 0x2000;
    let is_6to4 = segments[0] == 0x2002;
    let is_teredo_or_special = segments[0] == 0x2001 && segments[1] < 0x0200;
    let is_documentation = (segments[0] == 0x2001 && segments[1] == 0x0DB8) || segments[0] == 0x3FFF;
    is_unicast && !is_6to4 && !is_teredo_or_special && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_addresses_are_let_through() {
        let guard = Guard::default();
        for refused in [
            "http://127.0.0.1/",
            "http://localhost.localdomain.127.0.0.1.nip.io.invalid@127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://198.18.0.1/",
            "http://0.0.0.0/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
            "http://[2001:db8::1]/",
        ] {
            assert!(guard.check(&Url::parse(refused).unwrap()).is_err(), "{refused}");
        }
        for allowed in
            ["https://93.184.215.14/", "https://[2606:2800:21f:cb07::1]/", "https://hooks.slack.com/x"]
        {
            assert!(guard.check(&Url::parse(allowed).unwrap()).is_ok(), "{allowed}");
        }
    }

    #[test]
    fn an_allowed_network_is_let_through() {
        let guard = Guard::new(&["127.0.0.0/8".parse().unwrap()]);
        assert!(guard.allows("127.0.0.1".parse().unwrap()));
        assert!(guard.allows("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!guard.allows("10.0.0.1".parse().unwrap()));
    }
}

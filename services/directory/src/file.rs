//! The file: users, teams and keys of each organization, as people write them.

use std::collections::BTreeMap;

use callout_auth::Role;
use callout_runtime::yaml::{Spanned, YamlError, parse};
use jiff::Timestamp;
use serde::Deserialize;

use crate::directory::{ApiKey, Contact, ContactChannel, Directory, Organization, Team, User};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organizations: Vec<OrganizationEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationEntry {
    id: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    users: Vec<UserEntry>,
    #[serde(default)]
    teams: Vec<TeamEntry>,
    #[serde(default)]
    api_keys: Vec<ApiKeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    id: Spanned<String>,
    name: Option<String>,
    #[serde(default)]
    email: String,
    #[serde(default = "member")]
    role: RoleEntry,
    time_zone: Option<Spanned<String>>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    contact_methods: Vec<ContactEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactEntry {
    id: Option<String>,
    channel: ContactChannel,
    address: Spanned<String>,
    #[serde(default)]
    label: String,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamEntry {
    id: Spanned<String>,
    name: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    members: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyEntry {
    name: Spanned<String>,
    sha256: Spanned<String>,
    role: RoleEntry,
    user: Option<Spanned<String>>,
    expires: Option<Timestamp>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RoleEntry {
    Viewer,
    Member,
    Admin,
    Owner,
}

impl From<RoleEntry> for Role {
    fn from(role: RoleEntry) -> Self {
        match role {
            RoleEntry::Viewer => Self::Viewer,
            RoleEntry::Member => Self::Member,
            RoleEntry::Admin => Self::Admin,
            RoleEntry::Owner => Self::Owner,
        }
    }
}

fn member() -> RoleEntry {
    RoleEntry::Member
}

fn yes() -> bool {
    true
}

/// Reads and checks a directory file. Every error that can be found is found at once.
pub fn read(text: &str) -> Result<Directory, Vec<YamlError>> {
    let file: File = parse(text).map_err(|error| vec![error])?;
    let mut check = Check::default();
    let mut directory = Directory::default();
    for (index, entry) in file.organizations.into_iter().enumerate() {
        let path = format!("organizations[{index}]");
        check.id(&entry.id, &format!("{path}.id"));
        let id = entry.id.value.clone();
        let place = Spanned { value: (), referenced: entry.id.referenced, defined: entry.id.defined };
        let organization = check.organization(entry, &path);
        if directory.organizations.insert(id, organization).is_some() {
            check.fail(&place, &format!("{path}.id"), "another organization has this id");
        }
    }
    check.key_hashes(&directory);
    if check.errors.is_empty() { Ok(directory) } else { Err(check.errors) }
}

#[derive(Default)]
struct Check {
    errors: Vec<YamlError>,
}

impl Check {
    fn fail<T>(&mut self, place: &Spanned<T>, field: &str, reason: &str) {
        self.errors.push(YamlError::at(place, field, reason));
    }

    fn id(&mut self, id: &Spanned<String>, field: &str) {
        if !(1..=128).contains(&id.value.len()) || id.value.chars().any(char::is_whitespace) {
            self.fail(id, field, "must have 1 to 128 bytes and no white space");
        }
    }

    fn organization(&mut self, entry: OrganizationEntry, path: &str) -> Organization {
        let mut users = BTreeMap::new();
        for (index, entry) in entry.users.into_iter().enumerate() {
            let path = format!("{path}.users[{index}]");
            let place = Spanned::new((), entry.id.referenced, entry.id.defined);
            let user = self.user(entry, &path);
            if users.insert(user.id.clone(), user).is_some() {
                self.fail(&place, &format!("{path}.id"), "another user has this id");
            }
        }
        let mut teams = BTreeMap::new();
        for (index, entry) in entry.teams.into_iter().enumerate() {
            let path = format!("{path}.teams[{index}]");
            let place = Spanned::new((), entry.id.referenced, entry.id.defined);
            let team = self.team(entry, &users, &path);
            if teams.insert(team.id.clone(), team).is_some() {
                self.fail(&place, &format!("{path}.id"), "another team has this id");
            }
        }
        let keys = entry.api_keys.into_iter().enumerate();
        let api_keys = keys
            .map(|(index, entry)| self.api_key(entry, &users, &format!("{path}.api_keys[{index}]")))
            .collect();
        Organization { name: entry.name, users, teams, api_keys }
    }

    fn user(&mut self, entry: UserEntry, path: &str) -> User {
        self.id(&entry.id, &format!("{path}.id"));
        if let Some(zone) = &entry.time_zone
            && jiff::tz::TimeZone::get(&zone.value).is_err()
        {
            self.fail(zone, &format!("{path}.time_zone"), "is not an IANA time zone");
        }
        let id = entry.id.value;
        let contacts = entry.contact_methods.into_iter().enumerate();
        User {
            contacts: contacts
                .map(|(index, entry)| self.contact(entry, index, &format!("{path}.contact_methods[{index}]")))
                .collect(),
            name: entry.name.unwrap_or_else(|| id.clone()),
            email: entry.email,
            role: entry.role.into(),
            time_zone: entry.time_zone.map(|zone| zone.value).unwrap_or_default(),
            active: entry.active,
            id,
        }
    }

    fn contact(&mut self, entry: ContactEntry, index: usize, path: &str) -> Contact {
        if let Err(reason) = entry.channel.check_address(&entry.address.value) {
            self.fail(&entry.address, &format!("{path}.address"), reason);
        }
        Contact {
            id: entry.id.unwrap_or_else(|| format!("{}-{}", entry.channel.name(), index + 1)),
            channel: entry.channel,
            address: entry.address.value,
            label: entry.label,
            disabled: entry.disabled,
        }
    }

    fn team(&mut self, entry: TeamEntry, users: &BTreeMap<String, User>, path: &str) -> Team {
        self.id(&entry.id, &format!("{path}.id"));
        for (index, member) in entry.members.iter().enumerate() {
            self.known_user(member, users, &format!("{path}.members[{index}]"));
        }
        Team {
            name: entry.name.unwrap_or_else(|| entry.id.value.clone()),
            id: entry.id.value,
            description: entry.description,
            members: entry.members.into_iter().map(|member| member.value).collect(),
        }
    }

    fn api_key(&mut self, entry: ApiKeyEntry, users: &BTreeMap<String, User>, path: &str) -> ApiKey {
        self.id(&entry.name, &format!("{path}.name"));
        let hash = &entry.sha256;
        if hash.value.len() != 64 || !hash.value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            self.fail(hash, &format!("{path}.sha256"), "must be 64 lower-case hexadecimal digits");
        }
        if let Some(user) = &entry.user {
            self.known_user(user, users, &format!("{path}.user"));
        }
        ApiKey {
            name: entry.name.value,
            sha256: entry.sha256.value,
            role: entry.role.into(),
            user_id: entry.user.map(|user| user.value),
            expires: entry.expires,
        }
    }

    fn known_user(&mut self, id: &Spanned<String>, users: &BTreeMap<String, User>, field: &str) {
        if !users.contains_key(&id.value) {
            self.fail(id, field, &format!("there is no user `{}` in this organization", id.value));
        }
    }

    /// A key that two entries share would belong to whichever is found first.
    fn key_hashes(&mut self, directory: &Directory) {
        let mut seen = std::collections::HashSet::new();
        for organization in directory.organizations.values() {
            for key in &organization.api_keys {
                if !seen.insert(&key.sha256) {
                    let reason = format!("the key `{}` has the hash of another one", key.name);
                    self.errors.push(YamlError { line: 0, column: 0, field: "api_keys".into(), reason });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
organizations:
  - id: acme
    users:
      - id: alice
        name: Alice
        email: alice@example.com
        role: admin
        time_zone: Europe/Berlin
        contact_methods:
          - {channel: email, address: alice@example.com}
          - {channel: slack, address: U012AB3CD}
      - {id: bob, active: false}
    teams:
      - {id: sre, members: [alice, bob]}
    api_keys:
      - {name: ci, role: member, user: alice, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}
";

    #[test]
    fn a_good_file_is_read() {
        let directory = read(GOOD).unwrap();
        let acme = &directory.organizations["acme"];
        assert_eq!(acme.users["alice"].contacts[1].address, "U012AB3CD");
        assert_eq!(acme.users["bob"].role, Role::Member);
        assert_eq!(acme.api_keys[0].user_id.as_deref(), Some("alice"));
    }

    #[test]
    fn every_error_is_found_with_its_place() {
        let cases = [
            ("role: admin", "role: king", "users[0].role"),
            ("Europe/Berlin", "Europe/Atlantis", "users[0].time_zone: is not an IANA time zone"),
            ("members: [alice, bob]", "members: [alice, eve]", "teams[0].members[1]: there is no user `eve`"),
            ("user: alice", "user: eve", "api_keys[0].user: there is no user `eve`"),
            ("ba7816", "BA7816", "api_keys[0].sha256: must be 64 lower-case"),
            ("address: alice@example.com}", "address: alice}", "contact_methods[0].address"),
            ("id: bob", "id: alice", "users[1].id: another user has this id"),
            ("name: Alice", "nmae: Alice", "unknown field `nmae`"),
        ];
        for (from, to, expected) in cases {
            let errors = read(&GOOD.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("{to}"));
            let shown = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(shown.contains(expected) && shown.contains("line "), "{to}: {shown}");
        }
    }
}

//! The file: users, teams and keys of each organization, as people write them.

use std::collections::{BTreeMap, HashSet};

use callout_runtime::yaml::{Spanned, YamlError, parse};

use crate::{
    directory::{ApiKey, Contact, ContactChannel, Directory, Organization, Team, User},
    entry::{ApiKeyEntry, ContactEntry, File, OrganizationEntry, TeamEntry, UserEntry},
};

/// The most users, and the most teams, of an organization: as many as services keep copies of.
const MAX_PEOPLE: usize = 10_000;
/// The most API keys of an organization.
const MAX_KEYS: usize = 1000;
/// The most contact methods of a user.
const MAX_CONTACTS: usize = 20;
/// The longest e-mail address (RFC 5321, section 4.5.3.1.3).
const MAX_EMAIL_BYTES: usize = 254;

/// Reads and checks a directory file. Where it is not YAML of the right form, that error is
/// given; otherwise every error at once.
pub fn read(text: &str) -> Result<Directory, Vec<YamlError>> {
    let file: File = parse(text).map_err(|error| vec![error])?;
    let mut check = Check::default();
    let first = file.organizations.first().map(|entry| entry.id.value.clone());
    let mut directory = Directory { first, ..Directory::default() };
    for (index, entry) in file.organizations.into_iter().enumerate() {
        let path = format!("organizations[{index}]");
        check.id(&entry.id, &format!("{path}.id"));
        let place = place(&entry.id);
        let id = entry.id.value.clone();
        let organization = check.organization(entry, &path);
        if directory.organizations.insert(id, organization).is_some() {
            check.fail(&place, &format!("{path}.id"), "another organization has this id");
        }
    }
    if check.errors.is_empty() { Ok(directory) } else { Err(check.errors) }
}

/// Where a value stands, without the value.
fn place<T>(of: &Spanned<T>) -> Spanned<()> {
    Spanned::new((), of.referenced, of.defined)
}

#[derive(Default)]
struct Check {
    errors: Vec<YamlError>,
    /// Of every organization: a key that two entries share would belong to whichever is found
    /// first.
    key_hashes: HashSet<String>,
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
        self.count(entry.users.len(), MAX_PEOPLE, &entry.id, &format!("{path}.users"));
        self.count(entry.teams.len(), MAX_PEOPLE, &entry.id, &format!("{path}.teams"));
        self.count(entry.api_keys.len(), MAX_KEYS, &entry.id, &format!("{path}.api_keys"));
        let users = self.users(entry.users, path);
        let teams = self.teams(entry.teams, &users, path);
        let keys = entry.api_keys.into_iter().enumerate();
        let api_keys = keys
            .map(|(index, entry)| self.api_key(entry, &users, &format!("{path}.api_keys[{index}]")))
            .collect();
        Organization { name: entry.name, users, teams, api_keys }
    }

    fn users(&mut self, entries: Vec<UserEntry>, path: &str) -> BTreeMap<String, User> {
        let mut users = BTreeMap::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let path = format!("{path}.users[{index}]");
            let place = place(&entry.id);
            let user = self.user(entry, &path);
            if users.insert(user.id.clone(), user).is_some() {
                self.fail(&place, &format!("{path}.id"), "another user has this id");
            }
        }
        users
    }

    fn teams(
        &mut self,
        entries: Vec<TeamEntry>,
        users: &BTreeMap<String, User>,
        path: &str,
    ) -> BTreeMap<String, Team> {
        let mut teams = BTreeMap::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let path = format!("{path}.teams[{index}]");
            let place = place(&entry.id);
            let team = self.team(entry, users, &path);
            if teams.insert(team.id.clone(), team).is_some() {
                self.fail(&place, &format!("{path}.id"), "another team has this id");
            }
        }
        teams
    }

    fn user(&mut self, entry: UserEntry, path: &str) -> User {
        self.id(&entry.id, &format!("{path}.id"));
        if let Some(zone) = &entry.time_zone
            && jiff::tz::TimeZone::get(&zone.value).is_err()
        {
            self.fail(zone, &format!("{path}.time_zone"), "is not an IANA time zone");
        }
        if let Some(email) = &entry.email {
            self.email(email, &format!("{path}.email"));
        }
        let contacts = self.contacts(entry.contact_methods, &entry.id, &format!("{path}.contact_methods"));
        let id = entry.id.value;
        User {
            contacts,
            name: entry.name.unwrap_or_else(|| id.clone()),
            email: entry.email.map(|email| email.value).unwrap_or_default(),
            role: entry.role.into(),
            time_zone: entry.time_zone.map(|zone| zone.value).unwrap_or_default(),
            active: entry.active,
            id,
        }
    }

    fn email(&mut self, email: &Spanned<String>, field: &str) {
        if email.value.len() > MAX_EMAIL_BYTES {
            self.fail(email, field, &format!("must have at most {MAX_EMAIL_BYTES} bytes"));
        } else if let Err(reason) = ContactChannel::Email.check_address(&email.value) {
            self.fail(email, field, reason);
        }
    }

    fn contacts(&mut self, entries: Vec<ContactEntry>, user: &Spanned<String>, path: &str) -> Vec<Contact> {
        self.count(entries.len(), MAX_CONTACTS, user, path);
        let mut ids = HashSet::new();
        let mut contacts = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let place = place(&entry.address);
            let contact = self.contact(entry, index, &path);
            if !ids.insert(contact.id.clone()) {
                let reason = format!("another contact method of this user has the id `{}`", contact.id);
                self.fail(&place, &format!("{path}.id"), &reason);
            }
            contacts.push(contact);
        }
        contacts
    }

    fn contact(&mut self, entry: ContactEntry, index: usize, path: &str) -> Contact {
        if let Err(reason) = entry.channel.check_address(&entry.address.value) {
            self.fail(&entry.address, &format!("{path}.address"), reason);
        }
        if let Some(id) = &entry.id {
            self.id(id, &format!("{path}.id"));
        }
        let id = entry.id.map(|id| id.value);
        Contact {
            id: id.unwrap_or_else(|| format!("{}-{}", entry.channel.name(), index + 1)),
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
        if !self.key_hashes.insert(hash.value.clone()) {
            self.fail(hash, &format!("{path}.sha256"), "another API key has this hash");
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

    /// Bounds what one list may hold; a file of 4 MiB could hold very many small entries.
    fn count(&mut self, count: usize, max: usize, at: &Spanned<String>, field: &str) {
        if count > max {
            self.fail(at, field, &format!("has {count} entries; at most {max} are allowed"));
        }
    }
}

#[cfg(test)]
mod tests;

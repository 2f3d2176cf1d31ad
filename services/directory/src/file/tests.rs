use callout_auth::Role;

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
        ("email: alice@example.com", "email: alice", "users[0].email: is not an e-mail address"),
        ("channel: slack", "id: email-1, channel: slack", "contact_methods[1].id: another contact method"),
        ("id: bob", "id: alice", "users[1].id: another user has this id"),
        ("name: Alice", "nmae: Alice", "unknown field `nmae`"),
    ];
    for (from, to, expected) in cases {
        let errors = read(&GOOD.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("{to}"));
        let shown = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(shown.contains(expected) && shown.contains("line "), "{to}: {shown}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_line_and_column() {
    let text = "organizations:
  - id: acme
    users: [{id: alice, email: alice}]
    teams:
      - {id: sre, members: [alice, eve]}
    api_keys:
      - {name: a, role: admin, sha256: short}
      - {name: b, role: admin, sha256: short}
";
    let shown: Vec<_> = read(text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 3, column 32: organizations[0].users[0].email: is not an e-mail address",
            "line 5, column 36: organizations[0].teams[0].members[1]: there is no user `eve` in this organization",
            "line 7, column 40: organizations[0].api_keys[0].sha256: must be 64 lower-case hexadecimal digits",
            "line 8, column 40: organizations[0].api_keys[1].sha256: must be 64 lower-case hexadecimal digits",
            "line 8, column 40: organizations[0].api_keys[1].sha256: another API key has this hash",
        ]
    );
}

#[test]
fn what_a_file_holds_is_bounded() {
    let contacts = "{channel: push, address: x},".repeat(MAX_CONTACTS + 1);
    let text =
        format!("organizations: [{{id: acme, users: [{{id: alice, contact_methods: [{contacts}]}}]}}]");
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("at most 20 are allowed"), "{}", errors[0]);
    let errors = read(&" ".repeat(callout_runtime::yaml::MAX_BYTES + 1)).unwrap_err();
    assert!(errors[0].to_string().contains("larger than"), "{}", errors[0]);
}

/// The example of the documentation is one that works.
#[test]
fn the_documented_example_is_read() {
    let documentation = include_str!("../../../../docs/directory.md");
    let (_, rest) = documentation.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let directory = read(example).unwrap();
    let default = &directory.organizations["default"];
    assert_eq!(default.users["alice"].contacts.len(), 3);
    assert_eq!(directory.first.as_deref(), Some("default"));
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "[-a-z0-9:{}\\[\\], &*#'\"\n ]{0,200}") {
        let _ = read(&text);
        let _ = read(&format!("organizations:\n  - id: acme\n    users: {text}"));
    }
}

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn context() -> Json {
    json!({
        "alert": {"summary": "disk <full> on \"db-1\"", "created_at": "2026-03-29T01:30:00Z", "count": 3, "ok": true},
        "labels": {"severity": "critical", "team": "db"},
        "empty": null,
    })
}

fn render(source: &str, escape: Escape) -> Result<String, TemplateError> {
    Template::compile(source, escape)?.render(&context())
}

#[test]
fn values_are_printed_and_escaped_for_their_place() {
    let table = [
        ("{{ alert.summary }}", Escape::None, "disk <full> on \"db-1\""),
        ("{{ alert.summary }}", Escape::Html, "disk &lt;full&gt; on &quot;db-1&quot;"),
        ("\"{{ alert.summary }}\"", Escape::Json, "\"disk <full> on \\\"db-1\\\"\""),
        ("{{ alert.ok }} {{ alert.count }} [{{ empty }}]", Escape::None, "true 3 []"),
        ("{{ labels.severity | upper }}", Escape::None, "CRITICAL"),
        ("{{ labels.namespace | default('none') }}", Escape::None, "none"),
        ("{% if labels.namespace %}x{% else %}y{% endif %}", Escape::None, "y"),
        ("{{ alert.summary | truncate(6) }}", Escape::None, "disk …"),
        ("{{ alert.created_at | time('%H:%M', 'Europe/Berlin') }}", Escape::None, "03:30"),
        ("{{ alert.created_at | time }}", Escape::None, "2026-03-29 01:30 UTC"),
        ("{{ labels | tojson }}", Escape::Json, r#"{"severity":"critical","team":"db"}"#),
        (
            "{% for k, v in labels | items %}{{ k }}={{ v }};{% endfor %}",
            Escape::None,
            "severity=critical;team=db;",
        ),
    ];
    for (source, escape, expected) in table {
        assert_eq!(render(source, escape).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_not_defined_is_named() {
    for (source, path, place) in [
        ("a\n b {{ labels.namespace }}", "labels.namespace", (2, 7)),
        ("{{ labels['name space'] }}", "labels.name space", (1, 4)),
        ("{{ nothing.at.all }}", "nothing.at", (1, 4)),
        ("{{ labels.namespace | upper }}", "labels.namespace", (1, 4)),
    ] {
        let error = render(source, Escape::None).unwrap_err();
        let expected = TemplateErrorKind::Undefined { path: path.to_owned() };
        assert_eq!((&error.kind, error.line), (&expected, place.0), "{source}: {error}");
    }
}

#[test]
fn errors_say_where() {
    for (source, line, text) in [
        ("line\n{{ alert.summary", 2, "end of"),
        ("line\n\n{% if %}", 3, "unexpected"),
        ("{{ a.b | indent }}", 1, "no filter `indent`"),
        ("\n{{ range(1000000) }}", 2, "calls are not allowed"),
        ("{% macro x() %}{% endmacro %}", 0, "no macros"),
        ("{% set a = a ~ a %}", 1, "only allowed directly"),
        ("{{ 'a' * 100000000 }}", 1, "not allowed"),
        ("{{ alert.summary | safe }}", 1, "no filter `safe`"),
        ("{% include 'x' %}", 0, "includes"),
    ] {
        let error = render(source, Escape::Json).unwrap_err();
        assert_eq!((&error.kind, error.line), (&TemplateErrorKind::Syntax, line), "{source}: {error}");
        assert!(error.message.contains(text), "{source}: {error}");
    }
    let error = render("{{ labels.team | time }}", Escape::None).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (TemplateErrorKind::Render, "`db` is not a time"));
}

#[test]
fn the_variables_of_a_template_are_known() {
    let template =
        Template::compile("{{ alert.summary }}{% if labels.team %}{{ user.name }}{% endif %}", Escape::None);
    let variables: Vec<_> = template.unwrap().variables().into_iter().collect();
    assert_eq!(variables, ["alert.summary", "labels.team", "user.name"]);
}

/// Each of these once ended a process or took all memory.
#[test]
fn attacks_are_refused_or_bounded_on_a_small_stack() {
    let attacks = [
        format!("{{{{ 1{} }}}}", "+1".repeat(4000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(4000), ")".repeat(4000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(4000), "]".repeat(4000)),
        format!("{{{{ a{} }}}}", ".a".repeat(4000)),
        format!("{{{{ a{} }}}}", "|upper".repeat(2000)),
        format!("{{{{ {}a }}}}", "not ".repeat(3000)),
        format!("{}{}", "{% if a %}".repeat(600), "{% endif %}".repeat(600)),
        format!("{}x{}", "{% for a in labels %}".repeat(20), "{% endfor %}".repeat(20)),
        format!("{}{{{{ a }}}}", "{% set a = [a, a, a, a, a, a, a, a] %}".repeat(300)),
        format!("{{{{ {}'x' }}}}", "alert.summary ~ ".repeat(900)),
        format!("{{{{ alert.summary{} }}}}", "|replace('', 'xxxxxxxxxx')".repeat(20)),
    ];
    let run = move || {
        for attack in attacks {
            if let Ok(result) = render(&attack, Escape::Html) {
                assert!(result.len() <= MAX_OUTPUT_BYTES);
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    thread.join().unwrap();
}

proptest! {
    #[test]
    fn no_text_panics(source in "\\PC{0,120}") {
        let _ = render(&source, Escape::Html);
    }

    #[test]
    fn no_text_of_the_language_panics(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{%", "%}", "if", "for", "in", "endif", "endfor", "set", "=", "alert", ".summary", "labels",
            "|", "upper", "join", "(", ")", "'a'", "1", "~", "else", "x", "[", "]", ",", "with", "endwith", "is defined",
        ]), 0..24),
    ) {
        let _ = render(&parts.join(" "), Escape::Json);
    }

    #[test]
    fn hostile_values_stay_inside_their_json_string(value in "\\PC*|.*[\"\\\\\n\u{0}\u{7f}].*") {
        let template = Template::compile(r#"{"a": "{{ v }}", "b": {{ v | tojson }}, "c": "{{ v | upper }}"}"#, Escape::Json).unwrap();
        let parsed: Json = serde_json::from_str(&template.render(&json!({"v": value})).unwrap()).unwrap();
        prop_assert_eq!(&parsed["a"], &Json::from(value.clone()));
        prop_assert_eq!(&parsed["b"], &Json::from(value));
    }

    #[test]
    fn hostile_values_stay_text_in_html(value in ".*") {
        let template = Template::compile("<p title=\"{{ v }}\">{{ v | lower }}</p>", Escape::Html).unwrap();
        let html = template.render(&json!({"v": value})).unwrap();
        prop_assert_eq!(html.matches('<').count(), 2);
        prop_assert_eq!(html.matches('"').count(), 2);
    }
}

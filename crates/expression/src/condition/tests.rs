use proptest::prelude::*;
use serde_json::json;

use super::*;

const VARIABLES: [&str; 4] = ["alert", "labels", "annotations", "service"];

fn context() -> Context {
    let alert = json!({"summary": "disk 95% full", "priority": "P1", "dedup_count": 3});
    let labels = json!({"severity": "critical", "namespace": "payments", "team": "db"});
    let annotations = json!({"runbook_url": "https://runbooks.example.com/disk"});
    let service = json!({"name": "checkout"});
    Context::new([
        ("alert", &alert),
        ("labels", &labels),
        ("annotations", &annotations),
        ("service", &service),
    ])
}

fn compile(source: &str) -> Result<Condition, SyntaxError> {
    Condition::compile(source, &VARIABLES)
}

#[test]
fn conditions_hold_or_do_not() {
    let table = [
        ("labels.severity == 'critical'", true),
        ("labels['severity'] == 'warning'", false),
        ("labels.severity in ['critical', 'page'] && labels.namespace.startsWith('pay')", true),
        ("has(labels.cluster)", false),
        ("!has(labels.cluster) && has(labels.team)", true),
        ("has(labels.cluster) && labels.cluster == 'eu'", false),
        ("alert.summary.matches('[0-9]{2}% full')", true),
        ("alert.dedup_count + 1 > 3", true),
        ("alert.summary.contains('full') ? service.name == 'checkout' : false", true),
        ("labels.exists(name, name == 'team')", true),
        ("labels.all(name, labels[name].size() > 2)", false),
        ("annotations.runbook_url.endsWith('disk')", true),
        ("labels.namespace.upperAscii() == 'PAYMENTS'", true),
        ("'team' in labels", true),
    ];
    let context = context();
    for (source, expected) in table {
        let condition = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(condition.matches(&context), Ok(expected), "{source}");
    }
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    let context = context();
    let failure = |source| compile(source).unwrap().matches(&context).unwrap_err().to_string();
    assert!(failure("labels.cluster == 'eu'").contains("cluster"));
    assert!(failure("labels.severity").contains("not a bool"));
}

#[test]
fn errors_say_where_and_what() {
    let error = compile("labels.a == 'x' &&\n  labels.b ==").unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    let table = [
        ("label.severity == 'x'", "no variable `label`"),
        ("labels.severity.replace('a', 'b') == 'x'", "no function `replace`"),
        ("labels.map(x, x + x).size() > 1", "map and filter are not allowed"),
        ("labels.exists(a, labels.exists(b, a == b))", "a loop in a loop"),
        ("labels.severity.matches(labels.team)", "must be a literal"),
        ("labels.severity.matches('(a')", "the pattern of `matches`"),
        ("labels.severity.matches('(a{1000}){1000}')", "the pattern of `matches`"),
    ];
    for (source, expected) in table {
        let error = compile(source).expect_err(source).to_string();
        assert!(error.contains(expected), "{source}: {error}");
    }
}

/// Each of these once ended a process or ran for minutes.
#[test]
fn attacks_are_refused_or_bounded_on_a_small_stack() {
    let list = "[0,1,2,3,4,5,6,7,8,9]";
    let mut loops = String::from("true");
    let mut doubling = String::from("'aaaaaaaaaa'");
    for i in 0..8 {
        loops = format!("{list}.all(x{i}, {loops})");
    }
    for i in 0..30 {
        doubling = format!("[{doubling}].map(x{i}, x{i}+x{i})[0]");
    }
    let attacks = [
        format!("1{}", "+1".repeat(2000)),
        format!("1{}", "==1".repeat(1300)),
        format!("a{}", ".a".repeat(2000)),
        format!("a{}", "['a']".repeat(800)),
        format!("'a'{}", ".trim()".repeat(580)),
        format!("{}true", "!".repeat(4000)),
        format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}1{}", "[".repeat(2000), "]".repeat(2000)),
        format!("{}1", "true?1:".repeat(580)),
        format!("'a'.matches('{}a{}')", "(".repeat(1900), ")".repeat(1900)),
        loops,
        doubling,
        "a".repeat(5000),
    ];
    let run = move || {
        for attack in attacks {
            if let Ok(condition) = compile(&attack) {
                let _ = condition.matches(&context());
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    thread.join().unwrap();
}

proptest! {
    #[test]
    fn no_text_panics(source in "\\PC{0,80}") {
        if let Ok(condition) = compile(&source) {
            let _ = condition.matches(&context());
        }
    }

    #[test]
    fn no_text_of_the_language_panics(
        parts in prop::collection::vec(prop::sample::select(vec![
            "labels", ".severity", "['a']", "==", "'x'", "&&", "||", "!", "(", ")", "has(", "size(", "[", "]",
            ",", "1", "-", "+", "in", "?", ":", ".exists(x,", "x", "true", ".matches('a')", "{", "}", "null",
        ]), 0..24),
    ) {
        if let Ok(condition) = compile(&parts.join(" ")) {
            let _ = condition.matches(&context());
        }
    }
}

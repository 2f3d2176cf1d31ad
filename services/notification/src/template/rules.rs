//! What channels refuse.
//!
//! Slack: <https://docs.slack.dev/reference/block-kit/blocks>. SMS: GSM 03.38 segments.

use serde_json::Value;

use super::{Code, Problem};
use crate::rendered::{Kind, Rendered};

const MAX_BLOCKS: usize = 50;
/// All texts of all blocks together.
const MAX_BLOCK_TEXT: usize = 13_200;
const MAX_SUBJECT: usize = 900;
const MAX_TEAMS_BYTES: usize = 28 * 1024;
const MAX_PUSH_BYTES: usize = 4096;
const MAX_SMS_SEGMENTS: usize = 6;

/// Whether a channel takes a message.
pub(super) fn check(rendered: &Rendered, field: &str) -> Result<(), Problem> {
    let too_long = |part: &str, reason: String| {
        Err(Problem::of_field(Code::LengthExceeded, format!("{field}.{part}"), reason))
    };
    match rendered.kind {
        Kind::Slack => slack(rendered, &format!("{field}.body")),
        Kind::Email if rendered.subject.is_empty() => {
            Err(Problem::of_field(Code::ChannelRule, format!("{field}.subject"), "the subject is empty"))
        }
        Kind::Email if rendered.subject.len() > MAX_SUBJECT => {
            too_long("subject", format!("the subject has more than {MAX_SUBJECT} bytes"))
        }
        Kind::Email if rendered.text.trim().is_empty() && rendered.html.trim().is_empty() => {
            Err(Problem::of_field(Code::ChannelRule, format!("{field}.text"), "text and html are empty"))
        }
        Kind::Email => Ok(()),
        Kind::Sms | Kind::Voice if rendered.text.trim().is_empty() => {
            Err(Problem::of_field(Code::ChannelRule, format!("{field}.text"), "the text is empty"))
        }
        Kind::Sms if segments(&rendered.text) > MAX_SMS_SEGMENTS => {
            too_long("text", format!("the message takes more than {MAX_SMS_SEGMENTS} segments"))
        }
        Kind::Sms | Kind::Voice => Ok(()),
        Kind::Teams if rendered.body.len() > MAX_TEAMS_BYTES => {
            too_long("body", format!("the card has more than {MAX_TEAMS_BYTES} bytes"))
        }
        Kind::Push if rendered.body.len() > MAX_PUSH_BYTES => {
            too_long("body", format!("the message has more than {MAX_PUSH_BYTES} bytes"))
        }
        Kind::Teams | Kind::Push | Kind::Webhook => json(rendered, field).map(drop),
    }
}

fn json(rendered: &Rendered, field: &str) -> Result<Value, Problem> {
    serde_json::from_str(&rendered.body).map_err(|error| Problem {
        line: error.line(),
        column: error.column(),
        ..Problem::of_field(
            Code::ChannelRule,
            format!("{field}.body"),
            format!("the result is not JSON: {error}"),
        )
    })
}

fn slack(rendered: &Rendered, field: &str) -> Result<(), Problem> {
    let broken = |reason: String| Err(Problem::of_field(Code::ChannelRule, field, reason));
    let body: Value = serde_json::from_str(&rendered.body).unwrap_or_default();
    let Some(blocks) = body["blocks"].as_array() else {
        return broken("the result must be a JSON array of blocks".to_owned());
    };
    if blocks.len() > MAX_BLOCKS {
        return broken(format!("has {} blocks; Slack takes {MAX_BLOCKS}", blocks.len()));
    }
    for (index, block) in blocks.iter().enumerate() {
        if let Some(reason) = block_problem(block) {
            return broken(format!("block {index}: {reason}"));
        }
    }
    let total: usize = blocks.iter().map(text_length).sum();
    if total > MAX_BLOCK_TEXT {
        let reason =
            format!("the blocks have {total} characters of text; Slack takes about {MAX_BLOCK_TEXT}");
        return Err(Problem::of_field(Code::LengthExceeded, field, reason));
    }
    Ok(())
}

fn block_problem(block: &Value) -> Option<String> {
    let over = |value: &Value, max: usize| value.as_str().is_some_and(|text| text.chars().count() > max);
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    let elements = |max: usize| {
        let count = count(&block["elements"]);
        (count == 0 || count > max).then(|| format!("must have 1 to {max} elements, has {count}"))
    };
    match block["type"].as_str()? {
        "header" if over(&block["text"]["text"], 150) => {
            Some("a header has at most 150 characters".to_owned())
        }
        "header" if block["text"]["type"] != "plain_text" => Some("a header's text is plain_text".to_owned()),
        "section" if over(&block["text"]["text"], 3000) => {
            Some("a section has at most 3000 characters".to_owned())
        }
        "section" if count(&block["fields"]) > 10 => Some("a section has at most 10 fields".to_owned()),
        "section" => {
            let fields = block["fields"].as_array()?;
            let long = fields.iter().any(|field| over(&field["text"], 2000));
            long.then(|| "a field has at most 2000 characters".to_owned())
        }
        "actions" => elements(25).or_else(|| {
            block["elements"].as_array()?.iter().find_map(|button| {
                if over(&button["text"]["text"], 75) {
                    return Some("a button has at most 75 characters".to_owned());
                }
                (over(&button["url"], 3000) || over(&button["value"], 2000))
                    .then(|| "a button's url has at most 3000 characters, its value 2000".to_owned())
            })
        }),
        "context" => elements(10),
        _ => None,
    }
    .or_else(|| over(&block["block_id"], 255).then(|| "a block_id has at most 255 characters".to_owned()))
}

fn text_length(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "text" => text.chars().count(),
                other => text_length(other),
            })
            .sum(),
        Value::Array(values) => values.iter().map(text_length).sum(),
        _ => 0,
    }
}

const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_EXTENDED: &str = "^{}\\[~]|€";

/// How many segments a text message takes. Characters that cost two septets cannot straddle two
/// segments, so segments are filled one by one.
pub(super) fn segments(text: &str) -> usize {
    let septets = |c: char| match c {
        _ if GSM_BASIC.contains(c) => Some(1),
        _ if GSM_EXTENDED.contains(c) => Some(2),
        _ => None,
    };
    match text.chars().map(septets).collect::<Option<Vec<usize>>>() {
        Some(costs) => fill(&costs, 160, 153),
        None => fill(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

fn fill(costs: &[usize], alone: usize, split: usize) -> usize {
    if costs.iter().sum::<usize>() <= alone {
        return usize::from(!costs.is_empty());
    }
    let (mut segments, mut used) = (1, 0);
    for cost in costs {
        if used + cost > split {
            segments += 1;
            used = 0;
        }
        used += cost;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_filled_one_by_one() {
        let a = "a".repeat(152);
        for (text, expected) in [
            (String::new(), 0),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            (format!("{a}{{{a}"), 3),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("😀".repeat(35), 1),
        ] {
            assert_eq!(segments(&text), expected, "{} characters", text.chars().count());
        }
    }

    #[test]
    fn slack_limits_are_known() {
        let verdict = |blocks: Value| {
            let body = serde_json::json!({"text": "t", "blocks": blocks}).to_string();
            let rendered =
                Rendered { kind: Kind::Slack, subject: "".into(), text: "t".into(), html: "".into(), body };
            check(&rendered, "contents[0]").err().map(|problem| problem.to_string()).unwrap_or_default()
        };
        let divider = serde_json::json!({"type": "divider"});
        assert_eq!(verdict(vec![divider.clone(); 50].into()), "");
        assert!(verdict(vec![divider; 51].into()).contains("has 51 blocks"));
        let header =
            serde_json::json!([{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]);
        assert!(verdict(header).contains("block 0: a header has at most 150"));
        assert!(
            verdict(serde_json::json!([{"type": "actions", "elements": []}])).contains("1 to 25 elements")
        );
        assert!(verdict(serde_json::json!({})).contains("must be a JSON array"));
    }
}

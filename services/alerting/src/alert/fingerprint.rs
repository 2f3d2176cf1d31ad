//! What makes two reports the same alert.
//!
//! The Prometheus fingerprint: 64-bit FNV-1a over the labels sorted by name, each as name, 0xFF,
//! value, 0xFF, printed as 16 hexadecimal digits (`model.LabelSet.Fingerprint` of
//! prometheus/common). Alertmanager sends the same number, so either side can compute it.

use std::collections::BTreeMap;

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
const SEPARATOR: u8 = 0xFF;

/// The fingerprint of a set of labels.
pub fn of_labels(labels: &BTreeMap<String, String>) -> String {
    let mut hash = OFFSET_BASIS;
    for (name, value) in labels {
        hash = mix(hash, name.as_bytes());
        hash = mix(hash, &[SEPARATOR]);
        hash = mix(hash, value.as_bytes());
        hash = mix(hash, &[SEPARATOR]);
    }
    format!("{hash:016x}")
}

/// The fingerprint of an alert whose sender gave none: what it says, and its labels without those
/// that say how urgent it is. Labels alone would not do: senders of plain JSON often have none but
/// the severity, and two faults must never be taken for one.
pub fn of_report(summary: &str, labels: &BTreeMap<String, String>) -> String {
    let telling = labels.iter().filter(|(name, _)| !matches!(name.as_str(), "severity" | "priority"));
    let mut report: BTreeMap<_, _> = telling.map(|(name, value)| (name.clone(), value.clone())).collect();
    // No label has an empty name.
    report.insert(String::new(), summary.trim().to_owned());
    of_labels(&report)
}

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_alertmanagers() {
        let labels = [
            ("alertname", "InstanceDown"),
            ("job", "node"),
            ("severity", "critical"),
            ("instance", "localhost:8081"),
            ("group", "production"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(of_labels(&labels), "f404ecabc8dd5cd7");
        assert_eq!(of_labels(&BTreeMap::new()), "cbf29ce484222325");
    }

    #[test]
    fn two_faults_are_never_taken_for_one() {
        let labels = |severity: &str| [("severity".to_owned(), severity.to_owned())].into();
        let disk = of_report("disk full", &labels("critical"));
        assert_eq!(disk, of_report("disk full ", &labels("ok")), "a resolve may say another severity");
        assert_ne!(disk, of_report("node down", &labels("critical")));
        let host = [("host".to_owned(), "db-1".to_owned())].into();
        assert_ne!(disk, of_report("disk full", &host));
    }
}

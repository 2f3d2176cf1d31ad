//! How long to wait before trying again.

use jiff::SignedDuration;

/// The wait after `attempts` failures: doubling from `first` up to `cap`, of which a random part
/// of up to a half is left out so that many that failed together do not come back together.
/// `random` is uniform in 0..1.
pub fn backoff(attempts: i64, first: SignedDuration, cap: SignedDuration, random: f64) -> SignedDuration {
    let doublings = u32::try_from((attempts - 1).clamp(0, 30)).unwrap_or(0);
    let full = first.saturating_mul(1 << doublings.min(30)).min(cap);
    full.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: SignedDuration = SignedDuration::from_secs(1);
    const CAP: SignedDuration = SignedDuration::from_secs(60);

    #[test]
    fn it_doubles_up_to_the_cap() {
        let waits: Vec<_> = (1..=8).map(|n| backoff(n, FIRST, CAP, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    proptest! {
        #[test]
        fn it_stays_within_half_and_full(attempts in any::<i64>().prop_map(|n| n % 1000), random in 0.0..1.0_f64) {
            let full = backoff(attempts, FIRST, CAP, 0.0);
            let wait = backoff(attempts, FIRST, CAP, random);
            prop_assert!(wait <= full && wait >= full / 2);
        }
    }
}

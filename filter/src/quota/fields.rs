//! `RateLimit-Policy`, `RateLimit` and `Retry-After`
//! (draft-ietf-httpapi-ratelimit-headers-11, RFC 9110 §10.2.3).
//!
//! Requests are the unit that both sides assume where none is named. Pixels are named as
//! `qu="pixels"`, which the draft's registry does not know: the registered units would say something
//! untrue. They are whole pixels, not megapixels, since the values must be Integers.

use sfv::{Integer, KeyRef, ListSerializer, StringRef};

use super::{Remaining, Unit};
use crate::store::Refusal;

/// The `RateLimit-Policy` field, which names the quotas and does not change from one answer to the
/// next; `None` without a quota. A quota whose name is not printable ASCII cannot be named.
pub fn policy(quotas: &[Remaining]) -> Option<String> {
    let mut list = ListSerializer::new();
    for quota in quotas {
        let Ok(name) = StringRef::from_str(&quota.name) else { continue };
        let item =
            list.bare_item(name).parameter(const { KeyRef::constant("q") }, integer(quota.limit));
        let item = match quota.unit {
            Unit::Requests => item,
            Unit::Pixels => item.parameter(
                const { KeyRef::constant("qu") },
                const { StringRef::constant("pixels") },
            ),
        };
        let _ = item.parameter(const { KeyRef::constant("w") }, integer(quota.window));
    }
    list.finish()
}

/// The `RateLimit` field: what is left now, and for how long it is no more than that.
pub fn limits(quotas: &[Remaining]) -> Option<String> {
    let mut list = ListSerializer::new();
    for quota in quotas {
        let Ok(name) = StringRef::from_str(&quota.name) else { continue };
        let item = list.bare_item(name);
        let item = item.parameter(const { KeyRef::constant("r") }, integer(quota.remaining));
        let _ = item.parameter(const { KeyRef::constant("t") }, integer(quota.reset));
    }
    list.finish()
}

/// The `Retry-After` field in seconds; `None` where waiting does not help.
///
/// It is never earlier than the end of the window that [`limits`] tells of the same quota (§6).
pub fn retry_after(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Exceeded { retry_after, .. } => retry_after.map(|seconds| seconds.to_string()),
        Refusal::Replayed | Refusal::BeforeStart | Refusal::Full => None,
    }
}

fn integer(value: u64) -> Integer {
    Integer::try_from(value).unwrap_or(Integer::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{Quota, gcra};

    fn quota(name: &str, unit: Unit, limit: u64, window: u64) -> Quota {
        Quota { name: name.into(), unit, limit, window }
    }

    /// The quota after `amount` was taken of it at once.
    fn after(quota: &Quota, amount: u64) -> Remaining {
        let (_, level) = gcra::take(quota, gcra::ArrivalTime::default(), amount, 0).unwrap();
        Remaining::new(quota, level)
    }

    #[test]
    fn several_quotas_are_one_list() {
        let quotas = [
            after(&quota("burst", Unit::Requests, 60, 60), 48),
            after(&quota("pixels-a-day", Unit::Pixels, 5_000_000_000, 86_400), 12_000_000),
        ];
        assert_eq!(
            policy(&quotas).unwrap(),
            r#""burst";q=60;w=60, "pixels-a-day";q=5000000000;qu="pixels";w=86400"#
        );
        // One more request in a second, one more pixel well within a second.
        assert_eq!(
            limits(&quotas).unwrap(),
            r#""burst";r=12;t=1, "pixels-a-day";r=4988000000;t=1"#
        );
    }

    #[test]
    fn the_effective_window_ends_when_more_can_be_used() {
        // Two a minute, one used: one is left, and there is no second one for half a minute.
        assert_eq!(
            limits(&[after(&quota("q", Unit::Requests, 2, 60), 1)]).unwrap(),
            r#""q";r=1;t=30"#
        );
        // All used: the first comes back after half a minute, which is also when to retry.
        assert_eq!(
            limits(&[after(&quota("q", Unit::Requests, 2, 60), 2)]).unwrap(),
            r#""q";r=0;t=30"#
        );
    }

    #[test]
    fn names_are_strings_of_structured_fields() {
        let named = |name: &str| policy(&[after(&quota(name, Unit::Requests, 1, 1), 0)]);
        assert_eq!(named(r#"a "b" \c"#).unwrap(), r#""a \"b\" \\c";q=1;w=1"#);
        assert_eq!(named("línea"), None);
        assert_eq!(named("a\r\nSet-Cookie: x"), None);
        assert_eq!(policy(&[]), None);
        assert_eq!(limits(&[]), None);
    }

    #[test]
    fn numbers_no_structured_field_can_hold_are_cut() {
        let remaining = Remaining {
            name: "q".into(),
            unit: Unit::Requests,
            limit: u64::MAX,
            window: u64::MAX,
            remaining: u64::MAX,
            reset: u64::MAX,
        };
        let most = "999999999999999";
        let quotas = [remaining];
        assert_eq!(policy(&quotas).unwrap(), format!(r#""q";q={most};w={most}"#));
        assert_eq!(limits(&quotas).unwrap(), format!(r#""q";r={most};t={most}"#));
    }

    #[test]
    fn only_waiting_that_helps_is_asked_for() {
        let quota = after(&quota("q", Unit::Requests, 2, 60), 2);
        let exceeded = |retry_after| Refusal::Exceeded { quota: quota.clone(), retry_after };
        assert_eq!(retry_after(&exceeded(Some(30))).as_deref(), Some("30"));
        assert_eq!(retry_after(&exceeded(None)), None);
        assert_eq!(retry_after(&Refusal::Replayed), None);
        assert_eq!(retry_after(&Refusal::BeforeStart), None);
        assert_eq!(retry_after(&Refusal::Full), None);
    }
}

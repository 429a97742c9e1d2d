//! Monotonic time, as the suite counts it.

/// Milliseconds since some point in the past, the same in all processes of
/// a host. `0` as a deadline means: none.
pub(crate) type Ms = u64;

/// No deadline.
pub(crate) const NEVER: Ms = 0;

/// Now.
pub(crate) fn now() -> Ms {
    crate::sys::time::monotonic_ms()
}

/// The time-out that poll(2) takes for a deadline: rounded up, -1 for none.
pub(crate) fn poll_timeout(deadline: Ms) -> i32 {
    if deadline == NEVER {
        return -1;
    }
    i32::try_from(deadline.saturating_sub(now())).unwrap_or(i32::MAX)
}

/// Seconds and microseconds since the epoch.
pub(crate) fn wall() -> (u64, u32) {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    (since.as_secs(), since.subsec_micros())
}

/// An interval such as `5d3h10m4s`; a bare number counts seconds. Units may
/// come in any order, each once, and the sum must fit.
pub(crate) fn parse_interval(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(seconds.into());
    }
    let (mut sum, mut digits, mut seen) = (0u64, String::new(), String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            'd' => 86400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if seen.contains(c) {
            return None;
        }
        seen.push(c);
        sum = sum.checked_add(u64::from(digits.parse::<u32>().ok()?) * unit)?;
        digits.clear();
    }
    (digits.is_empty() && !seen.is_empty()).then_some(sum)
}

/// The shortest way to write an interval that [`parse_interval`] reads.
pub(crate) fn show_interval(seconds: u64) -> String {
    let mut text = String::new();
    let mut rest = seconds;
    for (unit, letter) in [(86400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')] {
        if rest >= unit {
            text.push_str(&format!("{}{letter}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_are_read_as_the_historic_suite_wrote_them() {
        assert_eq!(
            parse_interval("5d3h10m4s"),
            Some(5 * 86400 + 3 * 3600 + 604)
        );
        assert_eq!(parse_interval("90"), Some(90));
        for bad in ["", "m", "5x", "5m3", "-1s", "1m1m", "99999999999s", "1 s"] {
            assert_eq!(parse_interval(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(seconds in 0u64..1 << 32) {
            prop_assert_eq!(parse_interval(&show_interval(seconds)), Some(seconds));
        }
    }
}

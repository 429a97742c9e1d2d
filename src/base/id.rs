//! Session ids: the same in the logs of proxy and storage host.

use super::clock::wall;

/// Longest session id, in octets.
pub(crate) const LONGEST: usize = 63;

/// `prefix.SECONDS.PID.NUMBER`, the first two numbers in hexadecimal: unique
/// as long as prefixes differ between hosts.
pub(crate) fn session(prefix: &str, pid: i32, number: u64) -> String {
    format!("{prefix}.{:x}.{pid:04x}.{number}", wall().0)
}

/// Is this a session id that another host might have made?
pub(crate) fn is_session(text: &[u8]) -> bool {
    let right = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= LONGEST && text.iter().all(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_make_we_take() {
        let id = session("p1", 0xa97, 12);
        assert!(id.starts_with("p1.") && id.ends_with(".0a97.12"), "{id}");
        assert!(is_session(id.as_bytes()));
        for bad in [b"".as_slice(), b"a b", b"a\n", &[b'a'; 64]] {
            assert!(!is_session(bad));
        }
    }
}

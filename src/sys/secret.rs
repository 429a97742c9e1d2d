//! Bytes that are wiped when they are dropped.

use std::fmt;
use std::sync::atomic::{Ordering, compiler_fence};

/// A password or key of at most as many octets as it was made for. The bytes
/// are never moved, so that no copy of them stays behind; comparing them is
/// left to constant-time functions.
pub(crate) struct Secret {
    room: Box<[u8]>,
    len: usize,
}

impl Secret {
    /// An empty secret with room for `capacity` octets.
    pub(crate) fn with_capacity(capacity: usize) -> Secret {
        Secret {
            room: vec![0; capacity].into_boxed_slice(),
            len: 0,
        }
    }

    /// Appends `octets`, or leaves the secret as it is and returns false if
    /// there is no room for all of them.
    #[must_use]
    pub(crate) fn push(&mut self, octets: &[u8]) -> bool {
        let end = self.len.saturating_add(octets.len());
        let Some(room) = self.room.get_mut(self.len..end) else {
            return false;
        };
        room.copy_from_slice(octets);
        self.len = end;
        true
    }

    /// The octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// Wipes and empties it; the room stays.
    pub(crate) fn clear(&mut self) {
        wipe(&mut self.room);
        self.len = 0;
    }
}

impl From<&[u8]> for Secret {
    /// A copy of `octets`, with no room for more.
    fn from(octets: &[u8]) -> Secret {
        Secret {
            room: octets.into(),
            len: octets.len(),
        }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.room);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Overwrites `bytes` with zeros, even if nobody looks at them again.
pub(crate) fn wipe(bytes: &mut [u8]) {
    for byte in bytes.iter_mut() {
        // SAFETY: a valid, aligned, exclusive reference.
        unsafe { std::ptr::write_volatile(byte, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_takes_what_fits_and_refuses_the_rest_whole() {
        let mut secret = Secret::with_capacity(6);
        assert!(secret.push(b"abc"));
        assert!(!secret.push(b"defg"));
        assert_eq!(secret.octets(), b"abc");
        assert!(secret.push(b"def"));
        assert!(!secret.push(b"g"));
        assert_eq!(secret.octets(), b"abcdef");
    }

    #[test]
    fn a_cleared_secret_holds_nothing_of_what_it_held() {
        let mut secret = Secret::from(&b"geheim"[..]);
        secret.clear();
        assert_eq!(secret.octets(), b"");
        assert!(secret.room.iter().all(|octet| *octet == 0));
    }

    #[test]
    fn a_secret_does_not_show_itself_in_a_log() {
        assert_eq!(format!("{:?}", Secret::from(&b"geheim"[..])), "Secret");
    }
}

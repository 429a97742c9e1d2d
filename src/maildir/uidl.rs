//! Unique ids of messages (RFC 1939, section 7: one to seventy characters
//! from 0x21 to 0x7E, never reused).

use crate::base::digest::sha256_hex;

use super::name;

/// Longest unique id, in octets.
const LONGEST: usize = 70;

/// A unique id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uidl {
    text: [u8; LONGEST],
    octets: u8,
}

impl Uidl {
    /// The id of the message with this name. It is the core of the name, or
    /// if that is not a legal id, a digest of the name without info. A core
    /// that looks like a digest is digested too, so that no two names share
    /// an id.
    pub(crate) fn of(name: &[u8]) -> Uidl {
        let core = name::core(name);
        if is_legal(core) && !is_digest(core) {
            Uidl::from(core)
        } else {
            Uidl::from(&sha256_hex(&[name::base(name)]))
        }
    }

    /// The id of a message that shares its core with another file, against
    /// all rules of Maildir: told apart by inode.
    pub(crate) fn of_twin(name: &[u8], inode: u64) -> Uidl {
        let base = name::base(name);
        Uidl::from(&sha256_hex(&[base, b"/", &inode.to_be_bytes()]))
    }

    /// An id that is legal, and was told before.
    pub(super) fn saved(legal: &[u8]) -> Uidl {
        Uidl::from(legal)
    }

    /// The id of a message whose own belongs to another, by an old list; so
    /// many of these belong to others too. It stays the same when sizes in
    /// the name are mended.
    pub(super) fn instead(name: &[u8], twin: Option<u64>, turn: u32) -> Uidl {
        let inode = twin.map(u64::to_be_bytes);
        let inode = inode.as_ref().map_or(&[][..], |octets| octets);
        Uidl::from(&sha256_hex(&[
            name::core(name),
            b"/",
            inode,
            &turn.to_be_bytes(),
        ]))
    }

    fn from(legal: &[u8]) -> Uidl {
        let octets = legal.len().min(LONGEST);
        let mut text = [0; LONGEST];
        text[..octets].copy_from_slice(&legal[..octets]);
        Uidl {
            text,
            octets: u8::try_from(octets).unwrap_or(0),
        }
    }
}

impl AsRef<[u8]> for Uidl {
    fn as_ref(&self) -> &[u8] {
        &self.text[..usize::from(self.octets)]
    }
}

impl std::fmt::Display for Uidl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(self.as_ref()).unwrap_or_default())
    }
}

impl std::fmt::Debug for Uidl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_ref().escape_ascii())
    }
}

/// Whether RFC 1939 lets this be an id.
pub(super) fn is_legal(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn is_digest(id: &[u8]) -> bool {
    id.len() == 64 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flags_and_a_mended_size_leave_the_id_as_it_is() {
        let id = Uidl::of(b"17.M1P2Q3.host,S=1,W=3");
        assert_eq!(id.as_ref(), b"17.M1P2Q3.host");
        assert_eq!(id, Uidl::of(b"17.M1P2Q3.host,S=2,W=2:2,S"));
    }

    #[test]
    fn a_name_that_is_no_legal_id_is_digested() {
        for name in [&b"a b"[..], b"\xff", &[b'x'; 71], b"", b":2,S"] {
            assert_eq!(Uidl::of(name).as_ref().len(), 64);
        }
        assert_eq!(Uidl::of(&[b'x'; 70]).as_ref(), &[b'x'; 70]);
    }

    #[test]
    fn a_name_made_of_a_digest_cannot_take_the_place_of_another() {
        let first = Uidl::of(b"a b");
        assert_ne!(first, Uidl::of(first.as_ref()));
    }

    proptest! {
        #[test]
        fn ids_are_legal_and_distinct(
            one in proptest::collection::vec(1u8.., 1..256),
            two in proptest::collection::vec(1u8.., 1..256),
        ) {
            let (a, b) = (Uidl::of(&one), Uidl::of(&two));
            prop_assert!(is_legal(a.as_ref()));
            prop_assert_eq!(a == b, name::core(&one) == name::core(&two));
        }
    }
}

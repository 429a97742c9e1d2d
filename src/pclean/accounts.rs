//! The mailboxes that have an account, one name a line.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, Read};

use crate::base::names;

/// Most names that are taken.
const MOST: usize = 1 << 26;

/// Octets of the longest line: a name, CR, LF.
const LINE: u64 = 257;

/// Names by their hashes, 8 octets each. Two names with one hash can only
/// keep a mailbox that has no account; never remove one that has.
#[derive(Debug)]
pub(super) struct Accounts {
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl Accounts {
    /// Reads the list to its end. Blank lines are passed over.
    ///
    /// # Errors
    /// It cannot be read, or a line is no name of a mailbox; then the list is
    /// damaged, and nothing in it is believed.
    pub(super) fn read(mut list: impl BufRead) -> Result<Accounts, String> {
        let (hasher, mut hashes) = (RandomState::new(), Vec::new());
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = Read::take(&mut list, LINE).read_until(b'\n', &mut line);
            if read.map_err(|why| format!("standard input: {why}"))? == 0 {
                break;
            }
            let name = line.strip_suffix(b"\n").unwrap_or(&line);
            let name = name.strip_suffix(b"\r").unwrap_or(name);
            if name.is_empty() {
                continue;
            }
            names::mailbox(name).map_err(|why| {
                format!("line {number}: mailbox \"{}\" {why}", name.escape_ascii())
            })?;
            if hashes.len() == MOST {
                return Err(format!("more than {MOST} mailboxes"));
            }
            hashes.push(hasher.hash_one(name));
        }
        hashes.sort_unstable();
        hashes.dedup();
        Ok(Accounts { hasher, hashes })
    }

    /// Is there no account at all?
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Is this the mailbox of an account?
    pub(super) fn has(&self, mailbox: &[u8]) -> bool {
        let hash = self.hasher.hash_one(mailbox);
        self.hashes.binary_search(&hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_found_whatever_ends_their_lines() {
        let list = Accounts::read(&b"a/joe\r\n\n3/2d/ann\nlast"[..]).unwrap();
        for name in [&b"a/joe"[..], b"3/2d/ann", b"last"] {
            assert!(list.has(name));
        }
        assert!(!list.has(b"a") && !list.has(b"a/joe\r") && !list.is_empty());
        assert!(Accounts::read(&b"\n"[..]).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_list_is_refused_with_the_line() {
        let long = "x".repeat(300);
        for (list, why) in [
            (
                "joe\n../x\n",
                "line 2: mailbox \"../x\" must not have an empty, . or .. component",
            ),
            (
                "a b\n",
                "line 1: mailbox \"a b\" may hold letters, digits and ._-+/=% only",
            ),
            (
                "\0\n",
                "line 1: mailbox \"\\x00\" may hold letters, digits and ._-+/=% only",
            ),
        ] {
            assert_eq!(Accounts::read(list.as_bytes()).unwrap_err(), why);
        }
        let why = Accounts::read(long.as_bytes()).unwrap_err();
        assert!(why.ends_with("is longer than 255 octets"), "{why}");
    }

    proptest! {
        #[test]
        fn whoever_is_in_the_list_is_found(names in proptest::collection::vec("[a-z0-9/]{0,3}[a-z]", 0..50)) {
            let names: Vec<_> = names.iter().filter(|n| names::mailbox(n.as_bytes()).is_ok()).collect();
            let text: String = names.iter().map(|n| format!("{n}\n")).collect();
            let list = Accounts::read(text.as_bytes()).unwrap();
            prop_assert!(names.iter().all(|n| list.has(n.as_bytes())));
        }
    }
}

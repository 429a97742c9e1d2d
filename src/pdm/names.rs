//! Names that cross between hosts, processes and files, and what may be in
//! them. The proxy checks what a module answers with these; a module that
//! checks its file with them tells the administrator early.

/// Octets of the longest id.
pub const ID_MAX: usize = 64;
/// Octets of the longest mailbox name.
pub const MAILBOX_MAX: usize = 255;

/// Whether `name` can be an id (of a backend, say): 1 to [`ID_MAX`] of
/// `A-Z a-z 0-9 _ . -`.
pub fn is_id(name: &[u8]) -> bool {
    let right = |octet: &u8| octet.is_ascii_alphanumeric() || b"_.-".contains(octet);
    (1..=ID_MAX).contains(&name.len()) && name.iter().all(right)
}

/// A mailbox, relative to the spool: 1 to [`MAILBOX_MAX`] of
/// `A-Z a-z 0-9 . _ - + / = %`, no leading `/`, and no component that is
/// empty, `.` or `..`. Such a name cannot leave the spool.
///
/// # Errors
/// What is wrong with it, for a message that also names it.
pub fn mailbox(name: &[u8]) -> Result<&str, &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > MAILBOX_MAX {
        return Err("is longer than 255 octets");
    }
    let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || b"._-+/=%".contains(octet);
    let text = std::str::from_utf8(name)
        .ok()
        .filter(|_| name.iter().all(allowed));
    let text = text.ok_or("may hold letters, digits and ._-+/=% only")?;
    if text.starts_with('/') {
        return Err("must not begin with /");
    }
    match text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        true => Err("must not have an empty, . or .. component"),
        false => Ok(text),
    }
}

/// Whether `octets` can stand within one line of a protocol: no CR, LF or
/// NUL. User names and passwords that cannot are refused before any module or
/// server sees them.
pub fn fits_line(octets: &[u8]) -> bool {
    !octets
        .iter()
        .any(|octet| matches!(octet, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn an_id_has_letters_digits_and_three_signs() {
        for good in ["b", "b3", "mail-1.example_net", &"x".repeat(64)] {
            assert!(is_id(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "b\0",
            "b\n",
            "\u{e4}",
            "a:b",
            &"x".repeat(65),
        ] {
            assert!(!is_id(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn a_mailbox_stays_below_the_spool() {
        for good in [
            "3/2d/joe",
            "joe",
            "joe+x=y%40z.de",
            "a/.b",
            "a/..b",
            "a/b..",
            "...",
        ] {
            assert_eq!(mailbox(good.as_bytes()), Ok(good));
        }
        let bad = [
            "", "/", "/joe", "joe/", "a//b", ".", "..", "../joe", "a/../b", "a/..", "a/./b", "a b",
            "a\0", "a\n", "a\\b", "~joe", "a:b", "a*", "\u{e4}",
        ];
        for bad in bad {
            assert!(mailbox(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(mailbox("x".repeat(255).as_bytes()).is_ok());
        assert!(mailbox("x".repeat(256).as_bytes()).is_err());
    }

    #[test]
    fn a_line_end_or_nul_does_not_fit_a_line() {
        assert!(fits_line(b"p\xe4ss w\x7f\x01rd"));
        assert!(
            ["a\rb", "a\n", "\0"]
                .iter()
                .all(|bad| !fits_line(bad.as_bytes()))
        );
    }

    proptest! {
        #[test]
        fn every_accepted_mailbox_is_a_chain_of_plain_names(
            octets in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), any::<u8>()], 0..40)
        ) {
            if let Ok(name) = mailbox(&octets) {
                let plain = |part| matches!(part, Component::Normal(_));
                prop_assert!(Path::new(name).components().all(plain));
                prop_assert_eq!(name.as_bytes(), &octets[..]);
                prop_assert_eq!(Path::new(name).components().count(), name.split('/').count());
            }
        }
    }
}

//! From the name of a user to the name of a mailbox.
//!
//! `%u` is the user, `%n` the namespace, `%1h` to `%8h` are the next so many
//! digits of the MD5 digest of the user. What the client sent is encoded
//! before it is put in, and never looked at again.

use crate::md5;
use pdm::names;

/// Digits of a digest.
const DIGITS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    User,
    Namespace,
    /// So many digits of the digest, from this one on.
    Digits(usize, usize),
}

/// A template that was looked over: it makes good mailboxes of good names.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// The template behind `text`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut used = 0;
        let mut pieces = text.split('%');
        parts.extend(pieces.next().map(|text| Part::Text(text.into())));
        for piece in pieces {
            let length = piece.find(|c: char| c.is_ascii_lowercase());
            let (name, rest) = piece.split_at(length.map_or(piece.len(), |at| at + 1));
            parts.push(part(name, &mut used)?);
            parts.push(Part::Text(rest.into()));
        }
        let template = Template(parts);
        if !template.0.contains(&Part::User) {
            return Err("%u would have to be in it, or all users would share a mailbox".into());
        }
        names::mailbox(template.expand(b"u", b"n").as_bytes())?;
        Ok(template)
    }

    /// The mailbox of `user` in the namespace `ns`; it may be too long.
    pub(crate) fn expand(&self, user: &[u8], ns: &[u8]) -> String {
        let digits = md5::digits(user);
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::User => encoded(user),
            Part::Namespace => encoded(ns),
            Part::Digits(from, count) => digits[*from..*from + *count].to_owned(),
        };
        self.0.iter().map(text).collect()
    }
}

/// What stands behind a percent sign; `used` counts digits of the digest.
fn part(name: &str, used: &mut usize) -> Result<Part, String> {
    let count = name.strip_suffix('h').and_then(|count| match count {
        "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" => count.parse::<usize>().ok(),
        _ => None,
    });
    match (name, count) {
        ("u", _) => Ok(Part::User),
        ("n", _) => Ok(Part::Namespace),
        (_, Some(count)) if *used + count <= DIGITS => {
            *used += count;
            Ok(Part::Digits(*used - count, count))
        }
        (_, Some(_)) => Err("has more than the 32 digits that there are".into()),
        _ => Err(format!("%{name} is unknown; there are: %u %n %1h to %8h")),
    }
}

/// `name` with a percent sign and two digits for every octet that cannot be
/// in a component, so that no two names become the same.
///
/// A dot at the start is one of them: such names are special to the file
/// system, and a spool keeps its mark under one.
fn encoded(name: &[u8]) -> String {
    let plain = |i: usize, octet: u8| {
        octet.is_ascii_alphanumeric() || b"_-+=".contains(&octet) || (octet == b'.' && i > 0)
    };
    let one = |(i, octet): (usize, &u8)| match plain(i, *octet) {
        true => char::from(*octet).to_string(),
        false => format!("%{octet:02X}"),
    };
    name.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mailbox(template: &str, user: &str) -> String {
        let template = Template::parse(template).unwrap();
        template.expand(user.as_bytes(), b"hosting")
    }

    #[test]
    fn digits_of_the_digest_are_taken_one_after_the_other() {
        // The digest of joe is 8ff32489f92f33416694be8fdc2d4c22.
        assert_eq!(mailbox("%u", "joe"), "joe");
        assert_eq!(mailbox("%1h/%2h/%u", "joe"), "8/ff/joe");
        assert_eq!(mailbox("mail-%n/%8h%8h.%u", "joe"), {
            "mail-hosting/8ff32489f92f3341.joe"
        });
        assert_eq!(mailbox("%2hh/%u", "joe"), "8fh/joe");
    }

    #[test]
    fn what_a_mailbox_cannot_hold_is_encoded() {
        for (user, expected) in [
            ("joe@example.net", "joe%40example.net"),
            ("../../etc", "%2E.%2F..%2Fetc"),
            ("..", "%2E."),
            (".popular-spool", "%2Epopular-spool"),
            ("%u%n%1h%2F", "%25u%25n%251h%252F"),
            ("${HOME}`id`$(id)", "%24%7BHOME%7D%60id%60%24%28id%29"),
            ("a\nb\0c d", "a%0Ab%00c%20d"),
            ("j\u{f6}", "j%C3%B6"),
        ] {
            assert_eq!(mailbox("%u", user), expected);
        }
        let template = Template::parse("%n/%u").unwrap();
        assert_eq!(template.expand(b"joe", b".."), "%2E./joe");
    }

    #[test]
    fn a_template_is_wrong_for_a_reason() {
        for (template, expected) in [
            ("", "all users would share"),
            ("joe", "all users would share"),
            ("%n", "all users would share"),
            ("%u%", "% is unknown"),
            ("%U", "%U is unknown"),
            ("%%u", "% is unknown"),
            ("%d/%u", "%d is unknown"),
            ("%h/%u", "%h is unknown"),
            ("%9h/%u", "%9h is unknown"),
            ("%01h/%u", "%01h is unknown"),
            ("%8h%8h%8h%8h%1h%u", "more than the 32 digits"),
            ("/%u", "must not begin with /"),
            ("../%u", ".. component"),
            ("a//%u", "component"),
            ("a b/%u", "letters, digits"),
        ] {
            let why = Template::parse(template).unwrap_err();
            assert!(why.contains(expected), "{template}: {why}");
        }
        assert!(Template::parse("%8h%8h%8h%8h%u").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_a_user_is_called_the_mailbox_stays_in_its_place(
            user in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), any::<u8>()], 1..60),
            ns in "[A-Za-z0-9_.-]{1,8}",
        ) {
            let made = Template::parse("a/%n/%2h/%u/b").unwrap().expand(&user, ns.as_bytes());
            prop_assert_eq!(names::mailbox(made.as_bytes()), Ok(made.as_str()));
            prop_assert_eq!(made.split('/').count(), 5);
            prop_assert!(!made.contains("/."));
        }

        #[test]
        fn no_two_users_share_a_mailbox(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(encoded(&a) == encoded(&b), a == b);
        }

        #[test]
        fn no_template_is_too_strange_to_be_judged(text in "[%unh1-9/.a-c\u{e4}]{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(names::mailbox(template.expand(b"joe", b"n").as_bytes()).is_ok());
            }
        }
    }
}

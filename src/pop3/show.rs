//! What of a conversation may be shown to who watches it: commands that are
//! known to hold no secret, and the first lines of answers. All else, such as
//! a password that was typed where a command belongs, is left out.

/// How an argument is shown.
#[derive(Clone, Copy)]
enum Args {
    All,
    /// Whatever follows may be a password.
    First,
    None,
}

#[rustfmt::skip]
static SHOWN: &[(&str, Args)] = &[
    ("CAPA", Args::All), ("USER", Args::First), ("QUIT", Args::All), ("STAT", Args::All),
    ("LIST", Args::All), ("UIDL", Args::All),   ("RETR", Args::All), ("DELE", Args::All),
    ("NOOP", Args::All), ("RSET", Args::All),   ("TOP",  Args::All), ("STLS", Args::All),
    ("PASS", Args::None), ("APOP", Args::None), ("AUTH", Args::First),
];

/// What is shown in place of a secret, whose length is one too.
pub(crate) const HIDDEN: &[u8] = b"***";

/// A command line, without its end.
pub(crate) fn command(line: &[u8]) -> Vec<u8> {
    let mut words = line.splitn(3, |&octet| octet == b' ');
    let first = words.next().unwrap_or_default();
    let row = SHOWN
        .iter()
        .find(|(name, _)| first.eq_ignore_ascii_case(name.as_bytes()));
    let Some((name, args)) = row else {
        return HIDDEN.to_vec();
    };
    let rest: Vec<_> = words.collect();
    let mut shown = name.as_bytes().to_vec();
    let mut add = |word: &[u8]| {
        shown.push(b' ');
        shown.extend_from_slice(word);
    };
    match (args, rest.as_slice()) {
        (_, []) => {}
        (Args::All, [..]) => rest.iter().for_each(|word| add(word)),
        (Args::First, [only]) => add(only),
        (Args::First, [word, ..]) => {
            add(word);
            add(HIDDEN);
        }
        (Args::None, [..]) => add(HIDDEN),
    }
    shown
}

/// The first line of an answer, without its end; nothing if it is none.
pub(crate) fn answer(octets: &[u8]) -> Option<&[u8]> {
    let line = octets.split(|&octet| octet == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let begins = |word: &[u8]| line.starts_with(word);
    (begins(b"+OK") || begins(b"-ERR") || begins(b"+ ")).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_shown_and_secrets_are_not() {
        for (line, shown) in [
            ("user joe", "USER joe"),
            ("USER joe sesame", "USER joe ***"),
            ("PASS sesame", "PASS ***"),
            ("pass open sesame", "PASS ***"),
            ("AUTH PLAIN", "AUTH PLAIN"),
            ("AUTH PLAIN AGpvZQBzZXNhbWU=", "AUTH PLAIN ***"),
            ("APOP joe 0123", "APOP ***"),
            ("TOP 1 0", "TOP 1 0"),
            ("STAT", "STAT"),
            ("sesame", "***"),
            (" PASS sesame", "***"),
            ("PASS\tsesame", "***"),
            ("", "***"),
        ] {
            assert_eq!(command(line.as_bytes()), shown.as_bytes(), "{line}");
        }
    }

    #[test]
    fn of_an_answer_only_the_first_line_is_shown() {
        assert_eq!(answer(b"+OK 1\r\nsecret\r\n"), Some(&b"+OK 1"[..]));
        assert_eq!(answer(b"+ VXNlcm5hbWU6\r\n"), Some(&b"+ VXNlcm5hbWU6"[..]));
        assert_eq!(answer(b"From: me\r\n+OK\r\n"), None);
        assert_eq!(answer(b""), None);
    }

    proptest! {
        #[test]
        fn no_password_is_ever_shown(password in "[!-~]{5,20}", verb in "(?i)(pass|apop|auth [a-z]{1,9}|x|pa ss| )") {
            let line = format!("{verb} {password}");
            let shown = command(line.as_bytes());
            prop_assert!(!String::from_utf8_lossy(&shown).contains(&password));
        }
    }
}

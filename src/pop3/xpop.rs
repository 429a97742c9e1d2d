//! The preamble between our proxy and our server, before POP3 begins in the
//! TRANSACTION state, see xpop(7): mailbox, session id, flags. Behind the
//! flags may follow items `KEY=VALUE`; a server ignores keys it does not know.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::base::{id, names};

/// Longest line of a preamble, its end included.
pub(crate) const LONGEST: usize = 1024;

/// Longest name of a user, as the client typed it.
const USER_MAX: usize = 255;

/// What the proxy tells the server about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preamble<'a> {
    /// Relative to the spool; passes [`names::mailbox`].
    pub(crate) mailbox: &'a str,
    /// Passes [`id::is_session`].
    pub(crate) sid: &'a str,
    /// Flag `M`: reading does not mark mail as read.
    pub(crate) master: bool,
    /// Item `IP`: the client, for the log.
    pub(crate) ip: Option<IpAddr>,
    /// Item `USER`: the name the client typed, for the log; empty: not told.
    pub(crate) user: Cow<'a, [u8]>,
}

/// Which line of a preamble is wrong, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Mailbox(&'static str),
    Sid,
    Flags(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Mailbox(why) => write!(f, "mailbox {why}"),
            Flaw::Sid => f.write_str("session id is none"),
            Flaw::Flags(why) => f.write_str(why),
        }
    }
}

impl Preamble<'_> {
    /// Appends the three lines. None of them is longer than [`LONGEST`], as
    /// long as user and mailbox keep to their limits.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for part in [self.mailbox, "\r\n", self.sid, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        if self.master {
            out.push(b'M');
        }
        if let Some(ip) = self.ip {
            out.extend_from_slice(format!(" IP={ip}").as_bytes());
        }
        if !self.user.is_empty() {
            out.extend_from_slice(b" USER=");
            let shown = &self.user[..self.user.len().min(USER_MAX)];
            shown.iter().for_each(|&octet| escape(octet, out));
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads the three lines, given without their ends.
///
/// # Errors
/// What is wrong with the first wrong one.
pub(crate) fn parse<'a>(
    mailbox: &'a [u8],
    sid: &'a [u8],
    flags: &'a [u8],
) -> Result<Preamble<'a>, Flaw> {
    let text = |octets: &'a [u8]| std::str::from_utf8(octets).ok();
    let mailbox = names::mailbox(mailbox).map_err(Flaw::Mailbox)?;
    let sid = text(sid).filter(|sid| id::is_session(sid.as_bytes()));
    let mut preamble = Preamble {
        mailbox,
        sid: sid.ok_or(Flaw::Sid)?,
        master: false,
        ip: None,
        user: Cow::Borrowed(b""),
    };
    read_flags(flags, &mut preamble).map_err(Flaw::Flags)?;
    Ok(preamble)
}

/// Flags that are not known mean nothing, as keys that are not known do.
fn read_flags<'a>(line: &'a [u8], preamble: &mut Preamble<'a>) -> Result<(), &'static str> {
    if line.len() > LONGEST {
        return Err("flags are too long");
    }
    let mut words = line.split(|&octet| octet == b' ');
    let flags = words.next().unwrap_or_default();
    if !flags.iter().all(u8::is_ascii_alphabetic) {
        return Err("flags are letters");
    }
    preamble.master = flags.contains(&b'M');
    for word in words {
        let at = word.iter().position(|&octet| octet == b'=');
        let (key, value) = word.split_at(at.ok_or("an item is not KEY=VALUE")?);
        let value = &value[1..];
        match key {
            b"IP" => preamble.ip = Some(address(value).ok_or("IP is no address")?),
            b"USER" => preamble.user = unescape(value).ok_or("USER is not percent-encoded")?,
            _ => {}
        }
    }
    Ok(())
}

fn address(value: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// May this octet of a name stand as it is?
fn plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"._-+@".contains(&octet)
}

/// Percent-encoding (RFC 3986 section 2.1) of everything that is not plain.
fn escape(octet: u8, out: &mut Vec<u8>) {
    if plain(octet) {
        out.push(octet);
        return;
    }
    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble & 15)];
    out.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet)]);
}

fn unescape(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    if value.len() <= USER_MAX && value.iter().all(|&octet| plain(octet)) {
        return Some(Cow::Borrowed(value));
    }
    let digit = |octet: u8| char::from(octet).to_digit(16).map(|d| d as u8);
    let mut name = Vec::new();
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                name.push(digit(*high)? << 4 | digit(*low)?);
                tail
            }
            (octet, _) if plain(*octet) => {
                name.push(*octet);
                tail
            }
            _ => return None,
        };
    }
    (name.len() <= USER_MAX).then_some(Cow::Owned(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Preamble<'static> {
        Preamble {
            mailbox: "3/2d/joe",
            sid: "p1.66f3a2c1.0a97.12",
            master: true,
            ip: Some("192.0.2.7".parse().unwrap()),
            user: Cow::Borrowed(b"joe doe%\xe4"),
        }
    }

    /// The three lines as the server's reader hands them out.
    fn lines(wire: &[u8]) -> Vec<&[u8]> {
        let mut lines: Vec<_> = wire.split(|&octet| octet == b'\n').collect();
        assert_eq!(lines.pop(), Some(b"".as_slice()));
        lines
            .iter()
            .map(|line| line.strip_suffix(b"\r").unwrap())
            .collect()
    }

    #[test]
    fn the_preamble_is_three_lines() {
        let mut wire = Vec::new();
        sample().encode(&mut wire);
        let wanted = "3/2d/joe\r\np1.66f3a2c1.0a97.12\r\nM IP=192.0.2.7 USER=joe%20doe%25%E4\r\n";
        assert_eq!(wire, wanted.as_bytes());
        let lines = lines(&wire);
        assert_eq!(parse(lines[0], lines[1], lines[2]), Ok(sample()));
    }

    #[test]
    fn what_an_older_proxy_sends_is_understood_and_the_unknown_ignored() {
        for (flags, master) in [("", false), ("M", true), ("xMy NEW=1 OLD=", true)] {
            let preamble = parse(b"joe", b"a", flags.as_bytes()).unwrap();
            assert_eq!((preamble.master, preamble.ip), (master, None));
            assert!(preamble.user.is_empty());
        }
    }

    #[test]
    fn each_wrong_line_is_named() {
        for (mailbox, sid, flags, why) in [
            (
                "../x",
                "a",
                "",
                "mailbox must not have an empty, . or .. component",
            ),
            ("", "a", "", "mailbox is empty"),
            ("x", "a b", "", "session id is none"),
            ("x", "", "", "session id is none"),
            ("x", "a", "M-", "flags are letters"),
            ("x", "a", "M  ", "an item is not KEY=VALUE"),
            ("x", "a", " IP=1.2.3", "IP is no address"),
            ("x", "a", " USER=%4", "USER is not percent-encoded"),
            ("x", "a", " USER=%zz", "USER is not percent-encoded"),
            ("x", "a", " USER=a\u{7f}", "USER is not percent-encoded"),
        ] {
            let flaw = parse(mailbox.as_bytes(), sid.as_bytes(), flags.as_bytes());
            assert_eq!(
                flaw.unwrap_err().to_string(),
                why,
                "{mailbox} {sid} {flags}"
            );
        }
        let long = format!(" USER={}", "a".repeat(USER_MAX + 1));
        assert!(parse(b"x", b"a", long.as_bytes()).is_err());
        assert!(parse(b"x", b"a", &[b'M'; LONGEST + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_user_name_comes_through_in_lines_of_bounded_length(
            user in proptest::collection::vec(any::<u8>(), 0..=USER_MAX),
            master: bool,
            ip in proptest::option::of(any::<IpAddr>()),
            mailbox in "[a-z0-9._+=%-]{1,251}/\\.\\.a",
        ) {
            let told = Preamble { mailbox: &mailbox, user: user.into(), master, ip, ..sample() };
            prop_assume!(names::mailbox(mailbox.as_bytes()).is_ok());
            let mut wire = Vec::new();
            told.encode(&mut wire);
            let lines = lines(&wire);
            prop_assert_eq!(lines.len(), 3);
            prop_assert!(lines.iter().all(|line| line.len() + 2 <= LONGEST));
            prop_assert_eq!(parse(lines[0], lines[1], lines[2]), Ok(told));
        }

        #[test]
        fn no_preamble_is_too_hostile(
            a in proptest::collection::vec(any::<u8>(), 0..300),
            b in proptest::collection::vec(any::<u8>(), 0..80),
            c in "[ -~]{0,40}|( (IP|USER)=[%0-9a-f:.]{0,20}){0,3}",
        ) {
            let _ = parse(&a, &b, c.as_bytes());
            let _ = parse(b"x", b"y", c.as_bytes());
            let _ = parse(b"x", b"y", &a);
        }
    }
}

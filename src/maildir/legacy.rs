//! Lists of unique ids: ours, and those that other servers leave in a
//! mailbox. All of them are read line by line, and a line that says nothing
//! is passed over.
//!
//! What the lines mean is told by Dovecot's documentation of its Maildir
//! format, and by the manual page and the behaviour of Courier's POP3 server.

use std::io::{self, BufRead};

use super::{name, side, uidl};

/// Who wrote a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `NAME ID`
    Popular,
    /// `UID NAME` (version 1) or `UID [KEY...] :NAME` (version 3)
    Dovecot,
    /// `NAME SIZE [UID[:UIDVALIDITY[:...]]]`
    Courier,
}

/// The lists of other servers, by their names. The first that is there is
/// taken.
pub(super) const LISTS: [(&str, Format); 2] = [
    ("dovecot-uidlist", Format::Dovecot),
    ("courierpop3dsizelist", Format::Courier),
];

/// What the first line says.
#[derive(Debug, Default)]
struct Head {
    version: u64,
    /// UIDVALIDITY of Dovecot.
    validity: u32,
}

impl Format {
    /// Shows the name and the legal id of each line to `take`. Returns the
    /// number of lines that say nothing.
    ///
    /// # Errors
    /// `InvalidData` if the first line is not that of such a list; those of
    /// reading, and of `take`.
    pub(super) fn each(
        self,
        mut file: impl BufRead,
        mut take: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
    ) -> io::Result<u64> {
        let (mut line, mut id, mut useless) = (Vec::new(), Vec::new(), 0);
        let mut head = None;
        while side::line(&mut file, &mut line)?.is_some() {
            if head.is_none() {
                let (told, alone) = self.head(&line).ok_or(io::ErrorKind::InvalidData)?;
                head = Some(told);
                if alone {
                    continue;
                }
            }
            let Some(head) = &head else { continue };
            id.clear();
            let name = match line.len() > side::LINE {
                true => None,
                false => self.pair(head, &line, &mut id),
            };
            match name.filter(|name| !name.is_empty() && uidl::is_legal(&id)) {
                Some(name) => take(name, &id)?,
                None => useless += u64::from(!line.is_empty()),
            }
        }
        Ok(useless)
    }

    /// Reads the first line. Whether it is nothing else than the head.
    fn head(self, line: &[u8]) -> Option<(Head, bool)> {
        let mut words = line.split(|&b| b == b' ');
        let number = |word: &[u8]| name::number(word);
        match self {
            Format::Popular => Some((Head::default(), false)),
            Format::Dovecot => {
                let version = number(words.next()?)?;
                let validity = match version {
                    1 => words.next(),
                    3 => words.find_map(|word| word.strip_prefix(b"V")),
                    _ => None,
                };
                let validity = u32::try_from(number(validity?)?).ok()?;
                Some((Head { version, validity }, true))
            }
            Format::Courier => match words.next()?.strip_prefix(b"/") {
                None => Some((Head::default(), false)),
                Some(version) => {
                    let version = number(version).filter(|v| (1..=3).contains(v))?;
                    let validity = 0;
                    Some((Head { version, validity }, true))
                }
            },
        }
    }

    /// The name that a line tells; its id is appended to `id`.
    fn pair<'l>(self, head: &Head, line: &'l [u8], id: &mut Vec<u8>) -> Option<&'l [u8]> {
        match self {
            Format::Popular => {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let (name, told) = cut_last(line)?;
                id.extend_from_slice(told);
                Some(file(name))
            }
            Format::Dovecot => dovecot(head, line, id),
            Format::Courier => courier(head, line, id),
        }
    }
}

/// Without `P` the id is what Dovecot's `pop3_uidl_format` makes of UID and
/// UIDVALIDITY unless it is changed: `%08Xu%08Xv`. An empty `P` stands for
/// the name.
fn dovecot<'l>(head: &Head, line: &'l [u8], id: &mut Vec<u8>) -> Option<&'l [u8]> {
    let (uid, mut rest) = cut_first(line)?;
    let uid = u32::try_from(name::number(uid)?).ok()?;
    let mut told = None;
    if head.version == 3 {
        rest = loop {
            if let Some(name) = rest.strip_prefix(b":") {
                break name;
            }
            let (field, behind) = cut_first(rest)?;
            told = field.strip_prefix(b"P").or(told);
            rest = behind;
        };
    }
    let name = file(rest);
    match told {
        Some(b"") => id.extend_from_slice(name::base(name)),
        Some(told) => id.extend_from_slice(told),
        None => id.extend_from_slice(format!("{uid:08x}{:08x}", head.validity).as_bytes()),
    }
    Some(name)
}

/// A UID of 0, and a list without UIDs, stand for the name.
fn courier<'l>(head: &Head, line: &'l [u8], id: &mut Vec<u8>) -> Option<&'l [u8]> {
    let (rest, last) = cut_last(line)?;
    let (name, size, uid) = match head.version {
        0 => (rest, last, &b"0"[..]),
        _ => {
            let (name, size) = cut_last(rest)?;
            (name, size, last)
        }
    };
    name::number(size)?;
    let name = file(name);
    let mut numbers = uid.split(|&b| b == b':').map(name::number);
    let (uid, validity) = (numbers.next()??, numbers.next().unwrap_or(Some(0))?);
    match (uid, validity) {
        (0, _) => escape(name::base(name), id),
        (_, 0) => id.extend_from_slice(format!("UID{uid}").as_bytes()),
        _ => id.extend_from_slice(format!("UID{uid}-{validity}").as_bytes()),
    }
    Some(name)
}

/// The id that Courier makes of a name.
fn escape(name: &[u8], id: &mut Vec<u8>) {
    for &octet in name {
        match octet {
            b'\'' | b'"' | b'+' => id.extend_from_slice(format!("+{octet:02X}").as_bytes()),
            _ if octet.is_ascii_graphic() => id.push(octet),
            _ => id.extend_from_slice(format!("+{octet:02X}").as_bytes()),
        }
    }
}

/// The name of a file without the folder before it.
fn file(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// What stands before and behind the first blanks.
fn cut_first(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == b' ')?;
    let (first, rest) = text.split_at(at);
    let blanks = rest.iter().take_while(|&&b| b == b' ').count();
    Some((first, &rest[blanks..]))
}

/// What stands before and behind the last blank.
fn cut_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&b| b == b' ')?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `NAME=ID` of each line, and the number of lines that say nothing.
    fn read(format: Format, text: &[u8]) -> io::Result<(Vec<String>, u64)> {
        let mut pairs = Vec::new();
        let useless = format.each(text, |name, id| {
            let text = String::from_utf8_lossy;
            pairs.push(format!("{}={}", text(name), text(id)));
            Ok(())
        })?;
        Ok((pairs, useless))
    }

    fn pairs(format: Format, text: &str) -> Vec<String> {
        read(format, text.as_bytes()).unwrap().0
    }

    #[test]
    fn dovecot_of_all_times_is_understood() {
        let old = "1 1275660208 25022\n25006 17.a.h,S=3:2,S\n10 18 b.h\n";
        assert_eq!(
            pairs(Format::Dovecot, old),
            ["17.a.h,S=3:2,S=000061ae4c0907b0", "18 b.h=0000000a4c0907b0"]
        );
        let new = "3 N25022 V1 G3085f01b7f11094c501100008c4a11c1\n\
            1 :17.a.h,S=3,W=4:2,\n2 W2481 PUID7-9 O3 :18 b.h:2,F\n3 P :19.c.h,S=1\n4 Gx :20.d:e\n";
        assert_eq!(
            pairs(Format::Dovecot, new),
            [
                "17.a.h,S=3,W=4:2,=0000000100000001",
                "18 b.h:2,F=UID7-9",
                "19.c.h,S=1=19.c.h,S=1",
                "20.d:e=0000000400000001"
            ]
        );
    }

    #[test]
    fn courier_of_all_times_is_understood() {
        assert_eq!(pairs(Format::Courier, "17.a'b 3\n"), ["17.a'b=17.a+27b"]);
        let first = "/1 5 9\n17.a.h:2,S 3 4\n18.b.h 3 0\n";
        let want = ["17.a.h:2,S=UID4", "18.b.h=18.b.h"];
        assert_eq!(pairs(Format::Courier, first), want);
        let second = "/2 5 9\n17.a h 3 4:9\n18.b.h 3 5:0\n";
        let want = ["17.a h=UID4-9", "18.b.h=UID5"];
        assert_eq!(pairs(Format::Courier, second), want);
        let third = "/3 5 9\ncur/17.a.h 3 4:9:0\n";
        assert_eq!(pairs(Format::Courier, third), ["17.a.h=UID4-9"]);
    }

    #[test]
    fn a_list_made_by_hand_may_name_files_as_they_lie() {
        let text = "17.a.h x\n./cur/18.b c.h:2,S y\r\n\n19.d.h z";
        let want = ["17.a.h=x", "18.b c.h:2,S=y", "19.d.h=z"];
        assert_eq!(pairs(Format::Popular, text), want);
    }

    #[test]
    fn lines_that_say_nothing_are_counted_and_heads_of_other_files_refused() {
        let long = "x".repeat(71);
        for (format, text) in [
            (Format::Popular, format!("a\na b\\\x01\na {long}\n x\n")),
            (
                Format::Dovecot,
                format!("3 V1 N2\n5\n5 :\n5 P{long} :a\n4294967296 :a\n"),
            ),
            (Format::Courier, "/2 1 1\na\na 1\na x 1:1\na 1 1:x\n".into()),
        ] {
            assert_eq!(
                read(format, text.as_bytes()).unwrap(),
                (vec![], 4),
                "{text}"
            );
        }
        for head in ["2 1 1\n", "3 N1\n", "3 V4294967296\n", "x\n", "\n"] {
            assert!(read(Format::Dovecot, head.as_bytes()).is_err(), "{head}");
        }
        assert!(read(Format::Courier, b"/4 1 1\n").is_err());
    }

    proptest! {
        #[test]
        fn any_octets_are_read_and_give_legal_ids(
            which in 0usize..3,
            text in proptest::collection::vec(
                prop_oneof![Just(b' '), Just(b'\n'), Just(b':'), Just(b'P'), b'0'..=b'3', any::<u8>()],
                0..400,
            ),
        ) {
            let (format, head) = [
                (Format::Popular, ""), (Format::Dovecot, "3 V7\n"), (Format::Courier, "/3 1 1\n"),
            ][which];
            let text = [head.as_bytes(), &text].concat();
            let mut legal = true;
            let read = format.each(&text[..], |name, id| {
                legal &= uidl::is_legal(id) && !name.is_empty() && !name.contains(&b'/');
                Ok(())
            });
            prop_assert!(legal && read.is_ok());
        }
    }
}

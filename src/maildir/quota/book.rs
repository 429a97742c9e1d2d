//! The text of `maildirsize`: one line that says how much may be stored, then
//! lines that are added up to what is stored. Others write it, too, so it is
//! taken for what it may be: anything.

/// A file that is so long is counted anew (Maildir++, section "Reading
/// maildirsize"), so no more than that is ever read.
pub(super) const MOST: usize = 5120;

/// What may be stored. 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) octets: u64,
    pub(crate) messages: u64,
}

/// What is stored, or a change of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) octets: i64,
    pub(crate) messages: i64,
}

impl Sum {
    /// One message of that length on disk.
    pub(crate) fn one(octets: u64) -> Sum {
        Sum {
            octets: i64::try_from(octets).unwrap_or(i64::MAX),
            messages: 1,
        }
    }

    /// Both together; what is too large stays at the limit of the type.
    pub(crate) fn plus(self, other: Sum) -> Sum {
        Sum {
            octets: self.octets.saturating_add(other.octets),
            messages: self.messages.saturating_add(other.messages),
        }
    }

    /// The same, taken away.
    pub(crate) fn negative(self) -> Sum {
        Sum {
            octets: self.octets.saturating_neg(),
            messages: self.messages.saturating_neg(),
        }
    }

    /// The line that adds this.
    pub(super) fn line(self) -> String {
        format!("{} {}\n", self.octets, self.messages)
    }
}

impl Limits {
    /// Whether nothing is limited.
    pub(crate) fn none(self) -> bool {
        self == Limits::default()
    }

    /// Whether so much may be stored.
    pub(super) fn admit(self, sum: Sum) -> bool {
        let fits = |is: i64, most: u64| most == 0 || u64::try_from(is).unwrap_or(0) <= most;
        fits(sum.octets, self.octets) && fits(sum.messages, self.messages)
    }

    /// The first line of the file.
    pub(super) fn line(self) -> String {
        match (self.octets, self.messages) {
            (octets, 0) => format!("{octets}S\n"),
            (0, messages) => format!("{messages}C\n"),
            (octets, messages) => format!("{octets}S,{messages}C\n"),
        }
    }

    /// Reads `1000S,10C`, in any order; what is no limit of ours is left out.
    fn parse(line: &[u8]) -> Option<Limits> {
        let mut limits = Limits::default();
        let mut any = false;
        for field in line.split(|&b| b == b',') {
            let (&unit, digits) = field.trim_ascii().split_last()?;
            let value = u64::try_from(number(digits)?).ok()?;
            match unit {
                b'S' => limits.octets = value,
                b'C' => limits.messages = value,
                _ if unit.is_ascii_alphabetic() => continue,
                _ => return None,
            }
            any = true;
        }
        any.then_some(limits)
    }
}

/// A whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) limits: Limits,
    /// `None` if what is stored cannot be told from it.
    pub(super) sum: Option<Sum>,
    /// Lines that were added up.
    pub(super) lines: usize,
}

impl Book {
    /// `None` if not even the first line can be read.
    pub(super) fn parse(text: &[u8]) -> Option<Book> {
        let end = text.iter().position(|&b| b == b'\n')?;
        let limits = Limits::parse(&text[..end])?;
        let rest = &text[end + 1..];
        // A line without its end was cut off.
        let whole = rest.last() == Some(&b'\n') && text.len() < MOST;
        let lines = || rest.split_inclusive(|&b| b == b'\n');
        let sum = lines().try_fold(Sum::default(), |sum, line| {
            let change = change(line)?;
            Some(Sum {
                octets: sum.octets.checked_add(change.octets)?,
                messages: sum.messages.checked_add(change.messages)?,
            })
        });
        Some(Book {
            limits,
            sum: sum.filter(|s| whole && s.octets >= 0 && s.messages >= 0),
            lines: lines().count(),
        })
    }
}

/// One line: two numbers with blanks between.
fn change(line: &[u8]) -> Option<Sum> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let (octets, messages) = (words.next()?, words.next()?);
    words.next().is_none().then_some(Sum {
        octets: number(octets)?,
        messages: number(messages)?,
    })
}

/// A number of at most eighteen digits, which may have a sign.
fn number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(text: &str) -> Option<(i64, i64)> {
        let sum = Book::parse(text.as_bytes())?.sum?;
        Some((sum.octets, sum.messages))
    }

    #[test]
    fn limits_are_read_in_any_order_and_written_in_one() {
        for (line, octets, messages) in [
            ("1000S", 1000, 0),
            ("10C", 0, 10),
            ("10C,1000S", 1000, 10),
            ("1000S,10C,7X", 1000, 10),
            ("0S", 0, 0),
        ] {
            let limits = Limits { octets, messages };
            assert_eq!(Limits::parse(line.as_bytes()), Some(limits), "{line}");
            let again = limits.line();
            assert_eq!(Limits::parse(again.trim_end().as_bytes()), Some(limits));
        }
        for bad in [
            "",
            "S",
            "1000",
            "-1S",
            "1S,",
            "1 0S",
            "9999999999999999999S",
            "7X",
        ] {
            assert_eq!(Limits::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lines_are_added_up() {
        assert_eq!(sum("9S\n100 2\n-40 -1\n"), Some((60, 1)));
        assert_eq!(sum("9S\n          100           2\n"), Some((100, 2)));
    }

    #[test]
    fn what_is_in_doubt_has_no_sum() {
        for text in [
            "9S\n",
            "9S\n100 2",
            "9S\n100 2\n-1",
            "9S\n100\n",
            "9S\n100 2 3\n",
            "9S\n-1 0\n",
            "9S\n1 -1\n",
            "9S\nx y\n",
            "9S\n999999999999999999999 1\n",
            "9S\n1 1\n\n",
        ] {
            assert!(Book::parse(text.as_bytes()).is_some(), "{text:?}");
            assert_eq!(sum(text), None, "{text:?}");
        }
        let long = format!("9S\n{}", "1 1\n".repeat(MOST / 4));
        assert_eq!(sum(&long), None);
        assert_eq!(Book::parse(b""), None);
        assert_eq!(Book::parse(b"9S"), None);
    }

    #[test]
    fn a_limit_is_what_may_be_reached_and_not_passed() {
        let limits = Limits {
            octets: 10,
            messages: 2,
        };
        let sum = |octets, messages| Sum { octets, messages };
        assert!(limits.admit(sum(10, 2)));
        assert!(!limits.admit(sum(11, 2)) && !limits.admit(sum(10, 3)));
        assert!(Limits::default().admit(sum(i64::MAX, i64::MAX)));
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'9'), Just(b'S'), any::<u8>()], 0..400)
        ) {
            if let Some(Book { sum: Some(sum), .. }) = Book::parse(&text) {
                prop_assert!(sum.octets >= 0 && sum.messages >= 0);
            }
        }

        #[test]
        fn what_is_written_is_read(octets in 0u64..1 << 50, messages in 0u64..1 << 50, adds in proptest::collection::vec((0i64..1 << 40, 0i64..9), 1..20)) {
            let limits = Limits { octets, messages };
            let total = adds.iter().fold(Sum::default(), |sum, &(octets, messages)| {
                sum.plus(Sum { octets, messages })
            });
            let lines: String = adds.iter().map(|&(octets, messages)| Sum { octets, messages }.line()).collect();
            let book = Book::parse((limits.line() + &lines).as_bytes()).unwrap();
            prop_assert_eq!((book.limits, book.sum, book.lines), (limits, Some(total), adds.len()));
        }
    }
}

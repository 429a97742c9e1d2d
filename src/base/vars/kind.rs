//! The types of variables: what a text must be like, and how it is kept.

use super::named::{self, is_absolute, is_host, is_named};
use crate::base::clock::{parse_interval, show_interval};
use crate::base::nets;
use crate::base::words::{LONGEST, quote};

/// Octets of the longest text in quotes: a line of control words holds it, and
/// what it is the value of.
const LONGEST_QUOTED: usize = LONGEST - 192;

/// What a variable may hold.
#[derive(Debug)]
#[allow(dead_code)] // types are part of the language, whether or not a variable has one today
pub(crate) enum Kind {
    /// `0 false no off` or `1 true yes on`.
    Bool,
    /// A whole number, first to last.
    Int(u64, u64),
    /// A number with at most two decimals, first to last in hundredths.
    Decimal(u64, u64),
    /// An interval in seconds, first to last, written like `1h30m`.
    Time(u64, u64),
    /// Any text without control characters.
    Str,
    /// Letters, digits, `_`, `-`, `.`.
    Id,
    /// Name of a file.
    File,
    /// Name of a directory, which must exist when it is set. A daemon works in `/`, so the name
    /// must begin there.
    Dir,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Networks such as `192.0.2.0/24,2001:db8::/32`.
    Nets,
    /// One of them.
    Net,
    /// `HOST:PORT`.
    Host,
    /// An address, or nothing.
    Addr,
    /// Files that only the master may read: `FILE,FILE...`.
    KeyFiles,
    /// Names with files of that kind: `HOST,FILE,FILE;HOST,FILE,FILE...`. An entry may also be the
    /// name of such a file that holds more of them.
    NamedKeyFiles,
}

impl Kind {
    /// Brings `text` into the form in which it is kept and shown.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn normal(&self, text: &str) -> Result<String, String> {
        match self {
            Kind::Bool => match text {
                "0" | "false" | "no" | "off" => Ok("no".into()),
                "1" | "true" | "yes" | "on" => Ok("yes".into()),
                _ => Err("must be yes or no".into()),
            },
            Kind::Int(min, max) => match text.parse::<u64>() {
                Ok(n) if (min..=max).contains(&&n) => Ok(n.to_string()),
                _ => Err(format!("must be a whole number from {min} to {max}")),
            },
            Kind::Decimal(min, max) => match parse_hundredths(text) {
                Some(n) if (min..=max).contains(&&n) => Ok(show_hundredths(n)),
                _ => Err(format!(
                    "must be a number from {} to {} with at most two decimals",
                    show_hundredths(*min),
                    show_hundredths(*max)
                )),
            },
            Kind::Time(min, max) => match parse_interval(text) {
                Some(n) if (min..=max).contains(&&n) => Ok(show_interval(n)),
                _ => Err(format!(
                    "must be an interval from {} to {}",
                    show_interval(*min),
                    show_interval(*max)
                )),
            },
            Kind::Word(list) if list.contains(&text) => Ok(text.into()),
            Kind::Word(list) => Err(format!("must be one of: {}", list.join(" "))),
            Kind::Addr => match text.parse::<std::net::IpAddr>() {
                Ok(ip) => Ok(ip.to_string()),
                Err(_) if text.is_empty() => Ok(String::new()),
                Err(_) => Err(format!("must be {}", self.wanted())),
            },
            _ => self.normal_text(text),
        }
    }

    fn normal_text(&self, text: &str) -> Result<String, String> {
        let right = match self {
            Kind::Id => is_id(text),
            Kind::Dir => text.starts_with('/') && std::path::Path::new(text).is_dir(),
            Kind::Net => text.is_empty() || nets::parse(text).is_some(),
            Kind::Host => is_host_port(text),
            Kind::Nets => text.is_empty() || text.split(',').all(|net| nets::parse(net).is_some()),
            Kind::KeyFiles => text.is_empty() || text.split(',').all(is_absolute),
            Kind::NamedKeyFiles => is_named(text),
            _ => true,
        };
        if text.len() > 4096 {
            Err("must have at most 4096 octets".into())
        } else if quote(text).len() > LONGEST_QUOTED {
            // It could not be printed as a control word.
            Err("must have fewer quotes and backslashes".into())
        } else if right {
            Ok(text.into())
        } else {
            Err(format!("must be {}", self.wanted()))
        }
    }

    /// What is wanted, for errors and help.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Kind::Bool => "yes|no".into(),
            Kind::Int(min, max) => format!("{min}..{max}"),
            Kind::Decimal(min, max) => {
                format!("{}..{}", show_hundredths(*min), show_hundredths(*max))
            }
            Kind::Time(min, max) => format!("{}..{}", show_interval(*min), show_interval(*max)),
            Kind::Str => "text".into(),
            Kind::Id => "letters, digits, _ - . (at most 64)".into(),
            Kind::File => "a file name".into(),
            Kind::Dir => "a directory that exists, its name beginning with /".into(),
            Kind::Word(list) => list.join("|"),
            Kind::Nets => "networks like 192.0.2.0/24,2001:db8::/32".into(),
            Kind::Net => "a network like 192.0.2.0/24".into(),
            Kind::Host => "HOST:PORT".into(),
            Kind::Addr => "an address like 192.0.2.1 or 2001:db8::1".into(),
            Kind::KeyFiles => "/FILE,/FILE...".into(),
            Kind::NamedKeyFiles => "HOST,/FILE,/FILE;/FILE...".into(),
        }
    }

    /// The name of the type, as the historic suite called it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Bool => "Bool",
            Kind::Int(..) => "Int",
            Kind::Decimal(..) => "Decimal",
            Kind::Time(..) => "Time",
            Kind::Str | Kind::Nets | Kind::Net | Kind::Host | Kind::Addr | Kind::Word(_) => {
                "String"
            }
            Kind::Id => "Id",
            Kind::File | Kind::KeyFiles | Kind::NamedKeyFiles => "File",
            Kind::Dir => "Dir",
        }
    }

    /// The files that only the master may read, if this is a list of such.
    pub(crate) fn key_files<'t>(&self, text: &'t str) -> Vec<&'t str> {
        match self {
            Kind::KeyFiles => text.split(',').filter(|file| !file.is_empty()).collect(),
            Kind::NamedKeyFiles => named::entries(text).flat_map(named::Entry::files).collect(),
            _ => Vec::new(),
        }
    }

    /// Those of them that name more files.
    pub(crate) fn key_lists<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let list = |entry| match entry {
            named::Entry::List(file) => Some(file),
            named::Entry::Pair(_) => None,
        };
        match self {
            Kind::NamedKeyFiles => named::entries(text).filter_map(list).collect(),
            _ => Vec::new(),
        }
    }

    /// The value as a number, for the shared page: seconds, hundredths, 0 or 1, the
    /// place in the list of words. Text is 0.
    pub(super) fn number(&self, text: &str) -> u64 {
        match self {
            Kind::Bool => u64::from(text == "yes"),
            Kind::Int(..) => text.parse().unwrap_or(0),
            Kind::Decimal(..) => parse_hundredths(text).unwrap_or(0),
            Kind::Time(..) => parse_interval(text).unwrap_or(0),
            Kind::Word(list) => list.iter().position(|w| *w == text).unwrap_or(0) as u64,
            _ => 0,
        }
    }
}

/// A number with at most two decimals, in hundredths.
fn parse_hundredths(text: &str) -> Option<u64> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(decimals) || !(1..=2).contains(&decimals.len()) {
        return None;
    }
    let hundredths: u64 = format!("{decimals:0<2}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(hundredths)
}

/// The shortest way to write what [`parse_hundredths`] reads.
fn show_hundredths(n: u64) -> String {
    match (n / 100, n % 100) {
        (whole, 0) => whole.to_string(),
        (whole, part) if part % 10 == 0 => format!("{whole}.{}", part / 10),
        (whole, part) => format!("{whole}.{part:02}"),
    }
}

/// Is this a name for an object: letters, digits, `_`, `-`, `.`, at most 64?
pub(crate) fn is_id(text: &str) -> bool {
    let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(right)
}

/// Is this `HOST:PORT`, `ADDRESS:PORT` or `[IPV6]:PORT`?
pub(crate) fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_right = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host(host),
    };
    host_right && port.parse::<u16>().is_ok_and(|p| p > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_its_shortest_form_and_may_be_taken_back() {
        for (text, kept) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("", ""),
        ] {
            assert_eq!(Kind::Addr.normal(text).as_deref(), Ok(kept));
        }
        for bad in ["a.example", "192.0.2.1:110", "[::1]", "192.0.2.0/24"] {
            assert!(Kind::Addr.normal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_decimal_is_counted_in_hundredths() {
        let kind = Kind::Decimal(0, 1000);
        for (text, normal, number) in [
            ("8", "8", 800),
            ("8.5", "8.5", 850),
            ("08.50", "8.5", 850),
            ("0.05", "0.05", 5),
            ("10.00", "10", 1000),
        ] {
            assert_eq!(kind.normal(text).as_deref(), Ok(normal));
            assert_eq!(kind.number(normal), number);
        }
        for bad in [
            "",
            ".5",
            "5.",
            "1.234",
            "-1",
            "+1",
            "1e1",
            "10.01",
            "99999999999999999999",
        ] {
            assert!(kind.normal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_has_a_port() {
        for good in ["a.example:110", "192.0.2.1:1", "[2001:db8::1]:995"] {
            assert!(is_host_port(good), "{good}");
        }
        for bad in [
            "a",
            "a:",
            ":1",
            "a:0",
            "a:70000",
            "2001:db8::1:995",
            "a b:1",
        ] {
            assert!(!is_host_port(bad), "{bad}");
        }
    }

    #[test]
    fn files_that_only_the_master_reads_are_found_in_lists() {
        let (one, named) = (Kind::KeyFiles, Kind::NamedKeyFiles);
        let files = |kind: &Kind, text| kind.key_files(text).join(" ");
        assert_eq!(files(&one, "/a,/b"), "/a /b");
        let text = "h,/a,/b;/list;*.h.example,/c,/d";
        assert_eq!(files(&named, text), "/a /b /list /c /d");
        assert_eq!(named.key_lists(text), ["/list"]);
        assert_eq!(files(&Kind::Str, "/a,/b"), "");
        for (kind, good) in [
            (&one, ""),
            (&one, "/a,/b"),
            (&named, ""),
            (&named, "*.h,/a,/b"),
            (&named, "/list"),
        ] {
            assert_eq!(kind.normal(good).as_deref(), Ok(good));
        }
        for (kind, bad) in [
            (&one, "a"),
            (&one, "/a,b"),
            (&one, "/a;/b"),
            (&one, "/a,,/b"),
            (&named, "h,/a"),
            (&named, "h,/a,/b,/c"),
            (&named, "h h,/a,/b"),
            (&named, "h,/a,/b;"),
        ] {
            assert!(kind.normal(bad).is_err(), "{bad}");
        }
    }
}

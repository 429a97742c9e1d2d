//! Lists of capabilities (RFC 2449) as an administrator writes them, and what
//! of them is announced: never more than holds.

use std::io::Write as _;

use super::greet::CAPABILITIES;

/// Capabilities in one list.
const MOST: usize = 64;

/// Longest capability, in octets; with its line end below the 512 that RFC
/// 2449 section 4 allows.
const LONGEST: usize = 500;

/// Extensions that change what is understood before the login (RFC 6856),
/// which no backend can do for us.
static BEFORE_LOGIN: [&str; 2] = ["UTF8", "LANG"];

/// Reads a list, one capability a line; lines that begin with `#` are
/// comments. Blanks around words do not count.
///
/// # Errors
/// All lines that are wrong, counted from 1, and why.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<String>, Vec<(usize, &'static str)>> {
    let (mut list, mut wrong) = (Vec::<String>::new(), Vec::new());
    for (number, line) in text.split(|&octet| octet == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match capability(line) {
            Ok(line) if list.iter().any(|other| same(tag(other), tag(&line))) => {
                wrong.push((number + 1, "the capability stands there twice"));
            }
            Ok(line) => list.push(line),
            Err(why) => wrong.push((number + 1, why)),
        }
        if list.len() > MOST {
            wrong.push((number + 1, "there are more than 64 capabilities"));
            break;
        }
    }
    if list.is_empty() && wrong.is_empty() {
        wrong.push((1, "there is no capability in it"));
    }
    match wrong.is_empty() {
        true => Ok(list),
        false => Err(wrong),
    }
}

/// `capa-tag *(SP param)` of RFC 2449 section 3.
fn capability(line: &[u8]) -> Result<String, &'static str> {
    if line.len() > LONGEST {
        return Err("the line is longer than 500 octets");
    }
    let printable = line.iter().all(|octet| (b' '..=b'~').contains(octet));
    let Some(text) = std::str::from_utf8(line).ok().filter(|_| printable) else {
        return Err("there is more in it than printable ASCII");
    };
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let tag = words[0];
    match () {
        () if tag.contains('.') => Err("the name of a capability has no dot"),
        () if BEFORE_LOGIN.iter().any(|other| same(other, tag)) => {
            Err("it needs a command before the login that the proxy does not know")
        }
        () if same(tag, "SASL") && words.len() == 1 => Err("SASL names no mechanism"),
        () => Ok(words.join(" ")),
    }
}

fn tag(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// A list, ready to be sent: the same in both states, as clients that asked
/// before their login do not ask again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// The answer to CAPA, but for what changes and for its end.
    text: Vec<u8>,
    /// The same for who must not send a password yet.
    bare: Vec<u8>,
    /// Is LOGIN-DELAY to be told while there is one (RFC 2449 section 6.5)?
    delay: bool,
    /// Is STLS to be told where there is TLS (RFC 2595 section 4)?
    stls: bool,
}

/// What holds of a session now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Seconds that a user has to stay away; 0: none.
    pub(crate) delay: u64,
    /// TLS can begin.
    pub(crate) stls: bool,
    /// Passwords are not taken.
    pub(crate) guarded: bool,
    /// A mechanism of SASL beside those of the list.
    pub(crate) mechanism: Option<&'static str>,
}

impl Default for Capabilities {
    /// What holds of a proxy without a list.
    fn default() -> Capabilities {
        let text = CAPABILITIES.strip_suffix(END).unwrap_or(CAPABILITIES);
        Capabilities::of(text.into(), true, true)
    }
}

impl Capabilities {
    /// What holds of a list that [`parse`] has read, for a proxy that knows
    /// these mechanisms of SASL.
    pub(crate) fn new(list: &[String], mechanisms: &[&str]) -> Capabilities {
        let mut text = b"+OK Capability list follows\r\n".to_vec();
        let lines = list.iter().filter_map(|line| what_holds(line, mechanisms));
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let told = |name| list.iter().any(|line| same(tag(line), name));
        Capabilities::of(text, told(DELAY), told(STLS))
    }

    fn of(text: Vec<u8>, delay: bool, stls: bool) -> Capabilities {
        let by_password = |line: &[u8]| {
            let tag = line.split(|octet| b" \r\n".contains(octet)).next();
            tag.is_some_and(|tag| {
                [&b"USER"[..], b"SASL"]
                    .iter()
                    .any(|t| t.eq_ignore_ascii_case(tag))
            })
        };
        let lines = text.split_inclusive(|&octet| octet == b'\n');
        let bare = lines.filter(|line| !by_password(line)).flatten().copied();
        Capabilities {
            bare: bare.collect(),
            text,
            delay,
            stls,
        }
    }

    /// Appends the answer to CAPA.
    pub(crate) fn put(&self, out: &mut Vec<u8>, now: Now) {
        let list = if now.guarded { &self.bare } else { &self.text };
        for line in list.split_inclusive(|&octet| octet == b'\n') {
            out.extend_from_slice(line);
            let sasl = line.len() > 5 && line[..5].eq_ignore_ascii_case(b"SASL ");
            if let Some(name) = now.mechanism.filter(|_| sasl) {
                out.truncate(out.len() - 2);
                let _ = write!(out, " {name}\r\n");
            }
        }
        if self.stls && now.stls {
            out.extend_from_slice(b"STLS\r\n");
        }
        if self.delay && now.delay > 0 {
            let _ = write!(out, "{DELAY} {}\r\n", now.delay);
        }
        out.extend_from_slice(END);
    }
}

const STLS: &str = "STLS";
const DELAY: &str = "LOGIN-DELAY";
const END: &[u8] = b".\r\n";

/// The part of a capability that is true. What the proxy does not do itself
/// is the administrator's word for what his backends do.
fn what_holds(line: &str, mechanisms: &[&str]) -> Option<String> {
    match tag(line) {
        // Both are told while they hold, and as they do.
        tag if same(tag, STLS) || same(tag, DELAY) => None,
        tag if same(tag, "SASL") => {
            let named = line.split(' ').skip(1);
            let known = named.filter(|name| mechanisms.iter().any(|known| same(known, name)));
            let known: Vec<_> = known.collect();
            (!known.is_empty()).then(|| format!("{tag} {}", known.join(" ")))
        }
        _ => Some(line.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [&str; 2] = ["PLAIN", "LOGIN"];

    fn delayed(delay: u64) -> Now {
        Now {
            delay,
            ..Now::default()
        }
    }

    fn answer(list: &str, delay: u64) -> String {
        let (list, mut out) = (parse(list.as_bytes()).unwrap(), Vec::new());
        Capabilities::new(&list, &BOTH).put(&mut out, delayed(delay));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_is_announced_as_it_was_written() {
        let list = "# ours\r\nTOP\r\n\n  UIDL \nEXPIRE  60   USER\nX-a! #b\n";
        let wanted =
            "+OK Capability list follows\r\nTOP\r\nUIDL\r\nEXPIRE 60 USER\r\nX-a! #b\r\n.\r\n";
        assert_eq!(answer(list, 60), wanted);
    }

    #[test]
    fn what_the_proxy_knows_better_is_announced_only_while_it_holds() {
        let told = |line: &str, delay| answer(&format!("TOP\n{line}\n"), delay);
        let (alone, list) = (told("", 0), |more: &str| {
            format!("+OK Capability list follows\r\nTOP\r\n{more}.\r\n")
        });
        assert_eq!(alone, list(""));
        assert_eq!(told("STLS", 0), alone);
        assert_eq!(
            told("sasl CRAM-MD5 login PLAIN", 0),
            list("sasl login PLAIN\r\n")
        );
        assert_eq!(told("SASL CRAM-MD5", 0), alone);
        assert_eq!(told("LOGIN-DELAY 900", 0), alone);
        assert_eq!(told("LOGIN-DELAY 900", 60), list("LOGIN-DELAY 60\r\n"));
        assert_eq!(told("login-delay", 60), list("LOGIN-DELAY 60\r\n"));
        assert_eq!(told("", 60), alone);
    }

    #[test]
    fn without_a_list_all_is_announced_that_holds() {
        let mut out = Vec::new();
        Capabilities::default().put(&mut out, Now::default());
        assert_eq!(out, CAPABILITIES);
        out.clear();
        Capabilities::default().put(&mut out, delayed(60));
        assert!(out.ends_with(b"POPular\r\nLOGIN-DELAY 60\r\n.\r\n"));
    }

    #[test]
    fn no_password_is_asked_for_where_none_is_taken() {
        let now = Now {
            stls: true,
            guarded: true,
            ..Now::default()
        };
        let told = |list: &Capabilities| {
            let mut out = Vec::new();
            list.put(&mut out, now);
            String::from_utf8(out).unwrap()
        };
        let text = told(&Capabilities::default());
        assert!(!text.contains("USER") && !text.contains("SASL"), "{text}");
        assert!(text.starts_with("+OK Cap") && text.ends_with("POPular\r\nSTLS\r\n.\r\n"));
        let list = |lines| Capabilities::new(&parse(lines).unwrap(), &BOTH);
        assert!(told(&list(b"TOP\nuser\nstls\n")).ends_with("TOP\r\nSTLS\r\n.\r\n"));
        assert!(told(&list(b"TOP\nUSER\n")).ends_with("TOP\r\n.\r\n"));
    }

    #[test]
    fn one_more_mechanism_stands_behind_the_others() {
        let mut out = Vec::new();
        let now = Now {
            mechanism: Some("EXTERNAL"),
            ..Now::default()
        };
        Capabilities::default().put(&mut out, now);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("\r\nSASL PLAIN LOGIN EXTERNAL\r\nIMPL"),
            "{text}"
        );
    }

    #[test]
    fn every_wrong_line_is_named() {
        let long = "x".repeat(501);
        for (line, why) in [
            ("TOP", "the capability stands there twice"),
            ("top 1", "the capability stands there twice"),
            (".", "the name of a capability has no dot"),
            ("X.Y", "the name of a capability has no dot"),
            ("a\tb", "there is more in it than printable ASCII"),
            ("\u{e4}", "there is more in it than printable ASCII"),
            ("a\u{7f}", "there is more in it than printable ASCII"),
            ("a\rb", "there is more in it than printable ASCII"),
            (&long, "the line is longer than 500 octets"),
            (
                "utf8",
                "it needs a command before the login that the proxy does not know",
            ),
            ("SASL", "SASL names no mechanism"),
        ] {
            let text = format!("# a list\nTOP\n{line}\nUIDL\n{line}\n");
            let wrong = parse(text.as_bytes()).unwrap_err();
            assert_eq!(wrong, [(3, why), (5, why)], "{line:?}");
        }
        assert_eq!(
            parse(b"\n# \n"),
            Err(vec![(1, "there is no capability in it")])
        );
        let many: String = (0..65).map(|n| format!("X{n}\n")).collect();
        assert_eq!(parse(many.as_bytes()).unwrap_err()[0].0, 65);
        assert_eq!(
            parse(&many.as_bytes()[..many.len() - 4]).map(|list| list.len()),
            Ok(64)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_file_the_answer_is_a_list(text in proptest::collection::vec(any::<u8>(), 0..200), delay: u64) {
            if let Ok(list) = parse(&text) {
                let mut out = Vec::new();
                Capabilities::new(&list, &BOTH).put(&mut out, delayed(delay));
                let text = String::from_utf8(out).unwrap();
                let lines: Vec<_> = text.strip_suffix("\r\n.\r\n").unwrap().split("\r\n").collect();
                prop_assert!(lines[0].starts_with("+OK ") && lines.len() <= MOST + 1);
                let right = |line: &&str| line.len() <= 510 && line.bytes().all(|b| (b' '..=b'~').contains(&b));
                prop_assert!(lines.iter().all(right));
                prop_assert!(!lines.iter().any(|line| line.starts_with('.')));
            }
        }
    }
}

//! What the sessions do, and as whom: the words behind the options.

use std::io::{BufRead, BufReader, Read};

use crate::base::vars::Kind;

/// The words that begin a load, with what they mean.
pub(super) static WHATS: &[(&str, What)] = &[
    ("login", What::Login),
    ("fetch", What::Fetch),
    ("drain", What::Drain),
    ("list", What::List),
    ("hold", What::Hold),
];

/// Most loads at once.
const LOADS: usize = 16;

/// Most accounts of a load.
const ACCOUNTS: u64 = 100_000_000;

/// Octets of a password in a file.
const PASSWORD: u64 = 255;

/// What a session does when it is logged in and has said STAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Nothing.
    Login,
    /// Retrieves all messages.
    Fetch,
    /// Retrieves and deletes all messages.
    Drain,
    /// LIST and UIDL.
    List,
    /// Stays, and is silent.
    Hold,
}

/// A name or password for many accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    head: String,
    /// Digits that the number has at least, and what stands behind it.
    number: Option<(usize, String)>,
}

impl Pattern {
    /// `%d`, or `%05d`, stands for the number, once.
    fn parse(text: &str) -> Result<Pattern, String> {
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err("must be without control characters".into());
        }
        let Some((head, rest)) = text.split_once('%') else {
            return Ok(Pattern {
                head: text.into(),
                number: None,
            });
        };
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        let width = match digits {
            "" => Some(0),
            _ => digits.parse().ok().filter(|width| *width < 20),
        };
        match (width, tail.strip_prefix('d')) {
            (Some(width), Some(tail)) if !tail.contains('%') => Ok(Pattern {
                head: head.into(),
                number: Some((width, tail.into())),
            }),
            _ => Err("may have one %d or %05d, and no other %".into()),
        }
    }

    /// The name, or password, of the account of this number.
    pub(super) fn of(&self, account: u64) -> String {
        match &self.number {
            None => self.head.clone(),
            Some((width, tail)) => format!("{}{account:0width$}{tail}", self.head),
        }
    }
}

/// One kind of session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) what: What,
    pub(super) user: Pattern,
    pub(super) pass: Pattern,
    /// First and last account.
    pub(super) range: (u64, u64),
    pub(super) weight: u64,
    /// STAT must say so many.
    pub(super) messages: Option<u64>,
    /// What is retrieved must be of the size that STAT said.
    pub(super) sizes: bool,
}

impl Load {
    fn new(what: What) -> Load {
        let empty = Pattern {
            head: String::new(),
            number: None,
        };
        Load {
            what,
            user: empty.clone(),
            pass: empty,
            range: (1, 1),
            weight: 1,
            messages: None,
            sizes: true,
        }
    }

    /// The word that begins it.
    pub(super) fn name(&self) -> &'static str {
        let same = WHATS.iter().find(|(_, what)| *what == self.what);
        same.map_or("", |(name, _)| name)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "user" => self.user = Pattern::parse(value)?,
            "pass" => self.pass = Pattern::parse(value)?,
            "passfile" => self.pass = Pattern::parse(&first_line(value)?)?,
            "weight" => self.weight = whole(value, 1, 1_000_000)?,
            "messages" => self.messages = Some(whole(value, 0, u32::MAX.into())?),
            "sizes" => self.sizes = Kind::Bool.normal(value)? == "yes",
            "range" => {
                let ends = value.split_once('-').and_then(|(first, last)| {
                    let ends: (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                    (ends.0 <= ends.1 && ends.1 - ends.0 < ACCOUNTS).then_some(ends)
                });
                self.range = ends.ok_or(format!(
                    "must be FIRST-LAST, at most {ACCOUNTS} accounts, not {value}"
                ))?;
            }
            _ => return Err("is none of: user pass passfile range weight messages sizes".into()),
        }
        Ok(())
    }
}

fn first_line(name: &str) -> Result<String, String> {
    let open = std::fs::File::open(name);
    let read = open.and_then(|file| {
        let mut line = String::new();
        BufReader::new(file.take(PASSWORD)).read_line(&mut line)?;
        Ok(line)
    });
    let line = read.map_err(|why| format!("{name}: {why}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// A whole number.
///
/// # Errors
/// What would be right.
pub(super) fn whole(value: &str, first: u64, last: u64) -> Result<u64, String> {
    let normal = Kind::Int(first, last).normal(value);
    let number = normal.map(|number| number.parse().unwrap_or(first));
    number.map_err(|why| format!("{why}, not {value}"))
}

/// The loads that the words behind the options name.
///
/// # Errors
/// Which word is wrong and what would be right.
pub(super) fn loads(words: &[String]) -> Result<Vec<Load>, String> {
    let mut loads: Vec<Load> = Vec::new();
    for word in words {
        if let Some((_, what)) = WHATS.iter().find(|(name, _)| name == word) {
            loads.push(Load::new(*what));
            continue;
        }
        let names: Vec<_> = WHATS.iter().map(|(name, _)| *name).collect();
        let (Some((key, value)), Some(load)) = (word.split_once('='), loads.last_mut()) else {
            return Err(format!("{word} is none of: {}", names.join(" ")));
        };
        load.set(key, value).map_err(|why| format!("{key} {why}"))?;
    }
    let nobody = |load: &&Load| load.user.head.is_empty() && load.user.number.is_none();
    if let Some(load) = loads.iter().find(nobody) {
        return Err(format!("{} needs user=", load.name()));
    }
    match loads.len() {
        0 => Err("what is to be done? login, fetch, drain, list or hold".into()),
        2.. if loads.iter().any(|load| load.what == What::Hold) => {
            Err("hold goes with no other load".into())
        }
        count if count > LOADS => Err(format!("there are more than {LOADS} loads")),
        _ => Ok(loads),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_by_a_pattern() {
        for (pattern, name) in [("joe", "joe"), ("u%d", "u42"), ("u%05d@x", "u00042@x")] {
            assert_eq!(Pattern::parse(pattern).unwrap().of(42), name);
        }
        for bad in ["%", "a%s", "%d%d", "%99d", "a\rb"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}

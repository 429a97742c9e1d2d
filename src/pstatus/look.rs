//! One look at a daemon: what it answers to the words that show something.

use std::collections::HashMap;
use std::time::Instant;

use crate::base::words::{quote, split, split_text};
use crate::daemon::link::{Link, Reply};

/// A line of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) line: String,
    fields: Vec<(String, Vec<u8>)>,
}

impl Row {
    /// Takes a row of a list apart; what is no `key=value` is left out.
    pub(super) fn parse(line: &str) -> Row {
        let field = |word: Vec<u8>| {
            let at = word.iter().position(|&b| b == b'=')?;
            let key = String::from_utf8(word[..at].to_vec()).ok()?;
            Some((key, word[at + 1..].to_vec()))
        };
        let words = split(line).unwrap_or_default();
        Row {
            line: line.into(),
            fields: words.into_iter().filter_map(field).collect(),
        }
    }

    /// The octets of a value, which may be anything; none if there is no
    /// such key.
    pub(super) fn octets(&self, key: &str) -> &[u8] {
        let found = self.fields.iter().find(|(name, _)| name == key);
        found.map_or(b"", |(_, value)| value)
    }

    /// A value that a terminal can be shown.
    pub(super) fn text(&self, key: &str) -> String {
        shown(self.octets(key))
    }

    /// A value as a number; 0 if it is none.
    pub(super) fn number(&self, key: &str) -> u64 {
        let text = std::str::from_utf8(self.octets(key));
        text.ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Octets that may come from anywhere, in such as move no cursor.
pub(super) fn shown(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        match octet {
            0x20..0x7f => text.push(octet.into()),
            _ => text.push_str(&format!("\\x{octet:02x}")),
        }
    }
    text
}

/// The objects of a kind, and what was counted for each.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) rows: Vec<Row>,
    counted: HashMap<String, Row>,
}

/// All of it.
pub(super) struct Look {
    pub(super) program: String,
    pub(super) version: String,
    vars: HashMap<String, String>,
    at: Instant,
    /// Name and value, in the order of the daemon.
    pub(super) sums: Vec<(String, u64)>,
    pub(super) events: Vec<(String, u64)>,
    pub(super) kinds: Vec<Kind>,
    /// With those who have no session.
    pub(super) workers: Vec<Row>,
    /// Those that are wanted.
    pub(super) sessions: Vec<Row>,
}

/// What is worth showing of a program's objects; the kind where clients or
/// proxies come in stands first.
fn kinds(program: &str) -> &'static [&'static str] {
    match program {
        "pproxy" => &["vserv", "backend", "pdm"],
        _ => &["server"],
    }
}

/// The rows of a list.
///
/// # Errors
/// The connection is lost, or the daemon refuses.
fn list(link: &mut Link, line: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    match link.ask(line, &mut |row| rows.push(Row::parse(row)))? {
        Reply::Err(why) => Err(format!("{line}: {}", shown(why.as_bytes()))),
        _ => Ok(rows),
    }
}

/// The control word for a choice of sessions. A word that is no `KEY=VALUE`
/// is a network or a user.
///
/// # Errors
/// The quoting is wrong.
pub(super) fn choice(filter: &str) -> Result<String, String> {
    let mut line = String::from("session list");
    for word in split_text(filter)? {
        let word = match word.contains('=') {
            true => word,
            false if crate::base::nets::parse(&word).is_some() => format!("peer={word}"),
            false => format!("user={word}"),
        };
        line.push(' ');
        line.push_str(&quote(&word));
    }
    Ok(line)
}

impl Look {
    /// Looks at everything; `filter` says which sessions are wanted.
    ///
    /// # Errors
    /// The connection is lost, or a word is refused.
    pub(super) fn take(link: &mut Link, filter: &str) -> Result<Look, String> {
        let (program, version) = match link.ask("version", &mut |_| ())? {
            Reply::Ok(text) => split_version(&text),
            _ => return Err("the daemon does not tell its version".into()),
        };
        let value = |row: &Row| (row.text("name"), row.text("value"));
        let vars = list(link, "show")?.iter().map(value).collect();
        let sum = |row: &Row| (row.text("name"), row.number("value"));
        let sums = list(link, "counter list")?.iter().map(sum).collect();
        let event = |row: &Row| (row.text("id"), row.number("count"));
        let events = list(link, "counter list event")?
            .iter()
            .map(event)
            .collect();
        let mut seen = Vec::new();
        for name in kinds(&program) {
            seen.push(Kind::take(link, name)?);
        }
        let workers = list(link, "session list all=yes")?;
        let sessions = match filter {
            "" => workers
                .iter()
                .filter(|row| row.octets("state") == b"busy")
                .cloned()
                .collect(),
            filter => list(link, &choice(filter)?)?,
        };
        Ok(Look {
            program,
            version,
            vars,
            at: Instant::now(),
            sums,
            events,
            kinds: seen,
            workers,
            sessions,
        })
    }

    /// A variable; empty if there is none.
    pub(super) fn var(&self, name: &str) -> &str {
        self.vars.get(name).map_or("", String::as_str)
    }

    /// A counter of the program.
    pub(super) fn sum(&self, name: &str) -> u64 {
        let found = self.sums.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, value)| *value)
    }

    /// The kind of objects called so.
    pub(super) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}

fn split_version(text: &str) -> (String, String) {
    let (program, version) = text.split_once(' ').unwrap_or((text, ""));
    (shown(program.as_bytes()), shown(version.as_bytes()))
}

impl Kind {
    fn take(link: &mut Link, name: &'static str) -> Result<Kind, String> {
        let rows = list(link, &format!("{name} list"))?;
        let counted = list(link, &format!("counter list {name}"))?;
        let counted = counted.into_iter().map(|row| (row.text("id"), row));
        Ok(Kind {
            name,
            rows,
            counted: counted.collect(),
        })
    }

    /// What was counted for an object.
    pub(super) fn counted(&self, id: &str) -> Option<&Row> {
        self.counted.get(id)
    }
}

/// Two looks, one after the other: what happens a second.
pub(super) struct Pace<'l> {
    pub(super) now: &'l Look,
    pub(super) before: Option<&'l Look>,
}

impl Pace<'_> {
    /// Seconds between the looks.
    pub(super) fn seconds(&self) -> f64 {
        let before = self.before.map(|before| before.at);
        before.map_or(0.0, |at| self.now.at.duration_since(at).as_secs_f64())
    }

    /// A second, from two values; `None` if there is no such thing, as after
    /// `counter reset`.
    fn rate(&self, before: Option<u64>, now: u64) -> Option<f64> {
        let more = now.checked_sub(before?)?;
        let seconds = self.seconds();
        (seconds > 0.0).then(|| more as f64 / seconds)
    }

    /// Of a counter of the program.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        self.rate(
            self.before.map(|before| before.sum(name)),
            self.now.sum(name),
        )
    }

    /// Of an event; one that is new has not been before.
    pub(super) fn event(&self, name: &str, now: u64) -> Option<f64> {
        let before = self.before.map(|before| {
            let found = before.events.iter().find(|(known, _)| known == name);
            found.map_or(0, |(_, value)| *value)
        });
        self.rate(before, now)
    }

    /// Of some counters of an object together.
    pub(super) fn object(&self, kind: &str, id: &str, names: &[&str]) -> Option<f64> {
        let value = |look: &Look| {
            let row = look.kind(kind)?.counted(id)?;
            Some(
                names
                    .iter()
                    .fold(0u64, |sum, name| sum.wrapping_add(row.number(name))),
            )
        };
        self.rate(value(self.before?), value(self.now)?)
    }

    /// How much of `what` there was for each of `each` meanwhile.
    pub(super) fn mean(&self, kind: &str, id: &str, what: &str, each: &str) -> Option<f64> {
        let (what, each) = (
            self.object(kind, id, &[what])?,
            self.object(kind, id, &[each])?,
        );
        (each > 0.0).then(|| what / each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_filter_becomes_a_control_word() {
        for (filter, line) in [
            ("joe", "session list user=joe"),
            (
                "192.0.2.0/24 minage=5m",
                "session list peer=192.0.2.0/24 minage=5m",
            ),
            ("::1", "session list peer=::1"),
            ("\"a b\"", "session list \"user=a b\""),
            ("doing=\"relay b1\"", "session list \"doing=relay b1\""),
        ] {
            assert_eq!(choice(filter).unwrap(), line);
        }
        assert!(choice("\"x").is_err());
    }

    proptest! {
        #[test]
        fn no_row_moves_the_cursor(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut row = crate::base::kv::Row::default();
            row.kv("user", &value);
            let row = Row::parse(&row.text());
            prop_assert_eq!(row.octets("user"), value.as_slice());
            prop_assert!(row.text("user").bytes().all(|b| (0x20..0x7f).contains(&b)));
        }

        #[test]
        fn no_line_is_too_hostile(line in ".{0,80}") {
            let _ = Row::parse(&line);
        }
    }
}

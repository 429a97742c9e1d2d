//! Control words: a table of patterns with typed holes, and the look-up that
//! says what would have been right.
//!
//! In a pattern, lower-case words stand for themselves (`a|b` for either),
//! upper-case words are holes, `[HOLE]` may be missing, `HOLE...` takes one
//! or more words and `[HOLE...]` any number; `[KEY=VALUE...]` as the last
//! word takes options of the verb's own table, `KEY=VALUE` at least one.

use super::vars::{Var, is_host_port, is_id};
use super::words::quote;

/// One row of the table; `T` is what the word means to its owner.
pub(crate) struct Verb<T> {
    pub(crate) pattern: String,
    pub(crate) keys: &'static [Var],
    pub(crate) help: String,
    pub(crate) act: T,
}

/// What a line filled in: everything that was not fixed by the pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    /// Holes and chosen alternatives, in order.
    pub(crate) words: Vec<String>,
    /// Options, in order; names are not yet checked.
    pub(crate) keys: Vec<(String, String)>,
}

/// Name, test, and what would be right.
type Hole = (&'static str, fn(&str) -> bool, &'static str);

/// The types of holes. A name that is not listed takes any word.
#[rustfmt::skip]
static HOLES: &[Hole] = &[
    ("ID",        is_id,           "letters, digits, _ - . (at most 64)"),
    ("ADDR:PORT", is_addr_port,    "an address and port like 192.0.2.1:110 or [2001:db8::1]:110"),
    ("HOST:PORT", is_host_port,    "a host and port like pop.example.org:110"),
    ("ADDRESS|all", is_address_or_all, "an address like 192.0.2.1 or 2001:db8::1, or all"),
    ("on|off",    is_on_off,       "on or off"),
];

fn is_addr_port(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok()
}

fn is_address_or_all(text: &str) -> bool {
    text == "all" || text.parse::<std::net::IpAddr>().is_ok()
}

fn is_on_off(text: &str) -> bool {
    matches!(text, "on" | "off")
}

/// One word of a pattern.
struct Piece<'a> {
    name: &'a str,
    optional: bool,
    many: bool,
}

impl Piece<'_> {
    fn parse(word: &str) -> Piece<'_> {
        let (word, optional) = match word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
            Some(inner) => (inner, true),
            None => (word, false),
        };
        match word.strip_suffix("...") {
            Some(name) => Piece {
                name,
                optional,
                many: true,
            },
            None => Piece {
                name: word,
                optional,
                many: false,
            },
        }
    }

    fn literal(&self) -> bool {
        self.name.starts_with(|c: char| c.is_ascii_lowercase())
    }

    fn options(&self) -> bool {
        self.name == "KEY=VALUE"
    }

    /// Does `word` fit here? `Err` says what would.
    fn fits(&self, word: &str) -> Result<(), String> {
        if self.literal() {
            return match self.name.split('|').any(|w| w == word) {
                true => Ok(()),
                false => Err(self.name.replace('|', " ")),
            };
        }
        match HOLES.iter().find(|(name, ..)| *name == self.name) {
            Some((_, right, _)) if right(word) => Ok(()),
            Some((_, _, wanted)) => Err((*wanted).into()),
            None => Ok(()),
        }
    }
}

/// How far a line fitted a pattern, and what was wanted there.
struct Miss {
    at: usize,
    wanted: String,
}

/// Finds the row that `line` fits.
///
/// # Errors
/// Names the first wrong word of the best row and what would be right.
pub(crate) fn look_up<'t, T>(
    table: &'t [Verb<T>],
    line: &[String],
) -> Result<(&'t Verb<T>, Args), String> {
    let mut far: Vec<Miss> = Vec::new();
    for verb in table {
        match fit(&verb.pattern, line) {
            Ok(args) => return Ok((verb, args)),
            Err(miss) => {
                let best = far.first().map_or(0, |m| m.at);
                if miss.at > best {
                    far.clear();
                }
                if miss.at >= best {
                    far.push(miss);
                }
            }
        }
    }
    let at = far.first().map_or(0, |m| m.at);
    let mut wanted: Vec<_> = far.into_iter().map(|m| m.wanted).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let wanted = wanted.join(", ");
    Err(match line.get(at) {
        Some(word) => format!(
            "wrong word {} in place {}; right would be: {wanted}",
            quote(word),
            at + 1
        ),
        None => format!("the line ends too early; wanted: {wanted}"),
    })
}

fn fit(pattern: &str, line: &[String]) -> Result<Args, Miss> {
    let mut args = Args::default();
    let mut at = 0;
    for piece in pattern.split(' ').map(Piece::parse) {
        let miss = |at, wanted| Miss { at, wanted };
        if piece.options() {
            while let Some(word) = line.get(at) {
                let (key, value) = word
                    .split_once('=')
                    .ok_or_else(|| miss(at, "KEY=VALUE".into()))?;
                args.keys.push((key.into(), value.into()));
                at += 1;
            }
            if args.keys.is_empty() && !piece.optional {
                return Err(miss(at, "KEY=VALUE".into()));
            }
            continue;
        }
        let Some(word) = line.get(at) else {
            if piece.optional {
                continue;
            }
            return Err(miss(at, piece.name.replace('|', " ")));
        };
        piece.fits(word).map_err(|wanted| miss(at, wanted))?;
        let count = if piece.many { line.len() - at } else { 1 };
        for word in &line[at..at + count] {
            if !piece.literal() || piece.name.contains('|') {
                args.words.push(word.clone());
            }
        }
        at += count;
    }
    match line.get(at) {
        Some(_) => Err(Miss {
            at,
            wanted: "the end of the line".into(),
        }),
        None => Ok(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::words::split_text;

    fn table() -> Vec<Verb<u8>> {
        let row = |act, pattern: &str| Verb {
            pattern: pattern.into(),
            keys: &[],
            help: String::new(),
            act,
        };
        vec![
            row(0, "vserv add ID ADDR:PORT [KEY=VALUE...]"),
            row(1, "vserv enable|disable ID"),
            row(2, "pdm add ID MODULE [ARG...]"),
            row(3, "show [VAR]"),
            row(4, "vserv change ID KEY=VALUE [KEY=VALUE...]"),
        ]
    }

    fn ask(line: &str) -> Result<(u8, Args), String> {
        look_up(&table(), &split_text(line).unwrap()).map(|(verb, args)| (verb.act, args))
    }

    #[test]
    fn a_line_fills_the_holes_of_its_row() {
        let (act, args) =
            ask("vserv add main 127.0.0.1:110 namespace=a greeting=\"x=y z\"").unwrap();
        assert_eq!(
            (act, args.words.join(" ").as_str()),
            (0, "main 127.0.0.1:110")
        );
        assert_eq!(
            args.keys,
            [
                ("namespace".into(), "a".into()),
                ("greeting".into(), "x=y z".into())
            ]
        );
        assert_eq!(ask("vserv disable x").unwrap().1.words, ["disable", "x"]);
        assert_eq!(
            ask("pdm add u flat a b").unwrap().1.words,
            ["u", "flat", "a", "b"]
        );
        assert_eq!(ask("pdm add u flat").unwrap().1.words, ["u", "flat"]);
        assert_eq!(ask("show").unwrap().0, 3);
        assert_eq!(ask("vserv change a b=1").unwrap().1.keys.len(), 1);
        assert_eq!(ask("vserv change a b=1 c=2").unwrap().1.keys.len(), 2);
    }

    #[test]
    fn an_error_names_the_word_and_what_would_be_right() {
        for (line, why) in [
            (
                "vserb add",
                "wrong word vserb in place 1; right would be: pdm, show, vserv",
            ),
            (
                "vserv del x",
                "wrong word del in place 2; right would be: add, change, enable disable",
            ),
            (
                "vserv add a/b 1.2.3.4:1",
                "wrong word a/b in place 3; right would be: letters, digits, _ - . (at most 64)",
            ),
            ("vserv add a", "the line ends too early; wanted: ADDR:PORT"),
            (
                "vserv change a",
                "the line ends too early; wanted: KEY=VALUE",
            ),
            (
                "vserv add a 1.2.3.4:1 key",
                "wrong word key in place 5; right would be: KEY=VALUE",
            ),
            (
                "show a b",
                "wrong word b in place 3; right would be: the end of the line",
            ),
            ("", "the line ends too early; wanted: pdm, show, vserv"),
        ] {
            assert_eq!(ask(line).unwrap_err(), why, "{line}");
        }
    }
}

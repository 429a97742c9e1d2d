//! What a line could go on with, from the words that a daemon says it knows.
//!
//! `words` prints one row a word, option and variable: `word PATTERN`, `key
//! FIRST SECOND NAME TYPE DEFAULT RANGE WHEN` and `var NAME ...`. A daemon
//! without that word leaves us without completion.

use crate::base::words::split_text;

/// Where the names of things come from: what a list is asked with, and the
/// key of a row that holds a name.
type Names<'a> = &'a mut dyn FnMut(&str, &str) -> Vec<String>;

/// The words of a daemon.
#[derive(Default)]
pub(super) struct Grammar {
    patterns: Vec<Vec<String>>,
    /// First two words of a pattern, name of an option, its values.
    keys: Vec<(String, String, Vec<String>)>,
    vars: Vec<(String, Vec<String>)>,
}

impl Grammar {
    /// From the rows of `words`, and our own words that take a file.
    pub(super) fn of(rows: &[String], own: impl Iterator<Item = &'static str>) -> Grammar {
        let mut grammar = Grammar::default();
        for row in rows {
            let words = split_text(row).unwrap_or_default();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["word", pattern @ ..] => grammar
                    .patterns
                    .push(pattern.iter().map(|word| word.to_string()).collect()),
                ["key", first, second, name, _, _, range, ..] => {
                    let of = format!("{first} {second}");
                    grammar.keys.push((of, name.to_string(), values(range)));
                }
                ["var", name, _, _, range, ..] => {
                    grammar.vars.push((name.to_string(), values(range)));
                }
                _ => {}
            }
        }
        let own = own.map(|name| vec![name.to_string(), "[FILE]".to_string()]);
        grammar.patterns.extend(own);
        grammar.patterns.push(vec!["quit".to_string()]);
        grammar
    }

    /// Does this line hold a password, or the begin of one?
    pub(super) fn is_secret(&self, line: &str) -> bool {
        let words = split_text(line).unwrap_or_else(|_| {
            let words = line.split_whitespace();
            words.map(|word| word.replace('"', "")).collect()
        });
        let with_password = |pattern: &&Vec<String>| pattern.iter().any(|w| w.contains("PASSWORD"));
        let mut secret = self.patterns.iter().filter(with_password);
        let is_this = |pattern: &Vec<String>| {
            let fixed = pattern.iter().take_while(|word| is_fixed(word));
            let mut pairs = fixed.zip(&words);
            !words.is_empty() && pairs.all(|(fixed, word)| fixed == word)
        };
        secret.any(is_this) || matches!(words.as_slice(), [a, b, ..] if a == "pdm" && b == "test")
    }

    /// What the last word of `line` could be, in order.
    pub(super) fn candidates(&self, line: &str, names: Names<'_>) -> Vec<String> {
        let start = last_word(line);
        let before: Vec<String> = line[..line.len() - start.len()]
            .split_whitespace()
            .map(String::from)
            .collect();
        let mut found = Vec::new();
        for pattern in &self.patterns {
            if let Some(piece) = next(pattern, &before) {
                found.extend(self.fill(piece, pattern, &before, start, names));
            }
        }
        found.retain(|word| word.starts_with(start));
        found.sort();
        found.dedup();
        found
    }

    /// What can stand for one word of a pattern.
    fn fill(
        &self,
        piece: &str,
        pattern: &[String],
        before: &[String],
        start: &str,
        names: Names<'_>,
    ) -> Vec<String> {
        if is_fixed(piece) || piece == "on|off" {
            return piece.split('|').map(String::from).collect();
        }
        let first = pattern.first().map_or("", String::as_str);
        let fresh = matches!(pattern.get(1).map(String::as_str), Some("add" | "load"));
        let vars = || self.vars.iter().map(|(name, _)| name.clone()).collect();
        match piece {
            "ID" if !fresh => names(&format!("{first} list"), "id"),
            "SID" => names("session list", "sid"),
            "FLAG" => names("debug list", "flag"),
            "VAR" => vars(),
            "WORD" => {
                let firsts = self.patterns.iter().filter_map(|p| p.first().cloned());
                let mut all: Vec<String> = vars();
                all.extend(firsts);
                all
            }
            "VALUE" => {
                let of = before.last();
                let mut vars = self.vars.iter().filter(|(name, _)| Some(name) == of);
                vars.next().map_or(Vec::new(), |(_, values)| values.clone())
            }
            "KEY=VALUE" => self.options(before, start),
            _ => Vec::new(),
        }
    }

    fn options(&self, before: &[String], start: &str) -> Vec<String> {
        let of = before.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
        let keys = self.keys.iter().filter(|(whose, ..)| *whose == of);
        match start.split_once('=') {
            None => keys.map(|(_, name, _)| format!("{name}=")).collect(),
            Some((key, _)) => keys
                .filter(|(_, name, _)| name == key)
                .flat_map(|(_, name, values)| values.iter().map(move |v| format!("{name}={v}")))
                .collect(),
        }
    }
}

/// The words of a range such as `yes|no`.
fn values(range: &str) -> Vec<String> {
    match range.contains('|') {
        true => range.split('|').map(String::from).collect(),
        false => Vec::new(),
    }
}

/// What the cursor stands behind, since the last blank.
pub(super) fn last_word(line: &str) -> &str {
    line.rsplit([' ', '\t']).next().unwrap_or("")
}

fn is_fixed(piece: &str) -> bool {
    piece.starts_with(|c: char| c.is_ascii_lowercase()) && piece != "on|off"
}

/// The part of a pattern that follows these words, without its brackets.
fn next<'p>(pattern: &'p [String], words: &[String]) -> Option<&'p str> {
    let bare = |piece: &'p String| piece.trim_matches(['[', ']']).trim_end_matches("...");
    for (piece, word) in pattern.iter().zip(words) {
        if is_fixed(piece) && !piece.split('|').any(|fixed| fixed == word) {
            return None;
        }
    }
    match pattern.get(words.len()) {
        Some(piece) => Some(bare(piece)),
        None => pattern.last().filter(|last| last.contains("...")).map(bare),
    }
}

/// What all of them begin with.
pub(super) fn common(words: &[String]) -> String {
    let Some((first, rest)) = words.split_first() else {
        return String::new();
    };
    let mut common = first.as_str();
    for word in rest {
        let same = common.char_indices().zip(word.chars());
        let end = same.take_while(|((_, a), b)| a == b).last();
        common = &common[..end.map_or(0, |((at, c), _)| at + c.len_utf8())];
    }
    common.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar() -> Grammar {
        let rows = [
            "word show [VAR]",
            "word set VAR VALUE",
            "word shutdown all|parent",
            "word vserv add ID ADDR:PORT [KEY=VALUE...]",
            "word vserv enable|disable ID",
            "word pdm order ID...",
            "word pdm test NAMESPACE USER PASSWORD [ADDRESS]",
            "word debug FLAG on|off",
            r#"key vserv add tls String no no|starttls|implicit fixed"#,
            r#"key vserv add namespace Id default "letters (at most 64)" fixed"#,
            "var chroot Bool no yes|no fixed",
            "var checktimeout Int 500 10..60000 live",
        ];
        let rows: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
        Grammar::of(&rows, ["save"].into_iter())
    }

    fn told(line: &str) -> String {
        let mut names =
            |list: &str, key: &str| vec![format!("{key}-of-{}", list.replace(' ', "-"))];
        grammar().candidates(line, &mut names).join(" ")
    }

    #[test]
    fn a_word_is_completed_by_what_can_stand_there() {
        for (line, words) in [
            ("s", "save set show shutdown"),
            ("shutdown ", "all parent"),
            ("set ch", "checktimeout chroot"),
            ("set chroot ", "no yes"),
            ("vserv ", "add disable enable"),
            ("vserv enable ", "id-of-vserv-list"),
            ("vserv add ", ""),
            ("vserv add a 1.2.3.4:1 ", "namespace= tls="),
            ("vserv add a 1.2.3.4:1 tls=i", "tls=implicit"),
            ("pdm order a b ", "id-of-pdm-list"),
            ("debug ", "flag-of-debug-list"),
            ("debug x ", "off on"),
            ("nothing ", ""),
        ] {
            assert_eq!(told(line), words, "{line}");
        }
    }

    #[test]
    fn a_password_is_known_by_its_word() {
        let grammar = grammar();
        assert!(grammar.is_secret("pdm test default joe secret"));
        assert!(grammar.is_secret("  pdm \"test\" default joe \"sec"));
        assert!(Grammar::default().is_secret("pdm test default joe secret"));
        assert!(!grammar.is_secret("pdm order a b") && !grammar.is_secret(""));
    }

    #[test]
    fn what_is_common_is_put_in() {
        let common = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
            common(&words)
        };
        assert_eq!(common(&["show", "shutdown"]), "sh");
        assert_eq!(common(&["\u{e9}a", "\u{e9}b"]), "\u{e9}");
        assert_eq!(common(&[]), "");
    }
}

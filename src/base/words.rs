//! Splits a line of control words: blanks between words, double quotes for
//! blanks, a backslash inside quotes as [`super::kv`] writes it, `#` at the
//! start of a word begins a comment.

use std::borrow::Cow;

/// Longest line of words, in bytes.
pub(crate) const LONGEST: usize = 8192;

/// The words of one line, as bytes. `key="a b"` is one word.
///
/// # Errors
/// What is wrong with the quoting.
pub(crate) fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        while let [b' ' | b'\t' | b'\r', tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() || rest[0] == b'#' {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let mut quoted = false;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'"' => quoted = !quoted,
            b'\\' if quoted => rest = take_escape(rest, word)?,
            b' ' | b'\t' | b'\r' if !quoted => break,
            b => word.push(*b),
        }
    }
    if quoted {
        return Err("a double quote is not closed".into());
    }
    Ok(rest)
}

fn take_escape<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    match rest {
        [b @ (b'"' | b'\\'), tail @ ..] => {
            word.push(*b);
            Ok(tail)
        }
        [b'x', high, low, tail @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => {
                word.push(high << 4 | low);
                Ok(tail)
            }
            _ => Err("\\x takes two hexadecimal digits".into()),
        },
        _ => Err("inside quotes a backslash stands before \\, \" or xNN".into()),
    }
}

/// The words as text, which control words are.
///
/// # Errors
/// Too long a line, bad quoting, or bytes that are no UTF-8 or control characters.
pub(crate) fn split_text(line: &str) -> Result<Vec<String>, String> {
    if line.len() > LONGEST {
        return Err(format!("the line is longer than {LONGEST} octets"));
    }
    let words = split(line)?;
    words
        .into_iter()
        .map(|word| match String::from_utf8(word) {
            Ok(text) if text.chars().all(|c| !c.is_control()) => Ok(text),
            _ => Err("a word holds control characters or is not UTF-8".into()),
        })
        .collect()
}

/// One word as it can be written in a line.
pub(crate) fn quote(word: &str) -> String {
    if word
        .bytes()
        .all(|b| b == b'=' || b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'#'))
        && !word.is_empty()
    {
        return word.into();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// Octets of the longest reason; what leads to its word, and what would be right,
/// are at its ends.
const LONGEST_REASON: usize = 6000;
const BEGIN: usize = 500;

/// A reason that is a line which everybody takes: it may name a word, or all of
/// a line, that is as long as a line can be.
pub(crate) fn bounded(why: &str) -> Cow<'_, str> {
    if why.len() <= LONGEST_REASON {
        return why.into();
    }
    let is_cut = |at: &usize| why.is_char_boundary(*at);
    let begin = (0..=BEGIN).rev().find(is_cut).unwrap_or(0);
    let end = (why.len() - (LONGEST_REASON - BEGIN)..why.len()).find(is_cut);
    format!("{}...{}", &why[..begin], &why[end.unwrap_or(why.len())..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::verbs::{Verb, look_up};
    use proptest::prelude::*;

    #[test]
    fn quotes_hold_blanks_and_a_comment_ends_the_line() {
        let words = split_text(r#"set  greeting "a \"b\" # c" key="x y" # rest"#).unwrap();
        assert_eq!(words, ["set", "greeting", "a \"b\" # c", "key=x y"]);
        assert_eq!(split_text("a#b #c").unwrap(), ["a#b"]);
        assert!(split_text("# nothing").unwrap().is_empty());
    }

    #[test]
    fn bad_quoting_is_named() {
        for bad in [r#"a "b"#, r#""\n""#, r#""\x4""#, "a\u{7}", r#""\xff""#] {
            assert!(split_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reason_fits_into_a_line_and_keeps_both_its_ends() {
        let verbs = [Verb {
            pattern: "show [VAR]".into(),
            keys: &[],
            help: String::new(),
            act: (),
        }];
        for long in ["x".repeat(LONGEST - 2), "\u{fc}".repeat(4000)] {
            let why = look_up(&verbs, &[long]).err().unwrap();
            let text = bounded(&why);
            assert!(text.len() <= LONGEST_REASON + 3, "{}", text.len());
            assert!(text.starts_with("wrong word "), "{text}");
            assert!(text.ends_with("in place 1; right would be: show"), "{text}");
        }
        assert_eq!(bounded("no"), "no");
    }

    proptest! {
        #[test]
        fn any_words_survive_quoting(words in proptest::collection::vec("[^\\p{Cc}]{0,12}", 0..6)) {
            let line: Vec<_> = words.iter().map(|w| quote(w)).collect();
            prop_assert_eq!(split_text(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn no_line_is_too_hostile(line in ".{0,80}") {
            let _ = split_text(&line);
        }
    }
}

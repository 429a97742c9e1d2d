//! JSON (RFC 8259): strings, and rows as objects.

use std::fmt::Write;

use super::words;

/// Appends `text` as a JSON string.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A line of a list: an object if it is a row of `key=value`, else a string.
/// Octets in a value that are not UTF-8 become U+FFFD.
pub(crate) fn row(line: &str) -> String {
    let mut out = String::new();
    let Some(fields) = fields(line) else {
        string(line, &mut out);
        return out;
    };
    for (n, (key, value)) in fields.iter().enumerate() {
        out.push(if n == 0 { '{' } else { ',' });
        string(key, &mut out);
        out.push(':');
        match is_number(value) {
            true => out.push_str(value),
            false => string(value, &mut out),
        }
    }
    out.push('}');
    out
}

/// Key and value of each word, if the line is a row.
fn fields(line: &str) -> Option<Vec<(String, String)>> {
    let words = words::split(line).ok().filter(|words| !words.is_empty())?;
    let field = |word: Vec<u8>| {
        let at = word.iter().position(|b| *b == b'=')?;
        let (key, value) = (&word[..at], &word[at + 1..]);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let right = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        (at > 0 && key.iter().all(right)).then(|| (text(key), text(value)))
    };
    words.into_iter().map(field).collect()
}

/// A whole number in its only decimal form, of a size that counters have.
fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    plain && text.parse::<u64>().is_ok() && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::kv::Row;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_an_object_with_numbers_as_numbers() {
        for (line, json) in [
            (
                "id=main at=127.0.0.1:110 sessions=7",
                r#"{"id":"main","at":"127.0.0.1:110","sessions":7}"#,
            ),
            (
                r#"user="a \"b\" \xff\x0a" none="" dash=-"#,
                r#"{"user":"a \"b\" �\n","none":"","dash":"-"}"#,
            ),
            (
                "a=0 b=007 c=-1 d=1.5 e=18446744073709551616 f=18446744073709551615",
                r#"{"a":0,"b":"007","c":"-1","d":"1.5","e":"18446744073709551616","f":18446744073709551615}"#,
            ),
            ("set user mail", r#""set user mail""#),
            (
                "server add a x:1 allow=0.0.0.0/0",
                r#""server add a x:1 allow=0.0.0.0/0""#,
            ),
            ("=x", r#""=x""#),
            ("a=\"b", r#""a=\"b""#),
            ("", r#""""#),
        ] {
            assert_eq!(row(line), json);
        }
    }

    /// The reverse of [`string`], after RFC 8259 section 7.
    fn read(json: &str) -> Option<String> {
        let inner = json.strip_prefix('"')?.strip_suffix('"')?;
        let mut out = String::new();
        let mut rest = inner.chars();
        while let Some(c) = rest.next() {
            match c {
                '"' => return None,
                c if u32::from(c) < 0x20 => return None,
                '\\' => match rest.next()? {
                    c @ ('"' | '\\') => out.push(c),
                    'n' => out.push('\n'),
                    'r' => out.push('\r'),
                    't' => out.push('\t'),
                    'u' => {
                        let digits: String = rest.by_ref().take(4).collect();
                        out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    _ => return None,
                },
                c => out.push(c),
            }
        }
        Some(out)
    }

    fn any_text() -> impl Strategy<Value = String> {
        let any_char = prop_oneof![any::<char>(), proptest::char::range('\0', '\u{9f}')];
        proptest::collection::vec(any_char, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn any_text_survives_as_a_string(text in any_text()) {
            let mut json = String::new();
            string(&text, &mut json);
            prop_assert_eq!(read(&json), Some(text));
        }

        #[test]
        fn any_value_of_a_row_survives(value in any_text()) {
            prop_assume!(!is_number(&value));
            let mut line = Row::default();
            line.kv("k", &value);
            let json = row(&line.text());
            let inner = json.strip_prefix("{\"k\":").and_then(|j| j.strip_suffix('}'));
            prop_assert_eq!(inner.and_then(read), Some(value));
        }
    }
}

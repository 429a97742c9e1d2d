//! Structured data of RFC 5424, section 6.3: what syslog gets of an event
//! when the variable `logformat` says so.

use std::io::Write;

use super::kv::{Value, shown};

/// The name of our element. Its number is the one that RFC 5612 sets aside
/// for examples: POPular has none of its own.
const ELEMENT: &str = "popular@32473";
/// Longest element, in octets; keys that would make it longer are left out.
const LONGEST: usize = 3000;

/// MSGID and STRUCTURED-DATA of a line, and its MSG behind them.
#[derive(Default)]
pub(super) struct Structured {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
}

impl Structured {
    /// Begins a line; the name of an event is a right MSGID.
    pub(super) fn begin(&mut self, event: &str) {
        self.bytes.clear();
        let _ = write!(self.bytes, "{event} [{ELEMENT}");
    }

    /// Adds ` key="value"`.
    pub(super) fn param(&mut self, key: &str, value: &dyn Value) {
        let before = self.bytes.len();
        let _ = write!(self.bytes, " {key}=\"");
        self.scratch.clear();
        value.put(&mut self.scratch);
        let (shown, cut) = shown(&self.scratch);
        escape(shown, &mut self.bytes);
        self.bytes
            .extend_from_slice(if cut { b"...\"" } else { b"\"" });
        if self.bytes.len() > LONGEST {
            self.bytes.truncate(before);
        }
    }

    /// The line, with this text for people behind.
    pub(super) fn end(&mut self, text: &[u8]) -> &[u8] {
        self.bytes.extend_from_slice(b"] ");
        self.bytes.extend_from_slice(text);
        &self.bytes
    }
}

/// Section 6.3.3: a quote, a backslash and a closing bracket stand behind a
/// backslash. What is no printable ASCII becomes the text `\xNN`.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    for &b in value {
        match b {
            b'"' | b'\\' | b']' => out.extend_from_slice(&[b'\\', b]),
            0x20..0x7f => out.push(b),
            _ => drop(write!(out, "\\\\x{b:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(user: &[u8]) -> String {
        let mut data = Structured::default();
        data.begin("login_ok");
        data.param("user", &user);
        String::from_utf8(data.end(b"ev=login_ok").to_vec()).unwrap()
    }

    #[test]
    fn values_are_escaped_as_the_rfc_says() {
        assert_eq!(
            line(b"EX\\joe \"]x\n"),
            r#"login_ok [popular@32473 user="EX\\joe \"\]x\\x0a"] ev=login_ok"#
        );
    }

    proptest! {
        #[test]
        fn no_value_ends_the_element(value in proptest::collection::vec(any::<u8>(), 0..600)) {
            let text = line(&value);
            let inside = text.strip_prefix("login_ok [popular@32473 user=\"").unwrap();
            let inside = inside.strip_suffix("\"] ev=login_ok").unwrap();
            let mut chars = inside.chars();
            while let Some(c) = chars.next() {
                prop_assert!(matches!(c, ' '..='~') && !matches!(c, '"' | ']'));
                if c == '\\' {
                    prop_assert!(matches!(chars.next(), Some('"' | '\\' | ']')));
                }
            }
        }
    }

    #[test]
    fn the_element_is_bounded_and_whole() {
        let mut data = Structured::default();
        data.begin("x");
        for _ in 0..20 {
            data.param("key", &"v".repeat(900));
        }
        let text = String::from_utf8(data.end(b"text").to_vec()).unwrap();
        assert!(text.len() < LONGEST + 20, "{}", text.len());
        assert!(text.ends_with("v...\"] text"), "{text}");
    }
}

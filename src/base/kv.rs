//! `key=value` rows: the one grammar of log lines and of lists.
//!
//! A value that could be mistaken for syntax is quoted; inside the quotes a
//! quote or backslash stands behind a backslash, and every byte outside
//! printable ASCII is `\xNN`. So a row is one line of ASCII whatever it holds.

use std::fmt::Arguments;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// Longest value, in bytes, that a row shows; the rest is cut and marked `...`.
const LONGEST: usize = 512;

/// What can stand behind an equals sign.
pub(crate) trait Value {
    /// Appends the value as it is; quoting comes later.
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! shown {
    ($($type:ty)*) => {$(
        impl Value for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let _ = write!(out, "{self}");
            }
        }
    )*};
}
shown!(u8 u16 u32 u64 i64 usize i32 bool IpAddr SocketAddr std::io::Error Arguments<'_> crate::sys::proc::Death);

macro_rules! bytes {
    ($($type:ty)*) => {$(
        impl Value for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_ref());
            }
        }
    )*};
}
bytes!(str String [u8] Vec<u8>);

impl<T: Value + ?Sized> Value for &T {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
}

/// Nothing is shown as a dash.
impl<T: Value> Value for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.put(out),
            None => out.push(b'-'),
        }
    }
}

/// A row under construction.
#[derive(Default)]
pub(crate) struct Row {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
}

impl Row {
    /// An empty row with room for so many octets.
    pub(crate) fn with_capacity(octets: usize) -> Row {
        Row {
            bytes: Vec::with_capacity(octets),
            scratch: Vec::with_capacity(64),
        }
    }

    /// Begins the row anew, with a text of ours before the first value.
    pub(crate) fn begin(&mut self, text: Arguments<'_>) {
        self.clear();
        let _ = self.bytes.write_fmt(text);
    }

    /// Makes a line of the row, at most so many octets before its end.
    pub(crate) fn end(&mut self, longest: usize) -> &[u8] {
        self.bytes.truncate(longest);
        self.bytes.push(b'\n');
        &self.bytes
    }

    /// Empties the row but keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Appends `key=value`, behind a blank if something stands there already.
    pub(crate) fn kv(&mut self, key: &str, value: &dyn Value) -> &mut Row {
        if !self.bytes.is_empty() {
            self.bytes.push(b' ');
        }
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(b'=');
        self.scratch.clear();
        value.put(&mut self.scratch);
        quote(&self.scratch, &mut self.bytes);
        self
    }

    /// The row as bytes: ASCII without line end.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The row as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// May this byte stand in a value without quotes?
fn plain(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b'\\' | b'#')
}

/// As much of a value as is shown, and whether something was cut off.
pub(super) fn shown(value: &[u8]) -> (&[u8], bool) {
    (&value[..value.len().min(LONGEST)], value.len() > LONGEST)
}

/// Appends `value`, quoted when it must be.
pub(crate) fn quote(value: &[u8], out: &mut Vec<u8>) {
    let (shown, cut) = shown(value);
    if !cut && !shown.is_empty() && shown.iter().all(|&b| plain(b)) {
        out.extend_from_slice(shown);
        return;
    }
    out.push(b'"');
    for &b in shown {
        match b {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', b]),
            0x20..0x7f => out.push(b),
            _ => drop(write!(out, "\\x{b:02x}")),
        }
    }
    out.extend_from_slice(if cut { b"...\"" } else { b"\"" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_value_stands_bare_and_an_odd_one_in_quotes() {
        let mut row = Row::default();
        row.kv("user", &"joe")
            .kv("n", &7u64)
            .kv("pdm", &"a b")
            .kv("none", &"")
            .kv("no", &None::<u8>);
        assert_eq!(row.text(), r#"user=joe n=7 pdm="a b" none="" no=-"#);
    }

    #[test]
    fn a_newline_in_a_user_name_cannot_forge_a_record() {
        let mut row = Row::default();
        row.kv("user", &b"x\r\nev=login_ok \"\\\xff".as_slice());
        assert_eq!(row.text(), r#"user="x\x0d\x0aev=login_ok \"\\\xff""#);
    }

    proptest! {
        #[test]
        fn any_value_can_be_read_back(value in proptest::collection::vec(any::<u8>(), 0..LONGEST)) {
            let mut row = Row::default();
            row.kv("k", &value);
            prop_assert!(row.as_bytes().iter().all(|b| (0x20..0x7f).contains(b)));
            let words = crate::base::words::split(&row.text()).unwrap();
            prop_assert_eq!(words.len(), 1);
            prop_assert_eq!(&words[0][2..], value.as_slice());
        }
    }
}

//! Answers as JSON (RFC 8259).

use std::fmt::Write;

use crate::base::json::string;

/// An answer of one line.
pub(super) fn ok(text: &str) -> String {
    let mut out = String::from("{\"ok\":true,\"text\":");
    string(text, &mut out);
    out.push('}');
    out
}

/// A refusal, with the file and line of the word if it came from one.
pub(super) fn error(place: Option<(&str, usize)>, why: &str) -> String {
    let mut out = String::from("{\"ok\":false,\"error\":");
    string(why, &mut out);
    if let Some((file, line)) = place {
        out.push_str(",\"file\":");
        string(file, &mut out);
        if line > 0 {
            let _ = write!(out, ",\"line\":{line}");
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whether_all_is_well() {
        assert_eq!(ok("done"), r#"{"ok":true,"text":"done"}"#);
        assert_eq!(error(None, "a \"b\""), r#"{"ok":false,"error":"a \"b\""}"#);
        let placed = error(Some(("x.rc", 3)), "no");
        assert_eq!(
            placed,
            r#"{"ok":false,"error":"no","file":"x.rc","line":3}"#
        );
        let unplaced = error(Some(("x.rc", 0)), "no");
        assert_eq!(unplaced, r#"{"ok":false,"error":"no","file":"x.rc"}"#);
    }
}

//! The header fields that final delivery adds: who sent the message and for
//! whom it came (RFC 5321, section 4.4; Delivered-To by custom). Senders
//! choose these addresses, so none may become more than its own field.

/// Longest address in octets: the line stays below the 998 of RFC 5322.
const LONGEST: usize = 900;

/// `Return-Path: <sender>`; the empty sender is that of bounces.
pub(super) fn return_path(sender: &[u8]) -> Result<Vec<u8>, &'static str> {
    let sender = address(sender)?;
    Ok([b"Return-Path: <", sender, b">\n"].concat())
}

/// `Delivered-To: recipient`
pub(super) fn delivered_to(recipient: &[u8]) -> Result<Vec<u8>, &'static str> {
    match address(recipient)? {
        b"" => Err("is empty"),
        recipient => Ok([b"Delivered-To: ", recipient, b"\n"].concat()),
    }
}

/// The address without the brackets it may stand in.
fn address(text: &[u8]) -> Result<&[u8], &'static str> {
    let inner = text.strip_prefix(b"<").and_then(|t| t.strip_suffix(b">"));
    let text = inner.unwrap_or(text);
    if text.len() > LONGEST {
        return Err("is longer than 900 octets");
    }
    match text.iter().any(u8::is_ascii_control) {
        true => Err("holds control characters"),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_as_mtas_write_them() {
        let text = |field: Result<Vec<u8>, _>| field.map(|f| String::from_utf8(f).unwrap());
        for (sender, want) in [
            ("joe@a.example", "Return-Path: <joe@a.example>\n"),
            ("<joe@a.example>", "Return-Path: <joe@a.example>\n"),
            ("", "Return-Path: <>\n"),
            ("<>", "Return-Path: <>\n"),
            ("-oQ/tmp;`id`", "Return-Path: <-oQ/tmp;`id`>\n"),
        ] {
            assert_eq!(text(return_path(sender.as_bytes())), Ok(want.into()));
        }
        let to = text(delivered_to(b"<joe@b.example>"));
        assert_eq!(to, Ok("Delivered-To: joe@b.example\n".into()));
        assert_eq!(delivered_to(b"<>"), Err("is empty"));
        let long = [b'x'; LONGEST + 1];
        assert_eq!(return_path(&long), Err("is longer than 900 octets"));
    }

    proptest! {
        #[test]
        fn no_address_becomes_a_second_line(
            sender in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..40)
        ) {
            for field in [return_path(&sender), delivered_to(&sender)].into_iter().flatten() {
                let (last, text) = field.split_last().unwrap();
                prop_assert_eq!(*last, b'\n');
                prop_assert!(!text.iter().any(u8::is_ascii_control));
            }
        }
    }
}

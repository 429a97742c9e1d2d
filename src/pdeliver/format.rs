//! What comes in: a message as MTAs hand it over.

/// How the input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines end with LF or CRLF, up to the end of the input.
    Text,
    /// As SMTP sends it: lines end with CRLF, dots at their starts are
    /// doubled, a lone dot ends the message.
    Net,
}

impl Format {
    /// `LF`, `CRLF` or `NET`. The first two say what is usual; line ends of
    /// either kind are understood in both, and the message is the same.
    pub(crate) fn parse(text: &str) -> Option<Format> {
        match text {
            "LF" | "CRLF" => Some(Format::Text),
            "NET" => Some(Format::Net),
            _ => None,
        }
    }
}

/// Where in a line of NET input we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At its start.
    Start,
    /// Behind a dot at its start, which is not part of the message.
    Dot,
    /// Behind a dot at its start and a CR.
    DotCr,
    /// In its text.
    Text,
    /// Behind a CR in its text.
    Cr,
    /// The lone dot was read.
    End,
}

/// Takes the dots out of NET input, piece by piece. Only CRLF ends a line
/// here: a dot behind a bare LF was not doubled by the sender, and must not
/// end the message.
#[derive(Debug)]
pub(crate) struct Undot(At);

impl Undot {
    pub(crate) fn new() -> Undot {
        Undot(At::Start)
    }

    /// Shows the text of the next piece to `take`. Returns whether the
    /// message goes on.
    ///
    /// # Errors
    /// Those of `take`.
    pub(crate) fn feed<E>(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        // What is shown next begins here; it ends where a dot is left out.
        let mut from = 0;
        for (at, &octet) in piece.iter().enumerate() {
            self.0 = match (self.0, octet) {
                (At::End, _) => return Ok(false),
                (At::Start, b'.') => {
                    take(&piece[from..at])?;
                    from = at + 1;
                    At::Dot
                }
                (At::Dot, b'\r') => {
                    from = at + 1;
                    At::DotCr
                }
                (At::DotCr, b'\n') => {
                    self.0 = At::End;
                    return Ok(false);
                }
                (At::DotCr, octet) => {
                    // The CR was held back, since it could have been the end.
                    take(b"\r")?;
                    if octet == b'\r' { At::Cr } else { At::Text }
                }
                (At::Cr, b'\n') => At::Start,
                (_, b'\r') => At::Cr,
                _ => At::Text,
            };
        }
        take(&piece[from..])?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undot(input: &[u8], cut: usize) -> (Vec<u8>, bool) {
        let (mut undot, mut out) = (Undot::new(), Vec::new());
        for piece in input.chunks(cut) {
            let take = |text: &[u8]| {
                out.extend_from_slice(text);
                Ok::<(), ()>(())
            };
            if !undot.feed(piece, take).unwrap() {
                return (out, true);
            }
        }
        (out, false)
    }

    #[test]
    fn doubled_dots_are_halved_and_a_lone_one_ends_the_message() {
        for (input, text, ended) in [
            (
                "a\r\n..\r\n...b\r\n.\r\nQUIT\r\n",
                "a\r\n.\r\n..b\r\n",
                true,
            ),
            (".\r\n", "", true),
            ("a\r\n.x\r\n", "a\r\nx\r\n", false),
            ("a\n.\nb\n..\r\n.\r\n", "a\n.\nb\n..\r\n", true),
            ("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", true),
            ("a\r\n.\rb", "a\r\n\rb", false),
            ("a\r\r\n.\r\n", "a\r\r\n", true),
            ("no end", "no end", false),
        ] {
            for cut in 1..9 {
                let got = undot(input.as_bytes(), cut);
                assert_eq!(got, (text.as_bytes().to_vec(), ended), "{input:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_a_sender_doubles_comes_out_as_it_was(
            lines in proptest::collection::vec("[.a]{0,3}[.a\n\r]{0,3}", 0..12),
            cut in 1usize..9,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut sent = text.split("\r\n").fold(String::new(), |sent, line| {
                sent + if line.starts_with('.') { "." } else { "" } + line + "\r\n"
            });
            sent.truncate(sent.len() - 2);
            sent += ".\r\nRSET\r\n";
            let (got, ended) = undot(sent.as_bytes(), cut);
            prop_assert!(ended);
            prop_assert_eq!(got, text.into_bytes());
        }
    }
}

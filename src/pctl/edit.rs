//! A line that is edited at a terminal: keys in, a line or a wish out. It
//! knows no terminal, only the octets that one sends and shows (ECMA-48).

/// Lines that are remembered.
const MOST_LINES: usize = 500;
/// Longest line, in characters; a longer one no daemon takes.
const LONGEST: usize = 8192;

/// What a key leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// More keys.
    More,
    /// The line is to be shown again.
    Changed,
    /// It is finished.
    Line(String),
    /// It is given up, and an empty one begins.
    Dropped,
    /// It is to be completed.
    Complete,
    /// The screen is to be cleared.
    Clear,
    /// We are to be stopped.
    Suspend,
    /// There will be no more lines.
    End,
}

/// Where in a sequence of octets we are.
#[derive(Default)]
enum Phase {
    #[default]
    Plain,
    Escape,
    /// Behind `ESC [` or `ESC O`, with what came since.
    Sequence(String),
}

/// The line, and those before it.
#[derive(Default)]
pub(super) struct Editor {
    line: Vec<char>,
    /// Place of the cursor in it.
    at: usize,
    phase: Phase,
    /// The begin of a character of several octets.
    part: Vec<u8>,
    history: Vec<String>,
    /// Which line of the history is shown; behind the last one: ours.
    place: usize,
    /// Ours, while another is shown.
    ours: Vec<char>,
}

impl Editor {
    /// Takes one octet.
    pub(super) fn key(&mut self, octet: u8) -> Event {
        match std::mem::take(&mut self.phase) {
            Phase::Escape if matches!(octet, b'[' | b'O') => {
                self.phase = Phase::Sequence(String::new());
                Event::More
            }
            Phase::Escape => self.meta(octet),
            Phase::Sequence(mut text) => match octet {
                b'0'..=b'?' if text.len() < 16 => {
                    text.push(char::from(octet));
                    self.phase = Phase::Sequence(text);
                    Event::More
                }
                _ => self.sequence(&text, octet),
            },
            Phase::Plain => self.plain(octet),
        }
    }

    fn plain(&mut self, octet: u8) -> Event {
        match octet {
            b'\r' | b'\n' => return Event::Line(self.take()),
            0x1B => {
                self.phase = Phase::Escape;
                return Event::More;
            }
            b'\t' => return Event::Complete,
            0x01 => self.at = 0,                         // ^A
            0x02 => self.at = self.at.saturating_sub(1), // ^B
            0x03 => {
                self.take();
                return Event::Dropped; // ^C
            }
            0x04 if self.line.is_empty() => return Event::End, // ^D
            0x04 => self.delete(),
            0x05 => self.at = self.line.len(), // ^E
            0x06 => self.at = (self.at + 1).min(self.line.len()), // ^F
            0x08 | 0x7F if self.at == 0 => {}
            0x08 | 0x7F => {
                self.at -= 1;
                self.delete();
            }
            0x0B => self.line.truncate(self.at), // ^K
            0x0C => return Event::Clear,         // ^L
            0x0E => self.walk(true),             // ^N
            0x10 => self.walk(false),            // ^P
            0x15 => drop(self.line.drain(..std::mem::take(&mut self.at))), // ^U
            0x17 => {
                let start = self.word_before();
                self.line.drain(start..self.at);
                self.at = start; // ^W
            }
            0x1A => return Event::Suspend, // ^Z
            0x00..=0x1F => return Event::More,
            _ => return self.character(octet),
        }
        Event::Changed
    }

    /// An octet of UTF-8; what is none is left out.
    fn character(&mut self, octet: u8) -> Event {
        if octet & 0xC0 != 0x80 {
            self.part.clear();
        }
        self.part.push(octet);
        match std::str::from_utf8(&self.part) {
            Ok(text) => {
                let text = text.to_string();
                self.part.clear();
                self.insert(&text);
                Event::Changed
            }
            Err(why) if why.error_len().is_none() => Event::More,
            Err(_) => {
                self.part.clear();
                Event::More
            }
        }
    }

    /// A key behind an escape, as terminals send it for Alt.
    fn meta(&mut self, octet: u8) -> Event {
        match octet {
            b'b' => self.at = self.word_before(),
            b'f' => {
                let rest = self.line[self.at..].iter();
                let blank = rest.clone().take_while(|c| c.is_whitespace()).count();
                let word = rest.skip(blank).take_while(|c| !c.is_whitespace()).count();
                self.at += blank + word;
            }
            _ => return Event::More,
        }
        Event::Changed
    }

    fn sequence(&mut self, text: &str, last: u8) -> Event {
        match (text, last) {
            (_, b'A') => self.walk(false),
            (_, b'B') => self.walk(true),
            (_, b'C') => self.at = (self.at + 1).min(self.line.len()),
            (_, b'D') => self.at = self.at.saturating_sub(1),
            ("1" | "7", b'~') | (_, b'H') => self.at = 0,
            ("4" | "8", b'~') | (_, b'F') => self.at = self.line.len(),
            ("3", b'~') => self.delete(),
            _ => return Event::More,
        }
        Event::Changed
    }

    fn delete(&mut self) {
        if self.at < self.line.len() {
            self.line.remove(self.at);
        }
    }

    fn word_before(&self) -> usize {
        let before = self.line[..self.at].iter().rev();
        let blank = before.clone().take_while(|c| c.is_whitespace()).count();
        let word = before
            .skip(blank)
            .take_while(|c| !c.is_whitespace())
            .count();
        self.at - blank - word
    }

    /// Puts text where the cursor is.
    pub(super) fn insert(&mut self, text: &str) {
        if self.line.len() + text.len() <= LONGEST {
            let before = self.line.len();
            self.line.splice(self.at..self.at, text.chars());
            self.at += self.line.len() - before;
        }
    }

    /// What stands before the cursor.
    pub(super) fn before(&self) -> String {
        self.line[..self.at].iter().collect()
    }

    /// Keeps a line for later.
    pub(super) fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || self.history.last().is_some_and(|last| last == line) {
            return;
        }
        if self.history.len() == MOST_LINES {
            self.history.remove(0);
        }
        self.history.push(line.into());
        self.place = self.history.len();
    }

    /// Shows an older or a newer line.
    fn walk(&mut self, newer: bool) {
        let last = self.history.len();
        let place = match newer {
            true => (self.place + 1).min(last),
            false => self.place.saturating_sub(1),
        };
        if place == self.place {
            return;
        }
        if self.place == last {
            self.ours = std::mem::take(&mut self.line);
        }
        self.line = match self.history.get(place) {
            Some(line) => line.chars().collect(),
            None => std::mem::take(&mut self.ours),
        };
        (self.place, self.at) = (place, self.line.len());
    }

    /// The line is over; nothing of it is left here.
    fn take(&mut self) -> String {
        let line = self.line.iter().collect();
        self.line.fill('\0');
        self.line.clear();
        self.ours.fill('\0');
        self.ours.clear();
        (self.at, self.place) = (0, self.history.len());
        line
    }

    /// What shows the line behind `prompt` in so many columns, with the
    /// cursor in its place. Of a line that is too long the part around the
    /// cursor is shown.
    pub(super) fn show(&self, prompt: &str, columns: usize) -> String {
        let room = columns.saturating_sub(prompt.len() + 1).max(8);
        let first = self.at.saturating_sub(room);
        let text: String = self.line.iter().skip(first).take(room).collect();
        let column = prompt.len() + self.at - first;
        format!("\r{prompt}{text}\x1b[K\r\x1b[{column}C")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Types; gives back the lines that were finished.
    fn typed(editor: &mut Editor, keys: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &octet in keys {
            if let Event::Line(line) = editor.key(octet) {
                editor.remember(&line);
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn a_line_can_be_mended() {
        for (keys, line) in [
            (&b"shoq\x7fw\r"[..], "show"),
            (b"how\x01s\x05 pid\r", "show pid"),
            (b"set x y\x17\x17show\x1b[D\x1b[D\x1b[3~o\r", "set show"),
            (b"a b c\x1bb\x1bb\x0bd\r", "a d"),
            (b"abc\x15d\r", "d"),
            (b"abc\x02\x02\x06\x04\r", "ab"),
            (b"wrong\x03right\r", "right"),
            ("gr\u{fc}n\u{7f}\n".as_bytes(), "gr\u{fc}"),
            (b"a\xffb\xc3c\r", "abc"),
            (b"a\x1b[1;5Zb\x1b[H\x1b[Fc\r", "abc"),
        ] {
            assert_eq!(typed(&mut Editor::default(), keys), [line]);
        }
    }

    #[test]
    fn lines_come_back() {
        let mut editor = Editor::default();
        let lines = typed(
            &mut editor,
            b"one\rtwo\rtwo\r\x10\x10\r\x1b[A\x1b[A\x1b[Bx\x1b[A\x1b[A\r",
        );
        assert_eq!(lines, ["one", "two", "two", "one", "one"]);
        let lines = typed(&mut editor, b"mine\x10\x10\x0e\x0e\r");
        assert_eq!(lines, ["mine"]);
    }

    #[test]
    fn a_long_line_is_shown_around_the_cursor() {
        let mut editor = Editor::default();
        typed(&mut editor, b"0123456789abcdef");
        assert_eq!(editor.show("> ", 13), "\r> 6789abcdef\x1b[K\r\x1b[12C");
        typed(&mut editor, b"\x01");
        assert_eq!(editor.show("> ", 13), "\r> 0123456789\x1b[K\r\x1b[2C");
    }

    proptest! {
        #[test]
        fn no_keys_are_too_hostile(keys in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut editor = Editor::default();
            typed(&mut editor, &keys);
            prop_assert!(editor.at <= editor.line.len());
        }
    }
}

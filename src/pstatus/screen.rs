//! The terminal: draws on a screen of its own, reads keys, and gives the
//! terminal back as it was, however it ends.

use std::fs::File;
use std::io::{self, Read, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::sync::Arc;

use super::table::cut;
use crate::daemon::signals::{SCREEN, Screened, Signals, stop_here};
use crate::net::ready::look;
use crate::sys::tty::{Raw, size};

/// Another screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[J";
/// The one that was there before.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What a person, or the system, wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Enter,
    Back,
    Escape,
    /// The window has another size, or was covered.
    Redraw,
    /// It is time to leave.
    Leave,
}

/// A terminal in raw mode, until it is dropped.
pub(super) struct Screen {
    keys: File,
    raw: Arc<Raw>,
    signals: Signals,
}

fn put(text: &str) {
    let mut out = stdout().lock();
    // Who has no terminal any more hears it by a signal.
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

impl Screen {
    /// # Errors
    /// Standard input is no terminal.
    pub(super) fn enter() -> io::Result<Screen> {
        let signals = Signals::listen(SCREEN)?;
        let keys = File::from(stdin().as_fd().try_clone_to_owned()?);
        let raw = Arc::new(Raw::enter(keys.as_fd())?);
        // A panic ends us at once, and its message belongs on the old screen.
        let (hook, ours) = (std::panic::take_hook(), raw.clone());
        std::panic::set_hook(Box::new(move |what| {
            put(LEAVE);
            ours.restore();
            hook(what);
        }));
        put(ENTER);
        Ok(Screen { keys, raw, signals })
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        size(self.keys.as_fd()).unwrap_or((80, 24))
    }

    /// Shows these lines, of which one may be marked; what is left of the
    /// screen stays empty, what does not fit is left out.
    pub(super) fn draw(&self, lines: &[String], marked: Option<usize>) {
        let (columns, rows) = self.size();
        let mut text = String::from("\x1b[H");
        for (n, line) in lines.iter().take(rows).enumerate() {
            if n > 0 {
                text.push_str("\r\n");
            }
            let line = cut(line, columns);
            match marked == Some(n) {
                true => text.push_str(&format!("\x1b[7m{line}\x1b[m\x1b[K")),
                false => text.push_str(&format!("{line}\x1b[K")),
            }
        }
        text.push_str("\x1b[J");
        put(&text);
    }

    /// What comes within so many milliseconds, if anything.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn keys(&mut self, patience: u64) -> io::Result<Vec<Key>> {
        let patience = patience.min(60_000) as u16;
        let ready = look(&[self.keys.as_fd(), self.signals.as_fd()], patience)?;
        let mut keys = Vec::new();
        if ready.contains(&1) {
            self.signals.drain();
            while let Some(what) = self.signals.screened() {
                keys.extend(self.signalled(what));
            }
        }
        if ready.contains(&0) {
            let mut octets = [0; 64];
            let count = self.keys.read(&mut octets)?;
            if count == 0 {
                keys.push(Key::Leave);
            }
            read_keys(&octets[..count], &mut keys);
        }
        Ok(keys)
    }

    fn signalled(&self, what: Screened) -> Option<Key> {
        match what {
            Screened::Leave => Some(Key::Leave),
            Screened::Resized => Some(Key::Redraw),
            Screened::Stopped => {
                put(LEAVE);
                self.raw.restore();
                stop_here();
                None
            }
            // Whoever had the terminal meanwhile may have left it in any state.
            Screened::Continued => {
                let _ = self.raw.again();
                put(ENTER);
                Some(Key::Redraw)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put(LEAVE);
        self.raw.restore();
    }
}

/// What these octets mean that a terminal has sent.
fn read_keys(mut octets: &[u8], keys: &mut Vec<Key>) {
    static SEQUENCES: [(&[u8], Key); 6] = [
        (b"\x1b[A", Key::Up),
        (b"\x1b[B", Key::Down),
        (b"\x1bOA", Key::Up),
        (b"\x1bOB", Key::Down),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
    ];
    while let Some(&first) = octets.first() {
        let found = SEQUENCES.iter().find(|(text, _)| octets.starts_with(text));
        if let Some((text, key)) = found {
            keys.push(*key);
            octets = &octets[text.len()..];
            continue;
        }
        octets = &octets[1..];
        keys.push(match first {
            b'\r' | b'\n' => Key::Enter,
            8 | 0x7f => Key::Back,
            3 | 4 => Key::Leave,
            0x1b if octets.is_empty() => Key::Escape,
            // A sequence that is none of ours, to its end.
            0x1b => {
                let end = octets.iter().skip(1).position(|b| (0x40..0x7f).contains(b));
                octets = end.map_or(&[], |end| &octets[end + 2..]);
                continue;
            }
            b'\t' => Key::Char('\t'),
            0x20..0x7f => Key::Char(first.into()),
            _ => continue,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_told_from_sequences() {
        let read = |octets: &[u8]| {
            let mut keys = Vec::new();
            read_keys(octets, &mut keys);
            keys
        };
        let wanted = [Key::Char('k'), Key::Up, Key::PageDown, Key::Enter];
        assert_eq!(read(b"k\x1b[A\x1b[6~\r"), wanted);
        assert_eq!(read(b"\x1b"), [Key::Escape]);
        assert_eq!(read(b"\x1b[1;5Cq"), [Key::Char('q')]);
        assert_eq!(read(b"\x03\xff\x7f"), [Key::Leave, Key::Back]);
    }

    proptest! {
        #[test]
        fn no_key_is_too_odd(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            read_keys(&octets, &mut Vec::new());
        }
    }
}

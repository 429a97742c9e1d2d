//! The text of one message, read from disk and handed out in wire form.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::crlf::{Crlf, Top};

/// Octets read at once. A message that fits is read once only.
const PIECE: usize = 64 * 1024;

/// Room that one message after another is read into: to get it anew for each,
/// and pages for it from the kernel, would take longer than to read it.
#[derive(Debug, Default)]
pub(crate) struct Room(Vec<u8>);

impl Room {
    fn of(&mut self, octets: usize) -> &mut [u8] {
        if self.0.len() < octets {
            // Zeros fresh from the kernel: what nobody fills takes no memory.
            self.0 = vec![0; octets.next_power_of_two()];
        }
        &mut self.0[..octets]
    }
}

/// A message on its way to a client.
#[derive(Debug)]
pub(crate) struct Body {
    file: File,
    /// Octets on disk, when it was opened. A message does not grow; what is
    /// added is not shown.
    disk: u64,
    /// Octets in wire form, once they are counted.
    wire: u64,
    counted: bool,
    /// Octets handed out so far, as on disk.
    at: u64,
    /// Room for a piece, of which so many octets are filled.
    room: Room,
    filled: usize,
    /// Whether the piece is what comes next.
    loaded: bool,
    out: Vec<u8>,
    crlf: Crlf,
    top: Option<Top>,
    over: bool,
    /// When the file was last written to, if it is long.
    written: (i64, i64),
    /// It is in wire form on disk, and no line in it begins with a dot.
    plain: bool,
}

impl Body {
    /// A message, and its octets on disk, whose octets are counted before the
    /// first is handed out, as RETR needs it. One longer than 64 KiB is read twice.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn counted(opened: (File, u64), room: Room) -> io::Result<Body> {
        let mut body = Body::new(opened, room, None);
        if body.disk > PIECE as u64 {
            body.written = written(&body.file.metadata()?);
        }
        let (mut at, mut count) = (0, Crlf::default());
        while at < body.disk {
            body.fill(at)?;
            body.plain &= count.count(body.piece());
            at += body.filled as u64;
        }
        body.plain &= count.end().is_empty() && !count.is_dotted();
        body.wire = count.octets();
        body.counted = true;
        body.loaded = body.filled as u64 == body.disk;
        Ok(body)
    }

    /// The same for TOP: the header and so many lines of the body. Only what is
    /// shown is read.
    pub(crate) fn top(opened: (File, u64), room: Room, lines: u64) -> Body {
        Body::new(opened, room, Some(Top::new(lines)))
    }

    /// Leaves its room to the next.
    pub(crate) fn into_room(self) -> Room {
        self.room
    }

    fn new((file, disk): (File, u64), room: Room, top: Option<Top>) -> Body {
        Body {
            disk,
            written: (0, 0),
            plain: true,
            file,
            wire: 0,
            counted: false,
            at: 0,
            room,
            filled: 0,
            loaded: false,
            out: Vec::new(),
            crlf: Crlf::default(),
            top,
            over: false,
        }
    }

    /// Octets on disk.
    pub(crate) fn disk(&self) -> u64 {
        self.disk
    }

    /// Octets that will be handed out; 0 for TOP, which does not count.
    pub(crate) fn wire(&self) -> u64 {
        self.wire
    }

    /// The file, if the whole of it goes over the wire as it lies on disk,
    /// and no line in it begins with a dot; `None` too if it is short, since
    /// then it has been read already. Whoever sends it must ask whether it
    /// [`Body::is_unchanged`] at the end.
    pub(crate) fn as_it_lies(&self) -> Option<&File> {
        (self.counted && self.plain && !self.loaded).then_some(&self.file)
    }

    /// The whole of a short message, if it is in wire form as it lies on disk,
    /// and no line in it begins with a dot.
    pub(crate) fn at_once(&self) -> Option<&[u8]> {
        (self.counted && self.plain && self.loaded).then(|| self.piece())
    }

    /// Whether the file is what it was when it was opened, as far as its
    /// length and the time of its last change tell.
    pub(crate) fn is_unchanged(&self) -> bool {
        let found = self.file.metadata();
        found.is_ok_and(|found| found.len() == self.disk && written(&found) == self.written)
    }

    /// The next piece in wire form; `None` behind the last.
    ///
    /// # Errors
    /// The file cannot be read, or is no longer what was counted. The answer
    /// has begun by then, so all that is left is to hang up.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.over {
            return Ok(None);
        }
        if self.at == self.disk {
            self.over = true;
            let end = self.crlf.end();
            if self.counted && self.crlf.octets() != self.wire {
                return Err(io::Error::other("the message changed while it was read"));
            }
            return Ok((!end.is_empty()).then_some(end));
        }
        if !std::mem::take(&mut self.loaded) {
            self.fill(self.at)?;
        }
        self.at += self.filled as u64;
        Ok(Some(self.shown()))
    }

    fn fill(&mut self, at: u64) -> io::Result<()> {
        self.filled = (self.disk - at).min(PIECE as u64) as usize;
        self.file.read_exact_at(self.room.of(self.filled), at)
    }

    fn piece(&self) -> &[u8] {
        &self.room.0[..self.filled]
    }

    /// The piece in wire form, as far as it is shown. Most mail lies on disk
    /// as it goes over the wire; then nothing is copied.
    fn shown(&mut self) -> &[u8] {
        let mut count = self.crlf;
        let piece = &self.room.0[..self.filled];
        let text = if count.count(piece) {
            self.crlf = count;
            piece
        } else {
            self.out.clear();
            self.crlf.turn(piece, &mut self.out);
            &self.out
        };
        let Some(top) = &mut self.top else {
            return text;
        };
        let shown = top.take(text);
        self.over = top.done();
        &text[..shown]
    }
}

/// The time of the last change of its text; flags of mail are in its name.
fn written(found: &Metadata) -> (i64, i64) {
    (found.mtime(), found.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::crlf::tests::{odd_text, plainly};
    use crate::sys::scratch::Scratch;
    use proptest::prelude::*;

    fn read(body: &mut Body) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = body.next().unwrap() {
            all.extend_from_slice(piece);
        }
        all
    }

    fn open(scratch: &Scratch, text: &[u8]) -> (File, u64) {
        let path = scratch.path().join("mail");
        std::fs::write(&path, text).unwrap();
        (File::open(path).unwrap(), text.len() as u64)
    }

    fn counted(scratch: &Scratch, text: &[u8]) -> io::Result<Body> {
        Body::counted(open(scratch, text), Room::default())
    }

    #[test]
    fn a_shorter_message_in_the_room_of_a_longer_one_is_read_alone() {
        let scratch = Scratch::new("body-room");
        let long = b"a long line\r\n".repeat(PIECE / 9);
        let mut room = Room::default();
        for text in [&long[..], b"short\r\n", b"", b"longer\r\n", &long[..PIECE]] {
            let mut body = Body::counted(open(&scratch, text), room).unwrap();
            assert!(read(&mut body) == plainly(text));
            room = body.into_room();
        }
    }

    #[test]
    fn a_message_of_several_pieces_comes_out_whole() {
        let scratch = Scratch::new("body-long");
        for line in ["0123456789abcde\n", "0123456789abcd\r\n", "x"] {
            for extra in ["", "\r", "\n", "y"] {
                let text = (line.repeat(3 * PIECE / line.len()) + extra).into_bytes();
                let mut body = counted(&scratch, &text).unwrap();
                assert_eq!(body.disk(), text.len() as u64);
                assert_eq!(body.wire(), plainly(&text).len() as u64);
                assert!(read(&mut body) == plainly(&text));
            }
        }
    }

    #[test]
    fn a_message_that_shrinks_or_changes_meanwhile_is_an_error() {
        let scratch = Scratch::new("body-change");
        let text = "0123456789abcd\r\n".repeat(PIECE / 4);
        for later in [&text[..PIECE], &text.replace("d\r\n", "de\n")] {
            let mut body = counted(&scratch, text.as_bytes()).unwrap();
            open(&scratch, later.as_bytes());
            let end = loop {
                match body.next() {
                    Ok(Some(_)) => {}
                    end => break end.map(|_| ()),
                }
            };
            assert!(end.is_err());
        }
    }

    /// Is it to be sent at once?
    fn plain_and_short(text: &str) -> bool {
        let dotted = text.split('\n').any(|line| line.starts_with('.'));
        text.len() <= PIECE && plainly(text.as_bytes()) == text.as_bytes() && !dotted
    }

    #[test]
    fn only_a_long_message_in_wire_form_without_dots_is_sent_as_it_lies() {
        let scratch = Scratch::new("body-plain");
        let line = "0123456789abcd\r\n";
        let long = line.repeat(PIECE / 8);
        for (text, plain) in [
            (long.clone(), true),
            (line.into(), false),
            (line.to_string() + ".\r\n", false),
            (line.to_string() + "x", false),
            (long.clone() + "x", false),
            (long.clone() + "x\n", false),
            (long.clone() + ".\r\n", false),
            (".".to_string() + &long, false),
            (long.clone() + "x.\r\n", true),
            (long.replacen("d\r", "de", 1), false),
        ] {
            let body = counted(&scratch, text.as_bytes()).unwrap();
            assert_eq!(body.as_it_lies().is_some(), plain);
            let whole = plain_and_short(&text);
            assert_eq!(body.at_once(), whole.then_some(text.as_bytes()));
            assert!(body.is_unchanged() || !plain);
            open(&scratch, &text.as_bytes()[1..]);
            assert!(!body.is_unchanged());
            let top = Body::top(open(&scratch, text.as_bytes()), Room::default(), 1);
            assert!(top.as_it_lies().is_none());
        }
    }

    proptest! {
        #[test]
        fn any_octets_come_out_in_wire_form_and_as_many_as_promised(text in odd_text()) {
            let scratch = Scratch::new("body-any");
            let mut body = counted(&scratch, &text).unwrap();
            let wire = body.wire();
            let got = read(&mut body);
            prop_assert_eq!(got.len() as u64, wire);
            prop_assert_eq!(got, plainly(&text));
        }

        #[test]
        fn top_is_a_prefix_of_retr(text in odd_text(), lines in 0u64..20) {
            let scratch = Scratch::new("body-top");
            let top = read(&mut Body::top(open(&scratch, &text), Room::default(), lines));
            let all = plainly(&text);
            prop_assert!(all.starts_with(&top));
            prop_assert_eq!(top.len(), Top::new(lines).take(&all));
        }
    }
}

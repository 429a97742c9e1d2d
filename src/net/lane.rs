//! One direction of a relay: what was read at one end and is to be written at
//! the other. Never looks at what it carries.

use std::io;

use nix::poll::PollFlags;

use super::pump::Tap;
use super::siphon::Siphon;
use super::stream::Stream;
use super::wait::LEFT;

/// Octets carried at a time.
const CHUNK: usize = 32 * 1024;

/// At first, while only commands and short answers go by: a session that is
/// held for long takes no more memory for them.
const FIRST: usize = 512;

/// Room that the lanes of a relay lend each other.
#[derive(Default)]
pub(super) struct Room {
    spare: Vec<u8>,
    large: bool,
}

impl Room {
    fn take(&mut self) -> Vec<u8> {
        let size = if self.large { CHUNK } else { FIRST };
        match self.spare.len() {
            len if len == size => std::mem::take(&mut self.spare),
            // Zeros fresh from the kernel: what nobody fills takes no memory.
            _ => vec![0; size],
        }
    }

    /// From now on there is more; false if there was before.
    fn grows(&mut self) -> bool {
        !std::mem::replace(&mut self.large, true)
    }

    fn give_back(&mut self, bytes: Vec<u8>) {
        self.spare = bytes;
    }
}

/// Behind so many reads for which there was no room a siphon is worth what it
/// costs.
const MANY: u32 = 2;

/// One direction.
pub(super) struct Lane {
    /// Empty while there is nothing to be sent.
    buf: Vec<u8>,
    /// What of `buf` still has to be sent.
    from: usize,
    to: usize,
    /// The sender has finished.
    eof: bool,
    /// And the receiver has been told.
    pub(super) done: bool,
    /// The sender has failed, behind what is to be sent before that is told.
    broken: Option<io::Error>,
    /// Reads in a row that filled all the room there was.
    full: u32,
    /// Through which much goes that nobody looks at.
    siphon: Option<Siphon>,
    /// Shows to who watches what goes by.
    shown: fn(&mut dyn Tap, &[u8]),
}

impl Lane {
    pub(super) fn new(shown: fn(&mut dyn Tap, &[u8])) -> Lane {
        Lane {
            buf: Vec::new(),
            from: 0,
            to: 0,
            eof: false,
            done: false,
            broken: None,
            full: 0,
            siphon: None,
            shown,
        }
    }

    pub(super) fn pending(&self) -> bool {
        let held = self.siphon.as_ref().map_or(0, Siphon::held);
        self.from < self.to || held > 0
    }

    /// Would it take something from the sender?
    pub(super) fn hungry(&self) -> bool {
        !self.eof && !self.pending()
    }

    /// What to wait for at the sender.
    pub(super) fn reads(&self, source: &Stream) -> PollFlags {
        match source.reads() {
            _ if !self.hungry() => PollFlags::empty(),
            // Who has left would end every wait for what must be written first.
            PollFlags::POLLIN => PollFlags::POLLIN | LEFT,
            writes => writes,
        }
    }

    /// What to wait for at the receiver.
    pub(super) fn writes(&self) -> PollFlags {
        if self.pending() {
            PollFlags::POLLOUT
        } else {
            PollFlags::empty()
        }
    }

    /// Carries what can be carried now, from the first of `ends` to the other.
    /// Returns whether anything moved. The lanes of a relay share `room`.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(super) fn carry(
        &mut self,
        ready: PollFlags,
        room: &mut Room,
        ends: (&mut Stream, &mut Stream),
        tap: &mut dyn Tap,
    ) -> io::Result<bool> {
        let (source, sink) = ends;
        let mut moved = false;
        if !ready.is_empty() && self.hungry() {
            moved = self.siphon(source, sink, tap.wanted()) && self.suck(source, tap)?
                || self.read(room, source, ready.contains(LEFT), tap)?;
        }
        if self.eof {
            sink.end_with();
        }
        moved |= self.spill(sink)? | self.write(room, sink)?;
        if self.eof && !self.pending() && !self.done {
            sink.finish();
            self.done = true;
        }
        match self.broken.take_if(|_| self.from == self.to) {
            Some(why) => Err(why),
            None => Ok(moved),
        }
    }

    fn read(
        &mut self,
        room: &mut Room,
        source: &mut Stream,
        left: bool,
        tap: &mut dyn Tap,
    ) -> io::Result<bool> {
        self.buf = room.take();
        let Some(mut count) = source.read_now(&mut self.buf)? else {
            return Ok(false);
        };
        if count == FIRST && room.grows() {
            // What else is there goes with it.
            let first = std::mem::replace(&mut self.buf, room.take());
            self.buf[..count].copy_from_slice(&first);
            count += self.read_on(source, count).unwrap_or(0);
        }
        self.eof = count == 0;
        self.full = match count == self.buf.len() {
            true => self.full + 1,
            false => 0,
        };
        if left && !self.eof && self.full == 0 {
            // The end is told with the last words.
            let more = self.read_on(source, count);
            self.eof = more == Some(0);
            count += more.unwrap_or(0);
        }
        (self.from, self.to) = (0, count);
        match tap.wanted() {
            true => (self.shown)(tap, &self.buf[..count]),
            false => tap.missed(),
        }
        Ok(true)
    }

    /// Reads what stands behind the `count` octets in `buf`, which are not lost
    /// if that fails.
    fn read_on(&mut self, source: &mut Stream, count: usize) -> Option<usize> {
        let more = source.read_now(&mut self.buf[count..]);
        more.unwrap_or_else(|why| {
            self.broken = Some(why);
            None
        })
    }

    fn write(&mut self, room: &mut Room, sink: &mut Stream) -> io::Result<bool> {
        let mut moved = false;
        // TLS takes one record at a time.
        while self.from < self.to {
            let count = sink.write_now(&self.buf[self.from..self.to])?;
            if count == 0 {
                return Ok(moved);
            }
            (self.from, moved) = (self.from + count, true);
        }
        if !self.buf.is_empty() {
            room.give_back(std::mem::take(&mut self.buf));
        }
        Ok(moved)
    }

    /// Is there a siphon for what comes now? It takes two descriptors, and is
    /// made where much goes by.
    fn siphon(&mut self, source: &Stream, sink: &Stream, watched: bool) -> bool {
        if watched || self.full < MANY {
            self.siphon = None;
        } else if self.siphon.is_none() {
            let lay = || {
                source.never_wait().and_then(|()| sink.never_wait())?;
                Siphon::new()
            };
            let bare = source.is_bare() && sink.is_bare();
            self.siphon = bare.then(|| lay().ok()).flatten();
        }
        self.siphon.is_some()
    }

    /// Whether it brought anything: if not, only a read can tell why, since it
    /// comes no further than to an urgent octet, be there what may behind it.
    fn suck(&mut self, source: &mut Stream, tap: &mut dyn Tap) -> io::Result<bool> {
        let Some(siphon) = &mut self.siphon else {
            return Ok(false);
        };
        let filled = source.siphon_now(|socket| siphon.fill(socket))?;
        let Some(count @ 1..) = filled else {
            return Ok(false);
        };
        source.received += count as u64;
        if count < FIRST {
            self.full = 0;
        }
        tap.missed();
        Ok(true)
    }

    fn spill(&mut self, sink: &mut Stream) -> io::Result<bool> {
        let mut moved = false;
        while let Some(siphon) = self.siphon.as_mut().filter(|siphon| siphon.held() > 0) {
            match sink.siphon_now(|socket| siphon.drain(socket))? {
                None | Some(0) => break,
                Some(count) => sink.sent += count as u64,
            }
            moved = true;
        }
        Ok(moved)
    }
}

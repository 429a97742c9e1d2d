//! Copies octets both ways between a client and a backend, until both have
//! said all they had to say. Never looks at what it copies.

use std::os::fd::AsFd;

use nix::poll::PollFlags;

use super::stream::Stream;
use super::wait::{Broken, Watch, is_over, wait_for};
use crate::base::clock::{Ms, now};

/// Octets carried at a time.
const CHUNK: usize = 32 * 1024;

/// At first, while only commands and short answers go by: a session that is
/// held for long takes no more memory for them.
const FIRST: usize = 512;

/// Room that the lanes of a relay lend each other.
#[derive(Default)]
struct Room {
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

    /// Takes back what `filled` octets were read into.
    fn give_back(&mut self, bytes: Vec<u8>, filled: usize) {
        self.large |= filled == bytes.len();
        self.spare = bytes;
    }
}

/// Is shown what goes by while somebody wants to see it.
pub(crate) trait Tap {
    fn wanted(&self) -> bool;
    /// Octets from the client.
    fn up(&mut self, octets: &[u8]);
    /// Octets from the backend.
    fn down(&mut self, octets: &[u8]);
    /// Some went by while nobody wanted to.
    fn missed(&mut self);
}

/// One direction.
struct Lane {
    /// Empty while there is nothing to be sent.
    buf: Vec<u8>,
    /// What of `buf` still has to be sent.
    from: usize,
    to: usize,
    /// The sender has finished.
    eof: bool,
    /// And the receiver has been told.
    done: bool,
}

impl Lane {
    fn new() -> Lane {
        Lane {
            buf: Vec::new(),
            from: 0,
            to: 0,
            eof: false,
            done: false,
        }
    }

    fn pending(&self) -> bool {
        self.from < self.to
    }

    /// Would it take something from the sender?
    fn hungry(&self) -> bool {
        !self.eof && !self.pending()
    }

    /// What to wait for at the sender.
    fn reads(&self, source: &Stream) -> PollFlags {
        match self.hungry() {
            true => source.reads(),
            false => PollFlags::empty(),
        }
    }

    /// What to wait for at the receiver.
    fn writes(&self) -> PollFlags {
        if self.pending() {
            PollFlags::POLLOUT
        } else {
            PollFlags::empty()
        }
    }

    /// Carries what can be carried now. Returns whether anything moved. The
    /// lanes of a relay share `room`; `seen` is shown what is new.
    fn carry(
        &mut self,
        readable: bool,
        room: &mut Room,
        source: &mut Stream,
        sink: &mut Stream,
        seen: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, Broken> {
        let mut moved = false;
        if readable && self.hungry() {
            self.buf = room.take();
            if let Some(count) = source.read_now(&mut self.buf)? {
                (self.from, self.to, self.eof, moved) = (0, count, count == 0, true);
                seen(&self.buf[..count]);
            }
        }
        // TLS takes one record at a time.
        while self.pending() {
            let count = sink.write_now(&self.buf[self.from..self.to])?;
            if count == 0 {
                break;
            }
            (self.from, moved) = (self.from + count, true);
        }
        if !self.pending() && !self.buf.is_empty() {
            room.give_back(std::mem::take(&mut self.buf), self.to);
        }
        if self.eof && !self.pending() && !self.done {
            sink.finish();
            self.done = true;
        }
        Ok(moved)
    }
}

/// Copies until both sides are done. `patience` says how many milliseconds
/// may pass in which nothing moves; its argument is whether something waits
/// to be sent.
///
/// # Errors
/// Patience ran out, the watch, or one of the sockets.
pub(crate) fn pump(
    client: &mut Stream,
    backend: &mut Stream,
    watch: &dyn Watch,
    patience: &dyn Fn(bool) -> Ms,
    tap: &mut dyn Tap,
) -> Result<(), Broken> {
    let (mut up, mut down, mut room) = (Lane::new(), Lane::new(), Room::default());
    let mut last = now();
    while !(up.done && down.done) {
        let pending = up.pending() || down.pending();
        let held = (
            up.hungry() && client.holds(),
            down.hungry() && backend.holds(),
        );
        let ready = match held {
            (false, false) => {
                let want = [
                    (client.as_fd(), up.reads(client) | down.writes()),
                    (backend.as_fd(), down.reads(backend) | up.writes()),
                ];
                wait_for(want, watch, &|| last + patience(pending))?
            }
            _ => [PollFlags::empty(); 2],
        };
        let [at_client, at_backend] = ready.map(|flags| !flags.is_empty());
        let mut rises = |octets: &[u8]| match tap.wanted() {
            true => tap.up(octets),
            false => tap.missed(),
        };
        let rose = up.carry(at_client || held.0, &mut room, client, backend, &mut rises)?;
        let mut falls = |octets: &[u8]| match tap.wanted() {
            true => tap.down(octets),
            false => tap.missed(),
        };
        let fell = down.carry(at_backend || held.1, &mut room, backend, client, &mut falls)?;
        let moved = rose || fell;
        if moved {
            last = now();
        } else if is_over(&|| last + patience(pending)) {
            return Err(Broken::Timeout);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::net::stream::tests::pair;
    use crate::net::wait::Alone;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread::spawn;

    /// Wants to see nothing.
    pub(in crate::net) struct Blind;

    impl Tap for Blind {
        fn wanted(&self) -> bool {
            false
        }

        fn up(&mut self, _: &[u8]) {}

        fn down(&mut self, _: &[u8]) {}

        fn missed(&mut self) {}
    }

    #[test]
    fn octets_go_both_ways_and_each_end_is_passed_on() {
        let (mut client, mut outside) = pair();
        let (mut backend, mut inside) = pair();
        let server = spawn(move || {
            let mut asked = Vec::new();
            inside.read_to_end(&mut asked).unwrap();
            inside.write_all(&vec![b'x'; 3_000_000]).unwrap();
            asked
        });
        let user = spawn(move || {
            outside.write_all(&vec![b'q'; 1_000_000]).unwrap();
            outside.shutdown(Shutdown::Write).unwrap();
            let mut got = Vec::new();
            outside.read_to_end(&mut got).unwrap();
            got.len()
        });
        pump(
            &mut client,
            &mut backend,
            &Alone::new().unwrap(),
            &|_| 5000,
            &mut Blind,
        )
        .unwrap();
        drop((client, backend));
        assert_eq!(
            (server.join().unwrap().len(), user.join().unwrap()),
            (1_000_000, 3_000_000)
        );
    }

    #[test]
    fn silence_on_both_sides_ends_it() {
        let (mut client, _outside) = pair();
        let (mut backend, _inside) = pair();
        let end = pump(
            &mut client,
            &mut backend,
            &Alone::new().unwrap(),
            &|_| 10,
            &mut Blind,
        );
        assert!(matches!(end, Err(Broken::Timeout)));
    }
}

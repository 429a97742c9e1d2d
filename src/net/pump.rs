//! Copies octets both ways between a client and a backend, until both have
//! said all they had to say. Never looks at what it copies.

use std::os::fd::AsFd;

use nix::poll::PollFlags;

use super::stream::Stream;
use super::wait::{Broken, Watch, wait_for};
use crate::base::clock::{Ms, now};

/// Octets carried at a time, at most.
const CHUNK: usize = 32 * 1024;

/// And at first: who only looks whether there is mail moves less, and every
/// page that is written to is one more page of memory for each session.
const FIRST: usize = 2 * 1024;

/// One direction.
struct Lane {
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

    /// What to wait for at the sender.
    fn reads(&self) -> PollFlags {
        if self.eof || self.pending() {
            PollFlags::empty()
        } else {
            PollFlags::POLLIN
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

    /// A buffer that the last read filled was too small.
    fn make_room(&mut self) {
        if self.to == self.buf.len() && self.to < CHUNK {
            self.buf.resize((self.to * 4).clamp(FIRST, CHUNK), 0);
        }
    }

    /// Carries what can be carried now. Returns whether anything moved.
    fn carry(
        &mut self,
        readable: bool,
        source: &mut Stream,
        sink: &mut Stream,
    ) -> Result<bool, Broken> {
        let mut moved = false;
        if readable && !self.eof && !self.pending() {
            self.make_room();
            if let Some(count) = source.read_now(&mut self.buf)? {
                (self.from, self.to, self.eof, moved) = (0, count, count == 0, true);
            }
        }
        if self.pending() {
            let count = sink.write_now(&self.buf[self.from..self.to])?;
            self.from += count;
            moved |= count > 0;
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
) -> Result<(), Broken> {
    let (mut up, mut down) = (Lane::new(), Lane::new());
    let mut last = now();
    while !(up.done && down.done) {
        let pending = up.pending() || down.pending();
        let want = [
            (client.as_fd(), up.reads() | down.writes()),
            (backend.as_fd(), down.reads() | up.writes()),
        ];
        let [at_client, at_backend] = wait_for(want, watch, &|| last + patience(pending))?;
        let readable = |flags: PollFlags| {
            flags.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
        };
        let moved = up.carry(readable(at_client), client, backend)?
            | down.carry(readable(at_backend), backend, client)?;
        if moved {
            last = now();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::pair;
    use crate::net::wait::Alone;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread::spawn;

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
        pump(&mut client, &mut backend, &Alone::new().unwrap(), &|_| 5000).unwrap();
        drop((client, backend));
        assert_eq!(
            (server.join().unwrap().len(), user.join().unwrap()),
            (1_000_000, 3_000_000)
        );
    }

    #[test]
    fn a_buffer_grows_only_with_what_it_carries() {
        let (mut source, mut from) = pair();
        let (mut sink, mut to) = pair();
        let mut lane = Lane::new();
        for (count, room) in [(100, FIRST), (FIRST, FIRST), (100, 4 * FIRST)] {
            from.write_all(&vec![b'x'; count]).unwrap();
            let mut got = vec![0; count];
            while !lane.carry(true, &mut source, &mut sink).unwrap() {}
            to.read_exact(&mut got).unwrap();
            assert_eq!(lane.buf.len(), room, "after {count}");
        }
    }

    #[test]
    fn silence_on_both_sides_ends_it() {
        let (mut client, _outside) = pair();
        let (mut backend, _inside) = pair();
        let end = pump(&mut client, &mut backend, &Alone::new().unwrap(), &|_| 10);
        assert!(matches!(end, Err(Broken::Timeout)));
    }
}

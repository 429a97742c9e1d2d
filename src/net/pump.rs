//! Copies octets both ways between a client and a backend, until the backend
//! has said all it had to say.

use std::os::fd::AsFd;

use nix::poll::PollFlags;

use super::lane::{Lane, Room};
use super::stream::Stream;
use super::wait::{Broken, Watch, is_over, look, wait_for};
use crate::base::clock::{Ms, now};

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

/// Copies until the client has all that the backend said: who has left hears
/// nothing any more. That the client will say no more is passed on.
/// `patience` says how many milliseconds may pass in which nothing moves; its
/// argument is whether something waits to be sent.
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
    let (mut up, mut down) = (
        Lane::new(|tap, octets| tap.up(octets)),
        Lane::new(|tap, octets| tap.down(octets)),
    );
    let mut room = Room::default();
    let mut last = now();
    while !down.done {
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
            _ => {
                look(watch)?;
                [held.0, held.1].map(|held| match held {
                    true => PollFlags::POLLIN,
                    false => PollFlags::empty(),
                })
            }
        };
        let [at_client, at_backend] = ready;
        let rose = up.carry(at_client, &mut room, (client, backend), tap)?;
        let fell = down.carry(at_backend, &mut room, (backend, client), tap)?;
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
    fn a_backend_that_leaves_ends_it_and_its_last_words_arrive_with_the_end() {
        for words in [&b"+OK good bye\r\n"[..], &vec![b'x'; 2_000_000]] {
            let (mut client, mut outside) = pair();
            let (mut backend, mut inside) = pair();
            let (sent, mut got) = (words.to_vec(), Vec::new());
            let server = spawn(move || inside.write_all(&sent).unwrap());
            let user = spawn(move || {
                outside.read_to_end(&mut got).unwrap();
                got
            });
            // The client does not leave before it has heard all.
            let alone = Alone::new().unwrap();
            pump(&mut client, &mut backend, &alone, &|_| 60_000, &mut Blind).unwrap();
            server.join().unwrap();
            assert!(user.join().unwrap() == words);
        }
    }

    #[test]
    fn last_words_arrive_though_the_backend_leaves_with_a_reset() {
        for words in [&b"+OK good bye\r\n"[..], &[b'x'; 512], &[b'x'; 5000]] {
            let (mut client, mut outside) = pair();
            let (mut backend, mut inside) = pair();
            let alone = Alone::new().unwrap();
            // Who closes without having read all resets the connection.
            backend
                .write_all(b"QUIT\r\n\r\n", &alone, &|| now() + 5000)
                .unwrap();
            inside.peek(&mut [0; 8]).unwrap();
            inside.write_all(words).unwrap();
            drop(inside);
            let end = pump(&mut client, &mut backend, &alone, &|_| 5000, &mut Blind);
            assert!(matches!(end, Err(Broken::Io(_))), "{end:?}");
            drop(client);
            let mut got = Vec::new();
            outside.read_to_end(&mut got).unwrap();
            assert!(got == words, "{} of {} octets", got.len(), words.len());
        }
    }

    /// Looks at some of it, now and then.
    struct Passer(std::cell::Cell<u32>);

    impl Tap for Passer {
        fn wanted(&self) -> bool {
            self.0.set(self.0.get() + 1);
            self.0.get() % 32 < 4
        }

        fn up(&mut self, _: &[u8]) {}

        fn down(&mut self, _: &[u8]) {}

        fn missed(&mut self) {}
    }

    #[test]
    fn nothing_is_lost_or_changed_on_the_way_whoever_looks_meanwhile() {
        let (mut client, mut outside) = pair();
        let (mut backend, mut inside) = pair();
        let mail: Vec<u8> = (0..12_000_000_u32).map(|n| (n % 251) as u8).collect();
        let sent = mail.clone();
        let server = spawn(move || inside.write_all(&sent).unwrap());
        let user = spawn(move || {
            outside.shutdown(Shutdown::Write).unwrap();
            let (mut got, mut buf) = (Vec::new(), [0; 50_000]);
            while let Ok(count @ 1..) = outside.read(&mut buf) {
                got.extend_from_slice(&buf[..count]);
            }
            got
        });
        let mut passer = Passer(0.into());
        let alone = Alone::new().unwrap();
        pump(&mut client, &mut backend, &alone, &|_| 5000, &mut passer).unwrap();
        let counted = (backend.received, client.sent);
        drop((client, backend));
        server.join().unwrap();
        assert!(user.join().unwrap() == mail);
        assert_eq!(counted, (12_000_000, 12_000_000));
    }

    #[test]
    fn urgent_octets_in_the_middle_of_much_do_not_hold_it_up() {
        use nix::sys::socket::{MsgFlags, send};
        use std::os::fd::AsRawFd;
        for leaves in [true, false] {
            let (mut client, mut outside) = pair();
            let (mut backend, mut inside) = pair();
            let server = spawn(move || {
                let mut asked = vec![0; 3_000_000];
                inside.read_exact(&mut asked).map(|()| asked)
            });
            let user = spawn(move || {
                outside.write_all(&vec![b'q'; 2_000_000]).unwrap();
                send(outside.as_raw_fd(), b"!", MsgFlags::MSG_OOB).unwrap();
                outside.write_all(&vec![b'q'; 1_000_000]).unwrap();
                if leaves {
                    outside.shutdown(Shutdown::Write).unwrap();
                }
                outside
            });
            let alone = Alone::new().unwrap();
            let end = pump(&mut client, &mut backend, &alone, &|_| 2000, &mut Blind);
            drop((client, backend));
            user.join().unwrap();
            let got = server.join().unwrap();
            end.unwrap();
            assert!(got.unwrap() == vec![b'q'; 3_000_000]);
        }
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

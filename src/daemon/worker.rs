//! One worker: waits, accepts or receives, serves, counts; one session at a
//! time. It leaves between sessions, when it is told to, when its generation
//! is old, when it has served enough, when the master is gone.
//!
//! A wake-up can be lost: the kernel wakes one worker per connection, and
//! that one may just be leaving, or have a long session first that came in by
//! another door. So who leaves looks at all doors once more and serves what
//! is there, and who waits looks at them every second, also when one door
//! gives him no rest.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use super::board::{Field, Head, State};
use super::config::Config;
use super::pool::Door;
use super::replaced;
use super::room;
use super::scrape;
use super::seat::Seat;
use super::service::{Origin, Service, Work};
use super::vars::{MAXSESSION, MINSPARE, SESSIONSPERWORKER};
use crate::base::clock::{Ms, NEVER, now};
use crate::net::listen::{Listener, canonical};
use crate::net::ready::{Waiting, glance};
use crate::net::stream::Stream;
use crate::net::wait::Watch;
use crate::sys::heap;

/// No idle wait is longer, in milliseconds.
const NAP: u16 = 1000;

/// One octet more than any datagram that is right.
const DATAGRAM: usize = 513;

/// What a worker lives on.
pub(crate) struct Worker<'a, S> {
    pub(crate) service: &'a mut S,
    /// That with which its pool was loaded.
    pub(crate) config: &'a Config,
    pub(crate) doors: &'a [Door],
    pub(crate) seat: &'a Seat,
    /// End of file: the master is gone.
    pub(crate) death: &'a OwnedFd,
    /// A byte: the pool should look how many are idle.
    pub(crate) poke: &'a OwnedFd,
    pub(crate) generation: u64,
    pub(crate) served: u64,
    pub(crate) orphan: bool,
}

impl<S: Service> Worker<'_, S> {
    /// The life of a worker. The return value is its exit status.
    pub(crate) fn run(mut self) -> i32 {
        let (doors, seat, death) = (self.doors, self.seat, self.death);
        let shared = || doors.iter().map(|door| door.listener.as_fd());
        let own = [seat.wake_fd(), death.as_fd()];
        let all = || shared().chain(own);
        let (mut looked, mut rested) = (now(), self.served);
        while !self.finished() {
            let standing = seat
                .take_doors()
                .map_or_else(|| Waiting::new(shared(), &own), Ok);
            let Ok(waiting) = standing else {
                return 1;
            };
            let Ok(mut ready) = waiting.wait(all(), NAP) else {
                return 1;
            };
            seat.keep_doors(waiting);
            if ready.is_empty() && self.served != std::mem::replace(&mut rested, self.served) {
                heap::rest();
            }
            if ready.is_empty() || now() - looked >= Ms::from(NAP) {
                looked = now();
                ready = glance(all()).unwrap_or_default();
            }
            self.answer(&ready);
            self.look_after_files();
        }
        self.answer(&glance(shared()).unwrap_or_default());
        0
    }

    /// Is there a reason to leave?
    fn finished(&self) -> bool {
        self.orphan
            || self.served >= self.seat.var(SESSIONSPERWORKER)
            || self.seat.must_leave(self.generation)
    }

    /// Sees to everything that is ready.
    fn answer(&mut self, ready: &[usize]) {
        let doors = self.doors;
        for &place in ready {
            match doors.get(place) {
                Some(door) => self.open(door),
                None if place == doors.len() => drop(self.seat.woken()),
                None => self.orphaned(),
            }
        }
    }

    /// The master is gone. Its pool shuts the doors; should that be gone too,
    /// a session that goes on must not keep them open for nobody.
    fn orphaned(&mut self) {
        self.orphan = true;
        self.seat.board().shut(self.doors);
    }

    fn open(&mut self, door: &Door) {
        self.seat.stand_at(door.tallies);
        match &door.listener {
            listener if matches!(**listener, Listener::Tcp(_)) => self.accept(door),
            listener => self.receive(listener, door),
        }
    }

    fn accept(&mut self, door: &Door) {
        match door.listener.accept() {
            Ok(Some((stream, peer))) if self.is_for_reading(door) => self.tell(stream, peer, door),
            Ok(Some((stream, peer))) => self.session(
                stream,
                Origin {
                    peer,
                    door: door.place,
                },
            ),
            Ok(None) => {}
            Err(why) => {
                // No descriptors, no memory: the connection stays in the queue and would
                // wake us at once again.
                self.log_rarely(|| event!(ACCEPT_FAILED, "-", why = why));
                let pause = now() + 100;
                let _ = crate::net::wait::wait_for::<0>([], self.seat, &|| pause);
                self.seat.guard(NEVER);
            }
        }
    }

    /// Does the kit itself serve what comes in there?
    fn is_for_reading(&self, door: &Door) -> bool {
        let kinds = self.config.tables.kinds;
        kinds
            .get(door.kind)
            .is_some_and(|kind| kind.name == scrape::NAME)
    }

    fn tell(&mut self, stream: Stream, peer: SocketAddr, door: &Door) {
        if let Some(object) = self.config.objects(door.kind).get(door.place) {
            scrape::serve::<S>(stream, peer, object, self.config, self.seat);
            self.served += 1;
        }
    }

    fn session(&mut self, stream: Stream, origin: Origin) {
        let seat = self.seat;
        let (sessions, limit) = (seat.begin(), seat.var(MAXSESSION) as usize);
        if seat.is_overloaded() {
            self.service.refuse(stream, origin, "maxlocalload");
        } else if sessions > limit && !self.make_room() {
            self.log_rarely(|| event!(SESSION_LIMIT, "-", maxsession = limit));
            self.service.refuse(stream, origin, "maxsession");
        } else {
            self.poke();
            self.served += 1;
            self.service.serve(Work::Stream(stream), origin, seat);
        }
        seat.end();
    }

    /// Lets the oldest session that has not logged in give way to this one.
    fn make_room(&self) -> bool {
        let wake = || {
            let _ = nix::unistd::write(self.poke, &[room::ASKED]);
        };
        room::make(self.seat, self.generation, wake)
    }

    /// Tells the pool, once, if few are left who could take the next client.
    fn poke(&self) {
        let board = self.seat.board();
        let idle = board.count(State::Idle) as u64;
        if idle < self.seat.var(MINSPARE) && board.head(Head::Poked).swap(1, SeqCst) == 0 {
            let _ = nix::unistd::write(self.poke, b"p");
        }
    }

    /// Serves what has come, a bounded number, without leaving the seat.
    #[inline(never)] // sessions need not carry the room for a datagram
    fn receive(&mut self, listener: &Listener, door: &Door) {
        let Listener::Udp(socket) = listener else {
            return;
        };
        let mut buf = [0; DATAGRAM];
        for _ in 0..64 {
            let Ok((count, peer)) = socket.recv_from(&mut buf) else {
                return;
            };
            let origin = Origin {
                peer: canonical(peer),
                door: door.place,
            };
            self.seat
                .field(Field::Deadline)
                .store(now() + 10_000, Relaxed);
            self.served += 1;
            self.service.serve(
                Work::Datagram {
                    socket,
                    bytes: &buf[..count],
                },
                origin,
                self.seat,
            );
            self.seat.field(Field::Deadline).store(0, Relaxed);
        }
    }

    /// Reports files that were replaced since they were loaded. It is one
    /// worker in a second who looks.
    fn look_after_files(&mut self) {
        if self.finished() || !self.first_since(Head::FilesSeen, 1000) {
            return;
        }
        // A file system may hang.
        self.seat.guard(now() + 10_000);
        let number = self.service.replaced();
        self.seat.guard(NEVER);
        debug!(Auth, "-", replaced = number);
        if number != 0 {
            replaced::report(self.seat.board(), self.generation, number);
        }
    }

    /// Something that may happen to every client is logged once in ten
    /// seconds, by one worker.
    fn log_rarely(&self, log: impl FnOnce()) {
        if self.first_since(Head::LimitLogged, 10_000) {
            log();
        }
    }

    /// Whether no worker has come by here for longer than `pause`.
    fn first_since(&self, which: Head, pause: Ms) -> bool {
        let word = self.seat.board().head(which);
        let (last, now) = (word.load(Relaxed), now());
        let due = last == 0 || now.saturating_sub(last) > pause;
        due && word.compare_exchange(last, now, AcqRel, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::board::Board;
    use crate::daemon::service::Tables;
    use crate::net::listen::Proto;
    use std::net::{TcpStream, UdpSocket};
    use std::sync::Arc;

    /// Counts sessions.
    struct Counting(u32);

    fn door(listener: Arc<Listener>) -> Door {
        Door {
            listener,
            kept: false,
            kind: 0,
            place: 0,
            tallies: (0, 0),
        }
    }

    static TABLES: Tables = Tables::bare("test");

    impl Service for Counting {
        const TABLES: &'static Tables = &TABLES;

        fn check(_: &Config) -> Result<(), String> {
            Ok(())
        }

        fn before_drop(_: &Config) -> Result<Counting, String> {
            Ok(Counting(0))
        }

        fn after_drop(&mut self, _: &Config) -> Result<(), String> {
            Ok(())
        }

        fn after_fork(&mut self) -> Result<(), String> {
            Ok(())
        }

        fn serve(&mut self, _: Work<'_>, _: Origin, _: &Seat) {
            self.0 += 1;
        }

        fn refuse(&mut self, _: Stream, _: Origin, _: &str) {}
    }

    /// The one wake-up for a connection may have gone to a worker that was
    /// just leaving; then nobody else will be woken for it.
    #[test]
    fn who_leaves_serves_first_whoever_stands_at_the_door() {
        let board = Board::map(4, &[]).unwrap();
        board.publish(&Config::new(&TABLES));
        let seat = Seat::take(board, board.claim().unwrap(), "test").unwrap();
        let at = "127.0.0.1:0".parse().unwrap();
        let listener = Arc::new(Listener::open(Proto::Tcp, at, 5).unwrap());
        let _client = TcpStream::connect(listener.local().unwrap()).unwrap();
        let (death, _writer) = crate::sys::proc::pipe().unwrap();
        let (_poked, poke) = crate::sys::proc::pipe().unwrap();
        board.head(Head::Generation).store(8, Relaxed);
        let mut service = Counting(0);
        let worker = Worker {
            service: &mut service,
            config: &Config::new(&TABLES),
            doors: &[door(listener)],
            seat: &seat,
            death: &death,
            poke: &poke,
            generation: 7,
            served: 0,
            orphan: false,
        };
        assert_eq!((worker.run(), service.0), (0, 1));
    }

    #[test]
    fn who_could_not_accept_is_idle_and_not_behind_a_deadline() {
        let board = Board::map(1, &[]).unwrap();
        let seat = Seat::take(board, board.claim().unwrap(), "test").unwrap();
        // A socket on which accept(2) fails.
        let deaf: OwnedFd = UdpSocket::bind("127.0.0.1:0").unwrap().into();
        let listener = Arc::new(Listener::Tcp(deaf.into()));
        let (death, poke) = crate::sys::proc::pipe().unwrap();
        let mut worker = Worker {
            service: &mut Counting(0),
            config: &Config::new(&TABLES),
            doors: &[door(listener)],
            seat: &seat,
            death: &death,
            poke: &poke,
            generation: 0,
            served: 0,
            orphan: false,
        };
        worker.answer(&[0]);
        assert_eq!(seat.field(Field::Deadline).load(Relaxed), NEVER);
    }
}

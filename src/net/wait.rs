//! The one way in which a session waits: for its sockets, for its own
//! signal pipe, until a deadline that is computed anew after every signal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::base::clock::{Ms, NEVER, now, poll_timeout};

/// Why a session must end though its client did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// By the control word `session kick`.
    Kicked,
    /// All places were taken, and somebody else wanted one.
    GaveWay,
    /// The suite goes down.
    Shutdown,
}

/// What ended a wait, a read or a write.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The deadline has passed.
    Timeout,
    /// We were told to stop.
    Stop(Stop),
    /// The socket failed.
    Io(io::Error),
}

/// Why a session ended that gave way to another.
pub(crate) const GAVE_WAY: &str = "gave_way";

impl Broken {
    /// One word for the log: why a session ended.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Broken::Timeout => "timeout",
            Broken::Stop(Stop::Kicked) => "kicked",
            Broken::Stop(Stop::GaveWay) => GAVE_WAY,
            Broken::Stop(Stop::Shutdown) => "shutdown",
            Broken::Io(_) => "io_error",
        }
    }

    /// Is it that this host has run out of something? Then it says nothing of
    /// the other side.
    pub(crate) fn is_shortage(&self) -> bool {
        let Broken::Io(why) = self else {
            return false;
        };
        let errno = Errno::from_raw(why.raw_os_error().unwrap_or(0));
        matches!(
            errno,
            Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS | Errno::EADDRNOTAVAIL
        )
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Io(why) => write!(f, "{why}"),
            Broken::Timeout => f.write_str("no answer in time"),
            Broken::Stop(_) => f.write_str(self.reason()),
        }
    }
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Broken {
        Broken::Io(errno.into())
    }
}

/// Who watches over a wait: the worker, which has a signal pipe and a slot.
pub(crate) trait Watch {
    /// Becomes readable when there is something to look at.
    fn wake_fd(&self) -> BorrowedFd<'_>;
    /// Empties the pipe and looks.
    fn woken(&self) -> Option<Stop>;
    /// A wait begins that will end by then.
    fn waiting(&self, until: Ms);
    /// Has nobody called since it last looked, as far as can be told without
    /// a call of the system?
    fn is_quiet(&self) -> bool {
        false
    }
    /// It has lasted for [`LULL`], and nothing has moved `since`: what is not
    /// needed while a session goes on can go.
    fn lull(&self, _since: Ms) {}
    /// When it wants to look whether to stop, during such a wait, though
    /// nobody wakes it.
    fn look_at(&self) -> Ms {
        Ms::MAX
    }
    /// Such a wait is over.
    fn moved(&self) {}
    /// Does somebody want to see what is said in the session?
    fn is_watched(&self) -> bool {
        false
    }
    /// Shows him a line, in which there is no secret.
    fn tell(&self, _: Side, _line: &[u8]) {}
}

/// Who says something in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Gives the deadline of a wait; asked again after every wake-up, so that a
/// changed live value holds at once.
pub(crate) type Deadline<'a> = &'a dyn Fn() -> Ms;

/// After so many milliseconds without anything a session is one that sits.
pub(super) const LULL: Ms = 500;

/// The peer will send no more than what is there to be read; a socket that is
/// readable says so to who wants it. Where a system cannot tell, a read must.
pub(super) const LEFT: PollFlags = PollFlags::from_bits_retain(crate::sys::flags::LEFT);

/// The most sockets that one wait is for.
const MOST: usize = 2;

/// Waits until one of `want` is ready; the result has one entry each, empty
/// for what is not. Errors and hang-ups count as ready: the read will tell.
/// A socket of which nothing is wanted is left out, since one that has hung
/// up would end every wait.
///
/// # Errors
/// The deadline, or the watch.
pub(crate) fn wait_for<const N: usize>(
    want: [(BorrowedFd<'_>, PollFlags); N],
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<[PollFlags; N], Broken> {
    wait_since(now(), want, watch, deadline)
}

/// A wait that has begun before.
fn wait_since<const N: usize>(
    since: Ms,
    want: [(BorrowedFd<'_>, PollFlags); N],
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<[PollFlags; N], Broken> {
    let mut sits = false;
    let ended = wait(since, want, watch, deadline, &mut sits);
    if sits {
        watch.moved();
    }
    ended
}

/// The wait itself; notes in `sits` whether it lasts.
fn wait<const N: usize>(
    since: Ms,
    want: [(BorrowedFd<'_>, PollFlags); N],
    watch: &dyn Watch,
    deadline: Deadline<'_>,
    sits: &mut bool,
) -> Result<[PollFlags; N], Broken> {
    const { assert!(N <= MOST) };
    loop {
        let until = deadline();
        watch.waiting(until);
        let wake = |_| PollFd::new(watch.wake_fd(), PollFlags::POLLIN);
        let mut fds: [_; MOST + 1] = std::array::from_fn(wake);
        let wanted = want.iter().filter(|(_, flags)| !flags.is_empty());
        let mut count = 1;
        for (place, &(fd, flags)) in fds[1..].iter_mut().zip(wanted) {
            *place = PollFd::new(fd, flags);
            count += 1;
        }
        let fds = &mut fds[..count];
        let pause = until.min(match *sits {
            true => watch.look_at(),
            false => since + LULL,
        });
        let timeout = PollTimeout::try_from(poll_timeout(pause)).unwrap_or(PollTimeout::MAX);
        match poll(fds, timeout) {
            Ok(0) if until <= now() => return Err(Broken::Timeout),
            Ok(0) if !*sits => {
                *sits = true;
                watch.lull(since);
            }
            Ok(0) => stop_if(watch)?,
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        // Of all flags nix does not know one.
        let left = PollFlags::POLLIN | LEFT;
        let mut ready = fds.iter().map(|fd| fd.revents().unwrap_or(left));
        if ready.next().is_some_and(|flags| !flags.is_empty()) {
            stop_if(watch)?;
        }
        let result = want.map(|(_, flags)| match flags.is_empty() {
            true => flags,
            false => ready.next().unwrap_or(flags),
        });
        if result.iter().any(|flags| !flags.is_empty()) {
            return Ok(result);
        }
    }
}

fn stop_if(watch: &dyn Watch) -> Result<(), Broken> {
    watch.woken().map_or(Ok(()), |stop| Err(Broken::Stop(stop)))
}

/// Has a deadline passed?
pub(crate) fn is_over(deadline: Deadline<'_>) -> bool {
    let until = deadline();
    until != NEVER && until <= now()
}

/// Waits for one socket.
///
/// # Errors
/// As [`wait_for`].
pub(crate) fn wait_one(
    fd: &impl AsFd,
    flags: PollFlags,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<(), Broken> {
    wait_for([(fd.as_fd(), flags)], watch, deadline).map(|_| ())
}

/// May a read that waits by itself stand for a wait? It is called off by
/// nobody who does not send a signal, and by a signal that comes in the moment
/// before it begins only when it is over, after [`LULL`].
pub(super) fn may_last(watch: &dyn Watch, deadline: Deadline<'_>) -> bool {
    let until = deadline();
    watch.waiting(until);
    watch.is_quiet() && (until == NEVER || until >= now() + LULL)
}

/// Waits for what such a read, begun at `since`, did not bring.
///
/// # Errors
/// As [`wait_for`].
pub(super) fn wait_on(
    since: Ms,
    fd: &impl AsFd,
    flags: PollFlags,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<(), Broken> {
    wait_since(since, [(fd.as_fd(), flags)], watch, deadline).map(|_| ())
}

/// In place of a wait, for who has something to go on with: a peer that always
/// has more to say must not keep a session from being stopped.
///
/// # Errors
/// The watch.
pub(crate) fn look(watch: &dyn Watch) -> Result<(), Broken> {
    match watch.woken() {
        Some(stop) => Err(Broken::Stop(stop)),
        None => Ok(()),
    }
}

/// A watch that never calls off: for tools, which have no worker.
pub(crate) struct Alone {
    reader: std::os::fd::OwnedFd,
    _writer: std::os::fd::OwnedFd,
}

impl Alone {
    /// # Errors
    /// No descriptors left.
    pub(crate) fn new() -> io::Result<Alone> {
        let (reader, _writer) = crate::sys::proc::pipe()?;
        Ok(Alone { reader, _writer })
    }
}

impl Watch for Alone {
    fn wake_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    fn woken(&self) -> Option<Stop> {
        None
    }

    fn waiting(&self, _: Ms) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Counts how often a wait has lasted, and was over.
    struct Patient(Alone, Cell<u32>, Cell<u32>);

    impl Watch for Patient {
        fn wake_fd(&self) -> BorrowedFd<'_> {
            self.0.wake_fd()
        }

        fn woken(&self) -> Option<Stop> {
            None
        }

        fn waiting(&self, _: Ms) {}

        fn lull(&self, since: Ms) {
            assert!(since <= now() - LULL);
            self.1.set(self.1.get() + 1);
        }

        fn moved(&self) {
            self.2.set(self.2.get() + 1);
        }
    }

    #[test]
    fn a_wait_tells_once_that_it_lasts_and_keeps_its_deadline() {
        let patient = Patient(Alone::new().unwrap(), Cell::new(0), Cell::new(0));
        for (length, lulls) in [(1, 0), (LULL * 5 / 2, 1)] {
            let start = now();
            let ended = wait_for([], &patient, &|| start + length);
            assert!(matches!(ended, Err(Broken::Timeout)));
            assert!(now() >= start + length);
            assert_eq!((patient.1.get(), patient.2.get()), (lulls, lulls));
        }
    }

    /// Wants to stop, but nobody wakes it.
    struct Restless(Alone, Ms);

    impl Watch for Restless {
        fn wake_fd(&self) -> BorrowedFd<'_> {
            self.0.wake_fd()
        }

        fn woken(&self) -> Option<Stop> {
            (now() >= self.1).then_some(Stop::GaveWay)
        }

        fn waiting(&self, _: Ms) {}

        fn look_at(&self) -> Ms {
            self.1
        }
    }

    #[test]
    fn a_watch_is_asked_when_it_wants_to_look_though_nobody_wakes_it() {
        let start = now();
        let restless = Restless(Alone::new().unwrap(), start + 2 * LULL);
        let ended = wait_for([], &restless, &|| start + 60_000);
        assert!(matches!(ended, Err(Broken::Stop(Stop::GaveWay))));
        assert!(now() >= start + 2 * LULL);
    }
}

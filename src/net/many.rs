//! Waiting for many sockets at once, as one process that is many clients does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

/// Something happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// What its owner calls it.
    pub(crate) place: usize,
    /// The peer is known to send no more than what can be read now.
    pub(crate) last: bool,
}

/// The sockets by their places, for systems that want to be told of them anew
/// each time.
pub(crate) type Finder<'f> = &'f dyn Fn(usize) -> Option<BorrowedFd<'f>>;

/// Rounds up: who is woken too early only waits again.
fn milliseconds(us: u64) -> u16 {
    u16::try_from(us.div_ceil(1000)).unwrap_or(u16::MAX)
}

#[cfg(target_os = "linux")]
mod os {
    use super::*;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::time::TimeSpec;
    use std::time::Duration;

    /// So many events are told at once.
    const EVENTS: usize = 256;

    /// The sockets that are waited for.
    pub(crate) struct Many {
        epoll: Epoll,
    }

    fn wanted(place: usize, writing: bool) -> EpollEvent {
        let flags = match writing {
            true => EpollFlags::EPOLLOUT,
            false => EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP,
        };
        EpollEvent::new(flags, place as u64)
    }

    impl Many {
        /// # Errors
        /// No descriptors left.
        pub(crate) fn new() -> io::Result<Many> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            Ok(Many { epoll })
        }

        /// Waits for a socket to be read, or written, too. Who closes it has
        /// said [`Self::remove`].
        ///
        /// # Errors
        /// What the kernel says.
        pub(crate) fn add(
            &mut self,
            fd: &impl AsFd,
            place: usize,
            writing: bool,
        ) -> io::Result<()> {
            Ok(self.epoll.add(fd, wanted(place, writing))?)
        }

        /// Waits for the other thing.
        ///
        /// # Errors
        /// What the kernel says.
        pub(crate) fn change(
            &mut self,
            fd: &impl AsFd,
            place: usize,
            writing: bool,
        ) -> io::Result<()> {
            Ok(self.epoll.modify(fd, &mut wanted(place, writing))?)
        }

        /// Waits no longer for a socket that is closed next: here the kernel
        /// sees that.
        pub(crate) fn remove(&mut self, _: usize) {}

        /// What happens within so many microseconds, into `events`.
        ///
        /// # Errors
        /// What the kernel says.
        pub(crate) fn wait(
            &mut self,
            _: Finder<'_>,
            us: u64,
            events: &mut Vec<Event>,
        ) -> io::Result<()> {
            events.clear();
            let mut timeout = milliseconds(us);
            if us % 1000 != 0 {
                let mut own = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
                let time = TimeSpec::from_duration(Duration::from_micros(us));
                match nix::poll::ppoll(&mut own, Some(time), None) {
                    Ok(0) | Err(Errno::EINTR) => return Ok(()),
                    Ok(_) => timeout = 0,
                    Err(errno) => return Err(errno.into()),
                }
            }
            let mut found = [EpollEvent::empty(); EVENTS];
            match self.epoll.wait(&mut found, timeout) {
                Ok(count) => events.extend(found[..count].iter().map(|event| Event {
                    place: event.data() as usize,
                    last: event.events().contains(EpollFlags::EPOLLRDHUP),
                })),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            Ok(())
        }
    }
}

#[cfg(any(not(target_os = "linux"), test))]
mod portable {
    // On Linux only the tests see this.
    #![cfg_attr(target_os = "linux", allow(dead_code))]
    use super::*;
    use nix::poll::{PollTimeout, poll};

    /// The portable twin: all sockets are told to poll(2) each time.
    pub(crate) struct Many {
        wanted: Vec<(usize, bool)>,
    }

    impl Many {
        pub(crate) fn new() -> io::Result<Many> {
            Ok(Many { wanted: Vec::new() })
        }

        pub(crate) fn add(&mut self, _: &impl AsFd, place: usize, writing: bool) -> io::Result<()> {
            self.wanted.push((place, writing));
            Ok(())
        }

        pub(crate) fn change(
            &mut self,
            fd: &impl AsFd,
            place: usize,
            writing: bool,
        ) -> io::Result<()> {
            self.remove(place);
            self.add(fd, place, writing)
        }

        pub(crate) fn remove(&mut self, place: usize) {
            self.wanted.retain(|(other, _)| *other != place);
        }

        pub(crate) fn wait(
            &mut self,
            find: Finder<'_>,
            us: u64,
            events: &mut Vec<Event>,
        ) -> io::Result<()> {
            events.clear();
            let (mut fds, mut places) = (Vec::new(), Vec::new());
            for &(place, writing) in &self.wanted {
                let flags = match writing {
                    true => PollFlags::POLLOUT,
                    false => PollFlags::POLLIN,
                };
                if let Some(fd) = find(place) {
                    fds.push(PollFd::new(fd, flags));
                    places.push(place);
                }
            }
            match poll(&mut fds, PollTimeout::from(milliseconds(us))) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let ready = fds.iter().zip(places);
            let ready = ready.filter(|(fd, _)| fd.any().unwrap_or(false));
            events.extend(ready.map(|(_, place)| Event { place, last: false }));
            Ok(())
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use os::Many;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Many;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    macro_rules! who_is_ready_is_told_by_place {
        ($name:ident, $many:ty) => {
            #[test]
            fn $name() {
                let pairs = [UnixStream::pair().unwrap(), UnixStream::pair().unwrap()];
                let find = |place: usize| pairs.get(place).map(|(own, _)| own.as_fd());
                let mut many = <$many>::new().unwrap();
                let mut events = Vec::new();
                for (place, (own, _)) in pairs.iter().enumerate() {
                    many.add(own, place, false).unwrap();
                }
                for us in [0, 1000, 1500] {
                    many.wait(&find, us, &mut events).unwrap();
                    assert_eq!(events, []);
                }
                (&pairs[1].1).write_all(b"x").unwrap();
                many.wait(&find, 5_000_500, &mut events).unwrap();
                let event = |place| Event { place, last: false };
                assert_eq!(events, [event(1)]);
                many.change(&pairs[0].0, 0, true).unwrap();
                many.remove(1);
                many.wait(&find, 5_000_000, &mut events).unwrap();
                assert!(events.contains(&event(0)));
            }
        };
    }
    who_is_ready_is_told_by_place!(by_the_portable_twin, super::portable::Many);
    #[cfg(target_os = "linux")]
    who_is_ready_is_told_by_place!(by_this_system, super::os::Many);
}

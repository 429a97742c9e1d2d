//! Which of many doors is open: the wait of an idle worker.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How many a glance is thrown at by one call: who stands at a thousand doors
/// takes no more room for that than who stands at one.
const AT_ONCE: usize = 64;

/// What of `fds` is readable, by place; waits for the first of them.
///
/// # Errors
/// What poll says.
pub(crate) fn look(fds: &[BorrowedFd<'_>], timeout_ms: u16) -> io::Result<Vec<usize>> {
    let mut ready = Vec::new();
    let mut all: Vec<_> = fds.iter().map(readable).collect();
    find(&mut all, PollTimeout::from(timeout_ms), 0, &mut ready)?;
    Ok(ready)
}

/// What of `fds`, however many they are, is readable now, by place.
///
/// # Errors
/// What poll says.
pub(crate) fn glance<'f>(fds: impl Iterator<Item = BorrowedFd<'f>>) -> io::Result<Vec<usize>> {
    let (mut ready, mut place, mut fds) = (Vec::new(), 0, fds.peekable());
    let mut some = Vec::with_capacity(AT_ONCE);
    while fds.peek().is_some() {
        some.clear();
        some.extend(fds.by_ref().take(AT_ONCE).map(|fd| readable(&fd)));
        find(&mut some, PollTimeout::ZERO, place, &mut ready)?;
        place += some.len();
    }
    Ok(ready)
}

fn readable<'f>(fd: &BorrowedFd<'f>) -> PollFd<'f> {
    PollFd::new(*fd, PollFlags::POLLIN)
}

/// Adds to `ready` what of `fds` is; they stand at `first` and behind it.
fn find(
    fds: &mut [PollFd<'_>],
    timeout: PollTimeout,
    first: usize,
    ready: &mut Vec<usize>,
) -> io::Result<()> {
    match poll(fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let is_ready = |(i, fd): (usize, &PollFd<'_>)| fd.any().unwrap_or(false).then_some(first + i);
    ready.extend(fds.iter().enumerate().filter_map(is_ready));
    Ok(())
}

#[cfg(target_os = "linux")]
mod os {
    use super::*;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

    /// A standing wait: one that is readable wakes one waiter.
    pub(crate) struct Waiting {
        epoll: Epoll,
    }

    impl Waiting {
        /// Waits on behalf of everybody for `shared`, for ourselves for `own`;
        /// places count through both.
        ///
        /// # Errors
        /// No descriptors or no memory.
        pub(crate) fn new<'f>(
            shared: impl Iterator<Item = BorrowedFd<'f>>,
            own: &[BorrowedFd<'f>],
        ) -> io::Result<Waiting> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let exclusive = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
            let shared = shared.map(|fd| (fd, exclusive));
            let own = own.iter().map(|fd| (*fd, EpollFlags::EPOLLIN));
            for (i, (fd, flags)) in shared.chain(own).enumerate() {
                epoll.add(fd, EpollEvent::new(flags, i as u64))?;
            }
            Ok(Waiting { epoll })
        }

        /// What is readable, by place; nothing if the time is over.
        ///
        /// # Errors
        /// What the kernel says.
        pub(crate) fn wait<'f>(
            &self,
            _: impl Iterator<Item = BorrowedFd<'f>>,
            timeout_ms: u16,
        ) -> io::Result<Vec<usize>> {
            let mut events = [EpollEvent::empty(); 8];
            match self.epoll.wait(&mut events, timeout_ms) {
                Ok(count) => Ok(events[..count].iter().map(|e| e.data() as usize).collect()),
                Err(Errno::EINTR) => Ok(Vec::new()),
                Err(errno) => Err(errno.into()),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    use super::*;

    /// The portable twin: everybody is woken, one is quicker.
    pub(crate) struct Waiting;

    impl Waiting {
        pub(crate) fn new<'f>(
            _: impl Iterator<Item = BorrowedFd<'f>>,
            _: &[BorrowedFd<'f>],
        ) -> io::Result<Waiting> {
            Ok(Waiting)
        }

        pub(crate) fn wait<'f>(
            &self,
            all: impl Iterator<Item = BorrowedFd<'f>>,
            timeout_ms: u16,
        ) -> io::Result<Vec<usize>> {
            look(&all.collect::<Vec<_>>(), timeout_ms)
        }
    }
}

pub(crate) use os::Waiting;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_readable_is_found_at_its_place_among_many() {
        let pairs: Vec<_> = (0..AT_ONCE * 2 + 3)
            .map(|_| UnixStream::pair().unwrap())
            .collect();
        let fds = || pairs.iter().map(|(ours, _)| ours.as_fd());
        assert!(glance(fds()).unwrap().is_empty() && glance(fds().take(0)).unwrap().is_empty());
        let speaks = [0, AT_ONCE - 1, AT_ONCE, AT_ONCE * 2 + 2];
        for at in speaks {
            (&pairs[at].1).write_all(b"x").unwrap();
        }
        assert_eq!(glance(fds()).unwrap(), speaks);
        assert_eq!(look(&fds().collect::<Vec<_>>(), 0).unwrap(), speaks);
    }
}

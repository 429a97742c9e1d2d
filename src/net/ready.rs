//! Which of many doors is open: the wait of an idle worker.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What of `fds` is readable now, by place.
///
/// # Errors
/// What poll says.
pub(crate) fn look(fds: &[BorrowedFd<'_>], timeout_ms: u16) -> io::Result<Vec<usize>> {
    let mut all: Vec<_> = fds
        .iter()
        .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
        .collect();
    match poll(&mut all, PollTimeout::from(timeout_ms)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let ready = |(i, fd): (usize, &PollFd<'_>)| fd.any().unwrap_or(false).then_some(i);
    Ok(all.iter().enumerate().filter_map(ready).collect())
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
        pub(crate) fn new(
            shared: &[BorrowedFd<'_>],
            own: &[BorrowedFd<'_>],
        ) -> io::Result<Waiting> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let exclusive = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
            for (i, fd) in shared.iter().chain(own).enumerate() {
                let flags = if i < shared.len() {
                    exclusive
                } else {
                    EpollFlags::EPOLLIN
                };
                epoll.add(fd, EpollEvent::new(flags, i as u64))?;
            }
            Ok(Waiting { epoll })
        }

        /// What is readable, by place; nothing if the time is over.
        ///
        /// # Errors
        /// What the kernel says.
        pub(crate) fn wait(&self, _: &[BorrowedFd<'_>], timeout_ms: u16) -> io::Result<Vec<usize>> {
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
        pub(crate) fn new(_: &[BorrowedFd<'_>], _: &[BorrowedFd<'_>]) -> io::Result<Waiting> {
            Ok(Waiting)
        }

        pub(crate) fn wait(
            &self,
            all: &[BorrowedFd<'_>],
            timeout_ms: u16,
        ) -> io::Result<Vec<usize>> {
            look(all, timeout_ms)
        }
    }
}

pub(crate) use os::Waiting;

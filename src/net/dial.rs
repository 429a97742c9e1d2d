//! Outgoing connections.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, UnixAddr, connect,
    getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::stream::Stream;
use super::wait::{Broken, Deadline, Watch, wait_one};

const FLAGS: SockFlag = SockFlag::SOCK_NONBLOCK.union(SockFlag::SOCK_CLOEXEC);

fn family(to: SocketAddr) -> AddressFamily {
    match to {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Connects to `to`.
///
/// # Errors
/// Deadline, watch, or why there is no connection.
pub(crate) fn tcp(
    to: SocketAddr,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<Stream, Broken> {
    let fd: OwnedFd = socket(family(to), SockType::Stream, FLAGS, SockProtocol::Tcp)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS | Errno::EINTR) => {
            wait_one(&fd, PollFlags::POLLOUT, watch, deadline)?;
            let error = getsockopt(&fd, sockopt::SocketError)?;
            if error != 0 {
                return Err(Errno::from_raw(error).into());
            }
        }
        Err(errno) => return Err(errno.into()),
    }
    setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    setsockopt(&fd, sockopt::KeepAlive, &true)?;
    Ok(TcpStream::from(fd).into())
}

/// A datagram socket that hears `to` only.
///
/// # Errors
/// Why there is none.
pub(crate) fn udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let fd: OwnedFd = socket(family(to), SockType::Datagram, FLAGS, SockProtocol::Udp)?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(to))?;
    Ok(fd.into())
}

/// Connects a tool to a local socket. A listener whose queue is full is
/// waited for, and later a reader that does not read, but never longer than
/// `patience`, which is more than nothing.
///
/// # Errors
/// `WouldBlock` if patience ran out, or why there is no connection.
pub(crate) fn unix(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let limit = TimeVal::new(patience.as_secs() as _, patience.subsec_micros() as _);
    setsockopt(&fd, sockopt::SendTimeout, &limit)?;
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(()) => return Ok(fd.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::net::wait::Alone;
    use nix::sys::socket::{Backlog, bind, listen};
    use std::net::TcpListener;

    #[test]
    fn a_closed_port_is_an_error_and_an_open_one_a_connection() {
        let alone = Alone::new().unwrap();
        let soon = || now() + 5000;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(tcp(address, &alone, &soon).is_ok());
        drop(listener);
        assert!(matches!(tcp(address, &alone, &soon), Err(Broken::Io(_))));
    }

    #[test]
    fn a_local_socket_with_a_full_queue_is_not_waited_for_for_ever() {
        let path = std::env::temp_dir().join(format!("popular-dial-{}", std::process::id()));
        let door: OwnedFd = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::empty(),
            None,
        )
        .unwrap();
        bind(door.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&door, Backlog::new(0).unwrap()).unwrap();
        let patience = Duration::from_millis(50);
        let start = now();
        let tries: Vec<_> = (0..4).map(|_| unix(&path, patience)).collect();
        std::fs::remove_file(&path).unwrap();
        assert!(tries[0].is_ok() && tries[3].is_err());
        assert!(now() - start < 5000);
        let gone = unix(&path, patience).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}

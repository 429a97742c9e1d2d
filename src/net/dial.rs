//! Outgoing connections.

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, UnixAddr, bind, connect,
    getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::stream::Stream;
use super::wait::{Broken, Deadline, Watch, wait_one};

const FLAGS: SockFlag = SockFlag::SOCK_NONBLOCK.union(SockFlag::SOCK_CLOEXEC);

fn family(to: SocketAddr) -> AddressFamily {
    match to {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Gives the socket the address `from`. Where the system can, the port is
/// chosen by `connect`, so that connections to two hosts may share one: else
/// all backends together had no more ports than a single one.
fn bind_to(fd: &OwnedFd, from: Option<IpAddr>) -> io::Result<()> {
    let Some(ip) = from else { return Ok(()) };
    #[cfg(target_os = "linux")]
    let _ = setsockopt(fd, sockopt::IpBindAddressNoPort, &true);
    let at = SockaddrStorage::from(SocketAddr::new(ip, 0));
    bind(fd.as_raw_fd(), &at).map_err(|errno| {
        let why = io::Error::from(errno);
        io::Error::new(why.kind(), format!("source {ip}: {why}"))
    })
}

/// Connects to `to`, from this address of ours if there is one.
///
/// # Errors
/// Deadline, watch, or why there is no connection.
pub(crate) fn tcp(
    from: Option<IpAddr>,
    to: SocketAddr,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<Stream, Broken> {
    let (fd, connected) = begin(from, to)?;
    if !connected {
        wait_one(&fd, PollFlags::POLLOUT, watch, deadline)?;
    }
    end(fd, connected)
}

/// A socket that connects, and whether it has done so already.
fn begin(from: Option<IpAddr>, to: SocketAddr) -> Result<(OwnedFd, bool), Broken> {
    let fd: OwnedFd = socket(family(to), SockType::Stream, FLAGS, SockProtocol::Tcp)?;
    bind_to(&fd, from)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => Ok((fd, true)),
        Err(Errno::EINPROGRESS | Errno::EINTR) => Ok((fd, false)),
        Err(errno) => Err(errno.into()),
    }
}

/// What became of a socket that is ready.
fn end(fd: OwnedFd, connected: bool) -> Result<Stream, Broken> {
    if !connected {
        let error = getsockopt(&fd, sockopt::SocketError)?;
        if error != 0 {
            return Err(Errno::from_raw(error).into());
        }
    }
    setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    setsockopt(&fd, sockopt::KeepAlive, &true)?;
    Ok(TcpStream::from(fd).into())
}

/// A datagram socket that hears `to` only, as for [`tcp`].
///
/// # Errors
/// Why there is none.
pub(crate) fn udp(from: Option<IpAddr>, to: SocketAddr) -> io::Result<UdpSocket> {
    let fd: OwnedFd = socket(family(to), SockType::Datagram, FLAGS, SockProtocol::Udp)?;
    bind_to(&fd, from)?;
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
        assert!(tcp(None, address, &alone, &soon).is_ok());
        drop(listener);
        let refused = tcp(None, address, &alone, &soon);
        assert!(matches!(refused, Err(Broken::Io(_))));
    }

    #[test]
    fn a_connection_comes_from_the_address_that_was_asked_for_or_not_at_all() {
        let alone = Alone::new().unwrap();
        let soon = || now() + 5000;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let own: IpAddr = "127.0.0.1".parse().unwrap();
        let _held = tcp(Some(own), to, &alone, &soon).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), own);
        let foreign: IpAddr = "192.0.2.1".parse().unwrap();
        let why = tcp(Some(foreign), to, &alone, &soon).unwrap_err();
        assert!(why.to_string().starts_with("source 192.0.2.1: "), "{why}");
        assert!(udp(Some(foreign), to).is_err());
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

//! Listening sockets. The master opens them; workers accept.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockProtocol, SockType, SockaddrStorage, bind,
    getsockopt, listen, setsockopt, shutdown, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::stream::Stream;
use super::wait::LULL;

/// Which kind of door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proto {
    Tcp,
    Udp,
}

/// A door.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(socket) => socket.as_fd(),
            Listener::Udp(socket) => socket.as_fd(),
        }
    }
}

impl Listener {
    /// Binds a non-blocking socket. What accepted connections inherit is set
    /// here once, see [`hand_down`].
    ///
    /// # Errors
    /// Why the address cannot be had.
    pub(crate) fn open(proto: Proto, at: SocketAddr, backlog: u32) -> io::Result<Listener> {
        let family = if at.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let (kind, protocol) = match proto {
            Proto::Tcp => (SockType::Stream, SockProtocol::Tcp),
            Proto::Udp => (SockType::Datagram, SockProtocol::Udp),
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd: OwnedFd = socket(family, kind, flags, protocol)?;
        if at.is_ipv6() {
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
        }
        if proto == Proto::Udp {
            bind(fd.as_raw_fd(), &SockaddrStorage::from(at))?;
            return Ok(Listener::Udp(fd.into()));
        }
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
        hand_down(&fd)?;
        bind(fd.as_raw_fd(), &SockaddrStorage::from(at))?;
        let listener = Listener::Tcp(fd.into());
        listener.set_backlog(backlog)?;
        Ok(listener)
    }

    /// Makes a door of a bound socket that somebody else has made, and sets
    /// what [`Self::open`] would have set.
    ///
    /// # Errors
    /// It is no such socket.
    pub(crate) fn adopt(fd: OwnedFd) -> io::Result<Listener> {
        let door = match getsockopt(&fd, sockopt::SockType)? {
            SockType::Stream => Listener::Tcp(fd.into()),
            SockType::Datagram => Listener::Udp(fd.into()),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        if door.local().is_none_or(|at| at.port() == 0) {
            return Err(io::Error::other("it is not bound to an address and port"));
        }
        match &door {
            Listener::Udp(socket) => socket.set_nonblocking(true)?,
            Listener::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                hand_down(socket)?;
            }
        }
        Ok(door)
    }

    /// What kind of door it is.
    pub(crate) fn proto(&self) -> Proto {
        match self {
            Listener::Tcp(_) => Proto::Tcp,
            Listener::Udp(_) => Proto::Udp,
        }
    }

    /// Sets the queue of connections that nobody has accepted yet; the
    /// kernel has an upper bound of its own (`net.core.somaxconn`).
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn set_backlog(&self, backlog: u32) -> io::Result<()> {
        if let Listener::Tcp(socket) = self {
            let backlog =
                Backlog::new(i32::try_from(backlog).unwrap_or(4096)).unwrap_or(Backlog::MAXCONN);
            listen(socket, backlog)?;
        }
        Ok(())
    }

    /// The address that was really bound.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(socket) => socket.local_addr().ok(),
            Listener::Udp(socket) => socket.local_addr().ok(),
        }
    }

    /// Accepts without waiting; `None` if another worker was quicker or the
    /// client has gone already.
    ///
    /// # Errors
    /// No descriptors or no memory.
    pub(crate) fn accept(&self) -> io::Result<Option<(Stream, SocketAddr)>> {
        let Listener::Tcp(socket) = self else {
            return Ok(None);
        };
        match socket.accept() {
            Ok((stream, peer)) => Ok(Some((accepted(stream), canonical(peer)))),
            Err(why) => match why.raw_os_error() {
                Some(errno) if GONE.contains(&errno) => Ok(None),
                _ => Err(why),
            },
        }
    }

    /// Ends the door for everybody who holds it, other processes included.
    pub(crate) fn close_for_all(&self) {
        let _ = shutdown(self.as_fd().as_raw_fd(), Shutdown::Both);
    }
}

/// Errors of accept that say something of one client, not of us; EINVAL is a
/// door that was shut.
const GONE: [i32; 5] = [
    nix::errno::Errno::EAGAIN as i32,
    nix::errno::Errno::ECONNABORTED as i32,
    nix::errno::Errno::EINTR as i32,
    nix::errno::Errno::EPROTO as i32,
    nix::errno::Errno::EINVAL as i32,
];

/// What connections are to have: no delay, keep-alive, and reads that do not
/// last for ever.
fn hand_down(socket: &impl AsFd) -> io::Result<()> {
    setsockopt(socket, sockopt::TcpNoDelay, &true)?;
    setsockopt(socket, sockopt::KeepAlive, &true)?;
    let limit = TimeVal::milliseconds(LULL as i64);
    setsockopt(socket, sockopt::ReceiveTimeout, &limit)?;
    Ok(())
}

/// Linux hands down the options of the listener; others may not.
fn accepted(stream: TcpStream) -> Stream {
    let lasting = cfg!(target_os = "linux") || hand_down(&stream).is_ok();
    Stream::accepted(stream, lasting)
}

/// An IPv4 address that came in through IPv6 is shown as what it is.
pub(crate) fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shut_door_lets_nobody_in_and_its_port_is_free_at_once() {
        let door = Listener::open(Proto::Tcp, "127.0.0.1:0".parse().unwrap(), 5).unwrap();
        let at = door.local().unwrap();
        assert!(door.accept().unwrap().is_none());
        let client = TcpStream::connect(at).unwrap();
        let (_, peer) = door.accept().unwrap().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        door.close_for_all();
        assert!(TcpStream::connect(at).is_err());
        assert!(door.accept().unwrap().is_none());
        Listener::open(Proto::Tcp, at, 5).unwrap();
    }

    #[test]
    fn a_door_that_was_shut_opens_again_when_its_queue_is_set() {
        let door = Listener::open(Proto::Tcp, "127.0.0.1:0".parse().unwrap(), 5).unwrap();
        let at = door.local().unwrap();
        // As one whose port was chosen by us.
        drop(door);
        let door = Listener::open(Proto::Tcp, at, 5).unwrap();
        door.close_for_all();
        door.set_backlog(5).unwrap();
        let _client = TcpStream::connect(at).unwrap();
        assert!(door.accept().unwrap().is_some());
    }

    #[test]
    fn a_door_made_by_somebody_else_is_like_one_of_ours() {
        let made = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = made.local_addr().unwrap();
        let door = Listener::adopt(made.into()).unwrap();
        assert_eq!((door.proto(), door.local()), (Proto::Tcp, Some(at)));
        assert!(door.accept().unwrap().is_none(), "it does not wait");
        let (pipe, _) = crate::sys::proc::pipe().unwrap();
        assert!(Listener::adopt(pipe).is_err());
        let free = std::os::unix::net::UnixDatagram::unbound().unwrap();
        assert!(Listener::adopt(free.into()).is_err());
    }
}

//! Outgoing connections.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, getsockopt,
    setsockopt, socket, sockopt,
};

use super::stream::Stream;
use super::wait::{Broken, Deadline, Watch, wait_one};

/// Connects to `to`.
///
/// # Errors
/// Deadline, watch, or why there is no connection.
pub(crate) fn tcp(
    to: SocketAddr,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<Stream, Broken> {
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
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
pub(crate) fn udp(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(to)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::net::wait::Alone;
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
}

//! Outgoing connections.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, UnixAddr, bind, connect,
    getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::stream::Stream;
use super::wait::{Broken, Deadline, Stop, Watch, wait_one};
use crate::base::clock::{Ms, now, poll_timeout};

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

/// Begins to connect, and does not wait for it: the first read or write that
/// goes tells whether there is a connection. Who writes again before the last
/// octets were answered wants that not to wait: `pushy`.
///
/// # Errors
/// Why there will be none.
pub(crate) fn start(from: Option<IpAddr>, to: SocketAddr, pushy: bool) -> Result<Stream, Broken> {
    let (fd, _) = begin(from, to)?;
    if pushy {
        setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    }
    Ok(TcpStream::from(fd).into())
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

/// Connects to many at once, so that who does not answer keeps nobody
/// waiting. `to` says from where and to whom, as for [`tcp`]; the results
/// come in its order.
///
/// # Errors
/// The watch; or as [`tcp`], each for itself.
pub(crate) fn many(
    to: &[(Option<IpAddr>, SocketAddr)],
    watch: &dyn Watch,
    until: Ms,
) -> Result<Vec<Result<Stream, Broken>>, Stop> {
    let mut begun: Vec<_> = to.iter().map(|&(from, at)| Some(begin(from, at))).collect();
    let mut done: Vec<Option<Result<Stream, Broken>>> = to.iter().map(|_| None).collect();
    watch.waiting(until);
    loop {
        for (from, result) in begun.iter_mut().zip(&mut done) {
            if let Some(state) = from.take_if(|state| !matches!(state, Ok((_, false)))) {
                *result = Some(state.and_then(|(fd, _)| end(fd, true)));
            }
        }
        let left: Vec<_> = (0..to.len()).filter(|&n| done[n].is_none()).collect();
        if left.is_empty() || now() >= until {
            break;
        }
        for n in ready(&begun, &left, watch, until)? {
            if let Some(Ok((fd, _))) = begun[n].take() {
                done[n] = Some(end(fd, false));
            }
        }
    }
    let late = || Err(Broken::Timeout);
    Ok(done.into_iter().map(|r| r.unwrap_or_else(late)).collect())
}

/// Which of the sockets that are `left` are ready, waiting for the first one.
fn ready(
    begun: &[Option<Result<(OwnedFd, bool), Broken>>],
    left: &[usize],
    watch: &dyn Watch,
    until: Ms,
) -> Result<Vec<usize>, Stop> {
    let mut fds = vec![PollFd::new(watch.wake_fd(), PollFlags::POLLIN)];
    let mut places = Vec::new();
    for &n in left {
        if let Some(Ok((fd, _))) = &begun[n] {
            fds.push(PollFd::new(fd.as_fd(), PollFlags::POLLOUT));
            places.push(n);
        }
    }
    let timeout = PollTimeout::try_from(poll_timeout(until)).unwrap_or(PollTimeout::MAX);
    // Should poll fail we are asked again until it is too late.
    let _ = poll(&mut fds, timeout);
    let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(false);
    if is_ready(&fds[0]) {
        if let Some(stop) = watch.woken() {
            return Err(stop);
        }
    }
    let result = places.iter().zip(&fds[1..]).filter(|(_, fd)| is_ready(fd));
    Ok(result.map(|(&n, _)| n).collect())
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
    fn one_that_does_not_answer_keeps_nobody_waiting() {
        let alone = Alone::new().unwrap();
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let shut = TcpListener::bind("127.0.0.1:0").unwrap();
        // A queue that is full: whoever comes now hears nothing at all.
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        listen(&full, Backlog::new(0).unwrap()).unwrap();
        let to = [&full, &shut, &open].map(|l| (None, l.local_addr().unwrap()));
        drop(shut);
        let queue: Vec<_> = many(&[to[0]; 3], &alone, now() + 100).unwrap();
        assert!(queue[0].is_ok());
        let start = now();
        let results = many(&to, &alone, start + 300).unwrap();
        assert!(matches!(results[0], Err(Broken::Timeout)));
        assert!(matches!(results[1], Err(Broken::Io(_))));
        assert!(results[2].is_ok());
        assert!(now() - start < 5000);
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

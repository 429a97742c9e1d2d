//! Datagrams over a connected socket, with waits as [`super::wait`] does them.

use std::io;
use std::net::UdpSocket;

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::wait::{Broken, Deadline, Watch, wait_one};

/// Sends one datagram without waiting. One that finds no room is lost, as
/// any datagram may be.
///
/// # Errors
/// What the network has said since the last one, or says now.
pub(crate) fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(bytes) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) if no_room(&why) => return Ok(()),
            sent => return sent.map(|_| ()),
        }
    }
}

fn no_room(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::WouldBlock || why.raw_os_error() == Some(Errno::ENOBUFS as i32)
}

/// Receives one datagram, cut to the length of `room`.
///
/// # Errors
/// Deadline, watch, or what the network has said: a host without a listener
/// is `ConnectionRefused`.
pub(crate) fn recv(
    socket: &UdpSocket,
    room: &mut [u8],
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<usize, Broken> {
    loop {
        wait_one(socket, PollFlags::POLLIN, watch, deadline)?;
        match socket.recv(room) {
            Ok(len) => return Ok(len),
            // A datagram whose checksum is wrong wakes us and is gone.
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::net::dial::udp;
    use crate::net::wait::Alone;

    #[test]
    fn datagrams_go_both_ways_and_a_long_one_is_cut() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = udp(None, server.local_addr().unwrap()).unwrap();
        send(&socket, b"hello").unwrap();
        let mut room = [0; 8];
        let (len, peer) = server.recv_from(&mut room).unwrap();
        assert_eq!(&room[..len], b"hello");
        server.send_to(b"good bye, friend", peer).unwrap();
        let alone = Alone::new().unwrap();
        let len = recv(&socket, &mut room, &alone, &|| now() + 5000).unwrap();
        assert_eq!(&room[..len], b"good bye");
    }

    #[test]
    fn silence_is_a_timeout_and_a_closed_port_an_error() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = udp(None, server.local_addr().unwrap()).unwrap();
        let alone = Alone::new().unwrap();
        let end = recv(&socket, &mut [0; 8], &alone, &|| now() + 10);
        assert!(matches!(end, Err(Broken::Timeout)));
        drop(server);
        send(&socket, b"hello").unwrap();
        let end = recv(&socket, &mut [0; 8], &alone, &|| now() + 5000);
        let Err(Broken::Io(why)) = end else {
            panic!("{end:?}");
        };
        assert_eq!(why.kind(), io::ErrorKind::ConnectionRefused);
    }
}

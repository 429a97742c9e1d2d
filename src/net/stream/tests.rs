use super::*;
use crate::base::clock::now;
use crate::net::listen::{Listener, Proto};
use crate::net::wait::Alone;
use std::net::TcpListener;

/// Two ends of one connection.
pub(crate) fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0.into(), peer)
}

/// The same with little room on the way.
pub(crate) fn narrow_pair() -> (Stream, TcpStream) {
    use nix::sys::socket::{setsockopt, sockopt};
    let (ours, theirs) = pair();
    setsockopt(&ours, sockopt::SndBuf, &4096).unwrap();
    setsockopt(&theirs, sockopt::RcvBuf, &4096).unwrap();
    (ours, theirs)
}

/// Two ends of one connection, ours without what keeps count.
pub(in crate::net) fn raw_pair() -> (Raw, TcpStream) {
    let (ours, theirs) = pair();
    (ours.raw().clone(), theirs)
}

#[test]
fn what_is_written_at_one_end_is_read_at_the_other() {
    let (mut ours, mut theirs) = pair();
    let alone = Alone::new().unwrap();
    let soon = || now() + 5000;
    theirs.write_all(b"hello").unwrap();
    let mut buf = [0; 16];
    assert_eq!(ours.read(&mut buf, &alone, &soon).unwrap(), 5);
    ours.write_all(b"good bye", &alone, &soon).unwrap();
    ours.finish();
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text.as_str(), ours.received, ours.sent),
        ("good bye", 5, 8)
    );
}

/// Nobody calls it, and it can tell; notes since when there was nothing.
struct Quiet(Alone, std::cell::Cell<u64>);

impl Watch for Quiet {
    fn wake_fd(&self) -> BorrowedFd<'_> {
        self.0.wake_fd()
    }

    fn woken(&self) -> Option<crate::net::wait::Stop> {
        None
    }

    fn waiting(&self, _: u64) {}

    fn is_quiet(&self) -> bool {
        true
    }

    fn lull(&self, since: u64) {
        self.1.set(since);
    }
}

#[test]
fn a_read_that_waits_by_itself_ends_with_what_comes_or_at_the_deadline() {
    let at = "127.0.0.1:0".parse().unwrap();
    let door = Listener::open(Proto::Tcp, at, 5).unwrap();
    let mut peer = TcpStream::connect(door.local().unwrap()).unwrap();
    let (mut ours, _) = door.accept().unwrap().unwrap();
    assert!(ours.lasting);
    let (quiet, start) = (Quiet(Alone::new().unwrap(), 0.into()), now());
    let end = ours.read(&mut [0; 4], &quiet, &|| start + 700);
    assert!(matches!(end, Err(Broken::Timeout)));
    assert!(now() >= start + 700);
    assert!(quiet.1.get() >= start && quiet.1.get() < start + 500);
    peer.write_all(b"hi").unwrap();
    assert_eq!(ours.read(&mut [0; 4], &quiet, &|| now() + 5000).unwrap(), 2);
    drop(peer);
    assert_eq!(ours.read(&mut [0; 4], &quiet, &|| now() + 5000).unwrap(), 0);
}

#[test]
fn the_last_words_come_with_the_end_however_many_they_are() {
    let alone = Alone::new().unwrap();
    for words in [&b"good bye"[..], &vec![b'x'; 9_000_000]] {
        let (mut ours, mut theirs) = pair();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            theirs.read_to_end(&mut text).unwrap();
            text
        });
        ours.write_last(words, &alone, &|| now() + 60_000).unwrap();
        assert!(reader.join().unwrap() == words);
        assert_eq!(ours.sent, words.len() as u64);
    }
}

#[test]
fn a_silent_peer_ends_a_read_and_a_deaf_one_a_write() {
    let (mut ours, _theirs) = pair();
    let alone = Alone::new().unwrap();
    let soon = || now();
    assert!(matches!(
        ours.read(&mut [0; 4], &alone, &soon),
        Err(Broken::Timeout)
    ));
    let much = vec![0; 64 << 20];
    assert!(matches!(
        ours.write_all(&much, &alone, &soon),
        Err(Broken::Timeout)
    ));
}

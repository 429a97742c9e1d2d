//! Backends that speak TLS, and some that speak too early.

use std::net::TcpStream;
use std::thread::{JoinHandle, spawn};

use super::*;
use crate::base::clock::now;
use crate::net::stream::Stream;
use crate::net::stream::tests::pair;
use crate::net::tls::Acceptor;
use crate::net::tls::connect::tests::acquainted;
use crate::net::wait::Alone;
use crate::pop3::client::tests::{JOE, preamble};
use crate::pop3::client::{Entry, Way, enter};

const NAME: &str = "b1.example.org";

/// A backend that asks for TLS once it has said the greeting, and heard STLS
/// if `greeting` is not empty, and then goes on as [`backend`]. Says
/// `early` in place of its answer to STLS. Returns what it heard.
fn secure_backend(
    peer: TcpStream,
    acceptor: Acceptor,
    (greeting, answer): (&'static [u8], &'static [u8]),
    says: &'static [&'static [u8]],
) -> JoinHandle<Vec<String>> {
    spawn(move || {
        let (alone, until) = (Alone::new().unwrap(), now() + 5000);
        let mut stream = Stream::from(peer);
        let mut heard = Vec::new();
        let mut hear = |stream: &mut Stream| {
            let mut buf = [0; 600];
            let count = stream.read(&mut buf, &alone, &|| until).unwrap_or(0);
            heard.push(String::from_utf8_lossy(&buf[..count]).into_owned());
        };
        let say = |stream: &mut Stream, text: &[u8]| {
            let _ = stream.write_all(text, &Alone::new().unwrap(), &|| until);
        };
        say(&mut stream, greeting);
        if !answer.is_empty() {
            hear(&mut stream);
            say(&mut stream, answer);
        }
        let alone = Alone::new().unwrap();
        if acceptor
            .accept(&mut stream, None, &alone, &|| until)
            .is_ok()
        {
            for text in says {
                say(&mut stream, text);
                hear(&mut stream);
            }
        }
        heard
    })
}

fn enter_secure(
    way: Way<'_>,
    implicit: bool,
    clear: (&'static [u8], &'static [u8]),
    says: &'static [&'static [u8]],
) -> (Result<Entry, (&'static str, String)>, Vec<String>) {
    let (mut stream, peer) = pair();
    let (acceptor, connector) = acquainted(NAME);
    let peer = secure_backend(peer, acceptor, clear, says);
    let secure = Secure {
        connector: &connector,
        name: NAME,
        implicit,
    };
    let until = now() + 5000;
    let alone = Alone::new().unwrap();
    let soon = || until;
    let entry = enter(&mut stream, way, None, Some(secure), &alone, &soon, &soon);
    drop(stream);
    let told = |failure: Failure| (failure.state.name(), failure.why.to_string());
    (entry.map_err(told), peer.join().unwrap())
}

#[test]
fn tls_comes_at_once_or_behind_stls_and_only_then_is_anything_told() {
    let (preamble, lines) = (preamble(), "3/joe\r\np1.1.2.3\r\n USER=joe\r\n");
    let (xpop, pop3) = (Way::Xpop(&preamble), Way::UserPass(JOE));
    let open = |text: &str| Ok(Entry::Open(text.into()));
    let none: (&[u8], &[u8]) = (b"", b"");
    let (entry, heard) = enter_secure(xpop, true, none, &[b"", b"+OK 2\r\n"]);
    assert_eq!((entry, heard[0].as_str()), (open("2"), lines));
    let (entry, heard) = enter_secure(xpop, false, (b"", b"+OK\r\n"), &[b"", b"+OK 2\r\n"]);
    assert_eq!(entry, open("2"));
    assert_eq!(heard[..2], ["STLS\r\n", lines]);
    let says: &[&[u8]] = &[b"+OK hi\r\n", b"+OK\r\n", b"+OK in\r\n"];
    let (entry, heard) = enter_secure(pop3, true, none, says);
    assert_eq!(entry, open("in"));
    assert_eq!(heard[..2], ["USER joe\r\n", "PASS a b\r\n"]);
    let (entry, heard) = enter_secure(
        pop3,
        false,
        (b"+OK hi\r\n", b"+OK go\r\n"),
        &[b"", b"+OK\r\n", b"+OK in\r\n"],
    );
    assert_eq!(entry, open("in"));
    assert_eq!(heard[..3], ["STLS\r\n", "USER joe\r\n", "PASS a b\r\n"]);
}

#[test]
fn what_a_backend_says_in_the_clear_counts_for_nothing() {
    let preamble = preamble();
    let fails = |way: Way<'_>, clear, state, why: &str| {
        let (entry, heard) = enter_secure(way, false, clear, &[]);
        assert_eq!(entry, Err((state, why.into())), "{clear:?}");
        let told = heard
            .iter()
            .all(|text| text.is_empty() || text == "STLS\r\n");
        assert!(told, "{heard:?}");
    };
    let turn = "it talks out of turn";
    for way in [Way::UserPass(JOE), Way::Plain(JOE), Way::Greeting] {
        let hi: &[u8] = b"+OK\r\n";
        fails(way, (hi, b"+OK\r\n+OK you are in\r\n"), "stls", turn);
        fails(way, (b"+OK\r\n+OK\r\n", b"+OK\r\n"), "banner", turn);
        fails(
            way,
            (hi, b"-ERR never\r\n"),
            "stls",
            "it refuses STLS: never",
        );
        fails(way, (hi, b"+ \r\n"), "stls", "its answer is no POP3");
        let clear = "it refuses in the clear: [SYS/TEMP] call this number";
        fails(
            way,
            (b"-ERR [SYS/TEMP] call this number\r\n", b"x"),
            "banner",
            clear,
        );
    }
    let xpop = Way::Xpop(&preamble);
    fails(xpop, (b"", b"+OK\r\n+OK 9 messages\r\n"), "stls", turn);
    let no = "it refuses STLS: [SYS/PERM] no";
    fails(xpop, (b"", b"-ERR [SYS/PERM] no\r\n"), "stls", no);
    let (entry, _) = enter_secure(xpop, true, (b"+OK hello\r\n", b""), &[]);
    let failure = entry.unwrap_err();
    assert_eq!(
        (failure.0, failure.1.as_str()),
        ("tls", "wrong version number")
    );
}

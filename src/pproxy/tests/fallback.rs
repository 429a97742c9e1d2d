//! Users whom no module knows, and the server that may know them.

use std::io::{BufRead, BufReader, Write};

use super::WRONG;
use super::rig::{Peer, Rig, nobody};
use crate::daemon::config::Config;
use crate::pproxy::site;
use crate::pproxy::vars::{BACKEND, TABLES, VSERV};

const UNKNOWN: &[u8] = b"USER jim\r\nPASS x\r\nSTAT\r\nQUIT\r\n";
const KNOWN: &[u8] = b"USER known\r\nPASS x\r\nSTAT\r\nQUIT\r\n";
const LATER: &str = "-ERR [SYS/TEMP] cannot verify you now, try again later\r\n";

/// An old server: says one of these before the first line and after each.
fn old(says: &'static [&'static str]) -> Peer {
    Peer::acts(move |stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut stream, mut heard) = (stream, Vec::new());
        for text in says {
            let _ = stream.write_all(text.as_bytes());
            let _ = reader.read_until(b'\n', &mut heard);
        }
        heard
    })
}

fn rig(peer: &Peer, words: &[&str]) -> Rig {
    let mut rig = Rig::new(&peer.at.to_string(), "proto=pop3");
    rig.set("vserv main fallback=b1");
    words.iter().for_each(|word| rig.set(word));
    rig
}

fn counts(rig: &Rig) -> [u64; 5] {
    [
        "fallback_ok",
        "fallback_refused",
        "fallback_failed",
        "logins_ok",
        "logins_refused",
    ]
    .map(|name| rig.count(name))
}

#[test]
fn who_is_unknown_is_served_by_the_old_server() {
    let peer = old(&["+OK\r\n", "+OK\r\n", "+OK come in\r\n", "+OK 7 7\r\n"]);
    let rig = rig(&peer, &[]);
    let heard = rig.talk(&[UNKNOWN]);
    assert_eq!(heard, "+OK hello\r\n+OK\r\n+OK come in\r\n+OK 7 7\r\n");
    assert_eq!(counts(&rig), [1, 0, 0, 1, 0]);
    assert_eq!(peer.heard(), "USER jim\r\nPASS x\r\nSTAT\r\nQUIT\r\n");
}

#[test]
fn a_wrong_password_of_a_known_user_goes_there_only_with_all() {
    let peer = old(&["+OK\r\n", "+OK\r\n", "+OK\r\n"]);
    let mut rig = rig(&peer, &[]);
    let stat = "-ERR STAT is not allowed now\r\n";
    let refused = format!("+OK hello\r\n+OK\r\n{WRONG}{stat}+OK good bye\r\n");
    assert_eq!(rig.talk(&[KNOWN]), refused);
    assert_eq!(counts(&rig), [0, 0, 0, 0, 1]);
    rig.set("vserv main fallbackfor=all");
    rig.talk(&[KNOWN]);
    assert_eq!(counts(&rig), [1, 0, 0, 1, 1]);
}

#[test]
fn its_refusal_is_passed_on_and_counts_against_the_client() {
    for (answer, told) in [
        ("-ERR [AUTH] not you\r\n", "-ERR [AUTH] not you\r\n"),
        ("-ERR not you\r\n", "-ERR [AUTH] not you\r\n"),
    ] {
        let says: &[&str] = vec!["+OK\r\n", "+OK\r\n", answer].leak();
        let rig = rig(&old(says), &[]);
        assert!(rig.talk(&[UNKNOWN]).contains(told));
        assert_eq!(counts(&rig), [0, 1, 0, 0, 1]);
    }
}

/// Many an old server makes whoever was wrong wait for the answer.
#[test]
fn an_old_server_may_take_its_time_to_refuse() {
    let peer = Peer::acts(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut heard = Vec::new();
        for (pause, text) in [(0, "+OK\r\n"), (0, "+OK\r\n"), (1500, "-ERR not you\r\n")] {
            std::thread::sleep(std::time::Duration::from_millis(pause));
            let _ = stream.write_all(text.as_bytes());
            let _ = reader.read_until(b'\n', &mut heard);
        }
        heard
    });
    let rig = rig(&peer, &["connecttimeout 1"]);
    let heard = rig.talk(&[UNKNOWN]);
    assert!(heard.contains("-ERR [AUTH] not you\r\n"), "{heard}");
    assert_eq!(
        (counts(&rig), rig.count("backend_failed")),
        ([0, 1, 0, 0, 1], 0)
    );
}

#[test]
fn other_trouble_of_the_old_server_says_nothing_of_the_password() {
    let busy = "-ERR [SYS/TEMP] busy\r\n";
    for (says, told) in [
        (vec![busy], busy),
        (vec!["-ERR busy\r\n"], busy),
        (
            vec!["+OK\r\n", "+OK\r\n", "-ERR [IN-USE] you\r\n"],
            "-ERR [IN-USE] you\r\n",
        ),
        (vec!["+OK\r\n", "what?\r\n"], LATER),
    ] {
        let rig = rig(&old(says.leak()), &["softfail empty"]);
        let heard = rig.talk(&[UNKNOWN]);
        assert!(heard.contains(told) && !heard.contains("+OK 0"), "{heard}");
        assert_eq!(counts(&rig), [0, 0, 1, 0, 0]);
    }
}

#[test]
fn an_old_server_that_is_gone_or_switched_off_never_shows_an_empty_maildrop() {
    for words in [
        "softfail empty",
        "backend b1 disable",
        "backend b1 drain",
        "vserv main disable",
    ] {
        let mut rig = Rig::new(&nobody().to_string(), "proto=pop3");
        rig.set("vserv main fallback=b1");
        rig.set(words);
        let heard = rig.talk(&[UNKNOWN]);
        assert!(heard.contains(LATER) && !heard.contains("+OK 0"), "{heard}");
        assert_eq!(counts(&rig), [0, 0, 1, 0, 0], "{words}");
    }
}

#[test]
fn what_cannot_be_sent_is_refused_here() {
    let mut rig = Rig::new(&nobody().to_string(), "proto=pop3");
    rig.set("vserv main fallback=b1");
    for password in ["x\r\nDELE 1".to_string(), "x".repeat(249)] {
        let mut line = b"AUTH PLAIN\r\n".to_vec();
        let response = format!("\0jim\0{password}");
        crate::base::base64::encode(response.as_bytes(), &mut line);
        line.extend_from_slice(b"\r\n");
        assert!(rig.talk(&[&line]).contains("-ERR [AUTH]"));
    }
    assert_eq!((rig.count("backend_failed"), counts(&rig)[2]), (0, 0));
}

#[test]
fn a_fallback_must_be_a_backend_that_verifies() {
    let mut config = Config::new(&TABLES);
    let words = |text: &str| -> Vec<String> { text.split(' ').map(String::from).collect() };
    let pair = |key: &str, value: &str| vec![(key.to_string(), value.to_string())];
    config
        .add(BACKEND, &words("b1 192.0.2.1:110"), &[])
        .unwrap();
    let fallback = pair("fallback", "b1");
    config
        .add(VSERV, &words("main 127.0.0.1:110"), &fallback)
        .unwrap();
    let why = site::check(&config).unwrap_err();
    assert_eq!(
        why,
        "vserv main: fallback=b1: that backend needs proto=pop3"
    );
    config
        .change(BACKEND, "b1", &pair("proto", "pop3"))
        .unwrap();
    assert_eq!(site::check(&config), Ok(()));
    config.delete(BACKEND, "b1").unwrap();
    assert!(site::check(&config).unwrap_err().contains("no backend"));
    config.change(VSERV, "main", &pair("fallback", "")).unwrap();
    assert_eq!(site::check(&config), Ok(()));
}

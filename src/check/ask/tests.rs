use super::*;
use crate::net::wait::Alone;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread::{JoinHandle, spawn};

/// A pcheckd that says these things, one a question, then no more.
fn fake(answers: &'static [&'static [u8]]) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let patience = std::time::Duration::from_secs(10);
    socket.set_read_timeout(Some(patience)).unwrap();
    let heard = move || {
        let mut heard = Vec::new();
        for answer in answers {
            let mut room = [0; 600];
            let (len, peer) = socket.recv_from(&mut room).unwrap();
            heard.push(room[..len].to_vec());
            if !answer.is_empty() {
                socket.send_to(answer, peer).unwrap();
            }
        }
        heard
    };
    (address, spawn(heard))
}

fn at(to: SocketAddr) -> Server<'static> {
    let (from, key) = (None, None);
    Server { from, to, key }
}

fn asked(answers: &'static [&'static [u8]]) -> Answer {
    let (to, server) = fake(answers);
    let answer = ask(at(to), b"3/joe", &Alone::new().unwrap(), 2000).unwrap();
    let heard = server.join().unwrap();
    assert!(heard.iter().all(|h| h == b"*M3/joe\n"), "{heard:?}");
    answer
}

#[test]
fn a_good_answer_is_understood() {
    assert!(matches!(asked(&[b"+OK 0 no mails\n"]), Answer::Nothing));
    assert!(matches!(asked(&[b"+OK 1 old mails\n"]), Answer::Old));
    assert!(matches!(asked(&[b"+OK 2 new mails\n"]), Answer::New));
    assert!(matches!(asked(&[b"+OK 3 load too high\n"]), Answer::Busy));
}

#[test]
fn a_lost_question_is_asked_again() {
    assert!(matches!(asked(&[b"", b"+OK 0\n"]), Answer::Nothing));
}

#[test]
fn an_error_and_garbage_leave_us_in_doubt_but_are_no_silence() {
    let Answer::Unknown(why) = asked(&[b"-ERR no\x1b[2Jspool\n"]) else {
        panic!("an error was taken for an answer");
    };
    assert_eq!(why.to_string(), "error: no\\x1b[2Jspool");
    assert!(!why.is_silence());
    let Answer::Unknown(why) = asked(&[b"\0\xff"]) else {
        panic!("garbage was taken for an answer");
    };
    assert!(matches!(why, Why::Garbage) && !why.is_silence());
}

fn keyed(octet: u8) -> CheckKey {
    CheckKey::parse(&[octet; 16]).unwrap()
}

/// Asks one who has the key `theirs`, and says these things before its answer.
fn asked_with_a_key(theirs: u8, before: &'static [&'static [u8]]) -> Answer {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let patience = std::time::Duration::from_secs(10);
    socket.set_read_timeout(Some(patience)).unwrap();
    let server = spawn(move || {
        let mut room = [0; 600];
        let (len, peer) = socket.recv_from(&mut room).unwrap();
        for spoofed in before {
            socket.send_to(spoofed, peer).unwrap();
        }
        if let Ok(asked) = keyed(theirs).open(&room[..len]) {
            let answer = wire::Answer::Mail(Mail::New);
            let answer = keyed(theirs).answer(&asked, &answer).unwrap();
            socket.send_to(&answer, peer).unwrap();
        }
    });
    let key = keyed(1);
    let way = Server {
        key: Some(&key),
        ..at(to)
    };
    let answer = ask(way, b"3/joe", &Alone::new().unwrap(), 5000).unwrap();
    server.join().unwrap();
    answer
}

#[test]
fn an_answer_with_the_key_is_believed_also_behind_others() {
    assert!(matches!(asked_with_a_key(1, &[]), Answer::New));
    let spoofed: &[&[u8]] = &[b"+OK 0 no mails\n", b"", b"+OK 0 no mails\n"];
    assert!(matches!(asked_with_a_key(1, spoofed), Answer::New));
}

#[test]
fn answers_without_the_key_leave_us_in_doubt_but_not_for_long() {
    let start = now();
    let Answer::Unknown(why) = asked_with_a_key(2, &[b"+OK 0 no mails\n"]) else {
        panic!("anybody is believed");
    };
    assert!(matches!(why, Why::Foreign) && !why.is_silence());
    assert!(now() - start < 2500, "it was not asked again");
}

#[test]
fn a_name_that_leaves_no_room_for_a_key_is_not_asked() {
    let (key, name) = (keyed(1), [b'a'; 500]);
    let way = Server {
        key: Some(&key),
        ..at(([127, 0, 0, 1], 9).into())
    };
    let answer = ask(way, &name, &Alone::new().unwrap(), 60_000);
    assert!(matches!(answer, Ok(Answer::Unknown(Why::BadName))));
}

#[test]
fn silence_ends_in_time_and_a_closed_port_before_it() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let alone = Alone::new().unwrap();
    let start = now();
    let answer = ask(at(to), b"joe", &alone, 60).unwrap();
    assert!(matches!(answer, Answer::Unknown(Why::Silence)));
    assert!((60..2000).contains(&(now() - start)));
    drop(socket);
    let start = now();
    let Answer::Unknown(why) = ask(at(to), b"joe", &alone, 60_000).unwrap() else {
        panic!("nobody answered");
    };
    assert!(matches!(why, Why::Unreachable(_)) && why.is_silence());
    assert!(now() - start < 10_000);
}

#[test]
fn a_name_that_fits_into_no_question_is_not_asked() {
    let answer = ask(
        at(([127, 0, 0, 1], 9).into()),
        b"a\nb",
        &Alone::new().unwrap(),
        60_000,
    );
    assert!(matches!(answer, Ok(Answer::Unknown(Why::BadName))));
}

/// A watch that calls everything off.
struct Off(UdpSocket);

impl Watch for Off {
    fn wake_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn woken(&self) -> Option<Stop> {
        Some(Stop::Kicked)
    }

    fn waiting(&self, _: Ms) {}
}

#[test]
fn a_kicked_session_does_not_wait_for_an_answer() {
    let woken = UdpSocket::bind("127.0.0.1:0").unwrap();
    woken.send_to(b"x", woken.local_addr().unwrap()).unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = silent.local_addr().unwrap();
    let end = ask(at(to), b"joe", &Off(woken), 60_000);
    assert_eq!(end.unwrap_err(), Stop::Kicked);
}

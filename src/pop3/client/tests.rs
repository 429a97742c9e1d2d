//! Backends that behave, and backends that do not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread::{JoinHandle, spawn};

use proptest::prelude::*;

use super::*;
use crate::base::clock::now;
use crate::net::stream::tests::pair;
use crate::net::wait::Alone;

pub(super) const JOE: Login<'_> = Login {
    user: b"joe",
    password: b"a b",
};

/// A backend that says the first text at once and another one after each
/// line it hears. Returns the lines.
fn backend(peer: TcpStream, says: Vec<Vec<u8>>) -> JoinHandle<Vec<String>> {
    spawn(move || {
        let mut reader = BufReader::new(peer.try_clone().unwrap());
        let (mut peer, mut heard) = (peer, Vec::new());
        for text in says {
            if peer.write_all(&text).is_err() {
                break;
            }
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                break;
            }
            heard.push(line);
        }
        heard
    })
}

fn log_in(way: Way<'_>, says: &[&[u8]]) -> (Result<Entry, Failure>, Vec<String>) {
    log_in_for(None, way, says)
}

fn log_in_for(
    whom: Option<&Xclient<'_>>,
    way: Way<'_>,
    says: &[&[u8]],
) -> (Result<Entry, Failure>, Vec<String>) {
    let (mut stream, peer) = pair();
    let peer = backend(peer, says.iter().map(|text| text.to_vec()).collect());
    let until = now() + 400;
    let entry = enter(
        &mut stream,
        way,
        whom,
        None,
        &Alone::new().unwrap(),
        &|| until,
        &|| until,
    );
    drop(stream);
    (entry, peer.join().unwrap())
}

/// The state and the reason of a login that fails.
fn fails(way: Way<'_>, says: &[&[u8]]) -> (&'static str, String) {
    let failure = log_in(way, says).0.unwrap_err();
    (failure.state.name(), failure.why.to_string())
}

#[test]
fn the_last_word_of_the_backend_is_what_counts() {
    let (entry, heard) = log_in(Way::UserPass(JOE), &[b"+OK hi\r\n", b"+OK\r\n", b"+OK 3\n"]);
    assert_eq!(entry.unwrap(), Entry::Open("3".into()));
    assert_eq!(heard, ["USER joe\r\n", "PASS a b\r\n"]);
    let (entry, heard) = log_in(Way::Plain(JOE), &[b"+OK\r\n", b"+OK ready\r\n"]);
    assert_eq!(entry.unwrap(), Entry::Open("ready".into()));
    assert_eq!(heard, ["AUTH PLAIN AGpvZQBhIGI=\r\n"]);
}

#[test]
fn a_refusal_names_the_state_in_which_it_came() {
    let says: [&[u8]; 4] = [b"+OK\r\n", b"+OK\r\n", b"-ERR [AUTH] no\r\n", b""];
    for (way, from, state) in [
        (Way::UserPass(JOE), 2, State::Banner),
        (Way::UserPass(JOE), 1, State::User),
        (Way::UserPass(JOE), 0, State::Pass),
        (Way::Plain(JOE), 2, State::Banner),
        (Way::Plain(JOE), 1, State::Auth),
    ] {
        let entry = log_in(way, &says[from..]).0.unwrap();
        assert_eq!(entry, Entry::Refused(state, "[AUTH] no".into()));
    }
}

#[test]
fn who_is_told_the_client_answers_before_anybody_logs_in() {
    let whom = Xclient {
        client: "192.0.2.7:4711".parse().unwrap(),
        sid: "p1.1.2.3",
    };
    let ok: &[u8] = b"+OK\r\n";
    for (way, verb) in [(Way::UserPass(JOE), "USER "), (Way::Plain(JOE), "AUTH ")] {
        let (entry, heard) = log_in_for(Some(&whom), way, &[ok, ok, ok, b"+OK in\r\n"]);
        let line = "XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=p1.1.2.3 TTL=4\r\n";
        assert_eq!(heard[0], line);
        assert!(heard[1].starts_with(verb), "{heard:?}");
        let text = if verb == "USER " { "in" } else { "" };
        assert_eq!(entry.unwrap(), Entry::Open(text.into()));
        let refuses: [&[u8]; 3] = [ok, b"-ERR who\x07?\r\n", b""];
        let (entry, heard) = log_in_for(Some(&whom), way, &refuses);
        let failure = entry.unwrap_err();
        assert_eq!(failure.state.name(), "xclient");
        assert_eq!(failure.why.to_string(), "it refuses XCLIENT: who\u{7}?");
        assert_eq!(heard.len(), 1, "nobody is told the password");
        let (entry, heard) = log_in_for(Some(&whom), way, &[b"-ERR [SYS/TEMP] no\r\n", b""]);
        let full = Entry::Refused(State::Banner, "[SYS/TEMP] no".into());
        assert_eq!((entry.unwrap(), heard.len()), (full, 0));
        for (says, why) in [
            (&b"+ \r\n"[..], "its answer is no POP3"),
            (b"+OK\r\n+OK\r\n", "it talks out of turn"),
        ] {
            let failure = log_in_for(Some(&whom), way, &[ok, says, b""])
                .0
                .unwrap_err();
            assert_eq!(
                (failure.state.name(), failure.why.to_string()),
                ("xclient", why.into())
            );
        }
    }
}

#[test]
fn a_long_response_waits_until_it_is_asked_for() {
    let password = [b'x'; 300];
    let login = Login {
        user: b"joe",
        password: &password,
    };
    let (entry, heard) = log_in(Way::Plain(login), &[b"+OK\r\n", b"+ \r\n", b"+OK\r\n"]);
    assert_eq!(entry.unwrap(), Entry::Open(String::new()));
    assert_eq!(heard[0], "AUTH PLAIN\r\n");
    assert!(heard[1].starts_with("AGpvZQB4") && heard[1].len() > 400);
    let eager = fails(Way::Plain(login), &[b"+OK\r\n", b"+OK come in\r\n"]);
    assert_eq!(eager, ("auth", "its answer is no POP3".into()));
    let lines = fails(Way::UserPass(login), &[b"+OK\r\n", b"+OK\r\n"]);
    assert_eq!(
        lines.0, "pass",
        "such a line is longer than a command may be"
    );
}

#[test]
fn each_misbehaviour_is_named_with_its_state() {
    let long = [b'+'; 600];
    let ok: &[u8] = b"+OK\r\n";
    let cases: [(&[&[u8]], &str, &str); 9] = [
        (&[], "banner", "it hung up"),
        (&[&long], "banner", "its line is too long"),
        (&[b"hello\r\n"], "banner", "its answer is no POP3"),
        (&[b"+OKAY\r\n"], "banner", "its answer is no POP3"),
        (&[b"+OK a\r\n+OK b\r\n"], "banner", "it talks out of turn"),
        (&[ok, b"+ \r\n"], "user", "its answer is no POP3"),
        (&[ok, b"+OK"], "user", "no answer in time"),
        (&[ok, ok, b"+OK\r\n."], "pass", "it talks out of turn"),
        (
            &[ok, ok, b"* OK \x1b[2J\r\n"],
            "pass",
            "its answer is no POP3",
        ),
    ];
    for (says, state, why) in cases {
        let says = [says, &[b""]].concat();
        let says = if says.len() == 1 {
            &says[1..]
        } else {
            &says[..]
        };
        assert_eq!(fails(Way::UserPass(JOE), says), (state, why.into()));
    }
}

#[test]
fn who_speaks_before_it_is_asked_is_not_told_the_password() {
    let (mut stream, mut peer) = pair();
    peer.write_all(b"+OK\r\n").unwrap();
    let alone = Alone::new().unwrap();
    let mut talk = Talk {
        stream: &mut stream,
        secure: None,
        whom: None,
        watch: &alone,
        deadline: &|| now() + 5000,
        verdict: &|| now() + 5000,
        state: State::Banner,
    };
    talk.hear().unwrap_or_else(|_| panic!("a greeting"));
    peer.write_all(b"+OK\r\n").unwrap();
    let mut tries = 0..1000;
    let early = loop {
        match talk.ask(State::Pass, b"PASS x") {
            Err(failure) => break failure,
            Ok(()) => assert!(tries.next().is_some(), "it has arrived by now"),
        }
    };
    assert_eq!(early.why.to_string(), "it talks out of turn");
}

pub(super) fn preamble() -> Preamble<'static> {
    Preamble {
        mailbox: "3/joe",
        sid: "p1.1.2.3",
        master: false,
        ip: None,
        user: b"joe"[..].into(),
    }
}

#[test]
fn who_greets_before_the_preamble_is_no_server_of_xpop() {
    for (early, why) in [
        (&b"+OK\r\n"[..], "it talks out of turn"),
        (b"", "it hung up"),
    ] {
        let (mut stream, mut peer) = pair();
        let (alone, soon) = (Alone::new().unwrap(), || now() + 5000);
        peer.write_all(early).unwrap();
        if early.is_empty() {
            peer.shutdown(std::net::Shutdown::Write).unwrap();
        }
        stream.peek(&mut [0; 1], &alone, &soon).unwrap();
        let way = Way::Xpop(&preamble());
        let failure = enter(&mut stream, way, None, None, &alone, &soon, &soon).unwrap_err();
        let told = (failure.state.name(), failure.why.to_string());
        assert_eq!(told, ("preamble", why.into()));
        drop(stream);
        let mut heard = String::new();
        // What is left unread makes it a reset.
        let _ = BufReader::new(peer).read_line(&mut heard);
        assert_eq!(heard, "", "it is not told the mailbox");
    }
}

/// Each way of going wrong, in each state that waits for an answer.
#[test]
fn whatever_goes_wrong_is_named_in_every_state() {
    let ok: &[u8] = b"+OK\r\n";
    let whom = Xclient {
        client: "192.0.2.7:4711".parse().unwrap(),
        sid: "p1.1.2.3",
    };
    let long = [b'x'; 600];
    let wrong: [(&[u8], &str); 6] = [
        (b"+O", "no answer in time"),
        (b"\x16\x03\x01\0\n", "its answer is no POP3"),
        (b"\n", "its answer is no POP3"),
        (&long, "its line is too long"),
        (b"+OK\r\n-ERR\r\n", "it talks out of turn"),
        (b"-ERR\r\n\0", "it talks out of turn"),
    ];
    for (way, whom, states) in [
        (Way::UserPass(JOE), None, &["banner", "user", "pass"][..]),
        (Way::Plain(JOE), None, &["banner", "auth"]),
        (Way::UserPass(JOE), Some(&whom), &["banner", "xclient"]),
    ] {
        for (before, state) in states.iter().enumerate() {
            for (says, why) in wrong {
                let says = [vec![ok; before], vec![says, b""]].concat();
                let failure = log_in_for(whom, way, &says).0.unwrap_err();
                let told = (failure.state.name(), failure.why.to_string());
                assert_eq!(told, (*state, why.into()));
            }
        }
    }
}

proptest! {
    #[test]
    fn no_credential_makes_a_second_line(
        user in proptest::collection::vec(any::<u8>(), 0..300),
        password in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        for (verb, word) in [(&b"USER "[..], &user), (b"PASS ", &password)] {
            if let Some(line) = command(verb, word) {
                let text = line.octets();
                prop_assert_eq!(&text[..5], verb);
                prop_assert_eq!(&text[5..], &word[..]);
                prop_assert!(names::fits_line(text) && text.len() + 2 <= COMMAND);
            }
        }
        let login = Login { user: &user, password: &password };
        if let Some(response) = response(login) {
            prop_assert!(names::fits_line(response.octets()));
            let fields = base64::decode(response.octets()).unwrap();
            let parts: Vec<_> = fields.octets().split(|&octet| octet == 0).collect();
            prop_assert_eq!(parts, [&b""[..], &user, &password]);
        }
    }

    #[test]
    fn no_backend_is_too_hostile(says in proptest::collection::vec("[+O\\-ERK \r\n\u{0}a]{0,12}", 0..4)) {
        let says: Vec<&[u8]> = says.iter().map(|text| text.as_bytes()).collect();
        let (mut stream, mut peer) = pair();
        peer.write_all(&says.concat()).unwrap();
        drop(peer);
        let soon = || now() + 1000;
            let _ = enter(&mut stream, Way::Plain(JOE), None, None, &Alone::new().unwrap(), &soon, &soon);
    }
}

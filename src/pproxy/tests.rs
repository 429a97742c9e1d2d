//! Sessions, from the greeting to the end, without the kit.

mod delay;
mod fallback;
mod health;
mod rig;
mod sasl;
mod smart;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use self::rig::{Checkd, Peer, Rig, nobody};

const WRONG: &str = "-ERR [AUTH] wrong user or password\r\n";
const LATER: &str = "-ERR [SYS/TEMP] the mailbox cannot be reached, try again later\r\n";
const EMPTY: &str = "+OK hello\r\n+OK\r\n+OK 0 messages\r\n+OK 0 0\r\n+OK good bye\r\n";

/// A rig without anybody behind it.
fn alone() -> Rig {
    Rig::new(&nobody().to_string(), "proto=xpop")
}

#[test]
fn a_wrong_password_stops_at_the_proxy() {
    let rig = alone();
    let heard = rig.talk(&[b"USER joe\r\n", b"PASS wrong\r\n", b"STAT\r\n", b"QUIT\r\n"]);
    let stat = "-ERR STAT is not allowed now\r\n";
    assert_eq!(
        heard,
        format!("+OK hello\r\n+OK\r\n{WRONG}{stat}+OK good bye\r\n")
    );
    assert_eq!(
        (rig.count("logins_refused"), rig.count("backend_failed")),
        (1, 0)
    );
}

#[test]
fn a_name_is_good_for_one_password_and_comes_first() {
    let heard = alone().talk(&[b"PASS secret\r\nUSER joe\r\nPASS x\r\nPASS secret\r\n"]);
    let first = "-ERR USER comes first\r\n";
    assert_eq!(heard, format!("+OK hello\r\n{first}+OK\r\n{WRONG}{first}"));
}

#[test]
fn who_guesses_passwords_is_hung_up_on() {
    let guess = b"USER joe\r\nPASS x\r\n".repeat(9);
    let heard = alone().talk(&[&guess]);
    assert_eq!(
        heard,
        format!("+OK hello\r\n{}", format!("+OK\r\n{WRONG}").repeat(5))
    );
}

#[test]
fn a_module_that_fails_is_no_wrong_password() {
    let rig = alone();
    let heard = rig.talk(&[b"USER broken\r\nPASS x\r\n"]);
    let later = "-ERR [SYS/TEMP] cannot verify you now, try again later\r\n";
    assert_eq!(heard, format!("+OK hello\r\n+OK\r\n{later}"));
    assert_eq!(rig.count("logins_failed"), 1);
}

#[test]
fn a_user_without_mail_never_disturbs_the_backend() {
    let checkd = Checkd::says(b"+OK 0 no mails\n", 1);
    let rig = Rig::cxpop(&nobody().to_string(), &checkd);
    let heard = rig.talk(&[
        b"CAPA\r\nUSER joe\r\nPASS secret\r\nST",
        b"AT\r\nLIST\r\nLIST 1\r\nUIDL\r\nUIDL 1\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nDELE x\r\n",
        b"NOOP\r\nRSET\r\nUSER joe\r\nQUIT\r\n",
    ]);
    let none = "-ERR there is no such message\r\n";
    let list = "+OK 0 messages\r\n.\r\n";
    let capa = std::str::from_utf8(crate::pop3::greet::CAPABILITIES).unwrap();
    let wanted = format!(
        "+OK hello\r\n{capa}+OK\r\n+OK 0 messages\r\n+OK 0 0\r\n{list}{none}{list}{none}{none}\
         {none}{none}-ERR numbers are digits only\r\n+OK\r\n+OK\r\n\
         -ERR USER is not allowed now\r\n+OK good bye\r\n"
    );
    assert_eq!(heard, wanted);
    assert_eq!(checkd.heard(), "*M3/joe\n");
    assert_eq!((rig.count("empty"), rig.count("backend_failed")), (1, 0));
}

#[test]
fn mail_is_relayed_and_what_was_sent_ahead_arrives_in_order() {
    let checkd = Checkd::says(b"+OK 2 new mails\n", 1);
    let peer = Peer::says(b"+OK 3 messages\r\n", b"+OK 3 360\r\n");
    let rig = Rig::cxpop(&peer.at.to_string(), &checkd);
    let heard = rig.talk(&[b"USER master\r\nPASS secret\r\nSTAT\r\nLI", b"ST\r\n"]);
    assert_eq!(heard, "+OK hello\r\n+OK\r\n+OK 3 messages\r\n+OK 3 360\r\n");
    let told = peer.heard();
    let lines: Vec<_> = told.split("\r\n").collect();
    assert_eq!(
        (lines[0], lines[2]),
        ("3/joe", "M IP=192.0.2.7 USER=master")
    );
    assert!(lines[1].starts_with("p1."), "{told}");
    assert_eq!(lines[3..], ["STAT", "LIST", ""]);
    assert_eq!((rig.count("relayed"), rig.count("cmd_stat")), (1, 0));
}

#[test]
fn a_check_that_tells_nothing_connects() {
    for answer in [
        b"-ERR no spool\n".as_slice(),
        b"\0\xff",
        b"+OK 1 old mails\n",
    ] {
        let checkd = Checkd::says(answer, 1);
        let peer = Peer::says(b"+OK here\r\n", b"");
        let rig = Rig::cxpop(&peer.at.to_string(), &checkd);
        assert!(rig.login("joe").contains("+OK here\r\n"));
        assert_eq!(rig.silences(), 0);
    }
}

#[test]
fn after_five_silences_nobody_waits_for_the_check() {
    let at = health::server(vec![(3, "-ERR not you\r\n"); 7]);
    let mut rig = Rig::new(&at.to_string(), &format!("check={}", nobody()));
    rig.set("checktimeout 10");
    for _ in 0..7 {
        assert_eq!(rig.login("joe"), EMPTY);
    }
    let counts = ["checks", "check_silent", "check_skipped"].map(|c| rig.count(c));
    assert_eq!(counts, [5, 5, 2]);
}

#[test]
fn a_backend_of_several_addresses_is_checked_and_reached_where_it_is() {
    let checkd = Checkd::says(b"+OK 2 new mails\n", 1);
    let peer = Peer::says(b"+OK here\r\n", b"");
    let mut rig = Rig::new("b1.example:1110", "check=b1.example:50110");
    assert_eq!(rig.login("joe"), EMPTY, "no address is a soft failure");
    rig.resolved("b1.example:1110", &[nobody(), peer.at]);
    rig.resolved("b1.example:50110", &[nobody(), checkd.at]);
    assert!(rig.login("joe").contains("+OK here\r\n"));
    assert_eq!(
        (rig.count("backend_failed"), rig.count("check_silent")),
        (2, 0)
    );
}

#[test]
fn a_load_too_high_is_a_soft_failure() {
    let checkd = Checkd::says(b"+OK 3 load too high\n", 2);
    let mut rig = Rig::cxpop(&nobody().to_string(), &checkd);
    assert_eq!(rig.login("joe"), EMPTY);
    rig.set("softfail tempfail");
    assert!(rig.login("joe").contains(LATER));
    assert_eq!(
        (rig.count("softfail_empty"), rig.count("softfail_tempfail")),
        (1, 1)
    );
    assert_eq!(rig.count("backend_failed"), 0, "nobody was disturbed");
}

#[test]
fn the_nearest_word_on_soft_failures_holds() {
    let mut rig = alone();
    assert_eq!(rig.login("joe"), EMPTY);
    for (words, empty) in [
        ("softfail tempfail", false),
        ("vserv main softfail=empty", true),
        ("backend b1 softfail=tempfail", false),
        ("vserv main softfail=tempfail", false),
        ("backend b1 softfail=empty", true),
        ("backend b1 softfail=default", false),
        ("vserv main softfail=default", false),
        ("softfail empty", true),
    ] {
        rig.set(words);
        assert_eq!(rig.login("joe") == EMPTY, empty, "{words}");
        assert_eq!(rig.login("joe").contains(LATER), !empty, "{words}");
    }
}

#[test]
fn only_verified_users_ever_see_an_empty_maildrop() {
    let mut rig = alone();
    for words in [
        "backend b1 disable",
        "backend b1 drain",
        "vserv main disable",
    ] {
        rig.set(words);
        assert_eq!(rig.login("joe"), EMPTY, "{words}");
        let heard = rig.talk(&[b"USER joe\r\nPASS wrong\r\nSTAT\r\n"]);
        assert!(heard.contains(WRONG) && !heard.contains("+OK 0"), "{heard}");
    }
    assert_eq!(rig.count("backend_failed"), 0, "nobody was disturbed");
    assert_eq!(
        (rig.login("lost"), rig.login("homeless")),
        (EMPTY.into(), EMPTY.into())
    );
}

#[test]
fn what_a_backend_says_to_the_user_is_passed_on_and_nothing_else() {
    let mut tries = 0;
    for (answer, passed) in [
        (
            b"-ERR [IN-USE] come back\r\n".as_slice(),
            "-ERR [IN-USE] come back\r\n",
        ),
        (
            b"-ERR [login-delay] 1 min\n",
            "-ERR [login-delay] 1 min\r\n",
        ),
        (
            b"-ERR [SYS/PERM] a\x1b[2J\x07b\r\n",
            "-ERR [SYS/PERM] a?[2J?b\r\n",
        ),
        (b"-ERR [AUTH] wrong password\r\n", LATER),
        (
            b"-ERR [SYS/TEMP] no spool\r\n",
            "-ERR [SYS/TEMP] no spool\r\n",
        ),
        (b"-ERR [IN-USE\r\n", LATER),
        (b"-ERR\r\n", LATER),
        (b"-ERRx\r\n", LATER),
        (b"+OKAY\r\n", LATER),
        (b"* OK garbage\r\n", LATER),
        (b"\r\n", LATER),
        (b"+OK a\r\n+OK b\r\n", LATER),
        (b"", LATER),
    ] {
        let peer = Peer::acts(move |mut stream| {
            let mut buf = [0; 1024];
            let count = stream.read(&mut buf).unwrap_or(0);
            stream.write_all(answer).unwrap();
            buf[..count].to_vec()
        });
        let mut rig = Rig::xpop(&peer);
        rig.set("softfail tempfail");
        let heard = rig.talk(&[b"USER joe\r\nPASS secret\r\nNOOP\r\n"]);
        let noop = "-ERR NOOP is not allowed now\r\n";
        assert_eq!(heard, format!("+OK hello\r\n+OK\r\n{passed}{noop}"));
        tries += rig.count("logins_ok");
    }
    assert_eq!(tries, 13, "none of this is a wrong password");
}

#[test]
fn a_backend_that_does_not_come_to_the_point_costs_a_second_at_most() {
    let acts: [fn(std::net::TcpStream) -> Vec<u8>; 3] = [
        |mut mute| {
            let mut heard = Vec::new();
            let _ = mute.read_to_end(&mut heard);
            heard
        },
        |mut endless| {
            while endless.write_all(&[b'+'; 100]).is_ok() {}
            Vec::new()
        },
        |mut dripping| {
            while dripping.write_all(b"+").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            Vec::new()
        },
    ];
    for act in acts {
        let peer = Peer::acts(act);
        let mut rig = Rig::xpop(&peer);
        rig.set("connecttimeout 1s");
        let start = Instant::now();
        assert_eq!(rig.login("joe"), EMPTY);
        assert!(start.elapsed() < Duration::from_secs(3));
        assert_eq!(
            (rig.count("backend_failed"), rig.count("softfail_empty")),
            (1, 1)
        );
    }
}

#[test]
fn a_line_too_long_gets_one_refusal_and_what_it_held_is_no_command() {
    let mut line = vec![b'x'; 10_000];
    line.extend_from_slice(b"QUIT\r\nCAPA x\r\n\xff\xfe\r\nQUIT\r\n");
    let heard = alone().talk(&[&line]);
    let wanted = "+OK hello\r\n-ERR the line is too long\r\n-ERR CAPA has too many arguments\r\n\
                  -ERR unknown command\r\n+OK good bye\r\n";
    assert_eq!(heard, wanted);
}

#[test]
fn a_nul_octet_ends_the_session_in_silence() {
    assert_eq!(alone().talk(&[b"USER a\0b\r\nQUIT\r\n"]), "+OK hello\r\n");
    let heard = alone().talk(&[b"USER joe\r\nPASS secret\r\n\0"]);
    assert_eq!(
        heard, "+OK hello\r\n",
        "what waits to be said is dropped too"
    );
}

#[test]
fn bad_commands_are_borne_twenty_times() {
    let rig = alone();
    let heard = rig.talk(&[&b"X\r\n".repeat(40)]);
    assert_eq!(heard.matches("-ERR unknown command\r\n").count(), 19);
    assert!(heard.ends_with("-ERR too many bad commands, good bye\r\n"));
    assert_eq!(rig.count("bad_commands"), 20);
    let heard = rig.talk(&[&b"PASS x\r\n".repeat(40)]);
    assert_eq!(heard.matches("-ERR USER comes first\r\n").count(), 19);
}

#[test]
fn quit_counts_only_with_its_line_end() {
    assert_eq!(alone().talk(&[b"QUIT"]), "+OK hello\r\n");
}

#[test]
fn a_login_that_takes_too_long_is_cut_off_however_it_is_spread() {
    let mut rig = alone();
    rig.set("authtimeout 1s");
    let (stream, mut client) = crate::net::stream::tests::pair();
    let slow = std::thread::spawn(move || {
        while client.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    rig.serve(stream);
    assert!((900..3000).contains(&start.elapsed().as_millis()));
    slow.join().unwrap();
}

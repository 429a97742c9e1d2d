//! Whole sessions over a socket: what a client gets is what lies on disk.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{sleep, spawn};
use std::time::Duration;

use proptest::prelude::*;

use super::TABLES;
use super::session::Session;
use super::vars::Count;
use crate::daemon::board::Board;
use crate::daemon::config::Config;
use crate::daemon::seat::Seat;
use crate::daemon::vars::WRITETIMEOUT;
use crate::maildir::crlf::tests::{odd_text, plainly};
use crate::maildir::maildrop::Maildrop;
use crate::maildir::spool::tests::marked;
use crate::net::stream::tests::{narrow_pair, pair};
use crate::pop3::wire::Wire;
use crate::pop3::xpop;

/// One session with this mailbox of this spool. Returns what was said.
fn talk(spool: &crate::maildir::spool::Spool, commands: String) -> Vec<u8> {
    let board = Board::map(1, TABLES.areas).unwrap();
    board.publish(&Config::new(&TABLES));
    let seat = Seat::take(board, board.claim().unwrap(), "pserv").unwrap();
    let (stream, mut client) = pair();
    let client = spawn(move || {
        let mut heard = Vec::new();
        client.write_all(commands.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client.read_to_end(&mut heard).unwrap();
        heard
    });
    let told = xpop::parse(b"joe", b"p1.1.1.1", b"M").ok().unwrap();
    let drop = Maildrop::open(spool.mailbox(b"joe").unwrap(), None, 1000).unwrap();
    let proxy = "192.0.2.1:4711".parse().unwrap();
    seat.begin();
    Session::new(&seat, Wire::new(stream, &seat), drop, &told, proxy).serve();
    seat.end();
    client.join().unwrap()
}

#[test]
fn a_client_that_takes_no_list_is_left_and_hears_nothing_twice() {
    const MAILS: usize = 3000;
    let (scratch, spool) = marked("session-still");
    spool.create(b"joe").unwrap();
    let name = |at: usize| format!("{at:04}.{}", "a".repeat(60));
    for at in 1..=MAILS {
        fs::write(scratch.path().join("joe/new").join(name(at)), "").unwrap();
    }
    let board = Board::map(1, TABLES.areas).unwrap();
    let mut config = Config::new(&TABLES);
    config.vars.put(WRITETIMEOUT, "1");
    board.publish(&config);
    let seat = Seat::take(board, board.claim().unwrap(), "pserv").unwrap();
    let (stream, mut client) = narrow_pair();
    let uidls = move || board.total(Count::Commands as usize + 3);
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let client = spawn(move || {
        client.write_all(&b"UIDL\r\n".repeat(9)).unwrap();
        // Nothing is taken until the server has lost its patience.
        while uidls() < 2 && !seen.load(Relaxed) {
            sleep(Duration::from_millis(1));
        }
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).unwrap();
        heard
    });
    let told = xpop::parse(b"joe", b"p1.1.1.1", b"M").ok().unwrap();
    let drop = Maildrop::open(spool.mailbox(b"joe").unwrap(), None, MAILS).unwrap();
    let proxy = "192.0.2.1:4711".parse().unwrap();
    seat.begin();
    Session::new(&seat, Wire::new(stream, &seat), drop, &told, proxy).serve();
    seat.end();
    over.store(true, Relaxed);
    let rows = (1..=MAILS).map(|at| format!("{at} {}\r\n", name(at)));
    let want = format!(
        "+OK {MAILS} messages\r\n+OK unique-id listing follows\r\n{}",
        rows.collect::<String>()
    );
    let heard = String::from_utf8(client.join().unwrap()).unwrap();
    assert!(heard.len() > 4096 && want.starts_with(&heard), "{heard}");
    assert_eq!(board.total(Count::Commands as usize + 3), 1);
}

/// What was said, line by line.
struct Answers<'a>(std::slice::Split<'a, u8, fn(&u8) -> bool>);

impl<'a> Answers<'a> {
    fn new(heard: &'a [u8]) -> Answers<'a> {
        Answers(heard.split(|&b| b == b'\n'))
    }

    /// The next line with its CR.
    fn line(&mut self) -> &'a [u8] {
        self.0.next().unwrap()
    }

    fn status(&mut self) -> String {
        String::from_utf8(self.line().to_vec()).unwrap()
    }

    /// A multi-line answer without its dots.
    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        loop {
            match self.line() {
                b".\r" => return text,
                [b'.', line @ ..] | line => {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_octets_are_fetched_as_they_are_and_as_long_as_promised(
        mails in proptest::collection::vec((odd_text(), 0u8..3, any::<bool>()), 1..5),
        lines in 0u64..9,
    ) {
        let (scratch, spool) = marked("session-any");
        spool.create(b"joe").unwrap();
        for (at, (text, form, cur)) in mails.iter().enumerate() {
            let (disk, wire) = (text.len(), plainly(text).len());
            let sizes = match form {
                0 => String::new(),
                1 => format!(",S={disk},W={wire}"),
                _ => format!(",S={disk}"),
            };
            let name = if *cur { format!("cur/{at}.h{sizes}:2,S") } else { format!("new/{at}.h{sizes}") };
            fs::write(scratch.path().join("joe").join(name), text).unwrap();
        }
        let count = mails.len();
        let mut commands = "STAT\r\nLIST\r\nUIDL\r\n".to_string();
        for number in 1..=count {
            commands += &format!("LIST {number}\r\nTOP {number} {lines}\r\nRETR {number}\r\n");
        }
        // The second session tells what the first one counted.
        for _ in 0..2 {
            let heard = talk(&spool, format!("{commands}QUIT\r\n"));
            let mut answers = Answers::new(&heard);
            prop_assert!(answers.status().starts_with("+OK"));
            let want: Vec<_> = mails.iter().map(|(text, ..)| plainly(text)).collect();
            let sum: usize = want.iter().map(Vec::len).sum();
            prop_assert_eq!(answers.status(), format!("+OK {count} {sum}\r"));
            answers.status();
            let rows = |row: &dyn Fn(usize) -> String| (0..count).map(row).collect::<String>();
            let list = rows(&|at| format!("{} {}\r\n", at + 1, want[at].len()));
            prop_assert_eq!(answers.text(), list.into_bytes());
            answers.status();
            prop_assert_eq!(answers.text().iter().filter(|&&b| b == b'\n').count(), count);
            for (at, want) in want.iter().enumerate() {
                let octets = want.len();
                prop_assert_eq!(answers.status(), format!("+OK {} {octets}\r", at + 1));
                prop_assert!(answers.status().starts_with("+OK"));
                let top = answers.text();
                prop_assert!(want.starts_with(&top));
                prop_assert_eq!(answers.status(), format!("+OK {octets} octets\r"));
                prop_assert_eq!(&answers.text(), want);
            }
            prop_assert_eq!(answers.status(), "+OK good bye\r");
        }
    }
}

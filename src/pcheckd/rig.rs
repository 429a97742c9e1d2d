//! A server without a daemon, for tests.

use std::fs;
use std::net::SocketAddr;

use super::Server;
use super::answer::answer;
use super::vars::Count;
use crate::base::nets;
use crate::check::table;
use crate::daemon::board::Board;
use crate::daemon::seat::Seat;
use crate::sys::scratch::Scratch;

/// A spool with its mark, a server with row 0, and a seat.
pub(super) struct Rig {
    pub(super) scratch: Scratch,
    pub(super) server: Server,
    pub(super) board: Board,
    pub(super) seat: Seat,
}

impl Rig {
    pub(super) fn new(title: &str) -> Rig {
        let scratch = Scratch::new(title);
        fs::write(scratch.path().join(".popular-spool"), "").unwrap();
        let board = Board::map(1, &[table::WORDS]).unwrap();
        Rig {
            scratch,
            server: Server {
                id: "main".into(),
                allow: nets::parse_list("192.0.2.0/24"),
                keys: Vec::new(),
                row: 0,
            },
            board,
            seat: Seat::take(board, board.claim().unwrap(), "pcheckd").unwrap(),
        }
    }

    pub(super) fn ask(&self, from: &str, question: &[u8]) -> Option<String> {
        let peer = SocketAddr::new(from.parse().unwrap(), 4711);
        let spool = self.scratch.path();
        let answer = answer(spool, &self.server, question, peer, &self.seat)?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    pub(super) fn told(&self, question: &str) -> String {
        self.ask("192.0.2.7", question.as_bytes()).unwrap()
    }

    pub(super) fn count(&self, what: Count) -> u64 {
        self.board.total(what as usize)
    }
}

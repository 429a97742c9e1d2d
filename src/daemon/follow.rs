//! Who watches a session: a process that has given up its rights, reads what
//! the worker tells of the session, and writes it to the administrator. Only
//! this process waits for him.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::board::ring::{Line, RINGS};
use super::board::{Board, Field, State, Text};
use super::sessions;
use crate::base::clock::Ms;
use crate::base::kv::Row;
use crate::base::words::quote;
use crate::net::ready::look;
use crate::net::wait::Side;

/// How often it is looked whether something was said, in milliseconds.
const PERIOD: u16 = 100;
/// How long the administrator may leave unread what was written to him.
const PATIENCE: Duration = Duration::from_secs(60);

/// The session in a slot, and the ring through which it is told: in the slot
/// it is the number of the session, and behind it that of the ring and one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) slot: usize,
    pub(super) serial: u64,
    pub(super) ring: usize,
}

/// Room for the number of a ring.
const RING_BITS: u32 = 3;

impl Watched {
    /// The session that is called so, and a ring that none of the others has.
    ///
    /// # Errors
    /// Why it cannot be watched.
    pub(super) fn choose(board: &Board, sid: &str, others: &[Watched]) -> Result<Watched, String> {
        let slot = sessions::find(board, sid);
        let slot = slot.ok_or_else(|| format!("there is no session {}", quote(sid)))?;
        let serial = board.field(slot, Field::Serial).load(Relaxed);
        let mut all = others.iter();
        if all.any(|other| (other.slot, other.serial) == (slot, serial)) {
            return Err(format!("session {} is watched already", quote(sid)));
        }
        let ring = (0..RINGS).find(|ring| others.iter().all(|other| other.ring != *ring));
        let ring = ring.ok_or_else(|| format!("busy: {RINGS} sessions are watched already"))?;
        Ok(Watched { slot, serial, ring })
    }

    /// As it stands in the slot.
    pub(super) fn word(self) -> u64 {
        self.serial << RING_BITS | (self.ring as u64 + 1)
    }

    /// The ring that a word of the slot names, if it is for this session.
    pub(super) fn ring(word: u64, serial: u64) -> Option<usize> {
        let ring = (word & ((1 << RING_BITS) - 1)) as usize;
        (word >> RING_BITS == serial && (1..=RINGS).contains(&ring)).then(|| ring - 1)
    }

    /// Does the session go on?
    fn lasts(self, board: &Board) -> bool {
        board.state(self.slot) == State::Busy
            && board.field(self.slot, Field::Serial).load(Relaxed) == self.serial
    }
}

/// Writes what is said until the session is over, the administrator says
/// something or hangs up, or the master is gone.
///
/// # Errors
/// Nobody reads.
pub(super) fn follow(
    mut stream: UnixStream,
    death: &OwnedFd,
    board: &Board,
    watched: Watched,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let began = board.field(watched.slot, Field::Since).load(Relaxed);
    let mut at = 0;
    stream.write_all(b"+OK until the session ends:\r\n")?;
    let mut row = Row::default();
    row.kv("watching", &board.text(watched.slot, Text::Sid));
    stream.write_all(&[row.as_bytes(), b"\r\n"].concat())?;
    loop {
        // Looked at before what it has said, of which nothing shall be missing.
        let lasts = watched.lasts(board);
        let (lines, missed) = board.ring(watched.ring).read(&mut at);
        let mut text = Vec::new();
        if missed > 0 {
            let _ = write!(text, "missed={missed}\r\n");
        }
        lines.iter().for_each(|line| put(line, began, &mut text));
        stream.write_all(&text)?;
        let ready = look(&[stream.as_fd(), death.as_fd()], PERIOD)?;
        if ready.contains(&1) || ready.contains(&0) && stream.read(&mut [0; 64])? == 0 {
            return Ok(());
        }
        if !lasts || ready.contains(&0) {
            return stream.write_all(b".\r\n");
        }
    }
}

fn put(line: &Line, began: Ms, text: &mut Vec<u8>) {
    let mut row = Row::default();
    let from = match line.side {
        Side::Client => "client",
        Side::Server => "server",
    };
    row.kv("ms", &line.at.saturating_sub(began))
        .kv("from", &from)
        .kv("line", &line.octets);
    text.extend_from_slice(row.as_bytes());
    text.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proc::pipe;
    use std::io::{BufRead, BufReader};

    fn session() -> (Board, Watched) {
        let board = Board::map(1, &[]).unwrap();
        let slot = board.claim().unwrap();
        board.set_state(slot, State::Busy);
        board.field(slot, Field::Serial).store(7, Relaxed);
        let (serial, ring) = (7, 2);
        (board, Watched { slot, serial, ring })
    }

    #[test]
    fn a_slot_names_the_ring_for_one_session_only() {
        let (_, watched) = session();
        assert_eq!(Watched::ring(watched.word(), 7), Some(2));
        assert_eq!(Watched::ring(watched.word(), 8), None);
        for nonsense in [0, 7 << 3, 7 << 3 | 7] {
            assert_eq!(Watched::ring(nonsense, 7), None);
        }
    }

    #[test]
    fn a_session_is_watched_once_and_so_many_are_at_a_time() {
        let (board, _) = session();
        board.set_text(0, Text::Sid, b"p1.7");
        let choose = |others: &[Watched]| Watched::choose(&board, "p1.7", others);
        let (slot, serial) = (1, 9);
        let other = |ring| Watched { slot, serial, ring };
        assert_eq!(choose(&[other(0), other(2)]).map(|w| w.ring), Ok(1));
        let all: Vec<_> = (0..RINGS).map(other).collect();
        assert!(choose(&all).unwrap_err().starts_with("busy"));
        let (slot, serial, ring) = (0, 7, 3);
        let mine = Watched { slot, serial, ring };
        assert!(choose(&[mine]).unwrap_err().ends_with("already"));
        assert!(Watched::choose(&board, "", &[]).is_err());
    }

    #[test]
    fn who_watches_reads_lines_to_the_end_of_the_session() {
        let (board, watched) = session();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (death, _writer) = pipe().unwrap();
        let ring = board.ring(watched.ring);
        ring.write(Side::Client, b"USER \"joe\"\r");
        let watcher = std::thread::spawn(move || follow(ours, &death, &board, watched));
        let mut lines = BufReader::new(&theirs).lines();
        let mut next = || lines.next().unwrap().unwrap();
        assert_eq!(next(), "+OK until the session ends:");
        assert_eq!(next(), "watching=\"\"");
        let line = next();
        assert!(
            line.ends_with(r#" from=client line="USER \"joe\"\x0d""#),
            "{line}"
        );
        ring.write(Side::Server, b"+OK");
        board.set_state(watched.slot, State::Idle);
        let line = next();
        assert!(line.ends_with(" from=server line=+OK"), "{line}");
        assert_eq!(next(), ".");
        watcher.join().unwrap().unwrap();
    }

    #[test]
    fn it_ends_when_nobody_reads_or_the_master_is_gone() {
        let (board, watched) = session();
        let (death, _writer) = pipe().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(
            follow(ours, &death, &board, watched).is_err(),
            "he has hung up"
        );
        let (ours, _theirs) = UnixStream::pair().unwrap();
        drop(_writer);
        follow(ours, &death, &board, watched).unwrap();
    }
}

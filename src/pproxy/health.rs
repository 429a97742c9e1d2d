//! Is a backend there? All workers of a proxy share what they learn of it, in
//! one word of the backend's row: so a session needs one look, and of those
//! who see the same change one notices that it was the one to make it.
//!
//! A worker that was taken over can write these words. It can make a backend
//! seem to be down, which the helper mends, and cannot do more.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::call::Failure;
use super::site::Backend;
use super::vars::{DRAINING, MARK_BACKEND, MARK_PENDING, REASONS};
use crate::base::clock::{Ms, now};
use crate::base::kv::Row;
use crate::daemon::board::{Board, ROWS};
use crate::daemon::config::Config;
use crate::daemon::config::Object;
use crate::daemon::metrics::Gauge;
use crate::daemon::seat::Seat;

/// The cell of a backend's row that all this is about.
const CELL: usize = 2;

/// Failures in a row that take a backend down.
const PATIENCE: u64 = 3;

/// The word for a backend that is there but cannot open its mailboxes. That is
/// never covered up by an empty maildrop.
pub(super) const REFUSING: &str = "backend_refuses";

/// Words of a reason, of eight octets each.
const REASON: usize = 12;
/// Words of the area for reasons.
pub(super) const AREA: usize = ROWS * REASON;

/// What there was to hear of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// No answer, or none that makes sense.
    Failed,
    /// It answered a session.
    Served,
    /// It answered the helper. That shows less than a session does, so for
    /// the next failure there is no patience.
    Probed,
    /// The helper heard nothing of use.
    Silent,
    /// The helper heard that it cannot serve now.
    Refused,
    /// It is another one by the same name.
    Moved,
}

/// A word, taken apart. All zero is a backend of which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) down: bool,
    /// It is down, but there: it says that it cannot serve now.
    refuses: bool,
    /// Which addresses this holds of, see [`print`].
    print: u16,
    /// When it went down or came up; 0 if it never did.
    pub(super) since: Ms,
    /// Failures in a row.
    failures: u64,
}

const DOWN: u64 = 1 << 63;
const REFUSES: u64 = 1 << 62;
const PRINT_AT: u32 = 48;
const PRINT_MASK: u64 = 0x3fff;
const SINCE_AT: u32 = 8;
const SINCE_MASK: u64 = (1 << 40) - 1;
const FAILURES_MASK: u64 = 0xff;

/// Stands for a list of addresses; never 0.
pub(super) fn print(addresses: &[SocketAddr]) -> u16 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
    for octet in addresses.iter().flat_map(|a| a.to_string().into_bytes()) {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    }
    ((hash >> 32) & PRINT_MASK).max(1) as u16
}

impl Health {
    fn read(word: u64) -> Health {
        Health {
            down: word & DOWN != 0,
            refuses: word & REFUSES != 0,
            print: (word >> PRINT_AT & PRINT_MASK) as u16,
            since: word >> SINCE_AT & SINCE_MASK,
            failures: word & FAILURES_MASK,
        }
    }

    fn word(self) -> u64 {
        let flag = |on, bit| if on { bit } else { 0 };
        let flags = flag(self.down, DOWN) | flag(self.refuses, REFUSES);
        flags
            | u64::from(self.print) << PRINT_AT
            | (self.since & SINCE_MASK) << SINCE_AT
            | self.failures.min(FAILURES_MASK)
    }

    /// What follows from news of the backend with these addresses.
    fn after(self, news: News, print: u16, now: Ms) -> Health {
        let fresh = Health {
            print,
            ..Health::default()
        };
        let known = if self.print == print { self } else { fresh };
        let up = |failures| Health {
            down: false,
            refuses: false,
            print,
            since: if known.down { now } else { known.since },
            failures,
        };
        let failures = known.failures.saturating_add(1);
        match news {
            News::Moved if self.print != 0 && self.print != print => fresh,
            News::Failed if known.down => known,
            News::Failed if failures >= PATIENCE => Health {
                down: true,
                refuses: false,
                print,
                since: now,
                failures: PATIENCE,
            },
            News::Failed => Health { failures, ..known },
            News::Served if known == fresh => self,
            News::Served => up(0),
            News::Probed if known.down => up(PATIENCE - 1),
            News::Silent | News::Refused if known.down => Health {
                refuses: news == News::Refused,
                ..known
            },
            News::Probed | News::Silent | News::Refused | News::Moved => self,
        }
    }
}

/// A change, told to the one who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Down,
    /// It was down for so many milliseconds.
    Up(Ms),
}

/// Takes note of news in `cell`; tells what has changed by that. Writes
/// nothing if there is nothing new, since the page is shared.
fn learn(cell: &AtomicU64, news: News, print: u16, now: Ms) -> Option<Change> {
    let mut word = cell.load(Relaxed);
    loop {
        let before = Health::read(word);
        let after = before.after(news, print, now);
        if after.word() == word {
            return None;
        }
        match cell.compare_exchange_weak(word, after.word(), Relaxed, Relaxed) {
            Ok(_) if before.down && !after.down => {
                return Some(Change::Up(now.saturating_sub(before.since)));
            }
            Ok(_) if after.down && !before.down => return Some(Change::Down),
            Ok(_) => return None,
            Err(other) => word = other,
        }
    }
}

impl Backend {
    /// Is it known to be down? A word for the log.
    pub(super) fn down(&self, seat: &Seat) -> Option<&'static str> {
        let health = Health::read(seat.object_cell(self.row, CELL).load(Relaxed));
        let down = health.down && health.print == self.print;
        let word = match health.refuses {
            true => REFUSING,
            false => "backend_down",
        };
        down.then_some(word)
    }

    /// There is news of it.
    pub(super) fn heard(&self, seat: &Seat, news: News) {
        let cell = seat.object_cell(self.row, CELL);
        if let Some(Change::Up(ms)) = learn(cell, news, self.print, now()) {
            event!(BACKEND_UP, "-", backend = self.id, seconds = ms / 1000);
        }
    }

    /// It failed, and perhaps once too often.
    pub(super) fn failed(&self, seat: &Seat, failure: &Failure) {
        if failure.ours {
            return;
        }
        let cell = seat.object_cell(self.row, CELL);
        if learn(cell, News::Failed, self.print, now()) == Some(Change::Down) {
            self.note(seat, failure);
            event!(
                BACKEND_DOWN,
                "-",
                backend = self.id,
                address = failure.at,
                state = failure.state,
                why = format_args!("{}", failure.why)
            );
        }
    }

    /// Keeps for the list why it is down.
    pub(super) fn note(&self, seat: &Seat, failure: &Failure) {
        let text = format!("{}: {}", failure.state, failure.why);
        // Numbers of errors are for programmers.
        let end = text.find(" (os error").unwrap_or(text.len());
        write(&seat.board(), self.row, &text.as_bytes()[..end]);
    }
}

fn place(board: &Board, row: usize) -> &'static [AtomicU64] {
    let area = board.area(REASONS);
    area.get(row.saturating_mul(REASON)..)
        .and_then(|rest| rest.get(..REASON))
        .unwrap_or_default()
}

/// Writes a reason, cut to the room there is. Two who write at once may spoil
/// it for whoever reads the list, until one of them writes again.
fn write(board: &Board, row: usize, text: &[u8]) {
    for (n, word) in place(board, row).iter().enumerate() {
        let mut eight = [0; 8];
        let part = text.get(n * 8..).unwrap_or(&[]);
        let len = part.len().min(8);
        eight[..len].copy_from_slice(&part[..len]);
        word.store(u64::from_le_bytes(eight), Relaxed);
    }
}

/// The health of the backend in this row, which has these addresses, and why
/// it is down.
pub(super) fn look(board: &Board, row: usize, addresses: &[SocketAddr]) -> (Health, Vec<u8>) {
    let health = Health::read(board.own_cell(row, CELL).load(Relaxed));
    if health.print != print(addresses) {
        return (Health::default(), Vec::new());
    }
    let words = place(board, row).iter();
    let mut text: Vec<u8> = words
        .flat_map(|w| w.load(Relaxed).to_le_bytes())
        .take_while(|&octet| octet != 0)
        .collect();
    if !health.down {
        text.clear();
    }
    (health, text)
}

/// What `backend list` adds.
pub(super) fn show(board: &Board, config: &Config, backend: &Object, row: &mut Row) {
    let addresses = config.addresses(&backend.words[0]);
    let (health, reason) = look(board, backend.row, addresses);
    let marked = |kind| board.marked(kind, Object::mark(backend.row));
    let (sessions, draining) = (marked(MARK_BACKEND), backend.state as u64 == DRAINING);
    let since = (health.since != 0).then(|| now().saturating_sub(health.since) / 1000);
    row.kv("health", if health.down { &"down" } else { &"up" })
        .kv("reason", &reason)
        .kv("since", &since)
        .kv("pending", &marked(MARK_PENDING))
        .kv("sessions", &sessions)
        .kv(
            "drained",
            if draining && sessions == 0 {
                &"yes"
            } else {
                &"no"
            },
        );
}

/// What is measured of it.
pub(super) fn gauges(board: &Board, config: &Config, backend: &Object) -> Vec<Gauge> {
    let addresses = config.addresses(&backend.words[0]);
    let (health, _) = look(board, backend.row, addresses);
    let marked = |kind| board.marked(kind, Object::mark(backend.row)) as u64;
    let (up, sessions, pending) = (
        "1 if it answers, 0 if it is down.",
        "Sessions there.",
        "Sessions that wait for its answer.",
    );
    vec![
        Gauge("up", up, u64::from(!health.down)),
        Gauge("sessions", sessions, marked(MARK_BACKEND)),
        Gauge("pending", pending, marked(MARK_PENDING)),
    ]
}

#[cfg(test)]
mod tests;

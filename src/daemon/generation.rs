//! Generations: a change is tried in a new pool before it becomes current,
//! so that what cannot be loaded changes nothing.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::Signal;

use super::board::{Board, Field, Head, State, Text};
use super::config::{Config, NO_ROW};
use super::doors::Doors;
use super::load;
use super::pool::GRACE;
use super::signals::LOOK;
use crate::base::clock::{Ms, NEVER, now};
use crate::sys::proc::{Death, in_session, kill, kill_group};

/// The most generations that drain at a time.
pub(crate) const MOST_DRAINING: usize = 8;

/// A pool, as the master knows it.
pub(crate) struct Pool {
    pub(crate) pid: i32,
    pub(crate) generation: u64,
    pub(crate) channel: UnixStream,
    /// Rows of live values that its workers look at.
    rows: Vec<usize>,
    /// Since when it was to go.
    pub(crate) retired: Ms,
    /// When its sessions were last told to end.
    pub(crate) asked: Ms,
    /// Since when it is dead; its workers may go on.
    pub(crate) dead: Option<Ms>,
}

impl Pool {
    pub(crate) fn new(pid: i32, generation: u64, channel: UnixStream, config: &Config) -> Pool {
        let rows = config
            .all()
            .map(|(_, o)| o.row)
            .filter(|&r| r != NO_ROW)
            .collect();
        Pool {
            pid,
            generation,
            channel,
            rows,
            retired: 0,
            asked: 0,
            dead: None,
        }
    }

    /// Does it still look at this row?
    pub(crate) fn uses(&self, row: usize) -> bool {
        self.rows.contains(&row)
    }

    /// It shall go; it looks at the page why.
    pub(crate) fn retire(&mut self) {
        if self.retired == 0 {
            self.retired = now();
        }
        self.signal(LOOK);
    }

    /// Signals the pool and all its workers. The number of the group is not
    /// given away as long as one of them lives.
    pub(crate) fn signal(&self, which: Signal) {
        let _ = kill_group(self.pid, which);
    }

    /// Does for workers whose pool is dead what nobody else does: kills the
    /// stuck, frees the slots of the dead. Returns whether anybody is left.
    pub(crate) fn bury(&self, board: &Board) -> bool {
        let mut left = false;
        for slot in 0..board.slots() {
            let field = |f| board.field(slot, f).load(Relaxed);
            if board.state(slot) == State::Free || field(Field::Generation) != self.generation {
                continue;
            }
            let pid = i32::try_from(field(Field::Pid)).unwrap_or(0);
            if in_session(pid, self.pid) {
                left = true;
                end_if_stuck(board, slot, pid);
            } else {
                board.free(slot);
            }
        }
        left
    }
}

/// Kills a worker that is behind its deadline; its number has been checked.
fn end_if_stuck(board: &Board, slot: usize, pid: i32) {
    let deadline = board.field(slot, Field::Deadline).load(Relaxed);
    let late_ms = now().saturating_sub(deadline);
    if deadline == NEVER || late_ms <= GRACE {
        return;
    }
    let text = |which| board.text(slot, which);
    let (sid, user, doing) = (text(Text::Sid), text(Text::User), text(Text::Doing));
    event!(
        WORKER_STUCK,
        sid,
        worker = pid,
        user = user,
        doing = doing,
        late_ms = late_ms
    );
    let _ = kill(pid, Signal::SIGKILL);
}

/// Why a generation is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The first one.
    Start,
    /// A client of the control socket waits for the answer.
    Client(u64),
    /// A signal, or files that were replaced.
    Own(&'static str),
    /// The pool died: what it had loaded is to be loaded again.
    Died,
}

/// A pool that is not yet ready.
pub(crate) struct Trial {
    pub(crate) pool: Pool,
    pub(crate) config: Config,
    pub(crate) doors: Doors,
    pub(crate) cause: Cause,
    pub(crate) deadline: Ms,
    report: Vec<u8>,
}

impl Trial {
    pub(crate) fn new(
        pool: Pool,
        config: Config,
        doors: Doors,
        cause: Cause,
        deadline: Ms,
    ) -> Trial {
        Trial {
            pool,
            config,
            doors,
            cause,
            deadline,
            report: Vec::new(),
        }
    }

    /// Hears what the pool says; `None` if it has not made up its mind.
    pub(crate) fn hear(&mut self) -> Option<Result<load::Report, String>> {
        let mut buf = [0; 4096];
        loop {
            match self.pool.channel.read(&mut buf) {
                Ok(0) => break,
                Ok(count) => self.report.extend_from_slice(&buf[..count]),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                Err(why) => return Some(Err(format!("the pool cannot be heard: {why}"))),
            }
            if self.report.len() > load::LONGEST {
                return Some(Err("the pool talks too much".into()));
            }
        }
        load::report(&self.report)
    }

    /// The pool died before it was current; what it said before comes first.
    pub(crate) fn died(&mut self, death: Death) {
        if self.hear().is_none_or(|report| report.is_ok()) {
            self.report =
                load::refusal(&format!("the pool died while loading: {death}")).into_bytes();
        }
    }

    /// Is it too late?
    pub(crate) fn overdue(&self) -> bool {
        now() > self.deadline
    }
}

/// Makes a new generation current: its pool may fork, all others retire.
pub(crate) fn install(board: &Board, trial: &mut Trial, old: &mut [Pool]) -> io::Result<()> {
    board.publish(&trial.config);
    board
        .head(Head::Generation)
        .store(trial.pool.generation, Relaxed);
    trial.pool.channel.write_all(b"g")?;
    old.iter_mut().for_each(Pool::retire);
    Ok(())
}

//! One generation: loads, gives up its rights, says "ready", then forks
//! workers, reaps them, and kills those that are stuck.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use nix::sys::signal::Signal;

use super::board::{BEYOND, Board, Field, Head, State};
use super::brood::{Brood, Child};
use super::config::Config;
use super::helper::Help;
use super::load::{self, Bounds};
use super::notes::Told;
use super::policy::{Counts, Limits, advise};
use super::room;
use super::seat::{SIGNALS, Seat};
use super::service::{Role, Service};
use super::signals::{LOOK, POWER, Signals};
use super::vars::{MAXSESSION, MAXSPARE, MINSPARE, TRYTIMEOUT};
use super::worker::Worker;
use crate::base::clock::{Ms, NEVER, now};
use crate::base::log;
use crate::net::listen::Listener;
use crate::net::ready::look;
use crate::sys::proc::{Fork, fork, ignore_signals, kill, leave, unblock_signals};
use crate::sys::{proc, title};

/// How long a worker may be behind its own deadline, in milliseconds.
pub(super) const GRACE: Ms = 5000;
/// Between the wish that all leave and their end.
const PATIENCE: Ms = 3000;
/// Pauses after a worker that died in its first session.
pub(super) const FIRST_PAUSE: Ms = 100;
pub(super) const LONGEST_PAUSE: Ms = 5000;
/// The most forks between two looks at everything else.
const BATCH: usize = 64;

/// A door as the pool sees it: the listener, and kind and place of its object.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) listener: Arc<Listener>,
    /// Somebody else keeps it for another master.
    pub(crate) kept: bool,
    pub(crate) kind: usize,
    pub(crate) place: usize,
    /// The row of the object, and how many counters it has.
    pub(crate) tallies: (usize, usize),
}

/// What the master gives to a pool.
pub(crate) struct Nest {
    pub(crate) config: Config,
    pub(crate) board: Board,
    pub(crate) doors: Vec<Door>,
    pub(crate) death: OwnedFd,
    /// To the master; closed in workers.
    pub(crate) channel: Option<UnixStream>,
    pub(crate) generation: u64,
}

impl Board {
    /// Shuts the doors of a master that is gone, unless another one has them, too.
    pub(super) fn shut(&self, doors: &[Door]) {
        if self.head(Head::Shared).load(Relaxed) == 0 {
            let ours = doors.iter().filter(|door| !door.kept);
            ours.for_each(|door| door.listener.close_for_all());
        }
    }
}

/// One generation: the process that has loaded it, and its workers.
pub(super) struct Pool<S> {
    pub(super) nest: Nest,
    pub(super) service: S,
    pub(super) bounds: Bounds,
    /// A worker takes them over, with a pipe of its own.
    signals: Rc<Signals>,
    /// Closed in workers.
    poked: Option<OwnedFd>,
    poke: OwnedFd,
    pid: i32,
    pub(super) children: Brood,
    pub(super) help: Help,
    /// When the load was last looked at.
    pub(super) load_seen: Ms,
    /// No more forks; the pool ends when the last worker has left.
    ending: bool,
    /// When who is still here is killed.
    pub(super) kill_at: Ms,
    /// When it was last looked who is stuck.
    pub(super) looked: Ms,
    /// When it was last told of certificates that expire.
    told: Told,
    /// No forks before.
    pub(super) not_before: Ms,
    pub(super) pause: Ms,
}

/// The life of a pool; called in the child, signals still blocked.
pub(crate) fn run<S: Service>(nest: Nest) -> ! {
    log::after_fork();
    title::set(
        format!(
            "{}: {} {}",
            S::TABLES.name,
            Role::Pool.name(),
            nest.generation
        )
        .as_bytes(),
    );
    let status = live::<S>(nest).unwrap_or(1);
    leave(status)
}

/// Loads the configuration, says so, and waits until it is wanted; else the
/// status with which to leave.
fn prepare<S: Service>(
    config: &mut Config,
    channel: &mut UnixStream,
) -> io::Result<Result<(S, Bounds), i32>> {
    // Should the master be killed meanwhile nobody else ends a pool that hangs.
    let seconds = config.vars.number(TRYTIMEOUT) + GRACE / 1000;
    nix::unistd::alarm::set(seconds as u32);
    let loaded = load::load::<S>(config).and_then(|service| {
        let bounds = Bounds::set(&service, config)?;
        Ok((service, bounds))
    });
    if let Err(why) = &loaded {
        channel.write_all(load::refusal(why).as_bytes())?;
        return Ok(Err(1));
    }
    channel.write_all(load::ready(config).as_bytes())?;
    // The master answers when this generation is current, or hangs up.
    if channel.read(&mut [0; 1])? == 0 {
        return Ok(Err(0));
    }
    nix::unistd::alarm::cancel();
    Ok(loaded.map_err(|_| 1))
}

fn live<S: Service>(mut nest: Nest) -> io::Result<i32> {
    crate::sys::proc::new_session()?;
    // They are for the master; who sends them to all of its processes means it, too.
    ignore_signals(&[Signal::SIGHUP, Signal::SIGQUIT, POWER])?;
    let signals = Signals::listen(&SIGNALS)?;
    unblock_signals()?;
    let Some(mut channel) = nest.channel.take() else {
        return Ok(1);
    };
    let (service, bounds) = match prepare::<S>(&mut nest.config, &mut channel)? {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    nest.channel = Some(channel);
    bounds.log(nest.generation);
    let children = Brood::new(nest.board.slots())?;
    let help = Help::new(service.wants_helper());
    let mut told = Told::never();
    told.tell(|| service.notes());
    load::settle_heap();
    let (poked, poke) = crate::sys::proc::pipe()?;
    for fd in [&poked, &poke] {
        nix::fcntl::fcntl(fd, nix::fcntl::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    }
    // On the heap, side by side with whatever else it and its workers write.
    let mut pool = Box::new(Pool {
        nest,
        service,
        bounds,
        signals: Rc::new(signals),
        poked: Some(poked),
        poke,
        pid: proc::pid(),
        children,
        help,
        load_seen: 0,
        ending: false,
        kill_at: NEVER,
        looked: 0,
        told,
        not_before: 0,
        pause: FIRST_PAUSE,
    });
    pool.run()
}

impl<S: Service> Pool<S> {
    fn run(&mut self) -> io::Result<i32> {
        let mut nap = 0;
        loop {
            let Some(poked) = &self.poked else {
                return Ok(1);
            };
            let own = [self.signals.as_fd(), poked.as_fd(), self.nest.death.as_fd()];
            let count = if self.ending { 2 } else { 3 };
            let ready = look(&own[..count], nap)?;
            if ready.contains(&0) {
                self.signals.drain();
            }
            if ready.contains(&1) {
                let mut pokes = [0; 16];
                let _ = nix::unistd::read(poked, &mut pokes);
                if pokes.contains(&room::ASKED) {
                    self.wake_the_asked();
                }
            }
            if ready.contains(&2) {
                self.orphaned();
            }
            // With many children it takes the kernel long to find that none of them died.
            if self.signals.take(Signal::SIGCHLD) || ready.is_empty() {
                self.reap()?;
            }
            self.obey();
            self.end_the_stuck();
            if self.ending && self.children.len() == 0 {
                return Ok(0);
            }
            nap = self.tend()?;
        }
    }

    /// The master is gone: nobody new comes in, who is here may finish.
    fn orphaned(&mut self) {
        event!(MASTER_GONE, "-", generation = self.nest.generation);
        self.nest.board.shut(&self.nest.doors);
        self.ending = true;
    }

    fn obey(&mut self) {
        // INT goes to the workers, who get it themselves; LOOK is for the loop.
        let _ = (self.signals.take(Signal::SIGINT), self.signals.take(LOOK));
        if self.signals.take(Signal::SIGTERM) {
            self.ending = true;
            self.kill_at = now() + PATIENCE;
        }
        if self.nest.board.head(Head::Generation).load(Relaxed) != self.nest.generation {
            self.ending = true;
        }
    }

    /// Follows the policy; returns how long to sleep, in milliseconds.
    fn tend(&mut self) -> io::Result<u16> {
        if self.ending {
            return Ok(if self.kill_at == NEVER { 1000 } else { 50 });
        }
        self.watch_strain();
        self.told.tell(|| self.service.notes());
        let board = self.nest.board;
        let pause = self.not_before.saturating_sub(now());
        if pause > 0 {
            return Ok(pause.min(1000) as u16);
        }
        // Lowered before anybody is counted: who becomes busy after that pokes again.
        board.head(Head::Poked).swap(0, SeqCst);
        let (counts, limits) = (self.counts(), self.limits());
        let advice = advise(&counts, &limits);
        (0..advice.retire).for_each(|_| self.retire());
        for _ in 0..advice.spawn.min(BATCH) {
            if !self.spawn()? {
                break;
            }
        }
        if advice.spawn == 0 && counts.idle < limits.minspare {
            // Pokes could tell nothing new until a slot is free or the limit is raised.
            board.head(Head::Poked).store(1, Relaxed);
        }
        self.keep_helper()?;
        Ok(match () {
            () if advice.spawn > BATCH => 0,
            () if advice.starved => 20,
            () => 1000,
        })
    }

    fn counts(&self) -> Counts {
        let board = self.nest.board;
        let busy = self
            .workers()
            .filter(|c| board.state(c.slot) == State::Busy)
            .count();
        let free = board.free_slots();
        let mine = self.workers().count();
        Counts {
            idle: mine - busy,
            busy,
            others: (board.len() - free).saturating_sub(mine),
            free,
        }
    }

    fn limits(&self) -> Limits {
        let live = |key| self.nest.board.live(key).load(Relaxed) as usize;
        let maxsession = live(MAXSESSION).min(self.nest.board.len() - BEYOND);
        Limits {
            minspare: live(MINSPARE),
            maxspare: live(MAXSPARE),
            maxsession,
        }
    }

    /// Tells the idle worker in the highest slot to leave.
    fn retire(&self) {
        let board = self.nest.board;
        let idle = |c: &Child| {
            board.state(c.slot) == State::Idle
                && board.field(c.slot, Field::Leave).load(Relaxed) == 0
        };
        let Some(highest) = self.workers().rev().find(idle) else {
            return;
        };
        board.field(highest.slot, Field::Leave).store(1, Relaxed);
        let _ = kill(highest.pid, LOOK);
    }

    /// Forks one worker. `false`: not now.
    fn spawn(&mut self) -> io::Result<bool> {
        let board = self.nest.board;
        match self.children.claim(&board) {
            Some(slot) => self.bear(slot, Self::become_worker),
            None => Ok(false),
        }
    }

    /// Forks a process for a claimed slot, which it will live in.
    pub(super) fn bear(
        &mut self,
        slot: usize,
        life: fn(&mut Self, usize) -> io::Result<i32>,
    ) -> io::Result<bool> {
        let board = self.nest.board;
        board
            .field(slot, Field::Generation)
            .store(self.nest.generation, Relaxed);
        match fork() {
            Ok(Fork::Child) => leave(life(self, slot).unwrap_or(1)),
            Ok(Fork::Parent(pid)) => {
                board.field(slot, Field::Pid).store(pid as u64, Relaxed);
                board.head(Head::Forks).fetch_add(1, Relaxed);
                let serial = board.field(slot, Field::Serial).load(Relaxed);
                self.children.add(Child { pid, slot, serial });
                debug!(Pool, "-", born = pid, slot = slot);
                Ok(true)
            }
            Err(why) => {
                event!(FORK_FAILED, "-", why = why);
                board.free(slot);
                self.not_before = now() + 1000;
                Ok(false)
            }
        }
    }

    /// In the child, signals still blocked: takes its own signals, and lets
    /// go of what is the pool's. `None` if that is gone meanwhile.
    pub(super) fn sit(&mut self, slot: usize, role: Role) -> io::Result<Option<Seat>> {
        let who = (S::TABLES.name, role);
        log::after_fork();
        Rc::get_mut(&mut self.signals).map_or(Ok(()), Signals::renew)?;
        let seat = Seat::sit(self.nest.board, slot, who, self.signals.clone());
        (self.nest.channel, self.poked) = (None, None);
        if proc::parent() != self.pid {
            return Ok(None);
        }
        unblock_signals()?;
        Ok(Some(seat))
    }

    /// In the child: works.
    fn become_worker(&mut self, slot: usize) -> io::Result<i32> {
        let Some(seat) = self.sit(slot, Role::Worker)? else {
            return Ok(1);
        };
        let settled = self.service.after_fork();
        let settled = settled.and_then(|()| self.bounds.settle().map_err(|why| why.to_string()));
        if let Err(why) = settled {
            event!(WORKER_DIED, "-", worker = seat.pid(), why = why);
            return Ok(1);
        }
        seat.end();
        let worker = Worker {
            service: &mut self.service,
            config: &self.nest.config,
            doors: &self.nest.doors,
            seat: &seat,
            death: &self.nest.death,
            poke: &self.poke,
            generation: self.nest.generation,
            served: 0,
            orphan: false,
        };
        Ok(worker.run())
    }
}

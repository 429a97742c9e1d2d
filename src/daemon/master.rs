//! PRIVILEGED. The master: control socket, listeners, generations. It never
//! reads an octet from a client and never runs module code.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::board::{Board, Head};
use super::config::Config;
use super::control::{Answer, Control};
use super::doors::Doors;
use super::generation::{Cause, MOST_DRAINING, Pool, Trial, install};
use super::pidfile::PidFile;
use super::pool::{self, Nest};
use super::service::{Role, Service};
use super::signals::{LOOK, POWER, Signals};
use super::vars::{DRAINLIMIT, GENERATION, LOGFACILITY, MAXSESSION, SESSIONLIMIT, TRYTIMEOUT};
use super::words::Act;
use crate::base::clock::{Ms, now};
use crate::base::log;
use crate::base::verbs::Verb;
use crate::sys::proc::{Death, Fork, fork, kill, reap};

/// How long all that are told to go may take, in milliseconds.
const PATIENCE: Ms = 5000;
/// A pool that lived shorter than this is not replaced at once.
const SHORT_LIFE: Ms = 10_000;
const LONGEST_PAUSE: Ms = 30_000;

/// How the master goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everybody now; killed at that time.
    All(Ms),
    /// When the last session is over.
    Delayed,
    /// At once, sessions go on.
    Parent,
}

/// All that the master holds. What children must not hold is in an `Option`.
pub(super) struct Master<S> {
    pub(super) board: Board,
    pub(super) config: Config,
    /// Counts the configurations that were current.
    pub(super) edition: u64,
    pub(super) verbs: Vec<Verb<Act>>,
    pub(super) doors: Doors,
    pub(super) current: Option<Pool>,
    pub(super) old: Vec<Pool>,
    pub(super) trial: Option<Trial>,
    pub(super) control: Option<Control>,
    pub(super) ending: Option<Ending>,
    /// Counters count from here.
    pub(super) base: Vec<u64>,
    pidfile: Option<PidFile>,
    signals: Signals,
    death: OwnedFd,
    death_writer: Option<OwnedFd>,
    generation: u64,
    foreground: bool,
    /// Tells who started us that we are ready.
    ready: Option<Box<dyn FnOnce()>>,
    hang_up: bool,
    installed: Ms,
    replace_at: Option<Ms>,
    pause: Ms,
    ticked: Ms,
    service: std::marker::PhantomData<S>,
}

/// What the start-up has made ready for the master.
pub(super) struct Start {
    pub(super) verbs: Vec<Verb<Act>>,
    pub(super) board: Board,
    pub(super) control: Control,
    pub(super) pidfile: PidFile,
    pub(super) foreground: bool,
    pub(super) ready: Box<dyn FnOnce()>,
}

/// Looks over a candidate as a whole.
pub(super) fn check<S: Service>(config: &Config) -> Result<(), String> {
    let (most, wanted) = (
        config.vars.number(SESSIONLIMIT),
        config.vars.number(MAXSESSION),
    );
    if wanted > most {
        return Err(format!(
            "maxsession must be at most sessionlimit, which is {most} (option -s), not {wanted}"
        ));
    }
    S::check(config)
}

impl<S: Service> Master<S> {
    /// # Errors
    /// No descriptors left.
    pub(super) fn new(start: Start) -> io::Result<Master<S>> {
        use Signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let (death, death_writer) = crate::sys::proc::pipe()?;
        crate::sys::proc::adopt_orphans();
        Ok(Master {
            board: start.board,
            config: Config::new(S::TABLES),
            edition: 0,
            verbs: start.verbs,
            doors: Doors::default(),
            current: None,
            old: Vec::new(),
            trial: None,
            control: Some(start.control),
            ending: None,
            base: Vec::new(),
            pidfile: Some(start.pidfile),
            signals: Signals::listen(&[SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, POWER])?,
            death,
            death_writer: Some(death_writer),
            generation: 0,
            foreground: start.foreground,
            ready: Some(start.ready),
            hang_up: false,
            installed: 0,
            replace_at: None,
            pause: 0,
            ticked: 0,
            service: std::marker::PhantomData,
        })
    }

    /// The life of a master: tries the first generation, then serves the
    /// control socket until it is told to go.
    ///
    /// # Errors
    /// Why it never came to life.
    pub(super) fn run(mut self, first: Config) -> Result<(), String> {
        crate::sys::title::set(format!("{}: {}", S::TABLES.name, Role::Master.name()).as_bytes());
        let outcome = self.attempt(first, Cause::Start).and_then(|()| self.live());
        self.close();
        outcome
    }

    fn live(&mut self) -> Result<(), String> {
        loop {
            self.wait().map_err(|why| format!("poll: {why}"))?;
            self.hear_signals();
            self.reap();
            self.hear_trial()?;
            self.hear_clients();
            let hurry = self.ending.is_some() || self.replace_at.is_some();
            if hurry || now() - self.ticked >= 1000 {
                self.ticked = now();
                self.tick();
            }
            if self.finished() {
                return Ok(());
            }
        }
    }

    fn wait(&self) -> io::Result<()> {
        let control = self.control.as_ref();
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(trial) = &self.trial {
            fds.push(PollFd::new(trial.pool.channel.as_fd(), PollFlags::POLLIN));
        }
        for (fd, writes) in control.map(Control::interests).unwrap_or_default() {
            fds.push(PollFd::new(
                fd,
                if writes {
                    PollFlags::POLLOUT
                } else {
                    PollFlags::POLLIN
                },
            ));
        }
        let timeout: u16 = match () {
            () if control.is_some_and(Control::busy) => 0,
            () if self.ending.is_some() => 50,
            () => self
                .replace_at
                .map_or(1000, |at| at.saturating_sub(now()).clamp(10, 1000) as u16),
        };
        match poll(&mut fds, PollTimeout::from(timeout)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn hear_signals(&mut self) {
        self.signals.drain();
        self.hang_up |= self.signals.take(Signal::SIGHUP);
        let interrupted = self.signals.take(Signal::SIGINT);
        if self.signals.take(Signal::SIGTERM) || interrupted && self.foreground {
            self.shut_down("all");
        } else if interrupted {
            self.shut_down("children");
        }
        if self.signals.take(Signal::SIGQUIT) {
            self.shut_down("parent");
        }
        if self.signals.take(POWER) {
            self.shut_down("delayed");
        }
        let _ = self.signals.take(Signal::SIGCHLD);
        if self.hang_up && self.trial.is_none() {
            self.hang_up = false;
            self.reload();
        }
    }

    /// HUP: log files and everything else are opened anew.
    fn reload(&mut self) {
        match log::reopen() {
            Ok(()) => event!(LOG_REOPENED, "-"),
            Err(why) => event!(LOG_LOST, "-", why = why),
        }
        let mut fresh = self.config.clone();
        fresh.reload_all();
        if let Err(why) = self.attempt(fresh, Cause::Own("SIGHUP")) {
            event!(LOAD_FAILED, "-", cause = "SIGHUP", why = why);
        }
    }

    /// Obeys a shutdown word.
    pub(super) fn shut_down(&mut self, how: &str) {
        event!(SHUTDOWN, "-", how = how);
        let pools = || self.current.iter().chain(&self.old);
        match how {
            "children" => pools().for_each(|pool| pool.signal(Signal::SIGINT)),
            "parent" => self.ending = Some(Ending::Parent),
            "delayed" => {
                self.ending = Some(Ending::Delayed);
                self.doors.shut_all_but(&Doors::default());
                self.board.head(Head::Generation).store(u64::MAX, Relaxed);
                pools().for_each(|pool| pool.signal(LOOK));
                // Another master may start while our last sessions finish.
                self.remove_pidfile();
            }
            _ => {
                self.ending = Some(Ending::All(now() + PATIENCE));
                self.doors.shut_all_but(&Doors::default());
                pools().for_each(|pool| pool.signal(Signal::SIGTERM));
            }
        }
        if self.ending.is_some() {
            self.end_trial("the daemon is shutting down");
        }
    }

    fn finished(&mut self) -> bool {
        let empty = self.current.is_none() && self.old.is_empty();
        match self.ending {
            None => false,
            Some(Ending::Parent) => true,
            Some(Ending::Delayed) => empty,
            Some(Ending::All(limit)) => {
                if now() > limit {
                    let pools = self.current.iter().chain(&self.old);
                    pools.for_each(|pool| pool.signal(Signal::SIGKILL));
                }
                empty || now() > limit + PATIENCE
            }
        }
    }

    fn close(&mut self) {
        if let Some(control) = &mut self.control {
            drop(control.work());
            control.remove();
        }
        self.remove_pidfile();
    }

    fn remove_pidfile(&mut self) {
        if let Some(pidfile) = self.pidfile.take() {
            pidfile.remove();
        }
    }

    /// Tries a candidate in a pool of its own.
    ///
    /// # Errors
    /// Why not even that can be done.
    pub(super) fn attempt(&mut self, mut config: Config, cause: Cause) -> Result<(), String> {
        if self.trial.is_some() {
            return Err("busy: another change is being tried".into());
        }
        if self.ending.is_some() {
            return Err("busy: the daemon is shutting down".into());
        }
        check::<S>(&config)?;
        let pools = || self.current.iter().chain(&self.old);
        self.board
            .give_rows(&mut config, &|row| pools().any(|pool| pool.uses(row)))?;
        let doors = self.doors.open(&config)?;
        let (ours, theirs) = UnixStream::pair().map_err(|why| format!("socketpair: {why}"))?;
        ours.set_nonblocking(true)
            .map_err(|why| format!("fcntl: {why}"))?;
        let generation = self.generation + 1;
        let pid = match fork().map_err(|why| format!("fork: {why}"))? {
            Fork::Parent(pid) => pid,
            Fork::Child => {
                drop(ours);
                self.become_pool(config, &doors, theirs, generation)
            }
        };
        self.generation = generation;
        debug!(Control, "-", trying = generation, pool = pid);
        let deadline = now() + config.vars.number(TRYTIMEOUT) * 1000;
        let pool = Pool::new(pid, generation, ours, &config);
        self.trial = Some(Trial::new(pool, config, doors, cause, deadline));
        Ok(())
    }

    /// In the child: lets go of all that is the master's, the write end of
    /// the death pipe first.
    fn become_pool(
        &mut self,
        mut config: Config,
        doors: &Doors,
        channel: UnixStream,
        generation: u64,
    ) -> ! {
        self.death_writer = None;
        self.control = None;
        self.current = None;
        self.old.clear();
        self.pidfile = None;
        self.ready = None;
        self.signals.forget();
        log::set_facility(config.vars.text(LOGFACILITY));
        let doors = doors.for_pool(&config);
        self.doors = Doors::default();
        config.vars.put(GENERATION, generation.to_string());
        let Ok(death) = self.death.try_clone() else {
            crate::sys::proc::leave(1)
        };
        pool::run::<S>(Nest {
            config,
            board: self.board,
            doors,
            death,
            channel: Some(channel),
            generation,
        })
    }

    fn hear_trial(&mut self) -> Result<(), String> {
        let Some(trial) = &mut self.trial else {
            return Ok(());
        };
        let report = match trial.hear() {
            None if trial.overdue() => Err("the pool was not ready within trytimeout".into()),
            None => return Ok(()),
            Some(report) => report,
        };
        match report {
            Ok(resolved) => {
                trial.config.resolved = resolved;
                self.install();
                Ok(())
            }
            Err(why) => self.reject(why),
        }
    }

    /// The trial is ready: it becomes the current generation.
    fn install(&mut self) {
        let Some(mut trial) = self.trial.take() else {
            return;
        };
        self.old.extend(self.current.take());
        log::set_facility(trial.config.vars.text(LOGFACILITY));
        trial
            .config
            .vars
            .put(GENERATION, trial.pool.generation.to_string());
        if let Err(why) = install(&self.board, &mut trial, &mut self.old) {
            // The pool died just now; its death will be seen and it is replaced.
            event!(POOL_DIED, "-", pool = trial.pool.pid, why = why);
        }
        self.doors.shut_all_but(&trial.doors);
        (self.doors, self.config, self.current) = (trial.doors, trial.config, Some(trial.pool));
        self.edition += 1;
        self.installed = now();
        event!(LOADED, "-", generation = self.generation);
        if let Some(ready) = self.ready.take() {
            ready();
        }
        self.answer(
            trial.cause,
            Answer::Ok(format!("generation {} is current", self.generation)),
        );
    }

    /// The trial failed: nothing has changed.
    fn reject(&mut self, why: String) -> Result<(), String> {
        let Some(trial) = self.trial.take() else {
            return Ok(());
        };
        let _ = kill(trial.pool.pid, Signal::SIGKILL);
        trial.pool.signal(Signal::SIGKILL);
        trial.doors.shut_all_but(&self.doors);
        event!(
            LOAD_FAILED,
            "-",
            generation = trial.pool.generation,
            why = why
        );
        if self.current.is_none() && !matches!(trial.cause, Cause::Start) {
            self.schedule_replacement();
        }
        match trial.cause {
            Cause::Start => Err(why),
            cause => {
                self.answer(cause, Answer::Err(why));
                Ok(())
            }
        }
    }

    fn end_trial(&mut self, why: &str) {
        if self.trial.as_ref().is_some_and(|t| t.cause != Cause::Start) {
            let _ = self.reject(why.into());
        } else if let Some(trial) = &self.trial {
            let _ = kill(trial.pool.pid, Signal::SIGKILL);
        }
    }

    fn answer(&mut self, cause: Cause, answer: Answer) {
        let Cause::Client(id) = cause else { return };
        if let Some(client) = self.control.as_mut().and_then(|c| c.client(id)) {
            client.waiting = false;
            client.say(&answer);
        }
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, death))) = reap() {
            if let Some(trial) = self.trial.as_mut().filter(|t| t.pool.pid == pid) {
                trial.died(death);
            } else if self.current.as_ref().is_some_and(|p| p.pid == pid) {
                self.lost_pool(pid, death);
            } else if let Some(pool) = self.old.iter_mut().find(|p| p.pid == pid) {
                pool.dead = Some(now());
                if !death.clean() {
                    event!(
                        POOL_DIED,
                        "-",
                        pool = pid,
                        generation = pool.generation,
                        why = death
                    );
                }
                self.bury();
            } else {
                self.bury();
            }
        }
    }

    /// The current pool died: its workers go on, and it is replaced.
    fn lost_pool(&mut self, pid: i32, death: Death) {
        let Some(mut pool) = self.current.take() else {
            return;
        };
        if self.ending.is_none() {
            event!(
                POOL_DIED,
                "-",
                pool = pid,
                generation = pool.generation,
                why = death
            );
            self.schedule_replacement();
        }
        (pool.dead, pool.retired) = (Some(now()), now());
        self.old.push(pool);
        self.bury();
    }

    fn schedule_replacement(&mut self) {
        let short = now() - self.installed < SHORT_LIFE;
        self.pause = if short {
            (self.pause * 2).clamp(100, LONGEST_PAUSE)
        } else {
            0
        };
        self.replace_at = Some(now() + self.pause);
    }

    /// Forgets pools that are gone with all their workers.
    fn bury(&mut self) {
        let board = self.board;
        self.old.retain(|pool| {
            let gone = pool.dead.is_some() && !pool.bury(&board);
            if gone {
                event!(
                    DRAINED,
                    "-",
                    generation = pool.generation,
                    ms = now().saturating_sub(pool.retired)
                );
            }
            !gone
        });
    }

    fn tick(&mut self) {
        log::mend();
        self.bury();
        self.limit_draining();
        if self.ending.is_none()
            && self.trial.is_none()
            && self.replace_at.is_some_and(|at| now() >= at)
        {
            self.replace_at = None;
            let same = self.config.clone();
            if let Err(why) = self.attempt(same, Cause::Own("pool died")) {
                event!(LOAD_FAILED, "-", cause = "pool died", why = why);
                self.schedule_replacement();
            }
        }
    }

    /// Ends the sessions of generations that drain too long, or are too many.
    fn limit_draining(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let limit = self.board.live(DRAINLIMIT).load(Relaxed) * 1000;
        let too_many = self.old.len().saturating_sub(MOST_DRAINING);
        for (n, pool) in self.old.iter_mut().enumerate() {
            if n < too_many || now().saturating_sub(pool.retired) > limit {
                event!(
                    DRAIN_LIMIT,
                    "-",
                    generation = pool.generation,
                    draining = too_many + MOST_DRAINING
                );
                pool.signal(Signal::SIGTERM);
                // Asked again later, should it not have gone.
                pool.retired = now();
            }
        }
    }
}

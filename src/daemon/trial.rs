//! PRIVILEGED. Trials: a candidate is loaded by a pool of its own; it
//! becomes current, or nothing has changed.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;

use super::client::Answer;
use super::config::Config;
use super::doors::Doors;
use super::generation::{Cause, Pool, Trial, install};
use super::master::{Master, check};
use super::pool::{self, Nest};
use super::service::Service;
use super::vars::{BACKLOG, GENERATION, TRYTIMEOUT, set_log};
use crate::base::clock::now;
use crate::base::log;
use crate::sys::proc::{Fork, fork, kill, new_session, unblock_signals};
use crate::sys::title;

impl<S: Service> Master<S> {
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
        if self.is_changing_hands() && cause != Cause::Start {
            return Err("busy: an upgrade is under way".into());
        }
        check::<S>(&config)?;
        self.read_key_files(&mut config, &cause)?;
        let pools = || self.current.iter().chain(&self.old);
        self.board
            .give_rows(&mut config, &|row| pools().any(|pool| pool.uses(row)))?;
        let doors = self.doors.open(&self.passed, &config)?;
        let (ours, theirs) = UnixStream::pair().map_err(|e| self.not_tried("socketpair", &e))?;
        ours.set_nonblocking(true)
            .map_err(|why| format!("fcntl: {why}"))?;
        let generation = self.generation + 1;
        config.loaded_by(generation);
        let pid = match fork().map_err(|why| self.not_tried("fork", &why))? {
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

    /// In a child: lets go of all that is the master's, the write end of the
    /// death pipe first.
    pub(super) fn let_go(&mut self) {
        self.death_writer = None;
        self.control = None;
        self.current = None;
        self.old.clear();
        self.errands.clear();
        (self.upgrade, self.heir) = (None, None);
        self.pidfile = None;
        self.trial = None;
        (self.doors, self.passed) = (Doors::default(), Doors::default());
        if let Some(ready) = self.ready.take() {
            ready(false);
        }
        self.signals.forget();
    }

    /// In a child that is no pool: the same, and a name and a session of its
    /// own.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn set_apart(&mut self, role: &str) -> io::Result<()> {
        self.let_go();
        log::after_fork();
        title::set(format!("{}: {role}", S::TABLES.name).as_bytes());
        new_session()?;
        unblock_signals()
    }

    /// In the child.
    pub(super) fn become_pool(
        &mut self,
        mut config: Config,
        doors: &Doors,
        channel: UnixStream,
        generation: u64,
    ) -> ! {
        self.let_go();
        set_log(&config.vars);
        let doors = doors.for_pool(&config);
        config.vars.put(GENERATION, generation.to_string());
        let Some(death) = self.death.take() else {
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

    /// Hears the pool that is being tried, and acts if it has made up its mind.
    ///
    /// # Errors
    /// The first generation could not be loaded: the daemon does not come to life.
    pub(super) fn hear_trial(&mut self) -> Result<(), String> {
        let Some(trial) = &mut self.trial else {
            return Ok(());
        };
        let report = match trial.hear() {
            None if trial.overdue() => Err("the pool was not ready within trytimeout".into()),
            None => return Ok(()),
            Some(report) => report,
        };
        match report {
            Ok(report) => {
                (trial.config.resolved, trial.config.notes) = report;
                self.install();
                Ok(())
            }
            Err(why) => self.reject(why),
        }
    }

    /// The trial is ready: it becomes the current generation.
    pub(super) fn install(&mut self) {
        let Some(mut trial) = self.trial.take() else {
            return;
        };
        self.old.extend(self.current.take());
        set_log(&trial.config.vars);
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
        self.config.keyfiles.settle();
        self.doors.listen(self.config.vars.number(BACKLOG) as u32);
        if trial.cause == Cause::Start {
            self.tell_unused();
        }
        self.edition += 1;
        self.tried = 0;
        self.installed = now();
        self.replace_at = None;
        event!(LOADED, "-", generation = self.generation);
        if let Some(ready) = self.ready.take() {
            ready(true);
        }
        let status = format!("generation {} is current", self.generation);
        if self.heir.is_none() {
            self.notify.serving(&status);
        }
        self.answer(trial.cause, Answer::Ok(status));
    }

    /// The trial failed: nothing has changed.
    pub(super) fn reject(&mut self, why: String) -> Result<(), String> {
        let Some(trial) = self.trial.take() else {
            return Ok(());
        };
        let _ = kill(trial.pool.pid, Signal::SIGKILL);
        trial.pool.signal(Signal::SIGKILL);
        if !self.shared {
            trial.doors.without(&self.passed).shut_all_but(&self.doors);
        }
        event!(
            LOAD_FAILED,
            "-",
            generation = trial.pool.generation,
            why = why
        );
        let left = "a change could not be loaded; the generation before it serves";
        self.notify.unchanged(left);
        if self.current.is_none() && !matches!(trial.cause, Cause::Start) {
            self.schedule_replacement(true);
        }
        match trial.cause {
            Cause::Start => Err(why),
            cause => {
                self.answer(cause, Answer::Err(why));
                Ok(())
            }
        }
    }

    /// Gives up what is being tried, since the daemon ends.
    pub(super) fn end_trial(&mut self, why: &str) {
        if self.trial.as_ref().is_some_and(|t| t.cause != Cause::Start) {
            let _ = self.reject(why.into());
        } else if let Some(trial) = &self.trial {
            let _ = kill(trial.pool.pid, Signal::SIGKILL);
        }
    }

    /// Tells who has asked for a change, if anybody waits, what came of it.
    pub(super) fn answer(&mut self, cause: Cause, answer: Answer) {
        let Cause::Client(id) = cause else { return };
        if let Some(client) = self.control.as_mut().and_then(|c| c.client(id)) {
            client.waiting = false;
            client.say(answer);
        }
    }
}

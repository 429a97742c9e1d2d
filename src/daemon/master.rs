//! PRIVILEGED. The master: control socket, listeners, generations. It never
//! reads an octet from a client and never runs module code.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::board::{Board, Head};
use super::channel::Channel;
use super::config::{Config, Object};
use super::control::Control;
use super::doors::Doors;
use super::errand::Errand;
use super::generation::{Cause, Pool, Trial};
use super::heir::Heir;
use super::keyfiles::Look;
use super::notify::Notify;
use super::origin::Origin;
use super::pidfile::PidFile;
use super::service::{Role, Service};
use super::shutdown::Ending;
use super::signals::{POWER, Signals};
use super::upgrade::{Relief, Upgrade};
use super::vars::{MAXSESSION, SESSIONLIMIT, TICKETLIFE};
use super::watch::Watcher;
use super::words::Act;
use crate::base::clock::{Ms, now};
use crate::base::verbs::Verb;
use crate::base::{digest, log};

/// All that the master holds. What children must not hold is in an `Option`.
pub(super) struct Master<S> {
    pub(super) board: Board,
    pub(super) config: Config,
    /// Counts the configurations that were current.
    pub(super) edition: u64,
    pub(super) verbs: Vec<Verb<Act>>,
    pub(super) doors: Doors,
    /// Sockets that were given to us, for whatever asks for one of them.
    pub(super) passed: Doors,
    /// Another master has them, too: they are not shut.
    pub(super) shared: bool,
    /// Who is to take our place.
    pub(super) upgrade: Option<Upgrade>,
    /// Who has taken it.
    pub(super) relief: Option<Relief>,
    /// Until then our sockets may be shut by others.
    pub(super) revive_until: Ms,
    /// Whose place we are to take.
    pub(super) heir: Option<Heir>,
    pub(super) origin: Origin,
    pub(super) notify: Notify,
    pub(super) current: Option<Pool>,
    pub(super) old: Vec<Pool>,
    pub(super) trial: Option<Trial>,
    pub(super) errands: Vec<Errand>,
    pub(super) watchers: Vec<Watcher>,
    pub(super) control: Option<Control>,
    pub(super) ending: Option<Ending>,
    /// Counters count from here.
    pub(super) base: Vec<u64>,
    pub(super) pidfile: Option<PidFile>,
    pub(super) signals: Signals,
    pub(super) death: Option<OwnedFd>,
    pub(super) death_writer: Option<OwnedFd>,
    pub(super) generation: u64,
    pub(super) foreground: bool,
    /// What is left to do in the foreground.
    pub(super) ready: Option<Ready>,
    pub(super) hang_up: bool,
    pub(super) installed: Ms,
    pub(super) replace_at: Option<Ms>,
    pub(super) pause: Ms,
    pub(super) ticked: Ms,
    /// The replaced files that were tried last, as their number.
    pub(super) tried: u32,
    pub(super) keys: Look,
    /// When the rotating secret was made.
    pub(super) rotated: Ms,
    pub(super) service: std::marker::PhantomData<S>,
}

/// What the start-up has made ready for the master.
pub(super) struct Start {
    pub(super) verbs: Vec<Verb<Act>>,
    pub(super) board: Board,
    pub(super) control: Control,
    /// None: that of another master is still there.
    pub(super) pidfile: Option<PidFile>,
    pub(super) foreground: bool,
    pub(super) ready: Ready,
    pub(super) passed: Doors,
    pub(super) heir: Option<Heir>,
    pub(super) origin: Origin,
    pub(super) notify: Notify,
    /// The last generation there was, and when the secrets were made.
    pub(super) before: (u64, Ms),
}

/// Lets go of the terminal; with `true`, tells who started us that all is well.
pub(super) type Ready = Box<dyn FnOnce(bool)>;

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
    no_door_twice(config)?;
    S::check(config)
}

/// One socket cannot be two doors: nobody could tell which of them a client
/// has come through, and no worker could wait for both.
fn no_door_twice(config: &Config) -> Result<(), String> {
    let doors: Vec<_> = config.doors().collect();
    for (n, (kind, object, proto, at)) in doors.iter().enumerate() {
        let same = |other: &&(_, &Object, _, _)| other.2 == *proto && other.3 == *at;
        if let Some((_, first, ..)) = doors[..n].iter().find(same).filter(|_| at.port() != 0) {
            let (name, id) = (config.tables.kinds[*kind].name, &object.id);
            return Err(format!("{name} {id}: {at} is taken by {name} {}", first.id));
        }
    }
    Ok(())
}

fn reopen_log() {
    match log::reopen() {
        Ok(()) => event!(LOG_REOPENED, "-"),
        Err(why) => event!(LOG_LOST, "-", why = why),
    }
}

impl<S: Service> Master<S> {
    /// # Errors
    /// No descriptors left.
    pub(super) fn new(start: Start) -> io::Result<Master<S>> {
        use Signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let (death, death_writer) = crate::sys::proc::pipe()?;
        crate::sys::proc::adopt_orphans();
        let shared = start.heir.is_some();
        start.board.head(Head::Shared).store(shared.into(), Relaxed);
        Ok(Master {
            board: start.board,
            config: Config::new(S::TABLES),
            edition: 0,
            verbs: start.verbs,
            doors: Doors::default(),
            passed: start.passed,
            shared,
            upgrade: None,
            relief: None,
            revive_until: 0,
            heir: start.heir,
            origin: start.origin,
            notify: start.notify,
            current: None,
            old: Vec::new(),
            trial: None,
            errands: Vec::new(),
            watchers: Vec::new(),
            control: Some(start.control),
            ending: None,
            base: Vec::new(),
            pidfile: start.pidfile,
            signals: Signals::listen(&[SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, POWER])?,
            death: Some(death),
            death_writer: Some(death_writer),
            generation: start.before.0,
            foreground: start.foreground,
            ready: Some(start.ready),
            hang_up: false,
            installed: 0,
            replace_at: None,
            pause: 0,
            ticked: 0,
            tried: 0,
            keys: Look::default(),
            rotated: start.before.1,
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
        if self.heir.is_some() {
            // What we have put there the old master puts right.
            self.pidfile = None;
        }
        self.close();
        outcome
    }

    fn live(&mut self) -> Result<(), String> {
        loop {
            self.wait().map_err(|why| format!("poll: {why}"))?;
            self.hear_signals();
            self.reap();
            self.hear_trial()?;
            self.hear_errands();
            self.hear_upgrade();
            self.hear_elder()?;
            self.hear_clients();
            self.notify.alive();
            let hurry = self.is_ending() || self.replace_at.is_some();
            if hurry || now() - self.ticked >= 1000 {
                self.ticked = now();
                self.tick();
            }
            if self.finished() {
                return Ok(());
            }
        }
    }

    /// Is all over soon?
    fn is_ending(&self) -> bool {
        !matches!(self.ending, None | Some(Ending::Relieved))
    }

    fn wait(&self) -> io::Result<()> {
        let control = self.control.as_ref();
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(trial) = &self.trial {
            fds.push(PollFd::new(trial.pool.channel.as_fd(), PollFlags::POLLIN));
        }
        fds.extend(
            self.errand_fds()
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
        );
        let heirs = self.upgrade.iter().map(|upgrade| &upgrade.channel);
        let elders = self.heir.iter().map(|heir| &heir.channel);
        fds.extend(heirs.chain(elders).filter_map(Channel::interest));
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
            // A worker that is ready to serve does not say so.
            () if self.is_ending() || self.heir.is_some() => 50,
            () => {
                let replace = self.replace_at.map(|at| at.saturating_sub(now()));
                let most = replace.map_or(1000, |ms| ms.clamp(10, 1000));
                self.notify.nap(most) as u16
            }
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
        if self.hang_up && self.ending.is_some() {
            self.hang_up = false;
            reopen_log();
        } else if self.hang_up && self.trial.is_none() && !self.is_changing_hands() {
            self.hang_up = false;
            self.reload();
        }
    }

    /// HUP: log files and everything else are opened anew.
    fn reload(&mut self) {
        self.notify.reloading();
        reopen_log();
        let mut fresh = self.config.clone();
        fresh.reload_all();
        let read = fresh.load_again();
        if let Err(why) = read.and_then(|()| self.attempt(fresh, Cause::Own("SIGHUP"))) {
            event!(LOAD_FAILED, "-", cause = "SIGHUP", why = why);
            self.notify
                .unchanged("what SIGHUP asked for could not be loaded");
        }
    }

    fn close(&mut self) {
        if let Some(control) = &mut self.control {
            drop(control.work());
            control.remove();
        }
        self.remove_pidfile();
    }

    /// Removes the pid file, if it is ours.
    pub(super) fn remove_pidfile(&mut self) {
        if let Some(pidfile) = self.pidfile.take() {
            pidfile.remove();
        }
    }

    /// Makes the secret anew when it is old.
    fn rotate(&mut self) {
        if now() - self.rotated < self.config.vars.number(TICKETLIFE) * 1000 {
            return;
        }
        self.rotated = now();
        match digest::random() {
            Ok(fresh) => self.board.rotate(fresh),
            Err(why) => event!(
                LOAD_FAILED,
                "-",
                cause = "ticketlife",
                why = why.to_string()
            ),
        }
    }

    fn tick(&mut self) {
        log::mend();
        // It has no pid file any more, so nobody tells it.
        if self.ending.is_some() && log::reopen_if_replaced() {
            event!(LOG_REOPENED, "-");
        }
        self.bury();
        self.revive_doors();
        self.limit_draining();
        self.try_replaced();
        self.try_key_files();
        self.rotate();
        if self.ending.is_none()
            && self.trial.is_none()
            && self.replace_at.is_some_and(|at| now() >= at)
        {
            self.replace_at = None;
            let same = self.config.clone();
            if let Err(why) = self.attempt(same, Cause::Died) {
                event!(LOAD_FAILED, "-", cause = "pool died", why = why);
                self.schedule_replacement(true);
            }
        }
    }
}

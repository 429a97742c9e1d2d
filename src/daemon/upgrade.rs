//! PRIVILEGED. Upgrade, the side of the master that is to be relieved. It
//! starts the new program with its sockets, secrets and configuration, and
//! goes on serving until that serves, too. Whatever the new one does, up to
//! the end, costs the old one nothing but a child. See [`super::handover`].

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::Signal;

use super::board::Head;
use super::channel::Channel;
use super::client::Answer;
use super::generation::Cause;
use super::handover::{self, Parcel, Reply, YOURS};
use super::master::Master;
use super::passed::{HANDOVER, LISTEN};
use super::pidfile::PidFile;
use super::service::{Role, Service};
use super::shutdown::Ending;
use super::signals::LOOK;
use super::vars::{BACKLOG, TRYTIMEOUT};
use crate::base::clock::{Ms, now};
use crate::base::words::quote;
use crate::sys::proc::{Death, Fork, fork, kill, leave};
use crate::sys::{inherit, title};

/// For so long the old master stays, in milliseconds, and comes back if the
/// new one is killed.
const PROBATION: Ms = 10_000;

/// A new master, until it serves in our place.
pub(super) struct Upgrade {
    pid: i32,
    cause: Cause,
    program: PathBuf,
    pub(super) channel: Channel,
    dead: Option<Death>,
    deadline: Ms,
    /// We have let go of everything.
    relieved: bool,
}

impl Upgrade {
    fn hear(&mut self) -> Option<Reply> {
        if let Some(line) = self.channel.next() {
            let reply = handover::reply(&line);
            // Who has taken over, and is dead already, serves nobody.
            if reply != Reply::Thanks || self.dead.is_none() {
                return Some(reply);
            }
        }
        match self.dead {
            Some(death) => Some(Reply::Failed(format!("it died: {death}"))),
            None if now() > self.deadline => {
                Some(Reply::Failed("it did not serve within trytimeout".into()))
            }
            None => None,
        }
    }
}

/// Who has taken our place, and until when we may take it back.
pub(super) struct Relief {
    pid: i32,
    until: Ms,
}

impl Relief {
    /// May we still have to take our place back?
    pub(super) fn is_on_trial(&self) -> bool {
        now() < self.until
    }
}

impl<S: Service> Master<S> {
    /// Starts the program that is to take our place.
    pub(super) fn upgrade(&mut self, client: u64, program: Option<&str>) -> Answer {
        let busy = [
            (self.ending.is_some(), "the daemon is shutting down"),
            (self.trial.is_some(), "another change is being tried"),
            (self.is_changing_hands(), "an upgrade is under way"),
        ];
        if let Some((_, why)) = busy.iter().find(|(is, _)| *is) {
            return Answer::Err(format!("busy: {why}"));
        }
        let program = program.map_or(self.origin.program.clone(), PathBuf::from);
        if !program.is_absolute() {
            let name = program.to_string_lossy();
            return Answer::Err(format!(
                "wrong file {}; right would be: /PATH/FILE",
                quote(&name)
            ));
        }
        match self.start_heir(&program, Cause::Client(client)) {
            Ok(upgrade) => {
                event!(
                    UPGRADE_BEGUN,
                    "-",
                    program = program.display().to_string(),
                    process = upgrade.pid
                );
                self.upgrade = Some(upgrade);
                Answer::Later
            }
            Err(why) => Answer::Err(format!("{}: {why}", program.display())),
        }
    }

    /// Is there another master, old or new, with whom we share our sockets?
    pub(super) fn is_changing_hands(&self) -> bool {
        self.upgrade.is_some() || self.heir.is_some()
    }

    fn start_heir(&self, program: &Path, cause: Cause) -> io::Result<Upgrade> {
        let (ours, theirs) = UnixStream::pair()?;
        let pid = match fork()? {
            Fork::Parent(pid) => pid,
            Fork::Child => self.become_heir(program, &theirs),
        };
        let parcel = Parcel {
            generation: self.generation,
            secrets: self.board.secrets(),
            rotated: self.rotated,
            words: self.config.print(),
            kept: [self.doors.kept(), self.passed.kept()].concat(),
        };
        let mut channel = Channel::new(ours)?;
        channel.say(handover::pack(S::TABLES.name, &parcel));
        Ok(Upgrade {
            pid,
            cause,
            program: program.into(),
            channel,
            dead: None,
            deadline: now() + self.config.vars.number(TRYTIMEOUT) * 1000,
            relieved: false,
        })
    }

    /// In the child.
    fn become_heir(&self, program: &Path, channel: &UnixStream) -> ! {
        let unused = self.passed.without(&self.doors);
        let doors: Vec<_> = self.doors.each().chain(unused.each()).collect();
        let names = doors.iter().map(|(id, _)| *id);
        let names: Vec<_> = std::iter::once("channel").chain(names).collect();
        let listeners = doors.iter().map(|(_, listener)| listener.as_fd());
        let fds: Vec<BorrowedFd<'_>> = std::iter::once(channel.as_fd()).chain(listeners).collect();
        let pid = std::process::id();
        let values = [pid.to_string(), fds.len().to_string(), names.join(":")];
        let mut words: Vec<_> = LISTEN.into_iter().zip(values).collect();
        words.push((HANDOVER, "1".into()));
        words.extend(self.notify.words(pid as i32));
        let (why, copies) = inherit::become_program(program, &self.origin.args, &words, &fds);
        if let Some(copy) = copies.into_iter().next() {
            let why = handover::error(&why.to_string());
            let _ = UnixStream::from(copy).write_all(why.as_bytes());
        }
        leave(1)
    }

    /// A child has died; false if it is not the one that relieves us.
    pub(super) fn heir_died(&mut self, pid: i32, death: Death) -> bool {
        if let Some(relief) = self.relief.take_if(|relief| relief.pid == pid) {
            let is_last = self.ending == Some(Ending::Relieved);
            if is_last && relief.is_on_trial() && !death.clean() {
                event!(UPGRADE_FAILED, "-", process = pid, why = death);
                self.come_back(pid);
            }
            return true;
        }
        let heir = self.upgrade.as_mut().filter(|upgrade| upgrade.pid == pid);
        heir.map(|heir| heir.dead = Some(death)).is_some()
    }

    /// Hears the program that is to take our place, and acts on what it says.
    pub(super) fn hear_upgrade(&mut self) {
        while let Some(upgrade) = &mut self.upgrade {
            match upgrade.hear() {
                None => return,
                Some(Reply::Serving) if !upgrade.relieved => self.let_heir_in(),
                Some(Reply::Thanks) if upgrade.relieved => self.leave_to_heir(),
                Some(Reply::Failed(why)) => self.end_upgrade(&why),
                Some(_) => self.end_upgrade("it talks nonsense"),
            }
        }
    }

    /// The new one serves: our workers leave, and what is ours alone is ours no more.
    fn let_heir_in(&mut self) {
        let Some(upgrade) = &mut self.upgrade else {
            return;
        };
        self.shared = true;
        self.board.head(Head::Shared).store(1, Relaxed);
        upgrade.relieved = true;
        upgrade.channel.say(handover::line(YOURS));
        // The file is that of the new one by now.
        self.pidfile = None;
        (self.ending, self.replace_at) = (Some(Ending::Relieved), None);
        self.old.extend(self.current.take());
        self.board.head(Head::Generation).store(u64::MAX, Relaxed);
        for pool in &mut self.old {
            pool.retire();
        }
    }

    fn leave_to_heir(&mut self) {
        let Some(upgrade) = self.upgrade.take() else {
            return;
        };
        self.notify.relieved(upgrade.pid);
        let until = now() + PROBATION;
        self.relief = Some(Relief {
            pid: upgrade.pid,
            until,
        });
        event!(UPGRADED, "-", process = upgrade.pid);
        let role = Role::Master.name();
        title::set(format!("{}: {role} relieved by {}", S::TABLES.name, upgrade.pid).as_bytes());
        let words = format!(
            "process {} serves; this one finishes its sessions",
            upgrade.pid
        );
        self.answer(upgrade.cause, Answer::Ok(words));
    }

    /// There will be no new master: we go on, or begin again.
    pub(super) fn end_upgrade(&mut self, why: &str) {
        let Some(upgrade) = self.upgrade.take() else {
            return;
        };
        if upgrade.dead.is_none() {
            let _ = kill(upgrade.pid, Signal::SIGKILL);
        }
        let program = upgrade.program.display().to_string();
        event!(UPGRADE_FAILED, "-", program = program, why = why);
        if upgrade.relieved && self.ending == Some(Ending::Relieved) {
            self.come_back(upgrade.pid);
        } else {
            self.take_back_files(upgrade.pid);
        }
        let words = format!("{program}: {why}; nothing has changed");
        self.answer(upgrade.cause, Answer::Err(words));
    }

    /// We serve again. What is left of the new one may be about to shut the
    /// sockets: for a while they are opened again and again.
    fn come_back(&mut self, heir: i32) {
        self.shared = false;
        self.board.head(Head::Shared).store(0, Relaxed);
        self.ending = None;
        self.revive_until = now() + PROBATION;
        self.take_back_files(heir);
        self.notify.resume();
        title::set(format!("{}: {}", S::TABLES.name, Role::Master.name()).as_bytes());
        self.schedule_replacement(false);
    }

    /// Opens sockets that somebody else may have shut.
    pub(super) fn revive_doors(&self) {
        if now() < self.revive_until {
            self.doors.listen(self.config.vars.number(BACKLOG) as u32);
        }
    }

    /// The new one may have put its pid file and link in the place of ours.
    fn take_back_files(&mut self, heir: i32) {
        let Some(control) = &self.control else {
            return;
        };
        let (rundir, name) = (control.rundir(), S::TABLES.name);
        for left in [
            format!("{name}.{heir}.ctrl"),
            format!("{name}.{heir}.new"),
            format!("{name}.pid.{heir}"),
        ] {
            let _ = std::fs::remove_file(rundir.join(left));
        }
        let linked = control.point();
        // While our last sessions finish, the place of the file is that of the next master.
        let is_there = self.pidfile.as_ref().is_some_and(PidFile::is_there);
        if !is_there && self.ending != Some(Ending::Delayed) {
            match PidFile::replace(rundir, name) {
                Ok(pidfile) => self.pidfile = Some(pidfile),
                Err(why) => event!(UPGRADE_FAILED, "-", why = why),
            }
        }
        if let Err(why) = linked {
            event!(UPGRADE_FAILED, "-", why = why);
        }
    }

    /// Signals the pools that look at the page.
    pub(super) fn wake_pools(&self) {
        let pools = self.current.iter().chain(&self.old);
        pools.for_each(|pool| pool.signal(LOOK));
    }
}

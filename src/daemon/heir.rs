//! PRIVILEGED. Upgrade, the side of the new master. It has the sockets of the
//! old one and shares them until that lets go; until then it closes none of
//! them for others, and if it fails it leaves without a trace. See
//! [`super::handover`].

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;

use super::board::{Head, State};
use super::channel::Channel;
use super::handover::{self, SERVING, THANKS, YOURS};
use super::master::Master;
use super::pidfile::PidFile;
use super::service::Service;

/// The old master, as the new one knows it.
pub(super) struct Heir {
    pub(super) channel: Channel,
    /// We have said that we serve.
    told: bool,
}

impl Heir {
    /// # Errors
    /// What the kernel says.
    pub(super) fn new(channel: UnixStream) -> io::Result<Heir> {
        let channel = Channel::new(channel)?;
        Ok(Heir {
            channel,
            told: false,
        })
    }
}

impl<S: Service> Master<S> {
    /// Tells the old master when we serve, and takes over when it lets go.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn hear_elder(&mut self) -> Result<(), String> {
        let working = self.board.count(State::Idle) + self.board.count(State::Busy);
        let serves = self.current.is_some() && working > 0;
        if serves && self.heir.as_ref().is_some_and(|heir| !heir.told) {
            self.put_files()?;
        }
        let Some(mut heir) = self.heir.take() else {
            return Ok(());
        };
        if serves && !heir.told {
            heir.told = true;
            heir.channel.say(handover::line(SERVING));
        }
        let word = heir.channel.next();
        if word.is_none() && heir.channel.is_over() {
            self.heir = Some(heir);
            return Err("the old master is gone".into());
        }
        if word.as_deref() == Some(YOURS) {
            // Up to here the old one would come back if we died.
            heir.channel.say(handover::line(THANKS));
            self.shared = false;
            self.board.head(Head::Shared).store(0, Relaxed);
            event!(TAKEN_OVER, "-", from = crate::sys::proc::parent());
        } else {
            self.heir = Some(heir);
        }
        Ok(())
    }

    /// Pid file and link are ours from now on.
    fn put_files(&mut self) -> Result<(), String> {
        let Some(control) = &self.control else {
            return Ok(());
        };
        self.pidfile = Some(PidFile::replace(control.rundir(), S::TABLES.name)?);
        control
            .point()
            .map_err(|why| format!("control socket: {why}"))
    }
}

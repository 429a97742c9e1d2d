//! pdeliver: stores one message from standard input, for the MTA.
//!
//! Its exit status is a promise: 0 means that the message is on disk. All
//! that may be better later is 75, and then nothing of the message is left.

mod format;
mod input;
mod job;
mod trace;

use std::process::ExitCode;

use crate::base::log;
use crate::base::opt::{self, Asked};
use crate::base::out::complain;
use crate::maildir::Error;
use crate::maildir::deliver::{Delivery, Stored};
use crate::maildir::quota::{Ledger, Sum};
use crate::maildir::spool::{Mailbox, Spool};
use crate::sys::proc::host;

use format::{Format, Undot};
use input::{Input, Stopped};
use job::{Job, SYNOPSIS};

/// Wrong command line (sysexits.h).
const EX_USAGE: u8 = 64;
/// Not stored, and it will not be.
const EX_CANTCREAT: u8 = 73;
/// Not stored; to be tried again.
const EX_TEMPFAIL: u8 = 75;

/// Why a message is not stored.
#[derive(Debug)]
enum Failure {
    Mailbox(Error),
    Missing,
    /// It does not fit; its octets.
    Full(u64),
    Input(Stopped),
}

impl From<Error> for Failure {
    fn from(why: Error) -> Failure {
        Failure::Mailbox(why)
    }
}

impl From<Stopped> for Failure {
    fn from(why: Stopped) -> Failure {
        Failure::Input(why)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Mailbox(why) => write!(f, "{why}"),
            Failure::Missing => f.write_str("mailbox does not exist (-c creates it)"),
            Failure::Full(_) => f.write_str("mailbox is full (quota exceeded)"),
            Failure::Input(why) => write!(f, "{why}"),
        }
    }
}

/// The main function.
pub fn main() -> ExitCode {
    let matches = match opt::parse("pdeliver", SYNOPSIS, job::options(), EX_USAGE) {
        Asked::Run(matches) => matches,
        Asked::Leave(status) => return status,
    };
    let job = match Job::of(&matches, |name| std::env::var_os(name)) {
        Ok(job) => job,
        Err(why) => {
            // No more than that: the MTA may return it to the sender.
            complain(format_args!("pdeliver: {why}"));
            return ExitCode::from(EX_USAGE);
        }
    };
    if let Err(why) = log::open("pdeliver", &job.log) {
        complain(format_args!("pdeliver: log: {why}"));
        return ExitCode::from(EX_TEMPFAIL);
    }
    match job.run() {
        Ok(stored) => {
            event!(
                DELIVERED,
                job.id,
                mbox = job.mailbox,
                octets = stored.octets,
                file = stored.name,
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            let status = job.refuse(&why);
            complain(format_args!("pdeliver: {}: {why}", job.mailbox));
            ExitCode::from(status)
        }
    }
}

impl Job {
    /// Logs why the message is not stored; returns the exit status for that.
    fn refuse(&self, why: &Failure) -> u8 {
        if let Failure::Full(octets) = why {
            event!(OVER_QUOTA, self.id, mbox = self.mailbox, octets = octets);
            return if self.bounce {
                EX_CANTCREAT
            } else {
                EX_TEMPFAIL
            };
        }
        event!(
            NOT_DELIVERED,
            self.id,
            mbox = self.mailbox,
            why = format_args!("{why}"),
        );
        EX_TEMPFAIL
    }

    fn run(&self) -> Result<Stored, Failure> {
        let mut input = Input::open()?;
        let mailbox = self.mailbox()?;
        let mut delivery = Delivery::begin(&mailbox, &host())?;
        delivery.write(&self.fields)?;
        let mut undot = Undot::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let octets = input.read(&mut piece)?;
            let text = &piece[..octets];
            let more = match self.format {
                Format::Text => delivery.write(text).map(|()| true),
                Format::Net => undot.feed(text, |text| delivery.write(text)),
            }?;
            if !more || octets == 0 {
                break;
            }
        }
        let octets = delivery.seal()?;
        // From here on a signal comes too late: the message will be stored.
        input.check()?;
        self.store(&mailbox, delivery, octets)
    }

    /// Stores the message if there is room for it. Nobody else can take the
    /// room meanwhile. A quota that is not ours to set, and that cannot be
    /// read, holds no mail up.
    fn store(&self, mailbox: &Mailbox, delivery: Delivery, octets: u64) -> Result<Stored, Failure> {
        let mut ledger = match Ledger::open(mailbox, self.limits) {
            Err(why) if self.limits.is_none() => {
                event!(
                    QUOTA_FAILED,
                    self.id,
                    mbox = self.mailbox,
                    why = why.to_string()
                );
                None
            }
            ledger => ledger?,
        };
        if let Some(ledger) = &mut ledger {
            if !ledger.admits(octets)? {
                return Err(Failure::Full(octets));
            }
            ledger.add(Sum::one(octets))?;
        }
        let stored = delivery.commit();
        if let (Err(_), Some(ledger)) = (&stored, &mut ledger) {
            let _ = ledger.add(Sum::one(octets).negative());
        }
        Ok(stored?)
    }

    fn mailbox(&self) -> Result<Mailbox, Failure> {
        let spool = Spool::open(&self.spool)?;
        let name = self.mailbox.as_bytes();
        match spool.mailbox(name)? {
            Some(mailbox) if mailbox.is_complete() => Ok(mailbox),
            _ if self.create => Ok(spool.create(name)?),
            _ => Err(Failure::Missing),
        }
    }
}

//! pdeliver: stores one message from standard input, for the MTA.
//!
//! Its exit status is a promise: 0 means that the message is on disk. All
//! that may be better later is 75, and then nothing of the message is left.

mod format;
mod input;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::base::log::{self, Target};
use crate::base::names;
use crate::base::opt::{self, Asked, Matches, Options};
use crate::base::out::complain;
use crate::base::paths;
use crate::maildir::Error;
use crate::maildir::deliver::{Delivery, Stored};
use crate::maildir::spool::{Mailbox, Spool};
use crate::sys::proc::host;

use format::{Format, Undot};
use input::{Input, Stopped};

const SYNOPSIS: &str = "[-chV] [-f LF|CRLF|NET] [-i ID] [-l LOG] [-m SPOOL] MAILBOX";

/// Wrong command line (sysexits.h).
const EX_USAGE: u8 = 64;
/// Not stored; to be tried again.
const EX_TEMPFAIL: u8 = 75;

/// What the command line says.
#[derive(Debug)]
struct Job {
    spool: PathBuf,
    mailbox: String,
    format: Format,
    /// Queue id of the MTA, for the log.
    id: String,
    log: Target,
    create: bool,
}

/// Why a message is not stored.
#[derive(Debug)]
enum Failure {
    Mailbox(Error),
    Missing,
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
            Failure::Input(why) => write!(f, "{why}"),
        }
    }
}

/// The main function.
pub fn main() -> ExitCode {
    let matches = match opt::parse("pdeliver", SYNOPSIS, options(), EX_USAGE) {
        Asked::Run(matches) => matches,
        Asked::Leave(status) => return status,
    };
    let job = match Job::of(&matches) {
        Ok(job) => job,
        Err(why) => {
            complain(format_args!("pdeliver: {why}"));
            complain(format_args!("usage: pdeliver {SYNOPSIS}"));
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
            event!(
                NOT_DELIVERED,
                job.id,
                mbox = job.mailbox,
                why = format_args!("{why}"),
            );
            complain(format_args!("pdeliver: {}: {why}", job.mailbox));
            ExitCode::from(EX_TEMPFAIL)
        }
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options.optflag("c", "create", "create the mailbox if it does not exist");
    options.optopt("f", "format", "how the input is written", "LF|CRLF|NET");
    options.optopt("i", "id", "queue id of the MTA, for the log", "ID");
    options.optopt(
        "l",
        "logfile",
        "a file, stderr, syslog, or syslog:SOCKET",
        "LOG",
    );
    options.optopt("m", "mailboxdir", "the root of all mailboxes", "SPOOL");
    options
}

impl Job {
    fn of(matches: &Matches) -> Result<Job, String> {
        let text = |name, usual: &str| matches.opt_str(name).unwrap_or(usual.into());
        let [mailbox] = &matches.free[..] else {
            return Err("one mailbox must be named".into());
        };
        if let Err(why) = names::mailbox(mailbox.as_bytes()) {
            return Err(format!("mailbox {mailbox:?} {why}"));
        }
        let format = text("f", "LF");
        let Some(format) = Format::parse(&format) else {
            return Err(format!("format {format:?} is none of LF, CRLF, NET"));
        };
        Ok(Job {
            spool: text("m", paths::SPOOL).into(),
            mailbox: mailbox.clone(),
            format,
            id: text("i", "-"),
            log: Target::parse(&text("l", "syslog")),
            create: matches.opt_present("c"),
        })
    }

    fn run(&self) -> Result<Stored, Failure> {
        let mut input = Input::open()?;
        let mailbox = self.mailbox()?;
        let mut delivery = Delivery::begin(&mailbox, &host())?;
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
        // From here on a signal comes too late: the message will be stored.
        input.check()?;
        Ok(delivery.commit()?)
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

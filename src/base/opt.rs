//! Command lines, in the one form of the suite: long and short options,
//! `-h` and `-V`, errors that name the program and the option.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) use getopts::{Matches, Options, ParsingStyle};

use super::log::Target;
use super::out::{complain, say};
use super::paths;

/// What a command line asks for.
pub(crate) enum Asked {
    /// Go on with these.
    Run(Box<Matches>),
    /// All is said: leave with this status.
    Leave(ExitCode),
}

/// Adds the options of a tool that works in a spool; see [`spool`].
pub(crate) fn of_spool(options: &mut Options) {
    let log = "a file, stderr, syslog, or syslog:SOCKET";
    options.optopt("l", "logfile", log, "LOG");
    options.optopt("m", "mailboxdir", "the root of all mailboxes", "SPOOL");
}

/// What they say: the root of all mailboxes, and where to log.
pub(crate) fn spool(matches: &Matches) -> (PathBuf, Target) {
    let text = |name, usual: &str| matches.opt_str(name).unwrap_or(usual.into());
    let log = Target::parse(&text("l", "syslog"));
    (text("m", paths::SPOOL).into(), log)
}

/// Reads the command line of `program`. `synopsis` is what stands behind
/// the program's name, `bad` the exit status for a wrong command line.
pub(crate) fn parse(program: &str, synopsis: &str, mut options: Options, bad: u8) -> Asked {
    options.optflag("V", "version", "print the version and leave");
    options.optflag("h", "help", "print this help and leave");
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let matches = match options.parse(&words) {
        Ok(matches) => matches,
        Err(why) => {
            complain(format_args!(
                "{program}: {why}\nusage: {program} {synopsis}"
            ));
            return Asked::Leave(ExitCode::from(bad));
        }
    };
    if matches.opt_present("h") {
        say(options
            .usage(&format!("usage: {program} {synopsis}"))
            .trim_end());
        return Asked::Leave(ExitCode::SUCCESS);
    }
    if matches.opt_present("V") {
        say(format_args!("{program} {}", env!("CARGO_PKG_VERSION")));
        return Asked::Leave(ExitCode::SUCCESS);
    }
    Asked::Run(Box::new(matches))
}

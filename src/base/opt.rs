//! Command lines, in the one form of the suite: long and short options,
//! `-h` and `-V`, errors that name the program and the option.

use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) use getopts::{Matches, Options, ParsingStyle};

use super::out::{complain, say};

/// What a command line asks for.
pub(crate) enum Asked {
    /// Go on with these.
    Run(Box<Matches>),
    /// All is said: leave with this status.
    Leave(ExitCode),
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

//! pctl: sends control words to a running daemon. It knows nothing of the
//! words themselves, so it need not be of the same version.

mod changes;
mod complete;
mod edit;
mod input;
mod json;
mod keep;
mod own;
mod prompt;
mod run;
mod tell;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::base::opt::{self, Asked, Matches, Options, ParsingStyle};
use crate::base::out::{complain, tell};
use crate::base::paths::RUNDIR;
use crate::base::vars::Kind;
use crate::base::words;
use crate::daemon::link::{self, Link};

use tell::Teller;

const SYNOPSIS: &str = "[-p PROGRAM | -s SOCKET] [-jnq] [-t TIMEOUT] [-hV] [-f FILE | WORD ...]";

/// Exit statuses beside 0: a word was refused; it could not be asked.
const REFUSED: u8 = 1;
const FAILED: u8 = 2;

/// The program.
pub fn main() -> ExitCode {
    let matches = match opt::parse("pctl", SYNOPSIS, options(), FAILED) {
        Asked::Leave(status) => return status,
        Asked::Run(matches) => matches,
    };
    let done = Job::of(&matches, Path::new(RUNDIR)).and_then(|job| job.run());
    ExitCode::from(match done {
        Ok(true) => 0,
        Ok(false) => REFUSED,
        Err(why) => {
            complain(format_args!("pctl: {why}"));
            FAILED
        }
    })
}

fn options() -> Options {
    let mut options = Options::new();
    options.parsing_style(ParsingStyle::StopAtFirstFree);
    link::options(&mut options);
    options.optflag("q", "quiet", "print errors only");
    options.optflag("j", "json", "print JSON");
    options.optflag("n", "check", "check the words, change nothing");
    options.optopt(
        "t",
        "timeout",
        "seconds to wait for an answer, default 60",
        "TIMEOUT",
    );
    options.optopt(
        "f",
        "file",
        "take the words from FILE, - is standard input",
        "FILE",
    );
    options
}

/// Where the words come from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    File(String),
    /// One line, made of the arguments.
    Line(String),
    Prompt,
}

/// What the command line says.
#[derive(Debug)]
struct Job {
    socket: PathBuf,
    source: Source,
    patience: Duration,
    quiet: bool,
    json: bool,
    check: bool,
}

impl Job {
    fn of(matches: &Matches, rundir: &Path) -> Result<Job, String> {
        let seconds = matches.opt_str("t").unwrap_or("60".into());
        let normal = Kind::Int(1, 86400).normal(&seconds);
        let seconds = normal.map_err(|why| format!("option -t {why}, not {seconds}"))?;
        Ok(Job {
            socket: link::socket(matches, rundir)?,
            source: source(matches)?,
            patience: Duration::from_secs(seconds.parse().unwrap_or(60)),
            quiet: matches.opt_present("q"),
            json: matches.opt_present("j"),
            check: matches.opt_present("n"),
        })
    }

    /// True if no word was refused.
    fn run(&self) -> Result<bool, String> {
        let mut link = Link::open(&self.socket, self.patience)?;
        let lost = Cell::new(None);
        let mut out = |line: &str| {
            if let Err(why) = tell(line) {
                lost.set(Some(why));
            }
        };
        let mut err = |line: &str| complain(line);
        let mut teller = Teller {
            quiet: self.quiet,
            json: self.json,
            out: &mut out,
            err: &mut err,
        };
        let done = match &self.source {
            Source::Line(line) => run::line(&mut link, &mut teller, line, self.check),
            Source::File(name) => run::file(&mut link, &mut teller, name, self.check),
            Source::Prompt => run::prompt(&mut link, &mut teller, self.check),
        }?;
        match lost.take() {
            Some(why) => Err(format!("standard output: {why}")),
            None => Ok(done),
        }
    }
}

fn source(matches: &Matches) -> Result<Source, String> {
    let words = &matches.free;
    match matches.opt_str("f") {
        Some(_) if !words.is_empty() => Err("-f and words exclude each other".into()),
        Some(file) => Ok(Source::File(file)),
        None if words.is_empty() => Ok(Source::Prompt),
        None => {
            if let Some(word) = words.iter().find(|w| w.chars().any(char::is_control)) {
                return Err(format!("control characters in {}", word.escape_default()));
            }
            let quoted: Vec<_> = words.iter().map(|word| words::quote(word)).collect();
            let line = quoted.join(" ");
            match line.len() > words::LONGEST - 2 {
                true => Err("too many words for a line".into()),
                false => Ok(Source::Line(line)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &[&str], rundir: &Path) -> Result<Job, String> {
        let matches = options().parse(line).map_err(|why| why.to_string())?;
        Job::of(&matches, rundir)
    }

    #[test]
    fn words_become_one_quoted_line_and_options_end_at_the_first() {
        let here = Path::new("/run/x");
        let line = ["-p", "pserv", "-q", "set", "greeting", "a \"b\" #", "-j"];
        let job = job(&line, here).unwrap();
        let words = Source::Line(r##"set greeting "a \"b\" #" -j"##.into());
        assert_eq!(job.source, words);
        assert_eq!(job.socket, here.join("pserv.ctrl"));
        assert!(job.quiet && !job.json && !job.check);
    }

    #[test]
    fn without_a_name_the_first_daemon_is_taken() {
        let rundir = std::env::temp_dir().join(format!("popular-pctl-{}", std::process::id()));
        std::fs::create_dir_all(&rundir).unwrap();
        let none = job(&["show"], &rundir).unwrap_err();
        std::fs::write(rundir.join("pcheckd.ctrl"), "").unwrap();
        let last = job(&["show"], &rundir).unwrap();
        std::fs::write(rundir.join("pserv.ctrl"), "").unwrap();
        let first = job(&[], &rundir).unwrap();
        std::fs::remove_dir_all(&rundir).unwrap();
        assert!(none.starts_with("no daemon has a control socket"), "{none}");
        assert_eq!(last.socket, rundir.join("pcheckd.ctrl"));
        assert_eq!(first.socket, rundir.join("pserv.ctrl"));
        assert_eq!(first.source, Source::Prompt);
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        let long = "x".repeat(words::LONGEST);
        for (line, why) in [
            (&["-p", "a", "-s", "b"][..], "exclude each other"),
            (
                &["-p", "../x"],
                "option -p must be one of: pproxy pserv pcheckd",
            ),
            (&["-s", "x", "-f", "x", "show"], "exclude each other"),
            (
                &["-s", "x", "-t", "0"],
                "whole number from 1 to 86400, not 0",
            ),
            (&["-s", "x", "set", "a\nb"], "control characters"),
            (&["-s", "x", &long], "too many words"),
        ] {
            let got = job(line, Path::new("/nowhere")).unwrap_err();
            assert!(got.contains(why), "{got}");
        }
    }
}

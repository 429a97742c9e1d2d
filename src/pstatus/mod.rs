//! pstatus: shows a running daemon to a person, by the control words that
//! everybody may use: once, in a loop, or live on a terminal.

mod json;
mod live;
mod look;
mod objects;
mod page;
mod screen;
mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use crate::base::opt::{self, Asked, Matches, Options};
use crate::base::out::{complain, is_heard};
use crate::base::paths::RUNDIR;
use crate::base::vars::Kind;
use crate::daemon::link::{self, Link};

use look::{Look, Pace};
use objects::objects;
use page::Sort;

const SYNOPSIS: &str =
    "[-p PROGRAM | -s SOCKET] [-l | -j] [-i SECONDS] [-c COUNT] [-n ROWS] [-hV] [FILTER ...]";

/// Exit status of trouble.
const FAILED: u8 = 2;

/// How long the daemon may take for a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program.
pub fn main() -> ExitCode {
    let matches = match opt::parse("pstatus", SYNOPSIS, options(), FAILED) {
        Asked::Leave(status) => return status,
        Asked::Run(matches) => matches,
    };
    let done = Job::of(&matches, Path::new(RUNDIR)).and_then(|job| job.run());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(format_args!("pstatus: {why}"));
            ExitCode::from(FAILED)
        }
    }
}

fn options() -> Options {
    let mut options = Options::new();
    link::options(&mut options);
    options.optflag("l", "live", "stay on the terminal, and listen to keys");
    options.optflag("j", "json", "print JSON, one object a look");
    options.optopt("i", "interval", "look again every SECONDS", "SECONDS");
    options.optopt("c", "count", "look so often, then leave", "COUNT");
    options.optopt(
        "n",
        "rows",
        "rows of a table at most, default 20; 0: all",
        "ROWS",
    );
    options
}

/// What the command line says.
#[derive(Debug)]
struct Job {
    socket: PathBuf,
    live: bool,
    json: bool,
    /// Between two looks.
    interval: Duration,
    /// How many; 0: without end.
    count: u64,
    rows: usize,
    filter: String,
}

impl Job {
    fn of(matches: &Matches, rundir: &Path) -> Result<Job, String> {
        let number = |name: &str, kind: Kind, default: u64| -> Result<u64, String> {
            let Some(text) = matches.opt_str(name) else {
                return Ok(default);
            };
            let normal = kind.normal(&text);
            let normal = normal.map_err(|why| format!("option -{name} {why}, not {text}"))?;
            Ok(normal.parse().unwrap_or(default))
        };
        let (live, json) = (matches.opt_present("l"), matches.opt_present("j"));
        if live && json {
            return Err("-l and -j exclude each other".into());
        }
        let looped = live || matches.opt_present("i") || matches.opt_present("c");
        let filter: Vec<_> = matches
            .free
            .iter()
            .map(|word| crate::base::words::quote(word))
            .collect();
        let filter = filter.join(" ");
        look::choice(&filter)?;
        let default = if looped { 2 } else { 1 };
        Ok(Job {
            socket: link::socket(matches, rundir)?,
            live,
            json,
            interval: Duration::from_secs(number("i", Kind::Int(1, 86400), default)?),
            count: number("c", Kind::Int(1, 1 << 32), u64::from(!looped))?,
            rows: match number("n", Kind::Int(0, 1 << 32), 20)? {
                0 => usize::MAX,
                rows => rows as usize,
            },
            filter,
        })
    }

    fn run(&self) -> Result<(), String> {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let mut link = Link::open(&self.socket, PATIENCE)?;
        if self.live && terminal {
            return live::run(self, link);
        }
        // What happens a second takes two looks.
        let mut before = Look::take(&mut link, &self.filter)?;
        let mut count = 0;
        while self.count == 0 || count < self.count {
            sleep(self.interval);
            let mut now = Look::take(&mut link, &self.filter)?;
            page::sort(&mut now.sessions, Sort::Age, false);
            let pace = Pace {
                now: &now,
                before: Some(&before),
            };
            let text = match self.json {
                true => json::page(&pace),
                false => self.text(&pace, count > 0),
            };
            if !is_heard(text).map_err(|why| format!("standard output: {why}"))? {
                return Ok(());
            }
            before = now;
            count += 1;
        }
        Ok(())
    }

    /// All parts below each other, with a line between.
    fn text(&self, pace: &Pace<'_>, again: bool) -> String {
        let mut parts = vec![page::summary(pace)];
        for kind in &pace.now.kinds {
            parts.push(self.lines(objects(pace, kind.name)));
        }
        parts.push(self.lines(page::pools(pace)));
        parts.push(page::tops(pace, self.rows.min(10)));
        parts.push(self.lines(page::sessions(pace, &pace.now.sessions)));
        parts.push(page::counters(pace));
        let parts = parts.iter().filter(|lines| !lines.is_empty());
        let text: Vec<_> = parts.map(|lines| lines.join("\n")).collect();
        let between = if again { "\n" } else { "" };
        between.to_string() + &text.join("\n\n")
    }

    fn lines(&self, mut table: table::Table) -> Vec<String> {
        table.cut(self.rows);
        match table.is_empty() {
            true => Vec::new(),
            false => table.lines(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &[&str]) -> Result<Job, String> {
        let matches = options().parse(line).map_err(|why| why.to_string())?;
        Job::of(&matches, Path::new("/run/x"))
    }

    #[test]
    fn one_look_is_enough_unless_more_are_asked_for() {
        let counts = |line: &[&str]| job(line).map(|job| (job.count, job.interval.as_secs()));
        assert_eq!(counts(&["-s", "x"]), Ok((1, 1)));
        assert_eq!(counts(&["-s", "x", "-i", "5"]), Ok((0, 5)));
        assert_eq!(counts(&["-s", "x", "-c", "3"]), Ok((3, 2)));
        assert_eq!(counts(&["-s", "x", "-l"]), Ok((0, 2)));
        assert_eq!(
            job(&["-s", "x", "joe", "a b"]).unwrap().filter,
            "joe \"a b\""
        );
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        for (line, why) in [
            (
                &["-s", "x", "-i", "0"][..],
                "option -i must be a whole number",
            ),
            (&["-s", "x", "-l", "-j"], "exclude each other"),
            (&["-s", "x", "a\u{7}"], "control characters"),
        ] {
            let got = job(line).unwrap_err();
            assert!(got.contains(why), "{got}");
        }
    }
}

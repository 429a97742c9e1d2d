//! Where lines of the log go: syslog, a file or standard error. None of them
//! is ever waited for.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use super::clock::wall;
use super::events::Level;
use super::kv::Row;
use super::structured::Structured;
use crate::sys::shelf::Shelf;
use crate::sys::time::{Local, local};

/// Where syslog listens, unless `-l syslog:SOCKET` says otherwise.
const SYSLOG: &str = "/dev/log";

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Stderr,
    Syslog(PathBuf),
    File(PathBuf),
}

impl Target {
    /// `stderr`, `syslog`, `syslog:SOCKET`, or a file name.
    pub(crate) fn parse(text: &str) -> Target {
        match text {
            "stderr" => Target::Stderr,
            "syslog" => Target::Syslog(SYSLOG.into()),
            _ => match text.strip_prefix("syslog:") {
                Some(socket) => Target::Syslog(socket.into()),
                None => Target::File(text.into()),
            },
        }
    }
}

/// Longest line, in octets: a pipe takes as much whole or not at all.
const LONGEST: usize = 4000;

/// Whose lines they are.
#[derive(Clone, Copy)]
pub(super) struct Who {
    pub(super) program: &'static str,
    pub(super) pid: u32,
}

/// Whether a write may have to wait, as a pipe's may and a regular file's never.
type Waits = bool;

/// An open target.
pub(super) enum Sink {
    Stderr(Waits),
    File(File, PathBuf, Waits),
    Syslog(Logger<LoggerBackend, Stamp>, PathBuf),
}

/// The forms of what goes to syslog, as the variable `logformat` takes them.
pub(crate) static FORMATS: &[&str] = &["plain", "rfc5424"];

/// RFC 3164 with local time, or RFC 5424. The crate's own formatters know
/// only UTC, read its format anew for every line, and keep no order of keys.
pub(super) struct Stamp {
    facility: Facility,
    who: Who,
    host: String,
    structured: bool,
}

impl LogFormat<&[u8]> for Stamp {
    fn format<W: Write>(
        &self,
        w: &mut W,
        severity: Severity,
        message: &[u8],
    ) -> syslog::Result<()> {
        let (seconds, micros) = wall();
        let (t, Who { program, pid }) = (local(seconds as i64), self.who);
        let mut line = Vec::with_capacity(message.len() + 96);
        let priority = self.facility as u8 | severity as u8;
        if self.structured {
            let (sign, hours, minutes) = offset(&t);
            write!(
                line,
                "<{priority}>1 {}.{micros:06}{sign}{hours:02}:{minutes:02} {} {program} {pid} ",
                second(&t),
                self.host
            )?;
        } else {
            let month = &"JanFebMarAprMayJunJulAugSepOctNovDec"
                [(t.month.clamp(1, 12) as usize - 1) * 3..][..3];
            write!(
                line,
                "<{priority}>{month} {:2} {:02}:{:02}:{:02} {program}[{pid}]: ",
                t.day, t.hour, t.minute, t.second
            )?;
        }
        line.extend_from_slice(message);
        w.write(&line).map_err(syslog::Error::Write)?;
        Ok(())
    }
}

/// `2026-11-23T21:07:13`.
fn second(t: &Local) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// Sign, hours and minutes by which local time is before UTC.
fn offset(t: &Local) -> (char, i32, i32) {
    let east = t.offset.abs();
    (if t.offset < 0 { '-' } else { '+' }, east / 60, east % 60)
}

/// The name of this host as RFC 5424 takes it, or `-`.
fn host() -> String {
    let name = syslog::Formatter5424::default().hostname;
    name.filter(|name| {
        (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
    })
    .unwrap_or_else(|| "-".into())
}

impl Sink {
    /// # Errors
    /// A file that cannot be opened, or no descriptors left.
    pub(super) fn open(target: &Target, who: Who) -> io::Result<Sink> {
        Ok(match target {
            Target::Stderr => Sink::Stderr(waits(&io::stderr())),
            Target::File(path) => {
                let (file, waits) = append(path)?;
                Sink::File(file, path.clone(), waits)
            }
            Target::Syslog(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                let _ = socket.connect(path);
                let facility = Facility::LOG_MAIL;
                let stamp = Stamp {
                    facility,
                    who,
                    host: host(),
                    structured: false,
                };
                let logger = Logger::new(LoggerBackend::Unix(socket), stamp);
                Sink::Syslog(logger, path.clone())
            }
        })
    }

    /// Lines to syslog are this process's from now on.
    pub(super) fn set_who(&mut self, who: Who) {
        if let Sink::Syslog(logger, _) = self {
            logger.formatter.who = who;
        }
    }

    /// The syslog facility; a name that is none changes nothing.
    pub(super) fn set_facility(&mut self, name: &str) {
        if let Sink::Syslog(logger, _) = self {
            let formatter = &mut logger.formatter;
            formatter.facility = name.parse().unwrap_or(formatter.facility);
        }
    }

    /// The form of what goes to syslog; the name has been checked.
    pub(super) fn set_format(&mut self, name: &str) {
        if let Sink::Syslog(logger, _) = self {
            logger.formatter.structured = name != FORMATS[0];
        }
    }

    /// Is structured data wanted?
    pub(super) fn is_structured(&self) -> bool {
        matches!(self, Sink::Syslog(logger, _) if logger.formatter.structured)
    }

    /// Is there a file that can be rotated?
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Sink::File(..))
    }

    /// Opens a file anew, and lays it on the shelf for all children.
    ///
    /// # Errors
    /// The old file stays in use then.
    pub(super) fn reopen(&mut self, shelf: &Shelf) -> io::Result<()> {
        if let Sink::File(file, path, waits) = self {
            let (fresh, fresh_waits) = append(path)?;
            shelf.put(fresh.as_fd())?;
            (*file, *waits) = (fresh, fresh_waits);
        }
        Ok(())
    }

    /// Writes on in the file that lies on the shelf.
    ///
    /// # Errors
    /// The old file stays in use then.
    pub(super) fn follow(&mut self, shelf: &Shelf) -> io::Result<()> {
        if let Sink::File(file, _, waits) = self {
            let fresh = File::from(shelf.copy()?);
            (*waits, *file) = (self::waits(&fresh), fresh);
        }
        Ok(())
    }

    /// Has another file taken the name of ours?
    pub(super) fn is_replaced(&self) -> bool {
        let Sink::File(file, path, _) = self else {
            return false;
        };
        let (ours, there) = (file.metadata(), std::fs::metadata(path));
        let of = |m: &std::fs::Metadata| (m.dev(), m.ino());
        ours.is_ok_and(|ours| there.is_ok_and(|there| of(&ours) != of(&there)))
    }

    /// Connects to syslog anew, on behalf of all who share the socket.
    pub(super) fn mend(&self) {
        let Sink::Syslog(logger, path) = self else {
            return;
        };
        if let LoggerBackend::Unix(socket) = &logger.backend {
            let _ = socket.connect(path);
        }
    }
}

fn append(path: &Path) -> io::Result<(File, Waits)> {
    let file = crate::sys::proc::append(path)?;
    let waits = waits(&file);
    Ok((file, waits))
}

fn waits(file: &impl AsFd) -> Waits {
    !crate::sys::proc::is_regular(file)
}

impl Sink {
    /// Begins a line: date and name, where syslog does not add them. If a full
    /// disk may have cut the line before it in a file, that is ended first, by
    /// the same call: between two of them room could be made.
    pub(super) fn begin(&self, who: Who, row: &mut Row, cut: bool) {
        let Who { program, pid } = who;
        if matches!(self, Sink::Syslog(..)) {
            return row.clear();
        }
        let t = local(wall().0 as i64);
        let (sign, hours, minutes) = offset(&t);
        let end = match self {
            Sink::File(..) if cut => "\n",
            _ => "",
        };
        row.begin(format_args!(
            "{end}{}{sign}{hours:02}:{minutes:02} {program}[{pid}]:",
            second(&t)
        ));
    }

    /// Writes a line, with `data` where structured data is wanted, unless that
    /// would block; whether it did.
    pub(super) fn write(&mut self, level: Level, row: &mut Row, data: &mut Structured) -> bool {
        match self {
            Sink::Stderr(waits) => put(&mut io::stderr(), *waits, row.end(LONGEST)),
            Sink::File(file, _, waits) => put(file, *waits, row.end(LONGEST)),
            Sink::Syslog(logger, _) => {
                let line = row.as_bytes();
                let line = &line[..line.len().min(LONGEST)];
                let line = match logger.formatter.structured {
                    true => data.end(line),
                    false => line,
                };
                match level {
                    Level::Dbg => logger.debug(line),
                    Level::Inf => logger.info(line),
                    Level::Err => logger.notice(line),
                    Level::Adm => logger.warning(line),
                    Level::Sos => logger.crit(line),
                    Level::Bug => logger.err(line),
                }
                .is_ok()
            }
        }
    }
}

/// One line, in one call, unless that would block.
fn put(file: &mut (impl Write + AsFd), waits: Waits, line: &[u8]) -> bool {
    (!waits || crate::sys::proc::writable(file)) && file.write(line).is_ok_and(|n| n == line.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn a_line_that_was_cut_is_ended_in_a_file_only() {
        let scratch = Scratch::new("sink");
        let (program, pid) = ("test", 1);
        let begun = |target: &Target, cut| {
            let who = Who { program, pid };
            let mut row = Row::default();
            Sink::open(target, who).unwrap().begin(who, &mut row, cut);
            row.as_bytes().starts_with(b"\n")
        };
        let file = Target::File(scratch.path().join("log"));
        assert!(begun(&file, true) && !begun(&file, false));
        assert!(!begun(&Target::Stderr, true));
        assert!(!begun(&Target::Syslog(scratch.path().join("none")), true));
    }

    #[test]
    fn the_option_names_the_target() {
        assert_eq!(Target::parse("stderr"), Target::Stderr);
        assert_eq!(Target::parse("syslog:/x"), Target::Syslog("/x".into()));
        let file = Target::File("/var/log/x".into());
        assert_eq!(Target::parse("/var/log/x"), file);
    }
}

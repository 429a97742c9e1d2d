//! Where lines of the log go: syslog, a file or standard error. None of them
//! is ever waited for.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use super::clock::wall;
use super::events::Level;
use super::kv::Row;
use crate::sys::time::local;

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
    Stderr,
    File(File, PathBuf, Waits),
    Syslog(Logger<LoggerBackend, Stamp>, PathBuf),
}

/// RFC 3164 with local time: the crate's own formatter knows only UTC, and
/// reads its format anew for every line.
pub(super) struct Stamp {
    facility: Facility,
    who: Who,
}

impl LogFormat<&[u8]> for Stamp {
    fn format<W: Write>(
        &self,
        w: &mut W,
        severity: Severity,
        message: &[u8],
    ) -> syslog::Result<()> {
        let t = local(wall().0 as i64);
        let month =
            &"JanFebMarAprMayJunJulAugSepOctNovDec"[(t.month.clamp(1, 12) as usize - 1) * 3..][..3];
        let mut line = Vec::with_capacity(message.len() + 64);
        let priority = self.facility as u8 | severity as u8;
        write!(
            line,
            "<{priority}>{month} {:2} {:02}:{:02}:{:02} {}[{}]: ",
            t.day, t.hour, t.minute, t.second, self.who.program, self.who.pid
        )?;
        line.extend_from_slice(message);
        w.write(&line).map_err(syslog::Error::Write)?;
        Ok(())
    }
}

impl Sink {
    /// # Errors
    /// A file that cannot be opened, or no descriptors left.
    pub(super) fn open(target: &Target, who: Who) -> io::Result<Sink> {
        Ok(match target {
            Target::Stderr => Sink::Stderr,
            Target::File(path) => {
                let (file, waits) = append(path)?;
                Sink::File(file, path.clone(), waits)
            }
            Target::Syslog(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                let _ = socket.connect(path);
                let facility = Facility::LOG_MAIL;
                let logger = Logger::new(LoggerBackend::Unix(socket), Stamp { facility, who });
                Sink::Syslog(logger, path.clone())
            }
        })
    }

    pub(super) fn set_who(&mut self, who: Who) {
        if let Sink::Syslog(logger, _) = self {
            logger.formatter.who = who;
        }
    }

    pub(super) fn set_facility(&mut self, name: &str) {
        if let Sink::Syslog(logger, _) = self {
            let formatter = &mut logger.formatter;
            formatter.facility = name.parse().unwrap_or(formatter.facility);
        }
    }

    /// Opens a file anew.
    ///
    /// # Errors
    /// The old file stays in use then.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Sink::File(file, path, waits) = self {
            (*file, *waits) = append(path)?;
        }
        Ok(())
    }

    /// Connects to syslog anew, on behalf of all who share the socket.
    pub(super) fn mend(&self) {
        if let Sink::Syslog(logger, path) = self {
            if let LoggerBackend::Unix(socket) = &logger.backend {
                let _ = socket.connect(path);
            }
        }
    }
}

fn append(path: &Path) -> io::Result<(File, Waits)> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    let file = options.append(true).create(true).mode(0o640).open(path)?;
    let waits = !file.metadata()?.is_file();
    Ok((file, waits))
}

impl Sink {
    /// Begins a line: date and name, where syslog does not add them.
    pub(super) fn begin(&self, who: Who, row: &mut Row) {
        let Who { program, pid } = who;
        if matches!(self, Sink::Syslog(..)) {
            return row.clear();
        }
        let t = local(wall().0 as i64);
        let (sign, east) = (if t.offset < 0 { '-' } else { '+' }, t.offset.abs());
        row.begin(format_args!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02} {program}[{pid}]:",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            east / 60,
            east % 60
        ));
    }

    /// Writes a line, unless that would block; whether it did.
    pub(super) fn write(&mut self, level: Level, row: &mut Row) -> bool {
        match self {
            Sink::Stderr => put(&mut io::stderr(), true, row.end(LONGEST)),
            Sink::File(file, _, waits) => put(file, *waits, row.end(LONGEST)),
            Sink::Syslog(logger, _) => {
                let line = row.as_bytes();
                let line = &line[..line.len().min(LONGEST)];
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

    #[test]
    fn the_option_names_the_target() {
        assert_eq!(Target::parse("stderr"), Target::Stderr);
        assert_eq!(Target::parse("syslog:/x"), Target::Syslog("/x".into()));
        let file = Target::File("/var/log/x".into());
        assert_eq!(Target::parse("/var/log/x"), file);
    }
}

//! The connection to a daemon: a line out, an answer back.
//!
//! An answer is `+OK TEXT` or `-ERR REASON`. If the text ends in a colon,
//! lines follow up to a lone dot; a dot at the start of a line is doubled.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::line::{Got, LineBuf};
use crate::base::opt::{Matches, Options};
use crate::base::vars::is_id;
use crate::base::words;
use crate::net::dial;

/// What a daemon answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It is done, and this is to be said about it.
    Ok(String),
    /// The lines have been handed out.
    List,
    /// Why not.
    Err(String),
}

/// As long as a session may last.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86400);

/// Daemons in the order in which they are looked for.
const PROGRAMS: [&str; 3] = ["pproxy", "pserv", "pcheckd"];

/// Adds the options that name a daemon.
pub(crate) fn options(options: &mut Options) {
    options.optopt(
        "p",
        "program",
        "daemon: pproxy, pserv or pcheckd",
        "PROGRAM",
    );
    options.optopt("s", "socket", "its control socket", "SOCKET");
}

/// The socket that is named, or that of the first daemon that has one.
///
/// # Errors
/// There is none, or it is named wrongly.
pub(crate) fn socket(matches: &Matches, rundir: &Path) -> Result<PathBuf, String> {
    let of = |program: &str| rundir.join(format!("{program}.ctrl"));
    match (matches.opt_str("p"), matches.opt_str("s")) {
        (Some(_), Some(_)) => Err("-p and -s exclude each other".into()),
        (None, Some(socket)) => Ok(socket.into()),
        (Some(program), None) if is_id(&program) => Ok(of(&program)),
        (Some(program), None) => Err(format!(
            "option -p must be one of: {}, not {}",
            PROGRAMS.join(" "),
            words::quote(&program)
        )),
        (None, None) => {
            let mut sockets = PROGRAMS.iter().map(|program| of(program));
            let there = sockets.find(|socket| socket.exists());
            there.ok_or_else(|| format!("no daemon has a control socket in {}", rundir.display()))
        }
    }
}

/// A connection. Its errors are sentences; after one it is of no use.
pub(crate) struct Link {
    stream: UnixStream,
    lines: LineBuf,
    /// How long the daemon may take for a line.
    patience: Duration,
    name: String,
}

impl Link {
    /// Connects and hears the greeting.
    ///
    /// # Errors
    /// Nobody is there, or we are not let in.
    pub(crate) fn open(path: &Path, patience: Duration) -> Result<Link, String> {
        let name = path.display().to_string();
        let stream = dial::unix(path, patience).map_err(|why| format!("{name}: {why}"))?;
        let mut link = Link {
            stream,
            lines: LineBuf::default(),
            patience,
            name,
        };
        match link.reply(&mut |_| ())? {
            Reply::Err(why) => Err(format!("{}: {why}", link.name)),
            _ => Ok(link),
        }
    }

    /// Sends one line and waits for the answer; `row` takes the lines of a list.
    ///
    /// # Errors
    /// The connection is lost, or what comes is no answer.
    pub(crate) fn ask(&mut self, line: &str, row: &mut dyn FnMut(&str)) -> Result<Reply, String> {
        let sent = self.stream.write_all(format!("{line}\n").as_bytes());
        sent.map_err(|why| self.lost(&why.to_string()))?;
        if line
            .split_ascii_whitespace()
            .take(2)
            .eq(["session", "watch"])
        {
            // What is said there comes when it comes.
            self.patience = FOREVER;
        }
        self.reply(row)
    }

    fn reply(&mut self, row: &mut dyn FnMut(&str)) -> Result<Reply, String> {
        let line = self.line()?;
        if let Some(why) = tail(&line, "-ERR") {
            return Ok(Reply::Err(why.into()));
        }
        let Some(text) = tail(&line, "+OK") else {
            return Err(self.lost("what came is no answer"));
        };
        if !text.ends_with(':') {
            return Ok(Reply::Ok(text.into()));
        }
        loop {
            let line = self.line()?;
            match line.strip_prefix('.') {
                Some("") => return Ok(Reply::List),
                Some(rest) => row(rest),
                None => row(&line),
            }
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.lines.next(words::LONGEST + 128) {
                Got::Line => return Ok(String::from_utf8_lossy(self.lines.line()).into_owned()),
                Got::More => self.fill(deadline)?,
                Got::TooLong => return Err(self.lost("a line is too long")),
                Got::Nul => return Err(self.lost("a line holds a NUL octet")),
            }
        }
    }

    fn fill(&mut self, deadline: Instant) -> Result<(), String> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let patience = self.patience.as_secs();
            return Err(self.lost(&format!("no answer within {patience} seconds")));
        }
        let limited = self.stream.set_read_timeout(Some(left));
        match limited.and_then(|()| self.stream.read(self.lines.room())) {
            Ok(0) => Err(self.lost("the daemon has hung up")),
            Ok(count) => {
                self.lines.filled(count);
                Ok(())
            }
            Err(why) => match why.kind() {
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(()),
                _ => Err(self.lost(&why.to_string())),
            },
        }
    }

    fn lost(&self, why: &str) -> String {
        format!("{}: {why}", self.name)
    }
}

/// What stands behind the word an answer begins with.
fn tail<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    match rest {
        "" => Some(""),
        _ => rest.strip_prefix(' '),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread::{JoinHandle, spawn};

    static COUNT: AtomicU32 = AtomicU32::new(0);

    /// A daemon that says these things, the first unasked, the others one a
    /// line, and hangs up; it gives back what it heard.
    pub(crate) fn fake(says: &'static [&'static str]) -> (PathBuf, JoinHandle<Vec<String>>) {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("popular-link-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let door = UnixListener::bind(&path).unwrap();
        let heard = move || {
            let (mut stream, _) = door.accept().unwrap();
            let patience = Some(Duration::from_secs(10));
            stream.set_read_timeout(patience).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut heard = Vec::new();
            stream.write_all(says[0].as_bytes()).unwrap();
            for text in &says[1..] {
                let Some(Ok(line)) = lines.next() else {
                    break;
                };
                heard.push(line);
                stream.write_all(text.as_bytes()).unwrap();
            }
            heard
        };
        (path, spawn(heard))
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn answers_are_one_line_or_many() {
        let (path, daemon) = fake(&[
            "+OK pserv 2.0.0 ready\r\n",
            "+OK done\r\n",
            "+OK 3 lines:\r\nname=a\r\n..hidden\r\n\r\n.\r\n",
            "-ERR wrong word\n",
            "+OK\n",
        ]);
        let mut link = Link::open(&path, PATIENCE).unwrap();
        let mut rows = Vec::new();
        let mut ask = |line| link.ask(line, &mut |row: &str| rows.push(row.to_string()));
        assert_eq!(ask("set a b"), Ok(Reply::Ok("done".into())));
        assert_eq!(ask("show"), Ok(Reply::List));
        assert_eq!(ask("shew"), Ok(Reply::Err("wrong word".into())));
        assert_eq!(ask("abort"), Ok(Reply::Ok(String::new())));
        assert_eq!(rows, ["name=a", ".hidden", ""]);
        assert_eq!(daemon.join().unwrap(), ["set a b", "show", "shew", "abort"]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn who_is_not_let_in_hears_why() {
        let (path, daemon) = fake(&["-ERR not allowed for this user\n"]);
        let why = Link::open(&path, PATIENCE).err().unwrap();
        assert!(why.ends_with(": not allowed for this user"), "{why}");
        daemon.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(Link::open(&path, PATIENCE).is_err());
    }

    #[test]
    fn a_daemon_that_hangs_up_or_babbles_is_lost() {
        for (says, what) in [
            (&["+OK x ready\n", ""][..], "has hung up"),
            (&["+OK x ready\n", "+OK 2 lines:\na\n"], "has hung up"),
            (&["+OK x ready\n", "+OKAY\n"], "no answer"),
            (&["+OK x ready\n", "+OK \0\n"], "NUL octet"),
        ] {
            let (path, daemon) = fake(says);
            let mut link = Link::open(&path, PATIENCE).unwrap();
            let why = link.ask("show", &mut |_| ()).unwrap_err();
            assert!(why.contains(what), "{why}");
            daemon.join().unwrap();
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        let long = Box::leak(format!("+OK {}\n", "x".repeat(20_000)).into_boxed_str());
        let says = Box::leak(vec!["+OK x ready\n", &*long].into_boxed_slice());
        let (path, daemon) = fake(says);
        let mut link = Link::open(&path, PATIENCE).unwrap();
        let why = link.ask("show", &mut |_| ()).unwrap_err();
        assert!(why.ends_with("a line is too long"), "{why}");
        daemon.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_silent_daemon_is_not_waited_for_for_ever() {
        let name = format!("popular-link-{}-silent", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _door = UnixListener::bind(&path).unwrap();
        let why = Link::open(&path, Duration::from_millis(30)).err().unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(why.contains("no answer within"), "{why}");
    }
}

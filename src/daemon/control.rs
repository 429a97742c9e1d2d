//! PRIVILEGED. The control socket: takes lines, gives answers. Nobody who
//! stops reading or writing ever stalls the master.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::base::clock::{Ms, now};
use crate::base::line::{Got, LineBuf};
use crate::base::words;
use crate::sys::cred;

/// Connections at a time.
const MOST: usize = 64;
/// Octets that may wait for a client to read them.
const MOST_OUT: usize = 16 << 20;
/// How long a client may leave them there, in milliseconds.
const STALLED: Ms = 60_000;

/// What is answered to a control word.
pub(crate) enum Answer {
    Ok(String),
    Err(String),
    /// A heading and its lines.
    List(String, Vec<String>),
    /// When the trial is over.
    Later,
}

impl Answer {
    /// The answer to a change that needs no words.
    pub(crate) fn done(result: Result<(), String>) -> Answer {
        match result {
            Ok(()) => Answer::Ok("done".into()),
            Err(why) => Answer::Err(why),
        }
    }
}

/// A candidate that an administrator is putting together.
pub(crate) struct Batch {
    pub(crate) config: Config,
    pub(crate) lines: Vec<Vec<String>>,
    /// It is all there is, and not a change of what there was.
    pub(crate) anew: bool,
    /// A word was wrong: nothing of it can be committed.
    pub(crate) failed: bool,
    /// The configuration it began with.
    pub(crate) edition: u64,
}

/// One administrator.
pub(crate) struct Client {
    pub(crate) id: u64,
    stream: UnixStream,
    lines: LineBuf,
    out: Vec<u8>,
    stalled_since: Ms,
    /// Waits for the end of a trial, hears nothing meanwhile.
    pub(crate) waiting: bool,
    pub(crate) batch: Option<Batch>,
    gone: bool,
}

/// The socket and who has connected.
pub(crate) struct Control {
    listener: UnixListener,
    pub(crate) path: PathBuf,
    link: PathBuf,
    greeting: String,
    clients: Vec<Client>,
    next: u64,
}

impl Control {
    /// Binds `RUNDIR/NAME.PID.ctrl`.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn open(rundir: &Path, name: &str, greeting: String) -> io::Result<Control> {
        let file = format!("{name}.{}.ctrl", std::process::id());
        let (path, link) = (rundir.join(&file), rundir.join(format!("{name}.ctrl")));
        clear(rundir, name);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
        listener.set_nonblocking(true)?;
        Ok(Control {
            listener,
            path,
            link,
            greeting,
            clients: Vec::new(),
            next: 0,
        })
    }

    /// Points `RUNDIR/NAME.ctrl` at it.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn point(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let file = self.path.file_name().unwrap_or_default();
        std::os::unix::fs::symlink(file, &fresh)?;
        std::fs::rename(&fresh, &self.link)
    }

    /// Where it is.
    pub(crate) fn rundir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Removes the socket, and the link if it is still ours.
    pub(crate) fn remove(&self) {
        if std::fs::read_link(&self.link).ok().as_deref() == self.path.file_name().map(Path::new) {
            let _ = std::fs::remove_file(&self.link);
        }
        let _ = std::fs::remove_file(&self.path);
    }

    /// What to poll: who listens for readers, who for writers.
    pub(crate) fn interests(&self) -> Vec<(BorrowedFd<'_>, bool)> {
        let mut fds = Vec::new();
        if self.clients.len() < MOST {
            fds.push((self.listener.as_fd(), false));
        }
        for client in &self.clients {
            if !client.out.is_empty() {
                fds.push((client.stream.as_fd(), true));
            } else if !client.waiting {
                fds.push((client.stream.as_fd(), false));
            }
        }
        fds
    }

    /// Accepts, reads and writes whatever goes without waiting, and calls
    /// `obey` for each line.
    pub(crate) fn work(&mut self) -> Vec<(u64, Result<Vec<String>, String>)> {
        self.accept();
        let mut heard = Vec::new();
        for client in &mut self.clients {
            client.write();
            if let Some(line) = client.hear() {
                heard.push((client.id, line));
            }
        }
        self.clients.retain(|client| !client.gone);
        heard
    }

    fn accept(&mut self) {
        while self.clients.len() < MOST {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            if let Err(uid) = allowed(&stream) {
                event!(CONTROL_DENIED, "-", uid = uid);
                let _ = (&stream).write_all(b"-ERR not allowed for this user\r\n");
                continue;
            }
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            self.next += 1;
            let mut client = Client {
                id: self.next,
                stream,
                lines: LineBuf::default(),
                out: Vec::new(),
                stalled_since: now(),
                waiting: false,
                batch: None,
                gone: false,
            };
            client.say(&Answer::Ok(self.greeting.clone()));
            self.clients.push(client);
        }
    }

    /// Sends what goes without waiting.
    pub(crate) fn flush(&mut self) {
        self.clients.iter_mut().for_each(Client::write);
        self.clients.retain(|client| !client.gone);
    }

    /// The client of that number, if it is still there.
    pub(crate) fn client(&mut self, id: u64) -> Option<&mut Client> {
        self.clients.iter_mut().find(|c| c.id == id)
    }

    /// Hands over the connection of a client, who is none any more.
    pub(super) fn give_away(&mut self, id: u64) -> Option<UnixStream> {
        let place = self.clients.iter().position(|c| c.id == id)?;
        Some(self.clients.swap_remove(place).stream)
    }

    /// Are there lines that were read but not yet obeyed, or answers to send?
    pub(crate) fn busy(&self) -> bool {
        self.clients
            .iter()
            .any(|c| c.out.is_empty() && !c.waiting && c.lines.rest().contains(&b'\n'))
    }
}

/// Removes the sockets of masters that were killed: nobody answers there.
fn clear(rundir: &Path, name: &str) {
    for entry in std::fs::read_dir(rundir).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let middle = file
            .strip_prefix(name)
            .and_then(|f| f.strip_prefix('.'))
            .and_then(|f| f.strip_suffix(".ctrl"));
        let numbered =
            middle.is_some_and(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_digit()));
        let refused = || {
            UnixStream::connect(entry.path())
                .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        };
        if numbered && refused() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Root and whoever runs the master may give orders; the user that workers
/// run as may not.
fn allowed(stream: &UnixStream) -> Result<(), u32> {
    let uid = peer_uid(stream).unwrap_or(u32::MAX);
    if uid == 0 || uid == cred::uid() {
        Ok(())
    } else {
        Err(uid)
    }
}

#[cfg(target_os = "linux")]
fn peer_uid(stream: &UnixStream) -> Option<u32> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).ok().map(|c| c.uid())
}

#[cfg(not(target_os = "linux"))]
fn peer_uid(stream: &UnixStream) -> Option<u32> {
    nix::unistd::getpeereid(stream)
        .ok()
        .map(|(uid, _)| uid.as_raw())
}

impl Client {
    /// Appends an answer; it leaves when the client reads.
    pub(crate) fn say(&mut self, answer: &Answer) {
        match answer {
            Answer::Ok(text) => self.line("+OK ", text),
            Answer::Err(why) => self.line("-ERR ", why),
            Answer::List(heading, lines) => {
                self.line("+OK ", &format!("{heading}:"));
                for line in lines {
                    self.line(if line.starts_with('.') { "." } else { "" }, line);
                }
                self.line(".", "");
            }
            Answer::Later => self.waiting = true,
        }
        if self.out.len() > MOST_OUT {
            self.gone = true;
        }
        self.stalled_since = now();
    }

    fn line(&mut self, start: &str, text: &str) {
        self.out.extend_from_slice(start.as_bytes());
        self.out.extend(
            text.bytes()
                .map(|b| if b < 0x20 || b == 0x7f { b' ' } else { b }),
        );
        self.out.extend_from_slice(b"\r\n");
    }

    fn write(&mut self) {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => break,
                Ok(count) => {
                    self.out.drain(..count);
                    self.stalled_since = now();
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    self.gone |= now().saturating_sub(self.stalled_since) > STALLED;
                    return;
                }
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }

    /// The next line, unless this client has to read or to wait first.
    fn hear(&mut self) -> Option<Result<Vec<String>, String>> {
        if self.waiting || self.gone || !self.out.is_empty() {
            return None;
        }
        loop {
            match self.lines.next(words::LONGEST) {
                Got::Line => return Some(self.words()),
                Got::TooLong => {
                    return Some(Err(format!("a line has at most {} octets", words::LONGEST)));
                }
                Got::Nul => self.gone = true,
                Got::More => match self.stream.read(self.lines.room()) {
                    Ok(count) if count > 0 => {
                        self.lines.filled(count);
                        continue;
                    }
                    Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                    Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                    _ => self.gone = true,
                },
            }
            return None;
        }
    }

    fn words(&self) -> Result<Vec<String>, String> {
        let text = std::str::from_utf8(self.lines.line()).map_err(|_| "the line is not UTF-8")?;
        words::split_text(text)
    }
}

//! PRIVILEGED. The control socket: takes lines, gives answers. Nobody who
//! stops reading or writing ever stalls the master.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::client::{Answer, Client};
use super::rest::Rest;
use crate::sys::cred;

/// Connections at a time.
const MOST: usize = 256;

/// The socket and who has connected.
pub(crate) struct Control {
    listener: UnixListener,
    pub(crate) path: PathBuf,
    link: PathBuf,
    greeting: String,
    clients: Vec<Client>,
    next: u64,
    rest: Rest,
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
            rest: Rest::default(),
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
        if self.clients.len() < MOST && self.rest.is_over() {
            fds.push((self.listener.as_fd(), false));
        }
        fds.extend(self.clients.iter().filter_map(Client::interest));
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
        self.clients.retain(|client| !client.is_gone());
        heard
    }

    fn accept(&mut self) {
        while self.clients.len() < MOST && self.rest.is_over() {
            let Some((stream, _)) = self.rest.heed(self.listener.accept()) else {
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
            let mut client = Client::new(self.next, stream);
            client.say(Answer::Ok(self.greeting.clone()));
            self.clients.push(client);
        }
    }

    /// Sends what goes without waiting.
    pub(crate) fn flush(&mut self) {
        self.clients.iter_mut().for_each(Client::write);
        self.clients.retain(|client| !client.is_gone());
    }

    /// The client of that number, if it is still there.
    pub(crate) fn client(&mut self, id: u64) -> Option<&mut Client> {
        self.clients.iter_mut().find(|c| c.id == id)
    }

    /// Hands over the connection of a client, who is none any more.
    pub(super) fn give_away(&mut self, id: u64) -> Option<UnixStream> {
        let place = self.clients.iter().position(|c| c.id == id)?;
        Some(self.clients.swap_remove(place).into_stream())
    }

    /// Are there lines that were read but not yet obeyed, or answers to send?
    pub(crate) fn busy(&self) -> bool {
        self.clients.iter().any(Client::can_be_heard)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Reads what is there, and counts the lines of it.
    fn lines(stream: &mut UnixStream) -> usize {
        let mut octets = vec![0; 1 << 20];
        let count = stream.read(&mut octets).unwrap_or(0);
        octets[..count].iter().filter(|&&b| b == b'\n').count()
    }

    #[test]
    fn who_cannot_be_accepted_does_not_keep_the_master_awake() {
        let dir = std::env::temp_dir().join(format!("popular-deaf-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut control = Control::open(&dir, "test", "test ready".into()).unwrap();
        control.remove();
        std::fs::remove_dir(&dir).unwrap();
        control.work();
        assert_eq!(control.interests().len(), 1, "nobody has come");
        // A socket on which accept(2) fails.
        let deaf = std::os::unix::net::UnixDatagram::unbound().unwrap();
        control.listener = std::os::fd::OwnedFd::from(deaf).into();
        control.work();
        assert!(control.interests().is_empty());
        control.rest = Rest::default();
        assert_eq!(control.interests().len(), 1, "it is tried again");
    }

    #[test]
    fn a_long_list_is_made_as_it_is_read_and_delays_nobody() {
        const LINES: usize = 100_000;
        let dir = std::env::temp_dir().join(format!("popular-control-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut control = Control::open(&dir, "test", "test ready".into()).unwrap();
        let connect = || {
            let stream = UnixStream::connect(dir.join(format!("test.{}.ctrl", std::process::id())));
            let stream = stream.unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        };
        let (mut reader, mut other) = (connect(), connect());
        control.work();
        assert_eq!((lines(&mut reader), lines(&mut other)), (1, 1));
        let mut made = 0;
        let flow = move || {
            made += 100;
            (made <= LINES).then(|| vec![".".repeat(300); 100])
        };
        let first = control.client(1).unwrap();
        first.say(Answer::Flow("sessions".into(), Box::new(flow)));
        // Who does not read holds up nobody, and little is kept for him.
        for _ in 0..100 {
            control.flush();
        }
        (&other).write_all(b"version\n").unwrap();
        let heard = control.work();
        assert_eq!(heard.len(), 1);
        assert_eq!((heard[0].0, control.busy()), (2, false));
        let mut seen = 0;
        while seen < LINES + 2 {
            control.flush();
            assert!(control.client(1).unwrap().kept() < 64 << 10);
            assert!(control.interests().iter().any(|(_, writes)| *writes) || seen > LINES);
            seen += lines(&mut reader);
        }
        assert!(!control.client(1).unwrap().has_to_read());
        control.remove();
        std::fs::remove_dir(&dir).unwrap();
    }
}

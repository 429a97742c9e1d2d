//! What a daemon is given at its start: listening sockets by systemd, see
//! sd_listen_fds(3), or by a master of our kind that is being upgraded, which
//! gives a channel to itself, too.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::doors::Doors;
use super::master::Master;
use super::service::Service;
use crate::net::listen::Listener;
use crate::sys::inherit;

/// The descriptors that systemd or a master of ours may pass.
const MOST: usize = 8192;

/// In the environment of a new master: the first descriptor is its channel.
pub(super) const HANDOVER: &str = "POPULAR_HANDOVER";
/// For whom the descriptors are, how many they are, and their names.
pub(super) const LISTEN: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// All of it.
pub(super) struct Passed {
    pub(super) doors: Doors,
    /// To the master that is to be relieved.
    pub(super) channel: Option<UnixStream>,
    /// Names of descriptors that are of no use here, and why.
    pub(super) odd: Vec<(String, String)>,
}

/// Takes what was passed, and closes everything else but standard input,
/// output and error. To be called once, before anything is opened.
pub(super) fn take() -> Passed {
    let [pid, count, names] = LISTEN.map(|name| {
        let text: Option<OsString> = inherit::take(name);
        text.map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    });
    let relieves = inherit::take(HANDOVER).is_some();
    let ours = pid == std::process::id().to_string();
    let count = count.parse().ok().filter(|_| ours).unwrap_or(0);
    let fds = inherit::descriptors(std::cmp::min(count, MOST));
    let names = names.split(':').map(String::from);
    let mut fds = names.chain(std::iter::repeat(String::new())).zip(fds);
    let channel = if relieves { fds.next() } else { None };
    let (mut doors, odd) = sort(fds);
    if !relieves {
        doors.keep_all();
    }
    Passed {
        doors,
        channel: channel.map(|(_, fd)| fd.into()),
        odd,
    }
}

impl<S: Service> Master<S> {
    /// Says which of the sockets that were passed nothing asks for yet. They
    /// stay, should something ask later.
    pub(super) fn tell_unused(&self) {
        let unused = self.passed.without(&self.doors);
        for (name, listener) in unused.each() {
            let at = listener
                .local()
                .map(|at| at.to_string())
                .unwrap_or_default();
            event!(
                SOCKET_UNUSED,
                "-",
                name = name,
                at = at,
                why = "nothing listens there"
            );
        }
    }
}

fn sort(fds: impl Iterator<Item = (String, OwnedFd)>) -> (Doors, Vec<(String, String)>) {
    let (mut doors, mut odd) = (Doors::default(), Vec::new());
    for (name, fd) in fds {
        match Listener::adopt(fd) {
            Ok(listener) => doors.pass(name, listener),
            Err(why) => odd.push((name, why.to_string())),
        }
    }
    (doors, odd)
}

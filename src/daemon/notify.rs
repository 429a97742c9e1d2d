//! Tells systemd, or whoever else has set `NOTIFY_SOCKET`, how the daemon is:
//! datagrams of lines `KEY=VALUE`, see sd_notify(3). Without that variable
//! nothing is said. Nobody waits for who does not listen.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::base::clock::{Ms, now};
use crate::sys::inherit;
use crate::sys::time::monotonic_us;

const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// How long a message may take to be sent.
const PATIENCE: Duration = Duration::from_millis(250);

/// Who wants to know.
#[derive(Default)]
pub(super) struct Notify {
    name: OsString,
    address: Option<SocketAddr>,
    /// The watchdog bites after so many microseconds of silence; 0: there is none.
    usec: u64,
    /// When it was last told that all is well.
    told: Ms,
    /// Another process speaks.
    hushed: bool,
    /// A reload was announced, and is not over.
    reloading: bool,
}

impl Notify {
    /// From the environment, which then has it no more.
    pub(super) fn take() -> Notify {
        let name = inherit::take(SOCKET).unwrap_or_default();
        let [usec, pid] = [WATCHDOG_USEC, WATCHDOG_PID].map(inherit::take);
        let number = |word: &OsString| word.to_str()?.parse::<u64>().ok();
        let ours = pid.is_none_or(|pid| number(&pid) == Some(std::process::id().into()));
        Notify {
            address: address(name.as_bytes()),
            name,
            usec: usec.as_ref().and_then(number).filter(|_| ours).unwrap_or(0),
            told: 0,
            hushed: false,
            reloading: false,
        }
    }

    /// The same for the process that takes our place: words of its environment.
    pub(super) fn words(&self, pid: i32) -> Vec<(&'static str, String)> {
        let mut words = Vec::new();
        if self.address.is_some() {
            words.push((SOCKET, self.name.to_string_lossy().into_owned()));
        }
        if self.usec > 0 {
            words.push((WATCHDOG_USEC, self.usec.to_string()));
            words.push((WATCHDOG_PID, pid.to_string()));
        }
        words
    }

    fn send(&self, text: &str) {
        let Some(address) = self.address.as_ref().filter(|_| !self.hushed) else {
            return;
        };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.send_to_addr(text.as_bytes(), address)
        });
        if let Err(why) = sent {
            event!(NOTIFY_FAILED, "-", why = why);
        }
    }

    /// Clients are served; this also ends a reload.
    pub(super) fn serving(&mut self, status: &str) {
        self.reloading = false;
        let pid = std::process::id();
        self.send(&format!("READY=1\nMAINPID={pid}\nSTATUS={status}"));
    }

    /// A change has failed; if it was a reload that is over.
    pub(super) fn unchanged(&mut self, status: &str) {
        if self.reloading {
            self.serving(status);
        }
    }

    /// A reload begins.
    pub(super) fn reloading(&mut self) {
        self.reloading = true;
        let time = monotonic_us();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={time}"));
    }

    /// A shutdown begins.
    pub(super) fn stopping(&self, how: &str) {
        self.send(&format!("STOPPING=1\nSTATUS=shutdown {how}"));
    }

    /// From now on `pid` is who is to be watched, and who speaks.
    pub(super) fn relieved(&mut self, pid: i32) {
        self.send(&format!("READY=1\nMAINPID={pid}\nSTATUS=upgraded"));
        self.hushed = true;
    }

    /// We speak again.
    pub(super) fn resume(&mut self) {
        self.hushed = false;
    }

    /// Half of what the watchdog waits, in milliseconds.
    fn half(&self) -> Option<Ms> {
        (self.usec > 0 && !self.hushed).then_some((self.usec / 2000).max(1))
    }

    /// The master is alive; called each time it comes round.
    pub(super) fn alive(&mut self) {
        let due = self.half().is_some_and(|half| now() - self.told >= half);
        if due {
            self.told = now();
            self.send("WATCHDOG=1");
        }
    }

    /// How long the master may sleep, in milliseconds, if not longer than `most`.
    pub(super) fn nap(&self, most: Ms) -> Ms {
        let left = |half: Ms| (self.told + half).saturating_sub(now());
        self.half().map_or(most, left).min(most)
    }
}

/// A path, or a name without one that begins with `@`, where there are such.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.split_first()? {
        (b'/', _) => SocketAddr::from_pathname(std::path::Path::new(
            <std::ffi::OsStr as OsStrExt>::from_bytes(name),
        ))
        .ok(),
        #[cfg(target_os = "linux")]
        (b'@', rest) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(rest).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_a_path_or_a_name_without_one() {
        assert!(
            address(b"/run/systemd/notify")
                .unwrap()
                .as_pathname()
                .is_some()
        );
        assert_eq!(address(b"@notify").is_some(), cfg!(target_os = "linux"));
        for bad in [b"".as_slice(), b"notify", b"vsock:2:1"] {
            assert!(address(bad).is_none());
        }
    }

    #[test]
    fn the_watchdog_is_told_twice_before_it_bites() {
        let notify = |usec, told| Notify {
            usec,
            told,
            ..Notify::default()
        };
        assert_eq!(notify(0, 0).nap(1000), 1000, "there is none");
        assert!((1..=100).contains(&notify(200_000, now()).nap(1000)));
        assert_eq!(notify(200_000, 0).nap(1000), 0, "it is late");
        assert_eq!(notify(60_000_000, now()).nap(1000), 1000);
        let mut patient = notify(60_000_000, 0);
        patient.alive();
        assert!(patient.told > 0);
    }

    #[test]
    fn a_change_that_failed_is_news_only_if_it_was_a_reload() {
        let name = format!("popular-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_nonblocking(true).unwrap();
        let mut notify = Notify {
            address: address(path.as_os_str().as_bytes()),
            ..Notify::default()
        };
        let mut buf = [0; 200];
        let mut heard = || server.recv(&mut buf).map(|n| buf[..n].to_vec());
        notify.unchanged("no");
        assert!(heard().is_err());
        notify.reloading();
        assert!(
            heard()
                .unwrap()
                .starts_with(b"RELOADING=1\nMONOTONIC_USEC=")
        );
        notify.unchanged("goes on");
        assert!(heard().unwrap().ends_with(b"\nSTATUS=goes on"));
        std::fs::remove_file(&path).unwrap();
    }
}

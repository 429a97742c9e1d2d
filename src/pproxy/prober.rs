//! The helper tries backends that are down, so that no session has to, and
//! they are used again without an administrator.
//!
//! It speaks as a session does, since a kernel accepts connections for a
//! server that has stopped. All that are due are connected to at once, so
//! that hosts which do not answer take the time of one; a server that
//! accepts and then says nothing is patiently waited for only one at a time.

use std::borrow::Cow;

use super::backend::is_temporary;
use super::call::{Caller, Failure, Opened};
use super::health::News;
use super::site::{Backend, Proto, Site};
use super::vars::{CONNECTTIMEOUT, DRAINING};
use crate::base::clock::{Ms, now};
use crate::base::id;
use crate::daemon::board::Text;
use crate::daemon::seat::Seat;
use crate::net::dial::many;
use crate::net::proxy::Header;
use crate::net::stream::Stream;
use crate::net::wait::Broken;
use crate::pop3::client::{Entry, Way};
use crate::pop3::xpop::Preamble;

/// A mailbox that is not there; pserv(8) shows it as empty.
const MAILBOX: &str = "popular-probe";

/// The time for connections, and for the answer of a server that has not
/// been slow before, in milliseconds.
const QUICK: Ms = 1000;
/// Pauses between two tries.
const FIRST_PAUSE: Ms = 1000;
const LONGEST_PAUSE: Ms = 10_000;
/// A backend that has been up for so long is tried again as if it had never
/// been down.
const FORGOTTEN: Ms = 30_000;
/// How often it is looked who is down.
const LOOK: Ms = 1000;
/// The most that are connected to at once.
const BATCH: usize = 64;

/// When a backend is tried, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Plan {
    /// When next; 0 while it is up.
    due: Ms,
    pause: Ms,
    /// Until when its pause is remembered.
    keep: Ms,
    /// It has connected, and not answered quickly.
    slow: bool,
    tries: usize,
}

impl Plan {
    /// It is down: when is it to be tried? `spread` keeps those who went down
    /// together apart.
    fn down(&mut self, now: Ms, spread: Ms) -> Ms {
        if self.due == 0 {
            if now > self.keep {
                *self = Plan::default();
            }
            self.pause = self.pause.clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.due = now + self.pause / 2 + spread % (self.pause / 2);
        }
        self.due
    }

    /// It is up, or is not to be tried.
    fn up(&mut self, now: Ms) {
        if self.due != 0 {
            (self.due, self.keep) = (0, now + FORGOTTEN);
        }
    }

    /// It was tried, in vain or not; in vain it is tried later and later.
    fn tried(&mut self, now: Ms, slow: bool, spread: Ms) {
        self.slow = slow;
        self.tries = self.tries.wrapping_add(1);
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.due = now + self.pause * 3 / 4 + spread % (self.pause / 4);
    }
}

/// What the helper keeps in mind.
#[derive(Default)]
pub(super) struct Prober {
    /// One for each backend.
    plans: Vec<Plan>,
    probes: u64,
}

impl Prober {
    /// Tries who is due; returns when to come again.
    pub(super) fn tend(&mut self, site: &Site, seat: &Seat) -> Ms {
        let time = now();
        self.plans.resize(site.backends.len(), Plan::default());
        let mut due = Vec::new();
        let mut next = time + LOOK;
        for (n, (backend, plan)) in site.backends.iter().zip(&mut self.plans).enumerate() {
            // Whoever was down under another address is not any more.
            backend.heard(seat, News::Moved);
            if backend.down(seat).is_none() || seat.object_state(backend.row) == DRAINING {
                plan.up(time);
                continue;
            }
            let at = plan.down(time, backend.spread(time));
            match at <= time {
                true => due.push(n),
                false => next = next.min(at),
            }
        }
        // The one that waits longest first, and one that is slow comes last.
        due.sort_by_key(|&n| (self.plans[n].slow, self.plans[n].due));
        let quick = due.iter().filter(|&&n| !self.plans[n].slow).count();
        due.truncate((quick + 1).min(BATCH));
        if due.is_empty() {
            return next;
        }
        self.probe(&due, site, seat);
        now()
    }

    /// Tries these backends.
    pub(super) fn probe(&mut self, due: &[usize], site: &Site, seat: &Seat) {
        let at: Vec<_> = due
            .iter()
            .map(|&n| site.backends[n].address(self.plans[n].tries))
            .collect();
        let sources = due.iter().map(|&n| site.backends[n].source);
        let to: Vec<_> = sources.zip(at.iter().copied()).collect();
        seat.show(Text::Doing, format!("connects to {}", due.len()).as_bytes());
        // Told to leave; so the results mean nothing.
        let Ok(streams) = many(&to, seat, now() + QUICK) else {
            return;
        };
        for ((&n, at), stream) in due.iter().zip(at).zip(streams) {
            let (backend, plan) = (&site.backends[n], &mut self.plans[n]);
            seat.show(Text::Doing, format!("probes {}", backend.id).as_bytes());
            self.probes += 1;
            let sid = id::session(&site.sidprefix, seat.pid(), self.probes);
            let caller = Caller {
                seat,
                sid: &sid,
                client: None,
                header: Header::Local,
                verdict: None,
            };
            let patience = match plan.slow {
                true => seat.var(CONNECTTIMEOUT) * 1000,
                false => QUICK,
            };
            let result = match stream {
                Ok(stream) => ask(&caller, backend, stream, at, patience),
                Err(why) => Err(Failure::connect(at, why)),
            };
            match result {
                Ok(()) => {
                    backend.heard(seat, News::Probed);
                    plan.tried(now(), plan.slow, backend.spread(now()));
                }
                Err(failure) if matches!(failure.why, Broken::Stop(_)) => return,
                Err(failure) => failed(&caller, backend, plan, &failure),
            }
        }
        seat.show(Text::Doing, b"");
    }
}

/// Remembers that a backend has not served.
fn failed(caller: &Caller<'_>, backend: &Backend, plan: &mut Plan, failure: &Failure) {
    let seat = caller.seat;
    let sid = caller.sid;
    debug!(Session, sid, probe = backend.id, state = failure.state);
    backend.note(seat, failure);
    let refused = is_temporary(&failure.why.to_string());
    backend.heard(seat, if refused { News::Refused } else { News::Silent });
    let slow = matches!(failure.why, Broken::Timeout) && failure.state != "connect";
    plan.tried(now(), slow, backend.spread(now()));
}

/// Asks a backend whether it would serve, and takes leave.
fn ask(
    caller: &Caller<'_>,
    backend: &Backend,
    stream: Stream,
    at: std::net::SocketAddr,
    patience: Ms,
) -> Result<(), Failure> {
    let seat = caller.seat;
    let until = now() + patience;
    let preamble = Preamble {
        mailbox: MAILBOX,
        sid: caller.sid,
        master: false,
        ip: None,
        user: Cow::Borrowed(b""),
    };
    let way = match backend.proto {
        Proto::Cxpop | Proto::Xpop => Way::Xpop(&preamble),
        Proto::Pop3 { .. } => Way::Greeting,
    };
    let Opened {
        mut stream, entry, ..
    } = caller.speak(stream, at, backend, way, &|| until)?;
    match entry {
        Entry::Open(_) => {
            let _ = stream.write_all(b"QUIT\r\n", seat, &|| until);
            // Its answer is waited for, since a reset would be logged there.
            let _ = stream.read(&mut [0; 64], seat, &|| until.min(now() + 200));
            Ok(())
        }
        Entry::Refused(state, text) if is_temporary(&text) => Err(Failure {
            state: state.name(),
            at,
            why: Broken::Io(std::io::Error::other(text)),
            ours: false,
        }),
        Entry::Refused(..) => Ok(()),
    }
}

impl Backend {
    /// The address for this try.
    fn address(&self, tries: usize) -> std::net::SocketAddr {
        // Names are resolved before anything is served.
        let unknown = ([0, 0, 0, 0], 0).into();
        let place = tries.checked_rem(self.addresses.len());
        place.map_or(unknown, |place| self.addresses[place])
    }

    /// A number that is another one for every backend and proxy.
    fn spread(&self, now: Ms) -> Ms {
        (now ^ (self.row as u64).wrapping_mul(0x9e37_79b9)).wrapping_mul(0x9e37_79b9) >> 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_down_is_tried_later_and_later_but_at_least_every_ten_seconds() {
        let mut plan = Plan::default();
        let mut now = 100_000;
        let mut pauses = Vec::new();
        for spread in 0..9 {
            let due = plan.down(now, spread * 977);
            pauses.push(due - now);
            now = due;
            plan.tried(now, false, spread * 977);
        }
        assert!(pauses[0] >= 500 && pauses[0] < 1000, "{pauses:?}");
        assert!(
            pauses.windows(2).all(|w| w[0] <= w[1] || w[1] >= 7500),
            "{pauses:?}"
        );
        assert!(pauses.iter().all(|&p| p <= LONGEST_PAUSE), "{pauses:?}");
    }

    #[test]
    fn who_goes_down_soon_after_it_came_up_is_not_tried_at_once_again() {
        let mut plan = Plan::default();
        for _ in 0..6 {
            plan.down(1000, 0);
            plan.tried(1000, true, 0);
        }
        plan.up(2000);
        assert!(plan.down(3000, 0) >= 3000 + LONGEST_PAUSE / 2 && plan.slow);
        plan.up(4000);
        assert!(plan.down(4001 + FORGOTTEN, 0) < 4001 + FORGOTTEN + FIRST_PAUSE);
        assert!(!plan.slow);
    }

    #[test]
    fn only_the_code_makes_a_refusal_a_temporary_one() {
        assert!(is_temporary("[sys/temp] no spool"));
        assert!(!is_temporary("[SYS/PERM] no") && !is_temporary("") && !is_temporary("[SYS"));
    }
}

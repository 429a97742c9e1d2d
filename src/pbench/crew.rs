//! The clients of one process: who begins when, and what becomes of it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::Ready;
use super::accounts::Accounts;
use super::session::{Means, Next, Session};
use super::talk::{Part, Step};
use super::tally::Tally;
use super::wish::{Tls, Wish};
use crate::daemon::signals::Signals;
use crate::net::many::{Event, Many};
use crate::net::tls::load::{Kept, Starter};
use crate::sys::time::{cpu_us, monotonic_us};

/// The place of the signals among the sockets.
const SIGNALS: usize = usize::MAX;

/// No wait is longer, in microseconds.
const LOOK: u64 = 100_000;

/// So long a client rests whose session has failed: a server that is down is
/// not to be flooded.
const REST: u64 = 10_000;

/// Octets that are read at once.
const BUFFER: usize = 256 * 1024;

/// One client, that has one session after the other.
#[derive(Default)]
struct Client {
    session: Option<Session>,
    /// What the last session left for the next one.
    kept: Option<Kept>,
    /// Not before this.
    rests: u64,
}

/// All clients of this process.
pub(super) struct Crew<'w> {
    wish: &'w Wish,
    servers: &'w [SocketAddr],
    means: Means<'w>,
    clients: Vec<Client>,
    free: Vec<usize>,
    accounts: Accounts,
    many: Many,
    signals: &'w Signals,
    tally: Tally,
    start: u64,
    now: u64,
    /// No session begins after this.
    until: u64,
    begun: u64,
    failed: u64,
    /// Held sessions.
    held: u64,
    /// All are held that could be, and that was told.
    ready: bool,
    stop: bool,
    /// After this no client rests.
    rested: u64,
}

impl<'w> Crew<'w> {
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn new(
        wish: &'w Wish,
        servers: &'w [SocketAddr],
        starter: Option<&'w Starter>,
        signals: &'w Signals,
    ) -> io::Result<Crew<'w>> {
        let mut many = Many::new()?;
        many.add(signals, SIGNALS, false)?;
        let clients = wish.clients.min(wish.sessions) as usize;
        let start = monotonic_us();
        Ok(Crew {
            wish,
            servers,
            means: Means {
                tls: wish.tls,
                starter,
                buffer: vec![0; BUFFER],
            },
            clients: (0..clients).map(|_| Client::default()).collect(),
            free: (0..clients).rev().collect(),
            accounts: Accounts::new(&wish.loads),
            many,
            signals,
            tally: Tally::new(wish.loads.len()),
            start,
            now: start,
            until: start + wish.seconds * 1_000_000,
            begun: 0,
            failed: 0,
            held: 0,
            ready: !wish.holds(),
            stop: false,
            rested: 0,
        })
    }

    /// Does it all; `ready` is told when all sessions are held.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn run(mut self, ready: &mut dyn FnMut(Ready)) -> io::Result<Tally> {
        let cpu = cpu_us();
        let mut events = Vec::new();
        let mut look = 0;
        loop {
            self.begin();
            if !self.ready && self.all_held() {
                self.ready = true;
                self.until = self.now + self.wish.seconds * 1_000_000;
                ready(Ready {
                    held: self.held,
                    failed: self.failed,
                    us: self.now - self.start,
                });
            }
            if self.over() {
                break;
            }
            let clients = &self.clients;
            let find = |place: usize| match clients.get(place) {
                Some(client) => client
                    .session
                    .as_ref()
                    .map(|session| session.stream.as_fd()),
                None => Some(self.signals.as_fd()),
            };
            let wait = self.wait();
            self.many.wait(&find, wait, &mut events)?;
            self.now = monotonic_us();
            for event in events.drain(..) {
                self.happened(event);
            }
            if self.now >= look {
                look = self.now + LOOK;
                self.look_around();
            }
        }
        self.tally.unstarted = self.due().saturating_sub(self.begun);
        self.tally.elapsed_us = self.now - self.start;
        self.tally.cpu_us = cpu_us() - cpu;
        Ok(self.tally)
    }

    /// May no other session begin?
    fn closed(&self) -> bool {
        let most = match self.wish.holds() {
            true => self.clients.len() as u64,
            false => self.wish.sessions,
        };
        let late = self.now >= self.until || (self.wish.holds() && self.ready);
        self.stop || late || self.begun >= most
    }

    fn all_held(&self) -> bool {
        self.closed() && self.held + self.free.len() as u64 == self.clients.len() as u64
    }

    /// Is nothing left to do?
    fn over(&self) -> bool {
        self.free.len() == self.clients.len() && self.closed()
    }

    /// With a rate: how many sessions were to begin before now.
    fn due(&self) -> u64 {
        let Some(rate) = self.wish.rate else {
            return 0;
        };
        let until = self.now.min(self.until);
        let due = u128::from(until - self.start) * u128::from(rate);
        let due = due.div_ceil(1_000_000 * u128::from(self.wish.processes)) as u64;
        due.min(self.wish.sessions)
    }

    /// When session `number` is to begin.
    fn schedule(&self, number: u64) -> u64 {
        match self.wish.rate {
            None => self.now,
            Some(rate) => {
                let each = 1_000_000 * u128::from(self.wish.processes);
                self.start + (u128::from(number) * each).div_ceil(rate.into()) as u64
            }
        }
    }

    /// Begins the sessions whose time has come.
    fn begin(&mut self) {
        while !self.closed() {
            let busy = self.clients.len() - self.free.len();
            let logging_in = busy as u64 - self.held;
            if self.wish.holds() && logging_in >= self.wish.logins {
                return;
            }
            let when = self.schedule(self.begun);
            let rested = self
                .free
                .iter()
                .rposition(|&n| self.clients[n].rests <= self.now);
            let (Some(at), true) = (rested, when <= self.now) else {
                return;
            };
            let place = self.free.swap_remove(at);
            self.start_one(place, when);
        }
    }

    fn start_one(&mut self, place: usize, when: u64) {
        let (load, account) = self.accounts.next();
        let turn = self.begun as usize;
        self.begun += 1;
        let from = turn.checked_rem(self.wish.from.len());
        let from = from.map(|at| self.wish.from[at]);
        let to = self.servers[turn % self.servers.len()];
        let client = &mut self.clients[place];
        let started = Session::start(
            (from, to),
            (load, account),
            &self.means,
            client.kept.as_ref(),
        );
        let mut session = match started {
            Ok(session) => session,
            Err(why) => {
                self.accounts.give_back(load, account);
                return self.failed(place, load, &why);
            }
        };
        session.began = when;
        session.deadline = self.now + self.wish.wait * 1_000_000;
        let added = self.many.add(&session.stream, place, session.writing);
        client.session = Some(session);
        if let Err(why) = added {
            self.end(place, Err(why.to_string()));
        }
    }

    fn happened(&mut self, event: Event) {
        if event.place == SIGNALS {
            self.signals.drain();
            self.stop = true;
            self.leave();
            return;
        }
        let Some(client) = self.clients.get_mut(event.place) else {
            return;
        };
        let Some(session) = &mut client.session else {
            return;
        };
        let part = Part {
            load: &self.wish.loads[session.load],
            account: session.account,
            starttls: self.wish.tls == Tls::Starttls,
        };
        let kept = client.kept.as_ref();
        let stepped = session.step(part, event.last, &mut self.means, kept);
        session.deadline = self.now + self.wish.wait * 1_000_000;
        if session.talk.inside() && !session.inside {
            session.inside = true;
            let took = monotonic_us() - session.began;
            self.tally.loads[session.load].login.add(took);
        }
        let writing = match stepped {
            Ok(Next::End) => return self.end(event.place, Ok(())),
            Err(why) => return self.end(event.place, Err(why)),
            Ok(next) => next == Next::Write,
        };
        if session.talk.step == Step::Held {
            session.deadline = u64::MAX;
            self.held += u64::from(!session.held);
            session.held = true;
        }
        if writing != session.writing {
            session.writing = writing;
            if let Err(why) = self.many.change(&session.stream, event.place, writing) {
                self.end(event.place, Err(why.to_string()));
            }
        }
    }

    /// A session is over, well or not.
    fn end(&mut self, place: usize, how: Result<(), String>) {
        self.many.remove(place);
        let client = &mut self.clients[place];
        let Some(mut session) = client.session.take() else {
            return;
        };
        self.accounts.give_back(session.load, session.account);
        self.held -= u64::from(session.held);
        let counts = &mut self.tally.loads[session.load];
        counts.messages += session.talk.fetched;
        counts.octets += session.stream.received;
        if let Some(channel) = session.stream.channel_mut() {
            self.tally.handshakes += u64::from(channel.shaken());
            self.tally.resumed += u64::from(channel.shaken() && channel.resumed());
            if self.wish.resume && how.is_ok() {
                client.kept = channel.keep();
            }
        }
        match how {
            Ok(()) => {
                counts.sessions += 1;
                counts.session.add(monotonic_us() - session.began);
                self.free.push(place);
            }
            Err(why) => self.failed(place, session.load, &why),
        }
    }

    fn failed(&mut self, place: usize, load: usize, why: &str) {
        self.tally.loads[load].failed += 1;
        self.tally.fail(why, 1);
        self.failed += 1;
        self.rested = self.now + REST;
        self.clients[place].rests = self.rested;
        self.free.push(place);
        if self.failed >= self.wish.failures && !self.stop {
            self.stop = true;
            self.leave();
        }
    }

    /// How long nothing is to be done by the clock.
    fn wait(&self) -> u64 {
        if self.closed() || self.free.is_empty() {
            return LOOK;
        }
        let mut next = self.schedule(self.begun);
        if self.now < self.rested {
            let rests = self.free.iter().map(|&n| self.clients[n].rests).min();
            next = next.max(rests.unwrap_or(0));
        }
        if next <= self.now {
            // It is not the clock that keeps the next one waiting.
            return LOOK;
        }
        let us = (next - self.now).min(LOOK);
        match self.wish.rate {
            // Nothing else needs to be so exact.
            None => us.next_multiple_of(1000),
            Some(_) => us,
        }
    }

    /// Ends sessions that are too late, and, when it is time, those that are
    /// held.
    fn look_around(&mut self) {
        // Those that came in stay until the others have come in, too, or failed.
        if self.now >= self.until && self.ready {
            self.leave();
        }
        let last = self.now >= self.until + self.wish.wait * 1_000_000;
        for place in 0..self.clients.len() {
            let session = self.clients[place].session.as_ref();
            let late = |session: &&Session| {
                let last = last && (self.ready || !session.held);
                last || session.deadline <= self.now
            };
            if let Some(session) = session.filter(late) {
                let why = session.fault(&"no answer in time");
                self.end(place, Err(why));
            }
        }
    }

    /// Lets all that are held say QUIT.
    fn leave(&mut self) {
        if self.held == 0 {
            return;
        }
        for place in 0..self.clients.len() {
            let Some(session) = &mut self.clients[place].session else {
                continue;
            };
            if !session.held {
                continue;
            }
            session.held = false;
            session.deadline = self.now + self.wish.wait * 1_000_000;
            let part = Part {
                load: &self.wish.loads[session.load],
                account: session.account,
                starttls: false,
            };
            self.held -= 1;
            if let Err(why) = session.quit(part) {
                self.end(place, Err(why));
            }
        }
    }
}

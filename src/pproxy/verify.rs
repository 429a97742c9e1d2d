//! Who verifies a login: the modules, or what they said of it a short while
//! ago.

use std::net::SocketAddr;
use std::time::Instant;

use super::counts::OfModule;
use super::modules::Turn;
use super::session::Session;
use super::site::Site;
use super::vars::{AUTHTIMEOUT, CACHED, CACHESTALE, CACHETIME, Count};
use crate::auth::cache::{Cache, Hit};
use crate::auth::chain::Chain;
use crate::auth::request::{Outcome, Request};
use crate::auth::witness::{self, Verdict, Witness, Word};
use crate::base::clock::{Ms, now};
use crate::base::log;
use crate::daemon::board::{Board, Text};
use crate::daemon::seat::Seat;
use crate::net::listen::canonical;

/// Milliseconds between two lines that tell of old answers.
const RARELY: Ms = 10_000;

/// Who says whether a login is good: the chain of modules.
pub(crate) trait Judge {
    /// As [`Chain::check`].
    fn judge<'c>(&'c self, request: &Request<'_>, witness: &mut dyn Witness) -> Outcome<'c>;
    /// As [`Chain::mark`].
    fn mark(&self, pdm: &str) -> Option<u64>;
    /// As [`Chain::marked`].
    fn marked(&self, mark: u64) -> Option<&str>;
}

impl Judge for Chain {
    fn judge<'c>(&'c self, request: &Request<'_>, witness: &mut dyn Witness) -> Outcome<'c> {
        self.check(request, witness)
    }

    fn mark(&self, pdm: &str) -> Option<u64> {
        Chain::mark(self, pdm)
    }

    fn marked(&self, mark: u64) -> Option<&str> {
        Chain::marked(self, mark)
    }
}

/// The cache of the daemon.
pub(super) fn cache(board: &Board) -> Cache {
    Cache::new(board.area(CACHED), board.secret())
}

/// Address and port as text.
fn texts(at: Option<SocketAddr>) -> (String, String) {
    let at = at.map(canonical);
    at.map_or_else(Default::default, |at| {
        (at.ip().to_string(), at.port().to_string())
    })
}

/// Makes a call into a module one that can be given up, and keeps account of
/// how the modules do.
struct Watcher<'w> {
    seat: &'w Seat,
    site: &'w Site,
    sid: &'w str,
    /// A module has failed or was left out.
    failed: bool,
    /// When a module was asked last.
    asked: Instant,
    /// The module whose answer is remembered, and what it says now.
    held: Option<(&'w str, Option<Verdict>)>,
}

impl Watcher<'_> {
    fn log(&self, turn: Option<Turn>, pdm: &str) {
        if let Some(turn) = turn {
            turn.log(self.sid, pdm);
        }
    }

    /// Counts what the module in this place says, and how long that took.
    fn count(&self, place: usize, verdict: Verdict) {
        let what = match verdict {
            Verdict::Unknown => OfModule::Unknown,
            Verdict::Accept => OfModule::Accepted,
            Verdict::Refuse => OfModule::Refused,
            Verdict::Fail => OfModule::Failed,
        };
        let us = self.asked.elapsed().as_micros() as u64;
        for (what, by) in [(what, 1), (OfModule::Asked, 1), (OfModule::Us, us)] {
            self.site.count_of_module(self.seat, place, what, by);
        }
    }

    /// What the module of the remembered answer says, if it is this one.
    fn note(&mut self, pdm: &str, verdict: Verdict) {
        match &mut self.held {
            Some((held, said)) if *held == pdm => *said = Some(verdict),
            _ => {}
        }
    }
}

impl Witness for Watcher<'_> {
    fn asking(&mut self, place: usize, pdm: &str) -> bool {
        let health = self.site.health(&self.seat.board(), place);
        if health.is_some_and(|health| !health.admits(now())) {
            self.failed = true;
            self.site
                .count_of_module(self.seat, place, OfModule::LeftOut, 1);
            self.note(pdm, Verdict::Fail);
            return false;
        }
        self.seat.guard(self.seat.after(AUTHTIMEOUT));
        let doing = format!("pdm {pdm}");
        let (board, slot) = (self.seat.board(), self.seat.slot());
        board.set_text(slot, Text::Doing, doing.as_bytes());
        self.asked = Instant::now();
        true
    }

    fn heard(&mut self, place: usize, pdm: &str, word: &Word<'_>) {
        self.count(place, word.verdict);
        let (verdict, vouching) = (witness::name(word.verdict), word.vouching);
        debug!(
            Auth,
            self.sid,
            pdm = pdm,
            verdict = verdict,
            vouching = vouching,
            why = word.why
        );
        let health = self.site.health(&self.seat.board(), place);
        if !word.vouching {
            self.note(pdm, word.verdict);
        }
        if word.verdict != Verdict::Fail {
            self.log(health.and_then(|health| health.succeeded()), pdm);
            return;
        }
        self.failed = true;
        event!(MODULE_FAILED, self.sid, pdm = pdm, why = word.why);
        self.log(health.and_then(|health| health.failed(now())), pdm);
    }
}

/// By what a client shows who it is.
#[derive(Clone, Copy)]
pub(super) enum Proof<'p> {
    Password(&'p [u8]),
    /// The subject of its verified certificate.
    Certificate(&'p [u8]),
}

impl<'p> Proof<'p> {
    /// Empty if there is none.
    pub(super) fn password(self) -> &'p [u8] {
        match self {
            Proof::Password(password) => password,
            Proof::Certificate(_) => b"",
        }
    }

    fn subject(self) -> &'p [u8] {
        match self {
            Proof::Password(_) => b"",
            Proof::Certificate(subject) => subject,
        }
    }
}

impl<'s> Session<'s> {
    /// Asks the modules, or knows already; then the second value is true.
    pub(super) fn verify(&self, user: &[u8], proof: Proof<'_>) -> (Outcome<'s>, bool) {
        log::about_user(user);
        let (client, server) = (texts(Some(self.peer)), texts(self.local()));
        let request = Request {
            ns: self.vserv.namespace.as_bytes(),
            user,
            password: proof.password(),
            subject: proof.subject(),
            external: matches!(proof, Proof::Certificate(_)),
            vserv: &self.vserv.id,
            sid: &self.sid,
            client: (&client.0, &client.1),
            server: (&server.0, &server.1),
            tls: self.tls_version(),
        };
        let known = match self.seat.var(CACHETIME) {
            0 => (self.ask_modules(&request, None).0, false),
            fresh => self.verify_cached(&request, fresh * 1000),
        };
        // Only a password that a module could see tells that another is good no more.
        let seen = !request.external && request.flaw().is_none();
        if seen && matches!(known.0, Outcome::Refuse { .. }) {
            let cache = cache(&self.seat.board());
            cache.forget(request.ns, request.user, now(), false);
        }
        debug!(Auth, self.sid, outcome = known.0.name(), cached = known.1);
        known
    }

    /// Asks the modules. One that does not come back is killed with this
    /// worker; what it was doing stands in the slot.
    fn ask_modules<'w>(
        &'w self,
        request: &Request,
        held: Option<&'w str>,
    ) -> (Outcome<'s>, Watcher<'w>) {
        let mut witness = Watcher {
            seat: self.seat,
            site: self.site,
            sid: &self.sid,
            failed: false,
            asked: Instant::now(),
            held: held.map(|pdm| (pdm, None)),
        };
        let outcome = self.judge.judge(request, &mut witness);
        let (board, slot) = (self.seat.board(), self.seat.slot());
        board.set_text(slot, Text::Doing, b"login");
        (outcome, witness)
    }

    /// An answer is as good as new for `fresh` milliseconds.
    #[inline(never)] // what it needs of the stack is not needed without it
    fn verify_cached(&self, request: &Request, fresh: Ms) -> (Outcome<'s>, bool) {
        let (cache, began) = (cache(&self.seat.board()), now());
        let age = |hit: &Hit| began.saturating_sub(hit.at);
        let limit = fresh + self.seat.var(CACHESTALE) * 1000;
        let hit = cache.find(request).filter(|hit| age(hit) < limit);
        let hit = hit.and_then(|hit| Some((self.judge.marked(hit.mark)?, hit)));
        match hit {
            Some((pdm, hit)) if age(&hit) < fresh => {
                self.count(Count::CacheHits, 1);
                (accepted(pdm, hit), true)
            }
            hit => self.verify_anew(request, cache, began, hit),
        }
    }

    fn verify_anew(
        &self,
        request: &Request,
        cache: Cache,
        began: Ms,
        hit: Option<(&'s str, Hit)>,
    ) -> (Outcome<'s>, bool) {
        self.count(Count::CacheMisses, 1);
        let (outcome, witness) = self.ask_modules(request, hit.as_ref().map(|(pdm, _)| *pdm));
        let said = witness.held.and_then(|(_, said)| said);
        match (&outcome, hit) {
            (
                Outcome::Accept {
                    pdm,
                    vouched,
                    account,
                },
                _,
            ) => {
                // A module that fails now, and is asked before this one, may know better.
                let lasts = vouched.is_none() && !witness.failed;
                if let Some(mark) = self.judge.mark(pdm).filter(|_| lasts) {
                    cache.put(request, mark, account, began);
                }
            }
            (Outcome::Fail { .. }, Some((pdm, hit))) if said == Some(Verdict::Fail) => {
                return (self.stale(cache, pdm, hit), true);
            }
            (Outcome::Fail { .. }, Some(_)) => {
                cache.forget(request.ns, request.user, now(), false);
            }
            _ => {}
        }
        (outcome, false)
    }

    /// The module cannot say at present; what it said last holds on.
    fn stale(&self, cache: Cache, pdm: &'s str, hit: Hit) -> Outcome<'s> {
        self.count(Count::CacheStale, 1);
        let time = now();
        if cache.first_since(time, RARELY) {
            let seconds = time.saturating_sub(hit.at) / 1000;
            event!(CACHE_STALE, self.sid, pdm = pdm, seconds = seconds);
        }
        accepted(pdm, hit)
    }
}

fn accepted(pdm: &str, hit: Hit) -> Outcome<'_> {
    Outcome::Accept {
        pdm,
        vouched: None,
        account: hit.account,
    }
}

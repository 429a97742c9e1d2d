//! Who verifies a login: the modules, before the eyes of somebody who keeps
//! account of how they do.
use std::net::SocketAddr;

use super::modules::Turn;
use super::session::Session;
use super::site::Site;
use super::vars::AUTHTIMEOUT;
use crate::auth::chain::Chain;
use crate::auth::request::{Outcome, Request};
use crate::auth::witness::{Verdict, Witness, Word};
use crate::base::clock::now;
use crate::daemon::board::Text;
use crate::daemon::seat::Seat;
use crate::net::listen::canonical;

/// Who says whether a login is good: the chain of modules.
pub(crate) trait Judge {
    /// As [`Chain::check`].
    fn judge<'c>(&'c self, request: &Request<'_>, witness: &mut dyn Witness) -> Outcome<'c>;
}

impl Judge for Chain {
    fn judge<'c>(&'c self, request: &Request<'_>, witness: &mut dyn Witness) -> Outcome<'c> {
        self.check(request, witness)
    }
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
}

impl Watcher<'_> {
    fn log(&self, turn: Option<Turn>, pdm: &str) {
        if let Some(turn) = turn {
            turn.log(self.sid, pdm);
        }
    }
}

impl Witness for Watcher<'_> {
    fn asking(&mut self, place: usize, pdm: &str) -> bool {
        let health = self.site.health(&self.seat.board(), place);
        if health.is_some_and(|health| !health.admits(now())) {
            return false;
        }
        self.seat.guard(self.seat.after(AUTHTIMEOUT));
        let doing = format!("pdm {pdm}");
        let (board, slot) = (self.seat.board(), self.seat.slot());
        board.set_text(slot, Text::Doing, doing.as_bytes());
        true
    }

    fn heard(&mut self, place: usize, pdm: &str, word: &Word<'_>) {
        let health = self.site.health(&self.seat.board(), place);
        if word.verdict != Verdict::Fail {
            self.log(health.and_then(|health| health.succeeded()), pdm);
            return;
        }
        event!(MODULE_FAILED, self.sid, pdm = pdm, why = word.why);
        self.log(health.and_then(|health| health.failed(now())), pdm);
    }
}

impl<'s> Session<'s> {
    /// Asks the modules. One that does not come back is killed with this
    /// worker; what it was doing stands in the slot.
    pub(super) fn verify(&self, user: &[u8], password: &[u8]) -> Outcome<'s> {
        let (client, server) = (texts(Some(self.peer)), texts(self.local()));
        let request = Request {
            ns: self.vserv.namespace.as_bytes(),
            user,
            password,
            vserv: &self.vserv.id,
            sid: &self.sid,
            client: (&client.0, &client.1),
            server: (&server.0, &server.1),
            ..Request::default()
        };
        let mut witness = Watcher {
            seat: self.seat,
            site: self.site,
            sid: &self.sid,
        };
        let outcome = self.judge.judge(&request, &mut witness);
        let (board, slot) = (self.seat.board(), self.seat.slot());
        board.set_text(slot, Text::Doing, b"login");
        debug!(Auth, self.sid, outcome = outcome.name());
        outcome
    }
}

//! AUTH (RFC 5034): the exchange of a SASL mechanism, line by line.

use super::penalty::Attempt;
use super::session::{Phase, Session, TLS_FIRST};
use super::verify::Proof;
use crate::auth::sasl::{self, EXTERNAL, Exchange, MECHANISMS, Step};
use crate::pop3::command::{Next, Refusal};

impl Session<'_> {
    /// AUTH with a mechanism, and perhaps an initial response; without any it
    /// lists the mechanisms, as clients older than CAPA expect.
    pub(super) fn auth(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        if !self.takes_passwords() {
            return Err(TLS_FIRST.into());
        }
        let Some((mechanism, rest)) = args.split_first() else {
            let more = self.subject().map(|_| EXTERNAL);
            let out = &mut self.wire.out;
            out.extend_from_slice(b"+OK the mechanisms follow\r\n");
            for name in MECHANISMS.into_iter().chain(more) {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b".\r\n");
            return Ok(Next::Stay);
        };
        self.phase = Phase::Auth { user: None };
        self.step(sasl::begin(mechanism, rest.first().copied()))
    }

    /// What the client says in the exchange.
    pub(super) fn respond(&mut self, exchange: Exchange, line: &[u8]) -> Next {
        match self.step(exchange.hear(line)) {
            Ok(next) => next,
            Err(refusal) => self.mistake(refusal),
        }
    }

    /// The exchange that goes on, if there is one; the phase is then that
    /// before it.
    pub(super) fn exchange(&mut self) -> Option<Exchange> {
        match std::mem::replace(&mut self.phase, Phase::Auth { user: None }) {
            Phase::Sasl(exchange) => Some(exchange),
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn step(&mut self, step: Step) -> Result<Next, Refusal> {
        match step {
            Step::Ask(exchange, prompt) => {
                self.phase = Phase::Sasl(exchange);
                let line = format!("+ {prompt}\r\n");
                self.wire.out.extend_from_slice(line.as_bytes());
                Ok(Next::Stay)
            }
            Step::Certified(user) => self.certified(user),
            Step::Login(who) => Ok(self.login(who.user, who.password.octets())),
            Step::Refuse(user, why) => Ok(self.refuse(&user, None, why, Attempt::default())),
            Step::End(why) => Err(why.into()),
        }
    }

    /// The certificate takes the place of the password. Who names nobody is
    /// the one whose name stands in it, if that is one name.
    fn certified(&mut self, user: Vec<u8>) -> Result<Next, Refusal> {
        let Some(subject) = self.subject() else {
            return Err("a verified certificate would be needed".into());
        };
        let user = match user.is_empty() {
            true => subject.name.unwrap_or_default(),
            false => user,
        };
        Ok(self.login_as(user, Proof::Certificate(&subject.text)))
    }
}

//! AUTH (RFC 5034): the exchange of a SASL mechanism, line by line.

use super::penalty::Attempt;
use super::session::{Phase, Session};
use crate::auth::sasl::{self, Exchange, MECHANISMS, Step};
use crate::pop3::command::{Next, Refusal};

impl Session<'_> {
    /// AUTH with a mechanism, and perhaps an initial response; without any it
    /// lists the mechanisms, as clients older than CAPA expect.
    pub(super) fn auth(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        let Some((mechanism, rest)) = args.split_first() else {
            let out = &mut self.wire.out;
            out.extend_from_slice(b"+OK the mechanisms follow\r\n");
            for name in MECHANISMS {
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
            Step::Login(who) => Ok(self.login(who.user, who.password.octets())),
            Step::Refuse(user, why) => Ok(self.refuse(&user, None, why, Attempt::default())),
            Step::End(why) => Err(why.into()),
        }
    }
}

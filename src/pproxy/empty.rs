//! A maildrop without messages, played by the proxy: no backend is
//! disturbed. Only users whom a module has verified come here.

use super::session::Session;
use crate::pop3::command::{Next, Refusal, number};
use crate::pop3::reply::ok;

impl Session<'_> {
    /// STAT (RFC 1939 section 5).
    pub(super) fn stat(&mut self, _: &[&[u8]]) -> Result<Next, Refusal> {
        ok(&mut self.wire.out, "0 0");
        Ok(Next::Stay)
    }

    /// LIST and UIDL: an empty list, or nothing of that number.
    pub(super) fn list(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        if args.is_empty() {
            self.wire.out.extend_from_slice(b"+OK 0 messages\r\n.\r\n");
            return Ok(Next::Stay);
        }
        self.message(args)
    }

    /// RETR, DELE and TOP: there is no message, whatever its number.
    pub(super) fn message(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        match args.iter().all(|word| number(word).is_some()) {
            true => Err("there is no such message".into()),
            false => Err("numbers are digits only".into()),
        }
    }

    /// NOOP, and RSET, which finds nothing to bring back.
    pub(super) fn noop(&mut self, _: &[&[u8]]) -> Result<Next, Refusal> {
        ok(&mut self.wire.out, "");
        Ok(Next::Stay)
    }
}

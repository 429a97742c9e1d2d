//! How many sessions there may be: of an address, a network, a user, a
//! virtual server and at a backend. They are counted by marks in the shared
//! page, which go with the worker, however that ends. Marks are set whether
//! or not there is a limit, so that one which is set later counts everybody.

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

use super::session::Session;
use super::site::Backend;
use super::vars::{self, Count, LIMITS_LOGGED};
use crate::base::clock::now;
use crate::base::nets::holds;
use crate::daemon::config::Object;
use crate::pop3::reply::{SYS_TEMP, err};

/// A limit that is reached is logged once in so many milliseconds.
const RARELY: u64 = 10_000;

/// What is limited. The marks of a kind have its number, and so has the word
/// that says when its limit was last logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Address = vars::MARK_IP as isize,
    Network = vars::MARK_NET as isize,
    User = vars::MARK_USER as isize,
    Vserv = vars::MARK_VSERV as isize,
    Backend = vars::MARK_BACKEND as isize,
}

impl Limit {
    /// The variable or option with the number.
    pub(super) fn name(self) -> &'static str {
        match self {
            Limit::Address => "maxperip",
            Limit::Network => "maxpernet",
            Limit::User => "maxperuser",
            Limit::Vserv | Limit::Backend => "maxsession",
        }
    }

    /// Of what there are too many sessions.
    fn whose(self) -> &'static str {
        match self {
            Limit::Address => "from your address",
            Limit::Network => "from your network",
            Limit::User => "of this user",
            Limit::Vserv => "at this server",
            Limit::Backend => "at the server of this mailbox",
        }
    }

    fn counter(self) -> Count {
        match self {
            Limit::Address => Count::LimitAddress,
            Limit::Network => Count::LimitNetwork,
            Limit::User => Count::LimitUser,
            Limit::Vserv => Count::LimitVserv,
            Limit::Backend => Count::LimitBackend,
        }
    }
}

/// A limit that is reached, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached(pub(super) Limit, pub(super) u64);

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Reached(limit, number) = self;
        write!(
            f,
            "{SYS_TEMP} too many sessions {} ({} {number}), try again later",
            limit.whose(),
            limit.name()
        )
    }
}

/// The part of an address that counts: of IPv4 the first `v4` octets, of
/// IPv6 the first `v6`.
fn part(ip: IpAddr, v4: usize, v6: usize) -> ([u8; 16], usize) {
    let mut octets = [0; 16];
    match ip {
        IpAddr::V4(ip) => {
            octets[..4].copy_from_slice(&ip.octets());
            (octets, v4)
        }
        IpAddr::V6(ip) => (ip.octets(), v6),
    }
}

impl Session<'_> {
    /// Is the client in a network whose clients are not limited?
    pub(super) fn is_trusted(&self) -> bool {
        holds(&self.site.trusted, self.peer.ip())
    }

    /// Counts the session among those of its address, its network and its
    /// virtual server.
    ///
    /// # Errors
    /// The first limit that is reached; then it is not counted there.
    pub(super) fn come_in(&self) -> Result<(), Reached> {
        if !self.is_trusted() {
            for (limit, key, (octets, len)) in [
                (Limit::Address, vars::MAXPERIP, part(self.peer.ip(), 4, 8)),
                (Limit::Network, vars::MAXPERNET, part(self.peer.ip(), 3, 6)),
            ] {
                let family: &[u8] = if self.peer.is_ipv4() { b"4" } else { b"6" };
                let who = self.seat.board().key(&[family, &octets[..len]]);
                self.count_in(limit, who, self.seat.var(key))?;
            }
        }
        let (row, key) = (self.vserv.row, vars::vserv::MAXSESSION);
        let limit = self.seat.object_var(row, key);
        self.count_in(Limit::Vserv, Object::mark(row), limit)
    }

    /// Is this one session too many of a user who was verified? Then the
    /// client is told so.
    pub(super) fn is_one_too_many(&mut self, user: &[u8]) -> bool {
        let namespace = self.vserv.namespace.as_bytes();
        let who = self.seat.board().key(&[b"user", namespace, user]);
        let limit = self.seat.var(vars::MAXPERUSER);
        let counted = self.count_in(Limit::User, who, limit);
        if let Err(reached) = counted {
            err(&mut self.wire.out, reached);
        }
        counted.is_err()
    }

    /// The user, who was verified, was not let in after all.
    pub(super) fn uncount_user(&self) {
        self.seat.unmark(vars::MARK_USER);
    }

    /// Counts the session among those of a backend.
    ///
    /// # Errors
    /// The backend has as many as it may.
    pub(super) fn count_at(&self, backend: &Backend) -> Result<(), Reached> {
        let limit = self.seat.object_var(backend.row, vars::backend::MAXSESSION);
        self.count_in(Limit::Backend, backend.key(), limit)
    }

    /// The backend has no session of us after all.
    pub(super) fn uncount_at_backend(&self) {
        self.seat.unmark(vars::MARK_BACKEND);
    }

    fn count_in(&self, what: Limit, who: u64, limit: u64) -> Result<(), Reached> {
        let (seat, who) = (self.seat, who.max(1));
        if limit == 0 {
            seat.board().set_mark(what as usize, seat.slot(), who);
            return Ok(());
        }
        if seat.mark(what as usize, who, limit) {
            return Ok(());
        }
        self.log_limit(what, limit);
        Err(Reached(what, limit))
    }

    fn log_limit(&self, what: Limit, number: u64) {
        self.count(what.counter(), 1);
        let words = self.seat.board().area(LIMITS_LOGGED);
        let Some(word) = words.get(what as usize) else {
            return;
        };
        let (last, now) = (word.load(Relaxed), now());
        let due = last == 0 || now.saturating_sub(last) > RARELY;
        if due && word.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            event!(
                LIMIT_REACHED,
                self.sid,
                vserv = self.vserv.id,
                rip = self.peer.ip(),
                limit = what.name(),
                number = number,
                whose = what.whose()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_itself_and_its_number() {
        let text = Reached(Limit::Address, 50).to_string();
        let want = "[SYS/TEMP] too many sessions from your address (maxperip 50), try again later";
        assert_eq!(text, want);
    }

    #[test]
    fn of_an_address_as_much_counts_as_a_client_can_choose_from() {
        let (ip, net) = (
            "192.0.2.7".parse().unwrap(),
            "2001:db8:1:2:3::4".parse().unwrap(),
        );
        let octets = |(octets, len): ([u8; 16], usize)| octets[..len].to_vec();
        assert_eq!(octets(part(ip, 4, 8)), [192, 0, 2, 7]);
        assert_eq!(octets(part(ip, 3, 6)), [192, 0, 2]);
        assert_eq!(octets(part(net, 4, 8)), [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2]);
        assert_eq!(octets(part(net, 3, 6)), [0x20, 1, 0x0d, 0xb8, 0, 1]);
    }
}

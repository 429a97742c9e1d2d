//! The command line: whom to load, with what, how much of it.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::load::{Load, What, loads, whole};
use crate::base::opt::{Matches, Options};
use crate::base::vars::Kind;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    No,
    Starttls,
    Implicit,
}

/// All of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) loads: Vec<Load>,
    /// `HOST:PORT`, as they were told.
    pub(super) servers: Vec<String>,
    pub(super) from: Vec<IpAddr>,
    /// Sessions at a time, all processes together.
    pub(super) clients: u64,
    /// Sessions begun a second; none: each client begins its next one when
    /// the last is over.
    pub(super) rate: Option<u64>,
    pub(super) seconds: u64,
    pub(super) sessions: u64,
    /// With `hold`: at most so many log in at a time.
    pub(super) logins: u64,
    pub(super) processes: u64,
    pub(super) tls: Tls,
    pub(super) resume: bool,
    pub(super) version: Option<String>,
    pub(super) ca: Option<String>,
    /// Seconds that an answer may take.
    pub(super) wait: u64,
    /// After so many sessions that failed no other begins.
    pub(super) failures: u64,
    pub(super) json: bool,
}

/// The options of the command line.
#[rustfmt::skip]
pub(super) fn options() -> Options {
    let mut options = Options::new();
    options.optmulti("b", "bind", "connect from ADDRESS; several in turn", "ADDRESS");
    options.optopt("C", "ca", "certificates of servers must come from those in FILE", "FILE");
    options.optopt("c", "clients", "sessions at a time, default 20, with -r 1000", "CLIENTS");
    options.optopt("d", "duration", "begin sessions for so long, default 10", "SECONDS");
    options.optopt("i", "logins", "hold: log in so many at a time, default 100", "LOGINS");
    options.optflag("j", "json", "print the result as JSON");
    options.optopt("n", "sessions", "begin so many sessions, default 1000000", "SESSIONS");
    options.optopt("P", "processes", "use so many processes, default 1", "PROCESSES");
    options.optflag("R", "resume", "resume TLS sessions");
    options.optopt("r", "rate", "begin so many sessions a second", "RATE");
    options.optmulti("s", "server", "server to connect to; several in turn", "HOST:PORT");
    options.optopt("t", "tls", "no, implicit or starttls, default no", "MODE");
    options.optopt("v", "tls-version", "1.2 or 1.3, and no other", "VERSION");
    options.optopt("w", "wait", "wait so long for an answer, default 20", "SECONDS");
    options.optopt("x", "failures", "give up after so many failures, default 1000", "FAILURES");
    options
}

impl Wish {
    /// # Errors
    /// Which word is wrong and what would be right.
    pub(super) fn of(matches: &Matches) -> Result<Wish, String> {
        let number = |name, default, first, last| match matches.opt_str(name) {
            None => Ok(default),
            Some(value) => {
                whole(&value, first, last).map_err(|why| format!("option -{name} {why}"))
            }
        };
        let word = |name: &str, words: &'static [&'static str]| match matches.opt_str(name) {
            None => Ok(None),
            Some(value) => match Kind::Word(words).normal(&value) {
                Ok(value) => Ok(Some(value)),
                Err(why) => Err(format!("option -{name} {why}, not {value}")),
            },
        };
        let bind = |text: String| {
            text.parse()
                .map_err(|_| format!("option -b must be an address, not {text}"))
        };
        let rate = match matches.opt_present("r") {
            true => Some(number("r", 1, 1, 1_000_000)?),
            false => None,
        };
        let tls = match word("t", &["no", "implicit", "starttls"])?.as_deref() {
            Some("implicit") => Tls::Implicit,
            Some("starttls") => Tls::Starttls,
            _ => Tls::No,
        };
        let wish = Wish {
            loads: loads(&matches.free)?,
            servers: matches.opt_strs("s"),
            from: matches
                .opt_strs("b")
                .into_iter()
                .map(bind)
                .collect::<Result<_, _>>()?,
            clients: number("c", if rate.is_some() { 1000 } else { 20 }, 1, 1_000_000)?,
            rate,
            seconds: number("d", 10, 1, 86400)?,
            sessions: number("n", 1_000_000, 1, 1_000_000_000)?,
            logins: number("i", 100, 1, 1_000_000)?,
            processes: number("P", 1, 1, 64)?,
            tls,
            resume: matches.opt_present("R"),
            version: word("v", &["1.2", "1.3"])?,
            ca: matches.opt_str("C"),
            wait: number("w", 20, 1, 3600)?,
            failures: number("x", 1000, 1, 1_000_000_000)?,
            json: matches.opt_present("j"),
        };
        wish.check()?;
        Ok(wish)
    }

    fn check(&self) -> Result<(), String> {
        if self.servers.is_empty() {
            return Err("-s HOST:PORT is wanted".into());
        }
        if self.tls == Tls::No && (self.resume || self.version.is_some() || self.ca.is_some()) {
            return Err("-C, -R and -v need -t".into());
        }
        if self.clients < self.processes {
            return Err("there are fewer clients (-c) than processes (-P)".into());
        }
        Ok(())
    }

    /// Do sessions stay?
    pub(super) fn holds(&self) -> bool {
        self.loads.iter().any(|load| load.what == What::Hold)
    }

    /// The first address of each server.
    ///
    /// # Errors
    /// Which server has none.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let address = |server: &String| {
            let found = server.to_socket_addrs();
            let found = found.map_err(|why| format!("{server}: {why}"))?.next();
            found.ok_or_else(|| format!("{server} has no address"))
        };
        self.servers.iter().map(address).collect()
    }

    /// The host of the first server, if it is a name.
    pub(super) fn host(&self) -> Option<String> {
        let (host, _) = self.servers.first()?.rsplit_once(':')?;
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        (!is_address).then(|| host.into())
    }

    /// What process `number` does of it.
    pub(super) fn share(&self, number: u64) -> Wish {
        let part = |all: u64| all / self.processes + u64::from(number < all % self.processes);
        let loads = self.loads.iter().map(|load| {
            let (first, last) = load.range;
            let each = (last - first + 1) / self.processes;
            let begin = first + number * each;
            let end = if number + 1 == self.processes {
                last
            } else {
                begin + each.max(1) - 1
            };
            Load {
                // Too few for everybody: then all share them.
                range: if each == 0 { load.range } else { (begin, end) },
                ..load.clone()
            }
        });
        Wish {
            loads: loads.collect(),
            servers: self.servers.clone(),
            from: self.from.clone(),
            clients: part(self.clients),
            sessions: part(self.sessions),
            logins: part(self.logins).max(1),
            failures: part(self.failures).max(1),
            version: self.version.clone(),
            ca: self.ca.clone(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(line: &str) -> Result<Wish, String> {
        let matches = options()
            .parse(line.split(' '))
            .map_err(|why| why.to_string())?;
        Wish::of(&matches)
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        for (line, why) in [
            ("login user=a", "-s HOST:PORT is wanted"),
            (
                "-s h:1",
                "what is to be done? login, fetch, drain, list or hold",
            ),
            (
                "-s h:1 user=a",
                "user=a is none of: login fetch drain list hold",
            ),
            ("-s h:1 login", "login needs user="),
            (
                "-s h:1 login x=1",
                "x is none of: user pass passfile range weight messages sizes",
            ),
            (
                "-s h:1 login user=a weight=0",
                "weight must be a whole number from 1 to 1000000, not 0",
            ),
            (
                "-s h:1 -t x login user=a",
                "option -t must be one of: no implicit starttls, not x",
            ),
            ("-s h:1 -R login user=a", "-C, -R and -v need -t"),
            (
                "-s h:1 hold user=a login user=a",
                "hold goes with no other load",
            ),
            (
                "-s h:1 -c 1 -P 2 login user=a",
                "there are fewer clients (-c) than processes (-P)",
            ),
            (
                "-s h:1 -b x login user=a",
                "option -b must be an address, not x",
            ),
            (
                "-s h:1 login user=a range=2-1",
                "range must be FIRST-LAST, at most 100000000 accounts, not 2-1",
            ),
        ] {
            assert_eq!(wish(line).unwrap_err(), why, "{line}");
        }
    }

    #[test]
    fn processes_share_clients_sessions_and_accounts() {
        let all = wish("-s h:1 -P 3 -c 7 -n 10 login user=%d range=1-10 fetch user=a").unwrap();
        let parts: Vec<_> = (0..3).map(|number| all.share(number)).collect();
        let ranges: Vec<_> = parts.iter().map(|part| part.loads[0].range).collect();
        assert_eq!(ranges, [(1, 3), (4, 6), (7, 10)]);
        let clients: Vec<_> = parts.iter().map(|part| part.clients).collect();
        assert_eq!(clients, [3, 2, 2]);
        assert_eq!(parts.iter().map(|part| part.sessions).sum::<u64>(), 10);
        assert_eq!(parts[2].loads[1].range, (1, 1));
    }
}

//! pcheck: asks a pcheckd by hand.

use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use crate::base::clock::{Ms, now};
use crate::base::opt::{self, Asked, Matches, Options};
use crate::base::out::{complain, say};
use crate::base::vars::Kind;
use crate::check::ask::{FOREIGN, Heard, Room, Server, exchange, printable};
use crate::check::keyed::CheckKey;
use crate::check::wire::{self, Mail, Question};
use crate::net::wait::{Alone, Broken};

const SYNOPSIS: &str = "[-k FILE] [-s SERVER] [-p PORT] [-t TIMEOUT] -l | -m MAILBOX";

/// Exit statuses, as the historic pcheck had them.
const FINE: u8 = 0;
const MAIL: u8 = 1;
const FAILED: u8 = 2;
const USAGE: u8 = 3;

/// So much of a file with a key is read; a longer one holds no key.
const LONGEST_KEY: u64 = 512;

/// The program.
pub fn main() -> ExitCode {
    match opt::parse("pcheck", SYNOPSIS, options(), USAGE) {
        Asked::Leave(status) => status,
        Asked::Run(matches) => match Wish::of(&matches) {
            Ok(wish) => ExitCode::from(ask(&wish)),
            Err(why) => {
                complain(format_args!(
                    "pcheck: {why}\nusage: pcheck {SYNOPSIS} [-hV]"
                ));
                ExitCode::from(USAGE)
            }
        },
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options.optopt(
        "s",
        "server",
        "host that is asked, default 127.0.0.1",
        "SERVER",
    );
    options.optopt("p", "port", "UDP port, default 50110", "PORT");
    options.optopt(
        "t",
        "timeout",
        "seconds to wait for an answer, default 5",
        "TIMEOUT",
    );
    options.optopt("k", "key", "the key of the server is in FILE", "FILE");
    options.optflag("l", "load", "ask for the load");
    options.optopt("m", "mailbox", "ask for mail in MAILBOX", "MAILBOX");
    options
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    server: String,
    port: u16,
    /// Milliseconds.
    timeout: Ms,
    /// The file with the key of the server.
    key: Option<String>,
    /// `None` asks for the load.
    mailbox: Option<String>,
}

impl Wish {
    fn of(matches: &Matches) -> Result<Wish, String> {
        let text = |name, default: &str| matches.opt_str(name).unwrap_or(default.into());
        let number = |name, default, kind: Kind| {
            let value = text(name, default);
            let why = |why| format!("option -{name} {why}, not {value}");
            let normal = kind.normal(&value).map_err(why)?;
            normal.parse::<u16>().map_err(|_| why("is wrong".into()))
        };
        if let Some(word) = matches.free.first() {
            return Err(format!("{word} belongs to no option"));
        }
        if matches.opt_present("l") == matches.opt_present("m") {
            return Err("one of -l and -m is wanted".into());
        }
        Ok(Wish {
            server: text("s", "127.0.0.1"),
            port: number("p", "50110", Kind::Int(1, 65535))?,
            timeout: Ms::from(number("t", "5", Kind::Int(1, 3600))?) * 1000,
            key: matches.opt_str("k"),
            mailbox: matches.opt_str("m"),
        })
    }

    fn question(&self) -> Question<'_> {
        match &self.mailbox {
            Some(mailbox) => Question::Mail(mailbox.as_bytes()),
            None => Question::Load,
        }
    }

    fn key(&self) -> Result<Option<CheckKey>, String> {
        let Some(name) = &self.key else {
            return Ok(None);
        };
        let mut octets = Vec::new();
        let read =
            File::open(name).and_then(|file| file.take(LONGEST_KEY).read_to_end(&mut octets));
        let key = read
            .map_err(|why| why.to_string())
            .and_then(|_| CheckKey::parse(&octets));
        key.map(Some).map_err(|why| format!("{name}: {why}"))
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.server.as_str(), self.port).to_socket_addrs();
        let found: Vec<_> = found
            .map_err(|why| format!("{}: {why}", self.server))?
            .collect();
        match found.is_empty() {
            true => Err(format!("{} has no address", self.server)),
            false => Ok(found),
        }
    }
}

/// Asks the addresses of the server in turn until one answers; each gets an
/// equal share of the time that is left. Returns the exit status.
fn ask(wish: &Wish) -> u8 {
    let (key, addresses, alone) = match (wish.key(), wish.addresses(), Alone::new()) {
        (Ok(key), Ok(addresses), Ok(alone)) => (key, addresses, alone),
        (Err(why), ..) | (_, Err(why), _) => return fail(why),
        (.., Err(why)) => return fail(why),
    };
    let Some(question) = wish.question().encode() else {
        return fail("the mailbox fits into no question");
    };
    let end = now() + wish.timeout;
    let mut status = FAILED;
    for (n, to) in addresses.iter().enumerate() {
        let share = end.saturating_sub(now()) / (addresses.len() - n) as Ms;
        let mut room = Room::default();
        let server = Server {
            from: None,
            to: *to,
            key: key.as_ref(),
        };
        match exchange(server, &question, &alone, share, &mut room) {
            Ok(Heard::Answer(answer)) => return show(wish, answer),
            Ok(Heard::Foreign) => status = fail(at(to, FOREIGN)),
            Err(why @ (Broken::Timeout | Broken::Stop(_))) => status = fail(at(to, why)),
            Err(Broken::Io(why)) => status = fail(at(to, why)),
        }
    }
    status
}

fn at(address: &SocketAddr, why: impl std::fmt::Display) -> String {
    format!("{address}: {why}")
}

fn fail(why: impl std::fmt::Display) -> u8 {
    complain(format_args!("pcheck: {why}"));
    FAILED
}

/// Prints the answer as it came and says what it means as an exit status. A
/// load that is too high tells nothing of the mailbox, so that is a failure.
fn show(wish: &Wish, answer: &[u8]) -> u8 {
    let text = answer.strip_suffix(b"\n").unwrap_or(answer);
    say(printable(text.strip_suffix(b"\r").unwrap_or(text)));
    status(wish.question(), answer)
}

fn status(question: Question<'_>, answer: &[u8]) -> u8 {
    match question {
        Question::Load => wire::fine(answer).map_or(FAILED, |_| FINE),
        Question::Mail(_) => match wire::mail(answer) {
            Ok(Mail::Nothing) => FINE,
            Ok(Mail::Old | Mail::New) => MAIL,
            Ok(Mail::Busy) | Err(_) => FAILED,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(line: &str) -> Result<Wish, String> {
        let words: Vec<_> = line.split(' ').collect();
        let matches = options().parse(words).map_err(|why| why.to_string())?;
        Wish::of(&matches)
    }

    #[test]
    fn the_options_are_those_of_the_historic_suite_and_the_key() {
        let wanted = Wish {
            server: "192.0.2.1".into(),
            port: 5000,
            timeout: 3000,
            key: Some("/k".into()),
            mailbox: Some("3/2d/joe".into()),
        };
        assert_eq!(
            wish("-k /k -s 192.0.2.1 -p 5000 -t 3 -m 3/2d/joe"),
            Ok(wanted)
        );
        let long = wish("--server=a.example --port=1 --timeout=1 -l").unwrap();
        assert_eq!((long.mailbox, long.timeout), (None, 1000));
        assert_eq!(wish("-l").unwrap().port, 50110);
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        for (line, why) in [
            ("-s x", "one of -l and -m is wanted"),
            ("-l -m joe", "one of -l and -m is wanted"),
            (
                "-l -p 0",
                "option -p must be a whole number from 1 to 65535, not 0",
            ),
            (
                "-l -t 1.5",
                "option -t must be a whole number from 1 to 3600, not 1.5",
            ),
            ("-l joe", "joe belongs to no option"),
        ] {
            assert_eq!(wish(line).unwrap_err(), why);
        }
    }

    #[test]
    fn the_exit_status_tells_whether_there_is_mail() {
        let mail = |answer: &str| status(Question::Mail(b"joe"), answer.as_bytes());
        assert_eq!(mail("+OK 0 no mails\n"), FINE);
        assert_eq!((mail("+OK 1\n"), mail("+OK 2 new\n")), (MAIL, MAIL));
        for bad in ["+OK 3 load too high\n", "-ERR no\n", "+OK x\n", ""] {
            assert_eq!(mail(bad), FAILED, "{bad}");
        }
        let load = |answer: &str| status(Question::Load, answer.as_bytes());
        assert_eq!((load("+OK 3.23\n"), load("-ERR no\n")), (FINE, FAILED));
    }
}

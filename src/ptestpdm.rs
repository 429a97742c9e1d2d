//! ptestpdm: runs the chain of modules over test logins.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::auth::chain::{Chain, Spec};
use crate::auth::request::{Outcome, Request};
use crate::auth::tell::tell;
use crate::base::kv::Row;
use crate::base::opt::{self, Asked, Options};
use crate::base::out::{complain, say};
use crate::base::paths;
use crate::base::words::split_text;

const SYNOPSIS: &str = "[-d DIR] [--debug] COMMAND-FILE DATA-FILE";

/// Exit statuses, the worst of all logins: let in, refused, not to be said;
/// nothing was tested.
const FINE: u8 = 0;
const REFUSED: u8 = 1;
const FAILED: u8 = 2;
const USAGE: u8 = 3;

/// The program.
pub fn main() -> ExitCode {
    let mut options = Options::new();
    let dir = format!("where modules are, default {}", paths::MODULEDIR);
    options.optopt("d", "dir", &dir, "DIR");
    options.optflag("", "debug", "tell on standard error which module is asked");
    let matches = match opt::parse("ptestpdm", SYNOPSIS, options, USAGE) {
        Asked::Leave(status) => return status,
        Asked::Run(matches) => matches,
    };
    let [commands, data] = &matches.free[..] else {
        complain(format_args!(
            "ptestpdm: COMMAND-FILE and DATA-FILE are wanted\nusage: ptestpdm {SYNOPSIS} [-hV]"
        ));
        return ExitCode::from(USAGE);
    };
    let dir = matches.opt_str("d");
    let dir = PathBuf::from(dir.unwrap_or_else(|| paths::MODULEDIR.into()));
    let debug = matches.opt_present("debug");
    match test(&dir, Path::new(commands), Path::new(data), debug) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            complain(format_args!("ptestpdm: {why}"));
            ExitCode::from(USAGE)
        }
    }
}

/// Tries every login of `data` and returns the worst exit status.
fn test(dir: &Path, commands: &Path, data: &Path, debug: bool) -> Result<u8, String> {
    let specs = read(commands, spec)?;
    let logins = read(data, Login::of)?;
    let chain = Chain::open(&specs, dir)?;
    chain.after_fork()?;
    let tried = logins.iter().map(|login| login.test(&chain, debug));
    Ok(tried.max().unwrap_or(FINE))
}

/// What `parse` makes of the lines of `file`; blank ones and comments are
/// left out.
fn read<T>(file: &Path, parse: fn(Vec<String>) -> Result<T, String>) -> Result<Vec<T>, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|why| format!("{name}: {why}"))?;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = match split_text(line) {
            Ok(words) if words.is_empty() => continue,
            Ok(words) => parse(words),
            Err(why) => Err(why),
        };
        found.push(parsed.map_err(|why| format!("{name}:{number}: {why}"))?);
    }
    Ok(found)
}

/// `ID MODULE [ARG ...]`, the words behind `pdm add`.
fn spec(mut words: Vec<String>) -> Result<Spec, String> {
    if words.len() < 2 {
        return Err("ID MODULE [ARG ...] would be right".into());
    }
    let args = words.split_off(2);
    let [id, module] = <[String; 2]>::try_from(words).unwrap_or_default();
    Ok(Spec {
        id,
        module,
        args,
        loaded: 0,
    })
}

/// `IP PROTOCOL NAMESPACE USER PASSWORD`.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    ip: IpAddr,
    ns: String,
    user: String,
    password: String,
}

impl Login {
    fn of(words: Vec<String>) -> Result<Login, String> {
        let words = <[String; 5]>::try_from(words);
        let [ip, protocol, ns, user, password] =
            words.map_err(|_| "IP PROTOCOL NAMESPACE USER PASSWORD would be right")?;
        let address = ip.parse().map_err(|_| format!("{ip} is no address"))?;
        if !protocol.eq_ignore_ascii_case("pop3") {
            return Err(format!("PROTOCOL {protocol}: pop3 would be right"));
        }
        Ok(Login {
            ip: address,
            ns,
            user,
            password,
        })
    }

    /// Asks the chain and says what it says.
    fn test(&self, chain: &Chain, debug: bool) -> u8 {
        let ip = self.ip.to_string();
        let request = Request {
            ns: self.ns.as_bytes(),
            user: self.user.as_bytes(),
            password: self.password.as_bytes(),
            vserv: "ptestpdm",
            sid: "ptestpdm",
            client: (&ip, "0"),
            ..Request::default()
        };
        let mut note = |pdm: &str| {
            if debug {
                complain(format_args!("ptestpdm: asking {pdm}"));
            }
        };
        let begin = Instant::now();
        let outcome = chain.check(&request, &mut note);
        let us = begin.elapsed().as_micros();
        let mut row = Row::default();
        row.kv("outcome", &outcome.name()).kv("ip", &ip);
        row.kv("ns", &self.ns).kv("user", &self.user);
        tell(&outcome, &mut row);
        row.kv("us", &us.to_string());
        say(row.text());
        status(&outcome)
    }
}

fn status(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Accept { .. } => FINE,
        Outcome::Refuse { .. } => REFUSED,
        Outcome::Fail { .. } => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_five_words() {
        let login = |line: &str| Login::of(split_text(line).unwrap());
        let joe = login("192.0.2.7 POP3 default joe \"pass word\"").unwrap();
        assert_eq!((&*joe.user, &*joe.password), ("joe", "pass word"));
        for (line, why) in [
            ("192.0.2.7 pop3 default joe", "IP PROTOCOL NAMESPACE"),
            ("192.0.2.7 pop3 default joe a b", "IP PROTOCOL NAMESPACE"),
            ("host pop3 default joe a", "host is no address"),
            ("::1 imap default joe a", "PROTOCOL imap"),
        ] {
            assert!(login(line).unwrap_err().starts_with(why), "{line}");
        }
    }

    #[test]
    fn a_module_has_an_id_and_a_name() {
        let spec = |line: &str| spec(split_text(line).unwrap());
        let users = spec("users flat /etc/users b").unwrap();
        assert_eq!((&*users.id, &*users.module), ("users", "flat"));
        assert_eq!(users.args, ["/etc/users", "b"]);
        assert!(spec("users").is_err());
    }
}

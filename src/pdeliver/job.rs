//! What the command line says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::format::Format;
use super::trace;
use crate::base::log::Target;
use crate::base::names;
use crate::base::opt::{self, Matches, Options};
use crate::maildir::quota::Limits;

/// The command line, as `-h` shows it.
pub(super) const SYNOPSIS: &str = "[-bcehV] [-d RECIPIENT] [-f LF|CRLF|NET] [-i ID] [-l LOG] \
     [-m SPOOL] [-q MBYTE] [-Q NUMBER] [-r SENDER] [--] MAILBOX";

/// Octets of the unit in which a quota is given.
const MBYTE: u64 = 1024 * 1024;

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) spool: PathBuf,
    pub(super) mailbox: String,
    pub(super) format: Format,
    /// Queue id of the MTA, for the log.
    pub(super) id: String,
    pub(super) log: Target,
    pub(super) create: bool,
    /// `None`: those that the mailbox has.
    pub(super) limits: Option<Limits>,
    /// Whether a full mailbox is the end of the matter.
    pub(super) bounce: bool,
    /// Header fields that come first.
    pub(super) fields: Vec<u8>,
}

/// The options of the command line.
pub(super) fn options() -> Options {
    let mut options = Options::new();
    options.optflag("b", "bounce", "status 73, not 75, if the mailbox is full");
    options.optflag("c", "create", "create the mailbox if it does not exist");
    options.optopt("d", "delivered-to", "add Delivered-To", "RECIPIENT");
    options.optflag(
        "e",
        "envelope",
        "add Return-Path and Delivered-To, from SENDER and RECIPIENT in the environment",
    );
    options.optopt("f", "format", "how the input is written", "LF|CRLF|NET");
    options.optopt("i", "id", "queue id of the MTA, for the log", "ID");
    opt::of_spool(&mut options);
    options.optopt(
        "q",
        "quota",
        "MByte the mailbox may hold, 0: no limit",
        "MBYTE",
    );
    options.optopt("Q", "maxnum", "messages it may hold, 0: no limit", "NUMBER");
    options.optopt("r", "return-path", "add Return-Path", "SENDER");
    options
}

impl Job {
    /// Reads the command line; `environment` looks up a variable.
    pub(super) fn of(
        matches: &Matches,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Job, String> {
        let text = |name, usual: &str| matches.opt_str(name).unwrap_or(usual.into());
        let [mailbox] = &matches.free[..] else {
            return Err("one mailbox must be named".into());
        };
        if let Err(why) = names::mailbox(mailbox.as_bytes()) {
            return Err(format!("mailbox {mailbox:?} {why}"));
        }
        let (spool, log) = opt::spool(matches);
        let format = text("f", "LF");
        let Some(format) = Format::parse(&format) else {
            return Err(format!("format {format:?} is none of LF, CRLF, NET"));
        };
        Ok(Job {
            spool,
            mailbox: mailbox.clone(),
            format,
            id: text("i", "-"),
            log,
            create: matches.opt_present("c"),
            limits: limits(matches)?,
            bounce: matches.opt_present("b"),
            fields: fields(matches, environment)?,
        })
    }
}

/// Both limits are given as soon as one is.
fn limits(matches: &Matches) -> Result<Option<Limits>, String> {
    let number = |name, most: u64| {
        let Some(text) = matches.opt_str(name) else {
            return Ok(None);
        };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = text.parse().ok().filter(|&n| digits && n <= most);
        value.map(Some).ok_or(format!(
            "option -{name} must be a whole number from 0 to {most}, not {text:?}"
        ))
    };
    let (mbytes, messages) = (number("q", 1 << 30)?, number("Q", 1 << 40)?);
    Ok((mbytes.is_some() || messages.is_some()).then(|| Limits {
        octets: mbytes.unwrap_or(0) * MBYTE,
        messages: messages.unwrap_or(0),
    }))
}

/// The header fields that are asked for.
fn fields(
    matches: &Matches,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<u8>, String> {
    type Field = fn(&[u8]) -> Result<Vec<u8>, &'static str>;
    let rows: [(&str, &str, Field); 2] = [
        ("r", "SENDER", trace::return_path),
        ("d", "RECIPIENT", trace::delivered_to),
    ];
    let mut fields = Vec::new();
    for (option, variable, field) in rows {
        let (name, value) = match matches.opt_str(option) {
            Some(value) => (format!("option -{option}"), value.into_bytes()),
            None if matches.opt_present("e") => match environment(variable) {
                Some(value) => (variable.to_string(), value.into_vec()),
                None => return Err(format!("option -e: {variable} is not in the environment")),
            },
            None => continue,
        };
        match field(&value) {
            Ok(line) => fields.extend_from_slice(&line),
            Err(why) => return Err(format!("{name} {why}: {}", value.escape_ascii())),
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &str) -> Result<Job, String> {
        let words: Vec<_> = line.split(' ').collect();
        let matches = options().parse(words).map_err(|why| why.to_string())?;
        Job::of(&matches, |name| match name {
            "SENDER" => Some("ann@a.example".into()),
            "RECIPIENT" => Some("joe@b.example\r\nX: y".into()),
            _ => None,
        })
    }

    #[test]
    fn the_options_are_those_of_the_historic_suite_and_more() {
        let got = job("-q 5 -Q 100 -m /pop -f NET -i q7 -b 3/2d/joe").unwrap();
        let limits = Limits {
            octets: 5 << 20,
            messages: 100,
        };
        assert_eq!(
            (got.limits, got.bounce, got.create),
            (Some(limits), true, false)
        );
        assert_eq!((got.id.as_str(), got.format), ("q7", Format::Net));
        let long = job("--maxnum=3 joe").unwrap().limits.unwrap();
        assert_eq!((long.octets, long.messages), (0, 3));
        assert_eq!(job("-q 0 joe").unwrap().limits, Some(Limits::default()));
        assert_eq!(job("joe").unwrap().limits, None);
        assert_eq!(job("-- -joe").unwrap().mailbox, "-joe");
    }

    #[test]
    fn envelope_addresses_come_from_options_or_the_environment() {
        let fields = |line: &str| job(line).map(|job| String::from_utf8(job.fields).unwrap());
        let want = "Return-Path: <ann@a.example>\nDelivered-To: x@y\n";
        assert_eq!(fields("-e -d x@y joe"), Ok(want.into()));
        assert_eq!(fields("-r -f joe"), Ok("Return-Path: <-f>\n".into()));
        let why = fields("-e joe").unwrap_err();
        assert_eq!(
            why,
            "RECIPIENT holds control characters: joe@b.example\\r\\nX: y"
        );
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        for (line, why) in [
            (
                "-q 5M joe",
                "option -q must be a whole number from 0 to 1073741824, not \"5M\"",
            ),
            (
                "-Q -1 joe",
                "option -Q must be a whole number from 0 to 1099511627776, not \"-1\"",
            ),
            ("-f UNIX joe", "format \"UNIX\" is none of LF, CRLF, NET"),
            ("a b", "one mailbox must be named"),
        ] {
            assert_eq!(job(line).unwrap_err(), why);
        }
    }
}

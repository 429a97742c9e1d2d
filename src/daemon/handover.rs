//! What a master tells the one that takes its place, and how: lines over a
//! channel. The old one begins with all that the new one has to know, up to
//! `end`. The new one answers `serving` when it has loaded it and a worker of
//! its own takes clients, or `error` and the reason. Then the old one lets go
//! and says `yours`, and the new one takes over and says `thanks`. Whoever of
//! them dies before `thanks` leaves everything to the other.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::rotating::Secrets;
use crate::base::clock::{Ms, now};
use crate::base::digest::hex;
use crate::sys::secret::wipe;

/// The number of this manner of speaking. A line that a new one does not know
/// it leaves out; what it must know gets another number.
const MANNER: u32 = 1;

/// Longest parcel, in octets.
const LONGEST: usize = 64 << 20;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// How long the parcel may take, in milliseconds; the old master waits for
/// `trytimeout`.
const PATIENCE: Ms = 10_000;

pub(super) const YOURS: &str = "yours";
pub(super) const SERVING: &str = "serving";
pub(super) const THANKS: &str = "thanks";
const ERROR: &str = "error ";

/// All that a new master has to know, besides sockets and command line.
pub(super) struct Parcel {
    /// The current generation.
    pub(super) generation: u64,
    pub(super) secrets: Secrets,
    /// When they were made, by the clock of this host.
    pub(super) rotated: Ms,
    /// The control words that rebuild the configuration.
    pub(super) words: Vec<String>,
    /// Sockets that systemd keeps.
    pub(super) kept: Vec<String>,
}

/// A parcel as octets; they hold secrets.
pub(super) fn pack(program: &str, parcel: &Parcel) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "handover {MANNER} {program} {version}");
    let _ = writeln!(text, "generation {}", parcel.generation);
    let _ = writeln!(text, "rotated {}", parcel.rotated);
    for word in &parcel.words {
        let _ = writeln!(text, "word {word}");
    }
    for door in &parcel.kept {
        let _ = writeln!(text, "kept {door}");
    }
    let mut octets = text.into_bytes();
    for secret in [&parcel.secrets.previous, &parcel.secrets.current] {
        let mut digits = [0; 64];
        hex(secret, &mut digits);
        octets.extend_from_slice(b"secret ");
        octets.extend_from_slice(&digits);
        octets.push(b'\n');
        wipe(&mut digits);
    }
    octets.extend_from_slice(b"end\n");
    octets
}

/// Is this a whole parcel?
fn is_whole(octets: &[u8]) -> bool {
    octets.ends_with(b"\nend\n")
}

/// Waits for what the old master has to tell.
///
/// # Errors
/// It does not come, or is not for us.
pub(super) fn receive(channel: &mut UnixStream, program: &str) -> Result<Parcel, String> {
    let mut octets = Vec::new();
    let end = now() + PATIENCE;
    let whole = read_parcel(channel, &mut octets, end).map_err(|why| format!("handover: {why}"));
    let parcel = whole.and_then(|()| unpack(program, &octets));
    wipe(&mut octets);
    parcel
}

fn read_parcel(channel: &mut UnixStream, octets: &mut Vec<u8>, end: Ms) -> io::Result<()> {
    // A vector that grows leaves copies of what it held behind.
    octets.reserve(LONGEST / 64);
    let mut buf = vec![0; 1 << 16];
    let outcome = loop {
        if is_whole(octets) {
            break Ok(());
        }
        let left = end.saturating_sub(now());
        if left == 0 || octets.len() > LONGEST {
            break Err(io::ErrorKind::TimedOut.into());
        }
        channel.set_read_timeout(Some(Duration::from_millis(left)))?;
        match channel.read(&mut buf) {
            Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => octets.extend_from_slice(&buf[..count]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => break Err(why),
        }
    };
    wipe(&mut buf);
    outcome
}

/// What a parcel for `program` holds.
///
/// # Errors
/// Why `program` cannot take it.
fn unpack(program: &str, octets: &[u8]) -> Result<Parcel, String> {
    let text = std::str::from_utf8(octets).map_err(|_| "the parcel is not UTF-8")?;
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().unwrap_or("").split(' ').collect();
    match head[..] {
        ["handover", manner, _, _] if manner != MANNER.to_string() => Err(format!(
            "version {} cannot relieve this one: it takes handover {MANNER}, not {manner}",
            env!("CARGO_PKG_VERSION")
        )),
        ["handover", _, whose, _] if whose != program => {
            Err(format!("this is {program}, not {whose}"))
        }
        ["handover", ..] => read(lines),
        _ => Err("this is no parcel".into()),
    }
}

fn read<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Parcel, String> {
    let (mut generation, mut rotated, mut secrets) = (None, None, Vec::new());
    let (mut words, mut kept) = (Vec::new(), Vec::new());
    for line in lines {
        match line.split_once(' ') {
            Some(("generation", number)) => generation = number.parse().ok(),
            Some(("rotated", number)) => rotated = number.parse().ok(),
            Some(("secret", digits)) => secrets.extend(unhex(digits)),
            Some(("word", word)) => words.push(word.into()),
            Some(("kept", door)) => kept.push(door.into()),
            _ => {}
        }
    }
    match (generation, rotated, &secrets[..]) {
        (Some(generation), Some(rotated), &[previous, current]) => Ok(Parcel {
            generation,
            secrets: Secrets { current, previous },
            rotated,
            words,
            kept,
        }),
        _ => Err("the parcel is not complete".into()),
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let mut octets = [0; 32];
    let right = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    for (n, octet) in octets.iter_mut().enumerate().filter(|_| right) {
        *octet = u8::from_str_radix(&digits[2 * n..][..2], 16).ok()?;
    }
    right.then_some(octets)
}

/// One answer of a new master.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Serving,
    Thanks,
    Failed(String),
}

/// What a line says.
pub(super) fn reply(line: &str) -> Reply {
    match line {
        SERVING => Reply::Serving,
        THANKS => Reply::Thanks,
        line => Reply::Failed(match line.strip_prefix(ERROR) {
            Some(why) => why.into(),
            None => "it talks nonsense".into(),
        }),
    }
}

/// A word as a line.
pub(super) fn line(word: &str) -> Vec<u8> {
    format!("{word}\n").into_bytes()
}

/// A reason as a line of an answer.
pub(super) fn error(why: &str) -> String {
    let clean = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    let clean: String = clean.take(LONGEST_REASON).collect();
    format!("{ERROR}{clean}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    use proptest::prelude::*;

    fn parcel() -> Parcel {
        Parcel {
            generation: 7,
            secrets: Secrets {
                current: [0xab; 32],
                previous: [0x0c; 32],
            },
            rotated: 99,
            words: vec!["set user mail".into(), "vserv add a 192.0.2.1:110".into()],
            kept: vec!["Tcp 192.0.2.1:110".into()],
        }
    }

    #[test]
    fn what_is_packed_is_found_in_the_parcel() {
        let octets = pack("pproxy", &parcel());
        assert!(is_whole(&octets));
        let found = unpack("pproxy", &octets).unwrap();
        let wanted = parcel();
        assert_eq!((found.words, found.kept), (wanted.words, wanted.kept));
        assert_eq!((found.generation, found.rotated), (7, 99));
        assert_eq!(found.secrets.current, wanted.secrets.current);
        assert_eq!(found.secrets.previous, wanted.secrets.previous);
    }

    #[test]
    fn who_cannot_take_a_parcel_says_why() {
        let octets = pack("pproxy", &parcel());
        let why = |program, octets: &[u8]| unpack(program, octets).err().unwrap();
        assert_eq!(why("pserv", &octets), "this is pserv, not pproxy");
        let later = String::from_utf8(octets.clone()).unwrap();
        let later = later.replacen("handover 1", "handover 2", 1);
        assert!(why("pproxy", later.as_bytes()).contains("it takes handover 1, not 2"));
        let short = &octets[..octets.len() - 80];
        assert!(!is_whole(short));
        assert_eq!(why("pproxy", short), "the parcel is not complete");
        assert_eq!(why("pproxy", b"+OK hello\n"), "this is no parcel");
    }

    #[test]
    fn an_answer_is_a_word_or_a_reason() {
        let failed = |why: &str| Reply::Failed(why.into());
        assert_eq!(reply("serving"), Reply::Serving);
        assert_eq!(reply("thanks"), Reply::Thanks);
        assert_eq!(reply("error no module"), failed("no module"));
        assert_eq!(reply("serv"), failed("it talks nonsense"));
        assert_eq!(error("a\nb"), "error a b\n");
    }

    #[test]
    fn half_a_parcel_is_not_waited_for_for_ever() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"handover 1 pproxy 2.0.0\n").unwrap();
        let why = read_parcel(&mut ours, &mut Vec::new(), now() + 20).unwrap_err();
        assert!(matches!(
            why.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ));
        theirs.write_all(&pack("pproxy", &parcel())).unwrap();
        assert_eq!(receive(&mut ours, "pproxy").unwrap().generation, 7);
        drop(theirs);
        assert!(receive(&mut ours, "pproxy").is_err());
    }

    proptest! {
        #[test]
        fn no_parcel_does_harm(octets: Vec<u8>) {
            let whole = [pack("pserv", &parcel()), octets.clone()].concat();
            let _ = (unpack("pserv", &whole), unpack("pserv", &octets));
        }
    }
}

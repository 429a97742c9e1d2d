//! `[max=N] [timeout=SECONDS] PROGRAM [ARG ...]`.

use pdm::Str;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is to be run, and how.
pub(crate) struct Args {
    /// How many may run at a time.
    pub(crate) max: u32,
    /// How long one may take.
    pub(crate) timeout: Duration,
    pub(crate) program: PathBuf,
    pub(crate) rest: Vec<OsString>,
}

impl Args {
    /// # Errors
    /// The argument, what is wrong, and what would be right.
    pub(crate) fn parse(args: &[Str]) -> Result<Args, String> {
        let mut words = args.iter().map(|arg| arg.octets()).peekable();
        let (mut max, mut timeout) = (16, 10);
        while let Some(word) = words.next_if(|word| !word.starts_with(b"/")) {
            if let Some(number) = word.strip_prefix(b"max=") {
                max = between("max", number, 1000)?;
            } else if let Some(number) = word.strip_prefix(b"timeout=") {
                timeout = between("timeout", number, 3600)?;
            } else {
                let word = String::from_utf8_lossy(word);
                return Err(format!(
                    "{word}: max=N, timeout=SECONDS or a PROGRAM that begins with / would be right"
                ));
            }
        }
        let Some(program) = words.next() else {
            return Err("PROGRAM is missing: a path that begins with / would be right".into());
        };
        let program = Path::new(OsStr::from_bytes(program)).to_owned();
        runs(&program).map_err(|why| format!("{}: {why}", program.display()))?;
        Ok(Args {
            max,
            timeout: Duration::from_secs(timeout.into()),
            program,
            rest: words.map(|arg| OsStr::from_bytes(arg).to_owned()).collect(),
        })
    }
}

/// Whether `program` can be meant: a file that somebody may execute.
fn runs(program: &Path) -> Result<(), String> {
    let file = fs::metadata(program).map_err(|why| why.to_string())?;
    match file.is_file() && file.mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err("is no program".into()),
    }
}

fn between(name: &str, number: &[u8], most: u32) -> Result<u32, String> {
    let text = std::str::from_utf8(number).unwrap_or_default();
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    let number = number.filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name}: 1 to {most} would be right"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        let args: Vec<Str> = line
            .split(' ')
            .map(|arg| Str::new(arg.as_bytes()))
            .collect();
        Args::parse(&args)
    }

    #[test]
    fn options_stand_before_the_program() {
        let args = parse("timeout=3 max=7 /bin/sh max=2 /x").unwrap();
        assert_eq!((args.max, args.timeout), (7, Duration::from_secs(3)));
        assert_eq!(
            (args.program.to_str(), args.rest.len()),
            (Some("/bin/sh"), 2)
        );
        assert_eq!(parse("/bin/sh").unwrap().max, 16);
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (line, expected) in [
            ("", "max=N, timeout=SECONDS or a PROGRAM"),
            ("sh", "sh: max=N"),
            ("max=0 /bin/sh", "max: 1 to 1000"),
            ("max=+1 /bin/sh", "max: 1 to 1000"),
            ("timeout=3601 /bin/sh", "timeout: 1 to 3600"),
            ("timeout= /bin/sh", "timeout: 1 to 3600"),
            ("max=4", "PROGRAM is missing"),
            ("/none/such", "/none/such: No such file"),
            ("/etc/passwd", "/etc/passwd: is no program"),
            ("/bin", "/bin: is no program"),
        ] {
            let why = parse(line).err().unwrap();
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}

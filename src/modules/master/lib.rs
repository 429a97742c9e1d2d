//! `master FILE`: vouches for whoever knows a master password,
//! pdm_master(8).
#![forbid(unsafe_code)]

mod entry;

use entry::Entry;
use pdm::file::Watched;
use pdm::{Answer, Config, Module, Request, Verdict, abi};
use std::ffi::c_int;
use std::net::IpAddr;

/// Octets of the largest file.
const FILE_MAX: u64 = 1 << 20;

struct Master {
    file: Watched,
    entries: Vec<Entry>,
}

pdm::export!(Master);

impl Module for Master {
    const NAME: &'static str = "master";
    const CHECKS: bool = false;
    const VOUCHES: bool = true;

    fn open(config: &Config) -> Result<Self, String> {
        let [file] = config.args() else {
            return Err("wrong number of arguments: one FILE would be right".into());
        };
        let (file, text) = Watched::read(*file, FILE_MAX)?;
        let at = |(number, why)| format!("{}:{number}: {why}", file.name());
        let entries = parse(&text).map_err(at)?;
        Ok(Master { file, entries })
    }

    fn vouch(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let client = std::str::from_utf8(request.client.octets()).unwrap_or_default();
        // Without an address nobody is in a network.
        let Ok(client) = client.parse::<IpAddr>() else {
            return Verdict::Unknown;
        };
        let (ns, password) = (request.ns.octets(), request.password.octets());
        let mut entries = self.entries.iter().filter(|entry| entry.is_for(client, ns));
        match entries.any(|entry| entry.admits(password)) {
            true => {
                answer.flags |= abi::PDM_MASTER;
                Verdict::Accept
            }
            false => Verdict::Unknown,
        }
    }

    fn stale(&mut self) -> c_int {
        self.file.replaced()
    }
}

/// The entries of a file, or the number of the line that is wrong, and why.
fn parse(text: &[u8]) -> Result<Vec<Entry>, (usize, String)> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.split(|octet| *octet == b'\n')) {
        let blank = line.iter().all(u8::is_ascii_whitespace);
        if !blank && line[0] != b'#' {
            entries.push(Entry::parse(line).map_err(|why| (number, why))?);
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pdm::Str;
    use proptest::prelude::*;

    fn vouches(text: &str, client: &str, password: &str) -> (Verdict, u32) {
        vouches_for(b"joe", text, client, password)
    }

    fn vouches_for(user: &[u8], text: &str, client: &str, password: &str) -> (Verdict, u32) {
        let name = format!("popular-master.{}.{}", std::process::id(), text.len());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap().as_bytes();
        let mut master = Master::open(&Config::new(b"m", &[Str::new(path)])).unwrap();
        std::fs::remove_file(&file).unwrap();
        let mut request = Request::empty();
        (request.ns, request.user) = (Str::new(b"n"), Str::new(user));
        request.client = Str::new(client.as_bytes());
        request.password = Str::new(password.as_bytes());
        let mut rooms = [[0; 8]; 6];
        let [a, b, c, d, e, f] = &mut rooms;
        let mut answer = Answer::new([a, b, c, d, e, f]);
        (master.vouch(&request, &mut answer), answer.flags)
    }

    #[test]
    fn it_vouches_for_the_password_of_any_entry_that_fits() {
        let text = "# masters\n\n127.0.0.1:n:!\n127.0.0.1:m:{PLAIN}b\n127.0.0.0/8:*:{PLAIN}c";
        let yes = (Verdict::Accept, abi::PDM_MASTER);
        let no = (Verdict::Unknown, 0);
        assert_eq!(vouches(text, "127.0.0.1", "c"), yes);
        assert_eq!(vouches(text, "127.0.0.1", "b"), no, "another namespace");
        assert_eq!(vouches(text, "127.0.0.1", "!"), no, "locked");
        assert_eq!(vouches(text, "192.0.2.1", "c"), no, "another network");
        assert_eq!(vouches(text, "", "c"), no, "no address");
        assert_eq!(vouches("", "127.0.0.1", "c"), no, "no entry");
    }

    proptest! {
        #[test]
        fn the_name_of_a_user_opens_nothing(user: Vec<u8>, right: bool) {
            let password = if right { "c" } else { "d" };
            let (verdict, flags) = vouches_for(&user, "::1:*:{PLAIN}c", "::1", password);
            prop_assert_eq!(verdict == Verdict::Accept, right);
            prop_assert_eq!(flags, if right { abi::PDM_MASTER } else { 0 });
        }
    }

    #[test]
    fn an_error_names_its_line() {
        let (number, why) = parse(b"# x\n\n192.0.2.7:n\n").err().unwrap();
        assert_eq!((number, &why[..7]), (3, "too few"));
    }
}

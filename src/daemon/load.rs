//! What a pool does before it says "ready", and how it says so.

use std::collections::HashSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::config::{Config, Resolved};
use super::keyfiles::KeyFiles;
use super::notes::Note;
use super::service::Service;
use super::vars::{GROUP, SANDBOX, USER};
use crate::base::log;
use crate::sys::sandbox::{self, Confined, Grants};
use crate::sys::time::local;
use crate::sys::{cred, heap, proc};

/// Longest report of a pool, in octets.
pub(crate) const LONGEST: usize = 8 << 20;

/// Blocks of so many octets come from the kernel and go back to it, each by a
/// call and with faults for its pages. Those of OpenSSL are smaller, of which a
/// handshake takes half a dozen one after the other; they stay at hand until a
/// session sits, or none has come for a while, see [`heap::rest`].
const LARGE: usize = 64 * 1024;

/// Loads a configuration: keys with the rights we still have, all else without.
///
/// # Errors
/// A sentence for the administrator.
pub(crate) fn load<S: Service>(config: &mut Config) -> Result<S, String> {
    let mut service = S::before_drop(config)?;
    drop_rights(config, S::root(config))?;
    resolve(config)?;
    service.after_drop(config)?;
    // What was in there is in the service by now, or in nobody.
    config.keyfiles = KeyFiles::default();
    config.notes = service.notes().iter().map(Note::line).collect();
    Ok(service)
}

fn drop_rights(config: &Config, root: Option<PathBuf>) -> Result<(), String> {
    // The time zone is read from a file, once.
    let _ = local(0);
    if cred::is_root() {
        let (user, group) = (config.vars.text(USER), config.vars.text(GROUP));
        let who = cred::identity(user, group)
            .map_err(|why| format!("cannot become user {user}, group {group:?}: {why}; set user or -u names who to become"))?;
        if let Some(root) = root {
            cred::confine_to(&root).map_err(|why| format!("chroot: {}: {why}", root.display()))?;
        }
        cred::drop_to(&who).map_err(|why| format!("cannot become user {user}: {why}"))?;
    } else if root.is_some() {
        return Err("chroot: only a daemon that root has started can do that".into());
    }
    sandbox::no_new_rights().map_err(|why| format!("cannot give up new privileges: {why}"))?;
    proc::no_core().map_err(|why| format!("cannot forbid core files: {why}"))
}

/// For who needs nothing but what is open by now: gives up all rights.
///
/// # Errors
/// A sentence for the administrator.
pub(super) fn give_up_all(config: &Config) -> Result<(), String> {
    drop_rights(config, None)?;
    let (grants, wanted) = (Grants::default(), config.vars.number(SANDBOX) == 1);
    match wanted.then(|| sandbox::confine(&grants)) {
        Some(confined) => sandbox::settle(&confined, &grants).map_err(|why| why.to_string()),
        None => Ok(()),
    }
}

/// Room for descriptors that sessions and modules open, beyond those that are
/// open when all is loaded.
const DESCRIPTORS: u64 = 256;

/// How a loaded process, and all that it forks, is confined.
pub(crate) struct Bounds {
    grants: Grants,
    /// `None`: the variable `sandbox` says no.
    confined: Option<Confined>,
}

impl Bounds {
    /// Gives up, for good, all that the service will not need.
    ///
    /// # Errors
    /// A sentence for the administrator. What this system cannot take away is
    /// no error.
    pub(crate) fn set<S: Service>(service: &S, config: &Config) -> Result<Bounds, String> {
        let grants = service.grants();
        sandbox::limit_files(DESCRIPTORS)
            .map_err(|why| format!("cannot limit descriptors: {why}"))?;
        let wanted = config.vars.number(SANDBOX) == 1;
        let confined = wanted.then(|| sandbox::confine(&grants));
        Ok(Bounds { grants, confined })
    }

    /// In a worker: gives up what only its pool needs.
    pub(crate) fn settle(&self) -> std::io::Result<()> {
        match &self.confined {
            Some(confined) => sandbox::settle(confined, &self.grants),
            None => Ok(()),
        }
    }

    /// Says what is not taken away, unless that is nothing.
    pub(crate) fn log(&self, generation: u64) {
        let granted = [("exec", self.grants.exec), ("connect", self.grants.connect)];
        let granted = granted.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
        let (off, why) = match &self.confined {
            None => (vec!["all"], "configured"),
            Some(confined) => (confined.off.clone(), "kernel"),
        };
        let granted: Vec<_> = granted.collect();
        let list = |words: &[&str]| match words {
            [] => "none".to_string(),
            words => words.join(","),
        };
        if off.is_empty() && granted.is_empty() {
            return;
        }
        event!(
            SANDBOX_PARTIAL,
            "-",
            generation = generation,
            off = list(&off),
            why = if off.is_empty() { "modules" } else { why },
            modules = list(&granted)
        );
    }
}

/// Prepares the heap for thousands of forks. A worker that puts its few small
/// things into the holes that loading has left writes to a page for each of
/// them, and every page that it or its pool writes to is its own.
pub(crate) fn settle_heap() {
    heap::settle(LARGE);
    log::settle();
}

/// Finds the addresses of every host that is not known yet.
fn resolve(config: &mut Config) -> Result<(), String> {
    let hosts: HashSet<String> = config.hosts().map(String::from).collect();
    let mut known = Resolved::new();
    for host in hosts {
        let addresses = match config.resolved.remove(&host) {
            Some(addresses) => addresses,
            None => host
                .to_socket_addrs()
                .map_err(|why| format!("cannot resolve {host}: {why}"))?
                .take(16)
                .collect(),
        };
        known.insert(host, addresses);
    }
    config.resolved = known;
    Ok(())
}

/// What a pool tells the master when all is loaded: the addresses it found,
/// so that a pool which takes its place later needs no DNS.
pub(crate) fn ready(config: &Config) -> String {
    let mut text = String::new();
    for (host, addresses) in &config.resolved {
        let list: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        text.push_str(&format!("{host}={}\n", list.join(",")));
    }
    for note in &config.notes {
        text.push_str(&format!("note {note}\n"));
    }
    text.push_str("ready\n");
    text
}

/// What it tells when something failed: one line.
pub(crate) fn refusal(why: &str) -> String {
    let clean: String = why
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(1000)
        .collect();
    format!("error {clean}\n")
}

/// What a pool reports: addresses and notes.
pub(crate) type Report = (Resolved, Vec<String>);

/// What the master makes of a report; `None` if it is not complete yet.
pub(crate) fn report(bytes: &[u8]) -> Option<Result<Report, String>> {
    let text = String::from_utf8_lossy(bytes);
    let (mut found, mut notes) = (Resolved::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n')?;
        if line == "ready" {
            return Some(Ok((found, notes)));
        }
        if let Some(why) = line.strip_prefix("error ") {
            return Some(Err(why.into()));
        }
        if let Some(note) = line.strip_prefix("note ") {
            notes.push(note.into());
            continue;
        }
        let Some((host, list)) = line.split_once('=') else {
            return Some(Err("the pool sent nonsense".into()));
        };
        found.insert(
            host.into(),
            list.split(',')
                .filter_map(|a| a.parse().ok())
                .take(16)
                .collect(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_understood_when_it_is_whole() {
        let whole = b"a.example:110=192.0.2.1:110,[2001:db8::1]:110\nnote a=1\nready\n";
        let (found, notes) = report(whole).unwrap().unwrap();
        assert_eq!(
            (found["a.example:110"].len(), notes),
            (2, vec!["a=1".into()])
        );
        assert!((0..whole.len()).all(|n| report(&whole[..n]).is_none()));
        assert_eq!(
            report(refusal("no\nsuch file").as_bytes()),
            Some(Err("no such file".into()))
        );
        assert!(report(b"\xff\n").unwrap().is_err());
    }
}

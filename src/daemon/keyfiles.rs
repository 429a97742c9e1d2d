//! PRIVILEGED. Files that only the master may read, such as private keys. It
//! reads them as octets, once a generation, and understands nothing of them
//! but lists of more such files; the pool gets them with the configuration.
//! So whoever replaces a dead pool needs no disk.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::rc::Rc;

use super::config::Config;
use super::generation::{Cause, MOST_DRAINING};
use super::master::Master;
use super::service::Service;
use crate::base::clock::{Ms, now};
use crate::base::vars::named;
use crate::sys::secret::{Secret, wipe};

/// Octets of the longest one.
const LONGEST: usize = 256 * 1024;

/// How often is looked whether one was replaced, in milliseconds.
const PAUSE: Ms = 5000;

/// What tells one content of a file from another; its mode comes last.
type Stamp = [u64; 6];

/// What nobody else should be allowed to do with a key.
const OTHERS: u64 = 0o006;

fn stamp(file: &Metadata) -> Stamp {
    let parts = [file.mtime(), file.mtime_nsec()].map(|part| part as u64);
    let mode = u64::from(file.mode());
    [
        file.dev(),
        file.ino(),
        file.size(),
        parts[0],
        parts[1],
        mode,
    ]
}

#[derive(Debug)]
struct Content {
    stamp: Stamp,
    octets: Secret,
    /// A generation that was current has used it.
    settled: Cell<bool>,
}

/// What was read, by the names of the files.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyFiles {
    files: BTreeMap<String, Rc<Content>>,
}

impl KeyFiles {
    /// The octets of a file; none, if no option names it.
    pub(crate) fn octets(&self, name: &str) -> &[u8] {
        self.files
            .get(name)
            .map_or(&[], |file| file.octets.octets())
    }

    /// Says that all of it is in use, or has to do.
    pub(super) fn settle(&self) {
        self.files.values().for_each(|file| file.settled.set(true));
    }

    /// Is what we have of this file what was already in use? Then it is no
    /// change that could be refused.
    pub(super) fn is_settled(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|file| file.settled.get())
    }

    /// Logs that a file with a key can be read or written by everybody, if it
    /// can. Who may as one of its group was chosen by somebody.
    pub(crate) fn tell_exposed(&self, name: &str) {
        let mode = self.files.get(name).map_or(0, |file| file.stamp[5]);
        if mode & OTHERS != 0 {
            let mode = mode & 0o7777;
            event!(
                KEY_EXPOSED,
                "-",
                file = name,
                mode = format_args!("{mode:04o}")
            );
        }
    }
}

/// Reads what `config` names and does not know yet, or knows as it was
/// before it was replaced. What was read and has gone away stays as it is
/// if `keep` says so.
///
/// # Errors
/// Which file, and why not.
fn refresh(config: &mut Config, keep: bool) -> Result<(), String> {
    let mut fresh = BTreeMap::new();
    let known = &config.keyfiles.files;
    let mut take = |whose: &str, name: &str| -> Result<Rc<Content>, String> {
        if let Some(content) = fresh.get(name) {
            return Ok(Rc::clone(content));
        }
        let known = known.get(name);
        let content = match read(name, known) {
            Ok(content) => content,
            Err(why) => match known.filter(|_| keep) {
                Some(known) => known.clone(),
                None => return Err(format!("{whose}: {name}: {why}")),
            },
        };
        fresh.insert(name.to_owned(), content.clone());
        Ok(content)
    };
    for (whose, name) in config.key_files() {
        take(&whose, name)?;
    }
    for (whose, name) in config.key_lists() {
        let whose_list = format!("{whose}: {name}");
        let list = take(&whose, name)?;
        let pairs = named::lines(list.octets.octets());
        for pair in pairs.map_err(|why| format!("{whose_list}: {why}"))? {
            take(&whose_list, pair.cert)?;
            take(&whose_list, pair.key)?;
        }
    }
    config.keyfiles.files = fresh;
    Ok(())
}

/// The content of a file: what is known, if it is still that.
fn read(name: &str, known: Option<&Rc<Content>>) -> io::Result<Rc<Content>> {
    // A FIFO must not be waited for.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(name)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let stamp = stamp(&about);
    match known {
        Some(known) if known.stamp == stamp => Ok(known.clone()),
        _ => octets(file).map(|octets| {
            let settled = Cell::new(false);
            Rc::new(Content {
                stamp,
                octets,
                settled,
            })
        }),
    }
}

fn octets(mut file: File) -> io::Result<Secret> {
    let mut room = vec![0; LONGEST + 1];
    let mut len = 0;
    let outcome = loop {
        match file.read(&mut room[len..]) {
            Ok(0) if len > LONGEST => break Err(io::Error::other("it is too large")),
            Ok(0) => break Ok(()),
            Ok(count) => len += count,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => break Err(why),
        }
    };
    let secret = Secret::from(&room[..len]);
    wipe(&mut room);
    outcome.map(|()| secret)
}

/// Stands for the files that are there now; `None` if they are those that
/// `config` has read. One that is gone for a moment is no change.
fn replaced(config: &Config) -> Option<Vec<Stamp>> {
    let mut any = false;
    let look = |(name, known): (&String, &Rc<Content>)| {
        let now = std::fs::metadata(name).map_or(known.stamp, |about| stamp(&about));
        any |= now != known.stamp;
        now
    };
    let stamps = config.keyfiles.files.iter().map(look).collect();
    any.then_some(stamps)
}

/// What the master knows of the files between its looks.
#[derive(Default)]
pub(super) struct Look {
    last: Ms,
    /// The replaced files that were tried last.
    pub(super) tried: Vec<Stamp>,
}

impl<S: Service> Master<S> {
    /// Reads the files that a candidate names. Who replaces a dead pool gets
    /// what that one had, whatever has become of the files.
    ///
    /// # Errors
    /// Which one, and why not.
    pub(super) fn read_key_files(&self, config: &mut Config, cause: &Cause) -> Result<(), String> {
        if matches!(cause, Cause::Died) {
            return Ok(());
        }
        let keep = matches!(cause, Cause::Own(_));
        refresh(config, keep)?;
        // Where nothing runs yet there is nothing that could go on instead.
        if matches!(cause, Cause::Start) {
            config.keyfiles.settle();
        }
        Ok(())
    }

    /// Tries a new generation if a file was replaced; what could not be
    /// loaded is not tried again before it changes again.
    pub(super) fn try_key_files(&mut self) {
        let crowded = self.old.len() + 1 >= MOST_DRAINING;
        let busy = self.trial.is_some() || self.ending.is_some() || self.is_changing_hands();
        if crowded || busy || self.current.is_none() || now() - self.keys.last < PAUSE {
            return;
        }
        self.keys.last = now();
        let Some(stamps) = replaced(&self.config) else {
            return;
        };
        if stamps == self.keys.tried {
            return;
        }
        self.keys.tried = stamps;
        event!(FILES_REPLACED, "-", generation = self.generation);
        let same = self.config.clone();
        if let Err(why) = self.attempt(same, Cause::Own("files replaced")) {
            event!(LOAD_FAILED, "-", cause = "files replaced", why = why);
        }
    }
}

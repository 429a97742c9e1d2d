//! `flat FILE`: accounts in a text file, pdm_flat(8).
//!
//! The file is read once, when the module is opened. Workers only ever read
//! the table, so that its pages stay shared by all of them.
#![forbid(unsafe_code)]

mod account;
mod table;

use pdm::{Answer, Config, Module, Request, Verdict};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use table::Table;

/// Octets of the largest file.
const FILE_MAX: u64 = 1 << 30;

struct Flat {
    file: PathBuf,
    stamp: Stamp,
    table: Table,
}

pdm::export!(Flat);

impl Module for Flat {
    const NAME: &'static str = "flat";

    fn open(config: &Config) -> Result<Self, String> {
        let file = match config.args() {
            [file] => Path::new(std::ffi::OsStr::from_bytes(file.octets())),
            _ => return Err("wrong number of arguments: one FILE would be right".into()),
        };
        let at = |why| format!("{}: {why}", file.display());
        if !file.is_absolute() {
            return Err(at("a path that begins with / would be right".into()));
        }
        let (stamp, text) = read(file).map_err(at)?;
        let table = Table::parse(text).map_err(|why| format!("{}:{why}", file.display()))?;
        let file = file.to_owned();
        Ok(Flat { file, stamp, table })
    }

    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let password = request.password.octets();
        match self.table.find(request.ns.octets(), request.user.octets()) {
            None => {
                self.table.pretend(password);
                Verdict::Unknown
            }
            Some(account) => {
                account.tell(answer);
                match self.table.admits(&account, password) {
                    true => Verdict::Accept,
                    false => Verdict::Refuse,
                }
            }
        }
    }

    /// A file that is missing at the moment is about to be replaced, or was
    /// removed by mistake: what was read goes on.
    fn stale(&mut self) -> bool {
        fs::metadata(&self.file).is_ok_and(|now| Stamp::of(&now) != self.stamp)
    }
}

/// What tells a file from the one that replaces it.
#[derive(PartialEq, Eq)]
struct Stamp([i64; 7]);

impl Stamp {
    fn of(file: &Metadata) -> Stamp {
        Stamp([
            file.dev() as i64,
            file.ino() as i64,
            file.size() as i64,
            file.mtime(),
            file.mtime_nsec(),
            file.ctime(),
            file.ctime_nsec(),
        ])
    }
}

/// The file, whole, as it was at one moment.
fn read(file: &Path) -> Result<(Stamp, Vec<u8>), String> {
    let io = |why: std::io::Error| why.to_string();
    // Opening a FIFO would wait for a writer.
    if !fs::metadata(file).map_err(io)?.is_file() {
        return Err("is not a regular file".into());
    }
    let mut open = File::open(file).map_err(io)?;
    let before = open.metadata().map_err(io)?;
    if before.size() > FILE_MAX {
        return Err("is larger than 1 GiB".into());
    }
    let mut text = Vec::with_capacity(before.size() as usize + 1);
    let mut bounded = open.by_ref().take(before.size() + 1);
    bounded.read_to_end(&mut text).map_err(io)?;
    let stamp = Stamp::of(&open.metadata().map_err(io)?);
    if stamp != Stamp::of(&before) || text.len() as u64 != before.size() {
        return Err("was written to while it was read; rename a new file into place".into());
    }
    Ok((stamp, text))
}

#[cfg(test)]
mod tests;

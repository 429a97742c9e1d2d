//! Deleted mail that was put aside (the variable `deletedir` of pserv): it
//! stays for some days from when it was put there.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::plan::DAY;
use super::tally::Tally;
use crate::maildir::if_there;
use crate::maildir::spool::{MARK, Spool};
use crate::sys::dir::{Dir, Kind};

/// Directories in directories at most.
const DEPTH: usize = 130;

/// Removes all files that were put below `path`, a spool of its own, `age`
/// seconds before `now`. Directories stay: pserv may be about to use them.
pub(super) fn sweep(
    path: &Path,
    spool: &Spool,
    age: u64,
    now: u64,
    act: bool,
    tally: &mut Tally<'_>,
) {
    let name = path.as_os_str().as_encoded_bytes().to_vec();
    let top = Spool::open(path).map_err(|why| why.to_string());
    let top = top.and_then(|aside| match aside.is(spool) {
        true => Err("this is the spool, not a place for deleted mail".into()),
        false => Ok(aside),
    });
    let mut aside = Aside {
        age,
        now,
        act,
        tally,
        path: name,
    };
    let done = top.and_then(|top| aside.descend(top.top(), 0).map_err(|why| why.to_string()));
    if let Err(why) = done {
        aside.tally.failed(&aside.path, &why);
    }
}

struct Aside<'a, 'p> {
    age: u64,
    now: u64,
    act: bool,
    tally: &'a mut Tally<'p>,
    path: Vec<u8>,
}

impl Aside<'_, '_> {
    fn descend(&mut self, dir: &Dir, depth: usize) -> io::Result<()> {
        let mut visit = |name: &[u8], kind| {
            let length = self.path.len();
            self.path.push(b'/');
            self.path.extend_from_slice(name);
            if let Err(why) = self.one(dir, name, kind, depth) {
                self.tally.failed(&self.path, &why.to_string());
            }
            self.path.truncate(length);
            ControlFlow::<()>::Continue(())
        };
        dir.each(&mut visit)?;
        dir.each_hidden(&mut visit)?;
        Ok(())
    }

    fn one(&mut self, dir: &Dir, name: &[u8], kind: Kind, depth: usize) -> io::Result<()> {
        if depth == 0 && name == MARK.as_bytes() {
            return Ok(());
        }
        let Some(found) = if_there(dir.stat(name))? else {
            return Ok(());
        };
        // A renaming does not change when a file was written, but its inode.
        let since =
            |age: u64, at: i64| u64::try_from(at).unwrap_or(0).saturating_add(age) <= self.now;
        if kind != Kind::Directory {
            if since(self.age, found.changed.0) {
                if self.act {
                    if_there(dir.unlink(name))?;
                    self.tally.pace(1);
                }
                let why = format!("deleted {} days ago", self.age / DAY);
                self.tally.removed(&[&self.path.clone()], &why);
            }
            return Ok(());
        }
        if depth == DEPTH {
            return Err(io::Error::other("too deep"));
        }
        if let Some(sub) = if_there(dir.sub(name))? {
            // Another spool, and be it the one that the mail came from.
            if if_there(sub.stat(MARK.as_bytes()))?.is_none() {
                self.descend(&sub, depth + 1)?;
            }
        }
        Ok(())
    }
}

//! Where a daemon finds its spool, when it may be the root of its world.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::spool::Spool;
use crate::sys::sandbox::Grants;

/// The spool as a daemon has it: rights on it hold for the directory that was
/// there when they were given, so it is noticed if there is another one.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// Device and number of what was there, if anything was.
    seen: Option<(u64, u64)>,
}

impl Home {
    /// The spool in `path`; with `chroot` that will be the root directory.
    pub(crate) fn new(path: &str, chroot: bool) -> Home {
        Home {
            path: if chroot { "/" } else { path }.into(),
            seen: None,
        }
    }

    /// Where it is now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks what is there, once the root is what it will be. A daemon in a
    /// chroot would not see a file system that is mounted there later.
    ///
    /// # Errors
    /// There is no spool in that chroot.
    pub(crate) fn enter(&mut self, chroot: bool) -> Result<(), String> {
        self.seen = look(&self.path).ok();
        match Spool::open(&self.path) {
            Err(why) if chroot => Err(format!("chroot: {why}")),
            _ => Ok(()),
        }
    }

    /// Nothing else is needed, and no more than `write` says.
    pub(crate) fn grants(&self, write: bool) -> Grants {
        let spool = vec![self.path.clone()];
        match write {
            true => Grants {
                write: spool,
                ..Grants::default()
            },
            false => Grants {
                read: spool,
                ..Grants::default()
            },
        }
    }

    /// 0 if the spool is the directory that it was, or is none at present; else
    /// a number that stands for the one that is there.
    pub(crate) fn replaced(&self) -> u32 {
        match look(&self.path) {
            Ok(found) if Some(found) != self.seen => (found.0 ^ found.1 | 1) as u32,
            _ => 0,
        }
    }
}

fn look(path: &Path) -> io::Result<(u64, u64)> {
    let found = std::fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::spool::MARK;
    use crate::sys::scratch::Scratch;

    #[test]
    fn another_directory_in_its_place_is_noticed() {
        let scratch = Scratch::new("home");
        let path = scratch.path().join("spool");
        let mut home = Home::new(path.to_str().unwrap(), false);
        home.enter(false).unwrap();
        assert_eq!(home.replaced(), 0, "none, and none was there");
        std::fs::create_dir(&path).unwrap();
        assert_ne!(home.replaced(), 0);
        home.enter(false).unwrap();
        assert_eq!(home.replaced(), 0);
        let old = scratch.path().join("old");
        std::fs::rename(&path, &old).unwrap();
        assert_eq!(home.replaced(), 0, "not there at present");
        std::fs::create_dir(&path).unwrap();
        assert_ne!(home.replaced(), 0);
    }

    #[test]
    fn a_chroot_without_the_mark_of_a_spool_is_none() {
        let scratch = Scratch::new("home-chroot");
        let mut home = Home::new(scratch.path().to_str().unwrap(), false);
        assert!(home.enter(true).unwrap_err().starts_with("chroot: "));
        std::fs::write(scratch.path().join(MARK), "").unwrap();
        assert_eq!(home.enter(true), Ok(()));
        assert_eq!(Home::new("/var/spool", true).path(), Path::new("/"));
    }
}

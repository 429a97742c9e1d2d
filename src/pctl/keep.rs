//! Writes a file anew, so that at every moment either the old or the new one
//! is there, whole, and keeps the old one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Puts `text` into `file`; a link is followed. The old one is kept as
/// `FILE.old` and gives its owner and mode to the new one. Gives back where
/// the old one is, if there was one.
///
/// # Errors
/// What cannot be done, and why; the old file is still there.
pub(super) fn replace(file: &Path, text: &[u8]) -> Result<Option<PathBuf>, String> {
    let wrong = |path: &Path, why: std::io::Error| format!("{}: {why}", path.display());
    let (file, old) = match fs::canonicalize(file) {
        Ok(real) => {
            let about = fs::metadata(&real).map_err(|why| wrong(&real, why))?;
            if !about.is_file() {
                return Err(format!("{}: it is no regular file", real.display()));
            }
            (real, Some(about))
        }
        Err(why) if why.kind() == ErrorKind::NotFound => (file.to_path_buf(), None),
        Err(why) => return Err(wrong(file, why)),
    };
    let fresh = beside(&file, &format!(".new.{}", std::process::id()));
    let written = write(&fresh, text, old.as_ref());
    let kept = beside(&file, ".old");
    let done = written.and_then(|()| match old {
        None => Ok(()),
        Some(_) => keep(&file, &kept),
    });
    let done = done.and_then(|()| fs::rename(&fresh, &file).map_err(|why| wrong(&file, why)));
    if let Err(why) = done {
        let _ = fs::remove_file(&fresh);
        return Err(why);
    }
    let dir = match file.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|why| wrong(dir, why))?;
    Ok(old.map(|_| kept))
}

/// The file of that name with something behind it.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

/// Nobody but us reads it before it has the mode of the old one.
fn write(fresh: &Path, text: &[u8], old: Option<&fs::Metadata>) -> Result<(), String> {
    let wrong = |what: &str, why: std::io::Error| format!("{}: {what}{why}", fresh.display());
    let mode = if old.is_some() { 0o600 } else { 0o644 };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(fresh).map_err(|why| wrong("", why))?;
    file.write_all(text).map_err(|why| wrong("", why))?;
    if let Some(old) = old {
        let ours = file.metadata().map_err(|why| wrong("", why))?;
        if (ours.uid(), ours.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))
                .map_err(|why| wrong("cannot give it the owner of the old one: ", why))?;
        }
        let mode = fs::Permissions::from_mode(old.mode() & 0o7777);
        file.set_permissions(mode).map_err(|why| wrong("", why))?;
    }
    file.sync_all().map_err(|why| wrong("", why))
}

/// A second name for the old file, which keeps its first one for now.
fn keep(file: &Path, kept: &Path) -> Result<(), String> {
    let second = beside(kept, &format!(".{}", std::process::id()));
    let linked = fs::hard_link(file, &second).and_then(|()| fs::rename(&second, kept));
    // It is still there if that failed, or if both were names of one file.
    let _ = fs::remove_file(&second);
    linked.map_err(|why| format!("{}: {why}", kept.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_file_is_kept_with_its_mode_for_both() {
        let dir = Scratch::new("pctl-keep");
        let (file, link) = (dir.path().join("x.rc"), dir.path().join("link"));
        fs::write(&file, "first").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("x.rc", &link).unwrap();
        replace(&file, b"second").unwrap();
        let kept = replace(&link, b"third").unwrap().unwrap();
        assert!(kept.ends_with("x.rc.old"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "third");
        assert_eq!(fs::read_to_string(&kept).unwrap(), "second");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(names(dir.path()), ["link", "x.rc", "x.rc.old"]);
    }

    #[test]
    fn what_cannot_be_done_leaves_all_as_it_was() {
        let dir = Scratch::new("pctl-keep-not");
        let file = dir.path().join("x.rc");
        assert_eq!(replace(&file, b"new"), Ok(None));
        fs::create_dir(dir.path().join("x.rc.old")).unwrap();
        assert!(replace(&file, b"newer").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(names(dir.path()), ["x.rc", "x.rc.old"]);
        assert!(replace(dir.path(), b"x").is_err());
    }
}

//! Files of modules: read once, and watched for being replaced.

use crate::Str;
use std::ffi::{OsStr, c_int};
use std::fmt::Display;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that was opened, and what it was then.
pub struct Watched {
    path: PathBuf,
    stamp: Stamp,
}

impl Watched {
    /// Reads the file `name`, an absolute path, whole, as it was at one
    /// moment, if it has at most `max` octets.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(name: Str, max: u64) -> Result<(Watched, Vec<u8>), String> {
        let (watched, file) = Watched::open(name)?;
        let text = watched.text(file, max);
        let text = text.map_err(|why| format!("{}: {why}", watched.name()))?;
        Ok((watched, text))
    }

    /// Opens the file `name`, an absolute path, for reading.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn open(name: Str) -> Result<(Watched, File), String> {
        let path = Path::new(OsStr::from_bytes(name.octets()));
        let open = || {
            if !path.is_absolute() {
                return Err("a path that begins with / would be right".into());
            }
            // Opening a FIFO would wait for a writer.
            if !fs::metadata(path).map_err(io)?.is_file() {
                return Err("is not a regular file".into());
            }
            let file = File::open(path).map_err(io)?;
            let stamp = Stamp::of(&file.metadata().map_err(io)?);
            Ok((stamp, file))
        };
        let (stamp, file) = open().map_err(|why: String| format!("{}: {why}", path.display()))?;
        let path = path.to_owned();
        Ok((Watched { path, stamp }, file))
    }

    /// 0 if the file stands there as it was opened, else a number that stands
    /// for the file that is there now. One that is missing at the moment is
    /// about to be replaced, or was removed by mistake: what was read goes on.
    pub fn replaced(&self) -> c_int {
        let now = fs::metadata(&self.path).map(|now| Stamp::of(&now));
        let now = now.ok().filter(|now| *now != self.stamp);
        now.map_or(0, |now| now.number())
    }

    /// Its name, for messages.
    pub fn name(&self) -> impl Display + '_ {
        self.path.display()
    }

    fn text(&self, mut file: File, max: u64) -> Result<Vec<u8>, String> {
        let size = self.stamp.size();
        if size > max {
            return Err(format!("is larger than {max} octets"));
        }
        let mut text = Vec::with_capacity(size as usize + 1);
        let mut bounded = file.by_ref().take(size + 1);
        bounded.read_to_end(&mut text).map_err(io)?;
        let now = Stamp::of(&file.metadata().map_err(io)?);
        if now != self.stamp || text.len() as u64 != size {
            return Err("was written to while it was read; rename a new file into place".into());
        }
        Ok(text)
    }
}

fn io(why: std::io::Error) -> String {
    why.to_string()
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

    fn size(&self) -> u64 {
        self.0[2] as u64
    }

    /// 31 bits that stand for it, never 0 (FNV-1a).
    fn number(&self) -> c_int {
        let octets = self.0.iter().flat_map(|field| field.to_le_bytes());
        let mix = |sum: u32, octet| (sum ^ u32::from(octet)).wrapping_mul(0x0100_0193);
        (octets.fold(0x811c_9dc5, mix) >> 1).max(1) as c_int
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(file: &Path, max: u64) -> Result<(Watched, Vec<u8>), String> {
        Watched::read(Str::new(file.as_os_str().as_bytes()), max)
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let why = |name: &str| read(Path::new(name), 9).err().unwrap();
        assert!(why("/none/such").starts_with("/none/such: No such file"));
        assert!(why("users").starts_with("users: a path that begins with /"));
        assert!(why("/dev/zero").contains("is not a regular file"));
        assert!(why("/").contains("is not a regular file"));
        assert!(why("").contains("begins with /"));
        assert!(why("/etc/\0").starts_with("/etc/\0: "));
    }

    #[test]
    fn a_replaced_file_is_noticed_and_a_missing_one_is_not_a_replacement() {
        let dir = std::env::temp_dir().join(format!("popular-file.{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (file, other) = (dir.join("a"), dir.join("b"));
        fs::write(&file, "one two").unwrap();
        assert!(read(&file, 6).err().unwrap().contains("larger than 6"));
        let (watched, text) = read(&file, 7).unwrap();
        assert_eq!((&text[..], watched.replaced()), (&b"one two"[..], 0));
        fs::rename(&file, &other).unwrap();
        assert_eq!(watched.replaced(), 0);
        symlink(&other, &file).unwrap();
        assert_eq!(read(&file, 7).unwrap().0.replaced(), 0);
        fs::remove_file(&file).unwrap();
        fs::copy(&other, &file).unwrap();
        let first = watched.replaced();
        assert_ne!(first, 0);
        assert_eq!(watched.replaced(), first, "the same file");
        fs::write(&file, "three").unwrap();
        assert!(![0, first].contains(&watched.replaced()), "another one");
        fs::remove_dir_all(&dir).unwrap();
    }
}

//! PRIVILEGED. The pid file: who runs, and the lock that lets only one run.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sys::lock;

/// Ours as long as we live: a record lock, which children do not inherit, so
/// that sessions which outlive their master keep no new one out.
pub(crate) struct PidFile {
    path: PathBuf,
    _file: File,
}

impl PidFile {
    /// Writes `RUNDIR/NAME.pid`.
    ///
    /// # Errors
    /// Who runs already, or why it cannot be written.
    pub(crate) fn take(rundir: &Path, name: &str) -> Result<PidFile, String> {
        let path = rundir.join(format!("{name}.pid"));
        Self::lock(&path, name).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => why.to_string(),
            _ => format!("{}: {why}", path.display()),
        })
    }

    /// Who ends removes the file while it still has the lock; then what we
    /// have locked is no more the file of that name, and we look again.
    fn lock(path: &Path, name: &str) -> io::Result<PidFile> {
        loop {
            let pidfile = Self::lock_what_is_there(path, name)?;
            if pidfile.is_there() {
                return Ok(pidfile);
            }
        }
    }

    fn lock_what_is_there(path: &Path, name: &str) -> io::Result<PidFile> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if !lock::take(&file)? {
            let mut pid = String::new();
            let _ = file.take(20).read_to_string(&mut pid);
            let text = format!(
                "{name} is running already, as process {} ({})",
                pid.trim(),
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(PidFile {
            path: path.into(),
            _file: file,
        })
    }

    /// Writes it in the place of one that another process may have locked, at
    /// no moment of which there is none.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn replace(rundir: &Path, name: &str) -> Result<PidFile, String> {
        let path = rundir.join(format!("{name}.pid"));
        let fresh = rundir.join(format!("{name}.pid.{}", std::process::id()));
        let wrong = |why: io::Error| format!("{}: {why}", path.display());
        let _ = std::fs::remove_file(&fresh);
        let mut pidfile = Self::lock_what_is_there(&fresh, name).map_err(wrong)?;
        std::fs::rename(&fresh, &path).map_err(wrong)?;
        pidfile.path = path;
        Ok(pidfile)
    }

    /// Is the file of that name still ours?
    pub(crate) fn is_there(&self) -> bool {
        let same = |ours: std::fs::Metadata| {
            let there = std::fs::metadata(&self.path);
            there.is_ok_and(|m| (m.dev(), m.ino()) == (ours.dev(), ours.ino()))
        };
        self._file.metadata().is_ok_and(same)
    }

    /// We run no more.
    pub(crate) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

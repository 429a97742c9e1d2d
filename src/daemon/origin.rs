//! How this process was started, and how one that takes its place will be.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::base::log::Target;
use crate::base::opt::Matches;

/// Program and command line.
pub(super) struct Origin {
    pub(super) program: PathBuf,
    /// The arguments, names of files in full.
    pub(super) args: Vec<OsString>,
}

impl Origin {
    /// From the command line, as it would have to be in any directory.
    ///
    /// # Errors
    /// The system does not know where we are.
    pub(super) fn of(matches: &Matches) -> Result<Origin, String> {
        let mut args: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: String| args.extend([name.into(), value.into()]);
        for name in ["f", "l", "r", "s", "u"] {
            let Some(value) = matches.opt_str(name) else {
                continue;
            };
            let is_path = match name {
                "f" | "r" => true,
                "l" => matches!(Target::parse(&value), Target::File(_)),
                _ => false,
            };
            let value = match is_path {
                true => absolute(&value)?.display().to_string(),
                false => value,
            };
            option(&format!("-{name}"), value);
        }
        if matches.opt_present("d") {
            args.push("-d".into());
        }
        Ok(Origin {
            program: program()?,
            args,
        })
    }
}

impl Origin {
    /// What option -u says.
    pub(super) fn user(&self) -> Option<&str> {
        let place = self.args.iter().position(|arg| arg == "-u")?;
        self.args.get(place + 1)?.to_str()
    }
}

/// The file we were started from. If it was found on a path of commands the
/// system knows which one it is.
fn program() -> Result<PathBuf, String> {
    let named = std::env::args_os().next().map(PathBuf::from);
    match named.filter(|name| name.components().count() > 1) {
        Some(name) => absolute(&name.display().to_string()),
        None => std::env::current_exe().map_err(|why| format!("cannot find my own file: {why}")),
    }
}

/// A name that means the same in any directory.
///
/// # Errors
/// There is no directory that we are in.
pub(super) fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|why| format!("{path}: {why}"))
}

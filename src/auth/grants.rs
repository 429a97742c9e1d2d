//! What modules need of the system beyond their own code.

use std::fs::metadata;
use std::path::{Path, PathBuf};

use super::chain::Spec;
use crate::sys::sandbox::Grants;

/// What the modules of `specs` need, which together say `needs`: that, and the
/// directories of the files that their arguments name. A file that is replaced
/// by rename is another one, hence the directories.
pub(crate) fn grants(specs: &[Spec], needs: u32) -> Grants {
    let connect = needs & pdm::abi::PDM_NEEDS_CONNECT != 0;
    let paths = specs.iter().flat_map(Spec::paths);
    let mut read: Vec<PathBuf> = paths.flat_map(places).collect();
    if connect {
        // To look names up, the C library reads files and loads code, and so do others.
        read.extend(["/etc", "/usr", "/lib", "/lib64", "/run"].map(PathBuf::from));
    }
    read.sort();
    read.dedup();
    Grants {
        read,
        connect,
        exec: needs & pdm::abi::PDM_NEEDS_EXEC != 0,
        ..Grants::default()
    }
}

/// Where this file is, and where it leads to if it is a symbolic link.
fn places(path: &Path) -> impl Iterator<Item = PathBuf> {
    let leads_to = path.canonicalize().ok();
    [place(path), leads_to.and_then(|path| place(&path))]
        .into_iter()
        .flatten()
}

/// A directory, or that of a file; a file in `/` stands for itself alone.
fn place(path: &Path) -> Option<PathBuf> {
    let found = metadata(path).ok()?;
    let parent = path.parent().filter(|parent| parent.parent().is_some());
    match parent {
        Some(parent) if !found.is_dir() => Some(parent.into()),
        _ => Some(path.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn spec(args: &[&str]) -> Spec {
        Spec {
            id: "users".into(),
            module: "flat".into(),
            args: args.iter().map(|arg| arg.to_string()).collect(),
            loaded: 1,
        }
    }

    #[test]
    fn the_directory_of_a_file_is_granted_and_that_behind_a_link() {
        let scratch = Scratch::new("grants");
        let at = |name: &str| scratch.path().join(name);
        for name in ["a", "b"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("a/users"), "").unwrap();
        std::os::unix::fs::symlink(at("a/users"), at("b/users")).unwrap();
        let link = format!("file={}", at("b/users").display());
        let granted = grants(&[spec(&["max=5", &link, "plain", "/nowhere/x"])], 0);
        assert_eq!(granted.read, [at("a"), at("b")]);
        assert!(!granted.connect && !granted.exec && granted.write.is_empty());
    }

    #[test]
    fn a_word_that_is_the_name_of_something_here_is_no_path() {
        for word in ["src", "Cargo.toml", "dir=src", ".", ""] {
            assert!(grants(&[spec(&[word])], 0).read.is_empty(), "{word:?}");
        }
    }

    #[test]
    fn a_file_next_to_the_root_does_not_open_everything() {
        assert_eq!(place(Path::new("/etc")), Some("/etc".into()));
        assert_eq!(place(Path::new("/etc/passwd")), Some("/etc".into()));
        let files = std::fs::read_dir("/").unwrap().flatten();
        for file in files.filter(|file| !file.path().is_dir()) {
            assert_ne!(place(&file.path()), Some("/".into()));
        }
    }

    #[test]
    fn only_who_says_so_may_connect_or_run_programs() {
        let granted = grants(&[], pdm::abi::PDM_NEEDS_CONNECT);
        assert!(granted.connect && !granted.exec && !granted.read.is_empty());
        let granted = grants(&[], pdm::abi::PDM_NEEDS_EXEC);
        assert!(!granted.connect && granted.exec && granted.read.is_empty());
    }
}

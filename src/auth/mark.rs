//! A number that stands for a module as it was loaded: an answer that was
//! remembered holds only as long as the module that gave it is the same, and
//! as all that are asked before it are.

use super::chain::Spec;
use crate::base::table::key;
use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The mark of the module of `spec` in the file `library`, which comes behind
/// one with the mark `before`. To be made when the module has been opened: a
/// file that is replaced in between is then taken for one that was not yet
/// there, and that is found out by the module.
pub(super) fn mark(before: u64, spec: &Spec, library: &Path) -> u64 {
    let loaded = spec.loaded.to_ne_bytes();
    let mut parts = vec![spec.id.as_bytes(), spec.module.as_bytes(), &loaded];
    parts.extend(spec.args.iter().map(String::as_bytes));
    let files = std::iter::once(library).chain(spec.paths());
    let files: Vec<_> = files.map(stamp).collect();
    parts.extend(files.iter().map(Vec::as_slice));
    key(before, &parts)
}

/// What changes when a file is replaced or written to.
fn stamp(file: &Path) -> Vec<u8> {
    let Ok(found) = metadata(file) else {
        return Vec::new();
    };
    let times = [
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ];
    let numbers = [found.dev(), found.ino(), found.size()];
    let times = times.iter().flat_map(|n| n.to_ne_bytes());
    times
        .chain(numbers.iter().flat_map(|n| n.to_ne_bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_module_that_was_changed_in_any_way_has_another_mark() {
        let file = std::env::temp_dir().join(format!("popular-mark.{}", std::process::id()));
        fs::write(&file, "a").unwrap();
        let spec = |args: &[&str], loaded| Spec {
            id: "u".into(),
            module: "flat".into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            loaded,
        };
        let path = file.to_str().unwrap();
        let of = |before, spec: &Spec| mark(before, spec, Path::new("/nowhere"));
        let first = of(0, &spec(&[path], 1));
        assert_eq!(first, of(0, &spec(&[path], 1)));
        assert_ne!(first, of(1, &spec(&[path], 1)), "another before it");
        assert_ne!(first, of(0, &spec(&[path], 2)), "loaded anew");
        assert_ne!(first, of(0, &spec(&[path, "x"], 1)), "other arguments");
        assert_ne!(first, mark(0, &spec(&[path], 1), &file), "other code");
        let named = spec(&[&format!("file={path}")], 1);
        let before = of(0, &named);
        fs::write(&file, "ab").unwrap();
        assert_ne!(first, of(0, &spec(&[path], 1)), "another file");
        assert_ne!(before, of(0, &named), "another file behind a key");
        fs::remove_file(&file).unwrap();
    }
}

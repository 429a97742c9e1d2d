//! The way through a spool: every mailbox once, however many there are, in
//! memory for one path only.

use std::io;
use std::ops::ControlFlow;

use crate::base::names;
use crate::maildir::spool::MARK;
use crate::sys::dir::{Dir, Kind};

/// The folders of a Maildir itself, in the order in which they are removed: as
/// long as there is mail, a mailbox is one, and mail can be delivered to it.
pub(super) const PARTS: [&[u8]; 3] = [b"cur", b"new", b"tmp"];

/// A mailbox on the way.
pub(super) struct Here<'w> {
    /// Its name, below the spool.
    pub(super) name: &'w [u8],
    pub(super) dir: &'w Dir,
    /// The directory it lies in, and what it is called there.
    pub(super) parent: &'w Dir,
    pub(super) last: &'w [u8],
}

/// Who goes along.
pub(super) trait Visitor {
    /// Those that lie within it were visited before.
    fn mailbox(&mut self, here: &Here<'_>);
    /// What could not be looked at, and why.
    fn trouble(&mut self, path: &[u8], why: &str);
}

/// Visits all mailboxes below `root`. Names that begin with a dot, and
/// symbolic links, are passed over.
pub(super) fn walk(root: &Dir, visitor: &mut dyn Visitor) {
    descend(root, &mut Vec::new(), false, visitor);
}

fn descend(dir: &Dir, path: &mut Vec<u8>, is_mailbox: bool, visitor: &mut dyn Visitor) {
    let listed = dir.each(|name, kind| {
        if kind != Kind::Directory || is_mailbox && PARTS.contains(&name) {
            return ControlFlow::<()>::Continue(());
        }
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        step(dir, name, path, visitor);
        path.truncate(length);
        ControlFlow::Continue(())
    });
    if let Err(why) = listed {
        tell(path, &why, visitor);
    }
}

fn step(parent: &Dir, last: &[u8], path: &mut Vec<u8>, visitor: &mut dyn Visitor) {
    let opened = parent
        .sub(last)
        .and_then(|dir| Ok((is_mailbox(&dir)?, dir)));
    let (is_mailbox, dir) = match opened {
        Ok(opened) => opened,
        Err(why) => return tell(path, &why, visitor),
    };
    // Deleted mail lies in a spool of its own, which may lie in this one.
    match dir.stat(MARK.as_bytes()) {
        Ok(_) => return,
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return tell(path, &why, visitor),
    }
    if let Err(why) = names::mailbox(path) {
        return visitor.trouble(path, &format!("no name of a mailbox: {why}"));
    }
    descend(&dir, path, is_mailbox, visitor);
    if is_mailbox {
        visitor.mailbox(&Here {
            name: path,
            dir: &dir,
            parent,
            last,
        });
    }
}

/// What is gone by now is no trouble.
fn tell(path: &[u8], why: &io::Error, visitor: &mut dyn Visitor) {
    if why.kind() != io::ErrorKind::NotFound {
        visitor.trouble(path, &why.to_string());
    }
}

fn is_mailbox(dir: &Dir) -> io::Result<bool> {
    let has = |name: &[u8]| match dir.stat(name) {
        Ok(found) => Ok(found.kind == Kind::Directory),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    };
    Ok(has(b"new")? && (has(b"cur")? || has(b"tmp")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[derive(Default)]
    struct Heard {
        mailboxes: Vec<String>,
        trouble: Vec<String>,
    }

    impl Visitor for Heard {
        fn mailbox(&mut self, here: &Here<'_>) {
            self.mailboxes.push(here.name.escape_ascii().to_string());
        }

        fn trouble(&mut self, path: &[u8], why: &str) {
            self.trouble.push(format!("{}: {why}", path.escape_ascii()));
        }
    }

    fn heard(scratch: &Scratch) -> Heard {
        let mut heard = Heard::default();
        walk(&Dir::open(scratch.path()).unwrap(), &mut heard);
        heard.mailboxes.sort();
        heard
    }

    fn make(scratch: &Scratch, name: &str) {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(scratch.path().join(name).join(part)).unwrap();
        }
    }

    #[test]
    fn every_mailbox_is_visited_once_and_no_link_followed() {
        let scratch = Scratch::new("walk");
        for name in ["joe", "a/b/ann", "a/b/ann/work", "new", ".aside/x"] {
            make(&scratch, name);
        }
        fs::create_dir_all(scratch.path().join("joe/cur/x/new/cur")).unwrap();
        make(&scratch, "deleted/joe");
        fs::write(scratch.path().join("deleted").join(MARK), "").unwrap();
        fs::create_dir(scratch.path().join("empty")).unwrap();
        symlink(scratch.path(), scratch.path().join("a/loop")).unwrap();
        let heard = heard(&scratch);
        assert_eq!(heard.mailboxes, ["a/b/ann", "a/b/ann/work", "joe", "new"]);
        assert!(heard.trouble.is_empty(), "{:?}", heard.trouble);
    }

    #[test]
    fn names_that_are_none_and_depths_that_no_name_has_are_told() {
        let scratch = Scratch::new("walk-odd");
        make(&scratch, "a b\n");
        make(&scratch, &"x/".repeat(130));
        let heard = heard(&scratch);
        assert!(heard.mailboxes.is_empty(), "{:?}", heard.mailboxes);
        assert_eq!(heard.trouble.len(), 2, "{:?}", heard.trouble);
    }
}

//! Storing a message: written to `tmp`, synced, linked into `new`, synced.
//! It is in `new` under its final name, whole and on disk, or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use super::crlf::Crlf;
use super::name;
use super::spool::Mailbox;
use super::{Error, if_there, on};
use crate::base::clock::wall;
use crate::sys::dir::Dir;
use crate::sys::proc::pid;

/// Names that are tried before we believe that something is wrong.
const TRIES: usize = 16;

/// Octets that are written at once.
const PIECE: usize = 64 * 1024;

/// Octets of the host's name that are used.
const HOST: usize = 100;

/// A message that is being stored. If it is dropped before it is committed,
/// nothing of it remains.
#[derive(Debug)]
pub(crate) struct Delivery {
    tmp: Dir,
    new: Dir,
    file: File,
    /// Name in `tmp`; empty once there is nothing to remove.
    name: Vec<u8>,
    host: Vec<u8>,
    text: Crlf,
    out: Vec<u8>,
    sealed: bool,
}

/// A message that is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its name in `new`.
    pub(crate) name: Vec<u8>,
    /// Its octets, on disk and on the wire.
    pub(crate) octets: u64,
}

impl Delivery {
    /// Begins a message for this mailbox. `host` is the name of this host.
    ///
    /// # Errors
    /// The mailbox is no Maildir, or its file system is full or broken.
    pub(crate) fn begin(mailbox: &Mailbox, host: &[u8]) -> Result<Delivery, Error> {
        let tmp = mailbox.tmp().map_err(on("tmp"))?;
        let new = mailbox.folder(false).map(|new| new.sub(b"."));
        let new = new.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        let new = new.map_err(on("new"))?;
        let host = clean(host);
        let (name, file) = fresh(&host, |name| tmp.create(name)).map_err(on("file in tmp"))?;
        Ok(Delivery {
            tmp,
            new,
            file,
            name,
            host,
            text: Crlf::default(),
            out: Vec::with_capacity(PIECE),
            sealed: false,
        })
    }

    /// Adds text with line ends of any kind.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&mut self, text: &[u8]) -> Result<(), Error> {
        self.text.turn(text, &mut self.out);
        if self.out.len() >= PIECE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.file.write_all(&self.out).map_err(on("file in tmp"))?;
        self.out.clear();
        Ok(())
    }

    /// Ends the text, waits until it is on disk, and tells its length there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn seal(&mut self) -> Result<u64, Error> {
        if !std::mem::replace(&mut self.sealed, true) {
            let end = self.text.end();
            self.out.extend_from_slice(end);
            self.flush()?;
            self.file.sync_all().map_err(on("file in tmp"))?;
        }
        Ok(self.text.octets())
    }

    /// Stores the message. When this returns it is on disk.
    ///
    /// # Errors
    /// It is not stored.
    pub(crate) fn commit(mut self) -> Result<Stored, Error> {
        let octets = self.seal()?;
        let name = self.publish(octets).map_err(on("file in new"))?;
        if let Err(why) = self.new.sync() {
            // Whether it is on disk cannot be known, so nobody shall see it.
            let _ = self.new.unlink(&name);
            return Err(Error::Io("new", why));
        }
        Ok(Stored { name, octets })
    }

    /// Gives the file its name in `new`.
    fn publish(&mut self, octets: u64) -> io::Result<Vec<u8>> {
        let name = name::sized(&self.name, octets, octets);
        match self.link(&name) {
            Ok(()) => Ok(name),
            // The clock was set back, and the pid is in use again.
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                let again = |base: &[u8]| self.link(&name::sized(base, octets, octets));
                let (base, ()) = fresh(&self.host, again)?;
                Ok(name::sized(&base, octets, octets))
            }
            Err(why) if no_links(&why) => {
                if if_there(self.new.stat(&name))?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                self.tmp.rename(&self.name, &self.new, &name)?;
                self.name.clear();
                Ok(name)
            }
            Err(why) => Err(why),
        }
    }

    /// Links the file into `new`. A network file system whose server's answer
    /// was lost makes the call again, and tells that the name is taken, by
    /// this very file.
    fn link(&self, name: &[u8]) -> io::Result<()> {
        let linked = self.tmp.link(&self.name, &self.new, name);
        linked.or_else(|why| {
            let (ours, found) = (self.tmp.stat(&self.name)?, self.new.stat(name));
            match found.is_ok_and(|found| found.id == ours.id) {
                true => Ok(()),
                false => Err(why),
            }
        })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let _ = self.tmp.unlink(&self.name);
        }
    }
}

/// A link, unlike a renaming, never destroys what stands there, so it is
/// tried first. Some file systems have none; renaming must do there, and it
/// can: whoever delivers holds a name in `tmp` before using it in `new`.
pub(super) fn no_links(why: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, Unsupported};
    matches!(why.kind(), PermissionDenied | Unsupported)
}

/// Makes something under a name that was never used before.
pub(super) fn fresh<T>(
    host: &[u8],
    make: impl Fn(&[u8]) -> io::Result<T>,
) -> io::Result<(Vec<u8>, T)> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let mut tries = 0;
    loop {
        let (seconds, micros) = wall();
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{seconds}.M{micros:06}P{}Q{counter}.", pid());
        let name = [unique.as_bytes(), host].concat();
        tries += 1;
        match make(&name) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => {}
            made => return made.map(|made| (name, made)),
        }
    }
}

/// The host's name as it stands in names of files: `/` and `:` in octal, as
/// is the custom, and nothing that a unique id could not hold.
fn clean(host: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for &octet in host.iter().take(HOST) {
        match octet {
            b'/' => text.extend_from_slice(b"\\057"),
            b':' => text.extend_from_slice(b"\\072"),
            0x21..=0x7e => text.push(octet),
            _ => text.push(b'_'),
        }
    }
    if text.is_empty() {
        text.extend_from_slice(b"localhost");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::spool::tests::marked;
    use std::fs;

    fn files(folder: &std::path::Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let name = |e: io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
        names.map(name).collect()
    }

    #[test]
    fn a_message_lies_in_new_with_crlf_and_its_size_in_the_name() {
        let (scratch, spool) = marked("deliver");
        let mailbox = spool.create(b"joe").unwrap();
        let mut delivery = Delivery::begin(&mailbox, b"a/b:c\xff").unwrap();
        delivery.write(b"A: b\n\nte").unwrap();
        delivery.write(b"xt").unwrap();
        let new = scratch.path().join("joe/new");
        assert!(files(&new).is_empty(), "not before it is whole");
        let stored = delivery.commit().unwrap();
        assert_eq!(stored.octets, 14);
        assert_eq!(files(&new).len(), 1);
        assert!(files(&scratch.path().join("joe/tmp")).is_empty());
        let name = String::from_utf8(stored.name).unwrap();
        assert!(name.ends_with(".a\\057b\\072c_,S=14,W=14"), "{name}");
        assert_eq!(fs::read(new.join(name)).unwrap(), b"A: b\r\n\r\ntext\r\n");
    }

    #[test]
    fn a_delivery_that_is_given_up_leaves_nothing() {
        let (scratch, spool) = marked("deliver-drop");
        let mailbox = spool.create(b"joe").unwrap();
        let mut delivery = Delivery::begin(&mailbox, b"host").unwrap();
        delivery.write(&[b'x'; 3 * PIECE]).unwrap();
        assert_eq!(files(&scratch.path().join("joe/tmp")).len(), 1);
        drop(delivery);
        for folder in ["tmp", "new", "cur"] {
            assert!(files(&scratch.path().join("joe").join(folder)).is_empty());
        }
    }

    #[test]
    fn a_thousand_deliveries_have_a_thousand_names() {
        let names = (0..1000).map(|_| fresh(b"host", |_| Ok(())).unwrap().0);
        let distinct: std::collections::HashSet<_> = names.collect();
        assert_eq!(distinct.len(), 1000);
    }

    #[test]
    fn a_name_that_stands_in_new_already_is_not_used_again() {
        let (scratch, spool) = marked("deliver-twice");
        let mailbox = spool.create(b"joe").unwrap();
        let delivery = Delivery::begin(&mailbox, b"host").unwrap();
        let taken = name::sized(&delivery.name, 0, 0);
        let path = scratch.path().join("joe/new");
        fs::write(path.join(String::from_utf8(taken.clone()).unwrap()), "old").unwrap();
        let stored = delivery.commit().unwrap();
        assert_ne!(stored.name, taken);
        assert_eq!(files(&path).len(), 2);
        let old = path.join(String::from_utf8(taken).unwrap());
        assert_eq!(fs::read(old).unwrap(), b"old");
    }

    #[test]
    fn a_link_that_was_made_though_an_error_was_told_is_the_message() {
        let (scratch, spool) = marked("deliver-told");
        let mailbox = spool.create(b"joe").unwrap();
        let mut delivery = Delivery::begin(&mailbox, b"host").unwrap();
        delivery.write(b"text").unwrap();
        let octets = delivery.seal().unwrap();
        // The first answer of a server is lost, and the call made again.
        let name = name::sized(&delivery.name, octets, octets);
        delivery
            .tmp
            .link(&delivery.name, &delivery.new, &name)
            .unwrap();
        assert_eq!(delivery.commit().unwrap().name, name);
        assert_eq!(files(&scratch.path().join("joe/new")).len(), 1);
        assert!(files(&scratch.path().join("joe/tmp")).is_empty());
    }

    #[test]
    fn names_are_given_up_after_some_tries() {
        let taken = |_: &[u8]| Err::<(), _>(io::ErrorKind::AlreadyExists.into());
        assert!(fresh(b"host", taken).is_err());
    }
}

//! Objects, and the kinds that there are of them.

use std::rc::Rc;

use crate::base::vars::{Key, Var, Vars};
use crate::base::words::quote;
use crate::daemon::scrape;
use crate::net::listen::Proto;

/// One kind of object.
pub(crate) struct Kind {
    /// The control word.
    pub(crate) name: &'static str,
    /// What stands behind the id: holes of [`crate::base::verbs`].
    pub(crate) holes: &'static str,
    /// Its options.
    pub(crate) keys: &'static [Var],
    /// Words that switch its state; the first is how it begins. None: it has no switch.
    pub(crate) states: &'static [&'static str],
    /// Does it listen at its first hole?
    pub(crate) listens: Option<Proto>,
    /// Does the order matter? Then there is a word to change it.
    pub(crate) ordered: bool,
    /// Can it be loaded anew?
    pub(crate) reloads: bool,
    /// Is it a file? Then it is loaded and not added, and has neither holes
    /// nor options.
    pub(crate) file: Option<Source>,
    /// What is counted for each of them, at most [`crate::daemon::board::TALLIES`]. Of
    /// a kind that listens these are the first counters of the program, and
    /// the kit counts there what comes in at the door; see
    /// [`crate::daemon::seat::Seat::count`].
    pub(crate) counters: &'static [&'static str],
    /// The kind of marks that its sessions bear, with [`Object::mark`] as key.
    pub(crate) mark: Option<usize>,
    pub(crate) help: &'static str,
}

impl Kind {
    /// How the socket of one of them is called when it is handed over: by its
    /// id, unless that could be one of the program's own.
    pub(crate) fn socket(&self, id: &str) -> String {
        match self.name {
            scrape::NAME => format!("{}/{id}", self.name),
            _ => id.into(),
        }
    }
}

/// Where the files of a kind are, and what stands in them.
pub(crate) struct Source {
    /// The variable that names their directory.
    pub(crate) dir: Key,
    pub(crate) parse: fn(&[u8]) -> Parsed,
}

/// The lines of a file that count, or all that are wrong.
pub(crate) type Parsed = Result<Vec<String>, Vec<Wrong>>;

/// A line that is wrong, counted from 1, and why.
pub(crate) type Wrong = (usize, &'static str);

/// No row of the shared page has been given.
pub(crate) const NO_ROW: usize = usize::MAX;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) id: String,
    /// What filled the holes behind the id.
    pub(crate) words: Vec<String>,
    pub(crate) keys: Vars,
    /// What its file held when it was loaded.
    pub(crate) lines: Rc<[String]>,
    /// Place in [`Kind::states`].
    pub(crate) state: usize,
    /// Its row of live values in the shared page.
    pub(crate) row: usize,
    /// The generation that has loaded it; 0 if it is to be loaded anew.
    pub(crate) loaded: u64,
}

impl Object {
    /// What sessions of an object in this row are marked with; the same in all
    /// generations.
    pub(crate) fn mark(row: usize) -> u64 {
        row as u64 + 1
    }

    /// The control word that makes it, without options.
    pub(super) fn begin(&self, kind: &Kind) -> String {
        let verb = if kind.file.is_some() { "load" } else { "add" };
        let mut line = format!("{} {verb} {}", kind.name, self.id);
        for word in &self.words {
            line.push(' ');
            line.push_str(&quote(word));
        }
        line
    }

    /// Does `other` differ in nothing but live values?
    pub(super) fn same_but_live(&self, other: &Object) -> bool {
        self.id == other.id
            && self.words == other.words
            && self.lines == other.lines
            && self.loaded == other.loaded
            && self.row == other.row
            && self.keys.same_but_live(&other.keys)
    }
}

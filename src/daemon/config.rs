//! A configuration: variables, and objects such as virtual servers. It is
//! data, described by tables; the kit adds, changes, lists and prints it
//! without knowing what it means.

mod files;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::base::debug::Flags;
use crate::base::vars::{self, Key, Var, Vars};
use crate::base::words::{LONGEST, quote};
use crate::daemon::keyfiles::KeyFiles;
use crate::daemon::scrape;
use crate::daemon::service::Tables;
use crate::daemon::vars::{COMMON, MAXSESSION, SESSIONLIMIT};
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
    /// What is counted for each of them, at most [`super::board::TALLIES`]. Of
    /// a kind that listens these are the first counters of the program, and
    /// the kit counts there what comes in at the door; see
    /// [`super::seat::Seat::count`].
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

    /// Does `other` differ in nothing but live values?
    fn same_but_live(&self, other: &Object) -> bool {
        self.id == other.id
            && self.words == other.words
            && self.lines == other.lines
            && self.loaded == other.loaded
            && self.row == other.row
            && self.keys.same_but_live(&other.keys)
    }
}

/// Addresses of names, found by the pool that first loaded them.
pub(crate) type Resolved = BTreeMap<String, Vec<SocketAddr>>;

/// All that an administrator has said.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) tables: &'static Tables,
    pub(crate) vars: Vars,
    /// One list a kind, in the order of [`Tables::kinds`].
    objects: Vec<Vec<Object>>,
    pub(crate) resolved: Resolved,
    /// What the master has read of the files that options name.
    pub(crate) keyfiles: KeyFiles,
    /// What the pool has to tell of certificates; see [`super::notes::rows`].
    pub(crate) notes: Vec<String>,
    /// Live.
    pub(crate) debug: Flags,
    reloads: u64,
}

/// More objects of a kind than this are refused: their rows are shared memory.
pub(crate) const MOST_OBJECTS: usize = 4096;

impl Config {
    /// Defaults and no objects.
    pub(crate) fn new(tables: &'static Tables) -> Config {
        Config {
            tables,
            vars: Vars::new([COMMON, tables.vars]),
            objects: tables.kinds.iter().map(|_| Vec::new()).collect(),
            resolved: Resolved::new(),
            keyfiles: KeyFiles::default(),
            notes: Vec::new(),
            debug: Flags::default(),
            reloads: 0,
        }
    }

    /// Defaults and no objects, for a daemon that was started as this one was.
    pub(crate) fn anew(&self) -> Config {
        let mut fresh = Config::new(self.tables);
        fresh.vars.keep_read(&self.vars);
        let limit = self.vars.number(SESSIONLIMIT);
        if fresh.vars.number(MAXSESSION) > limit {
            fresh.vars.put(MAXSESSION, limit.to_string());
        }
        fresh.reloads = self.reloads + 1;
        fresh
    }

    /// The objects of kind number `kind`, in order.
    pub(crate) fn objects(&self, kind: usize) -> &[Object] {
        &self.objects[kind]
    }

    /// All objects with the number of their kind.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = (usize, &mut Object)> {
        let kinds = self.objects.iter_mut().enumerate();
        kinds.flat_map(|(kind, list)| list.iter_mut().map(move |object| (kind, object)))
    }

    /// All objects with the number of their kind.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, &Object)> {
        let kinds = self.objects.iter().enumerate();
        kinds.flat_map(|(kind, list)| list.iter().map(move |object| (kind, object)))
    }

    /// The object called `id`.
    pub(crate) fn find(&self, kind: usize, id: &str) -> Option<&Object> {
        self.objects[kind].iter().find(|o| o.id == id)
    }

    /// The same.
    ///
    /// # Errors
    /// There is none of this id.
    pub(crate) fn get(&self, kind: usize, id: &str) -> Result<&Object, String> {
        self.place(kind, id).map(|place| &self.objects[kind][place])
    }

    fn place(&self, kind: usize, id: &str) -> Result<usize, String> {
        let list = &self.objects[kind];
        list.iter().position(|o| o.id == id).ok_or_else(|| {
            let name = self.tables.kinds[kind].name;
            let ids: Vec<_> = list.iter().take(20).map(|o| o.id.as_str()).collect();
            format!(
                "there is no {name} {}; there are: {}",
                quote(id),
                ids.join(" ")
            )
        })
    }

    /// Adds an object; `words` begin with its id.
    ///
    /// # Errors
    /// The id is taken, there are too many, or an option is wrong.
    pub(crate) fn add(
        &mut self,
        kind: usize,
        words: &[String],
        keys: &[(String, String)],
    ) -> Result<(), String> {
        let row = &self.tables.kinds[kind];
        let (id, words) = words.split_first().ok_or("an id is missing")?;
        if self.find(kind, id).is_some() {
            return Err(format!("{} {} exists already", row.name, quote(id)));
        }
        if self.objects[kind].len() >= MOST_OBJECTS {
            return Err(format!("there are {MOST_OBJECTS} {}s already", row.name));
        }
        let mut object = Object {
            id: id.clone(),
            words: words.to_vec(),
            lines: Rc::default(),
            keys: Vars::new([row.keys, &[]]),
            state: 0,
            row: NO_ROW,
            loaded: 0,
        };
        for (key, value) in keys {
            object.keys.set(key, value)?;
        }
        self.objects[kind].push(object);
        Ok(())
    }

    /// Changes options of an object.
    ///
    /// # Errors
    /// No such object or a wrong option; then some may have been changed, so
    /// the caller throws the candidate away.
    pub(crate) fn change(
        &mut self,
        kind: usize,
        id: &str,
        keys: &[(String, String)],
    ) -> Result<(), String> {
        let place = self.place(kind, id)?;
        keys.iter()
            .try_for_each(|(key, value)| self.objects[kind][place].keys.set(key, value))
    }

    /// Takes an object out.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn delete(&mut self, kind: usize, id: &str) -> Result<(), String> {
        let place = self.place(kind, id)?;
        self.objects[kind].remove(place);
        Ok(())
    }

    /// Switches an object, or `all` of its kind, to a state.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn switch(&mut self, kind: usize, state: &str, id: &str) -> Result<(), String> {
        let states = self.tables.kinds[kind].states;
        let state = states.iter().position(|s| *s == state).unwrap_or(0);
        if id == "all" && self.find(kind, id).is_none() {
            self.objects[kind].iter_mut().for_each(|o| o.state = state);
            return Ok(());
        }
        let place = self.place(kind, id)?;
        self.objects[kind][place].state = state;
        Ok(())
    }

    /// Brings the objects of a kind into an order; it must name all of them.
    ///
    /// # Errors
    /// Which name is wrong or missing.
    pub(crate) fn order(&mut self, kind: usize, ids: &[String]) -> Result<(), String> {
        let mut places = Vec::new();
        for id in ids {
            let place = self.place(kind, id)?;
            if places.contains(&place) {
                return Err(format!("{} stands there twice", quote(id)));
            }
            places.push(place);
        }
        if let Some(left) = (0..self.objects[kind].len()).find(|p| !places.contains(p)) {
            return Err(format!(
                "{} is missing in the order",
                quote(&self.objects[kind][left].id)
            ));
        }
        self.objects[kind] = places
            .iter()
            .map(|&p| self.objects[kind][p].clone())
            .collect();
        Ok(())
    }

    /// Marks one object, or all of a kind, to be loaded anew.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn reload(&mut self, kind: usize, id: Option<&str>) -> Result<(), String> {
        let only = id.map(|id| self.place(kind, id)).transpose()?;
        for (place, object) in self.objects[kind].iter_mut().enumerate() {
            if only.is_none_or(|p| p == place) {
                object.loaded = 0;
            }
        }
        self.reloads += 1;
        Ok(())
    }

    /// Everything is to be loaded anew, and names are resolved anew.
    pub(crate) fn reload_all(&mut self) {
        self.reload_files();
        self.resolved.clear();
    }

    /// Everything is to be loaded anew, since files were replaced.
    pub(crate) fn reload_files(&mut self) {
        self.reloads += 1;
        self.all_mut().for_each(|(_, object)| object.loaded = 0);
    }

    /// `generation` loads what is to be loaded anew.
    pub(crate) fn loaded_by(&mut self, generation: u64) {
        let fresh = self.all_mut().filter(|(_, object)| object.loaded == 0);
        fresh.for_each(|(_, object)| object.loaded = generation);
    }

    /// Can `other` take this one's place without a new generation?
    pub(crate) fn same_but_live(&self, other: &Config) -> bool {
        self.reloads == other.reloads
            && self.vars.same_but_live(&other.vars)
            && self.objects.iter().zip(&other.objects).all(|(a, b)| {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_but_live(b))
            })
    }

    /// The control words that rebuild this configuration from nothing.
    pub(crate) fn print(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .vars
            .changed()
            .map(|(name, value)| format!("set {name} {}", quote(value)))
            .collect();
        lines.extend(self.debug.print());
        for (kind, object) in self.all() {
            let row = &self.tables.kinds[kind];
            let verb = if row.file.is_some() { "load" } else { "add" };
            let mut line = format!("{} {verb} {}", row.name, object.id);
            object
                .words
                .iter()
                .for_each(|word| line.push_str(&format!(" {}", quote(word))));
            for (key, value) in object.keys.changed() {
                let option = quote(&format!("{key}={value}"));
                if line.len() + option.len() + 2 > LONGEST {
                    let next = format!("{} change {}", row.name, object.id);
                    lines.push(std::mem::replace(&mut line, next));
                }
                line.push_str(&format!(" {option}"));
            }
            lines.push(line);
            if object.state > 0 {
                lines.push(format!(
                    "{} {} {}",
                    row.name, row.states[object.state], object.id
                ));
            }
        }
        lines
    }

    /// Every `HOST:PORT` that stands in a hole or an option.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        let option =
            |(var, text): &(&Var, &str)| matches!(var.kind, vars::Kind::Host) && !text.is_empty();
        self.all().flat_map(move |(kind, object)| {
            let hole = self.tables.kinds[kind]
                .holes
                .starts_with("HOST:PORT")
                .then(|| object.words[0].as_str());
            hole.into_iter()
                .chain(object.keys.iter().filter(option).map(|(_, text)| text))
        })
    }

    /// Every file that only the master may read, with what names it.
    pub(crate) fn key_files(&self) -> impl Iterator<Item = (String, &str)> {
        self.files_in_keys(vars::Kind::key_files)
    }

    /// Those of them that name more such files, a pair a line.
    pub(crate) fn key_lists(&self) -> impl Iterator<Item = (String, &str)> {
        self.files_in_keys(vars::Kind::key_lists)
    }

    fn files_in_keys<'c>(
        &'c self,
        files: fn(&vars::Kind, &'c str) -> Vec<&'c str>,
    ) -> impl Iterator<Item = (String, &'c str)> {
        self.all().flat_map(move |(kind, object)| {
            let whose = move |key| format!("{} {}: {key}", self.tables.kinds[kind].name, object.id);
            object.keys.iter().flat_map(move |(var, text)| {
                let files = files(&var.kind, text).into_iter();
                files.map(move |file| (whose(var.name), file))
            })
        })
    }

    /// The addresses of a `HOST:PORT`; none if it could not be resolved.
    pub(crate) fn addresses(&self, host: &str) -> &[SocketAddr] {
        self.resolved.get(host).map_or(&[], Vec::as_slice)
    }

    /// What a listener of this configuration is for: kind and place of each
    /// object that listens, with its address.
    pub(crate) fn doors(&self) -> impl Iterator<Item = (usize, &Object, Proto, SocketAddr)> {
        self.all().filter_map(|(kind, object)| {
            let proto = self.tables.kinds[kind].listens?;
            Some((kind, object, proto, object.words.first()?.parse().ok()?))
        })
    }
}

#[cfg(test)]
mod tests;

//! A configuration: variables, and objects such as virtual servers. It is
//! data, described by tables; the kit adds, changes, lists and prints it
//! without knowing what it means.

mod files;
mod object;
mod print;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::base::debug::Flags;
use crate::base::vars::{self, Var, Vars};
use crate::base::words::{LONGEST, quote};
use crate::daemon::keyfiles::KeyFiles;
use crate::daemon::service::Tables;
use crate::daemon::vars::{COMMON, MAXSESSION, SESSIONLIMIT};
use crate::net::listen::Proto;

pub(crate) use object::{Kind, NO_ROW, Object, Source};

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
        // In another form than they were written in they may be longer.
        let length = object.begin(row).len();
        if length > LONGEST - 2 {
            return Err(format!(
                "with all quotes the line would have {length} octets, and it has at most {}",
                LONGEST - 2
            ));
        }
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

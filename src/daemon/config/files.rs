//! Objects that are files. The master reads them when it is told to load
//! them, and what they held then holds until they are loaded again: a pool
//! that takes the place of a dead one needs no disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use super::{Config, Source};

/// Longest file, in octets.
const LONGEST: u64 = 64 << 10;

/// Errors of one file that are told; more help nobody.
const MOST_ERRORS: usize = 8;

impl Config {
    /// Reads the file called `id`, which becomes an object if it is none.
    ///
    /// # Errors
    /// Every line that is wrong, with the name of the file; then nothing has
    /// changed.
    pub(crate) fn load(&mut self, kind: usize, id: &str) -> Result<(), String> {
        let lines = self.read(kind, id)?;
        if self.find(kind, id).is_none() {
            self.add(kind, &[id.to_string()], &[])?;
        }
        let place = self.place(kind, id)?;
        self.objects[kind][place].lines = lines;
        Ok(())
    }

    /// Reads all files anew.
    ///
    /// # Errors
    /// As [`Self::load`], of the first file that is wrong; the caller throws
    /// the candidate away.
    pub(crate) fn load_again(&mut self) -> Result<(), String> {
        for kind in 0..self.tables.kinds.len() {
            if self.tables.kinds[kind].file.is_none() {
                continue;
            }
            for place in 0..self.objects[kind].len() {
                let lines = self.read(kind, &self.objects[kind][place].id)?;
                self.objects[kind][place].lines = lines;
            }
        }
        Ok(())
    }

    fn read(&self, kind: usize, id: &str) -> Result<Rc<[String]>, String> {
        let row = &self.tables.kinds[kind];
        let source = row.file.as_ref().ok_or("it is not made of a file")?;
        read(&Path::new(self.vars.text(source.dir)).join(id), source)
    }
}

fn read(path: &Path, source: &Source) -> Result<Rc<[String]>, String> {
    let name = path.display();
    let text = read_bounded(path).map_err(|why| format!("{name}: {why}"))?;
    let wrong = match (source.parse)(&text) {
        Ok(lines) => return Ok(lines.into()),
        Err(wrong) => wrong,
    };
    let told = wrong.iter().take(MOST_ERRORS);
    let mut errors: Vec<_> = told
        .map(|(line, why)| format!("{name}:{line}: {why}"))
        .collect();
    if wrong.len() > MOST_ERRORS {
        errors.push("and more".into());
    }
    Err(errors.join("; "))
}

/// All of a file. What is no regular file might never be read to its end, and
/// opening it might wait.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(std::io::Error::other("it is longer than 64 kB")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::vars::vars;
    use crate::daemon::config::Kind;
    use crate::daemon::config::object::Parsed;
    use crate::daemon::service::Tables;
    use crate::daemon::vars::COUNT;
    use crate::sys::scratch::Scratch;
    use std::fs::write;

    vars! { VARS from COUNT; PLACE "place" Fixed Dir, "", "where they are"; }

    fn parse(text: &[u8]) -> Parsed {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().enumerate();
        let wrong = lines.filter(|(_, line)| line.starts_with('!'));
        let wrong: Vec<_> = wrong.map(|(n, _)| (n + 1, "a mark")).collect();
        match wrong.is_empty() {
            true => Ok(text.lines().map(String::from).collect()),
            false => Err(wrong),
        }
    }

    static KINDS: &[Kind] = &[Kind {
        name: "book",
        holes: "",
        keys: &[],
        states: &[],
        listens: None,
        ordered: false,
        reloads: false,
        file: Some(Source { dir: PLACE, parse }),
        counters: &[],
        mark: None,
        help: "",
    }];
    static TABLES: Tables = Tables {
        vars: VARS,
        kinds: KINDS,
        ..Tables::bare("test")
    };

    fn rig(title: &str) -> (Scratch, Config) {
        let scratch = Scratch::new(title);
        let mut config = Config::new(&TABLES);
        config.vars.put(PLACE, scratch.path().display().to_string());
        (scratch, config)
    }

    #[test]
    fn a_file_is_what_it_was_until_it_is_loaded_again() {
        let (scratch, mut config) = rig("files");
        let path = scratch.path().join("a");
        write(&path, "one\ntwo\n").unwrap();
        config.load(0, "a").unwrap();
        let old = config.clone();
        write(&path, "three\n").unwrap();
        assert_eq!(config.find(0, "a").unwrap().lines[..], ["one", "two"]);
        config.load(0, "a").unwrap();
        assert_eq!(config.find(0, "a").unwrap().lines[..], ["three"]);
        assert!(!old.same_but_live(&config) && config.objects(0).len() == 1);
        write(&path, "four\n").unwrap();
        config.load_again().unwrap();
        assert_eq!(config.find(0, "a").unwrap().lines[..], ["four"]);
        assert_eq!(config.print().last().unwrap(), "book load a");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
        let (scratch, mut config) = rig("files-wrong");
        let path = scratch.path().join("a");
        write(&path, "one\n").unwrap();
        config.load(0, "a").unwrap();
        write(&path, "one\n!\n!\n").unwrap();
        let name = path.display();
        let why = format!("{name}:2: a mark; {name}:3: a mark");
        assert_eq!(config.load(0, "a"), Err(why.clone()));
        assert_eq!(config.load_again(), Err(why));
        assert_eq!(config.find(0, "a").unwrap().lines[..], ["one"]);
        write(&path, "!\n".repeat(99)).unwrap();
        assert!(config.load(0, "a").unwrap_err().ends_with("; and more"));
        write(&path, vec![b'a'; 65 << 10]).unwrap();
        assert!(config.load(0, "a").unwrap_err().ends_with("64 kB"));
        for (id, why) in [("..", "no regular file"), ("b", "No such file")] {
            assert!(config.load(0, id).unwrap_err().contains(why), "{id}");
        }
        assert_eq!(config.objects(0).len(), 1);
    }
}

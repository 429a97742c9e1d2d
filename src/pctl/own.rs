//! Words of pctl's own, which are about a configuration as a whole: it is
//! compared with a file, taken from one, or written into one. The daemon
//! reads the file, line by line, as a batch that begins with nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::changes::changes;
use super::input::Lines;
use super::keep;
use super::run::{heeded, own, sendable};
use super::tell::Teller;
use crate::base::words::split_text;
use crate::daemon::link::{Link, Reply};

/// What one of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Check,
    Diff,
    Load,
    Save,
}

/// All of them; each takes the name of a file, which is else the start file.
#[rustfmt::skip]
static WORDS: &[(&str, Act)] = &[
    ("check", Act::Check),
    ("diff",  Act::Diff),
    ("load",  Act::Load),
    ("save",  Act::Save),
];

/// Longest file, in octets, and errors that are told of it: as at the start of a daemon.
const LONGEST: u64 = 16 << 20;
const MOST_ERRORS: usize = 50;

/// One of these words, and the file it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Own {
    act: Act,
    file: Option<String>,
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(name, _)| *name)
}

/// The word that is given by `line`, or `None` if it is one for the daemon.
///
/// # Errors
/// What is wrong with it.
pub(super) fn find(line: &str) -> Result<Option<Own>, String> {
    let words = split_text(line).unwrap_or_default();
    let Some((first, rest)) = words.split_first() else {
        return Ok(None);
    };
    let Some((_, act)) = WORDS.iter().find(|(name, _)| name == first) else {
        return Ok(None);
    };
    match rest {
        [] => Ok(Some(Own {
            act: *act,
            file: None,
        })),
        [file] => Ok(Some(Own {
            act: *act,
            file: Some(file.clone()),
        })),
        _ => Err(format!("{first} takes one file")),
    }
}

impl Own {
    /// Does it; with `check` it changes nothing. True if nothing was refused
    /// and, for `diff`, nothing would change.
    ///
    /// # Errors
    /// A file cannot be read or written, or the connection is lost.
    pub(super) fn run(
        &self,
        link: &mut Link,
        teller: &mut Teller<'_>,
        check: bool,
    ) -> Result<bool, String> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => start_file(link)?,
        };
        match self.act {
            Act::Save if check => Err("save cannot be checked".into()),
            Act::Save => save(link, teller, &file),
            Act::Load if check => compare(link, teller, &file, false),
            Act::Load => load(link, teller, &file),
            Act::Check => compare(link, teller, &file, false),
            Act::Diff => compare(link, teller, &file, true),
        }
    }
}

/// The file that the daemon was started with.
fn start_file(link: &mut Link) -> Result<String, String> {
    let mut value = None;
    let reply = link.ask("show startfile", &mut |row| {
        let words = split_text(row).unwrap_or_default();
        let mut words = words.iter();
        value = words.find_map(|word| word.strip_prefix("value=").map(String::from));
    })?;
    match (reply, value) {
        (Reply::Err(why), _) => Err(why),
        (_, Some(file)) if !file.is_empty() => Ok(file),
        _ => Err("the daemon was started without a start file: name one".into()),
    }
}

/// The lines of a list.
fn lines(link: &mut Link, word: &str) -> Result<Result<Vec<String>, String>, String> {
    let mut lines = Vec::new();
    match link.ask(word, &mut |row| lines.push(row.into()))? {
        Reply::Err(why) => Ok(Err(why)),
        _ => Ok(Ok(lines)),
    }
}

/// What is wrong with a file: number of the line, or 0, and why.
type Wrong = Vec<(usize, String)>;

/// Begins a batch with what the file says and nothing else. Gives back what
/// `config` would print if it held.
fn candidate(link: &mut Link, file: &str) -> Result<Result<Vec<String>, Wrong>, String> {
    let source = File::open(file).map_err(|why| format!("{file}: {why}"))?;
    if let Reply::Err(why) = link.ask("begin anew", &mut |_| ())? {
        return Ok(Err(vec![(0, why)]));
    }
    let mut wrong = Wrong::new();
    let mut source = source.take(LONGEST + 1);
    let mut text = Lines::new(&mut source);
    loop {
        let line = match text.next() {
            Ok(None) => break,
            Ok(Some(line)) => line,
            Err(why) => {
                wrong.push((text.number, why));
                break;
            }
        };
        let noted = match line.and_then(|line| sendable(line, true)) {
            Ok(None) => continue,
            Ok(Some(line)) => match link.ask(&line, &mut |_| ())? {
                Reply::Err(why) => Err(why),
                Reply::Ok(text) if text == "noted" => Ok(()),
                _ => Err("this does not belong into a start file".into()),
            },
            Err(why) => Err(why),
        };
        if let Err(why) = noted {
            wrong.push((text.number, why));
        }
        if wrong.len() >= MOST_ERRORS {
            break;
        }
    }
    if source.limit() == 0 {
        // What was read may look like a whole file.
        wrong.push((0, "the file is too large".into()));
    }
    match wrong.is_empty() {
        true => Ok(lines(link, "config")?.map_err(|why| vec![(0, why)])),
        false => Ok(Err(wrong)),
    }
}

fn tell_wrong(teller: &mut Teller<'_>, file: &str, wrong: &Wrong) {
    for (line, why) in wrong {
        teller.refused(Some((file, *line)), why);
    }
}

/// `check` and `diff`.
fn compare(
    link: &mut Link,
    teller: &mut Teller<'_>,
    file: &str,
    differences: bool,
) -> Result<bool, String> {
    let found = candidate(link, file)?;
    let mut fine = own("abort", link, teller, Some((file, 0)))?;
    match found {
        Err(wrong) => {
            tell_wrong(teller, file, &wrong);
            fine = false;
        }
        Ok(_) if !differences => teller.fine("no word is wrong"),
        Ok(new) => match lines(link, "config")? {
            Err(why) => fine = heeded(Err(why), teller, None),
            Ok(old) => {
                let changes = changes(&old, &new);
                teller.rows(&changes);
                fine &= changes.is_empty();
            }
        },
    }
    Ok(fine)
}

fn load(link: &mut Link, teller: &mut Teller<'_>, file: &str) -> Result<bool, String> {
    match candidate(link, file)? {
        Ok(_) => Ok(heeded(teller.ask(link, "commit")?, teller, Some((file, 0)))),
        Err(wrong) => {
            tell_wrong(teller, file, &wrong);
            own("abort", link, teller, Some((file, 0)))?;
            Ok(false)
        }
    }
}

fn save(link: &mut Link, teller: &mut Teller<'_>, file: &str) -> Result<bool, String> {
    let words = match lines(link, "config")? {
        Ok(words) => words,
        Err(why) => return Ok(heeded(Err(why), teller, None)),
    };
    if Path::new(file).exists() {
        let said = candidate(link, file)?;
        if !own("abort", link, teller, None)? {
            return Ok(false);
        }
        if said.as_ref() == Ok(&words) {
            teller.fine(&format!("{file} says the same and is left as it is"));
            return Ok(true);
        }
    }
    let mut text = String::from("# Written by pctl save.\n");
    words.iter().for_each(|line| text.extend([line, "\n"]));
    let old = keep::replace(Path::new(file), text.as_bytes())?;
    teller.fine(&match old {
        None => format!("{file} is written"),
        Some(old) => format!(
            "{file} is written; what it was, with its comments, is {}",
            old.display()
        ),
    });
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pctl::tell::tests::{Told, told};
    use crate::sys::scratch::Scratch;

    const HI: &str = "+OK x ready\n";
    const OK: &str = "+OK a batch begins\n";
    const NOTED: &str = "+OK noted\n";
    const GONE: &str = "+OK the batch is forgotten\n";

    fn act(says: &'static [&'static str], line: &str) -> Told {
        let own = find(line).unwrap().unwrap();
        told(says, "", |link, teller| own.run(link, teller, false))
    }

    #[test]
    fn every_wrong_line_of_a_file_is_told() {
        let dir = Scratch::new("pctl-check");
        let file = dir.path().join("x.rc").display().to_string();
        std::fs::write(&file, "set a b\nsat\n# c\nversion\ncommit\n").unwrap();
        let says = &[HI, OK, NOTED, "-ERR wrong\n", "+OK x 2\n", GONE];
        let told = act(says, &format!("check {file}"));
        assert_eq!(told.result, Ok(false));
        assert_eq!(
            told.heard,
            ["begin anew", "set a b", "sat", "version", "abort"]
        );
        assert_eq!(told.err[0], format!("{file}:2: wrong"));
        assert!(
            told.err[1].contains(":4: this does not belong"),
            "{:?}",
            told.err
        );
        assert!(
            told.err[2].contains(":5: commit has no place"),
            "{:?}",
            told.err
        );
    }

    #[test]
    fn what_would_change_is_told_and_not_done() {
        let dir = Scratch::new("pctl-diff");
        let file = dir.path().join("x.rc").display().to_string();
        std::fs::write(&file, "set a c\n").unwrap();
        let row: &'static str =
            Box::leak(format!("+OK 1 lines:\nname=startfile value={file}\n.\n").into_boxed_str());
        let says: &'static [&'static str] = Box::leak(Box::new([
            HI,
            row,
            OK,
            NOTED,
            "+OK 1 lines:\nset a c\n.\n",
            GONE,
            "+OK 1 lines:\nset a b\n.\n",
        ]));
        let told = act(says, "diff");
        assert_eq!(told.result, Ok(false));
        assert_eq!(told.out, ["- set a b", "+ set a c"]);
        assert_eq!(told.heard.last().unwrap(), "config");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_taken_for_its_beginning() {
        let dir = Scratch::new("pctl-large");
        let file = dir.path().join("x.rc").display().to_string();
        let text = "set a b\n".to_string() + &"\n".repeat(LONGEST as usize);
        std::fs::write(&file, text + "set c d\n").unwrap();
        let says = &[HI, OK, NOTED, GONE];
        let told = act(says, &format!("load {file}"));
        assert_eq!(told.result, Ok(false));
        assert_eq!(told.heard, ["begin anew", "set a b", "abort"]);
        assert_eq!(told.err, [format!("{file}: the file is too large")]);
    }

    #[test]
    fn a_file_that_says_the_same_keeps_its_comments() {
        let dir = Scratch::new("pctl-save");
        let file = dir.path().join("x.rc").display().to_string();
        std::fs::write(&file, "# why\nset a b\n").unwrap();
        let list = "+OK 1 lines:\nset a b\n.\n";
        let says: &'static [&'static str] = Box::leak(Box::new([HI, list, OK, NOTED, list, GONE]));
        let told = act(says, &format!("save {file}"));
        assert_eq!(told.result, Ok(true));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# why\nset a b\n");
    }

    #[test]
    fn other_words_are_for_the_daemon() {
        assert_eq!(find("server list"), Ok(None));
        assert_eq!(find("# save"), Ok(None));
        assert!(find("save a b").is_err());
        assert!(find("load").unwrap().is_some());
    }
}

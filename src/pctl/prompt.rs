//! The dialogue at a terminal: lines that are edited, remembered and
//! completed.

use super::complete::{Grammar, common, last_word};
use super::edit::{Editor, Event};
use super::own;
use crate::base::words::split_text;
use crate::daemon::link::Link;
use crate::sys::term::{Keys, columns, show};

/// What we ask with.
const PROMPT: &str = "pctl> ";
/// More words than this are not shown.
const MOST_SHOWN: usize = 200;

/// A person at a terminal.
pub(super) struct Person {
    editor: Editor,
    grammar: Grammar,
    /// Keys that were read and not yet looked at.
    keys: Vec<u8>,
}

impl Person {
    /// Whoever sits at standard input, if that is a terminal that can do
    /// more than lines.
    pub(super) fn greet(link: &mut Link) -> Option<Person> {
        let dumb = |term: String| term.is_empty() || term == "dumb";
        if std::env::var("TERM").map_or(true, dumb) {
            return None;
        }
        drop(Keys::take().ok()?);
        let mut rows = Vec::new();
        // A daemon that is older does not know that word.
        let _ = link.ask("words", &mut |row| rows.push(row.to_string()));
        Some(Person {
            editor: Editor::default(),
            grammar: Grammar::of(&rows, own::names()),
            keys: Vec::new(),
        })
    }

    /// The next line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn line(&mut self, link: &mut Link) -> Result<Option<String>, String> {
        let gone = |why: std::io::Error| format!("terminal: {why}");
        let mut terminal = Keys::take().map_err(gone)?;
        loop {
            self.draw("").map_err(gone)?;
            match self.event(&mut terminal).map_err(gone)? {
                Event::Line(line) => {
                    if !self.grammar.is_secret(&line) {
                        self.editor.remember(&line);
                    }
                    show("\r\n").map_err(gone)?;
                    return Ok(Some(line));
                }
                Event::End => {
                    show("\r\n").map_err(gone)?;
                    return Ok(None);
                }
                Event::Dropped => show("^C\r\n").map_err(gone)?,
                Event::Clear => show("\x1b[H\x1b[2J").map_err(gone)?,
                Event::Suspend => terminal = terminal.suspend().map_err(gone)?,
                Event::Complete => self.complete(link).map_err(gone)?,
                Event::Changed | Event::More => {}
            }
        }
    }

    fn draw(&self, before: &str) -> std::io::Result<()> {
        show(&format!("{before}{}", self.editor.show(PROMPT, columns())))
    }

    /// Waits for something to do.
    fn event(&mut self, terminal: &mut Keys) -> std::io::Result<Event> {
        loop {
            while !self.keys.is_empty() {
                let event = self.editor.key(self.keys.remove(0));
                if event != Event::More && (event != Event::Changed || self.keys.is_empty()) {
                    return Ok(event);
                }
            }
            let mut room = [0; 256];
            match terminal.read(&mut room)? {
                0 => return Ok(Event::End),
                count => self.keys.extend(&room[..count]),
            }
            room.fill(0);
        }
    }

    /// Puts in what can only follow, or shows what could.
    fn complete(&mut self, link: &mut Link) -> std::io::Result<()> {
        let line = self.editor.before();
        let mut names = |list: &str, key: &str| names(link, list, key);
        let found = self.grammar.candidates(&line, &mut names);
        let start = last_word(&line);
        let common = common(&found);
        match found.as_slice() {
            [] => show("\x07"),
            [word] => {
                let end = if word.ends_with('=') { "" } else { " " };
                self.editor
                    .insert(&format!("{}{end}", &word[start.len()..]));
                Ok(())
            }
            _ if common.len() > start.len() => {
                self.editor.insert(&common[start.len()..]);
                Ok(())
            }
            _ => {
                let more = if found.len() > MOST_SHOWN { " ..." } else { "" };
                let words = &found[..found.len().min(MOST_SHOWN)];
                self.draw(&format!("\r\n{}{more}\r\n", words.join("  ")))
            }
        }
    }
}

/// The values of `key` in the rows of a list.
fn names(link: &mut Link, list: &str, key: &str) -> Vec<String> {
    let key = format!("{key}=");
    let mut found = Vec::new();
    let _ = link.ask(list, &mut |row| {
        let words = split_text(row).unwrap_or_default();
        let name = words.iter().find_map(|word| word.strip_prefix(&key));
        found.extend(name.map(String::from));
    });
    found
}

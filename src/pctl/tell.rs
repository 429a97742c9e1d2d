//! What the user is told: plain lines, nothing but errors, or JSON.

use super::json;
use crate::base::json::row as as_json;
use crate::daemon::link::{Link, Reply};

/// How answers are told.
pub(super) struct Teller<'a> {
    /// Errors only.
    pub(super) quiet: bool,
    pub(super) json: bool,
    /// Takes a line for standard output.
    pub(super) out: &'a mut dyn FnMut(&str),
    /// Takes a line for standard error.
    pub(super) err: &'a mut dyn FnMut(&str),
}

impl Teller<'_> {
    /// Sends a line and tells what is answered, unless that is a refusal,
    /// which is handed back.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn ask(
        &mut self,
        link: &mut Link,
        line: &str,
    ) -> Result<Result<(), String>, String> {
        let reply = self.list(link, line)?;
        Ok(reply.map(|text| {
            if let Some(text) = text {
                self.fine(&text);
            }
        }))
    }

    /// The same, but an answer of one line is not told.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn note(
        &mut self,
        link: &mut Link,
        line: &str,
    ) -> Result<Result<(), String>, String> {
        let reply = self.list(link, line)?;
        Ok(reply.map(|_| ()))
    }

    /// Sends a line and tells the answer if it is a list; gives back the
    /// text if it is none.
    fn list(
        &mut self,
        link: &mut Link,
        line: &str,
    ) -> Result<Result<Option<String>, String>, String> {
        let mut rows = 0;
        let reply = link.ask(line, &mut |row| {
            rows += 1;
            self.row(row, rows == 1);
        })?;
        Ok(match reply {
            Reply::Ok(text) => Ok(Some(text)),
            Reply::Err(why) => Err(why),
            Reply::List => {
                if self.json {
                    self.say(if rows == 0 { "[]" } else { "]" });
                }
                Ok(None)
            }
        })
    }

    /// Tells that all is well.
    pub(super) fn fine(&mut self, text: &str) {
        match self.json {
            true => self.say(&json::ok(text)),
            false if text.is_empty() => {}
            false => self.say(text),
        }
    }

    /// Tells lines of our own.
    pub(super) fn rows(&mut self, lines: &[String]) {
        for (n, line) in lines.iter().enumerate() {
            self.row(line, n == 0);
        }
        if self.json {
            self.say(if lines.is_empty() { "[]" } else { "]" });
        }
    }

    /// One line of a list, told as it comes: a list may be long.
    fn row(&mut self, row: &str, first: bool) {
        match self.json {
            true => self.say(&format!(
                "{}{}",
                if first { '[' } else { ',' },
                as_json(row)
            )),
            false => self.say(row),
        }
    }

    fn say(&mut self, line: &str) {
        if !self.quiet {
            (self.out)(line);
        }
    }

    /// Tells of a refusal; line 0 stands for the file as a whole.
    pub(super) fn refused(&mut self, place: Option<(&str, usize)>, why: &str) {
        match place {
            _ if self.json => (self.out)(&json::error(place, why)),
            None => (self.err)(&format!("pctl: {why}")),
            Some((file, 0)) => (self.err)(&format!("{file}: {why}")),
            Some((file, line)) => (self.err)(&format!("{file}:{line}: {why}")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::daemon::link::tests::fake;
    use std::time::Duration;

    /// What a conversation with [`fake`] came to.
    pub(in crate::pctl) struct Told {
        pub(in crate::pctl) result: Result<bool, String>,
        pub(in crate::pctl) out: Vec<String>,
        pub(in crate::pctl) err: Vec<String>,
        pub(in crate::pctl) heard: Vec<String>,
    }

    /// Holds a conversation with a daemon that says these things.
    pub(in crate::pctl) fn told(
        says: &'static [&'static str],
        flags: &str,
        act: impl FnOnce(&mut Link, &mut Teller<'_>) -> Result<bool, String>,
    ) -> Told {
        let (path, daemon) = fake(says);
        let mut link = Link::open(&path, Duration::from_secs(10)).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut teller = Teller {
            quiet: flags.contains('q'),
            json: flags.contains('j'),
            out: &mut |line| out.push(line.to_string()),
            err: &mut |line| err.push(line.to_string()),
        };
        let result = act(&mut link, &mut teller);
        drop(link);
        std::fs::remove_file(path).unwrap();
        Told {
            result,
            out,
            err,
            heard: daemon.join().unwrap(),
        }
    }

    const SAYS: &[&str] = &[
        "+OK pserv 2.0.0 ready\n",
        "+OK done\n",
        "+OK 2 lines:\nid=a n=1\nset user b\n.\n",
        "+OK 0 lines:\n.\n",
        "-ERR wrong\n",
    ];

    fn all(flags: &str) -> Told {
        told(SAYS, flags, |link, teller| {
            for line in ["set", "show", "server list", "x"] {
                if let Err(why) = teller.ask(link, line)? {
                    teller.refused(None, &why);
                }
            }
            Ok(true)
        })
    }

    #[test]
    fn answers_are_told_as_they_are() {
        let told = all("");
        assert_eq!(told.out, ["done", "id=a n=1", "set user b"]);
        assert_eq!(told.err, ["pctl: wrong"]);
    }

    #[test]
    fn quiet_tells_errors_only() {
        let told = all("q");
        assert_eq!(told.out, [""; 0]);
        assert_eq!(told.err, ["pctl: wrong"]);
        assert_eq!(all("qj").out, [r#"{"ok":false,"error":"wrong"}"#]);
    }

    #[test]
    fn json_is_whole_values() {
        let told = all("j");
        let wanted = [
            r#"{"ok":true,"text":"done"}"#,
            r#"[{"id":"a","n":1}"#,
            r#","set user b""#,
            "]",
            "[]",
            r#"{"ok":false,"error":"wrong"}"#,
        ];
        assert_eq!(told.out, wanted);
        assert_eq!(told.err, [""; 0]);
    }
}

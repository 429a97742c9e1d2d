//! The three ways to give words: as arguments, in a file, at a prompt.
//!
//! Results say whether no word was refused. Errors are sentences; after one
//! the connection is of no use, and what was begun on it is forgotten.

use std::cell::Cell;
use std::fs::File;
use std::io::{IsTerminal, Read, stdin, stdout};

use super::input::{Lines, first_word};
use super::own;
use super::prompt::Person;
use super::tell::Teller;
use crate::base::out;
use crate::daemon::link::{Link, Reply};

/// Where a word stands, for messages: a file, and a line in it or 0.
type Place<'a> = Option<(&'a str, usize)>;

/// How standard input is called.
const STDIN: &str = "standard input";

/// One line. With `check` it stands in a batch that is not committed.
pub(super) fn line(
    link: &mut Link,
    teller: &mut Teller<'_>,
    line: &str,
    check: bool,
) -> Result<bool, String> {
    match own::find(line) {
        Ok(None) => {}
        Ok(Some(word)) => return word.run(link, teller, check),
        Err(why) => return Ok(heeded(Err(why), teller, None)),
    }
    let line = match sendable(line.into(), check) {
        Ok(line) => line.unwrap_or_default(),
        Err(why) => return Ok(heeded(Err(why), teller, None)),
    };
    if check && !own("begin", link, teller, None)? {
        return Ok(false);
    }
    let fine = heeded(teller.ask(link, &line)?, teller, None);
    Ok(fine & (!check || own("abort", link, teller, None)?))
}

/// A file, or standard input if it is called `-`.
pub(super) fn file(
    link: &mut Link,
    teller: &mut Teller<'_>,
    name: &str,
    check: bool,
) -> Result<bool, String> {
    if name == "-" {
        return batch(link, teller, STDIN, stdin(), check);
    }
    let file = File::open(name).map_err(|why| format!("{name}: {why}"))?;
    batch(link, teller, name, file, check)
}

/// All words of a source as one batch: all of them hold or none does. With
/// `check` none does in any case.
fn batch(
    link: &mut Link,
    teller: &mut Teller<'_>,
    name: &str,
    source: impl Read,
    check: bool,
) -> Result<bool, String> {
    if !own("begin", link, teller, Some((name, 0)))? {
        return Ok(false);
    }
    let mut lines = Lines::new(source);
    while let Some(line) = lines.next().map_err(|why| format!("{name}: {why}"))? {
        let answer = match line.and_then(|line| sendable(line, true)) {
            Ok(None) => continue,
            Ok(Some(line)) => teller.note(link, &line)?,
            Err(why) => Err(why),
        };
        if !heeded(answer, teller, Some((name, lines.number))) {
            own("abort", link, teller, Some((name, 0)))?;
            return Ok(false);
        }
    }
    if check {
        let fine = own("abort", link, teller, Some((name, 0)))?;
        teller.fine("no word is wrong");
        return Ok(fine);
    }
    Ok(heeded(teller.ask(link, "commit")?, teller, Some((name, 0))))
}

/// Lines of standard input, one after the other, each for itself. Whoever
/// sits at a terminal is prompted. With `check` all stand in a batch that is
/// not committed.
pub(super) fn prompt(
    link: &mut Link,
    teller: &mut Teller<'_>,
    check: bool,
) -> Result<bool, String> {
    let terminal = stdin().is_terminal() && stdout().is_terminal();
    match terminal.then(|| Person::greet(link)).flatten() {
        Some(mut person) => dialogue(link, teller, check, None, &mut |link| {
            Ok(person.line(link)?.map(Ok))
        }),
        None => {
            let (mut lines, prompted) = (Lines::new(stdin()), stdin().is_terminal());
            plain(link, teller, check, &mut lines, prompted)
        }
    }
}

/// The dialogue with somebody who has lines only.
fn plain(
    link: &mut Link,
    teller: &mut Teller<'_>,
    check: bool,
    lines: &mut Lines<impl Read>,
    prompted: bool,
) -> Result<bool, String> {
    let number = Cell::new(0);
    let place = (!prompted).then_some(&number);
    dialogue(link, teller, check, place, &mut |_| {
        let line = invited(lines, prompted);
        number.set(lines.number);
        line
    })
}

/// Where the next line comes from; the inner error is a line that no daemon
/// would take.
type Next<'a> = &'a mut dyn FnMut(&mut Link) -> Result<Option<Result<String, String>>, String>;

/// With `number`, errors name the line of standard input.
fn dialogue(
    link: &mut Link,
    teller: &mut Teller<'_>,
    check: bool,
    number: Option<&Cell<usize>>,
    next: Next<'_>,
) -> Result<bool, String> {
    if check && !own("begin", link, teller, None)? {
        return Ok(false);
    }
    let mut fine = true;
    while let Some(line) = next(link)? {
        let answer = match line.and_then(|line| sendable(line, check)) {
            Ok(None) => continue,
            Ok(Some(line)) if leaves(&line) => break,
            Ok(Some(line)) => match own::find(&line) {
                Ok(None) => teller.ask(link, &line)?,
                Ok(Some(_)) if check => Err("it has no place in a batch".into()),
                // A file that cannot be read ends nothing here.
                Ok(Some(word)) => match word.run(link, teller, false) {
                    Ok(done) => {
                        fine &= done;
                        continue;
                    }
                    Err(why) => Err(why),
                },
                Err(why) => Err(why),
            },
            Err(why) => Err(why),
        };
        let place = number.map(|number| (STDIN, number.get()));
        fine &= heeded(answer, teller, place);
    }
    Ok(fine & (!check || own("abort", link, teller, None)?))
}

fn invited(
    lines: &mut Lines<impl Read>,
    prompted: bool,
) -> Result<Option<Result<String, String>>, String> {
    if prompted {
        out::prompt("pctl> ");
    }
    let line = lines.next().map_err(|why| format!("{STDIN}: {why}"))?;
    if prompted && line.is_none() {
        out::prompt("\n");
    }
    Ok(line)
}

/// Does this word end the dialogue? No daemon hears it.
fn leaves(line: &str) -> bool {
    matches!(first_word(line).as_deref(), Some("quit" | "exit"))
}

/// The line, if there is a word in it. In a batch of ours, a word that would
/// end the batch is refused.
pub(super) fn sendable(line: String, batch: bool) -> Result<Option<String>, String> {
    let ends = ["begin", "commit", "abort"];
    match first_word(&line) {
        Some(word) if batch && ends.contains(&word.as_str()) => Err(format!(
            "{word} has no place here: all words are one batch already"
        )),
        word => Ok(word.map(|_| line)),
    }
}

/// Tells of a refusal; was there none?
pub(super) fn heeded(
    answer: Result<(), String>,
    teller: &mut Teller<'_>,
    place: Place<'_>,
) -> bool {
    if let Err(why) = &answer {
        teller.refused(place, why);
    }
    answer.is_ok()
}

/// Sends a word of our own, whose success is not worth telling.
pub(super) fn own(
    word: &str,
    link: &mut Link,
    teller: &mut Teller<'_>,
    place: Place<'_>,
) -> Result<bool, String> {
    match link.ask(word, &mut |_| ())? {
        Reply::Err(why) => Ok(heeded(Err(why), teller, place)),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pctl::tell::tests::told;

    const HI: &str = "+OK x ready\n";
    const NOTED: &str = "+OK noted\n";
    const WRONG: &str = "-ERR wrong word\n";

    #[test]
    fn a_file_is_one_batch() {
        let text = "# comment\nset a b\n\nserver list\nset c \"d e\"";
        let says: &[&str] = &[
            HI,
            NOTED,
            NOTED,
            "+OK 1 lines:\nid=x\n.\n",
            NOTED,
            "+OK done\n",
        ];
        let told = told(says, "", |link, teller| {
            batch(link, teller, "x.rc", text.as_bytes(), false)
        });
        assert_eq!(told.result, Ok(true));
        let wanted = ["begin", "set a b", "server list", "set c \"d e\"", "commit"];
        assert_eq!(told.heard, wanted);
        assert_eq!(told.out, ["id=x", "done"]);
    }

    #[test]
    fn the_first_wrong_word_of_a_file_ends_the_batch_and_is_named() {
        let says: &[&str] = &[HI, NOTED, NOTED, WRONG, NOTED];
        let text = "set a b\n\nsat c d\nset e f\n";
        let plain = told(says, "", |link, teller| {
            batch(link, teller, "x.rc", text.as_bytes(), false)
        });
        assert_eq!(plain.result, Ok(false));
        assert_eq!(plain.heard, ["begin", "set a b", "sat c d", "abort"]);
        assert_eq!(
            (plain.out.len(), plain.err),
            (0, vec!["x.rc:3: wrong word".into()])
        );
        let json = told(says, "j", |link, teller| {
            batch(link, teller, "x.rc", text.as_bytes(), false)
        });
        let error = r#"{"ok":false,"error":"wrong word","file":"x.rc","line":3}"#;
        assert_eq!(json.out, [error]);
    }

    #[test]
    fn a_refused_commit_is_told_of_the_file() {
        let told = told(&[HI, NOTED, NOTED, WRONG], "", |link, teller| {
            batch(link, teller, "x.rc", b"set a b\n".as_slice(), false)
        });
        assert_eq!(told.result, Ok(false));
        assert_eq!(told.err, ["x.rc: wrong word"]);
    }

    #[test]
    fn a_check_never_commits() {
        let says: &[&str] = &[HI, NOTED, NOTED, NOTED];
        let file = told(says, "", |link, teller| {
            batch(link, teller, "x.rc", b"set a b\n".as_slice(), true)
        });
        assert_eq!(
            (file.result, file.out),
            (Ok(true), vec!["no word is wrong".into()])
        );
        assert_eq!(file.heard, ["begin", "set a b", "abort"]);
        let one = told(says, "", |link, teller| line(link, teller, "set a b", true));
        assert_eq!((one.result, one.heard), (Ok(true), file.heard.clone()));
        for word in ["commit", " \"commit\" ", "abort # x"] {
            let text = format!("{word}\n");
            let file = told(&[HI, NOTED, NOTED], "", |link, teller| {
                batch(link, teller, "x.rc", text.as_bytes(), true)
            });
            assert_eq!(
                (file.result, file.heard),
                (Ok(false), vec!["begin".into(), "abort".into()])
            );
            let one = told(&[HI], "", |link, teller| line(link, teller, word, true));
            assert_eq!((one.result, one.heard.len()), (Ok(false), 0));
        }
    }

    #[test]
    fn piped_lines_stand_each_for_itself() {
        let text = "show a\n# c\nbegin\nsat\nquit\nset a b\n";
        let says: &[&str] = &[HI, "+OK a\n", "+OK\n", WRONG];
        let told = told(says, "", |link, teller| {
            plain(link, teller, false, &mut Lines::new(text.as_bytes()), false)
        });
        assert_eq!(told.result, Ok(false));
        assert_eq!(told.heard, ["show a", "begin", "sat"]);
        assert_eq!(told.out, ["a"]);
        assert_eq!(told.err, ["standard input:4: wrong word"]);
    }

    #[test]
    fn a_lost_connection_is_no_refusal() {
        let told = told(&[HI, NOTED, ""], "", |link, teller| {
            batch(link, teller, "x.rc", b"set a b\n".as_slice(), false)
        });
        assert!(told.result.unwrap_err().ends_with("has hung up"));
    }
}

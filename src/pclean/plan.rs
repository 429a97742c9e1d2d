//! What the command line says.

use std::path::PathBuf;

use crate::base::log::Target;
use crate::base::opt::{self, Matches, Options};

/// The command line, as `-h` shows it.
pub(super) const SYNOPSIS: &str = "[-ahqVx] [-D DIRECTORY=DAYS] [-l LOG] [-m SPOOL] \
     [-o FOLDER=DAYS] [-r RATE] [--force]";

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;

/// Removals a second, unless another number is given.
const RATE: u64 = 500;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) spool: PathBuf,
    /// Whether it is done, not only said.
    pub(super) act: bool,
    /// Whether files are named one by one.
    pub(super) quiet: bool,
    /// Whether the mailboxes that have an account come on standard input.
    pub(super) accounts: bool,
    pub(super) force: bool,
    /// Removals a second; 0 for no limit.
    pub(super) rate: u64,
    pub(super) log: Target,
    /// Where deleted mail was put aside, and how many seconds it stays.
    pub(super) aside: Vec<(PathBuf, u64)>,
    /// Folders, and how many seconds mail stays there.
    ages: Vec<(Vec<u8>, u64)>,
}

/// The options of the command line.
pub(super) fn options() -> Options {
    let mut options = Options::new();
    options.optflag(
        "a",
        "accounts",
        "remove mailboxes that are not named on standard input",
    );
    options.optmulti(
        "D",
        "deleted",
        "remove what was put aside in DIRECTORY so many days ago",
        "DIRECTORY=DAYS",
    );
    options.optflag("", "force", "however many mailboxes that are");
    opt::of_spool(&mut options);
    options.optmulti(
        "o",
        "older",
        "remove mail from new, cur, .NAME, or * (others) after DAYS",
        "FOLDER=DAYS",
    );
    options.optflag("q", "quiet", "do not name each file");
    options.optopt("r", "rate", "removals a second, 0: no limit", "RATE");
    options.optflag("x", "execute", "do it; else it is only said");
    options
}

impl Plan {
    /// What the command line says.
    ///
    /// # Errors
    /// Which option is wrong, and what would be right.
    pub(super) fn of(matches: &Matches) -> Result<Plan, String> {
        if let Some(word) = matches.free.first() {
            return Err(format!("{word:?} belongs to no option"));
        }
        let (spool, log) = opt::spool(matches);
        let rate = match matches.opt_str("r") {
            None => RATE,
            Some(text) => whole(&text, 1_000_000).map_err(|why| format!("option -r {why}"))?,
        };
        let plan = Plan {
            spool,
            act: matches.opt_present("x"),
            quiet: matches.opt_present("q"),
            accounts: matches.opt_present("a"),
            force: matches.opt_present("force"),
            rate,
            log,
            aside: pairs(matches, "D")?
                .into_iter()
                .map(|(path, age)| (path.into(), age))
                .collect(),
            ages: pairs(matches, "o")?
                .into_iter()
                .map(|(folder, age)| (folder.into_bytes(), age))
                .collect(),
        };
        for (folder, _) in &plan.ages {
            let hidden = folder.starts_with(b".") && folder.len() > 1 && !folder.contains(&b'/');
            if !hidden && !matches!(&folder[..], b"new" | b"cur" | b"*") {
                let folder = folder.escape_ascii();
                return Err(format!(
                    "option -o: folder \"{folder}\" is none of new, cur, .NAME, *"
                ));
            }
        }
        Ok(plan)
    }

    /// How many seconds mail stays in this folder; `None` for ever.
    pub(super) fn age(&self, folder: &[u8]) -> Option<u64> {
        let of = |name: &[u8]| self.ages.iter().rev().find(|(n, _)| n == name);
        of(folder).or_else(|| of(b"*")).map(|&(_, age)| age)
    }

    /// Whether any mail expires.
    pub(super) fn ages(&self) -> bool {
        !self.ages.is_empty()
    }
}

/// Options of the form `NAME=DAYS`.
fn pairs(matches: &Matches, option: &str) -> Result<Vec<(String, u64)>, String> {
    let pair = |text: String| {
        let Some((name, days)) = text.rsplit_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("option -{option} must be NAME=DAYS, not {text:?}"));
        };
        let days = whole(days, 100_000).map_err(|why| format!("option -{option}: days {why}"))?;
        Ok((name.to_string(), days * DAY))
    };
    matches.opt_strs(option).into_iter().map(pair).collect()
}

fn whole(text: &str, most: u64) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|&n| digits && n <= most);
    value.ok_or(format!(
        "must be a whole number from 0 to {most}, not {text:?}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let matches = options().parse(words).map_err(|why| why.to_string())?;
        Plan::of(&matches)
    }

    #[test]
    fn the_more_special_folder_goes_first() {
        let got = plan("-o *=365 -o new=400 -o .Trash=7").unwrap();
        let days = |folder: &[u8]| got.age(folder).map(|age| age / DAY);
        assert_eq!((days(b"new"), days(b"cur")), (Some(400), Some(365)));
        assert_eq!((days(b".Trash"), days(b".Spam")), (Some(7), Some(365)));
        assert_eq!(plan("-o .Trash=7").unwrap().age(b"cur"), None);
        assert!(!plan("").unwrap().act && plan("-x").unwrap().act);
    }

    #[test]
    fn a_wrong_command_line_is_named() {
        for (line, why) in [
            ("-o 30", "option -o must be NAME=DAYS, not \"30\""),
            (
                "-o tmp=3",
                "option -o: folder \"tmp\" is none of new, cur, .NAME, *",
            ),
            (
                "-o ./x=3",
                "option -o: folder \"./x\" is none of new, cur, .NAME, *",
            ),
            (
                "-o cur=1h",
                "option -o: days must be a whole number from 0 to 100000, not \"1h\"",
            ),
            (
                "-r -1",
                "option -r must be a whole number from 0 to 1000000, not \"-1\"",
            ),
            ("joe", "\"joe\" belongs to no option"),
        ] {
            assert_eq!(plan(line).unwrap_err(), why);
        }
    }
}

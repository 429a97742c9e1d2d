//! What a pool has to tell of the certificates that it has loaded: to the
//! master, for lists, and to the log while they come to their ends.

use crate::base::clock::{Ms, NEVER, now, wall};

/// A certificate that ends within so many days is worth a look.
const SOON: i64 = 14;

/// How often that is told, in milliseconds.
const DAY: Ms = 86_400_000;

/// One certificate.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// Kind and id of the object that it is for.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    /// The file.
    pub(crate) cert: String,
    /// Seconds from the epoch until it expires.
    pub(crate) ends: i64,
    /// A row for lists, which lacks the days that are left.
    pub(crate) row: String,
}

/// Seconds since the epoch.
pub(super) fn epoch() -> i64 {
    wall().0 as i64
}

/// Whole days until then; negative if it is over.
fn days(until: i64, now: i64) -> i64 {
    until.saturating_sub(now).div_euclid(86_400)
}

impl Note {
    /// One line for the master.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.ends, self.row)
    }
}

/// Rows of [`Note::line`]s as they are to be shown now.
pub(crate) fn rows(lines: &[String]) -> Vec<String> {
    let now = epoch();
    let row = |line: &String| {
        let (ends, row) = line.split_once(' ')?;
        Some(format!("{row} days={}", days(ends.parse().ok()?, now)))
    };
    lines.iter().filter_map(row).collect()
}

/// When it was last told that certificates come to their ends.
pub(super) struct Told(Ms);

impl Told {
    /// Never yet.
    pub(super) fn never() -> Told {
        Told(NEVER)
    }

    /// Once a day, logs which of `notes` expire soon, or have expired.
    pub(super) fn tell(&mut self, notes: impl FnOnce() -> Vec<Note>) {
        if self.0 != NEVER && now() - self.0 < DAY {
            return;
        }
        self.0 = now();
        let time = epoch();
        for note in notes() {
            let days = days(note.ends, time);
            if days <= SOON {
                let (kind, id, cert) = (note.kind, note.id, note.cert);
                event!(
                    TLS_EXPIRES,
                    "-",
                    kind = kind,
                    id = id,
                    cert = cert,
                    days = days
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_that_are_left_when_somebody_asks() {
        let at = epoch();
        let note = |seconds: i64| Note {
            kind: "vserv",
            id: "main".into(),
            cert: "/a.crt".into(),
            ends: at + seconds,
            row: "vserv=main names=a".into(),
        };
        let lines = [note(86_400 * 30 + 60), note(60), note(-60)].map(|note| note.line());
        let rows = rows(&lines);
        let days: Vec<_> = rows
            .iter()
            .map(|row| row.rsplit_once('=').unwrap().1)
            .collect();
        assert_eq!(days, ["30", "0", "-1"]);
        assert!(
            rows.iter()
                .all(|row| row.starts_with("vserv=main names=a days="))
        );
    }
}

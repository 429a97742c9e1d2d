//! The live page: drawn anew every few seconds and at every key.

use std::time::{Duration, Instant};

use super::look::{Look, Pace, Row, choice};
use super::objects::objects;
use super::page::{self, Sort};
use super::screen::{Key, Screen};
use super::table::{Table, cut};
use super::{Job, PATIENCE};
use crate::base::words::quote;
use crate::daemon::link::{Link, Reply};

/// What is shown below the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    All,
    Sessions,
    Objects,
    Counters,
}

impl View {
    const ALL: [View; 4] = [View::All, View::Sessions, View::Objects, View::Counters];

    fn next(self) -> View {
        View::ALL[(self as usize + 1) % View::ALL.len()]
    }
}

/// What keys are for at present.
enum Mode {
    Watch,
    /// A filter is being typed.
    Filter(String),
    /// Shall this session end?
    Kick(String),
    Help,
}

#[rustfmt::skip]
static HELP: &[&str] = &[
    "q        leave",
    "Tab      next view: all, sessions, objects, counters; or 1 to 4",
    "arrows   choose a session; PgUp and PgDn too",
    "s, r     sort sessions by age, peer, user, doing, server; reverse",
    "f        filter sessions: a user, a network, or KEY=VALUE as for session list",
    "k        kick the session that is chosen",
    "+, -     look less or more often",
    "space    stand still, go on",
];

/// What is on the screen.
struct Drawn {
    lines: Vec<String>,
    /// The line of the session that is chosen.
    chosen: Option<usize>,
}

struct Live<'j> {
    job: &'j Job,
    /// None while the daemon is not there.
    link: Option<Link>,
    before: Option<Look>,
    now: Look,
    mode: Mode,
    view: View,
    sort: Sort,
    reverse: bool,
    filter: String,
    /// Place of the session that is chosen, and which one it is.
    place: usize,
    sid: Vec<u8>,
    interval: Duration,
    paused: bool,
    /// What there is to say; for one look.
    message: String,
    due: Instant,
}

/// Shows the page until somebody has seen enough.
///
/// # Errors
/// The daemon cannot be asked, or there is no terminal.
pub(super) fn run(job: &Job, mut link: Link) -> Result<(), String> {
    let now = Look::take(&mut link, &job.filter)?;
    let mut screen = Screen::enter().map_err(|why| format!("terminal: {why}"))?;
    let mut live = Live {
        job,
        link: Some(link),
        before: None,
        now,
        mode: Mode::Watch,
        view: View::All,
        sort: Sort::Age,
        reverse: false,
        filter: job.filter.clone(),
        place: 0,
        sid: Vec::new(),
        interval: job.interval,
        paused: false,
        message: String::new(),
        // The first rates are not waited for so long.
        due: Instant::now() + Duration::from_secs(1),
    };
    live.arrange();
    let mut looks = 0;
    while job.count == 0 || looks < job.count {
        let drawn = live.draw(screen.size());
        screen.draw(&drawn.lines, drawn.chosen);
        let left = live.due.saturating_duration_since(Instant::now());
        let keys = screen.keys(left.as_millis() as u64 + 1);
        for key in keys.map_err(|why| format!("terminal: {why}"))? {
            if !live.obey(key) {
                return Ok(());
            }
        }
        if Instant::now() >= live.due {
            live.look();
            looks += 1;
        }
    }
    Ok(())
}

impl Live<'_> {
    /// Looks again, unless it stands still. A daemon that is not there may
    /// come back.
    fn look(&mut self) {
        self.due = Instant::now() + self.interval;
        if self.paused {
            return;
        }
        self.message.clear();
        match self.take() {
            Ok(now) => {
                self.before = Some(std::mem::replace(&mut self.now, now));
                self.arrange();
            }
            Err(why) => self.message = why,
        }
    }

    fn take(&mut self) -> Result<Look, String> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::open(&self.job.socket, PATIENCE)?,
        };
        let look = Look::take(&mut link, &self.filter)?;
        self.link = Some(link);
        Ok(look)
    }

    /// Sorts the sessions and finds the chosen one again.
    fn arrange(&mut self) {
        page::sort(&mut self.now.sessions, self.sort, self.reverse);
        let sessions = &self.now.sessions;
        let known = sessions
            .iter()
            .position(|row| row.octets("sid") == self.sid);
        self.place = known.unwrap_or(self.place);
        self.choose(self.place);
    }

    fn choose(&mut self, place: usize) {
        self.place = place.min(self.now.sessions.len().saturating_sub(1));
        self.sid = self
            .chosen()
            .map(|row| row.octets("sid").to_vec())
            .unwrap_or_default();
    }

    fn chosen(&self) -> Option<&Row> {
        self.now.sessions.get(self.place)
    }

    /// Does what a key says; false: leaves.
    fn obey(&mut self, key: Key) -> bool {
        match key {
            Key::Leave => return false,
            Key::Redraw => return true,
            _ => {}
        }
        match std::mem::replace(&mut self.mode, Mode::Watch) {
            Mode::Watch => return self.watch(key),
            Mode::Help => {}
            Mode::Kick(sid) => match key {
                Key::Char('y' | 'Y') => self.kick(&sid),
                _ => self.message = "nobody is kicked".into(),
            },
            Mode::Filter(text) => self.type_filter(text, key),
        }
        true
    }

    fn watch(&mut self, key: Key) -> bool {
        match key {
            Key::Char('q') => return false,
            Key::Char('\t') => self.view = self.view.next(),
            Key::Char(digit @ '1'..='4') => self.view = View::ALL[digit as usize - '1' as usize],
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('r') => self.reverse = !self.reverse,
            Key::Char('f') => self.mode = Mode::Filter(self.filter.clone()),
            Key::Char('k') => self.ask_kick(),
            Key::Char('h' | '?') => self.mode = Mode::Help,
            Key::Char('+') => self.pace(self.interval.as_secs() + 1),
            Key::Char('-') => self.pace(self.interval.as_secs() - 1),
            Key::Char(' ') => self.paused = !self.paused,
            Key::Up => self.choose(self.place.saturating_sub(1)),
            Key::Down => self.choose(self.place + 1),
            Key::PageUp => self.choose(self.place.saturating_sub(10)),
            Key::PageDown => self.choose(self.place + 10),
            _ => {}
        }
        if matches!(key, Key::Char('s' | 'r')) {
            self.arrange();
        }
        true
    }

    fn pace(&mut self, seconds: u64) {
        self.interval = Duration::from_secs(seconds.clamp(1, 3600));
        self.due = Instant::now() + self.interval;
        self.message = format!("every {} s", self.interval.as_secs());
    }

    fn ask_kick(&mut self) {
        match self.chosen().map(|row| row.text("sid")) {
            Some(sid) => self.mode = Mode::Kick(sid),
            None => self.message = "there is no session".into(),
        }
    }

    fn kick(&mut self, sid: &str) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        let answer = link.ask(&format!("session kick {}", quote(sid)), &mut |_| ());
        match answer {
            Ok(Reply::Err(why)) => self.say(&why),
            Ok(_) => self.say(&format!("session {sid} is ended")),
            Err(why) => return self.say(&why),
        }
        self.link = Some(link);
        self.due = Instant::now() + Duration::from_secs(1);
    }

    fn say(&mut self, text: &str) {
        self.message = super::look::shown(text.as_bytes());
    }

    fn type_filter(&mut self, mut text: String, key: Key) {
        self.message.clear();
        match key {
            Key::Enter => match choice(&text) {
                Ok(_) => {
                    self.filter = text;
                    self.place = 0;
                    return self.refilter();
                }
                Err(why) => self.say(&why),
            },
            Key::Escape => return,
            Key::Back => drop(text.pop()),
            Key::Char(c) if c != '\t' && text.len() < 200 => text.push(c),
            _ => {}
        }
        self.mode = Mode::Filter(text);
    }

    /// Looks at once, and takes a filter back that the daemon refuses.
    fn refilter(&mut self) {
        let paused = std::mem::replace(&mut self.paused, false);
        self.look();
        self.paused = paused;
        if !self.message.is_empty() && self.link.is_none() {
            self.filter.clear();
        }
    }

    fn draw(&self, (columns, rows): (usize, usize)) -> Drawn {
        let pace = Pace {
            now: &self.now,
            before: self.before.as_ref(),
        };
        let mut lines = page::summary(&pace);
        let room = rows.saturating_sub(lines.len() + 1);
        let mut chosen = None;
        match (&self.mode, self.view) {
            (Mode::Help, _) => lines.extend(HELP.iter().map(|line| line.to_string())),
            (_, View::Counters) => lines.extend(page::counters(&pace)),
            (_, View::Objects) => lines.extend(self.objects(&pace, usize::MAX, usize::MAX)),
            (_, view) => {
                if view == View::All {
                    lines.extend(self.objects(&pace, (rows / 8).max(2), room.saturating_sub(6)));
                }
                let left = rows.saturating_sub(lines.len() + 2);
                chosen = self.sessions(&pace, left, &mut lines);
            }
        }
        lines.truncate(rows.saturating_sub(1));
        lines.resize(rows.saturating_sub(1), String::new());
        lines.push(cut(&self.foot(), columns.saturating_sub(1)));
        Drawn { lines, chosen }
    }

    /// Objects, pools and who has most sessions: of each the first `most`, and
    /// of all together at most so many lines as there is `room`, since those
    /// that matter most come first.
    fn objects(&self, pace: &Pace<'_>, most: usize, room: usize) -> Vec<String> {
        let table = |mut table: Table| {
            table.cut(most);
            match table.is_empty() {
                true => Vec::new(),
                false => table.lines(),
            }
        };
        let kinds = pace.now.kinds.iter();
        let mut parts: Vec<_> = kinds.map(|kind| table(objects(pace, kind.name))).collect();
        parts.push(page::tops(pace, most.min(20)));
        parts.push(table(page::pools(pace)));
        let mut lines = Vec::new();
        for part in parts {
            if lines.len() + part.len() <= room {
                lines.extend(part);
            }
        }
        lines
    }

    /// As many sessions as there is room for, among them the chosen one.
    fn sessions(&self, pace: &Pace<'_>, room: usize, lines: &mut Vec<String>) -> Option<usize> {
        let all = &pace.now.sessions;
        let first = (self.place + 1).saturating_sub(room);
        let shown = &all[first.min(all.len())..(first + room).min(all.len())];
        let mut table = page::sessions(pace, shown).lines();
        let hidden = all.len() - shown.len();
        if hidden > 0 {
            table[0].push_str(&format!("  (+{hidden})"));
        }
        let chosen = lines.len() + 1 + (self.place - first.min(self.place));
        lines.extend(table);
        (!shown.is_empty()).then_some(chosen)
    }

    fn foot(&self) -> String {
        match &self.mode {
            Mode::Filter(text) => {
                let text = super::look::shown(text.as_bytes());
                let message = super::look::shown(self.message.as_bytes());
                return format!("filter: {text}_  {message}");
            }
            Mode::Kick(sid) => {
                let user = self
                    .chosen()
                    .map(|row| row.text("user"))
                    .unwrap_or_default();
                return format!("end session {sid} of {user}? y/n");
            }
            Mode::Help => return "any key goes back".into(),
            Mode::Watch => {}
        }
        if !self.message.is_empty() {
            return super::look::shown(self.message.as_bytes());
        }
        let mut foot = format!("by {}", self.sort.name());
        if self.reverse {
            foot.push_str(" reversed");
        }
        if !self.filter.is_empty() {
            let filter = super::look::shown(self.filter.as_bytes());
            foot.push_str(&format!("  only {filter}"));
        }
        if self.paused {
            foot.push_str("  standing still");
        }
        foot + "  q quit  Tab view  s sort  r reverse  f filter  k kick  h help"
    }
}

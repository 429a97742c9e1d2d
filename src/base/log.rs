//! Where events go: syslog, a file or standard error; one line an event.
//!
//! Logging never blocks. What cannot be sent is counted in the shared page,
//! and the master logs the count when it can. The syslog socket is opened by
//! the master and shared by all its children, so that when the master
//! connects it anew after a restart of syslogd, it is mended in all of them,
//! those in a chroot included.

use std::cell::RefCell;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::debug::is_on;
pub(crate) use super::debug::{Area, about, about_user};
use super::events::{self, Event, Level};
use super::kv::{Row, Value};
pub(crate) use super::sink::{FORMATS, Target};
use super::sink::{Sink, Who};
use super::structured::Structured;
use crate::sys::shelf::Shelf;

/// Logs one event: `event!(LOGIN_OK, sid, user = name, rip = address)`.
macro_rules! event {
    ($event:ident, $sid:expr $(, $key:ident = $value:expr)* $(,)?) => {
        if $crate::base::log::happened(&$crate::base::events::$event) {
            $crate::base::log::emit(
                &$crate::base::events::$event,
                &$sid,
                &[$((stringify!($key), &$value as &dyn $crate::base::kv::Value)),*],
            );
        }
    };
}

/// Logs a debug record if the flag of its area is on, for everybody or for
/// the client of this session.
macro_rules! debug {
    ($area:ident, $sid:expr $(, $key:ident = $value:expr)* $(,)?) => {
        if $crate::base::log::debugging($crate::base::log::Area::$area) {
            $crate::base::log::emit(
                &$crate::base::events::DEBUG,
                &$sid,
                &[("area", &$crate::base::log::Area::$area.name() as &dyn $crate::base::kv::Value)
                $(, (stringify!($key), &$value as &dyn $crate::base::kv::Value))*],
            );
        }
    };
}

/// What the logger shares with the processes around it.
pub(crate) struct Knobs {
    /// Lowest level that is logged.
    pub(crate) level: &'static AtomicU64,
    /// What [`super::debug::Flags::publish`] lays there.
    pub(crate) debug: &'static [AtomicU64],
    /// Lines that could not be sent, until that is told.
    pub(crate) lost: &'static AtomicU64,
    /// Those of which it was.
    pub(crate) told: &'static AtomicU64,
    /// How often each event has been, by its place.
    pub(crate) events: &'static [AtomicU64],
    /// How often the log file was opened anew.
    pub(crate) turn: &'static AtomicU64,
}

static KNOBS: OnceLock<Knobs> = OnceLock::new();

/// Lays level, debug flags and the count of losses into the shared page.
pub(crate) fn share(knobs: Knobs) {
    let _ = KNOBS.set(knobs);
}

/// Counts an event; is it logged, too? Levels above INF always are.
pub(crate) fn happened(event: &Event) -> bool {
    let Some(knobs) = KNOBS.get() else {
        return event.level >= Level::Inf;
    };
    if let Some(word) = knobs.events.get(event.place) {
        word.fetch_add(1, Relaxed);
    }
    event.level as u64 >= knobs.level.load(Relaxed).min(Level::Err as u64)
}

/// Is the flag of this area on, for what this process does now?
pub(crate) fn debugging(area: Area) -> bool {
    KNOBS.get().is_some_and(|k| is_on(k.debug, area))
}

struct Log {
    who: Who,
    sink: Sink,
    row: Row,
    data: Structured,
    /// Where the master of a daemon lays the file that it has opened anew.
    shelf: Option<Shelf>,
    /// Which of them this process writes to.
    turn: u64,
}

impl Log {
    /// Writes on where the master does, if it has opened the file anew. What
    /// a worker cannot open because of its user, its root directory and its
    /// sandbox, it is given; it looks no further than the shared page before.
    fn keep_up(&mut self) {
        let turn = KNOBS.get().map_or(0, |knobs| knobs.turn.load(Acquire));
        if turn != self.turn {
            self.turn = turn;
            // Without it, the old file is better than none.
            let _ = self.shelf.as_ref().map(|shelf| self.sink.follow(shelf));
        }
    }
}

/// Room for lines as they usually are, in octets.
const ROOM: usize = 480;

thread_local! {
    static LOG: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Opens the log of this process and its children.
///
/// # Errors
/// A file that cannot be opened. A syslog that is not there is no error: it
/// may come later.
pub(crate) fn open(program: &'static str, target: &Target) -> io::Result<()> {
    let pid = std::process::id();
    let who = Who { program, pid };
    let sink = Sink::open(target, who)?;
    let (row, data) = Default::default();
    // Only a daemon has knobs, and children.
    let shelf = match KNOBS.get() {
        Some(_) if sink.is_file() => Some(Shelf::new()?),
        _ => None,
    };
    LOG.set(Some(Log {
        who,
        sink,
        row,
        data,
        shelf,
        turn: 0,
    }));
    Ok(())
}

/// To be called first thing in a child: its lines carry its own number.
pub(crate) fn after_fork() {
    with(|log| {
        log.who.pid = std::process::id();
        log.sink.set_who(log.who);
        log.shelf.iter_mut().for_each(Shelf::only_take);
    });
}

/// Lays the room in which lines are made where new things are laid now.
pub(crate) fn settle() {
    // The old room is left where it is: freed, it would be used again.
    with(|log| std::mem::forget(std::mem::replace(&mut log.row, Row::with_capacity(ROOM))));
}

/// Changes the syslog facility; the name has been checked.
pub(crate) fn set_facility(name: &str) {
    with(|log| log.sink.set_facility(name));
}

/// Changes the form of what goes to syslog: one of [`FORMATS`].
pub(crate) fn set_format(name: &str) {
    with(|log| log.sink.set_format(name));
}

/// The master's part, after a log file has been rotated: opens it anew, for
/// all its children.
///
/// # Errors
/// The old file stays in use then.
pub(crate) fn reopen() -> io::Result<()> {
    let mut result = Ok(());
    with(|log| {
        let (Some(shelf), Some(knobs)) = (&log.shelf, KNOBS.get()) else {
            return;
        };
        result = log.sink.reopen(shelf);
        if result.is_ok() {
            log.turn += 1;
            knobs.turn.store(log.turn, Release);
        }
    });
    result
}

/// The same for a master that nobody tells when the file has been rotated.
/// Did it open one?
pub(crate) fn reopen_if_replaced() -> bool {
    let mut replaced = false;
    with(|log| replaced = log.sink.is_replaced());
    replaced && reopen().is_ok()
}

/// The master's part, once a second: if lines were lost, mend the socket,
/// and say how many it were as soon as one gets through.
pub(crate) fn mend() {
    let lost = KNOBS.get().map_or(0, |k| k.lost.swap(0, Relaxed));
    if lost == 0 {
        return;
    }
    with(|log| log.sink.mend());
    if !try_emit(&events::LOG_LOST, &"-", &[("count", &lost)]) {
        count_lost(lost - 1);
    } else if let Some(knobs) = KNOBS.get() {
        knobs.told.fetch_add(lost, Relaxed);
    }
}

fn with(act: impl FnOnce(&mut Log)) {
    LOG.with_borrow_mut(|log| log.as_mut().map(act));
}

/// Writes one event; called by [`event!`] only.
pub(crate) fn emit(event: &Event, sid: &dyn Value, fields: &[(&str, &dyn Value)]) {
    if !try_emit(event, sid, fields) {
        count_lost(0);
    }
}

/// One line is lost, and so many more.
fn count_lost(more: u64) {
    if let Some(knobs) = KNOBS.get() {
        knobs.lost.fetch_add(1 + more, Relaxed);
    }
}

fn try_emit(event: &Event, sid: &dyn Value, fields: &[(&str, &dyn Value)]) -> bool {
    let mut sent = true;
    with(|log| {
        log.keep_up();
        let Log {
            sink, row, data, ..
        } = log;
        let structured = sink.is_structured();
        sink.begin(log.who, row, event.number == events::LOG_LOST.number);
        if structured {
            data.begin(event.name);
        }
        let mut put = |key: &str, value: &dyn Value| {
            row.kv(key, value);
            if structured {
                data.param(key, value);
            }
        };
        put("ev", &event.name);
        put("no", &format_args!("{:04x}", event.number));
        put("lvl", &event.level.name());
        put("sid", sid);
        fields.iter().for_each(|(key, value)| put(key, *value));
        sent = sink.write(event.level, row, data);
    });
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::path::PathBuf;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("popular-log-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_line_in_a_file_has_date_program_and_fields() {
        let path = scratch("file");
        open("pproxy", &Target::File(path.clone())).unwrap();
        event!(LOGIN_OK, "p1.2", user = "a b", n = 3u64);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let tag = format!(" pproxy[{}]: ", std::process::id());
        let (date, rest) = text.split_once(&tag).unwrap();
        assert_eq!(date.len(), "2026-11-23T21:07:13+01:00".len());
        assert_eq!(
            rest,
            "ev=login_ok no=0101 lvl=INF sid=p1.2 user=\"a b\" n=3\n"
        );
    }

    #[test]
    fn syslog_is_not_waited_for_and_found_again() {
        let path = scratch("socket");
        open("pserv", &Target::Syslog(path.clone())).unwrap();
        assert!(!try_emit(&events::START, &"-", &[]), "nobody listens");
        let server = UnixDatagram::bind(&path).unwrap();
        let row = crate::sys::shm::Shared::<AtomicU64>::map(5).unwrap().get();
        share(Knobs {
            level: &row[0],
            debug: &row[2..],
            lost: &row[1],
            told: &row[3],
            events: &[],
            turn: &row[4],
        });
        count_lost(1);
        mend();
        let mut buf = [0; 500];
        let n = server.recv(&mut buf).unwrap();
        std::fs::remove_file(&path).unwrap();
        let text = String::from_utf8_lossy(&buf[..n]).into_owned();
        assert!(text.starts_with("<20>"), "{text}");
        assert!(
            text.ends_with("ev=log_lost no=000f lvl=ADM sid=- count=2"),
            "{text}"
        );
    }
}

//! Metrics: counters and states as text, in the two forms that monitoring
//! reads: that of Prometheus 0.0.4, which text file collectors take, and
//! OpenMetrics 1.0. They differ in how a counter is announced.
//!
//! All of it is read from the scoreboard, whose texts are hostile: none of
//! them becomes a name or a label, and what is counted of them is bounded by
//! lists of ours.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Head, State, Text};
use super::config::{Config, Kind, Object};
use super::scrape;
use super::service::Service;
use super::strain::Strain;
use super::vars::{ID, MAXSESSION};
use crate::base::clock::now;
use crate::base::events::EVENTS;

/// A form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Prometheus,
    OpenMetrics,
}

impl Form {
    /// The form that a control word calls so.
    pub(super) fn named(name: Option<&str>) -> Form {
        match name {
            Some("openmetrics") => Form::OpenMetrics,
            _ => Form::Prometheus,
        }
    }
}

/// What can be measured of an object: a name, what it means, and its value.
pub(crate) struct Gauge(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) u64,
);

/// Labels of a sample, behind the one that names the program.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text under construction.
struct Page {
    form: Form,
    text: String,
    program: String,
    /// Name of the family whose samples follow.
    name: String,
}

impl Page {
    fn family(&mut self, kind: &str, name: &str, help: &str) {
        self.name = format!("popular_{name}");
        let sample = match kind {
            "counter" => format!("{}_total", self.name),
            _ => self.name.clone(),
        };
        let announced = match self.form {
            Form::Prometheus => &sample,
            Form::OpenMetrics => &self.name,
        };
        let _ = writeln!(self.text, "# HELP {announced} {}", escape(help, false));
        let _ = writeln!(self.text, "# TYPE {announced} {kind}");
        self.name = sample;
    }

    fn sample(&mut self, labels: Labels<'_>, value: impl std::fmt::Display) {
        let program = [("program", self.program.as_str())];
        let labels = program.iter().chain(labels);
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}=\"{}\"", escape(value, true)))
            .collect();
        let _ = writeln!(self.text, "{}{{{}}} {value}", self.name, labels.join(","));
    }

    /// A family of one sample.
    fn single(&mut self, kind: &str, name: &str, help: &str, value: u64) {
        self.family(kind, name, help);
        self.sample(&[], value);
    }
}

/// A text in a line of the page; in a label, quotes are escaped too.
fn escape(text: &str, quoted: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// The whole page. Only reads the board.
pub(super) fn page<S: Service>(board: &Board, config: &Config, form: Form) -> String {
    let mut page = Page {
        form,
        text: String::with_capacity(16 * 1024),
        program: config.vars.text(ID).into(),
        name: String::new(),
    };
    daemon(&mut page, board);
    sessions(&mut page, board, S::STAGES);
    counters(&mut page, board, S::TABLES.counters);
    objects::<S>(&mut page, board, config);
    events(&mut page, board);
    page.text.push_str("# EOF\n");
    page.text
}

fn daemon(page: &mut Page, board: &Board) {
    let head = |which| board.head(which).load(Relaxed);
    let uptime = now().saturating_sub(head(Head::Started)) / 1000;
    page.family(
        "gauge",
        "build_info",
        "Always 1; the label tells the version.",
    );
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let lost = head(Head::Lost).saturating_add(head(Head::LostTold));
    let strain = |which| Strain::read(board, which) as u64;
    #[rustfmt::skip]
    let singles = [
        ("gauge",   "start_time_seconds", "When the daemon began, in seconds since the epoch.", head(Head::Began)),
        ("gauge",   "uptime_seconds",     "How long ago that was.", uptime),
        ("gauge",   "generation",         "Number of the current generation.", head(Head::Generation)),
        ("gauge",   "session_state",      "How near the sessions are to maxsession; 0: ok, 1: warn, 2: max.", strain(Head::SessionState)),
        ("gauge",   "load_state",         "How near the load is to maxlocalload; 0: ok, 1: warn, 2: max.", strain(Head::LoadState)),
        ("counter", "forks",              "Workers and helpers that were born.", head(Head::Forks)),
        ("counter", "worker_deaths",      "Those that died otherwise than they should.", head(Head::Deaths)),
        ("counter", "log_lines_lost",     "Log lines that could not be written.", lost),
        ("gauge",   "slots",              "Workers that there can be at most (sessionlimit, and those who refuse).", board.len() as u64),
    ];
    for (kind, name, help, value) in singles {
        page.single(kind, name, help, value);
    }
    page.family("gauge", "workers", "Workers by state.");
    for state in [State::Starting, State::Idle, State::Busy] {
        page.sample(&[("state", state.name())], board.count(state) as u64);
    }
}

/// Sessions by what they do, of which a worker may have written anything.
fn sessions(page: &mut Page, board: &Board, stages: &[&str]) {
    let limit = board.live(MAXSESSION).load(Relaxed);
    page.single(
        "gauge",
        "sessions_limit",
        "Sessions that there may be at a time (maxsession).",
        limit,
    );
    page.family("gauge", "sessions_open", "Sessions that there are.");
    let mut counts = vec![0; stages.len() + 1];
    for slot in (0..board.len()).filter(|&slot| board.state(slot) == State::Busy) {
        let doing = board.text(slot, Text::Doing);
        let word = doing.split(|&b| b == b' ').next().unwrap_or_default();
        if word == scrape::NAME.as_bytes() {
            continue;
        }
        let known = stages.iter().position(|stage| stage.as_bytes() == word);
        counts[known.unwrap_or(stages.len())] += 1;
    }
    if stages.is_empty() {
        return page.sample(&[], counts[0]);
    }
    for (stage, count) in stages.iter().chain(&["other"]).zip(counts) {
        page.sample(&[("stage", stage)], count);
    }
}

/// The program's own, of which those with special names are put together.
fn counters(page: &mut Page, board: &Board, names: &[&str]) {
    let totals = board.totals();
    let rows: Vec<_> = names.iter().copied().zip(totals).collect();
    for &(name, total) in &rows {
        match name {
            "octets_in" => page.single("counter", "received_bytes", "Octets from clients.", total),
            "octets_out" => page.single("counter", "sent_bytes", "Octets to clients.", total),
            _ if name.starts_with(COMMAND) => {}
            _ => {
                let help = format!("The counter {name} of counter list.");
                page.single("counter", name, &help, total);
            }
        }
    }
    let mut commands = rows
        .iter()
        .filter_map(|(name, total)| Some((name.strip_prefix(COMMAND)?, total)))
        .peekable();
    if commands.peek().is_some() {
        page.family("counter", "commands", "Commands of clients.");
    }
    for (name, total) in commands {
        page.sample(&[("command", name)], *total);
    }
}

/// What the names of counters of commands begin with.
const COMMAND: &str = "cmd_";

/// Objects by kind: their state, and what the program measures.
fn objects<S: Service>(page: &mut Page, board: &Board, config: &Config) {
    for (kind, table) in S::TABLES.kinds.iter().enumerate() {
        let objects = config.objects(kind);
        if objects.is_empty() {
            continue;
        }
        if !table.states.is_empty() {
            let name = format!("{}_state", table.name);
            page.family("gauge", &name, "1 for the state that it is in.");
        }
        for object in objects {
            let state = board.row(object.row)[0].load(Relaxed);
            for (n, name) in table.states.iter().enumerate() {
                let labels = [("id", object.id.as_str()), ("state", name)];
                page.sample(&labels, u64::from(state == n as u64));
            }
        }
        tallies(page, board, table, objects);
        let gauges: Vec<_> = objects
            .iter()
            .map(|object| (object, S::gauges(board, config, kind, object)))
            .collect();
        let many = gauges.first().map_or(0, |(_, list)| list.len());
        for n in 0..many {
            for (place, (object, list)) in gauges.iter().enumerate() {
                let Some(Gauge(name, help, value)) = list.get(n) else {
                    continue;
                };
                if place == 0 {
                    page.family("gauge", &format!("{}_{name}", table.name), help);
                }
                page.sample(&[("id", &object.id)], *value);
            }
        }
    }
}

/// What is counted of each object: octets and times by themselves, in the
/// units of monitoring, all else with its name as a label.
fn tallies(page: &mut Page, board: &Board, table: &Kind, objects: &[Object]) {
    let value = |object: &Object, n: usize| {
        let tally = board.tallies(object.row).get(n);
        tally.map_or(0, |tally| tally.load(Relaxed))
    };
    let mut rest = Vec::new();
    for (n, name) in table.counters.iter().enumerate() {
        let (name, help, unit) = match *name {
            "octets_in" => ("received_bytes", "Octets that came from there.", 1.0),
            "octets_out" => ("sent_bytes", "Octets that went there.", 1.0),
            "connect_ms" => (
                "connect_seconds",
                "How long connecting took, all in all.",
                1e-3,
            ),
            "microseconds" => ("asked_seconds", "How long answers took, all in all.", 1e-6),
            _ => {
                rest.push((n, name));
                continue;
            }
        };
        page.family("counter", &format!("{}_{name}", table.name), help);
        for object in objects {
            page.sample(&[("id", &object.id)], value(object, n) as f64 * unit);
        }
    }
    if rest.is_empty() {
        return;
    }
    let help = format!("The counters of counter list {}, by name.", table.name);
    page.family("counter", &format!("{}_counts", table.name), &help);
    for object in objects {
        for (n, name) in &rest {
            let labels = [("id", object.id.as_str()), ("counter", name)];
            page.sample(&labels, value(object, *n));
        }
    }
}

/// What has happened, by the names of the log's events.
fn events(page: &mut Page, board: &Board) {
    page.family("counter", "events", "Events, logged or not.");
    for (event, count) in EVENTS.iter().zip(board.events()) {
        let count = count.load(Relaxed);
        if count > 0 {
            page.sample(&[("event", event.name)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(form: Form) -> Page {
        Page {
            form,
            text: String::new(),
            program: "p\"1".into(),
            name: String::new(),
        }
    }

    #[test]
    fn a_counter_is_announced_as_each_form_wants_it() {
        for (form, announced) in [
            (Form::Prometheus, "# TYPE popular_forks_total counter\n"),
            (Form::OpenMetrics, "# TYPE popular_forks counter\n"),
        ] {
            let mut page = page(form);
            page.single("counter", "forks", "Why.", 3);
            assert!(page.text.contains(announced));
            let sample = "popular_forks_total{program=\"p\\\"1\"} 3\n";
            assert!(page.text.ends_with(sample), "{}", page.text);
        }
    }

    #[test]
    fn the_begin_of_a_daemon_does_not_move() {
        let board = Board::map(1, &[]).unwrap();
        let begun = || {
            let mut page = page(Form::Prometheus);
            daemon(&mut page, &board);
            let sample = "popular_start_time_seconds{";
            let mut lines = page.text.lines();
            lines.find(|l| l.starts_with(sample)).map(String::from)
        };
        // The seconds of the clock and those of the uptime change at different times.
        let (first, end) = (begun(), now() + 1100);
        assert!(first.is_some());
        while now() < end {
            assert_eq!(begun(), first);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    #[test]
    fn a_label_cannot_forge_a_sample() {
        let mut page = page(Form::Prometheus);
        page.sample(&[("id", "a\"} 1\nforged{x=\"\\\u{1}\r")], 1);
        assert_eq!(page.text.lines().count(), 1);
        assert!(page.text.contains("id=\"a\\\"} 1\\nforged{x=\\\"\\\\??\""));
    }

    #[test]
    fn what_a_worker_writes_into_its_slot_adds_no_label() {
        let board = Board::map(8, &[]).unwrap();
        for doing in [&b"relay b1"[..], b"relay", b"\"} 1\nx", b"\xff\xfe"] {
            let slot = board.claim().unwrap();
            board.set_text(slot, Text::Doing, doing);
            board.set_state(slot, State::Busy);
        }
        let mut page = page(Form::Prometheus);
        sessions(&mut page, &board, &["login", "relay"]);
        let open: Vec<_> = page.text.lines().filter(|l| l.contains("stage=")).collect();
        let value = |line: &str| line.rsplit(' ').next().map(String::from);
        let values: Vec<_> = open.iter().filter_map(|line| value(line)).collect();
        assert_eq!(values, ["0", "2", "2"], "login, relay, other");
    }
}

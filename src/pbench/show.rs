//! The result, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use super::hist::Hist;
use super::tally::Tally;
use super::wish::Wish;
use crate::base::json::string;

/// The percentiles that are told, with their names.
static PERCENTILES: &[(&str, u64)] = &[("p50", 5000), ("p90", 9000), ("p99", 9900), ("p999", 9990)];

/// `part` of `whole`, which may be nothing.
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Numbers of the whole run.
struct Whole {
    seconds: f64,
    per_second: f64,
    self_us: f64,
    resumed_share: f64,
}

impl Whole {
    fn of(tally: &Tally) -> Whole {
        let (sessions, failed) = tally.both();
        Whole {
            seconds: tally.elapsed_us as f64 / 1e6,
            per_second: ratio(sessions * 1_000_000, tally.elapsed_us),
            self_us: ratio(tally.cpu_us, sessions + failed),
            resumed_share: ratio(tally.resumed, tally.handshakes),
        }
    }
}

/// Lines for people.
pub(super) fn table(wish: &Wish, tally: &Tally) -> String {
    let whole = Whole::of(tally);
    let mut out = String::new();
    // To write into memory cannot fail.
    let _ = write!(out, "{:<7}{:>10}{:>8}", "load", "sessions", "failed");
    let _ = write!(
        out,
        "{:>12}{:>10}{:>15}",
        "per_second", "messages", "octets"
    );
    for time in ["login", "session"] {
        let _ = write!(out, "{:>9}:", time);
        for (name, _) in PERCENTILES {
            let _ = write!(out, "{name:>8}");
        }
        let _ = write!(out, "{:>9}", "max_us");
    }
    for (load, counts) in wish.loads.iter().zip(&tally.loads) {
        let rate = ratio(counts.sessions * 1_000_000, tally.elapsed_us);
        let _ = write!(out, "\n{:<7}{:>10}", load.name(), counts.sessions);
        let _ = write!(out, "{:>8}{rate:>12.1}", counts.failed);
        let _ = write!(out, "{:>10}{:>15}", counts.messages, counts.octets);
        for hist in [&counts.login, &counts.session] {
            let _ = write!(out, "{:>10}", "");
            for (_, part) in PERCENTILES {
                let _ = write!(out, "{:>8}", hist.at(*part));
            }
            let _ = write!(out, "{:>9}", hist.max());
        }
    }
    let _ = write!(
        out,
        "\nseconds={:.2} per_second={:.1}",
        whole.seconds, whole.per_second
    );
    let _ = write!(out, " self_us={:.1}", whole.self_us);
    if tally.handshakes > 0 {
        let share = whole.resumed_share * 100.0;
        let _ = write!(out, " handshakes={} resumed={share:.1}%", tally.handshakes);
    }
    if wish.rate.is_some() {
        let _ = write!(out, " unstarted={}", tally.unstarted);
    }
    out
}

fn times(name: &str, hist: &Hist, out: &mut String) {
    let _ = write!(out, ",\"{name}\":{{");
    for (name, part) in PERCENTILES {
        let _ = write!(out, "\"{name}\":{},", hist.at(*part));
    }
    let _ = write!(out, "\"max\":{}}}", hist.max());
}

/// One object.
pub(super) fn json(wish: &Wish, tally: &Tally) -> String {
    let whole = Whole::of(tally);
    let (sessions, failed) = tally.both();
    let mut out = format!("{{\"sessions\":{sessions},\"failed\":{failed}");
    // To write into memory cannot fail.
    let _ = write!(out, ",\"seconds\":{:.6}", whole.seconds);
    let _ = write!(out, ",\"per_second\":{:.3}", whole.per_second);
    let _ = write!(out, ",\"self_us\":{:.3}", whole.self_us);
    let _ = write!(out, ",\"clients\":{}", wish.clients);
    let _ = write!(out, ",\"rate\":{}", wish.rate.unwrap_or(0));
    let _ = write!(out, ",\"unstarted\":{}", tally.unstarted);
    let _ = write!(out, ",\"handshakes\":{}", tally.handshakes);
    let _ = write!(out, ",\"resumed\":{}", tally.resumed);
    out.push_str(",\"loads\":[");
    for (n, (load, counts)) in wish.loads.iter().zip(&tally.loads).enumerate() {
        out.push_str(if n > 0 { ",{" } else { "{" });
        let _ = write!(out, "\"load\":\"{}\"", load.name());
        let _ = write!(out, ",\"sessions\":{}", counts.sessions);
        let _ = write!(out, ",\"failed\":{}", counts.failed);
        let _ = write!(out, ",\"messages\":{}", counts.messages);
        let _ = write!(out, ",\"octets\":{}", counts.octets);
        times("login_us", &counts.login, &mut out);
        times("session_us", &counts.session, &mut out);
        out.push('}');
    }
    out.push_str("],\"failures\":[");
    for (n, (why, count)) in tally.failures.iter().enumerate() {
        out.push_str(if n > 0 { ",{\"why\":" } else { "{\"why\":" });
        string(why, &mut out);
        let _ = write!(out, ",\"count\":{count}}}");
    }
    out.push_str("]}");
    out
}

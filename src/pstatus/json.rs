//! A look as JSON.

use std::fmt::Write;

use super::look::{Kind, Pace, Row};
use crate::base::clock::wall;
use crate::base::json::{row, string};

/// One object. Rates are numbers a second, or null.
pub(super) fn page(pace: &Pace<'_>) -> String {
    let now = pace.now;
    let mut out = String::from("{\"program\":");
    string(&now.program, &mut out);
    out.push_str(",\"version\":");
    string(&now.version, &mut out);
    let _ = write!(
        out,
        ",\"time\":{},\"seconds\":{:.3}",
        wall().0,
        pace.seconds()
    );
    for name in [
        "pid",
        "generation",
        "maxsession",
        "sessionstate",
        "loadstate",
    ] {
        let _ = write!(out, ",\"{name}\":");
        string(now.var(name), &mut out);
    }
    let sums = now
        .sums
        .iter()
        .map(|(name, value)| (name, *value, pace.sum(name)));
    numbers("counters", sums, &mut out);
    let events = now.events.iter();
    let events = events.map(|(name, value)| (name, *value, pace.event(name, *value)));
    numbers("events", events, &mut out);
    for kind in &now.kinds {
        objects(kind, &mut out);
    }
    list("sessions", &now.sessions, &mut out);
    out.push('}');
    out
}

fn numbers<'n>(
    key: &str,
    all: impl Iterator<Item = (&'n String, u64, Option<f64>)>,
    out: &mut String,
) {
    let _ = write!(out, ",\"{key}\":{{");
    for (n, (name, value, rate)) in all.enumerate() {
        if n > 0 {
            out.push(',');
        }
        string(name, out);
        let rate = rate.map_or("null".into(), |rate| format!("{rate:.3}"));
        let _ = write!(out, ":{{\"value\":{value},\"rate\":{rate}}}");
    }
    out.push('}');
}

/// What `KIND list` tells of each object, and what was counted for it.
fn objects(kind: &Kind, out: &mut String) {
    let _ = write!(out, ",\"{}\":[", kind.name);
    for (n, object) in kind.rows.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        let mut object_text = row(&object.line);
        if let (Some(counted), true) =
            (kind.counted(&object.text("id")), object_text.ends_with('}'))
        {
            object_text.pop();
            let _ = write!(object_text, ",\"counters\":{}}}", row(&counted.line));
        }
        out.push_str(&object_text);
    }
    out.push(']');
}

fn list(key: &str, rows: &[Row], out: &mut String) {
    let rows: Vec<_> = rows.iter().map(|line| row(&line.line)).collect();
    let _ = write!(out, ",\"{key}\":[{}]", rows.join(","));
}

//! Metrics by HTTP: a worker answers `GET /metrics` to whom an object of the
//! kind `metrics` allows it. One request a connection, bounded in octets and
//! time; whatever it says, the page is all that there is to read.

use std::net::SocketAddr;

use super::board::{MARKS, Text};
use super::config::{Config, Kind, Object};
use super::metrics::{self, Form};
use super::seat::Seat;
use super::service::Service;
use super::vars::MAXSESSION;
use crate::base::clock::{Ms, now};
use crate::base::nets;
use crate::base::vars::vars;
use crate::net::listen::Proto;
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Watch};

/// The control word of the kind.
pub(super) const NAME: &str = "metrics";

#[rustfmt::skip]
mod keys {
    use super::*;
    vars! { KEYS from 0;
        ALLOW "allow" Fixed Nets, "", "networks that may read; without it nobody may";
    }
}
use keys::ALLOW;

/// What a program adds to its kinds.
pub(crate) const KIND: Kind = Kind {
    name: NAME,
    holes: "ADDR:PORT",
    keys: keys::KEYS,
    states: &[],
    listens: Some(Proto::Tcp),
    ordered: false,
    reloads: false,
    file: None,
    counters: &[],
    mark: None,
    help: "where monitoring reads counters and states, at http://ADDR:PORT/metrics",
};

/// Octets of the longest request.
const LONGEST: usize = 8192;
/// How long the whole of it may take, in milliseconds.
const PATIENCE: Ms = 10_000;
/// Who reads at a time; one if all places for sessions are taken, since then
/// those workers are needed to say so.
const READERS: u64 = 4;
/// What readers are marked with.
const MARK: usize = MARKS - 1;

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal(u16, &'static str);

const BAD: Refusal = Refusal(400, "Bad Request");
const FORBIDDEN: Refusal = Refusal(403, "Forbidden");
const NOT_FOUND: Refusal = Refusal(404, "Not Found");
const NOT_ALLOWED: Refusal = Refusal(405, "Method Not Allowed");
const TOO_LATE: Refusal = Refusal(408, "Request Timeout");
const TOO_LONG: Refusal = Refusal(431, "Request Header Fields Too Large");
const BUSY: Refusal = Refusal(503, "Service Unavailable");
const VERSION: Refusal = Refusal(505, "HTTP Version Not Supported");

/// Serves one who has connected to `object`; from begin to end.
pub(super) fn serve<S: Service>(
    mut stream: Stream,
    peer: SocketAddr,
    object: &Object,
    config: &Config,
    seat: &Seat,
) {
    let (sessions, limit) = (seat.begin() as u64, seat.var(MAXSESSION));
    let sid = format!("{NAME}.{}.{}", seat.pid(), seat.serial());
    seat.show(Text::Sid, sid.as_bytes());
    seat.show(Text::Peer, peer.ip().to_string().as_bytes());
    seat.show(Text::Doing, NAME.as_bytes());
    let readers = if sessions > limit { 1 } else { READERS };
    let allowed = nets::holds(&nets::parse_list(object.keys.text(ALLOW)), peer.ip());
    let until = now() + PATIENCE;
    let heard = match allowed {
        false => Err(FORBIDDEN),
        true if !seat.mark(MARK, 1, readers) => Err(BUSY),
        true => hear(&mut stream, seat, until),
    };
    match heard {
        Ok(form) => {
            let page = metrics::page::<S>(&seat.board(), config, form);
            let head = head(200, "OK", kind(form), page.len());
            let text = [head, page].concat();
            if stream.write_all(text.as_bytes(), seat, &|| until).is_ok() {
                stream.finish();
            }
        }
        Err(Refusal(status, text)) => {
            event!(
                METRICS_REFUSED,
                sid,
                id = object.id,
                rip = peer.ip(),
                status = status
            );
            let body = format!("{text}\n");
            let head = head(status, text, "text/plain", body.len());
            stream.parting_words(head.as_bytes(), body.as_bytes());
        }
    }
    seat.end();
}

/// Reads a request up to its empty line.
fn hear(stream: &mut Stream, watch: &dyn Watch, until: Ms) -> Result<Form, Refusal> {
    let mut buf = vec![0; LONGEST];
    let mut len = 0;
    loop {
        let count = match stream.read(&mut buf[len..], watch, &|| until) {
            Ok(0) => return Err(BAD),
            Ok(count) => count,
            Err(Broken::Timeout) => return Err(TOO_LATE),
            Err(_) => return Err(BUSY),
        };
        len += count;
        if let Some(request) = whole(&buf[..len]) {
            return parse(request);
        }
        if len == LONGEST {
            return Err(TOO_LONG);
        }
    }
}

/// What stands before the empty line, if it is there.
fn whole(heard: &[u8]) -> Option<&[u8]> {
    let ends = |end: &[u8]| heard.windows(end.len()).position(|part| part == end);
    let end = ends(b"\r\n\r\n").into_iter().chain(ends(b"\n\n")).min()?;
    heard.get(..end)
}

/// What a request asks for (RFC 9112 section 3).
fn parse(request: &[u8]) -> Result<Form, Refusal> {
    let text = std::str::from_utf8(request).map_err(|_| BAD)?;
    let mut lines = text.lines();
    let words: Vec<_> = lines.next().unwrap_or("").split(' ').collect();
    let [method, target, version] = words[..] else {
        return Err(BAD);
    };
    match version {
        "HTTP/1.0" | "HTTP/1.1" => {}
        _ if version.starts_with("HTTP/") => return Err(VERSION),
        _ => return Err(BAD),
    }
    if method != "GET" {
        return Err(NOT_ALLOWED);
    }
    if target.split('?').next() != Some("/metrics") {
        return Err(NOT_FOUND);
    }
    let accepts = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let wanted = value.contains("application/openmetrics-text");
        (name.eq_ignore_ascii_case("accept") && wanted).then_some(())
    };
    Ok(match lines.find_map(accepts) {
        Some(()) => Form::OpenMetrics,
        None => Form::Prometheus,
    })
}

fn kind(form: Form) -> &'static str {
    match form {
        Form::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
}

fn head(status: u16, text: &str, kind: &str, length: usize) -> String {
    let allow = match status {
        405 => "Allow: GET\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.0 {status} {text}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         {allow}Connection: close\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::pair;
    use crate::net::wait::Alone;
    use std::io::Write;

    #[test]
    fn only_a_get_of_the_page_is_heard() {
        #[rustfmt::skip]
        let cases: &[(&str, Result<Form, Refusal>)] = &[
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",       Ok(Form::Prometheus)),
            ("GET /metrics?x=1 HTTP/1.0\n\n",                  Ok(Form::Prometheus)),
            ("GET /metrics HTTP/1.1\r\nACCEPT: application/openmetrics-text;version=1.0.0,*/*\r\n\r\n",
                                                               Ok(Form::OpenMetrics)),
            ("POST /metrics HTTP/1.1\r\n\r\n",                 Err(NOT_ALLOWED)),
            ("HEAD /metrics HTTP/1.1\r\n\r\n",                 Err(NOT_ALLOWED)),
            ("GET / HTTP/1.1\r\n\r\n",                         Err(NOT_FOUND)),
            ("GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n",    Err(NOT_FOUND)),
            ("GET /metrics HTTP/2.0\r\n\r\n",                  Err(VERSION)),
            ("GET /metrics\r\n\r\n",                           Err(BAD)),
            ("USER joe\r\n\r\n",                               Err(BAD)),
            ("\r\n\r\n",                                       Err(BAD)),
        ];
        for (request, wanted) in cases {
            assert_eq!(parse(request.as_bytes()), *wanted, "{request}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.0\n\n"), Err(BAD));
    }

    #[test]
    fn a_request_without_end_is_not_read_for_ever() {
        let alone = Alone::new().unwrap();
        let (mut stream, mut client) = pair();
        client.write_all(&[b'x'; LONGEST]).unwrap();
        assert_eq!(hear(&mut stream, &alone, now() + 5000), Err(TOO_LONG));
        let (mut stream, mut client) = pair();
        client.write_all(b"GET /met").unwrap();
        assert_eq!(hear(&mut stream, &alone, now() + 50), Err(TOO_LATE));
        client.write_all(b"rics HTTP/1.0\r\n").unwrap();
        drop(client);
        assert_eq!(hear(&mut stream, &alone, now() + 5000), Err(BAD));
    }
}

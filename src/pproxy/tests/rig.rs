//! What a session needs around it: a configuration, a seat, a judge, and
//! peers that say and hear what a test wants.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{JoinHandle, spawn};

use crate::auth::request::{Account, Outcome, Request};
use crate::auth::witness::Witness;
use crate::base::kv::Row;
use crate::daemon::board::Board;
use crate::daemon::config::Config;
use crate::daemon::seat::Seat;
use crate::net::stream::tests::pair;
use crate::net::wait::Broken;
use crate::pproxy::call::Failure;
use crate::pproxy::health;
use crate::pproxy::prober::Prober;
use crate::pproxy::session::Session;
use crate::pproxy::site::{Backend, Site};
use crate::pproxy::vars::{BACKEND, COUNTERS, MARK_PENDING, TABLES, VSERV};
use crate::pproxy::verify::Judge;

/// Knows everybody whose password is `secret`; `lost` has a backend that is
/// not there, `broken` a module that fails.
pub(super) struct Fake;

impl Judge for Fake {
    fn mark(&self, _: &str) -> Option<u64> {
        Some(7)
    }

    fn marked(&self, mark: u64) -> Option<&str> {
        (mark == 7).then_some("fake")
    }

    fn judge<'c>(&'c self, request: &Request<'_>, witness: &mut dyn Witness) -> Outcome<'c> {
        witness.asking(0, "fake");
        let why = "so it is".to_string();
        if request.user == b"broken" {
            return Outcome::Fail { pdm: "fake", why };
        }
        if request.password != b"secret" || request.ns != b"default" {
            let pdm = (request.user == b"known").then_some("fake");
            return Outcome::Refuse { pdm, why };
        }
        let backend = if request.user == b"lost" { "b9" } else { "b1" };
        let account = Account {
            backend: backend.into(),
            mailbox: (request.user != b"homeless").then(|| "3/joe".into()),
            user: None,
            password: None,
            master: request.user == b"master",
            extras: Vec::new(),
        };
        Outcome::Accept {
            pdm: "fake",
            vouched: None,
            account,
        }
    }
}

pub(super) struct Rig {
    board: Board,
    config: Config,
    seat: Seat,
    site: Site,
}

fn pairs(keys: &str) -> Vec<(String, String)> {
    let pair = |word: &str| {
        word.split_once('=')
            .map(|(k, v)| (k.to_string(), v.to_string()))
    };
    keys.split_whitespace().filter_map(pair).collect()
}

impl Rig {
    /// One virtual server, and a backend `b1` at `host` with these options.
    pub(super) fn new(host: &str, keys: &str) -> Rig {
        let mut config = Config::new(&TABLES);
        config.vars.set("greeting", "hello").unwrap();
        let words = |text: &str| -> Vec<String> { text.split(' ').map(String::from).collect() };
        config
            .add(BACKEND, &words(&format!("b1 {host}")), &pairs(keys))
            .unwrap();
        config
            .add(VSERV, &words("main 127.0.0.1:110"), &[])
            .unwrap();
        let hosts: Vec<_> = config.hosts().map(String::from).collect();
        for host in hosts {
            let list = host.parse().map(|at| vec![at]).unwrap_or_default();
            config.resolved.insert(host, list);
        }
        let board = Board::map(2, TABLES.areas).unwrap();
        board.give_rows(&mut config, &|_| false).unwrap();
        let slot = board.claim().unwrap();
        let mut site = Site::new(&config);
        site.resolve(&config).unwrap();
        let seat = Seat::take(board, slot, "pproxy").unwrap();
        let rig = Rig {
            board,
            config,
            seat,
            site,
        };
        rig.board.publish(&rig.config);
        rig
    }

    /// A backend at `peer`, no mail check.
    pub(super) fn xpop(peer: &Peer) -> Rig {
        Rig::new(&peer.at.to_string(), "proto=xpop")
    }

    /// A backend that must not be disturbed, and a pcheckd.
    pub(super) fn cxpop(backend: &str, check: &Checkd) -> Rig {
        Rig::new(backend, &format!("check={}", check.at))
    }

    /// Lets a `HOST:PORT` of the configuration have these addresses.
    pub(super) fn resolved(&mut self, host: &str, list: &[SocketAddr]) {
        self.config.resolved.insert(host.into(), list.to_vec());
        self.site.resolve(&self.config).unwrap();
    }

    /// Sets a variable, or an option or state: `vserv main softfail=empty`.
    pub(super) fn set(&mut self, words: &str) {
        let words: Vec<_> = words.split(' ').collect();
        let kind = |name| if name == "vserv" { VSERV } else { BACKEND };
        match words[..] {
            [name, value] => self.config.vars.set(name, value).unwrap(),
            [name, id, key] if key.contains('=') => {
                self.config.change(kind(name), id, &pairs(key)).unwrap();
            }
            [name, id, state] => self.config.switch(kind(name), state, id).unwrap(),
            _ => panic!("{words:?}"),
        }
        self.board.publish(&self.config);
        self.site = Site::new(&self.config);
        self.site.resolve(&self.config).unwrap();
    }

    /// A session with a client that sends these pieces, each in a packet of
    /// its own, and ends its direction. Returns what it heard.
    pub(super) fn talk(&self, pieces: &[&[u8]]) -> String {
        let (stream, client) = pair();
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let client = spawn(move || converse(client, &pieces));
        self.serve(stream);
        client.join().unwrap()
    }

    pub(super) fn serve(&self, stream: crate::net::stream::Stream) {
        let vserv = self.site.vserv(0).unwrap();
        let peer = "192.0.2.7:4711".parse().unwrap();
        self.seat.begin();
        Session::new(&self.site, &Fake, &self.seat, vserv, (stream, peer)).serve();
        self.seat.end();
    }

    /// Logs in as `user`, asks `STAT`, leaves.
    pub(super) fn login(&self, user: &str) -> String {
        let text = format!("USER {user}\r\nPASS secret\r\nSTAT\r\nQUIT\r\n");
        self.talk(&[text.as_bytes()])
    }

    /// A counter.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.board
            .total(COUNTERS.iter().position(|c| *c == name).unwrap())
    }

    /// What the helper does when the backend is due.
    pub(super) fn probe(&self) {
        let mut prober = Prober::default();
        prober.tend(&self.site, &self.seat);
        prober.probe(&[0], &self.site, &self.seat);
    }

    /// The backend fails once.
    pub(super) fn fails(&self) {
        let why = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let failure = Failure::connect(nobody(), Broken::Io(why));
        let backend = self.site.backend("b1").unwrap();
        backend.failed(&self.seat, &failure);
    }

    pub(super) fn is_down(&self) -> bool {
        self.site.backend("b1").unwrap().down(&self.seat).is_some()
    }

    /// What `backend list` adds.
    pub(super) fn shown(&self) -> String {
        let mut row = Row::default();
        let backend = &self.config.objects(BACKEND)[0];
        health::show(&self.board, &self.config, backend, &mut row);
        row.text()
    }

    /// Lets other sessions wait for the backend.
    pub(super) fn pending(&self, sessions: usize) {
        self.marked(sessions, Backend::key);
    }

    /// Lets other sessions wait for its pcheckd.
    pub(super) fn checking(&self, sessions: usize) {
        self.marked(sessions, Backend::check_mark);
    }

    fn marked(&self, sessions: usize, key: fn(&Backend) -> u64) {
        let key = key(self.site.backend("b1").unwrap());
        for _ in 0..sessions {
            let slot = self.board.claim().unwrap();
            self.board.set_mark(MARK_PENDING, slot, key);
        }
    }

    /// Mail checks of backend `b1` in a row that nobody answered.
    pub(super) fn silences(&self) -> u64 {
        let row = self.config.objects(BACKEND)[0].row;
        self.seat.object_cell(row, 0).load(Relaxed)
    }
}

fn converse(mut client: TcpStream, pieces: &[Vec<u8>]) -> String {
    client.set_nodelay(true).unwrap();
    for piece in pieces {
        // A session that has hung up hears no more.
        if client.write_all(piece).is_err() {
            break;
        }
        std::thread::yield_now();
    }
    let _ = client.shutdown(Shutdown::Write);
    let mut heard = Vec::new();
    let mut buf = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut buf) {
        heard.extend_from_slice(&buf[..count]);
    }
    String::from_utf8(heard).unwrap()
}

/// A backend that serves one connection.
pub(super) struct Peer {
    pub(super) at: SocketAddr,
    heard: JoinHandle<Vec<u8>>,
}

impl Peer {
    /// Hears three lines, says `answer`, hears on until the end, says
    /// `last`, and hangs up.
    pub(super) fn says(answer: &'static [u8], last: &'static [u8]) -> Peer {
        Peer::acts(move |mut stream| {
            let mut heard = Vec::new();
            while heard.iter().filter(|b| **b == b'\n').count() < 3 {
                let mut octet = [0];
                match stream.read(&mut octet) {
                    Ok(1) => heard.push(octet[0]),
                    _ => return heard,
                }
            }
            let _ = stream.write_all(answer);
            let _ = stream.read_to_end(&mut heard);
            let _ = stream.write_all(last);
            heard
        })
    }

    pub(super) fn acts(act: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let heard = spawn(move || act(listener.accept().unwrap().0));
        Peer { at, heard }
    }

    pub(super) fn heard(self) -> String {
        String::from_utf8(self.heard.join().unwrap()).unwrap()
    }
}

/// A pcheckd that answers so many questions with the same words.
pub(super) struct Checkd {
    pub(super) at: SocketAddr,
    heard: JoinHandle<Vec<u8>>,
}

impl Checkd {
    pub(super) fn says(answer: &'static [u8], times: usize) -> Checkd {
        Checkd::answers(vec![answer; times])
    }

    /// One answer after the other.
    pub(super) fn answers(answers: Vec<&'static [u8]>) -> Checkd {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let heard = spawn(move || {
            let mut heard = Vec::new();
            for answer in answers {
                let mut buf = [0; 600];
                let (count, peer) = socket.recv_from(&mut buf).unwrap();
                heard.extend_from_slice(&buf[..count]);
                socket.send_to(answer, peer).unwrap();
            }
            heard
        });
        Checkd { at, heard }
    }

    pub(super) fn heard(self) -> String {
        String::from_utf8(self.heard.join().unwrap()).unwrap()
    }
}

/// An address where nobody listens.
pub(super) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

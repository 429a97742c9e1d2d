//! The mail-check daemon: is there mail in a mailbox, how high is the load?

mod answer;
mod mail;
#[cfg(test)]
mod rig;
mod trouble;
mod vars;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::base::log;
use crate::base::nets::{self, Net};
use crate::check::keyed::CheckKey;
use crate::check::wire::Datagram;
use crate::daemon::config::{Config, Object};
use crate::daemon::seat::Seat;
use crate::daemon::service::{Origin, Service, Tables, Work};
use crate::maildir::home::Home;
use crate::net::stream::Stream;
use crate::sys::sandbox::Grants;
use vars::{ALLOW, CHECKKEY, CHROOT, Count, SERVERS, SPOOL};

static TABLES: Tables = Tables {
    name: "pcheckd",
    vars: vars::VARS,
    kinds: vars::KINDS,
    counters: vars::COUNTERS,
    areas: vars::AREAS,
    words: &[],
    errands: &[],
};

/// pcheckd(8).
pub fn main() -> ExitCode {
    crate::daemon::main::<Pcheckd>()
}

/// One `server` of the configuration.
struct Server {
    id: String,
    allow: Vec<Net>,
    /// Who asks must have one of them, if there are any.
    keys: Vec<CheckKey>,
    row: usize,
}

/// The most keys of a server: that of the proxies, and the next one.
const KEYS: usize = 2;

impl Server {
    fn new(object: &Object, config: &Config) -> Result<Server, String> {
        let files = object.keys.text(CHECKKEY).split(',');
        let key = |file: &str| {
            config.keyfiles.tell_exposed(file);
            CheckKey::parse(config.keyfiles.octets(file))
                .map_err(|why| format!("server {}: {file}: {why}", object.id))
        };
        Ok(Server {
            id: object.id.clone(),
            allow: nets::parse_list(object.keys.text(ALLOW)),
            keys: files
                .filter(|file| !file.is_empty())
                .map(key)
                .collect::<Result<_, _>>()?,
            row: object.row,
        })
    }
}

struct Pcheckd {
    home: Home,
    servers: Vec<Server>,
}

/// Is the spool to be the root directory?
fn chroots(config: &Config) -> bool {
    config.vars.number(CHROOT) == 1
}

impl Service for Pcheckd {
    const TABLES: &'static Tables = &TABLES;

    fn check(config: &Config) -> Result<(), String> {
        let many = |object: &&Object| object.keys.text(CHECKKEY).split(',').count() > KEYS;
        match config.objects(SERVERS).iter().find(many) {
            Some(object) => Err(format!(
                "server {}: checkkey names more than {KEYS} files",
                object.id
            )),
            None => Ok(()),
        }
    }

    fn before_drop(config: &Config) -> Result<Pcheckd, String> {
        let servers = config.objects(SERVERS).iter();
        Ok(Pcheckd {
            home: Home::new(config.vars.text(SPOOL), chroots(config)),
            servers: servers
                .map(|object| Server::new(object, config))
                .collect::<Result<_, _>>()?,
        })
    }

    fn root(config: &Config) -> Option<PathBuf> {
        chroots(config).then(|| config.vars.text(SPOOL).into())
    }

    fn after_drop(&mut self, config: &Config) -> Result<(), String> {
        self.home.enter(chroots(config))
    }

    fn grants(&self) -> Grants {
        self.home.grants(false)
    }

    fn replaced(&mut self) -> u32 {
        self.home.replaced()
    }

    fn after_fork(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat) {
        let (Work::Datagram { socket, bytes }, Some(server)) =
            (work, self.servers.get(origin.door))
        else {
            return;
        };
        let answer = answer::answer(self.home.path(), server, bytes, origin.peer, seat);
        let Some(datagram) = answer else {
            return;
        };
        if send(socket, &datagram, origin.peer).is_err() {
            seat.count(Count::Unsent as usize, 1);
        }
        log::about(Some(origin.peer.ip()));
        debug!(
            Check,
            "-",
            rip = origin.peer.ip(),
            question = bytes,
            answer = datagram.trim_ascii_end()
        );
    }

    /// Nobody connects to a socket of datagrams.
    fn refuse(&mut self, _: Stream, _: Origin, _: &str) {}
}

/// An answer that cannot be sent at once is lost: the proxy asks again.
fn send(socket: &UdpSocket, datagram: &Datagram, to: SocketAddr) -> io::Result<()> {
    loop {
        match socket.send_to(datagram, to) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            sent => return sent.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::ask;
    use crate::daemon::board::Board;
    use crate::net::wait::Alone;
    use crate::sys::scratch::Scratch;

    #[test]
    fn a_question_that_comes_in_through_a_door_is_answered_there() {
        let scratch = Scratch::new("pcheckd");
        std::fs::write(scratch.path().join(".popular-spool"), "").unwrap();
        let spool = scratch.path().display().to_string();
        let mut config = Config::new(&TABLES);
        config.vars.set("spool", &spool).unwrap();
        let words = ["main".to_string(), "127.0.0.1:0".to_string()];
        let allow = ("allow".to_string(), "127.0.0.0/8".to_string());
        config.add(SERVERS, &words, &[allow]).unwrap();
        let board = Board::map(1, &[]).unwrap();
        board.give_rows(&mut config, &|_| false).unwrap();
        board.publish(&config);
        let mut daemon = Pcheckd::before_drop(&config).unwrap();
        let seat = Seat::take(board, board.claim().unwrap(), "pcheckd").unwrap();

        let door = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = door.local_addr().unwrap();
        let asker = std::thread::spawn(move || {
            let (from, key) = (None, None);
            let server = ask::Server { from, to, key };
            ask::ask(server, b"3/joe", &Alone::new().unwrap(), 10_000)
        });
        let mut room = [0; 513];
        let (count, peer) = door.recv_from(&mut room).unwrap();
        let work = Work::Datagram {
            socket: &door,
            bytes: &room[..count],
        };
        daemon.serve(work, Origin { peer, door: 0 }, &seat);
        let answer = asker.join().unwrap().unwrap();
        assert!(matches!(answer, ask::Answer::Nothing));
        assert_eq!(board.total(Count::Nothing as usize), 1);
    }
}

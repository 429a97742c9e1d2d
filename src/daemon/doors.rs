//! The listening sockets that the master holds, and what they are for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::config::Config;
use super::pool::Door;
use super::vars::BACKLOG;
use crate::net::listen::{Listener, Proto};

/// One listening socket.
#[derive(Clone)]
pub(crate) struct OpenDoor {
    id: String,
    proto: Proto,
    /// As configured; the port may be 0.
    at: SocketAddr,
    listener: Arc<Listener>,
    /// Somebody else has opened it: then `at` is what was bound.
    passed: bool,
    /// He keeps it for whoever comes after us, so at our end it is not shut.
    kept: bool,
}

impl OpenDoor {
    /// Is this the socket for that object? Two objects that let the kernel
    /// choose a port are told apart by their ids.
    fn serves(&self, id: &str, proto: Proto, at: SocketAddr) -> bool {
        let same = match at.port() {
            0 if self.passed => self.at.ip() == at.ip() && self.id == id,
            0 => self.at == at && self.id == id,
            _ => self.at == at,
        };
        self.proto == proto && same
    }
}

/// All of them.
#[derive(Clone, Default)]
pub(crate) struct Doors(Vec<OpenDoor>);

impl Doors {
    /// The doors of `config`: those that are open already, those that were
    /// `passed` to us, and new ones. The first are as they were: `config` may
    /// turn out not to hold.
    ///
    /// # Errors
    /// Which address cannot be had, and why.
    pub(crate) fn open(&self, passed: &Doors, config: &Config) -> Result<Doors, String> {
        let backlog = config.vars.number(BACKLOG) as u32;
        let mut doors = Doors::default();
        for (kind, object, proto, at) in config.doors() {
            let id = config.tables.kinds[kind].socket(&object.id);
            let mut known = self.0.iter().chain(&passed.0);
            let old = known.find(|d| d.serves(&id, proto, at));
            let (listener, kept) = match old {
                Some(door) => (door.listener.clone(), door.kept),
                None => {
                    let opened = Listener::open(proto, at, backlog).map_err(|why| {
                        let kind = config.tables.kinds[kind].name;
                        format!("{kind} {}: cannot listen at {at}: {why}", object.id)
                    })?;
                    (Arc::new(opened), false)
                }
            };
            doors.0.push(OpenDoor {
                id,
                proto,
                at,
                listener,
                passed: false,
                kept,
            });
        }
        Ok(doors)
    }

    fn set_backlog(&self, backlog: u32) -> std::io::Result<()> {
        let mut doors = self.0.iter();
        doors.try_for_each(|d| d.listener.set_backlog(backlog))
    }

    /// Gives all of them this backlog, and opens again those that somebody
    /// else has shut.
    pub(crate) fn listen(&self, backlog: u32) {
        // If that fails it is tried again.
        let _ = self.set_backlog(backlog);
    }

    /// As the pool gets them: with the place of the object among its kind.
    pub(crate) fn for_pool(&self, config: &Config) -> Vec<Door> {
        let place = |kind: usize, id: &str| config.objects(kind).iter().position(|o| o.id == id);
        let doors = config.doors().zip(&self.0);
        doors
            .filter_map(|((kind, object, ..), door)| {
                Some(Door {
                    listener: door.listener.clone(),
                    kept: door.kept,
                    kind,
                    place: place(kind, &object.id)?,
                    tallies: (object.row, config.tables.kinds[kind].counters.len()),
                })
            })
            .collect()
    }

    /// Shuts, for all who hold them, the doors that are not in `kept`.
    pub(crate) fn shut_all_but(&self, kept: &Doors) {
        let gone = self.without(kept).0;
        gone.iter().for_each(|door| door.listener.close_for_all());
    }

    /// Shuts all of them at our end, but for those that somebody else keeps.
    pub(crate) fn shut(&self) {
        let ours = self.0.iter().filter(|door| !door.kept);
        ours.for_each(|door| door.listener.close_for_all());
    }

    /// Those that somebody else keeps, as they are told to another master.
    pub(crate) fn kept(&self) -> Vec<String> {
        let kept = self.0.iter().filter(|door| door.kept);
        let bound = kept.filter_map(|door| Some((door.proto, door.listener.local()?)));
        bound.map(|(proto, at)| format!("{proto:?} {at}")).collect()
    }

    /// Takes it that somebody else keeps these.
    pub(crate) fn keep(&mut self, kept: &[String]) {
        for door in &mut self.0 {
            door.kept = kept.contains(&format!("{:?} {}", door.proto, door.at));
        }
    }

    /// Says of all of them that somebody else keeps them.
    pub(crate) fn keep_all(&mut self) {
        self.0.iter_mut().for_each(|door| door.kept = true);
    }

    /// Adds a socket that somebody else has bound, under the name it was
    /// given; if it is not bound it is of no use and closed.
    pub(crate) fn pass(&mut self, id: String, listener: Listener) {
        let (proto, Some(at)) = (listener.proto(), listener.local()) else {
            return;
        };
        let (listener, passed) = (Arc::new(listener), true);
        self.0.push(OpenDoor {
            id,
            proto,
            at,
            listener,
            passed,
            kept: false,
        });
    }

    /// Those that are not in `other`.
    pub(crate) fn without(&self, other: &Doors) -> Doors {
        let is_there = |door: &OpenDoor| {
            let mut others = other.0.iter();
            others.any(|o| Arc::ptr_eq(&o.listener, &door.listener))
        };
        let left = self.0.iter().filter(|door| !is_there(door));
        Doors(left.cloned().collect())
    }

    /// Each with the name of its object and the address that was bound.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &Listener)> {
        self.0
            .iter()
            .map(|door| (door.id.as_str(), &*door.listener))
    }

    /// The address that was really bound for an object.
    pub(crate) fn address(&self, id: &str, at: &str) -> Option<SocketAddr> {
        let at: SocketAddr = at.parse().ok()?;
        self.0
            .iter()
            .find(|d| d.id == id && d.at == at)?
            .listener
            .local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_socket_is_known_by_its_address_or_by_its_name() {
        let mut doors = Doors::default();
        let at: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::open(Proto::Tcp, at, 5).unwrap();
        let bound = listener.local().unwrap();
        doors.pass("main".into(), listener);
        let serves = |id, proto, at| doors.0[0].serves(id, proto, at);
        assert!(serves("other", Proto::Tcp, bound) && serves("main", Proto::Tcp, at));
        assert!(!serves("other", Proto::Tcp, at), "any port, another name");
        assert!(!serves("main", Proto::Udp, bound), "another protocol");
        let elsewhere = SocketAddr::new("127.0.0.2".parse().unwrap(), bound.port());
        assert!(!serves("main", Proto::Tcp, elsewhere), "another address");
        assert_eq!(doors.without(&doors.clone()).each().count(), 0);
        assert_eq!(doors.without(&Doors::default()).each().count(), 1);
        // What systemd keeps is not shut at our end, nor at that of our heir.
        assert!(doors.kept().is_empty());
        doors.keep_all();
        let told = doors.kept();
        doors.shut();
        doors.keep(&[]);
        assert!(doors.kept().is_empty());
        doors.keep(&told);
        assert_eq!(doors.kept(), told);
        std::net::TcpStream::connect(bound).unwrap();
        doors.keep(&[]);
        doors.shut();
        assert!(std::net::TcpStream::connect(bound).is_err());
    }
}

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
            let listener = match old {
                Some(door) => door.listener.clone(),
                None => Arc::new(Listener::open(proto, at, backlog).map_err(|why| {
                    format!(
                        "{} {}: cannot listen at {at}: {why}",
                        config.tables.kinds[kind].name, object.id
                    )
                })?),
            };
            doors.0.push(OpenDoor {
                id,
                proto,
                at,
                listener,
                passed: false,
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
    }
}

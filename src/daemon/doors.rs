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
}

impl OpenDoor {
    /// Is this the socket for that object? Two objects that let the kernel
    /// choose a port are told apart by their ids.
    fn serves(&self, id: &str, proto: Proto, at: SocketAddr) -> bool {
        self.proto == proto && self.at == at && (at.port() != 0 || self.id == id)
    }
}

/// All of them.
#[derive(Clone, Default)]
pub(crate) struct Doors(Vec<OpenDoor>);

impl Doors {
    /// The doors of `config`: those that are open already, and new ones.
    ///
    /// # Errors
    /// Which address cannot be had, and why.
    pub(crate) fn open(&self, config: &Config) -> Result<Doors, String> {
        let backlog = config.vars.number(BACKLOG) as u32;
        let mut doors = Doors::default();
        for (kind, object, proto, at) in config.doors() {
            let old = self.0.iter().find(|d| d.serves(&object.id, proto, at));
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
                id: object.id.clone(),
                proto,
                at,
                listener,
            });
        }
        doors
            .0
            .iter()
            .try_for_each(|d| d.listener.set_backlog(backlog))
            .map_err(|why| format!("backlog: {why}"))?;
        Ok(doors)
    }

    /// As the pool gets them: with the place of the object among its kind.
    pub(crate) fn for_pool(&self, config: &Config) -> Vec<Door> {
        let place = |kind: usize, id: &str| config.objects(kind).iter().position(|o| o.id == id);
        let doors = config.doors().zip(&self.0);
        doors
            .filter_map(|((kind, object, ..), door)| {
                Some(Door {
                    listener: door.listener.clone(),
                    place: place(kind, &object.id)?,
                })
            })
            .collect()
    }

    /// Shuts, for all who hold them, the doors that are not in `kept`.
    pub(crate) fn shut_all_but(&self, kept: &Doors) {
        let lives = |door: &OpenDoor| {
            kept.0
                .iter()
                .any(|k| Arc::ptr_eq(&k.listener, &door.listener))
        };
        self.0
            .iter()
            .filter(|door| !lives(door))
            .for_each(|door| door.listener.close_for_all());
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

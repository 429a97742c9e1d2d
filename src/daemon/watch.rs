//! PRIVILEGED. `session watch`: a process of its own takes the connection of
//! the administrator, gives up its rights, and follows the session. The
//! master only keeps in mind who follows which one.

use std::sync::atomic::Ordering::Relaxed;

use super::board::Field;
use super::client::Answer;
use super::follow::{Watched, follow};
use super::load;
use super::master::Master;
use super::service::Service;
use crate::sys::proc::{Fork, fork, leave};

/// Who follows a session.
pub(super) struct Watcher {
    pid: i32,
    watched: Watched,
}

impl<S: Service> Master<S> {
    /// Lets somebody else talk to this client.
    pub(super) fn watch(&mut self, client: u64, sid: &str) -> Answer {
        match self.send_watcher(client, sid) {
            Ok(()) => Answer::Later,
            Err(why) => Answer::Err(why),
        }
    }

    fn send_watcher(&mut self, client: u64, sid: &str) -> Result<(), String> {
        let others: Vec<_> = self.watchers.iter().map(|w| w.watched).collect();
        let watched = Watched::choose(&self.board, sid, &others)?;
        self.board.ring(watched.ring).clear();
        let word = self.board.field(watched.slot, Field::Watched);
        word.store(watched.word(), Relaxed);
        let pid = match fork() {
            Ok(Fork::Parent(pid)) => pid,
            Ok(Fork::Child) => leave(i32::from(self.become_watcher(client, watched).is_err())),
            Err(why) => {
                word.store(0, Relaxed);
                return Err(format!("fork: {why}"));
            }
        };
        self.watchers.push(Watcher { pid, watched });
        self.control.as_mut().map(|c| c.give_away(client));
        Ok(())
    }

    /// In the child.
    fn become_watcher(&mut self, client: u64, watched: Watched) -> Result<(), String> {
        let stream = self.control.as_mut().and_then(|c| c.give_away(client));
        self.set_apart("watch").map_err(|why| why.to_string())?;
        let (Some(stream), Some(death)) = (stream, &self.death) else {
            return Ok(());
        };
        load::give_up_all(&self.config)?;
        follow(stream, death, &self.board, watched).map_err(|why| why.to_string())
    }

    /// A child has died; false if it followed nobody.
    pub(super) fn watcher_died(&mut self, pid: i32) -> bool {
        let Some(place) = self.watchers.iter().position(|w| w.pid == pid) else {
            return false;
        };
        let watched = self.watchers.swap_remove(place).watched;
        let word = self.board.field(watched.slot, Field::Watched);
        let _ = word.compare_exchange(watched.word(), 0, Relaxed, Relaxed);
        true
    }
}

//! PRIVILEGED. `cache flush`: what was remembered of logins is forgotten, in
//! all workers, those of generations that drain included.

use super::vars::{VSERV, vserv};
use super::verify::cache;
use crate::base::clock::now;
use crate::base::verbs::Args;
use crate::daemon::board::Board;
use crate::daemon::config::{Config, Object};
use crate::daemon::service::Said;

/// All users, or one: by name in all namespaces, or as `USER@NAMESPACE`.
/// A name may have an @ in it, so such a word is taken for both.
pub(super) fn flush(board: &Board, config: &Config, args: &Args) -> Result<Said, String> {
    let (cache, now) = (cache(board), now());
    let Some(word) = args.words.first() else {
        cache.flush(now);
        return Ok(Said::Line("all logins are forgotten".into()));
    };
    let namespace = |object: &Object| object.keys.text(vserv::NAMESPACE).to_owned();
    let mut namespaces: Vec<_> = config.objects(VSERV).iter().map(namespace).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let names = namespaces.iter().map(|ns| (ns.as_str(), word.as_str()));
    let both = word.rsplit_once('@').map(|(user, ns)| (ns, user));
    let known = names.chain(both).filter(|(ns, user)| {
        let (ns, user) = (ns.as_bytes(), user.as_bytes());
        cache.forget(ns, user, now, true)
    });
    Ok(Said::Line(match known.count() {
        0 => "nothing was remembered".into(),
        _ => "forgotten".into(),
    }))
}

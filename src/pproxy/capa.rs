//! Lists of capabilities: which one a virtual server announces.

use super::vars::{CAPA, vserv};
use crate::auth::sasl::MECHANISMS;
use crate::base::words::quote;
use crate::daemon::config::{Config, Object};
use crate::daemon::service::Said;
use crate::pop3::capa::Capabilities;

/// What a virtual server announces must be loaded, and stay so.
///
/// # Errors
/// It is not.
pub(super) fn check(config: &Config, server: &Object) -> Result<(), String> {
    let id = server.keys.text(vserv::CAPA);
    match id.is_empty() || config.find(CAPA, id).is_some() {
        true => Ok(()),
        false => Err(format!(
            "vserv {}: capa={id}: no such list is loaded; right would be: capa load {id}",
            server.id
        )),
    }
}

/// What of its list holds.
pub(super) fn of(config: &Config, server: &Object) -> Capabilities {
    let list = config.find(CAPA, server.keys.text(vserv::CAPA));
    list.map_or_else(Capabilities::default, |list| {
        Capabilities::new(&list.lines, &MECHANISMS)
    })
}

/// `capa show`: the lines that were loaded.
///
/// # Errors
/// There is no such list.
pub(super) fn show(config: &Config, id: &str) -> Result<Said, String> {
    let Some(list) = config.find(CAPA, id) else {
        let ids: Vec<_> = config.objects(CAPA).iter().map(|o| o.id.as_str()).collect();
        let id = quote(id);
        return Err(format!(
            "there is no capa {id}; there are: {}",
            ids.join(" ")
        ));
    };
    Ok(Said::Rows(list.lines.to_vec()))
}

//! `pdm test`: what the modules say of a login, one after the other, and what
//! would come of it. Runs in a process of its own, which has loaded them
//! without rights; that some module is left out at present does not count.

use std::net::IpAddr;

use super::Proxy;
use super::vars::{VSERV, vserv};
use crate::auth::request::{Outcome, Request};
use crate::auth::tell::{row_of, tell};
use crate::auth::witness::{Witness, Word};
use crate::base::kv::Row;
use crate::base::verbs::Args;
use crate::daemon::config::Config;
use crate::daemon::service::Said;
use crate::daemon::service::Say;

/// Tells what each module says as soon as it says it.
struct Minutes<'a> {
    say: Say<'a>,
}

impl Witness for Minutes<'_> {
    fn asking(&mut self, _: usize, pdm: &str) -> bool {
        (self.say)(Said::Line(format!("pdm {pdm}")));
        true
    }

    fn heard(&mut self, _: usize, pdm: &str, word: &Word<'_>) {
        (self.say)(Said::Rows(vec![row_of(pdm, word)]));
    }
}

/// NAMESPACE USER PASSWORD and perhaps ADDRESS.
///
/// # Errors
/// Which word is wrong.
pub(super) fn test(
    proxy: &Proxy,
    args: &Args,
    config: &Config,
    say: Say<'_>,
) -> Result<(), String> {
    let word = |n: usize| args.words.get(n).map_or("", String::as_str);
    let client = match word(3) {
        "" => "127.0.0.1",
        text => text
            .parse::<IpAddr>()
            .map(|_| text)
            .map_err(|_| "ADDRESS is no address")?,
    };
    let ns = word(0);
    let mut vservs = config.objects(VSERV).iter();
    let vserv = vservs.find(|object| object.keys.text(vserv::NAMESPACE) == ns);
    let request = Request {
        ns: ns.as_bytes(),
        user: word(1).as_bytes(),
        password: word(2).as_bytes(),
        vserv: vserv.map_or("", |object| &object.id),
        sid: "pdm-test",
        client: (client, "0"),
        ..Request::default()
    };
    let mut minutes = Minutes { say };
    let outcome = proxy.chain.check(&request, &mut minutes);
    let mut row = Row::default();
    row.kv("outcome", &outcome.name());
    tell(&outcome, &mut row);
    row.kv("reply", &reply(&outcome));
    (minutes.say)(Said::Rows(vec![row.text()]));
    Ok(())
}

/// The begin of what a client would be told, backends and limits aside.
fn reply(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accept { .. } => "+OK",
        Outcome::Refuse { .. } => "-ERR [AUTH]",
        Outcome::Fail { .. } => "-ERR [SYS/TEMP]",
    }
}

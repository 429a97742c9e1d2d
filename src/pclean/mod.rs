//! pclean: removes from a spool what nobody needs any more. Says what it
//! would do, and does it when told to.

mod accounts;
mod aside;
mod plan;
mod sweep;
mod tally;
mod walk;

use std::io::{self, BufReader};
use std::process::ExitCode;

use crate::base::clock::wall;
use crate::base::log;
use crate::base::opt::{self, Asked};
use crate::base::out::complain;
use crate::maildir::spool::Spool;
use crate::sys::proc::stdin_is_lost;

use accounts::Accounts;
use plan::{Plan, SYNOPSIS};
use sweep::Sweeper;
use tally::{Counts, Tally};
use walk::walk;

/// Wrong command line (sysexits.h).
const EX_USAGE: u8 = 64;
/// The list of accounts is damaged, or too short to be believed.
const EX_DATAERR: u8 = 65;
/// Not all could be done; to be tried again.
const EX_TEMPFAIL: u8 = 75;

/// The main function.
pub fn main() -> ExitCode {
    let matches = match opt::parse("pclean", SYNOPSIS, plan::options(), EX_USAGE) {
        Asked::Run(matches) => matches,
        Asked::Leave(status) => return status,
    };
    let plan = match Plan::of(&matches) {
        Ok(plan) => plan,
        Err(why) => {
            complain(format_args!("pclean: {why}\nusage: pclean {SYNOPSIS}"));
            return ExitCode::from(EX_USAGE);
        }
    };
    if let Err(why) = log::open("pclean", &plan.log) {
        complain(format_args!("pclean: log: {why}"));
        return ExitCode::from(EX_TEMPFAIL);
    }
    match run(&plan) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(EX_TEMPFAIL),
        Err((status, why)) => {
            complain(format_args!("pclean: {why}"));
            event!(CLEAN_REFUSED, "-", why = why);
            ExitCode::from(status)
        }
    }
}

/// Returns how much failed; an error if nothing was done at all.
fn run(plan: &Plan) -> Result<u64, (u8, String)> {
    let open = || Spool::open(&plan.spool).map_err(|why| (EX_TEMPFAIL, why.to_string()));
    let spool = open()?;
    let accounts = match plan.accounts {
        true => Some(read_accounts().map_err(|why| (EX_DATAERR, why))?),
        false => None,
    };
    let now = wall().0;
    let go = |count| {
        let mut sweeper = Sweeper {
            plan,
            spool: &spool,
            accounts: accounts.as_ref(),
            count,
            now,
            tally: Tally::new(plan, count),
        };
        walk(spool.top(), &mut sweeper);
        sweeper.tally
    };
    let refused = |counts: &Counts| match &accounts {
        Some(list) if !plan.force => refuse(list, counts).map(|why| (EX_DATAERR, why)),
        _ => None,
    };
    if let (Some(_), true, false) = (&accounts, plan.act, plan.force) {
        if let Some(why) = refused(&go(true).counts) {
            return Err(why);
        }
    }
    let mut tally = go(false);
    for (path, age) in &plan.aside {
        let path = plan.spool.join(path);
        aside::sweep(&path, &spool, *age, now, plan.act, &mut tally);
    }
    tally.sum_up();
    match refused(&tally.counts) {
        Some(why) if !plan.act => Err(why),
        _ => Ok(tally.counts.failed),
    }
}

fn read_accounts() -> Result<Accounts, String> {
    match stdin_is_lost() {
        true => Err("standard input is closed".into()),
        false => Accounts::read(BufReader::new(io::stdin())),
    }
}

/// Why mailboxes without an account are not removed, if that must be forced:
/// more likely than that so many are superfluous is that the list is wrong.
fn refuse(list: &Accounts, counts: &Counts) -> Option<String> {
    let Counts {
        orphans, mailboxes, ..
    } = counts;
    if list.is_empty() {
        return Some("the list of accounts is empty (--force believes it)".into());
    }
    (orphans * 100 > *mailboxes).then(|| {
        format!(
            "{orphans} of {mailboxes} mailboxes have no account, more than one in a hundred \
             (--force removes them)"
        )
    })
}

//! `mailboxlock`: one session at a time in a mailbox.

use super::vars::{Count, MAILBOX_MARK, MAILBOXLOCK, OFF, TAKEOVER, TAKEOVERAFTER};
use crate::base::clock::{Ms, now};
use crate::daemon::seat::{Holder, Seat};
use crate::maildir::Error;
use crate::maildir::spool::Mailbox;
use crate::net::wait::{Broken, wait_for};
use crate::pop3::xpop::Preamble;
use crate::sys::dir::Lock;

/// How long a session that is asked to give way may take, in milliseconds.
const PATIENCE: Ms = 2000;
/// How long we wait in any case: for one whose client has just hung up.
const MOMENT: Ms = 250;
/// Between two tries.
const STEP: Ms = 20;

/// Why a mailbox is not ours.
pub(super) enum Refused {
    /// It cannot be locked at all.
    Failed(Error),
    /// Another session has it.
    InUse,
}

/// Locks a mailbox as `mailboxlock` says; `None` if that is off.
pub(super) fn take(
    mailbox: &Mailbox,
    told: &Preamble<'_>,
    seat: &Seat,
) -> Result<Option<Lock>, Refused> {
    if seat.var(MAILBOXLOCK) == OFF {
        return Ok(None);
    }
    let key = seat.board().key(&[told.mailbox.as_bytes()]);
    let (began, mut asked) = (now(), None);
    loop {
        if let Some(lock) = mailbox.lock().map_err(Refused::Failed)? {
            seat.hold(MAILBOX_MARK, key, TAKEOVERAFTER);
            if let Some((_, from)) = asked {
                seat.count(Count::TakenOver as usize, 1);
                event!(MAILBOX_TAKEN, told.sid, mbox = told.mailbox, from = from);
            }
            return Ok(Some(lock));
        }
        if seat.var(MAILBOXLOCK) == TAKEOVER {
            asked = ask(seat, key).or(asked);
        }
        let patience = if asked.is_some() { PATIENCE } else { MOMENT };
        let pause = now() + STEP;
        let stopped = matches!(
            wait_for::<0>([], seat, &|| pause),
            Err(Broken::Stop(_) | Broken::Io(_))
        );
        if stopped || now() >= began + patience {
            return Err(give_up(seat, key, told, asked));
        }
    }
}

/// Asks who has the mailbox, if nothing moves there; his session id too.
fn ask(seat: &Seat, key: u64) -> Option<(Holder, Vec<u8>)> {
    let holder = seat.holder(MAILBOX_MARK, key)?;
    let sid = seat.sid_of(holder);
    seat.ask(holder, TAKEOVERAFTER).then_some((holder, sid))
}

fn give_up(
    seat: &Seat,
    key: u64,
    told: &Preamble<'_>,
    asked: Option<(Holder, Vec<u8>)>,
) -> Refused {
    if let Some((holder, _)) = asked {
        seat.withdraw(holder);
    }
    let holder = seat.holder(MAILBOX_MARK, key);
    seat.count(Count::InUse as usize, 1);
    event!(
        MAILBOX_IN_USE,
        told.sid,
        mbox = told.mailbox,
        by = holder.map(|holder| seat.sid_of(holder)),
    );
    Refused::InUse
}

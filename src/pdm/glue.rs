//! The C functions behind a Rust module, and the table that names them.

use crate::abi::{Answer, Buf, Config, PDM_ABI, Request, Table};
use crate::{Module, Verdict};
use std::ffi::{c_int, c_void};
use std::{mem, ptr};

/// The table of the module `M`.
pub const fn table<M: Module>() -> Table {
    assert!(M::CHECKS || M::VOUCHES, "a module checks or vouches");
    Table {
        abi: PDM_ABI,
        size: mem::size_of::<Table>() as u32,
        name: crate::name(M::NAME),
        needs: M::NEEDS,
        does: M::DOES,
        open: Some(open::<M>),
        after_fork: Some(after_fork::<M>),
        check: if M::CHECKS { Some(check::<M>) } else { None },
        vouch: if M::VOUCHES { Some(vouch::<M>) } else { None },
        stale: Some(stale::<M>),
        close: Some(close::<M>),
        reserved: [ptr::null_mut(); 8],
    }
}

/// 0, or 1 and the text: as much of it as there is room for.
fn report(result: Result<(), String>, error: Option<&mut Buf<'_>>) -> c_int {
    let Err(text) = result else { return 0 };
    if let Some(error) = error {
        error.put_cut(&text);
    }
    1
}

unsafe extern "C" fn open<M: Module>(
    config: *const Config<'_>,
    ctx: *mut *mut c_void,
    error: *mut Buf<'_>,
) -> c_int {
    // SAFETY: pdm.h: the host gives a configuration, or null, valid for this call.
    let config = unsafe { config.as_ref() };
    // SAFETY: pdm.h: the host lends a buffer, or null, to this call alone.
    let error = unsafe { error.as_mut() };
    let made = config
        .ok_or_else(|| "no configuration".to_owned())
        .and_then(M::open);
    report(
        made.map(|module| {
            let instance = Box::into_raw(Box::new(module)).cast();
            // SAFETY: pdm.h: the host gives a place for one pointer.
            unsafe { ctx.write(instance) }
        }),
        error,
    )
}

unsafe extern "C" fn after_fork<M: Module>(ctx: *mut c_void, error: *mut Buf<'_>) -> c_int {
    // SAFETY: `ctx` is the instance `open` made; the host makes one call at a time.
    let module = unsafe { ctx.cast::<M>().as_mut() };
    // SAFETY: pdm.h: the host lends a buffer, or null, to this call alone.
    let error = unsafe { error.as_mut() };
    report(module.map_or(Ok(()), M::after_fork), error)
}

unsafe extern "C" fn check<M: Module>(
    ctx: *mut c_void,
    request: *const Request<'_>,
    answer: *mut Answer<'_>,
) -> c_int {
    // SAFETY: `ctx` is the instance `open` made; the host makes one call at a time.
    let module = unsafe { ctx.cast::<M>().as_mut() };
    // SAFETY: pdm.h: the host gives a request valid for this call.
    let request = unsafe { request.as_ref() };
    // SAFETY: pdm.h: the host lends an answer to this call alone.
    let answer = unsafe { answer.as_mut() };
    ask(module, request, answer, M::check)
}

unsafe extern "C" fn vouch<M: Module>(
    ctx: *mut c_void,
    request: *const Request<'_>,
    answer: *mut Answer<'_>,
) -> c_int {
    // SAFETY: `ctx` is the instance `open` made; the host makes one call at a time.
    let module = unsafe { ctx.cast::<M>().as_mut() };
    // SAFETY: pdm.h: the host gives a request valid for this call.
    let request = unsafe { request.as_ref() };
    // SAFETY: pdm.h: the host lends an answer to this call alone.
    let answer = unsafe { answer.as_mut() };
    ask(module, request, answer, M::vouch)
}

/// Asks, if everything is there that pdm.h promises.
fn ask<M: Module>(
    module: Option<&mut M>,
    request: Option<&Request<'_>>,
    answer: Option<&mut Answer<'_>>,
    question: fn(&mut M, &Request, &mut Answer) -> Verdict,
) -> c_int {
    match (module, request, answer) {
        (Some(module), Some(request), Some(answer)) => question(module, request, answer).code(),
        _ => Verdict::Fail.code(),
    }
}

unsafe extern "C" fn stale<M: Module>(ctx: *mut c_void) -> c_int {
    // SAFETY: `ctx` is the instance `open` made; the host makes one call at a time.
    let module = unsafe { ctx.cast::<M>().as_mut() };
    module.map_or(0, M::stale)
}

unsafe extern "C" fn close<M: Module>(ctx: *mut c_void) {
    if ctx.is_null() {
        return;
    }
    // SAFETY: `ctx` came from `Box::into_raw` in `open`, and the host does not use it again.
    drop(unsafe { Box::from_raw(ctx.cast::<M>()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Str;

    struct Sample(usize);

    impl Module for Sample {
        const NAME: &'static str = "sample";

        fn open(config: &Config) -> Result<Self, String> {
            match config.args() {
                [] => Err(format!("{}: no file named", "x".repeat(600))),
                args => Ok(Sample(args.len())),
            }
        }

        fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
            answer.backend.put(request.user.octets());
            match self.0 {
                1 => Verdict::Accept,
                _ => Verdict::Refuse,
            }
        }
    }

    fn opened(args: &[Str]) -> (c_int, *mut c_void, usize) {
        let mut ctx = ptr::null_mut();
        let mut room = [0; 511];
        let mut error = Buf::new(&mut room);
        let config = Config::new(b"s", args);
        // SAFETY: all three live until the call returns.
        let code = unsafe { open::<Sample>(&config, &mut ctx, &mut error) };
        (code, ctx, error.used())
    }

    #[test]
    fn a_module_is_opened_asked_and_closed_through_its_table() {
        let (code, ctx, _) = opened(&[Str::new(b"one")]);
        assert_eq!(code, 0);
        let mut request = Request::empty();
        request.user = Str::new(b"anna");
        let (mut a, mut rest) = ([0; 8], [[0; 4]; 5]);
        let [b, c, d, e, f] = &mut rest;
        let mut answer = Answer::new([&mut a, b, c, d, e, f]);
        // SAFETY: `ctx` was opened above and is closed only below.
        let code = unsafe { check::<Sample>(ctx, &request, &mut answer) };
        assert_eq!(Verdict::from_code(code), Some(Verdict::Accept));
        assert_eq!(answer.backend.used(), 4);
        // SAFETY: `ctx` was opened above and is not used again.
        unsafe { close::<Sample>(ctx) };
        assert_eq!(&a[..4], b"anna");
    }

    #[test]
    fn an_error_longer_than_its_room_is_cut_and_not_lost() {
        let (code, ctx, used) = opened(&[]);
        assert_eq!((code, used), (1, 511));
        assert!(ctx.is_null());
    }

    #[test]
    fn what_does_not_fit_marks_the_whole_buffer() {
        let mut room = [0; 4];
        let mut buf = Buf::new(&mut room);
        assert!(buf.put(b"abc"));
        assert!(!buf.put(b"de"));
        assert!(!buf.put(b""));
        assert_eq!(buf.used(), 5);
    }
}

//! Passwords: crypt(3) of the system, and comparison in constant time.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

/// Octets of the longest password that is hashed. The time of some methods
/// grows faster than the length, and crypt(3) itself takes no more.
pub const PASSWORD_MAX: usize = 511;

#[cfg_attr(not(target_os = "openbsd"), link(name = "crypt"))]
unsafe extern "C" {
    fn crypt(password: *const c_char, setting: *const c_char) -> *const c_char;
}

/// crypt(3) answers in a static buffer. Daemons have one thread; tests have
/// more.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Whether `password` is the one behind `hash`, a crypt(3) string. A hash
/// that is no hash (`*`, `!`, the empty string, a method this system does not
/// know) matches nothing, and neither does a password with NUL or of more
/// than [`PASSWORD_MAX`] octets.
pub fn matches(password: &[u8], hash: &[u8]) -> bool {
    hashed(password, hash).is_some_and(|got| same(&got, hash))
}

/// Whether crypt(3) of this system can compute hashes like `hash`.
pub fn supported(hash: &[u8]) -> bool {
    hashed(b"probe", hash).is_some_and(|got| got.len() == hash.len())
}

/// Whether two secrets are equal, in a time that depends on the length of
/// `given` only.
pub fn same(given: &[u8], expected: &[u8]) -> bool {
    let pad: &[u8] = if expected.is_empty() { b"\0" } else { expected };
    let pairs = given.iter().zip(pad.iter().cycle());
    let differ = pairs.fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    black_box(differ == 0) & (given.len() == expected.len())
}

thread_local! {
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

/// How many hashes this thread has computed: what a question has cost, in a
/// number that no clock disturbs.
#[doc(hidden)]
pub fn computed() -> u64 {
    COMPUTED.get()
}

/// What crypt(3) makes of `password` with the method and salt of `setting`.
fn hashed(password: &[u8], setting: &[u8]) -> Option<Vec<u8>> {
    if password.len() > PASSWORD_MAX || matches!(setting.first(), None | Some(b'*' | b'!')) {
        return None;
    }
    let setting = CString::new(setting).ok()?;
    let password = CString::new(password).ok()?;
    COMPUTED.set(COMPUTED.get() + 1);
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: both strings end with NUL and outlive the call; the guard keeps others out.
    let answer = unsafe { crypt(password.as_ptr(), setting.as_ptr()) };
    let copy = (!answer.is_null()).then(|| {
        // SAFETY: crypt(3) returned a string that stays until its next call, which the guard delays.
        unsafe { CStr::from_ptr(answer) }.to_bytes().to_vec()
    });
    drop(guard);
    wipe(password.into_bytes());
    copy.filter(|text| !text.is_empty() && text[0] != b'*')
}

/// Overwrites a copy of a password before its memory is given back.
pub fn wipe(mut copy: Vec<u8>) {
    copy.fill(0);
    black_box(&copy);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA512: &[u8] = b"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";

    #[test]
    fn a_password_matches_its_own_hash_only() {
        assert!(matches(b"password", SHA512));
        assert!(!matches(b"Password", SHA512));
        assert!(!matches(b"", SHA512));
        assert!(!matches(b"password\0", SHA512));
    }

    #[test]
    fn a_hash_that_is_none_matches_nothing() {
        for hash in [
            &b""[..],
            b"*",
            b"!",
            b"*0",
            b"*1",
            b"!!",
            b"x",
            b"$99$a$b",
            b"$6$a\0b",
        ] {
            assert!(!matches(b"password", hash), "{hash:?}");
            assert!(!matches(hash, hash), "{hash:?}");
            assert!(!supported(hash), "{hash:?}");
        }
        assert!(supported(SHA512));
        assert!(!supported(&SHA512[..12]));
    }

    #[test]
    fn a_password_too_long_for_crypt_matches_nothing() {
        assert!(!matches(&[b'a'; PASSWORD_MAX + 1], SHA512));
    }

    #[test]
    fn secrets_are_the_same_only_with_the_same_length() {
        assert!(same(b"", b""));
        assert!(same(b"abc", b"abc"));
        for (a, b) in [
            ("abc", "abcabc"),
            ("abcabc", "abc"),
            ("a", ""),
            ("", "a"),
            ("\0", ""),
        ] {
            assert!(!same(a.as_bytes(), b.as_bytes()), "{a:?} {b:?}");
        }
    }
}

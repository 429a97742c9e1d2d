//! Names of messages: `BASE:INFO`, and what the base says.
//!
//! A base in our own form is `SECONDS.MmicrosecondsPpidQcounter.host,S=SIZE,W=SIZE`.
//! The core is the base without a tail `,S=SIZE,W=SIZE`: it stays the same
//! when a wrong size is mended, so it is what tells messages apart.

/// The name without info: all before the first colon.
pub(crate) fn base(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|&b| b == b':').unwrap_or(name.len());
    &name[..end]
}

/// The name without info and without sizes in our own form.
pub(crate) fn core(name: &[u8]) -> &[u8] {
    let base = base(name);
    match own_sizes(base) {
        Some((core, _, _)) => core,
        None => base,
    }
}

/// Octets in wire form as the name promises them (`W=`). Believed only if
/// `S=`, the length on disk, is there too and both can be true of one
/// message: every octet on disk may become two, and a last line end be added.
pub(crate) fn promised(name: &[u8]) -> Option<u64> {
    let mut disk = None;
    let mut wire = None;
    for field in base(name).split(|&b| b == b',').skip(1) {
        match field {
            [b'S', b'=', digits @ ..] => disk = number(digits),
            [b'W', b'=', digits @ ..] => wire = number(digits),
            _ => {}
        }
    }
    let (disk, wire) = (disk?, wire?);
    let most = disk.checked_mul(2)?.checked_add(2)?;
    (disk <= wire && wire <= most).then_some(wire)
}

/// Octets on disk as the name tells them (`S=`).
pub(crate) fn disk(name: &[u8]) -> Option<u64> {
    let mut fields = base(name).split(|&b| b == b',').skip(1);
    fields.find_map(|field| number(field.strip_prefix(b"S=")?))
}

/// Whether the message is marked as thrown away, but not yet removed (`T`).
pub(crate) fn is_trashed(name: &[u8]) -> bool {
    let info = &name[base(name).len()..];
    info.strip_prefix(b":2,")
        .is_some_and(|flags| flags.contains(&b'T'))
}

/// The base of the same message with right sizes, if it has sizes in our own
/// form; only they can be changed without giving the message another core.
pub(crate) fn mended(name: &[u8], disk: u64, wire: u64) -> Option<Vec<u8>> {
    let (core, _, _) = own_sizes(base(name))?;
    let mut new = sized(core, disk, wire);
    new.extend_from_slice(&name[base(name).len()..]);
    Some(new)
}

/// `core,S=DISK,W=WIRE`
pub(crate) fn sized(core: &[u8], disk: u64, wire: u64) -> Vec<u8> {
    [core, format!(",S={disk},W={wire}").as_bytes()].concat()
}

/// Time of delivery as the name tells it: seconds times 2^20 plus
/// microseconds. A name that does not begin with a time came at time 0.
pub(crate) fn delivered(name: &[u8]) -> u64 {
    let end = name.iter().position(|b| !b.is_ascii_digit());
    let (seconds, rest) = name.split_at(end.unwrap_or(name.len()));
    let Some(seconds) = number(seconds).filter(|&s| s < 1 << 44) else {
        return 0;
    };
    let micros = match rest {
        [b'.', b'M', tail @ ..] => {
            let end = tail.iter().position(|b| !b.is_ascii_digit());
            number(&tail[..end.unwrap_or(tail.len())])
        }
        _ => None,
    };
    seconds << 20 | micros.filter(|&m| m < 1_000_000).unwrap_or(0)
}

/// The name of the same message in `cur`, marked as seen. The flags that are
/// there stay, in the order of their letters as Maildir wants it; info of
/// another kind than `2,` is not ours to change.
pub(crate) fn seen(name: &[u8]) -> Option<Vec<u8>> {
    let (base, info) = name.split_at(base(name).len());
    let flags = match info {
        b"" | b":" => &b""[..],
        [b':', b'2', b',', flags @ ..] => flags,
        _ => return None,
    };
    if flags.contains(&b'S') {
        return None;
    }
    let at = flags.iter().position(|&f| f > b'S').unwrap_or(flags.len());
    Some([base, b":2,", &flags[..at], b"S", &flags[at..]].concat())
}

/// Splits a base `CORE,S=SIZE,W=SIZE`; `None` if it does not end so.
fn own_sizes(base: &[u8]) -> Option<(&[u8], u64, u64)> {
    let (rest, wire) = last_field(base, b",W=")?;
    let (core, disk) = last_field(rest, b",S=")?;
    (!core.is_empty()).then_some((core, disk, wire))
}

/// Splits `TEXT` + `tag` + `NUMBER`.
fn last_field<'a>(text: &'a [u8], tag: &[u8; 3]) -> Option<(&'a [u8], u64)> {
    let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (rest, digits) = text.split_at(text.len() - digits);
    Some((rest.strip_suffix(tag)?, number(digits)?))
}

/// A number of one to eighteen digits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Some(digits.iter().fold(0, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"1700000000.M000042P7Q1.host,S=10,W=12:2,F";

    #[test]
    fn sizes_in_our_form_do_not_belong_to_the_core() {
        assert_eq!(core(OURS), b"1700000000.M000042P7Q1.host");
        assert_eq!(base(OURS), b"1700000000.M000042P7Q1.host,S=10,W=12");
        assert_eq!(core(b"a,S=1"), b"a,S=1");
        assert_eq!(core(b"a,W=1,S=1"), b"a,W=1,S=1");
        assert_eq!(core(b",S=1,W=1"), b",S=1,W=1");
        assert_eq!(core(b""), b"");
    }

    #[test]
    fn absurd_sizes_promise_nothing() {
        assert_eq!(promised(OURS), Some(12));
        assert_eq!(promised(b"1.x.h,W=12,S=10"), Some(12));
        assert_eq!(promised(b"1.x.h,S=0,W=0"), Some(0));
        for name in [
            &b"1.x.h,S=10,W=9"[..],
            b"1.x.h,S=10,W=23",
            b"1.x.h,W=10",
            b"1.x.h,S=10,W=",
            b"1.x.h,S=+1,W=1",
            b"1.x.h,S=99999999999999999999,W=99999999999999999999",
            b"1.x.h:2,S=1,W=1",
        ] {
            assert_eq!(promised(name), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn the_length_on_disk_and_the_flag_for_trash_are_in_the_name() {
        assert_eq!((disk(OURS), is_trashed(OURS)), (Some(10), false));
        assert_eq!(disk(b"1.x.h,W=3,S=7:2,T"), Some(7));
        assert_eq!(disk(b"1.x.h,S=,S=x,S=9999999999999999999:2,S=1"), None);
        assert!(is_trashed(b"1.x.h:2,ST"));
        assert!(!is_trashed(b"1.T.h:1,T"));
    }

    #[test]
    fn a_mended_name_keeps_core_and_info() {
        let new = mended(OURS, 100, 103).unwrap();
        assert_eq!(new, b"1700000000.M000042P7Q1.host,S=100,W=103:2,F");
        assert_eq!(mended(b"1700000000.7.host,S=10", 1, 1), None);
    }

    #[test]
    fn the_time_of_delivery_orders_names() {
        assert_eq!(delivered(OURS), 1_700_000_000 << 20 | 42);
        assert_eq!(delivered(b"1700000000.14341_1067"), 1_700_000_000 << 20);
        assert_eq!(delivered(b"17.M99999999P1.h"), 17 << 20);
        assert_eq!(delivered(b"message"), 0);
        assert_eq!(delivered(b"99999999999999999999.x"), 0);
        assert_eq!(delivered(b""), 0);
    }

    #[test]
    fn a_seen_message_keeps_its_other_flags() {
        assert_eq!(seen(b"a").unwrap(), b"a:2,S");
        assert_eq!(seen(b"a:2,").unwrap(), b"a:2,S");
        assert_eq!(seen(b"a:2,FT").unwrap(), b"a:2,FST");
        assert_eq!(seen(b"a:2,S"), None);
        assert_eq!(seen(b"a:1,x"), None);
    }
}

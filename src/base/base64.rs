//! Base64 (RFC 4648 section 4), written by hand because what is decoded is
//! mostly a password, and no buffer of a library keeps a copy of it.

use crate::sys::secret::Secret;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `octets` to `out`, with padding and without line ends.
pub(crate) fn encode(octets: &[u8], out: &mut Vec<u8>) {
    for group in octets.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        let digit = |place: u32| DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
        out.extend((0..4u32).map(|place| match place as usize <= group.len() {
            true => digit(place),
            false => b'=',
        }));
    }
}

/// What `text` stands for; `None` if it is not base64 to the letter: no
/// octet outside the alphabet, padding to four, and no bits left over, so
/// that every sequence of octets is written in one way only.
pub(crate) fn decode(text: &[u8]) -> Option<Secret> {
    if text.len() % 4 != 0 {
        return None;
    }
    let pads = text.iter().rev().take(2).filter(|&&b| b == b'=').count();
    let mut octets = Secret::with_capacity(text.len() / 4 * 3);
    let groups = text.len() / 4;
    for (place, group) in text.chunks_exact(4).enumerate() {
        let last = place + 1 == groups;
        let pads = if last { pads } else { 0 };
        let mut three = quartet(&group[..4 - pads])?;
        let whole = octets.push(&three[..3 - pads]);
        crate::sys::secret::wipe(&mut three);
        if !whole {
            return None;
        }
    }
    Some(octets)
}

/// The octets of two to four digits; those that were padded away are 0.
fn quartet(digits: &[u8]) -> Option<[u8; 3]> {
    let mut bits = 0;
    for &digit in digits {
        bits = bits << 6 | value(digit)?;
    }
    bits <<= 6 * (4 - digits.len());
    let [_, three @ ..] = bits.to_be_bytes();
    let left_over = &three[digits.len() - 1..];
    left_over.iter().all(|&octet| octet == 0).then_some(three)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(octets: &[u8]) -> String {
        let mut out = Vec::new();
        encode(octets, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_4648_hold_in_both_directions() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}\0>?", "w78APj8="),
        ] {
            assert_eq!(encoded(plain.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).unwrap().octets(), plain.as_bytes());
        }
    }

    #[test]
    fn what_is_not_to_the_letter_is_refused() {
        for bad in [
            "=",
            "==",
            "====",
            "A===",
            "Zg=",
            "Zg",
            "Z",
            "Zh==",
            "Zm9=",
            "Zg==Zg==",
            "Zm9v=",
            "Zm9v\r",
            "Zm 9",
            "Zm9v\n",
            "Z=g=",
            "Zm_-",
            "*",
            "Zg==\0\0\0\0",
            "=Zm9",
            "\u{e4}\u{e4}",
        ] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn all_octets_come_back(octets: Vec<u8>) {
            let text = encoded(&octets);
            prop_assert!(text.len() == octets.len().div_ceil(3) * 4);
            let back = decode(text.as_bytes()).unwrap();
            prop_assert_eq!(back.octets(), &octets[..]);
        }

        #[test]
        fn what_can_be_decoded_is_written_in_one_way_only(
            text in proptest::collection::vec(prop_oneof!["[A-Za-z0-9+/=]", "[A-D=]", ".?"], 0..12)
        ) {
            let text = text.concat();
            if let Some(octets) = decode(text.as_bytes()) {
                prop_assert_eq!(encoded(octets.octets()), text);
            }
        }
    }
}

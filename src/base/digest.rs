//! Digests, by OpenSSL.

use openssl::error::ErrorStack;
use openssl::sha::Sha256;

use crate::sys::secret::wipe;

/// What SHA-256 takes at a time, in octets.
const BLOCK: usize = 64;

/// The SHA-256 digest of the parts, one behind the other, in 64 lower-case
/// hexadecimal digits.
pub(crate) fn sha256_hex(parts: &[&[u8]]) -> [u8; 64] {
    let mut digest = Digest::default();
    for part in parts {
        digest.add(part);
    }
    digest.hex()
}

/// A SHA-256 digest of what is added piece by piece.
#[derive(Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// Octets that follow those before.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// As [`sha256_hex`] gives it.
    pub(crate) fn hex(self) -> [u8; 64] {
        let mut text = [0; 64];
        hex(&self.0.finish(), &mut text);
        text
    }
}

/// Writes octets as lower-case hexadecimal digits, two each, as far as `text` goes.
pub(crate) fn hex(octets: &[u8], text: &mut [u8]) {
    for (pair, octet) in text.chunks_exact_mut(2).zip(octets) {
        pair[0] = HEX[usize::from(octet >> 4)];
        pair[1] = HEX[usize::from(octet & 15)];
    }
}

/// A key that nobody can guess.
///
/// # Errors
/// The library has no random octets.
pub(crate) fn random() -> Result<[u8; 32], ErrorStack> {
    let mut key = [0; 32];
    openssl::rand::rand_bytes(&mut key)?;
    Ok(key)
}

/// HMAC-SHA256 (RFC 2104) of the parts; each counts with its length, so that
/// no two lists of parts run together.
///
/// # Errors
/// None at present; a library that makes keys into objects may have some.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Result<[u8; 32], ErrorStack> {
    let mut hmac = Hmac::new(key);
    for part in parts {
        hmac.inner.update(&(part.len() as u64).to_be_bytes());
        hmac.inner.update(part);
    }
    Ok(hmac.finish())
}

/// HMAC-SHA256 (RFC 2104) with one key. What depends on the key alone is done
/// once, so that a short text takes two blocks of SHA-256 or three.
#[derive(Clone)]
pub(crate) struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    /// With a key of any length.
    pub(crate) fn new(key: &[u8]) -> Hmac {
        let mut block = [0; BLOCK];
        match block.get_mut(..key.len()) {
            Some(room) => room.copy_from_slice(key),
            None => block[..32].copy_from_slice(&openssl::sha::sha256(key)),
        }
        let begun = |pad: u8| {
            let mut padded = block.map(|octet| octet ^ pad);
            let mut digest = Sha256::new();
            digest.update(&padded);
            wipe(&mut padded);
            digest
        };
        let hmac = Hmac {
            inner: begun(0x36),
            outer: begun(0x5c),
        };
        wipe(&mut block);
        hmac
    }

    /// The MAC of the parts, one behind the other.
    pub(crate) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut begun = self.clone();
        for part in parts {
            begun.inner.update(part);
        }
        begun.finish()
    }

    fn finish(mut self) -> [u8; 32] {
        self.outer.update(&self.inner.finish());
        self.outer.finish()
    }
}

/// Compares secrets; how long that takes tells nothing of where they differ.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    openssl::memcmp::eq(a, b)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_count_as_one_text() {
        let known = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(&sha256_hex(&[b"abc"]), known);
        assert_eq!(&sha256_hex(&[b"a", b"", b"bc"]), known);
    }

    /// RFC 4231, sections 4.2 to 4.8 without 4.6, which cuts the MAC.
    #[test]
    fn the_mac_is_that_of_the_rfc() {
        let aa: &[u8] = &[0xaa; 131];
        let counted: Vec<u8> = (1..=25).collect();
        let long = b"This is a test using a larger than block-size key and a larger than \
            block-size data. The key needs to be hashed before being used by the HMAC algorithm.";
        #[rustfmt::skip]
        let known: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (aa, b"Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            (aa, long, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        ];
        for (key, data, mac) in known {
            let (head, tail) = data.split_at(data.len() / 2);
            let mut text = [0; 64];
            hex(&Hmac::new(key).of(&[head, tail]), &mut text);
            assert_eq!(String::from_utf8_lossy(&text), mac);
        }
    }

    #[test]
    fn no_two_lists_of_parts_have_the_same_mac() {
        let key = random().unwrap();
        let of = |key, parts: &[&[u8]]| mac(key, parts).unwrap();
        assert!(same(&of(&key, &[b"ab", b"c"]), &of(&key, &[b"ab", b"c"])));
        assert!(!same(&of(&key, &[b"ab", b"c"]), &of(&key, &[b"a", b"bc"])));
        assert!(!same(
            &of(&key, &[b"ab"]),
            &of(&random().unwrap(), &[b"ab"])
        ));
    }
}

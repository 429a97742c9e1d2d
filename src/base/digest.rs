//! Digests, by OpenSSL.

use openssl::sha::Sha256;

/// The SHA-256 digest of the parts, one behind the other, in 64 lower-case
/// hexadecimal digits.
pub(crate) fn sha256_hex(parts: &[&[u8]]) -> [u8; 64] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    let mut text = [0; 64];
    for (pair, octet) in text.chunks_exact_mut(2).zip(digest.finish()) {
        pair[0] = HEX[usize::from(octet >> 4)];
        pair[1] = HEX[usize::from(octet & 15)];
    }
    text
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
}

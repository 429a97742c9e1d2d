//! MD5 (RFC 1321), with which mailboxes are spread over directories.
//!
//! Nothing here is secret: the digest was chosen because every MTA and
//! every shell can compute it.

/// Shifts of the four rounds, RFC 1321 section 3.4.
const SHIFTS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// The digest of `octets`, as 32 hexadecimal digits in lower case.
pub(crate) fn digits(octets: &[u8]) -> String {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = octets.to_vec();
    padded.push(0x80);
    // The length in bits takes the last eight octets of the last block.
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend(((octets.len() as u64).wrapping_mul(8)).to_le_bytes());
    for block in padded.chunks_exact(64) {
        mix(&mut state, block);
    }
    let octets = state.iter().flat_map(|word| word.to_le_bytes());
    octets.map(|octet| format!("{octet:02x}")).collect()
}

/// One block of 64 octets, RFC 1321 section 3.4.
fn mix(state: &mut [u32; 4], block: &[u8]) {
    let word = |k: usize| block[k * 4..][..4].iter().rev().fold(0, eight_more);
    let [mut a, mut b, mut c, mut d] = *state;
    for i in 0..64 {
        let (f, k) = match i / 16 {
            0 => ((b & c) | (!b & d), i),
            1 => ((d & b) | (!d & c), 5 * i + 1),
            2 => (b ^ c ^ d, 3 * i + 5),
            _ => (c ^ (b | !d), 7 * i),
        };
        let sum = [a, f, sine(i), word(k % 16)];
        let sum = sum.into_iter().fold(0, u32::wrapping_add);
        let next = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        (a, d, c, b) = (d, c, b, next);
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d]) {
        *old = old.wrapping_add(new);
    }
}

fn eight_more(bits: u32, octet: &u8) -> u32 {
    bits << 8 | u32::from(*octet)
}

/// Row `i` of the table of RFC 1321 section 3.4.
fn sine(i: usize) -> u32 {
    (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_suite_of_rfc_1321_passes() {
        let cases = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (
                "abcdefghijklmnopqrstuvwxyz",
                "c3fcd3d76192e4007dfb496cca67e13b",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ];
        for (text, digest) in cases {
            assert_eq!(digits(text.as_bytes()), digest, "{text}");
        }
    }
}

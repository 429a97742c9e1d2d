//! Texts of the scoreboard.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::{Board, TEXT, TEXTS, Text};

impl Board {
    /// The words of a text: its sequence number, then the octets.
    pub(super) fn text_words(&self, slot: usize, text: Text) -> &'static [AtomicU64] {
        &self.words(slot)[TEXTS + text as usize * TEXT..][..TEXT]
    }

    /// Empties all texts of a slot.
    pub(crate) fn clear_texts(&self, slot: usize) {
        for text in [Text::Sid, Text::Peer, Text::User, Text::Doing] {
            self.set_text(slot, text, b"");
        }
    }

    /// Writes a text, cut to 64 octets. The sequence number is odd meanwhile.
    pub(crate) fn set_text(&self, slot: usize, text: Text, bytes: &[u8]) {
        let (seq, words) = self.text_words(slot, text).split_at(1);
        let before = seq[0].load(Relaxed) | 1;
        seq[0].store(before, Release);
        std::sync::atomic::fence(Release);
        for (i, word) in words.iter().enumerate() {
            let mut eight = [0; 8];
            let part = bytes.get(i * 8..).unwrap_or(&[]);
            let len = part.len().min(8);
            eight[..len].copy_from_slice(&part[..len]);
            word.store(u64::from_le_bytes(eight), Relaxed);
        }
        seq[0].store(before.wrapping_add(1), Release);
    }

    /// Reads a text; a torn one is read again, a few times at most, and
    /// shown as `?` if its writer never comes to an end.
    pub(crate) fn text(&self, slot: usize, text: Text) -> Vec<u8> {
        let (seq, words) = self.text_words(slot, text).split_at(1);
        for _ in 0..100 {
            let before = seq[0].load(Acquire);
            let mut bytes: Vec<u8> = words
                .iter()
                .flat_map(|w| w.load(Relaxed).to_le_bytes())
                .collect();
            std::sync::atomic::fence(Acquire);
            if before & 1 == 0 && seq[0].load(Relaxed) == before {
                bytes.truncate(bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()));
                return bytes;
            }
        }
        b"?".to_vec()
    }
}

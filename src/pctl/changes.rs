//! What is different between two lists of lines, each line of which stands
//! there once, as those of `config` do.

use std::collections::HashMap;

/// `- line` for each line of `old` that is gone, `+ line` for each that is
/// new in `new`, in the order in which they stand. A line that has moved is
/// gone from one place and new at the other.
pub(super) fn changes(old: &[String], new: &[String]) -> Vec<String> {
    let places: HashMap<&String, usize> = new.iter().enumerate().map(|(n, l)| (l, n)).collect();
    let shared: Vec<(usize, usize)> = old
        .iter()
        .enumerate()
        .filter_map(|(n, line)| places.get(line).map(|place| (n, *place)))
        .collect();
    let mut lines = Vec::new();
    let (mut left, mut right) = (0, 0);
    let end = [(old.len(), new.len())];
    for &(to_left, to_right) in rising(&shared).iter().chain(&end) {
        lines.extend(old[left..to_left].iter().map(|line| format!("- {line}")));
        lines.extend(new[right..to_right].iter().map(|line| format!("+ {line}")));
        (left, right) = (to_left + 1, to_right + 1);
    }
    lines
}

/// A longest choice of pairs in which the second number rises as the first
/// does, by the method of patience: each pile holds, of the choices of its
/// length, the one that ends lowest.
fn rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (n, pair) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|&top| pairs[top].1 < pair.1);
        before.push(pile.checked_sub(1).map(|under| piles[under]));
        piles.truncate(piles.len().max(pile));
        match piles.get_mut(pile) {
            Some(top) => *top = n,
            None => piles.push(n),
        }
    }
    let mut chosen = Vec::new();
    let mut next = piles.last().copied();
    while let Some(n) = next {
        chosen.push(pairs[n]);
        next = before[n];
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn what_stays_is_not_told() {
        let told = |old, new| changes(&lines(old), &lines(new)).join(" ");
        assert_eq!(told("a b c", "a b c"), "");
        assert_eq!(told("a b c", "a x c d"), "- b + x + d");
        assert_eq!(told("", "a"), "+ a");
        assert_eq!(told("a", ""), "- a");
        assert_eq!(told("a b c", "c a b"), "+ c - c");
    }

    proptest! {
        #[test]
        fn the_changes_lead_from_one_to_the_other(old in proptest::collection::hash_set(0u8..40, 0..20),
                new in proptest::collection::hash_set(0u8..40, 0..20)) {
            let text = |set: std::collections::HashSet<u8>| -> Vec<String> {
                set.into_iter().map(|n| n.to_string()).collect()
            };
            let (old, new) = (text(old), text(new));
            let told = changes(&old, &new);
            let of = |mark: &str| -> Vec<String> {
                told.iter().filter_map(|l| l.strip_prefix(mark)).map(String::from).collect()
            };
            let (gone, come) = (of("- "), of("+ "));
            let kept: Vec<_> = old.iter().filter(|l| !gone.contains(l)).collect();
            let same: Vec<_> = new.iter().filter(|l| !come.contains(l)).collect();
            prop_assert_eq!(kept, same);
        }
    }
}

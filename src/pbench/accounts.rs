//! Which load comes next, and which account of it: in turn, and not one that
//! is in use as long as there are others.

use super::load::Load;

/// The accounts of one load.
struct Range {
    first: u64,
    count: u64,
    next: u64,
    /// A bit for each: is it in use?
    busy: Vec<u64>,
    in_use: u64,
    weight: i64,
    credit: i64,
}

/// All accounts.
pub(super) struct Accounts {
    ranges: Vec<Range>,
}

impl Accounts {
    pub(super) fn new(loads: &[Load]) -> Accounts {
        let range = |load: &Load| {
            let count = load.range.1 - load.range.0 + 1;
            Range {
                first: load.range.0,
                count,
                next: 0,
                busy: vec![0; count.div_ceil(64) as usize],
                in_use: 0,
                weight: load.weight as i64,
                credit: 0,
            }
        };
        Accounts {
            ranges: loads.iter().map(range).collect(),
        }
    }

    /// The next load, by weight and evenly spread, and its next account.
    pub(super) fn next(&mut self) -> (usize, u64) {
        let total: i64 = self.ranges.iter().map(|range| range.weight).sum();
        let mut best = 0;
        for place in 0..self.ranges.len() {
            self.ranges[place].credit += self.ranges[place].weight;
            if self.ranges[place].credit > self.ranges[best].credit {
                best = place;
            }
        }
        self.ranges[best].credit -= total;
        (best, self.ranges[best].take())
    }

    /// The account is no longer in use.
    pub(super) fn give_back(&mut self, load: usize, account: u64) {
        let range = &mut self.ranges[load];
        let place = account - range.first;
        let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
        if range.busy[word] & bit != 0 {
            range.busy[word] &= !bit;
            range.in_use -= 1;
        }
    }
}

impl Range {
    fn take(&mut self) -> u64 {
        while self.in_use < self.count
            && self.busy[(self.next / 64) as usize] >> (self.next % 64) & 1 != 0
        {
            self.next = (self.next + 1) % self.count;
        }
        let place = self.next;
        self.next = (place + 1) % self.count;
        if self.in_use < self.count {
            self.busy[(place / 64) as usize] |= 1 << (place % 64);
            self.in_use += 1;
        }
        self.first + place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(words: &str) -> Accounts {
        let words: Vec<_> = words.split(' ').map(String::from).collect();
        Accounts::new(&crate::pbench::load::loads(&words).unwrap())
    }

    #[test]
    fn accounts_come_in_turn_but_for_those_in_use() {
        let mut accounts = accounts("login user=%d range=5-8");
        let mut take = |back: &[u64]| {
            back.iter()
                .for_each(|&account| accounts.give_back(0, account));
            accounts.next().1
        };
        assert_eq!([take(&[]), take(&[5]), take(&[]), take(&[7])], [5, 6, 7, 8]);
        assert_eq!([take(&[]), take(&[]), take(&[]), take(&[])], [5, 7, 8, 5]);
        assert_eq!(take(&[8]), 8);
    }

    #[test]
    fn loads_come_by_weight_and_evenly() {
        let mut accounts = accounts("login user=a weight=4 fetch user=b");
        let loads: Vec<_> = (0..10).map(|_| accounts.next().0).collect();
        assert_eq!(loads.iter().sum::<usize>(), 2);
        assert_eq!(loads[..5].iter().sum::<usize>(), 1);
    }
}

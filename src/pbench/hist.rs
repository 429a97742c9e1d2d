//! A histogram of times whose buckets grow with what they count: exact below
//! 128 microseconds, within 1.6 % above, in memory that does not grow.

/// Buckets of each power of two.
const STEPS: usize = 64;

/// Times above this, 19 hours, count as this.
const LONGEST: u64 = (1 << 36) - 1;

const BUCKETS: usize = STEPS * 31;

/// Counts of times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hist {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Hist {
    fn default() -> Hist {
        Hist {
            counts: vec![0; BUCKETS],
            total: 0,
            max: 0,
        }
    }
}

/// How often the steps of the bucket of `us` are doubled.
fn doubled(us: u64) -> u32 {
    (us / (STEPS as u64)).checked_ilog2().unwrap_or(0)
}

fn bucket(us: u64) -> usize {
    let shift = doubled(us);
    shift as usize * STEPS + (us >> shift) as usize
}

/// The longest time that a bucket counts.
fn longest(bucket: usize) -> u64 {
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    (((bucket - shift * STEPS) as u64 + 1) << shift) - 1
}

impl Hist {
    /// Counts one time.
    pub(super) fn add(&mut self, us: u64) {
        let us = us.min(LONGEST);
        self.put(bucket(us), 1, us);
    }

    /// Counts `count` times of one bucket, none longer than `max`; nothing if
    /// there is no such bucket.
    pub(super) fn put(&mut self, bucket: usize, count: u64, max: u64) {
        if let Some(place) = self.counts.get_mut(bucket) {
            *place += count;
            self.total += count;
            self.max = self.max.max(max);
        }
    }

    /// Buckets that count something, with what they count.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        let all = self.counts.iter().copied().enumerate();
        all.filter(|(_, count)| *count > 0)
    }

    /// Adds all that `other` counts.
    pub(super) fn merge(&mut self, other: &Hist) {
        for (bucket, count) in other.iter() {
            self.put(bucket, count, other.max);
        }
    }

    /// The longest time.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// The time that so many of ten thousand did not exceed; 0 of none.
    pub(super) fn at(&self, of_10000: u64) -> u64 {
        let wanted = (self.total * of_10000).div_ceil(10_000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.iter() {
            seen += count;
            if seen >= wanted {
                return longest(bucket).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_the_times_that_so_many_did_not_exceed() {
        let mut hist = Hist::default();
        assert_eq!((hist.at(5000), hist.max()), (0, 0));
        (1..=100).for_each(|us| hist.add(us));
        assert_eq!((hist.at(5000), hist.at(9900), hist.at(9990)), (50, 99, 100));
        let mut other = Hist::default();
        other.add(1 << 50);
        hist.merge(&other);
        assert_eq!((hist.max(), hist.at(9999)), (LONGEST, LONGEST));
    }

    proptest! {
        #[test]
        fn a_bucket_is_as_wide_as_promised(us in 0..=LONGEST) {
            let edge = longest(bucket(us));
            prop_assert!(bucket(us) < BUCKETS && edge >= us && edge - us <= us / 64);
            prop_assert_eq!(bucket(edge), bucket(us));
            prop_assert_eq!(bucket(edge + 1), bucket(us) + 1);
        }
    }
}

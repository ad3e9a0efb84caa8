//! When the requests of an open loop are due.

use std::time::Duration;

use clap::ValueEnum;

/// How they follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Spacing {
    /// At the same distance
    Fixed,
    /// As strangers come, none knowing of another
    Poisson,
}

/// The times since the beginning, without end.
pub(super) struct Arrivals {
    rate: f64,
    spacing: Spacing,
    random: SplitMix,
    /// How many came, and when the last one did, in seconds.
    count: f64,
    last: f64,
}

impl Arrivals {
    pub(super) fn new(rate: f64, spacing: Spacing, seed: u64) -> Self {
        Self { rate, spacing, random: SplitMix(seed), count: 0.0, last: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.last = match self.spacing {
            // Not by adding up: that would drift.
            Spacing::Fixed => self.count / self.rate,
            Spacing::Poisson => self.last - (1.0 - self.random.part()).ln() / self.rate,
        };
        self.count += 1.0;
        Duration::try_from_secs_f64(self.last).ok()
    }
}

/// `SplitMix64`: enough for times, and the same on every machine.
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 up to 1, without 1.
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / 2f64.powi(32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(spacing: Spacing, seed: u64, count: usize) -> Vec<f64> {
        let arrivals = Arrivals::new(50.0, spacing, seed);
        arrivals.take(count).map(|due| due.as_secs_f64()).collect()
    }

    #[test]
    fn fixed_times_do_not_drift() {
        let times = seconds(Spacing::Fixed, 1, 1_000_001);
        assert!(times[0].abs() < 1e-9 && (times[1] - 0.02).abs() < 1e-9);
        assert!((times[1_000_000] - 20_000.0).abs() < 1e-6);
    }

    #[test]
    fn strangers_come_as_often_as_was_said_and_not_in_step() {
        let times = seconds(Spacing::Poisson, 7, 50_000);
        assert!((times[49_999] - 1000.0).abs() < 20.0, "{}", times[49_999]);
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= 0.0));
        // Of exponential gaps, a part of 1/e is longer than the mean.
        let long = gaps.iter().filter(|gap| **gap > 0.02).count();
        assert!((17_500..19_300).contains(&long), "{long}");
    }

    #[test]
    fn a_seed_says_all_of_them() {
        assert_eq!(seconds(Spacing::Poisson, 3, 100), seconds(Spacing::Poisson, 3, 100));
        assert_ne!(seconds(Spacing::Poisson, 3, 100), seconds(Spacing::Poisson, 4, 100));
    }
}

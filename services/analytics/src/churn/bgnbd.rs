//! BG/NBD: how likely somebody is to buy again, by nothing but how often and how lately they did (Fader, Hardie and Lee 2005,
//! "Counting Your Customers the Easy Way").
//!
//! Whoever is alive buys at random at a rate of their own (gamma, shape `r`, scale `1/alpha`), and stops after a purchase with a
//! probability of their own (beta `a`, `b`). Time is in days here. Knows nothing of customers but the history of their purchases.

use super::minimise::minimise;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::{beta::ln_beta, gamma::ln_gamma};

/// Purchases of somebody: days with one after the first, and the days from the first to the latest, and to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Days with a purchase after the first.
    pub repeats: f64,
    /// Days from the first to the latest.
    pub latest: f64,
    /// Days from the first to now.
    pub now: f64,
}

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BgNbd {
    pub(super) r: f64,
    pub(super) alpha: f64,
    pub(super) a: f64,
    pub(super) b: f64,
}

/// Histories looked at: more would not move the parameters.
const LOOKED_AT: usize = 20_000;

impl BgNbd {
    /// The most likely parameters; none where there is nobody, or nobody came back.
    pub(super) fn fit(histories: &[History]) -> Option<Self> {
        let step = histories.len().div_ceil(LOOKED_AT).max(1);
        let looked_at: Vec<History> = histories.iter().step_by(step).copied().collect();
        if !looked_at.iter().any(|history| history.repeats > 0.0) {
            return None;
        }
        // In units of the mean time, so that the search begins near any time scale.
        let unit =
            looked_at.iter().map(|history| history.now).sum::<f64>() / looked_at.len() as f64;
        let mut scaled: Vec<History> = (looked_at.iter())
            .map(|h| History { repeats: h.repeats, latest: h.latest / unit, now: h.now / unit })
            .collect();
        scaled.sort_by(|one, other| one.repeats.total_cmp(&other.repeats));
        let at = |x: &[f64; 4]| {
            let [r, alpha, a, b] = x.map(f64::exp);
            Self { r, alpha, a, b }
        };
        let loss = |x: &[f64; 4]| {
            let model = at(x);
            let terms: Vec<f64> = scaled
                .par_chunks(4096)
                .map(|part| {
                    let alike = part.chunk_by(|one, other| one.repeats == other.repeats);
                    alike.map(|part| model.log_likelihood(part)).sum()
                })
                .collect();
            // A pinch of ridge, for where the data do not say where a parameter lies.
            let mean = terms.iter().sum::<f64>() / scaled.len() as f64;
            1e-5 * x.iter().map(|x| x * x).sum::<f64>() - mean
        };
        let found = at(&minimise(loss, [0.0; 4], 0.5));
        (unit.is_finite() && unit > 0.0).then_some(Self { alpha: found.alpha * unit, ..found })
    }

    /// Log of the likelihood of histories with as many repeats each: what is dear to work out depends on those alone.
    fn log_likelihood(&self, alike: &[History]) -> f64 {
        let Some(History { repeats: x, .. }) = alike.first() else { return 0.0 };
        let common = ln_gamma(self.r + x) - ln_gamma(self.r) + self.r * self.alpha.ln()
            - ln_beta(self.a, self.b);
        let betas = self.betas(*x);
        let of = |history: &History| {
            let (alive, gone) = self.terms(betas, history, 0.0);
            common + log_sum(alive, gone)
        };
        alike.iter().map(of).sum()
    }

    /// Logs of the shares of those who stopped after none of so many repeats, and after the last.
    fn betas(&self, x: f64) -> (f64, f64) {
        let alive = ln_beta(self.a, self.b + x);
        let gone =
            if x > 0.0 { ln_beta(self.a + 1.0, self.b + x - 1.0) } else { f64::NEG_INFINITY };
        (alive, gone)
    }

    /// Logs of the terms of being alive and buying nothing for another `days`, and of being gone.
    fn terms(&self, (alive, gone): (f64, f64), history: &History, days: f64) -> (f64, f64) {
        let bought = self.r + history.repeats;
        let silent = |time: f64| bought * (self.alpha + time).ln();
        (alive - silent(history.now + days), gone - silent(history.latest))
    }

    /// The probability of no purchase in the next `days`: gone already, or alive and not buying. (That of being alive says 1 of
    /// everybody who bought once, and ranks nobody.)
    pub(super) fn nothing_in(&self, days: f64, history: &History) -> f64 {
        let betas = self.betas(history.repeats);
        let (alive, gone) = self.terms(betas, history, 0.0);
        let (waits, _) = self.terms(betas, history, days);
        (log_sum(waits, gone) - log_sum(alive, gone)).exp().min(1.0)
    }

    /// Purchases in the next `days` of somebody who buys at all in them, as if nobody stopped meanwhile.
    pub(super) fn orders_of_who_comes(&self, days: f64, history: &History) -> f64 {
        let shape = self.r + history.repeats;
        let share = days / (self.alpha + history.now);
        let comes = 1.0 - (1.0 + share).powf(-shape);
        if comes > 0.0 { shape * share / comes } else { 1.0 }
    }
}

fn log_sum(one: f64, other: f64) -> f64 {
    let most = one.max(other);
    most + ((one - most).exp() + (other - most).exp()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of Fader, Hardie and Lee for CDNOW, in weeks.
    const CDNOW: BgNbd = BgNbd { r: 0.2426, alpha: 4.4135, a: 0.7929, b: 2.4258 };

    fn history(repeats: f64, latest: f64, now: f64) -> History {
        History { repeats, latest, now }
    }

    #[test]
    fn who_bought_once_is_alive_and_still_may_not_buy() {
        let one = history(0.0, 0.0, 39.0);
        let nothing = CDNOW.nothing_in(39.0, &one);
        // ((alpha + T) / (alpha + T + t)) ^ r
        let by_hand = ((4.4135_f64 + 39.0) / (4.4135 + 78.0)).powf(0.2426);
        assert!((nothing - by_hand).abs() < 1e-12, "{nothing} {by_hand}");
    }

    #[test]
    fn long_silence_of_a_frequent_buyer_says_gone() {
        let busy = CDNOW.nothing_in(13.0, &history(10.0, 38.0, 39.0));
        let silent = CDNOW.nothing_in(13.0, &history(10.0, 10.0, 39.0));
        assert!(busy < 0.25 && silent > 0.98, "{busy} {silent}");
    }
}

//! What came of an attempt, and when to try again.

use super::Options;
use cx_analytics::Timestamp;
use cx_datastore::webhooks::{Attempted, Failed, Failure};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use std::time::Duration;

/// The longest pause that a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// What went wrong, in words; none where it was delivered.
    pub error: Option<String>,
    /// How long to wait, where the receiver says so.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// No answer.
    pub(super) fn none(error: impl Into<String>) -> Self {
        Self { status: None, error: Some(error.into()), retry_after: None }
    }

    /// An answer by its head.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let error = match status.as_u16() {
            200..=299 => None,
            code @ 300..=399 => Some(format!("status {code}: redirects are not followed")),
            code => Some(format!("status {code}")),
        };
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, now))
            .map(|pause| pause.min(LONGEST_PAUSE));
        Self { status: Some(status.as_u16()), error, retry_after }
    }

    /// What the store is told after `attempts` earlier attempts. `chance`, in [0, 1], makes a pause up to a fifth longer, so that
    /// those who failed together do not come back together.
    pub(super) fn outcome(
        self,
        attempts: usize,
        chance: f64,
        now: Timestamp,
        options: &Options,
    ) -> Attempted {
        let Some(error) = self.error else { return Attempted::Delivered };
        let later =
            |pause: Duration| now.plus(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
        let again_at = options.backoff.get(attempts).map(|pause| {
            let pause = pause.mul_f64(1.0 + chance / 5.0);
            later(pause.max(self.retry_after.unwrap_or_default()))
        });
        let hopeless = i64::try_from(options.hopeless.as_micros()).unwrap_or(i64::MAX);
        Attempted::Failed(Failure {
            failed: Failed { at: now, status: self.status, error },
            again_at,
            gone: self.status == Some(410),
            hopeless_since: now.plus(-hopeless),
        })
    }
}

/// Seconds, or an instant in the form of mails (RFC 9110).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let micros = instant.as_microsecond() - now.micros();
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        // Sun, 06 Nov 1994 08:49:37 GMT
        Timestamp::from_micros(784_111_777_000_000).expect("in range")
    }

    fn answer(status: u16, retry: Option<&str>) -> Answer {
        let headers = retry.map(|text| (RETRY_AFTER, text.parse().expect("a header")));
        let status = StatusCode::from_u16(status).expect("a status");
        Answer::read(status, &headers.into_iter().collect(), now())
    }

    fn failure(answer: Answer, attempts: usize, chance: f64) -> Failure {
        match answer.outcome(attempts, chance, now(), &Options::default()) {
            Attempted::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn seconds(failure: &Failure) -> Option<i64> {
        failure.again_at.map(|at| (at.micros() - now().micros()) / 1_000_000)
    }

    #[test]
    fn only_2xx_is_a_success() {
        for status in [200, 202, 204, 299] {
            assert_eq!(
                answer(status, None).outcome(0, 0.0, now(), &Options::default()),
                Attempted::Delivered
            );
        }
        for status in [301, 302, 307, 400, 404, 429, 500, 503] {
            let failure = failure(answer(status, None), 0, 0.0);
            assert!(!failure.gone && failure.failed.status == Some(status));
            assert!(failure.failed.error.contains(&status.to_string()));
        }
        assert!(failure(answer(410, None), 0, 0.0).gone);
    }

    #[test]
    fn pauses_are_those_of_the_specification_and_end() {
        let pauses: Vec<i64> = (0..9)
            .map(|attempts| seconds(&failure(answer(500, None), attempts, 0.0)).expect("again"))
            .collect();
        assert_eq!(pauses, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(seconds(&failure(answer(500, None), 9, 0.0)), None);
        assert_eq!(seconds(&failure(Answer::none("no"), 1, 1.0)), Some(360));
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_for_none_without_end() {
        let pause = |text| seconds(&failure(answer(429, Some(text)), 0, 0.0));
        assert_eq!(pause("120"), Some(120));
        assert_eq!(pause("1"), Some(5));
        assert_eq!(pause("99999999"), Some(86_400));
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT"), Some(5));
        assert_eq!(pause("soon"), Some(5));
    }
}

//! The progress bar of an import, for people who wait.

use crate::import::ledger::Ledger;
use crate::import::source::Input;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Shows how far the files are read, and how much is stored, until it is dropped.
pub async fn show(files: &[Input], ledger: &Ledger) {
    let sizes =
        files.iter().filter_map(|input| input.path.metadata().ok()).map(|metadata| metadata.len());
    let bar = ProgressBar::new(sizes.sum());
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {elapsed} {msg}")
    {
        bar.set_style(style);
    }
    let _cleared = Cleared(&bar);
    let started = Instant::now();
    loop {
        let counts = ledger.counts();
        let stored = counts.received() - counts.rejected;
        let rate = stored as f64 / started.elapsed().as_secs_f64().max(0.001);
        bar.set_position(files.iter().map(|input| input.bytes.load(Ordering::Relaxed)).sum());
        bar.set_message(format!(
            "{} stored, {}/s, {} rejected",
            HumanCount(stored),
            HumanCount(rate as u64),
            HumanCount(counts.rejected)
        ));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Takes the bar off the screen, so that the summary stands alone.
struct Cleared<'a>(&'a ProgressBar);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

//! Logs: `tracing` to stderr, as text or as JSON lines. What is data goes to stdout and not through here.
//!
//! No log line holds what a caller sent or what is stored: ids of requests and incidents, codes, times.

use crate::config::{Global, LogFormat};
use cx_datastore::LOG_DIRECTIVES;
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Starts logging; a second call changes nothing. `RUST_LOG` wins over `--log`.
pub fn start(global: &Global) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{LOG_DIRECTIVES},{}", global.log)));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An error means that a subscriber is there already, as in tests: theirs stands.
    let _already_started = match global.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(report_panic));
}

/// Says where a panic happened. Its text is told only where it is a literal of the code: a formatted
/// one may hold what a caller sent.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload().downcast_ref::<&'static str>().unwrap_or(&"(text withheld)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panic: {text}");
}

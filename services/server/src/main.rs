//! `cx`: reads the command line, starts logging and the runtime, and does what the verb says.

use cx_server::{config, logging};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match config::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    logging::start(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return config::report(&error.into()),
    };
    match runtime.block_on(cli.verb.run(&cli.global)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => config::report(&error),
    }
}

//! The fixture: a real database for each test, a real server on a free port, the real binary.

pub mod database;
pub mod postgres;
pub mod raw;
pub mod receiver;
pub mod records;
pub mod server;

pub use database::{Database, Engine};
pub use server::{Server, reason_of, violations_of};

use std::process::Command;

/// Makes two tests of `async fn name(engine: Engine)`: `name::sqlite` and `name::postgres`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::Engine;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(super::$name(Engine::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(super::$name(Engine::Postgres)).await;
            }
        }
    )+};
}

/// The built binary, without any `CX_*` setting of the surroundings.
pub fn cx() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cx"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CX_")) {
        command.env_remove(name);
    }
    command
}

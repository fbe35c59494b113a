//! `cx migrate`: brings the database to the schema that this version needs.

use crate::config::Global;
use clap::Args;

/// Brings the database to the schema that this version needs. Safe to run twice, at once, or after a
/// kill half-way.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Only say whether the schema is the one that this version needs; ends with 1 where it is not
    #[arg(long, env = "CX_MIGRATE_CHECK")]
    check: bool,
}

impl Migrate {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let store = global.connect().await?;
        if self.check {
            store.schema_check().await?;
            println!("the schema is up to date");
        } else {
            let applied = store.migrate().await?;
            for name in &applied {
                println!("{name}");
            }
            eprintln!("{} migrations applied; the schema is up to date", applied.len());
        }
        store.close().await;
        Ok(())
    }
}

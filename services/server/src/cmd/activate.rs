//! `cx activate`: makes a segmentation the active one.

use crate::{
    cmd,
    config::{Global, Invalid},
    work,
};
use clap::Args;
use cx_datastore::{JobKind, JobState, Store};

/// Makes a segmentation the active one; an older one is the rollback.
#[derive(Debug, Args)]
pub struct Activate {
    /// The segmentation
    #[arg(value_name = "ID")]
    segmentation: String,
}

impl Activate {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let store = cmd::open(global).await?;
        let done = activate(&store, &self.segmentation).await;
        store.close().await;
        done
    }
}

async fn activate(store: &Store, id: &str) -> anyhow::Result<()> {
    let job = store.job_get(id).await?.filter(|job| job.kind == JobKind::Segmentation);
    let reason = match job.map(|job| job.state) {
        Some(JobState::Succeeded) => {
            let before = store.membership_head().await?;
            if work::refresh::activate(store, id).await? {
                let moved = store.membership_head().await? - before;
                eprintln!("segmentation {id}, active now: {moved} membership changes");
                return Ok(());
            }
            format!("there is no segmentation {id:?} any more")
        }
        Some(_) => format!("segmentation {id:?} has not succeeded"),
        None => format!("there is no segmentation {id:?}"),
    };
    Err(Invalid { key: "ID", reason }.into())
}

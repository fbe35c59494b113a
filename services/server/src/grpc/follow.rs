//! Following a log of changes: a stream that begins where it is asked to, or after what was told before, and misses nothing. What is in
//! the log is not known here.

use super::{Api, page_token, status::Refusal};
use cx_datastore::Error;
use futures::stream::BoxStream;
use std::{future::Future, time::Duration};
use tokio::time::Instant;
use tonic::Status;

/// Most changes in a message.
pub const TOLD: u64 = 1000;
/// How often is looked for changes.
const LOOK: Duration = Duration::from_millis(250);
/// How long a stream is silent at most.
const SILENT: Duration = Duration::from_secs(10);

/// Where to begin without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With what happens from now on.
    Now,
    /// With the first change there is.
    Earliest,
}

/// Where a follower stands.
pub struct Follow {
    api: Api,
    scope: Vec<String>,
    position: i64,
    begun: bool,
}

impl Follow {
    /// Begins after what a token stands for, which was given for the same scope; without one, where is asked for.
    pub async fn begin(
        api: &Api,
        scope: Vec<String>,
        token: &str,
        from: From,
    ) -> Result<Self, Refusal> {
        let resumed: Option<i64> = page_token::read(token, &as_scope(&scope))?;
        let position = match (resumed, from) {
            (Some(position), _) => position,
            (None, From::Earliest) => 0,
            (None, From::Now) => api.store.membership_head().await?,
        };
        Ok(Self { api: api.clone(), scope, position, begun: false })
    }

    /// The stream of messages: `read` gives at most [`TOLD`] changes after a position, in their order, and `write` makes a message of
    /// some and of the token that stands for them.
    pub fn stream<T, M, F>(
        self,
        read: impl Fn(i64) -> F + Send + Sync + 'static,
        position_of: fn(&T) -> i64,
        write: fn(Vec<T>, String) -> M,
    ) -> BoxStream<'static, Result<M, Status>>
    where
        T: Send + 'static,
        M: Send + 'static,
        F: Future<Output = Result<Vec<T>, Error>> + Send,
    {
        let start = (self, read);
        Box::pin(futures::stream::try_unfold(start, move |(mut follow, read)| async move {
            let changes = follow.next(&read, position_of).await?;
            let token = page_token::issue(&as_scope(&follow.scope), &follow.position);
            Ok(Some((write(changes, token), (follow, read))))
        }))
    }

    /// The next changes as soon as there are some, or none after a while. What is skipped because nobody asked for it moves the
    /// position on as well.
    async fn next<T, F>(
        &mut self,
        read: &impl Fn(i64) -> F,
        position_of: fn(&T) -> i64,
    ) -> Result<Vec<T>, Refusal>
    where
        F: Future<Output = Result<Vec<T>, Error>>,
    {
        let silence = Instant::now() + SILENT;
        let mut changes = Vec::new();
        while self.begun && changes.is_empty() && Instant::now() < silence {
            // What is committed up to here is read below, so that an empty answer moves the position up to here.
            let head = self.api.store.membership_head().await?;
            if head > self.position {
                changes = read(self.position).await?;
                self.position = changes.last().map_or(head, position_of);
                continue;
            }
            tokio::select! {
                () = self.api.stop.cancelled() => return Err(Refusal::ShuttingDown),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.begun = true;
        Ok(changes)
    }
}

fn as_scope(parts: &[String]) -> Vec<&str> {
    parts.iter().map(String::as_str).collect()
}

//! Takes playbooks on: whenever something has happened to one, every step that can be taken is.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;

/// How often is looked without having been told: what could not be taken is tried again.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// Until the engine is stopped. What was due when a process died is due when the next one starts.
pub(super) async fn work(shared: Arc<Shared>) {
    loop {
        if let Err(error) = take(&shared).await {
            tracing::error!(%error, "playbooks could not be taken on; it is tried again");
        }
        tokio::select! {
            () = shared.store.playbook_rings() => {}
            () = tokio::time::sleep(LONGEST_SLEEP) => {}
            () = shared.halted() => return,
        }
    }
}

async fn take(shared: &Shared) -> Result<(), crate::Error> {
    loop {
        let due = shared.store.due_playbooks().await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut is_troubled = false;
        for id in due {
            match shared.store.advance(id).await {
                Ok(asked) => {
                    for (run, due_at) in asked {
                        shared.queue.push(run, due_at);
                    }
                }
                Err(error) => {
                    tracing::error!(playbook_run = id, %error, "a playbook could not be taken on; it is tried again");
                    is_troubled = true;
                }
            }
        }
        if is_troubled {
            return Ok(());
        }
    }
}

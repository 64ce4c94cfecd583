//! A defect goes no further than the request that it came up in.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// What was asked for has ended in a defect of ours. Its words are in the log, and nobody else's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect;

/// Does the work. A panic in it is told in the log, and ends nothing else.
///
/// # Errors
/// It ended in a panic.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Defect> {
    // What the work has shared with others is behind locks that bear it.
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        // The place and the words have been written by the panic itself.
        tracing::error!("a request ended in a defect");
        Defect
    })
}

#[cfg(test)]
mod tests {
    use super::{Defect, caught};

    #[tokio::test]
    async fn a_panic_is_an_error_and_anything_else_comes_through() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let work = async {
            tokio::task::yield_now().await;
            "no number".parse::<u8>().unwrap()
        };
        assert_eq!(caught(work).await, Err(Defect));
    }
}

//! All that is known of a case, for those who take it elsewhere.

use super::{Run, Store, WallEntry};
use crate::{Error, Record};

impl Store {
    /// All that is known of a case.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn record(&self, case: i64) -> Result<Record, Error> {
        let oldest_first = |mut runs: Vec<Run>| {
            runs.reverse();
            runs
        };
        let wall = |mut wall: Vec<WallEntry>| {
            wall.reverse();
            wall
        };
        Ok(Record {
            at: self.clock().now(),
            case: self.case(case).await?,
            entities: self.entities(case, 0, u32::MAX).await?,
            insights: self.insights(case, 0, u32::MAX).await?,
            runs: oldest_first(self.runs(case, u32::MAX).await?),
            wall: wall(self.wall(case, None, u32::MAX).await?),
        })
    }
}

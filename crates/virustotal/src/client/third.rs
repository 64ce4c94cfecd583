//! The same questions to API v3, one object a call; `None` where API v2 is to be asked.

use super::Client;
use crate::cache::Kind;
use crate::transport::Errand;
use crate::v3::{self, Subject};
use crate::{Answer, Error, Submission};

type Answers = Vec<Result<Answer, Error>>;
type Submissions = Vec<Result<Submission, Error>>;

impl Client {
    /// Reports of objects, named as they are to be asked for.
    pub(super) async fn look_up_v3(
        &self,
        errand: &Errand<'_>,
        kind: Kind,
        texts: &[String],
    ) -> Option<Answers> {
        let ask = async |text: &String| {
            let text = text.clone();
            v3::report(errand, &Subject { kind, text }).await
        };
        self.in_turn(texts, ask).await
    }

    /// Reports of analyses, by their ids.
    pub(super) async fn poll_v3(&self, errand: &Errand<'_>, kind: Kind, ids: &[String]) -> Option<Answers> {
        self.in_turn(ids, async |id: &String| v3::poll(errand, kind, id).await)
            .await
    }

    /// New analyses: of files that are known, of URLs whether they are or not.
    pub(super) async fn submit_v3(
        &self,
        errand: &Errand<'_>,
        kind: Kind,
        texts: &[String],
    ) -> Option<Submissions> {
        let ask = async |text: &String| match kind {
            Kind::Url => v3::scan_url(errand, text).await,
            Kind::File | Kind::Domain | Kind::Ip => {
                let text = text.clone();
                v3::rescan(errand, &Subject { kind, text }).await
            }
        };
        self.in_turn(texts, ask).await
    }

    /// What API v3 says to one question; `None` where API v2 is to be asked it.
    pub(super) async fn of_v3<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        if !self.transport.speaks_v3() {
            return None;
        }
        match asked.await {
            Err(error) if self.transport.falls_back(&error) => None,
            answer => Some(answer),
        }
    }

    /// One after the other: a call of API v3 has one object, so there is one, but where API v2's batches were made before.
    async fn in_turn<T>(
        &self,
        texts: &[String],
        ask: impl AsyncFn(&String) -> Result<T, Error>,
    ) -> Option<Vec<Result<T, Error>>> {
        let mut answers = Vec::new();
        for text in texts {
            // On the heap, so that the futures of a whole action don't nest without end.
            answers.push(self.of_v3(Box::pin(ask(text))).await?);
        }
        Some(answers)
    }
}

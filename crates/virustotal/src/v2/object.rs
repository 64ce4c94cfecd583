//! Reports on domains and IP addresses: one object a call.

use super::answer::Element;
use crate::transport::{Endpoint, Errand, Payload};
use crate::{Answer, Error};

pub(crate) async fn report(
    errand: &Errand<'_>,
    endpoint: &Endpoint,
    parameter: &'static str,
    name: String,
) -> Result<Answer, Error> {
    let payload = Payload::Parameters(vec![(parameter, name)]);
    let element = errand
        .ask(endpoint, &payload, None, |answered| {
            Element::read_one(&answered.body)
        })
        .await?;
    element.into_answer().ok_or(Error::InvalidArgument {
        endpoint: endpoint.path,
    })
}

//! Reports on domains and IP addresses: one object a call.

use super::answer::Element;
use crate::transport::{Endpoint, Payload, Transport};
use crate::{Answer, Deadline, Error};

pub(crate) async fn report(
    transport: &Transport,
    endpoint: &Endpoint,
    parameter: &'static str,
    name: String,
    deadline: &Deadline,
) -> Result<Answer, Error> {
    let payload = Payload::Parameters(vec![(parameter, name)]);
    let element = transport
        .ask(endpoint, &payload, None, deadline, |answered| {
            Element::read_one(&answered.body)
        })
        .await?;
    element.into_answer().ok_or(Error::InvalidArgument {
        endpoint: endpoint.path,
    })
}

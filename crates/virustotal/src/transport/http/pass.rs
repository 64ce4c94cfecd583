//! Somebody else's request: out with the key in the caller's place, back without it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::{Answered, Http, Payload, Refusal, content_type, retry_after, with_header_key};
use crate::passing::{Passing, PassingBody};
use crate::transport::Endpoint;
use crate::{ApiKey, Error, Trouble, v3};

impl Http {
    /// What VirusTotal says to it, refusals that are about the request included. What is about the key, the quota or the
    /// server stays a refusal.
    pub(super) async fn pass(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        passing: &Passing,
        request: RequestBuilder,
        key: &ApiKey,
    ) -> Result<Answered, Refusal> {
        let timeout = self.timeout(payload);
        if passing.wants_content() {
            // Only each silence is bounded: how long content takes is for whoever reads it.
            let response = self.followed(self.in_time(request.send()).await?).await?;
            if response.status().is_success() && response.status() != StatusCode::NO_CONTENT {
                return Ok(Answered {
                    status: response.status().as_u16(),
                    content_type: content_type(&response),
                    location: None,
                    body: Vec::new(),
                    content: Some(Box::new(response)),
                });
            }
            return self.told(endpoint, payload, passing, response, key).await;
        }
        let response = request.timeout(timeout).send().await;
        let response = response.map_err(|error| self.failed(&error, timeout))?;
        self.told(endpoint, payload, passing, response, key).await
    }

    /// Content may come from another place, which is not told the key.
    async fn followed(&self, response: Response) -> Result<Response, Refusal> {
        if !response.status().is_redirection() {
            return Ok(response);
        }
        let address = self.storage(&response).map_err(Refusal::Trouble)?;
        let response = self.in_time(self.client.get(address).send()).await?;
        match response.status() {
            status if status.is_success() => Ok(response),
            // An address that has expired: another try is given another one.
            status => Err(Refusal::Trouble(Trouble::Status(status.as_u16()))),
        }
    }

    async fn told(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        passing: &Passing,
        response: Response,
        key: &ApiKey,
    ) -> Result<Answered, Refusal> {
        let (status, pause, content_type) =
            (response.status(), retry_after(&response), content_type(&response));
        tracing::Span::current().record("http.response.status_code", status.as_u16());
        let body = self.body(response, self.timeout(payload)).await?;
        let refused = match passing.is_v3() && !status.is_success() {
            true => v3::refusal(endpoint.path, status, pause, &body),
            false => None,
        };
        match refused {
            Some(refused @ (Refusal::Final(Error::Key) | Refusal::Quota(_))) => return Err(refused),
            Some(refused @ Refusal::Trouble(_)) if status.is_server_error() => return Err(refused),
            Some(_) => {}
            None if is_about_the_request(status, passing.is_v3()) => {}
            None => return Err(Refusal::of_status(endpoint, payload, status, pause)),
        }
        Ok(Answered {
            status: status.as_u16(),
            content_type,
            location: None,
            body: without_key(body, key),
            content: None,
        })
    }

    pub(super) async fn passed(
        &self,
        passing: &Passing,
        address: Option<&Url>,
        key: &ApiKey,
        sent_bytes: &Arc<AtomicU64>,
    ) -> Result<RequestBuilder, Error> {
        let url = match address {
            Some(address) => address.clone(),
            None => self.address(passing)?,
        };
        // An address for one upload is not told the key by API v2, which has it in a field.
        let with_key = !passing.is_v3() && address.is_none();
        let apikey = with_key.then(|| ("apikey".to_owned(), key.expose().to_owned()));
        let request = self.client.request(passing.method.clone(), url);
        let mut query = passing.query.clone();
        let request = match &passing.body {
            PassingBody::Empty if passing.method == Method::POST && with_key => {
                request.form(&apikey.into_iter().collect::<Vec<_>>())
            }
            PassingBody::Empty => {
                query.extend(apikey);
                request
            }
            PassingBody::Form(fields) => {
                let fields: Vec<_> = fields.iter().cloned().chain(apikey).collect();
                request.form(&fields)
            }
            PassingBody::Bytes { content_type, bytes } => {
                query.extend(apikey);
                request
                    .header(CONTENT_TYPE, content_type.as_str())
                    .body(bytes.clone())
            }
            PassingBody::File { upload, fields } => {
                let form = upload.form(sent_bytes).await?;
                let fields = fields.iter().cloned().chain(apikey);
                request.multipart(fields.fold(form, |form: Form, (name, value)| form.text(name, value)))
            }
        };
        let request = match query.is_empty() {
            true => request,
            false => request.query(&query),
        };
        Ok(match passing.is_v3() {
            true => with_header_key(request, key),
            false => request,
        })
    }

    /// Below the base address, whatever the segments are: each is escaped as one.
    fn address(&self, passing: &Passing) -> Result<Url, Error> {
        let mut url = match passing.is_v3() {
            true => self.base_v3.clone(),
            false => self.base.clone(),
        };
        url.path_segments_mut()
            .map_err(|()| Error::Settings("the VirusTotal address can't have a path".to_owned()))?
            .pop_if_empty()
            .extend(&passing.path);
        Ok(url)
    }
}

/// Whether it is an answer to the one who asks. A 204 is API v2's word for a used-up quota; API v3 has nothing to say after
/// a deletion. With a 403 API v2 says the same of a request that is not for this key and of a key that it does not know.
fn is_about_the_request(status: StatusCode, is_v3: bool) -> bool {
    match status {
        StatusCode::NO_CONTENT => is_v3,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => false,
        status => status.is_success() || status.is_client_error(),
    }
}

/// Stars in the key's place, should an answer repeat it.
fn without_key(mut body: Vec<u8>, key: &ApiKey) -> Vec<u8> {
    let key = key.expose().as_bytes();
    let mut start = 0;
    while let Some(rest) = body.get_mut(start..)
        && let Some(place) = rest.windows(key.len().max(1)).position(|part| part == key)
    {
        if let Some(found) = rest.get_mut(place..place + key.len()) {
            found.fill(b'*');
        }
        start += place + key.len();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::without_key;
    use crate::ApiKey;

    #[test]
    fn an_answer_that_repeats_the_key_is_handed_on_without_it() {
        let key = ApiKey::parse("c0ffee").unwrap();
        let clean = |text: &str| String::from_utf8(without_key(text.into(), &key)).unwrap();
        assert_eq!(clean("a c0ffee, c0ffeec0ffee"), "a ******, ************");
        assert_eq!(clean("c0ffe"), "c0ffe");
        assert_eq!(clean(""), "");
    }
}

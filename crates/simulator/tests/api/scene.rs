//! A running simulator and a plain HTTP client.

use std::time::Duration;

use serde_json::Value;
use simulator::{Builder, DEMO_KEY, Running, Simulator};
use tokio::runtime::Runtime;

pub(crate) const EICAR_MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
pub(crate) const EICAR_SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

pub(crate) struct Scene {
    pub(crate) running: Running,
    agent: ureq::Agent,
    _runtime: Runtime,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Scene {
    pub(crate) fn new(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let running = runtime
            .block_on(settings(Simulator::builder().scan_for(Duration::from_millis(200))).start())
            .unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(5)))
            .build()
            .into();
        Self {
            running,
            agent,
            _runtime: runtime,
        }
    }

    pub(crate) fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(endpoint, form).unwrap()
    }

    pub(crate) fn try_post(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        let url = format!("{}{endpoint}", self.running.base_url());
        let mut response = self.agent.post(url).send_form(form.iter().copied())?;
        Ok(Answer {
            status: response.status().as_u16(),
            body: response.body_mut().read_to_string()?,
        })
    }

    pub(crate) fn get(&self, endpoint: &str, query: &[(&str, &str)]) -> Answer {
        let url = format!("{}{endpoint}", self.running.base_url());
        let mut response = self
            .agent
            .get(url)
            .query_pairs(query.iter().copied())
            .call()
            .unwrap();
        Answer {
            status: response.status().as_u16(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    /// A POST with the demo key.
    pub(crate) fn ask(&self, endpoint: &str, name: &str, value: &str) -> Value {
        self.post(endpoint, &[("apikey", DEMO_KEY), (name, value)]).json()
    }

    pub(crate) fn upload(&self, url: &str, key: Option<&str>, content: &[u8]) -> Answer {
        let boundary = "XXXXXXXX";
        let mut body = Vec::new();
        if let Some(key) = key {
            let part =
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"apikey\"\r\n\r\n{key}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let request = self.agent.post(url).header(
            "Content-Type",
            format!("multipart/form-data; boundary={boundary}"),
        );
        let mut response = request.send(body.as_slice()).unwrap();
        Answer {
            status: response.status().as_u16(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }
}

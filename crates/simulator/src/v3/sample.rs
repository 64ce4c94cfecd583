//! The reference's samples of API v3, by the path they answer.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::BASE;
use crate::samples::hashes_of;
use crate::standing::all;
use crate::world::Memory;

/// See the module.
#[derive(Default)]
pub(crate) struct Samples {
    /// Whole answers by path below the base; a file's by each hash.
    objects: HashMap<String, Arc<Value>>,
    /// Items of relationships by path below the base.
    lists: HashMap<String, Vec<Value>>,
}

impl Samples {
    pub(super) fn object(&self, path: &str) -> Option<Arc<Value>> {
        self.objects.get(path).cloned()
    }

    pub(super) fn list(&self, path: &str) -> Option<&Vec<Value>> {
        self.lists.get(path)
    }

    /// An object's samples go where a sample of API v2 that has no partner here takes its place.
    pub(crate) fn forget(&mut self, object: &str, name: &str) {
        if name.starts_with("seed_") {
            self.objects.remove(object);
            let below = format!("{object}/");
            self.lists.retain(|path, _| !path.starts_with(&below));
        }
    }
}

impl Memory {
    pub(crate) fn put_v3_sample(&mut self, value: &Value) {
        match value.get("data") {
            Some(Value::Array(items)) => self.put_list(value, items),
            Some(object) => self.put_object(value, object),
            None => {}
        }
    }

    fn put_object(&mut self, value: &Value, object: &Value) {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let value = Arc::new(value.clone());
        let id = text("id");
        if let Some(hashes) = object.get("attributes").and_then(hashes_of) {
            for hash in all(&hashes) {
                self.sampled_hashes.insert(hash.clone(), hashes.clone());
                let path = format!("files/{hash}");
                self.v3_samples.objects.insert(path, Arc::clone(&value));
            }
            return;
        }
        let collection = match text("type") {
            "url" => "urls",
            "domain" => "domains",
            "ip_address" => "ip_addresses",
            _ => "analyses",
        };
        self.v3_samples
            .objects
            .insert(format!("{collection}/{id}"), value);
    }

    /// Pages of one collection come together: an item that is there stays as it is.
    fn put_list(&mut self, value: &Value, items: &[Value]) {
        let address = value
            .get("links")
            .and_then(|links| links.get("self")?.as_str())
            .unwrap_or_default();
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let path = path.split_once(BASE).map_or("", |(_, path)| path);
        if let Some(key) = path.strip_suffix("/comments") {
            for comment in self.comments.get_mut(key).into_iter().flatten() {
                let own = |item: &&Value| {
                    item.pointer("/attributes/text").and_then(Value::as_str) == Some(comment.text.as_str())
                };
                comment.sample = items.iter().find(own).cloned();
            }
            return;
        }
        let list = self.v3_samples.lists.entry(path.to_owned()).or_default();
        for item in items {
            if !list.iter().any(|known| known.get("id") == item.get("id")) {
                list.push(item.clone());
            }
        }
    }
}

//! What the engines say: the part of a report that counts, and nine tenths of its bytes.
//!
//! Read straight from the text: a tree of values in between would cost five times the time and memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::field::{as_count, as_flag, as_text};

/// What one engine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its name, such as `ESET-NOD32` or `CLEAN MX`.
    pub name: String,
    /// Whether it flags the object; an engine that doesn't say counts as not flagging.
    pub detected: bool,
    /// Its own words: a malware name, `clean site`, …
    pub result: Option<String>,
    /// Version of its signatures, mostly `YYYYMMDD`; engines for URLs have none.
    pub update: Option<String>,
}

/// `scans` of a report, in its order; anything but an object is none.
#[derive(Default)]
pub(super) struct Engines(pub(super) Vec<Engine>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    detected: Value,
    result: Value,
    update: Value,
}

impl Engines {
    /// The number that a report gives, else what the engines add up to.
    pub(super) fn positives(&self, given: &Value) -> Option<u64> {
        let flagged = || self.0.iter().filter(|engine| engine.detected).count() as u64;
        as_count(given).or_else(|| (!self.0.is_empty()).then(flagged))
    }

    /// Likewise.
    pub(super) fn total(&self, given: &Value) -> Option<u64> {
        as_count(given).or_else(|| (!self.0.is_empty()).then_some(self.0.len() as u64))
    }
}

/// An object; anything else becomes the default.
#[derive(Default)]
pub(super) struct Lenient<T>(pub(super) T);

/// How a JSON object is read.
pub(super) trait FromObject<'de>: Default {
    fn from_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

impl<'de> FromObject<'de> for Engines {
    fn from_object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut engines = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let entry = map.next_value::<Lenient<Entry>>()?.0;
            engines.push(Engine {
                name,
                detected: as_flag(&entry.detected).unwrap_or(false),
                result: as_text(&entry.result),
                update: as_text(&entry.update),
            });
        }
        Ok(Self(engines))
    }
}

impl<'de> FromObject<'de> for Entry {
    fn from_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de, T: FromObject<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(ObjectOrNothing(PhantomData))
            .map(Self)
    }
}

struct ObjectOrNothing<T>(PhantomData<T>);

impl<'de, T: FromObject<'de>> Visitor<'de> for ObjectOrNothing<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

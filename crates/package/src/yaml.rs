//! YAML that old and new readers understand alike.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Error;

/// Text that YAML 1.1 would take for something else (`no`, a date, a number) is quoted, because the hub's reader speaks 1.1.
pub(crate) fn write(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let text = serde_saphyr::to_string(value).map_err(|error| Error::Yaml(error.to_string()))?;
    Ok(text.into_bytes())
}

/// A map in the order given.
pub(crate) struct Ordered<K, V>(pub(crate) Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Ordered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

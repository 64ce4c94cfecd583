//! Entities: the things in a case.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// One entity, with every field that the platform sent: unknown ones are kept and written back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Its text; the platform stores it in upper case.
    pub identifier: String,
    /// Enrichment, and the platform's own notes such as `OriginalIdentifier`.
    #[serde(default, deserialize_with = "or_default")]
    pub additional_properties: Map<String, Value>,
    /// What kind of thing it is.
    pub entity_type: EntityType,
    /// An asset of the own network.
    #[serde(default, deserialize_with = "or_default")]
    pub is_internal: bool,
    /// Somebody found it suspicious; an action sets this and never clears it.
    #[serde(default, deserialize_with = "or_default")]
    pub is_suspicious: bool,
    /// Some action has added fields.
    #[serde(default, deserialize_with = "or_default")]
    pub is_enriched: bool,
    /// Fields this version knows nothing of.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Null is as good as absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Where the platform keeps the text as it came.
const ORIGINAL_IDENTIFIER: &str = "OriginalIdentifier";

impl Entity {
    /// A new entity of that text and type.
    #[must_use]
    pub fn new(identifier: impl Into<String>, entity_type: EntityType) -> Self {
        Self {
            identifier: identifier.into(),
            additional_properties: Map::new(),
            entity_type,
            is_internal: false,
            is_suspicious: false,
            is_enriched: false,
            rest: Map::new(),
        }
    }

    /// The text as it came into the case, before the platform upper-cased it; needed where case matters (URLs).
    #[must_use]
    pub fn original_identifier(&self) -> &str {
        match self.additional_properties.get(ORIGINAL_IDENTIFIER) {
            Some(Value::String(text)) if !text.trim().is_empty() => text,
            _ => &self.identifier,
        }
    }

    /// Adds fields, replacing those of the same name, and marks the entity as enriched.
    pub fn enrich(&mut self, fields: &Map<String, Value>) {
        self.additional_properties.extend(fields.clone());
        self.is_enriched = true;
    }
}

macro_rules! entity_types {
    ($($variant:ident = $name:literal,)*) => {
        /// What kind of thing an entity is; custom types are kept by name.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the platform's names speak for themselves")]
        pub enum EntityType { $($variant,)* Other(Box<str>) }

        impl EntityType {
            /// The platform's name, such as `DestinationURL`.
            #[must_use]
            pub fn name(&self) -> &str {
                match self { $(Self::$variant => $name,)* Self::Other(name) => name }
            }

            /// The type of that name, whatever its case.
            #[must_use]
            pub fn named(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($name) { return Self::$variant; })*
                Self::Other(name.into())
            }
        }
    };
}

// Source: the SDK's list of entity types.
entity_types! {
    Alert = "ALERT", Hostname = "HOSTNAME", User = "USERUNIQNAME", Address = "ADDRESS", MacAddress = "MacAddress",
    Process = "PROCESS", ParentProcess = "PARENTPROCESS", ChildProcess = "CHILDPROCESS", FileName = "FILENAME",
    FileHash = "FILEHASH", ParentHash = "PARENTHASH", ChildHash = "CHILDHASH", Url = "DestinationURL",
    ThreatSignature = "THREATSIGNATURE", EmailSubject = "EMAILSUBJECT", Usb = "USB", Event = "EVENT", CveId = "CVEID",
    Deployment = "DEPLOYMENT", CreditCard = "CREDITCARD", PhoneNumber = "PHONENUMBER", Cve = "CVE",
    ThreatActor = "THREATACTOR", ThreatCampaign = "THREATCAMPAIGN", Generic = "GENERICENTITY",
    SourceDomain = "SOURCEDOMAIN", DestinationDomain = "DESTINATIONDOMAIN", IpSet = "IPSET", Cluster = "CLUSTER",
    Application = "APPLICATION", Database = "DATABASE", Pod = "POD", Container = "CONTAINER", Service = "SERVICE",
    Domain = "DOMAIN",
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for EntityType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EntityType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Entity, EntityType};

    #[test]
    fn unknown_fields_and_types_come_back_as_they_were() {
        let sent = json!({
            "identifier": "HTTP://A.EXAMPLE/X",
            "additional_properties": {"OriginalIdentifier": "http://a.example/x", "Other_Score": 7},
            "entity_type": "MyOwnType", "is_internal": false, "is_suspicious": true, "is_enriched": false,
            "is_pivot": true, "case_identifier": "4711"
        });
        let entity: Entity = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(entity.original_identifier(), "http://a.example/x");
        assert_eq!(entity.entity_type, EntityType::Other("MyOwnType".into()));
        assert_eq!(serde_json::to_value(&entity).unwrap(), sent);
    }

    #[test]
    fn types_are_known_whatever_their_case() {
        assert_eq!(EntityType::named("filehash"), EntityType::FileHash);
        assert_eq!(EntityType::named("DESTINATIONURL").name(), "DestinationURL");
    }

    #[test]
    fn enrichment_replaces_its_own_fields_and_keeps_the_others() {
        let mut entity = Entity::new("x", EntityType::FileHash);
        entity
            .additional_properties
            .insert("Other_Score".to_owned(), Value::from(7));
        let fields = |n: u64| Map::from_iter([("VT_positives".to_owned(), Value::from(n))]);
        entity.enrich(&fields(1));
        entity.enrich(&fields(2));
        assert_eq!(
            Value::Object(entity.additional_properties.clone()),
            json!({"Other_Score": 7, "VT_positives": 2})
        );
        assert!(entity.is_enriched);
    }
}

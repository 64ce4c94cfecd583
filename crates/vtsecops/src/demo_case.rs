//! The case of the demo: an invoice that was none.

use std::io;
use std::path::{Path, PathBuf};

use secops::{Alert, Case, Entity, EntityType, Host, HostError, Insight};
use serde_json::Map;

/// A case on this machine, and where its files are.
pub(crate) struct DemoCase {
    pub(crate) case: Case,
    /// Insights in the order they came.
    pub(crate) insights: Vec<Insight>,
    /// Files that the alert found.
    pub(crate) files: Vec<PathBuf>,
}

impl DemoCase {
    /// The case; its two harmless files are written into `folder`.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let contents = [
            // Contents that the simulator has never seen, so that they are uploaded.
            ("invoice_2026-11.pdf.exe", "simulate:positives=37\nMZ11\n"),
            (
                "delivery-note.txt",
                "Delivery note no. 20-0004\nThank you for your order.\n",
            ),
        ];
        let mut files = Vec::new();
        for (name, content) in contents {
            let path = folder.join(name);
            std::fs::write(&path, content)?;
            files.push(path);
        }
        let mut entities = vec![
            entity("44d88612fea8a8f36de82e1278abb02f", EntityType::FileHash),
            entity(
                "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
                EntityType::FileHash,
            ),
            entity("http://malicious.example/payload.php", EntityType::Url),
            entity("198.51.100.7", EntityType::Address),
            entity("10.20.30.40", EntityType::Address),
            entity("www.example.co.in", EntityType::Hostname),
            entity("billing@sparse.example", EntityType::User),
        ];
        entities.extend(contents.map(|(name, _)| entity(name, EntityType::FileName)));
        let alert = Alert {
            identifier: "alert-1".to_owned(),
            name: "Mail attachment started a program that called out".to_owned(),
            domain_entities: entities,
            rest: Map::new(),
        };
        let case = Case {
            identifier: "4711".to_owned(),
            title: "Invoice that was none".to_owned(),
            environment: "Default Environment".to_owned(),
            cyber_alerts: vec![alert],
            rest: Map::new(),
        };
        Ok(Self {
            case,
            insights: Vec::new(),
            files,
        })
    }

    /// All entities, in the order of the alerts.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.case
            .cyber_alerts
            .iter()
            .flat_map(|alert| &alert.domain_entities)
    }
}

/// The platform keeps identifiers in upper case and the text as it came beside it.
fn entity(text: &str, entity_type: EntityType) -> Entity {
    let mut entity = Entity::new(text.to_uppercase(), entity_type);
    entity
        .additional_properties
        .insert("OriginalIdentifier".to_owned(), text.into());
    entity
}

impl Host for DemoCase {
    async fn update_entities(&mut self, entities: &[Entity]) -> Result<(), HostError> {
        for known in self
            .case
            .cyber_alerts
            .iter_mut()
            .flat_map(|alert| &mut alert.domain_entities)
        {
            let same = |entity: &&Entity| {
                entity.identifier == known.identifier && entity.entity_type == known.entity_type
            };
            if let Some(entity) = entities.iter().find(same) {
                known.clone_from(entity);
            }
        }
        Ok(())
    }

    async fn add_insights(&mut self, insights: &[Insight]) -> Vec<Result<(), HostError>> {
        self.insights.extend_from_slice(insights);
        insights.iter().map(|_| Ok(())).collect()
    }
}

//! Instances of integrations: a name and settings, which are sealed.

use jiff::Timestamp;
use secops::Parameters;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use super::people::audit;
use super::{Store, Turn, time, to_json};
use crate::Error;

/// An instance of an integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The integration's identifier.
    pub integration: String,
    /// When its settings were last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Instance {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            name: row.try_get("name")?,
            integration: row.try_get("integration")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

/// Where the settings of an instance are sealed for.
pub(super) fn place(name: &str) -> String {
    format!("instance {name}")
}

impl Store {
    /// Makes an instance, or replaces its settings.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that can't be used.
    pub async fn save_instance(
        &self,
        name: &str,
        integration: &str,
        settings: &Parameters,
        by: &str,
    ) -> Result<(), Error> {
        let (name, integration) = (name.trim(), integration.trim());
        for (what, text) in [
            ("an instance's name", name),
            ("an integration's identifier", integration),
        ] {
            if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
                return Err(Error::Invalid(format!(
                    "{what} has 1 to 64 characters, and no control characters"
                )));
            }
        }
        let sealed = self.sealer.seal(&place(name), &to_json(settings)?)?;
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        sqlx::query(
            "INSERT INTO instance (name, integration, sealed, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET integration = $2, sealed = $3, updated_at = $4",
        )
        .bind(name)
        .bind(integration)
        .bind(sealed)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        audit(&mut transaction, by, "saved an instance", name, integration, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// All instances, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        let rows = sqlx::query("SELECT name, integration, updated_at FROM instance ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(Instance::read).collect()
    }

    /// An instance with its settings; `None` where there is none of that name.
    ///
    /// # Errors
    /// [`Error::Damaged`] where they can't be opened: the key is another one.
    pub async fn instance(&self, name: &str) -> Result<Option<(Instance, Parameters)>, Error> {
        let row = sqlx::query("SELECT * FROM instance WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let instance = Instance::read(&row)?;
        let opened = self
            .sealer
            .open(&place(&instance.name), &row.try_get::<String, _>("sealed")?)?;
        let settings = serde_json::from_str(&opened);
        let settings = settings.map_err(|error| Error::Damaged(format!("settings of {name}: {error}")))?;
        Ok(Some((instance, settings)))
    }

    /// Removes an instance. Runs that are not over and need it fail.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_instance(&self, name: &str, by: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let removed = sqlx::query("DELETE FROM instance WHERE name = $1")
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        if removed.rows_affected() == 0 {
            return Err(Error::not_found("instance", name));
        }
        audit(&mut transaction, by, "removed an instance", name, "", now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

//! A browser that shows widgets.

use std::ops::Deref;

use integration::Action;
use serde_json::Value;

/// A Chromium.
pub(crate) struct Browser(test_browser::Browser);

impl Deref for Browser {
    type Target = test_browser::Browser;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Browser {
    /// `None` where the machine has none.
    pub(crate) async fn start() -> Option<Self> {
        test_browser::Browser::start().await.map(Self)
    }

    /// Opens an action's widget on a result, as the platform would fill it in.
    pub(crate) async fn show(&self, action: Action, result: &Value) {
        let page = crate::page::filled(action, &result.to_string(), false);
        self.open(&page).await;
    }
}

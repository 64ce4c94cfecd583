//! A whole action of another integration: it greets every user of the alert.
//!
//! The platform starts it with its order on standard input: `hello APP_KEY True < order.json`

use std::process::ExitCode;

use secops::platform::{Ending, PlatformAction, PlatformError, PlatformRun};
use secops::{ActionResult, EntityType, Host, Insight, ScriptResult, Severity};

struct Hello;

impl PlatformAction for Hello {
    fn integration(&self) -> &str {
        "Greetings"
    }

    fn name(&self) -> &str {
        "Hello"
    }

    async fn run(&self, run: &mut PlatformRun) -> Ending {
        match greet(run).await {
            Ok(message) => result(true, &message).into(),
            Err(error) => self.failed(&error.to_string()).into(),
        }
    }

    fn failed(&self, message: &str) -> ActionResult {
        result(false, message).failed()
    }
}

async fn greet(run: &mut PlatformRun) -> Result<String, PlatformError> {
    let configuration = run.platform().configuration().await?;
    let word = configuration
        .text("Greeting")
        .ok()
        .flatten()
        .unwrap_or("Hello".to_owned());
    let mut users = run.platform().targets().await?;
    users.retain(|entity| entity.entity_type == EntityType::User);
    let mut insights = Vec::new();
    for user in &mut users {
        user.enrich(&[("Greeted".to_owned(), true.into())].into_iter().collect());
        let text = format!("{word}, {}!", user.original_identifier());
        insights.push(Insight::on_entity(user, text, Severity::Informative, "Greetings"));
    }
    for error in run
        .platform()
        .add_insights(&insights)
        .await
        .into_iter()
        .filter_map(Result::err)
    {
        run.log().warn(&error.to_string());
    }
    match run.platform().update_entities(&users).await {
        Ok(()) => Ok(format!("Greeted {} users.", users.len())),
        Err(error) => Ok(format!(
            "Greeted {} users, which could not be stored: {error}",
            users.len()
        )),
    }
}

fn result(is_success: bool, message: &str) -> ActionResult {
    ActionResult::new("Hello", ScriptResult::text("is_success", is_success), message)
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    secops::platform::main(&Hello, &arguments)
}

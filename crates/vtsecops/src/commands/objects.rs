//! `vtsecops related`, `comment`, `vote`, `download` and `search`: what only API v3 has.

use std::path::Path;
use std::process::ExitCode;

use integration::Action;
use secops::{Entity, EntityType, Parameters};
use virustotal::FileHash;

use super::run::{self, Order, resolve};
use crate::cli::{
    Asking, CommentArguments, DownloadArguments, RelatedArguments, SearchArguments, Values, VoteArguments,
};
use crate::failure::Failure;
use crate::{input, settings};

pub(crate) fn related(arguments: &RelatedArguments) -> Result<ExitCode, Failure> {
    let mut parameters = Parameters::new().with("Relationships", arguments.relationships.as_str());
    if let Some(limit) = &arguments.limit {
        parameters = parameters.with("Limit", limit.as_str());
    }
    let targets = targets(&arguments.values)?;
    run(Action::GetRelationships, targets, parameters, &arguments.asking)
}

pub(crate) fn comment(arguments: &CommentArguments) -> Result<ExitCode, Failure> {
    let text = match &arguments.text_file {
        Some(path) => read(path)?,
        None => arguments.text.clone().unwrap_or_default(),
    };
    let parameters = Parameters::new().with("Comment", text);
    run(
        Action::AddComment,
        targets(&arguments.values)?,
        parameters,
        &arguments.asking,
    )
}

pub(crate) fn vote(arguments: &VoteArguments) -> Result<ExitCode, Failure> {
    let parameters = Parameters::new().with("Vote", arguments.verdict.as_str());
    run(
        Action::AddVote,
        targets(&arguments.values)?,
        parameters,
        &arguments.asking,
    )
}

pub(crate) fn download(arguments: &DownloadArguments) -> Result<ExitCode, Failure> {
    let values = &arguments.values;
    let hashes = input::collect(&values.values, values.file.as_deref(), "hashes")?;
    let targets = hashes
        .into_iter()
        .map(|hash| Entity::new(hash, EntityType::FileHash));
    let parameters = Parameters::new().with("Folder", arguments.folder.as_str());
    run(
        Action::DownloadFile,
        targets.collect(),
        parameters,
        &arguments.asking,
    )
}

pub(crate) fn search(arguments: &SearchArguments) -> Result<ExitCode, Failure> {
    let mut parameters = Parameters::new().with("Query", arguments.query.as_str());
    if let Some(limit) = &arguments.limit {
        parameters = parameters.with("Limit", limit.as_str());
    }
    run(Action::Search, Vec::new(), parameters, &arguments.asking)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} can't be read: {error}", path.display())))
}

fn targets(values: &Values) -> Result<Vec<Entity>, Failure> {
    let values = input::collect(
        &values.values,
        values.file.as_deref(),
        "hashes, URLs, IP addresses or domains",
    )?;
    Ok(values.into_iter().map(entity).collect())
}

/// A value tells by itself what it is.
fn entity(value: String) -> Entity {
    let plain = virustotal::object::refang(&value);
    let entity_type = match () {
        () if FileHash::parse(&plain).is_ok() => EntityType::FileHash,
        () if plain.contains('/') => EntityType::Url,
        () if plain.trim().parse::<std::net::IpAddr>().is_ok() => EntityType::Address,
        () => EntityType::Domain,
    };
    Entity::new(value, entity_type)
}

fn run(
    action: Action,
    targets: Vec<Entity>,
    parameters: Parameters,
    asking: &Asking,
) -> Result<ExitCode, Failure> {
    let flags = settings::flags(&asking.connection, &asking.waiting, &asking.showing, None, None);
    let (resolved, file) = resolve(&flags, &asking.connection)?;
    let order = Order {
        action,
        targets,
        parameters,
        policy: None,
        connection: &asking.connection,
        waiting: &asking.waiting,
        showing: &asking.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

#[cfg(test)]
mod tests {
    use secops::EntityType::{Address, Domain, FileHash, Url};

    use super::entity;

    #[test]
    fn a_value_tells_what_it_is() {
        for (value, expected) in [
            ("44d88612fea8a8f36de82e1278abb02f", FileHash),
            ("hxxps://bad[.]example/x", Url),
            ("bad.example/login", Url),
            ("198[.]51.100.7", Address),
            ("2001:db8::1", Address),
            ("bad[.]example", Domain),
        ] {
            assert_eq!(entity(value.to_owned()).entity_type, expected, "{value}");
        }
    }
}

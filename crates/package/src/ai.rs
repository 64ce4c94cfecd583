//! What the platform's AI reads of the integration: `resources/ai/*.yaml`, and a part of it in the built declarations.
//!
//! Every key has to be there, so each map below is written whole: the keys are listed here, what holds is in [`words`].

mod words;

use integration::{Action, Definition, ParameterKind};
use secops::EntityType;
use serde::Serialize;

use crate::Error;
use crate::yaml::{self, Ordered};
pub(crate) use words::{About, about};

/// What an action does for an investigation, of the platform's 27 kinds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Tells what is known of an indicator.
    EnrichIoc,
    /// Fetches a file.
    DownloadFile,
    /// Has a file analysed.
    SubmitFile,
}

impl Outcome {
    const fn key(self) -> &'static str {
        match self {
            Self::EnrichIoc => "enrich_ioc",
            Self::DownloadFile => "download_file",
            Self::SubmitFile => "submit_file",
        }
    }

    /// As the built form calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::EnrichIoc => "Enrich IOC (Indicator of Compromise)",
            Self::DownloadFile => "Download File",
            Self::SubmitFile => "Submit File",
        }
    }
}

const OUTCOMES: [&str; 27] = [
    "enrich_ioc",
    "enrich_asset",
    "update_alert",
    "add_alert_comment",
    "create_ticket",
    "update_ticket",
    "add_ioc_to_blocklist",
    "remove_ioc_from_blocklist",
    "add_ioc_to_allowlist",
    "remove_ioc_from_allowlist",
    "disable_identity",
    "enable_identity",
    "contain_host",
    "uncontain_host",
    "reset_identity_password",
    "update_identity",
    "search_events",
    "execute_command_on_the_host",
    "download_file",
    "send_email",
    "search_email",
    "delete_email",
    "update_email",
    "submit_file",
    "send_message",
    "search_asset",
    "get_alert_information",
];

/// The AI's names of the entity types beside the platform's.
const ENTITY_TYPES: [(&str, EntityType); 35] = [
    ("address", EntityType::Address),
    ("alert", EntityType::Alert),
    ("application", EntityType::Application),
    ("child_hash", EntityType::ChildHash),
    ("child_process", EntityType::ChildProcess),
    ("cluster", EntityType::Cluster),
    ("container", EntityType::Container),
    ("credit_card", EntityType::CreditCard),
    ("cve", EntityType::Cve),
    ("cve_id", EntityType::CveId),
    ("database", EntityType::Database),
    ("deployment", EntityType::Deployment),
    ("destination_domain", EntityType::DestinationDomain),
    ("domain", EntityType::Domain),
    ("email_message", EntityType::EmailSubject),
    ("event", EntityType::Event),
    ("file_hash", EntityType::FileHash),
    ("file_name", EntityType::FileName),
    ("generic", EntityType::Generic),
    ("host_name", EntityType::Hostname),
    ("ip_set", EntityType::IpSet),
    ("mac_address", EntityType::MacAddress),
    ("parent_hash", EntityType::ParentHash),
    ("parent_process", EntityType::ParentProcess),
    ("phone_number", EntityType::PhoneNumber),
    ("pod", EntityType::Pod),
    ("process", EntityType::Process),
    ("service", EntityType::Service),
    ("source_domain", EntityType::SourceDomain),
    ("threat_actor", EntityType::ThreatActor),
    ("threat_campaign", EntityType::ThreatCampaign),
    ("threat_signature", EntityType::ThreatSignature),
    ("url", EntityType::Url),
    ("usb", EntityType::Usb),
    ("user", EntityType::User),
];

/// By what an action may choose entities.
const FILTERS: [&str; 13] = [
    "filters_by_identifier",
    "filters_by_creation_time",
    "filters_by_modification_time",
    "filters_by_additional_properties",
    "filters_by_case_identifier",
    "filters_by_alert_identifier",
    "filters_by_entity_type",
    "filters_by_is_internal",
    "filters_by_is_suspicious",
    "filters_by_is_artifact",
    "filters_by_is_vulnerable",
    "filters_by_is_enriched",
    "filters_by_is_pivot",
];

const PRODUCTS: [&str; 11] = [
    "siem",
    "edr",
    "network_security",
    "threat_intelligence",
    "email_security",
    "iam_and_identity_management",
    "cloud_security",
    "itsm",
    "vulnerability_management",
    "asset_inventory",
    "collaboration",
];

type Map<V> = Ordered<&'static str, V>;

/// Text or truth.
#[derive(Serialize)]
#[serde(untagged)]
enum Item {
    Text(&'static str),
    Truth(bool),
    Nothing,
    Truths(Map<bool>),
}

#[derive(Serialize)]
struct Entry {
    ai_description: &'static str,
    ai_short_description: &'static str,
    parameters_description: String,
    entity_usage: Map<Item>,
    outcome_categories: Map<Item>,
    capabilities: Map<Item>,
}

/// The files by name.
pub(crate) fn files() -> Result<[(&'static str, Vec<u8>); 2], Error> {
    let actions = Action::ALL
        .iter()
        .map(|action| (action.definition().name, entry(*action)));
    let mut products = vec![("reasoning", Item::Text(words::PRODUCT))];
    products.extend(PRODUCTS.map(|name| (name, Item::Truth(name == "threat_intelligence"))));
    Ok([
        (
            "actions_ai_description.yaml",
            yaml::write(&Ordered(actions.collect()))?,
        ),
        (
            "integration_ai_description.yaml",
            yaml::write(&Ordered(vec![("product_categories", Ordered(products))]))?,
        ),
    ])
}

/// What the action is good for, as the built form calls it.
pub(crate) fn outcome_names(action: Action) -> Vec<&'static str> {
    about(action)
        .outcomes
        .iter()
        .map(|outcome| outcome.name())
        .collect()
}

/// A table, or the sentence that the hub asks for where there is nothing to list.
pub(crate) fn parameters_description(definition: &Definition) -> String {
    if definition.parameters.is_empty() {
        return "There are no parameters for this action".to_owned();
    }
    let rows = definition.parameters.iter().map(|parameter| {
        let kind = match parameter.kind {
            ParameterKind::Text => "text",
            ParameterKind::Password => "password",
            ParameterKind::WholeNumber => "whole number",
            ParameterKind::Flag => "true or false",
            ParameterKind::Choice(_) => "one of a list",
        };
        let mandatory = if parameter.required { "yes" } else { "no" };
        format!(
            "| {} | {kind} | {mandatory} | {} |\n",
            parameter.name, parameter.description
        )
    });
    let head = "| Parameter | Type | Mandatory | Description |\n| --- | --- | --- | --- |\n".to_owned();
    std::iter::once(head).chain(rows).collect()
}

fn entry(action: Action) -> Entry {
    let definition = action.definition();
    let about = about(action);
    Entry {
        ai_description: about.description,
        ai_short_description: about.short_description,
        parameters_description: parameters_description(definition),
        entity_usage: entity_usage(definition, &about),
        outcome_categories: outcome_categories(&about),
        capabilities: capabilities(&about),
    }
}

fn entity_usage(definition: &Definition, about: &About) -> Map<Item> {
    let types = ENTITY_TYPES
        .iter()
        .map(|(name, kind)| (*name, definition.entity_types.contains(kind)));
    let mut usage = vec![
        ("reasoning", Item::Text(about.entities)),
        ("entity_types", Item::Truths(Ordered(types.collect()))),
    ];
    usage.extend(FILTERS.map(|name| (name, Item::Truth(about.filters.contains(&name)))));
    Ordered(usage)
}

fn outcome_categories(about: &About) -> Map<Item> {
    let holds = |key: &str| about.outcomes.iter().any(|outcome| outcome.key() == key);
    let mut categories = vec![("reasoning", Item::Text(about.outcome))];
    categories.extend(OUTCOMES.map(|name| (name, Item::Truth(holds(name)))));
    Ordered(categories)
}

fn capabilities(about: &About) -> Map<Item> {
    let text = |text: Option<&'static str>| text.map_or(Item::Nothing, Item::Text);
    Ordered(vec![
        ("reasoning", Item::Text(about.capability)),
        ("fetches_data", Item::Truth(true)),
        ("can_mutate_external_data", Item::Truth(about.external.is_some())),
        ("external_data_mutation_explanation", text(about.external)),
        ("can_mutate_internal_data", Item::Truth(about.internal.is_some())),
        ("internal_data_mutation_explanation", text(about.internal)),
        ("can_update_entities", Item::Truth(about.internal.is_some())),
        ("can_create_insight", Item::Truth(about.insights)),
        ("can_modify_alert_data", Item::Truth(false)),
        ("can_create_case_comments", Item::Truth(false)),
    ])
}

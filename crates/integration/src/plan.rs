//! Step 1, pure: which objects to ask about, each once, and what is skipped and why.

use std::collections::HashMap;

use secops::{Entity, EntityType};
use virustotal::object::parse_ip;
use virustotal::{DomainName, FileHash, ObjectError, ObjectId, UrlId};

/// What a run is going to ask, as indices into the target entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One object each, in the order of first appearance.
    pub groups: Vec<Group>,
    /// Entities of the action's types that are not asked about.
    pub skipped: Vec<Skipped>,
}

/// Entities that name one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The object.
    pub object: ObjectId,
    /// Which target entities name it; never empty.
    pub members: Vec<usize>,
}

/// An entity that is not asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which target entity.
    pub member: usize,
    /// Why, as a sentence part.
    pub reason: String,
    /// It is well formed, but must not leave the network.
    pub internal: bool,
}

/// How an action turns an entity into an object.
pub(crate) type Naming = fn(&Entity) -> Result<ObjectId, ObjectError>;

/// Picks the entities of `types` and groups those that name one object.
pub(crate) fn plan(targets: &[Entity], types: &[EntityType], naming: Naming) -> Plan {
    let mut plan = Plan {
        groups: Vec::new(),
        skipped: Vec::new(),
    };
    let mut places: HashMap<ObjectId, usize> = HashMap::new();
    for (member, entity) in targets
        .iter()
        .enumerate()
        .filter(|(_, entity)| types.contains(&entity.entity_type))
    {
        match naming(entity) {
            Ok(object) => {
                let place = *places.entry(object.clone()).or_insert(plan.groups.len());
                match plan.groups.get_mut(place) {
                    Some(group) => group.members.push(member),
                    None => plan.groups.push(Group {
                        object,
                        members: vec![member],
                    }),
                }
            }
            Err(error) => {
                let (reason, internal) = (error.to_string(), error.is_internal());
                plan.skipped.push(Skipped {
                    member,
                    reason,
                    internal,
                });
            }
        }
    }
    plan
}

const OWN_ASSET: ObjectError = ObjectError::Internal("the case marks it as an internal asset");

pub(crate) fn hash_of(entity: &Entity) -> Result<ObjectId, ObjectError> {
    FileHash::parse(&entity.identifier).map(ObjectId::File)
}

/// The original text: the platform stores identifiers in upper case, and a path is case-sensitive.
pub(crate) fn url_of(entity: &Entity) -> Result<ObjectId, ObjectError> {
    UrlId::parse(entity.original_identifier()).map(ObjectId::Url)
}

pub(crate) fn address_of(entity: &Entity) -> Result<ObjectId, ObjectError> {
    if entity.is_internal {
        return Err(OWN_ASSET);
    }
    parse_ip(&entity.identifier).map(ObjectId::Ip)
}

/// Whatever VirusTotal has objects of, by the entity's type; a host name as it is, not only its registered part.
pub(crate) fn object_of(entity: &Entity) -> Result<ObjectId, ObjectError> {
    match entity.entity_type {
        EntityType::FileHash => hash_of(entity),
        EntityType::Url => url_of(entity),
        EntityType::Address => address_of(entity),
        _ if entity.is_internal => Err(OWN_ASSET),
        _ => DomainName::parse(&virustotal::object::refang(&entity.identifier)).map(ObjectId::Domain),
    }
}

/// A user's domain is the part after the `@`; of a host name or URL it is the part that somebody registered.
pub(crate) fn domain_of(entity: &Entity) -> Result<ObjectId, ObjectError> {
    if entity.is_internal {
        return Err(OWN_ASSET);
    }
    let text = virustotal::object::refang(&entity.identifier);
    let domain = match entity.entity_type {
        EntityType::Url => {
            DomainName::parse(UrlId::parse(entity.original_identifier())?.host())?.registered()
        }
        EntityType::User => match text.rsplit_once('@') {
            Some((_, domain)) => DomainName::parse(domain)?,
            None => return Err(ObjectError::UserWithoutDomain),
        },
        _ => match text.rsplit_once('@') {
            Some((_, domain)) => DomainName::parse(domain)?,
            None => DomainName::parse(&text)?.registered(),
        },
    };
    Ok(ObjectId::Domain(domain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secops::{Entity, EntityType};

    use super::{address_of, domain_of, hash_of, plan, url_of};

    fn targets(entity_type: &EntityType, identifiers: &[&str]) -> Vec<Entity> {
        identifiers
            .iter()
            .map(|text| Entity::new(*text, entity_type.clone()))
            .collect()
    }

    #[test]
    fn spellings_of_one_object_share_a_group_and_bad_text_is_skipped_with_its_reason() {
        let md5 = "44d88612fea8a8f36de82e1278abb02f";
        let targets = targets(&EntityType::FileHash, &[md5, "nonsense", &md5.to_uppercase()]);
        let plan = plan(&targets, &[EntityType::FileHash], hash_of);
        assert_eq!(plan.groups.len(), 1);
        assert_eq!(plan.groups[0].members, [0, 2]);
        assert_eq!(plan.skipped[0].member, 1);
        assert!(plan.skipped[0].reason.contains("'n' at position 1"));
    }

    #[test]
    fn internal_assets_and_addresses_never_leave_the_network() {
        let mut targets = targets(&EntityType::Address, &["8.8.8.8", "10.1.2.3", "198.51.100.7"]);
        targets[2].is_internal = true;
        let plan = plan(&targets, &[EntityType::Address], address_of);
        assert_eq!(plan.groups.len(), 1);
        assert!(plan.skipped.iter().all(|skipped| skipped.internal));
        assert_eq!(plan.skipped.len(), 2);
    }

    #[test]
    fn a_domain_is_found_in_users_hosts_and_urls() {
        let targets = [
            Entity::new("JDOE@MAIL.EXAMPLE.CO.IN", EntityType::User),
            Entity::new("jdoe", EntityType::User),
            Entity::new("www.example.co.in", EntityType::Hostname),
            Entity::new("https://shop.example.co.in/x", EntityType::Url),
            Entity::new("SRV01", EntityType::Hostname),
            Entity::new("http://8.8.8.8/", EntityType::Url),
        ];
        let types = [EntityType::User, EntityType::Hostname, EntityType::Url];
        let plan = plan(&targets, &types, domain_of);
        let names: Vec<_> = plan
            .groups
            .iter()
            .map(|group| (group.object.to_string(), group.members.clone()))
            .collect();
        assert_eq!(
            names,
            [
                ("mail.example.co.in".to_owned(), vec![0]),
                ("example.co.in".to_owned(), vec![2, 3])
            ]
        );
        assert_eq!(
            plan.skipped
                .iter()
                .map(|skipped| skipped.member)
                .collect::<Vec<_>>(),
            [1, 4, 5]
        );
    }

    #[test]
    fn a_urls_path_keeps_the_case_that_the_platform_lost() {
        let mut entity = Entity::new("HTTP://A.EXAMPLE/PATH", EntityType::Url);
        entity
            .additional_properties
            .insert("OriginalIdentifier".to_owned(), "http://a.example/Path".into());
        let plan = plan(&[entity], &[EntityType::Url], url_of);
        assert_eq!(plan.groups[0].object.to_string(), "http://a.example/Path");
    }

    proptest! {
        #[test]
        fn grouping_never_loses_or_invents_an_entity(
            texts in prop::collection::vec("[0-9a-fA-F]{32}|(aa){16}|[0-9.]{1,9}|.{0,8}", 0..40),
            other in prop::collection::vec(any::<bool>(), 40),
        ) {
            let targets: Vec<Entity> = texts.iter().zip(&other).map(|(text, other)| {
                Entity::new(text.as_str(), if *other { EntityType::Usb } else { EntityType::FileHash })
            }).collect();
            let plan = plan(&targets, &[EntityType::FileHash], hash_of);
            let mut planned: Vec<usize> = plan.groups.iter().flat_map(|group| group.members.clone()).collect();
            planned.extend(plan.skipped.iter().map(|skipped| skipped.member));
            planned.sort_unstable();
            let expected: Vec<usize> =
                (0..targets.len()).filter(|index| targets[*index].entity_type == EntityType::FileHash).collect();
            prop_assert_eq!(planned, expected);
            let mut objects: Vec<_> = plan.groups.iter().map(|group| group.object.clone()).collect();
            objects.sort();
            objects.dedup();
            prop_assert_eq!(objects.len(), plan.groups.len());
        }
    }
}

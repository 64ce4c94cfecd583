//! Which entities a run acts on, pure: the platform names them, the alert has them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::input::Targets;
use crate::{Entity, EntityType};

/// The target entities in the order of the alert, and the names of targets that no alert has.
///
/// A name that is spelled exactly comes first; one that no entity has exactly is looked for in any case, also among the
/// texts as they came: the platform stores identifiers in upper case, not always everywhere.
#[must_use]
pub(super) fn choose(entities: &[Entity], targets: &Targets) -> (Vec<Entity>, Vec<String>) {
    let wanted = wanted(targets);
    let typed = matches!(targets, Targets::Typed(_));
    let kind = |entity: &Entity| typed.then(|| entity.entity_type.clone());
    let there: HashSet<Name<'_>> = entities
        .iter()
        .map(|entity| (Cow::Borrowed(entity.identifier.as_str()), kind(entity)))
        .collect();
    let (exact, loose): (Vec<&Name<'_>>, Vec<&Name<'_>>) =
        wanted.iter().partition(|name| there.contains(*name));
    let exact: HashSet<Name<'_>> = exact.into_iter().cloned().collect();
    let mut loose: HashMap<Name<'_>, bool> = loose.into_iter().map(|name| (folded(name), false)).collect();
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    for entity in entities {
        let name = |text: &'_ str| -> Name<'_> { (Cow::Owned(text.to_owned()), kind(entity)) };
        let mut is_target = exact.contains(&name(&entity.identifier));
        for text in [entity.identifier.as_str(), entity.original_identifier()] {
            if let Some(met) = loose.get_mut(&folded(&name(text))) {
                *met = true;
                is_target = true;
            }
        }
        if is_target && seen.insert((entity.identifier.as_str(), &entity.entity_type)) {
            chosen.push(entity.clone());
        }
    }
    let missing = wanted
        .iter()
        .filter(|name| !exact.contains(*name) && loose.get(&folded(name)) == Some(&false))
        .map(|(text, _)| text.clone().into_owned())
        .collect();
    (chosen, missing)
}

/// A target's text, and its type where the platform tells it.
type Name<'a> = (Cow<'a, str>, Option<EntityType>);

fn wanted(targets: &Targets) -> Vec<Name<'_>> {
    match targets {
        Targets::Typed(pairs) => pairs
            .iter()
            .map(|(text, kind)| (Cow::Borrowed(text.as_str()), Some(EntityType::named(kind))))
            .collect(),
        Targets::Untyped(texts) => texts
            .iter()
            .map(|text| (Cow::Borrowed(text.as_str()), None))
            .collect(),
    }
}

fn folded((text, kind): &Name<'_>) -> Name<'static> {
    (Cow::Owned(text.to_lowercase()), kind.clone())
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::platform::input::Targets;
    use crate::{Entity, EntityType};

    fn typed(pairs: &[(&str, &str)]) -> Targets {
        Targets::Typed(
            pairs
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
                .collect(),
        )
    }

    fn entities() -> Vec<Entity> {
        let mut url = Entity::new("HTTP://A.EXAMPLE/X", EntityType::Url);
        url.additional_properties
            .insert("OriginalIdentifier".to_owned(), "http://a.example/x?y".into());
        vec![
            Entity::new("8.8.8.8", EntityType::Address),
            Entity::new("ABC", EntityType::FileHash),
            Entity::new("abc", EntityType::FileHash),
            Entity::new("8.8.8.8", EntityType::Hostname),
            url,
            Entity::new("8.8.8.8", EntityType::Address),
        ]
    }

    fn names(chosen: &[Entity]) -> Vec<&str> {
        chosen.iter().map(|entity| entity.identifier.as_str()).collect()
    }

    #[test]
    fn targets_come_in_the_alerts_order_and_once_each() {
        let (chosen, missing) = choose(
            &entities(),
            &typed(&[("abc", "FILEHASH"), ("8.8.8.8", "ADDRESS")]),
        );
        assert_eq!(names(&chosen), ["8.8.8.8", "abc"]);
        assert_eq!(chosen[0].entity_type, EntityType::Address);
        assert!(missing.is_empty());
    }

    #[test]
    fn a_name_in_another_case_is_found_and_one_that_is_nowhere_is_told() {
        let (chosen, missing) = choose(
            &entities(),
            &typed(&[
                ("aBc", "filehash"),
                ("http://a.example/X?Y", "DESTINATIONURL"),
                ("9.9.9.9", "ADDRESS"),
            ]),
        );
        assert_eq!(names(&chosen), ["ABC", "abc", "HTTP://A.EXAMPLE/X"]);
        assert_eq!(missing, ["9.9.9.9"]);
    }

    #[test]
    fn without_types_the_name_alone_counts() {
        let (chosen, _) = choose(&entities(), &Targets::Untyped(vec!["8.8.8.8".to_owned()]));
        assert_eq!(chosen.len(), 2);
    }
}

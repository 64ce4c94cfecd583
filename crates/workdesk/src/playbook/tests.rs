//! Playbooks as people write them: what is said about wrong ones, what is drawn of right ones, and that every one ends.

use std::collections::{BTreeMap, BTreeSet};

use integration::Action;
use proptest::prelude::*;
use secops::{Entity, EntityType};
use serde_json::json;

use super::*;
use crate::{Offer, Priority, is_offered};

/// The actions as the workdesk offers them.
fn offered() -> Offered {
    let actions = Action::ALL.into_iter().filter(|action| is_offered(*action));
    Offered {
        actions: actions.map(|action| Offer::from(action.definition())).collect(),
        instances: vec!["default".to_owned()],
    }
}

fn problems(text: &str) -> Vec<Problem> {
    match Playbook::read(text) {
        Ok(playbook) => playbook.check(&offered()),
        Err(problems) => problems,
    }
}

fn words(text: &str) -> String {
    let all: Vec<_> = problems(text).iter().map(Problem::to_string).collect();
    all.join("\n")
}

fn with_steps(steps: &str) -> String {
    format!("name: Test\ntrigger: {{on: manual}}\nsteps:\n{steps}")
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../tests/golden");
    settings
}

#[test]
fn what_is_shipped_can_be_used() {
    for (name, text) in SHIPPED {
        assert_eq!(problems(text), [], "{name}");
    }
}

#[test]
fn the_documents_example_can_be_used() {
    let document = include_str!("../../../../docs/playbooks.md");
    let (_, example) = document.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    assert_eq!(problems(example), []);
}

#[test]
fn problems_say_where_what_and_what_to_do() {
    let texts = [
        ("no YAML", "name: x\nsteps: ]\n"),
        (
            "a wrong indentation",
            "name: x\ntrigger:\n  on: manual\n environments: [x]\n",
        ),
        ("a list for a text", "name: [x]\n"),
        (
            "a text for a list",
            "name: x\ntrigger: {on: manual}\nsteps: scan\n",
        ),
        (
            "a text for a number",
            &with_steps("  - {id: a, if: {suspicious_entities: {at_least: one}}}\n"),
        ),
        ("nothing", ""),
        ("a missing key", "name: x\ntrigger: {on: manual}\n"),
        (
            "an unknown key",
            "name: x\ntrigger: {on: manual}\nsteps:\n  - id: a\n    acton: Scan Hash\n",
        ),
        (
            "an unknown trigger",
            "name: x\ntrigger: {on: tuesday}\nsteps: []\n",
        ),
        (
            "an unknown priority",
            &with_steps("  - {id: a, priority: urgent}\n"),
        ),
        (
            "a parameter without a value",
            &with_steps("  - {id: a, action: Ping, parameters: {Limit: }}\n"),
        ),
        (
            "a name twice",
            "name: x\nname: y\ntrigger: {on: manual}\nsteps: []\n",
        ),
        ("two documents", "name: x\n---\nname: y\n"),
        ("the form", include_str!("../../tests/playbooks/wrong_form.yaml")),
        (
            "the sense",
            include_str!("../../tests/playbooks/wrong_sense.yaml"),
        ),
    ];
    let told = texts.map(|(what, text)| format!("# {what}\n{}\n", words(text)));
    settings().bind(|| insta::assert_snapshot!("playbook_problems", told.join("\n")));
}

#[test]
fn a_text_that_is_shown_in_another_order_is_told_with_its_line_and_can_be_written_out() {
    let turned = with_steps("  - {id: a, comment: \"x\u{202e}y\"}\n  - {id: b, close: true} # \u{2067}\n");
    let told: Vec<_> = Playbook::check_text(&turned)
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[0],
        "line 4: there is the character U+202E, which is not seen and changes the order in which others are shown; \
         delete it, or write it as \\u202E in a text in double quotes"
    );
    assert!(
        told[1].starts_with("line 5: there is the character U+2067"),
        "{}",
        told[1]
    );
    let written_out = with_steps("  - {id: a, comment: \"x\\u202Ey, שלום\"}\n");
    assert_eq!(Playbook::check_text(&written_out), []);
    let playbook = Playbook::read(&written_out).unwrap();
    assert_eq!(
        playbook.steps[0].kind,
        StepKind::Comment("x\u{202e}y, שלום".to_owned())
    );
    assert_eq!(Playbook::check_text(&"\u{200f}\n".repeat(1000)).len(), 20);
}

#[test]
fn a_bomb_of_aliases_a_pit_and_a_flood_are_refused() {
    let mut bomb = "name: x\ntrigger: {on: manual}\nsteps:\n  - &a0 {id: a, comment: x}\n".to_owned();
    for level in 1..9 {
        let names = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("  - &a{level} {{id: a, parallel: [[{names}]]}}\n"));
    }
    assert_eq!(
        words(&bomb),
        "line 5: anchors and aliases are not taken; write it out"
    );
    let too_deep =
        "line 4: lists and maps are nested too deeply; make a playbook of its own of the inner steps";
    for (before, open, close, after) in [
        ("{id: a, if: ", "{not: ", "}", "}"),
        ("{id: a, if: ", "{all: [", "]}", "}"),
        ("", "{then: [", "]}", ""),
        ("", "{parallel: [[", "]]}", ""),
    ] {
        let nested = |depth: usize| {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            with_steps(&format!("  - {before}{open}{close}{after}\n"))
        };
        assert_eq!(words(&nested(40)), too_deep);
        assert_eq!(problems(&nested(5000)).len(), 1);
    }
    let flood = with_steps(&format!("  - {{id: a, comment: {}}}\n", "x".repeat(100_000)));
    assert_eq!(
        words(&flood),
        "the playbook is longer than 100000 bytes; make two of it"
    );
}

#[test]
fn what_the_check_lets_through_is_not_too_deep_to_be_read() {
    let (open, close) = (
        "{id: ID, parallel: [[{id: ID, close: true}], [".repeat(7),
        "]]}".repeat(7),
    );
    let condition = format!(
        "{}{{suspicious_entities: {{at_least: 1}}}}{}",
        "{all: [".repeat(7),
        "]}".repeat(7)
    );
    let text = format!("  - {open}{{id: ID, if: {condition}, then: [{{id: ID, close: true}}]}}{close}\n");
    let mut parts = text.split("ID");
    let first = parts.next().unwrap().to_owned();
    let text = (0..)
        .zip(parts)
        .fold(first, |text, (number, part)| format!("{text}s{number}{part}"));
    // Only its last step is too deep.
    assert!(
        words(&with_steps(&text))
            .ends_with("the step is nested deeper than 8; make a playbook of its own of it")
    );
}

#[test]
fn too_many_and_too_deep_steps_are_told() {
    let many: String = (0..201)
        .map(|number| format!("  - {{id: s{number}, close: true}}\n"))
        .collect();
    assert_eq!(
        words(&with_steps(&many)),
        "steps: the playbook has 201 steps; at most 200 are taken; make two of it"
    );
    let nested = |depth: usize| {
        let open: String = (1..depth)
            .map(|level| format!("{{id: s{level}, approval: Go on?, then: ["))
            .collect();
        with_steps(&format!(
            "  - {open}{{id: last, close: true}}{}\n",
            "]}".repeat(depth - 1)
        ))
    };
    assert_eq!(words(&nested(8)), "");
    assert!(words(&nested(9)).ends_with("nested deeper than 8; make a playbook of its own of it"));
}

#[test]
fn parameters_keep_the_text_that_was_written() {
    let text = with_steps(
        "  - {id: a, action: Scan Hash, parameters: {Threshold: 3, Create Insight: true, Enrichment Prefix: 1.50}}\n",
    );
    let playbook = Playbook::read(&text).unwrap();
    let (due, _) = playbook.due(&States::new(), Facts { entities: &[] });
    let [Due::Action { parameters, .. }] = due.as_slice() else {
        panic!("{due:?}")
    };
    assert_eq!(
        serde_json::to_value(parameters).unwrap(),
        json!({"Threshold": "3", "Create Insight": "true", "Enrichment Prefix": "1.50"})
    );
}

fn done(result: bool) -> StepState {
    StepState::Done {
        script_result: Some(json!(result)),
    }
}

fn states<const N: usize>(states: [(&str, StepState); N]) -> States {
    states.map(|(id, state)| (id.to_owned(), state)).into()
}

fn due_ids(playbook: &Playbook, states: &States, entities: &[Entity]) -> Vec<String> {
    let (due, _) = playbook.due(states, Facts { entities });
    due.iter().map(|due| due.id().to_owned()).collect()
}

const BRANCHES: &str = "
  - id: both
    parallel:
      - - {id: a1, action: Ping}
        - {id: a2, action: Ping}
      - - {id: b1, action: Ping, on_failure: go_on}
        - {id: b2, approval: Sure?}
  - {id: after, close: true}
";

#[test]
fn branches_go_on_by_themselves_and_are_waited_for() {
    let playbook = Playbook::read(&with_steps(BRANCHES)).unwrap();
    let mut so_far = States::new();
    assert_eq!(due_ids(&playbook, &so_far, &[]), ["a1", "b1"]);
    so_far.extend(states([("a1", done(true)), ("b1", StepState::Running)]));
    assert_eq!(due_ids(&playbook, &so_far, &[]), ["a2"]);
    // It may fail.
    so_far.extend(states([("a2", done(true)), ("b1", StepState::Failed)]));
    assert_eq!(due_ids(&playbook, &so_far, &[]), ["b2"]);
    so_far.extend(states([("b2", StepState::Pending)]));
    assert_eq!(due_ids(&playbook, &so_far, &[]), [""; 0]);
    so_far.extend(states([("b2", StepState::Chose(false))]));
    assert_eq!(due_ids(&playbook, &so_far, &[]), ["after"]);
}

#[test]
fn after_a_failure_nothing_begins_and_what_runs_may_end() {
    let playbook = Playbook::read(&with_steps(BRANCHES)).unwrap();
    let facts = Facts { entities: &[] };
    let mut so_far = states([("a1", StepState::Failed), ("b1", StepState::Running)]);
    assert_eq!(playbook.due(&so_far, facts), (Vec::new(), Outlook::GoesOn));
    let failed = Outlook::Failed {
        step: "a1".to_owned(),
    };
    for ended in [done(true), StepState::Failed] {
        so_far.insert("b1".to_owned(), ended);
        assert_eq!(playbook.due(&so_far, facts), (Vec::new(), failed.clone()));
    }
    // Nobody has to answer any more.
    so_far.insert("b2".to_owned(), StepState::Pending);
    assert_eq!(playbook.due(&so_far, facts), (Vec::new(), failed));
}

#[test]
fn an_action_without_a_target_is_skipped() {
    let step = "  - {id: a, action: Scan Hash, entity_types: [FILEHASH], parameters: {Threshold: 3}}\n";
    let playbook = Playbook::read(&with_steps(step)).unwrap();
    let due = |entities: &[Entity]| format!("{:?}", playbook.due(&States::new(), Facts { entities }).0);
    assert!(due(&[Entity::new("x", EntityType::Url)]).starts_with("[Skip"));
    assert!(due(&[Entity::new("x", EntityType::FileHash)]).starts_with("[Action"));
}

#[test]
fn states_survive_storage() {
    let all = states([
        ("a", StepState::Running),
        ("b", done(true)),
        ("c", StepState::Chose(false)),
        ("d", StepState::Done { script_result: None }),
    ]);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(
        text,
        r#"{"a":"running","b":{"done":{"script_result":true}},"c":{"chose":false},"d":{"done":{}}}"#
    );
    assert_eq!(serde_json::from_str::<States>(&text).unwrap(), all);
}

/// The phishing playbook, in the middle.
fn half_way() -> (Playbook, States) {
    let playbook = Playbook::read(include_str!("../../playbooks/phishing-mail.yaml")).unwrap();
    let so_far = states([
        ("urls", done(false)),
        ("domains", StepState::Skipped),
        ("attachments", StepState::Failed),
        ("detected", StepState::Chose(false)),
        ("nothing", StepState::Done { script_result: None }),
        ("agreed", StepState::Pending),
    ]);
    (playbook, so_far)
}

#[test]
fn a_diagram_is_drawn_as_it_was() {
    let (playbook, states) = half_way();
    let markup = diagram(&playbook, &states).into_string();
    let lines = markup.replace("><", ">\n<");
    settings().bind(|| insta::assert_snapshot!("playbook_diagram", lines));
}

#[test]
fn an_outline_is_written_as_it_was() {
    let (playbook, states) = half_way();
    let lines = outline(&playbook, &states).into_string().replace("><", ">\n<");
    settings().bind(|| insta::assert_snapshot!("playbook_outline", lines));
}

#[test]
fn texts_are_cut_and_escaped_and_nothing_is_styled_inline() {
    let text = with_steps(
        "  - {id: a, comment: \"<script>\\u202e aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}\n",
    );
    let playbook = Playbook::read(&text).unwrap();
    let markup = diagram(&playbook, &States::new()).into_string();
    assert!(markup.contains("&lt;script&gt;\\u{202e}</text>"), "{markup}");
    assert!(markup.contains("aaaaaa…</text>"), "{markup}");
    assert!(!markup.contains("style="));
}

/// A playbook whose steps may be anything, each with a number as its id.
fn playbooks() -> impl Strategy<Value = Playbook> {
    steps().prop_map(|mut steps| {
        number(&mut steps, &mut 0);
        Playbook {
            name: "Test".to_owned(),
            description: String::new(),
            trigger: Trigger {
                on: TriggerEvent::Manual,
                environments: Vec::new(),
                entity_types: Vec::new(),
            },
            steps,
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = |kind| Step {
        id: String::new(),
        line: None,
        kind,
    };
    let on_failure = prop_oneof![Just(OnFailure::Stop), Just(OnFailure::GoOn)];
    let types = prop_oneof![
        Just(Vec::new()),
        Just(vec![EntityType::Url]),
        Just(vec![EntityType::Address])
    ];
    let action = (on_failure, types).prop_map(|(on_failure, entity_types)| {
        StepKind::Action(ActionStep {
            action: "Ping".to_owned(),
            instance: None,
            entity_types,
            parameters: BTreeMap::new(),
            on_failure,
        })
    });
    let leaf = prop_oneof![
        4 => action,
        1 => Just(StepKind::Comment("x".to_owned())),
        1 => Just(StepKind::Priority(Priority::High)),
        1 => Just(StepKind::Close),
    ];
    let one = leaf.prop_map(step).prop_recursive(4, 24, 4, move |inner| {
        let some = prop::collection::vec(inner.clone(), 1..4);
        let any = prop::collection::vec(inner, 0..3);
        let condition = (0..40_u32, "true|false").prop_map(|(number, result)| Condition::ResultOf {
            step: number.to_string(),
            test: Test::Is(result),
        });
        prop_oneof![
            (condition, some.clone(), any.clone()).prop_map(move |(condition, then, otherwise)| step(
                StepKind::If {
                    condition,
                    then,
                    otherwise,
                }
            )),
            (any.clone(), any).prop_map(move |(then, otherwise)| step(StepKind::Approval {
                question: "x".to_owned(),
                then,
                otherwise,
            })),
            prop::collection::vec(some, 2..4).prop_map(move |branches| step(StepKind::Parallel(branches))),
        ]
    });
    prop::collection::vec(one, 1..5)
}

fn number(steps: &mut [Step], next: &mut u32) {
    for step in steps {
        step.id = next.to_string();
        *next += 1;
        match &mut step.kind {
            StepKind::If { then, otherwise, .. } | StepKind::Approval { then, otherwise, .. } => {
                number(then, next);
                number(otherwise, next);
            }
            StepKind::Parallel(branches) => branches.iter_mut().for_each(|branch| number(branch, next)),
            _ => {}
        }
    }
}

/// What must be so before a step begins.
#[derive(Clone, Default)]
struct Before {
    /// Ids of steps that stand in front of it, with all below them: none is under way.
    over: Vec<String>,
    /// Choices that lead to it.
    chosen: Vec<(String, bool)>,
}

fn note_before(steps: &[Step], before: &Before, all: &mut BTreeMap<String, Before>) {
    let mut before = before.clone();
    for step in steps {
        all.insert(step.id.clone(), before.clone());
        match &step.kind {
            StepKind::If { then, otherwise, .. } | StepKind::Approval { then, otherwise, .. } => {
                for (way, chosen) in [(then, true), (otherwise, false)] {
                    let mut before = before.clone();
                    before.chosen.push((step.id.clone(), chosen));
                    note_before(way, &before, all);
                }
            }
            StepKind::Parallel(branches) => branches
                .iter()
                .for_each(|branch| note_before(branch, &before, all)),
            _ => {}
        }
        before.over.extend(ids(std::slice::from_ref(step)));
    }
}

fn ids(steps: &[Step]) -> Vec<String> {
    let below = |step: &Step| step.ways().into_iter().flat_map(ids).collect::<Vec<_>>();
    steps
        .iter()
        .flat_map(|step| std::iter::once(step.id.clone()).chain(below(step)))
        .collect()
}

/// Every step that must have begun, in a playbook that is done.
fn gone(steps: &[Step], states: &States) -> Vec<String> {
    let mut all = Vec::new();
    for step in steps {
        match (&step.kind, states.get(&step.id)) {
            (StepKind::Parallel(branches), _) => branches
                .iter()
                .for_each(|branch| all.extend(gone(branch, states))),
            (_, Some(StepState::Chose(chosen))) => {
                all.push(step.id.clone());
                all.extend(gone(step.way(*chosen), states));
            }
            _ => all.push(step.id.clone()),
        }
    }
    all
}

fn is_under_way(state: Option<&StepState>) -> bool {
    matches!(state, Some(StepState::Running | StepState::Pending))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_playbook_ends_with_each_step_once_and_in_its_order(
        playbook in playbooks(),
        dice in prop::collection::vec(any::<u8>(), 64),
    ) {
        let entities = [Entity::new("https://bad.example/", EntityType::Url)];
        let facts = Facts { entities: &entities };
        let mut before = BTreeMap::new();
        note_before(&playbook.steps, &Before::default(), &mut before);
        let mut dice = dice.iter().copied().cycle();
        let mut throw = || dice.next().unwrap();
        let mut states = States::new();
        let mut rounds = 0;
        let outlook = loop {
            rounds += 1;
            prop_assert!(rounds <= 2 * before.len() + 1, "it does not end");
            let (due, outlook) = playbook.due(&states, facts);
            prop_assert_eq!(&playbook.due(&states, facts).0, &due);
            if outlook != Outlook::GoesOn {
                prop_assert!(due.is_empty());
                break outlook;
            }
            let has_failed = states.iter().any(|(id, state)| *state == StepState::Failed && !may_fail(&playbook.steps, id));
            prop_assert!(due.is_empty() || !has_failed, "something begins after a failure");
            let distinct: BTreeSet<_> = due.iter().map(Due::id).collect();
            prop_assert_eq!(distinct.len(), due.len());
            for step in &due {
                prop_assert!(!states.contains_key(step.id()), "{} begins twice", step.id());
                let before = &before[step.id()];
                prop_assert!(before.over.iter().all(|id| !is_under_way(states.get(id))), "{} begins too early", step.id());
                for (id, chosen) in &before.chosen {
                    prop_assert_eq!(states.get(id), Some(&StepState::Chose(*chosen)));
                }
            }
            // Some begin, one at least where nothing is under way; the process that would begin the others dies.
            let under_way: Vec<_> = states.iter().filter(|(_, state)| is_under_way(Some(state))).map(|(id, _)| id.clone()).collect();
            prop_assert!(!due.is_empty() || !under_way.is_empty(), "nothing can happen any more");
            let begun = match due.len() {
                0 => 0,
                all => usize::from(throw()) % (all + 1),
            };
            let begun = if under_way.is_empty() { begun.max(1) } else { begun };
            let first = due.iter().take(begun).map(|step| {
                let state = match step {
                    Due::Action { .. } => StepState::Running,
                    Due::Approval { .. } => StepState::Pending,
                    Due::Choose { outcome, .. } => StepState::Chose(*outcome),
                    Due::Skip { .. } => StepState::Skipped,
                    Due::Comment { .. } | Due::Priority { .. } | Due::Close { .. } => StepState::Done { script_result: None },
                };
                (step.id().to_owned(), state)
            });
            states.extend(first.collect::<Vec<_>>());
            if begun == 0 || throw() % 2 == 0 {
                let Some(id) = under_way.get(usize::from(throw()) % under_way.len().max(1)) else { continue };
                let ended = match states[id] {
                    StepState::Pending => StepState::Chose(throw() % 2 == 0),
                    _ if throw() % 6 == 0 => StepState::Failed,
                    _ => done(throw() % 2 == 0),
                };
                states.insert(id.clone(), ended);
            }
        };
        for (id, state) in &states {
            let StepState::Chose(chosen) = state else { continue };
            let step = find(&playbook.steps, id).unwrap();
            prop_assert!(ids(step.way(!chosen)).iter().all(|id| !states.contains_key(id)), "both ways of {id} are gone");
        }
        if outlook == Outlook::Done {
            let begun: BTreeSet<_> = states.keys().cloned().collect();
            prop_assert_eq!(begun, gone(&playbook.steps, &states).into_iter().collect::<BTreeSet<_>>());
        }
        prop_assert!(!states.values().any(|state| *state == StepState::Running));
    }

    #[test]
    fn every_playbook_can_be_drawn(playbook in playbooks()) {
        let markup = diagram(&playbook, &States::new()).into_string();
        for id in ids(&playbook.steps) {
            let title = format!("<title>{id}: ");
            prop_assert!(markup.contains(&title));
        }
    }

    #[test]
    fn no_text_stops_the_reader(text in "(name|trigger|steps|id|if|: |- |\\{|\\}|\\[|\\]|\n|  |&a|\\*a|<<|!!|x){0,60}") {
        let _ = Playbook::read(&text);
    }
}

fn find<'a>(steps: &'a [Step], id: &str) -> Option<&'a Step> {
    steps.iter().find_map(|step| match step.id == id {
        true => Some(step),
        false => step.ways().into_iter().find_map(|way| find(way, id)),
    })
}

fn may_fail(steps: &[Step], id: &str) -> bool {
    let step = find(steps, id).unwrap();
    matches!(&step.kind, StepKind::Action(action) if action.on_failure == OnFailure::GoOn)
}

//! Personas over retrains: ids stay where the personas do, whatever the places, and go where they do not.

use super::tests::{as_of, population};
use super::*;
use crate::Activity;

/// What the next version would look at of this one.
fn reference(fitted: &Fitted, table: &Table) -> Reference {
    let places = (0..table.rows()).map(|row| {
        let id = table.id(row);
        (fitted.assignments.binary_search_by(|a| a.customer_id.as_str().cmp(id)))
            .map_or(NOWHERE, |at| fitted.assignments[at].persona)
    });
    Reference {
        same_question: true,
        segmentation_id: "before".to_owned(),
        model: fitted.model.clone(),
        persona_ids: ids(fitted),
        sizes: fitted.personas.iter().map(|persona| persona.customers as u64).collect(),
        places: places.collect(),
    }
}

fn ids(fitted: &Fitted) -> Vec<String> {
    fitted.personas.iter().map(|persona| persona.persona_id.clone()).collect()
}

fn fit(parameters: Parameters, activities: &[Activity], before: Option<&Fitted>) -> Fitted {
    let asked = parameters.check().expect("rules hold");
    let table = Table::of(&asked, activities);
    let reference = before.map(|before| reference(before, &table));
    asked.fit(table, reference.as_ref(), &|_, _| true).expect("structure")
}

#[test]
fn ids_survive_twenty_retrains_on_growing_data() {
    let (activities, _) = population(1_800);
    let mut last = fit(Parameters::at(as_of()), &activities[..800], None);
    let first: std::collections::BTreeSet<String> = ids(&last).into_iter().collect();
    for turn in 1..=20usize {
        // Other customers, and other starts as well.
        let parameters = Parameters { seed: turn as u64, ..Parameters::at(as_of()) };
        let now = fit(parameters, &activities[..800 + turn * 49], Some(&last));
        assert_eq!(first, ids(&now).into_iter().collect(), "retrain {turn}");
        let moved = now.report.moved_share.expect("customers in both");
        assert!(moved < 0.1, "retrain {turn} moves {moved}");
        last = now;
    }
}

#[test]
fn equal_data_change_no_id_and_no_other_seed_does() {
    let (activities, _) = population(600);
    let first = fit(Parameters::at(as_of()), &activities, None);
    let again = fit(Parameters::at(as_of()), &activities, Some(&first));
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(first.assignments, again.assignments);
    assert_eq!(again.report.moved_share, Some(0.0));
    assert!(again.report.lineage.iter().all(|of| of.kind == LineageKind::Continued));
    let other = fit(Parameters { seed: 9, ..Parameters::at(as_of()) }, &activities, Some(&first));
    assert_eq!(ids(&first), ids(&other));
}

#[test]
fn permuted_places_change_no_id() {
    let (activities, _) = population(600);
    let first = fit(Parameters::at(as_of()), &activities, None);
    let k = first.personas.len();
    let mut permuted = first.clone();
    permuted.personas.rotate_left(1);
    permuted.model.centres.rotate_left(1);
    for assignment in &mut permuted.assignments {
        assignment.persona = (assignment.persona + k as u16 - 1) % k as u16;
    }
    let again = fit(Parameters::at(as_of()), &activities, Some(&permuted));
    assert_eq!(ids(&first), ids(&again));
}

#[test]
fn another_number_of_personas_splits_and_merges() {
    let (activities, _) = population(900);
    let at = |k| Parameters { k: Some(k), ..Parameters::at(as_of()) };
    let few = fit(at(3), &activities, None);
    let many = fit(at(7), &activities, Some(&few));
    let kept = ids(&many).into_iter().filter(|id| ids(&few).contains(id)).count();
    assert!((1..=3).contains(&kept), "{kept}");
    let kinds = |of: &Fitted, kind| of.report.lineage.iter().filter(|l| l.kind == kind).count();
    assert!(kinds(&many, LineageKind::Split) >= 2, "{:?}", many.report.lineage);
    let back = fit(at(3), &activities, Some(&many));
    assert!(kinds(&back, LineageKind::Merged) >= 1, "{:?}", back.report.lineage);
    assert_eq!(kinds(&back, LineageKind::Retired), 4);
}

#[test]
fn a_version_without_structure_or_with_too_much_movement_stays_a_candidate() {
    let (activities, _) = population(600);
    let first = fit(Parameters::at(as_of()), &activities, None);
    assert!(first.report.decide(&Policy::default()).activated, "{:?}", first.report);
    let at = Parameters { k: Some(9), ..Parameters::at(as_of()) };
    let other = fit(at, &activities, Some(&first));
    let strict = Policy { max_moved_share: 0.01, ..Policy::default() };
    let held = other.report.decide(&strict);
    assert!(!held.activated && held.reasons.iter().any(|r| r.contains("would change persona")));
    let none = Report { structure: Structure::None, ..first.report };
    assert!(!none.decide(&Policy::default()).activated);
}

//! Asks for another training where outcomes have become known since the one of the model in use: base rates drift, and a model follows
//! them by learning from the latest cut-offs.

use super::churn::Parameters;
use cx_analytics::{Timestamp, churn::Definition, time::DAY};
use cx_datastore::{Error, JobKind, Store, churn::LiveModel};

/// Whether a model that was trained at an instant has had its time, and how often over. A new cut-off comes to its end every half horizon;
/// a shorter one is not worth more than a training a week, and a month of waiting is enough.
fn times_over(definition: &Definition, trained: Timestamp, now: Timestamp) -> i64 {
    let every = (definition.horizon_days() / 2).clamp(7, 30) * DAY;
    (now.micros() - trained.micros()) / every
}

/// Asks for the next training of a live model by the current version of its definition, where it is due. One that fails is asked for
/// again when as much time has passed. Gives the job where it is new.
pub(super) async fn ask(
    store: &Store,
    model: &LiveModel,
    trained: Timestamp,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let times = times_over(&model.definition, trained, now);
    if times < 1 {
        return Ok(None);
    }
    let Some(of) = store.churn_definition_get(&model.definition_id).await? else { return Ok(None) };
    let asked = store.job_get(&model.id).await?;
    let asked = asked.and_then(|job| serde_json::from_str::<Parameters>(&job.parameters).ok());
    let parameters = Parameters {
        definition_id: of.id,
        version: of.version,
        definition: of.definition,
        as_of: now,
        currency: asked.and_then(|asked| asked.currency),
        live: true,
        in_place_of: Some(model.id.clone()),
    };
    let Ok(parameters) = serde_json::to_string(&parameters) else { return Ok(None) };
    let request = format!("{} over {times}", model.id);
    let id = uuid::Uuid::now_v7().to_string();
    let kind = JobKind::ChurnTraining;
    let job = store.job_create(kind, &parameters, true, Some(&request), id.clone(), now).await?;
    Ok(Some(job.id).filter(|made| *made == id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cx_analytics::churn::Draft;

    #[test]
    fn a_model_has_had_its_time_after_half_a_horizon_a_week_at_least_and_a_month_at_most() {
        for (horizon, every) in [(5, 7), (20, 10), (90, 30), (365, 30)] {
            let draft = Draft { horizon_days: Some(horizon), ..Draft::default() };
            let definition = Definition::new(draft).expect("valid");
            let trained = Timestamp::from_micros(0).expect("in range");
            let times = |days: i64, more: i64| {
                times_over(&definition, trained, trained.plus(days * DAY + more))
            };
            assert_eq!((times(every, -1), times(every, 0), times(2 * every, 0)), (0, 1, 2));
        }
    }
}

//! Activities of the synthetic population, with a survey answer of everybody.

use crate::mixtures::Random;
use cx_analytics::{
    Activity, Interaction, Payload, ScoreActivity, Timestamp,
    codes::{CaseAction, EngagementAction, FeedbackAction},
    synthetic::Population,
    time::DAY,
};

/// The instant of which the activities are.
pub const AS_OF: i64 = 1_700_000_000_000_000;

/// The same instant.
pub fn as_of() -> Timestamp {
    Timestamp::from_micros(AS_OF).unwrap_or(Timestamp::MIN)
}

/// About `size` customers (those without interactions are left out), each with a satisfaction answer around what
/// their archetype would say.
pub fn activities(size: u64) -> Vec<Activity> {
    let mut random = Random::new(7);
    (Population::new(1, size, as_of()).filter(|member| !member.interactions.is_empty()))
        .map(|member| {
            let id = &member.customer.customer_id;
            let mut activity = Activity::empty(id, member.interactions[0].occurred_at);
            member.interactions.iter().for_each(|interaction| count(&mut activity, interaction));
            let mood = [880.0, 560.0, 800.0, 230.0, 640.0, 720.0][member.archetype as usize % 6];
            activity.csat = answer(mood + 130.0 * random.normal());
            activity
        })
        .collect()
}

/// One answer, in thousandths of the scale.
pub fn answer(permille: f64) -> ScoreActivity {
    let permille = permille.round().clamp(0.0, 1000.0) as i64;
    ScoreActivity { answers: 1, permille_sum: permille, permille_last: Some(permille) }
}

/// What the database counts, as far as these experiments look at it.
fn count(activity: &mut Activity, interaction: &Interaction) {
    let age = AS_OF - interaction.occurred_at.micros();
    let recent = i64::from(age <= 90 * DAY);
    let prior = i64::from(age > 90 * DAY && age <= 180 * DAY);
    activity.interactions += 1;
    activity.first_at = activity.first_at.min(interaction.occurred_at);
    activity.last_at = activity.last_at.max(interaction.occurred_at);
    activity.interactions_90d += recent;
    activity.interactions_prior_90d += prior;
    activity.by_channel[interaction.channel.code() as usize - 1] += 1;
    if let Some(stage) = interaction.stage {
        activity.by_stage[stage.code() as usize - 1] += 1;
    }
    match &interaction.payload {
        Payload::Engagement { action, .. } if *action != EngagementAction::Sent => {
            activity.engagements += 1;
        }
        Payload::Contact { queue_wait, .. } => {
            activity.contacts += 1;
            activity.waits += i64::from(queue_wait.is_some());
            activity.wait_sum += queue_wait.unwrap_or(0);
        }
        Payload::Case { action: CaseAction::Opened, .. } => activity.cases_opened += 1,
        Payload::Order { total, .. } => {
            activity.orders += 1;
            activity.orders_90d += recent;
            activity.orders_prior_90d += prior;
            activity.order_last_at = activity.order_last_at.max(Some(interaction.occurred_at));
            if let Some(total) = total {
                activity.orders_valued += 1;
                activity.order_value += total.amount_minor;
            }
        }
        Payload::Return { .. } => activity.returns += 1,
        Payload::Complaint { action: FeedbackAction::Raised, .. } => activity.complaints += 1,
        _ => {}
    }
}

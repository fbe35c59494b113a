//! One customer's own journey: which touchpoints belong together, and what each is a consequence of.

use crate::codes::{CaseAction, FeedbackAction, Handler, Kind, SurveyAction, SurveyKind, coded};
use crate::{Interaction, Payload, Timestamp, time::DAY};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// For how long something that no id says may be what a touchpoint is about.
const NEAR: i64 = 7 * DAY;

coded! {
    /// What an earlier touchpoint is to a later one.
    Relation {
        /// The latest contact or event of the same case before.
        SameCase = 1,
        /// It solved the case that was opened again.
        ReopenedAfter = 2,
        /// It delivered the survey.
        Delivered = 3,
        /// What the survey asks about.
        AskedAbout = 4,
        /// The order that was taken back.
        Ordered = 5,
        /// The latest contact for the same reason.
        SameReason = 6,
        /// The latest session of self-service before a contact with a human.
        SelfServed = 7,
        /// It raised what was answered.
        Raised = 8,
        /// The event of the same subscription before.
        SameSubscription = 9,
    }
}

/// An earlier touchpoint of which a later one is a consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What it is to the later one.
    pub relation: Relation,
    /// Its interaction.
    pub interaction_id: String,
    /// Microseconds from it to the later one.
    pub before: i64,
    /// No id says so, only that it came shortly before.
    pub inferred: bool,
}

/// A touchpoint in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Number of the journey, from 1.
    pub journey: i64,
    /// Place in the journey, from 1.
    pub place: i64,
    /// Microseconds since the touchpoint before, if there was one.
    pub since_previous: Option<i64>,
    /// What it is a consequence of, by relation.
    pub causes: Vec<Cause>,
}

/// An earlier touchpoint, as it is remembered.
#[derive(Debug, Clone)]
struct Seen {
    interaction_id: String,
    at: Timestamp,
}

impl Seen {
    fn of(interaction: &Interaction) -> Self {
        let (interaction_id, at) = (interaction.interaction_id.clone(), interaction.occurred_at);
        Self { interaction_id, at }
    }

    fn is_near(&self, at: Timestamp) -> bool {
        at.micros() - self.at.micros() <= NEAR
    }
}

/// What a survey is about, and whether that is only inferred.
type About = (Seen, bool);

/// Goes through a customer's interactions in time order and says of each where it stands.
#[derive(Debug)]
pub struct Follower {
    gap: i64,
    journey: i64,
    place: i64,
    last: Option<Timestamp>,
    cases: HashMap<String, Seen>,
    solved: HashMap<String, Seen>,
    orders: HashMap<String, Seen>,
    subscriptions: HashMap<String, Seen>,
    raised: HashMap<(Kind, String), Seen>,
    reasons: HashMap<String, Seen>,
    session: Option<Seen>,
    /// The latest contact, case event or order.
    served: Option<Seen>,
    delivered: HashMap<(SurveyKind, Option<String>), (Seen, Option<About>)>,
}

impl Follower {
    /// At the beginning; a new journey begins after more than `gap` microseconds without a touchpoint.
    pub fn new(gap: i64) -> Self {
        Self {
            gap,
            journey: 0,
            place: 0,
            last: None,
            cases: HashMap::new(),
            solved: HashMap::new(),
            orders: HashMap::new(),
            subscriptions: HashMap::new(),
            raised: HashMap::new(),
            reasons: HashMap::new(),
            session: None,
            served: None,
            delivered: HashMap::new(),
        }
    }

    /// The next interaction of the customer.
    pub fn next(&mut self, interaction: &Interaction) -> Placed {
        let at = interaction.occurred_at;
        let since_previous = self.last.map(|last| at.micros() - last.micros());
        if since_previous.is_none_or(|since| since > self.gap) {
            (self.journey, self.place) = (self.journey + 1, 0);
        }
        (self.place, self.last) = (self.place + 1, Some(at));
        let mut found = Vec::new();
        self.link(interaction, &mut found);
        let mut causes: Vec<Cause> = found
            .into_iter()
            .map(|(relation, seen, inferred)| Cause {
                relation,
                before: at.micros() - seen.at.micros(),
                interaction_id: seen.interaction_id,
                inferred,
            })
            .collect();
        causes.sort_by_key(|cause| cause.relation);
        Placed { journey: self.journey, place: self.place, since_previous, causes }
    }

    fn link(&mut self, interaction: &Interaction, found: &mut Vec<(Relation, Seen, bool)>) {
        let mut note = |relation, seen: Option<Seen>| {
            found.extend(seen.map(|seen| (relation, seen, false)));
        };
        let now = Seen::of(interaction);
        match &interaction.payload {
            Payload::Contact { handler, reason, case_id, .. } => {
                if let Some(id) = case_id {
                    note(Relation::SameCase, self.cases.insert(id.clone(), now.clone()));
                }
                self.contact(*handler, reason.as_ref(), &now, found);
                self.served = Some(now);
            }
            Payload::Case { case_id, action, .. } => {
                if *action == CaseAction::Reopened {
                    note(Relation::ReopenedAfter, self.solved.get(case_id).cloned());
                }
                if *action == CaseAction::Solved {
                    self.solved.insert(case_id.clone(), now.clone());
                }
                note(Relation::SameCase, self.cases.insert(case_id.clone(), now.clone()));
                self.served = Some(now);
            }
            Payload::Order { order_id, .. } => {
                self.orders.insert(order_id.clone(), now.clone());
                self.served = Some(now);
            }
            Payload::Return { order_id, .. } => {
                let order = order_id.as_ref().and_then(|id| self.orders.get(id));
                note(Relation::Ordered, order.cloned());
            }
            Payload::Subscription { subscription_id, .. } => {
                let before = self.subscriptions.insert(subscription_id.clone(), now);
                note(Relation::SameSubscription, before);
            }
            Payload::SelfService { .. } => self.session = Some(now),
            Payload::Complaint { complaint_id: Some(id), action, .. }
            | Payload::FeatureRequest { request_id: Some(id), action, .. } => {
                let key = (interaction.payload.kind(), id.clone());
                match action {
                    FeedbackAction::Raised => drop(self.raised.insert(key, now)),
                    FeedbackAction::Answered => {
                        note(Relation::Raised, self.raised.get(&key).cloned());
                    }
                }
            }
            Payload::Survey { survey_id, kind, action, .. } => {
                self.survey(survey_id.as_ref(), *kind, *action, now, found);
            }
            _ => {}
        }
    }

    fn contact(
        &mut self,
        handler: Option<Handler>,
        reason: Option<&String>,
        now: &Seen,
        found: &mut Vec<(Relation, Seen, bool)>,
    ) {
        if let Some(reason) = reason {
            let before = self.reasons.insert(reason.clone(), now.clone());
            let before = before.filter(|before| before.is_near(now.at));
            found.extend(before.map(|before| (Relation::SameReason, before, true)));
        }
        if handler == Some(Handler::Human) {
            let session = self.session.take().filter(|session| session.is_near(now.at));
            found.extend(session.map(|session| (Relation::SelfServed, session, true)));
        }
    }

    fn survey(
        &mut self,
        id: Option<&String>,
        kind: SurveyKind,
        action: SurveyAction,
        now: Seen,
        found: &mut Vec<(Relation, Seen, bool)>,
    ) {
        let key = (kind, id.cloned());
        let delivery = match action {
            SurveyAction::Delivered => None,
            SurveyAction::Answered | SurveyAction::Dismissed => self.delivered.remove(&key),
        };
        // Without an id it may be another survey of the kind.
        let delivery = delivery.filter(|(delivery, _)| id.is_some() || delivery.is_near(now.at));
        let about = match &delivery {
            Some((_, about)) => about.clone(),
            None => self.asked_about(id, kind, now.at),
        };
        found.extend(delivery.map(|(delivery, _)| (Relation::Delivered, delivery, id.is_none())));
        if let Some((about, inferred)) = about.clone() {
            found.push((Relation::AskedAbout, about, inferred));
        }
        if action == SurveyAction::Delivered {
            self.delivered.insert(key, (now, about));
        }
    }

    /// What a survey that comes now is about.
    fn asked_about(&self, id: Option<&String>, kind: SurveyKind, at: Timestamp) -> Option<About> {
        if kind == SurveyKind::NpsRelational {
            return None;
        }
        let named = id.and_then(|id| self.cases.get(id).or_else(|| self.orders.get(id)));
        match named {
            Some(named) => Some((named.clone(), false)),
            None => {
                self.served.clone().filter(|served| served.is_near(at)).map(|near| (near, true))
            }
        }
    }
}

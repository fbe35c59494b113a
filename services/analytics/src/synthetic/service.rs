//! What follows from an order: problems with the help that is sought for them, and what customers say.

use super::{archetype::Archetype, life::Life};
use crate::{
    Channel, Payload, Stage,
    interaction::{
        CaseAction, FeedbackAction, Handler, Score, SurveyAction,
        SurveyKind::{self, Ces, Csat, NpsRelational, NpsTransactional},
    },
    time::{DAY, SECOND},
};

const REASONS: &[&str] = &["delivery", "billing", "product fault", "returns", "account"];

/// A wish to be helped.
struct Request<'a> {
    day: f64,
    channel: Channel,
    reason: &'a str,
    /// Time in the queue, in seconds.
    wait: f64,
}

impl Life {
    /// A problem, from the first attempt to solve it to the survey about it.
    pub(super) fn problem(&mut self, day: f64) {
        let reason = self.random.text(REASONS);
        if self.random.chance(0.35) {
            let resolved =
                self.random.chance(if self.archetype == Archetype::Struggler { 0.1 } else { 0.55 });
            let payload = Payload::SelfService {
                topic: Some(reason.clone()),
                resolved: Some(resolved),
                duration: Some(self.random.log_normal(180.0, 0.6) as i64 * SECOND),
            };
            self.note_at(day, Channel::SelfService, Some(Stage::Support), payload);
            if resolved {
                return;
            }
        }
        let wait = self.random.log_normal(self.traits.wait, 0.8);
        let abandoned = self.random.chance((wait / 4_000.0).min(0.4));
        let channel = self.random.choose(self.traits.help).unwrap_or(Channel::Phone);
        let mut harm = 0.04 + (wait / 3_600.0).min(0.3) * 0.25;
        let with_case = !abandoned && self.random.chance(0.55);
        let case_id = with_case.then(|| {
            self.cases += 1;
            format!("case-{}", self.cases)
        });
        let request = Request { day: day + 0.01, channel, reason: &reason, wait };
        self.contact(&request, abandoned, case_id.clone());
        if abandoned {
            harm += 0.08;
            let again = day + self.random.between(0.1, 3.0);
            self.contact(&Request { day: again, wait: wait * 0.7, ..request }, false, None);
        }
        let mut end = day + 0.2;
        if let Some(case_id) = case_id {
            let hours = self.random.log_normal(12.0 * (1.5 - self.satisfaction), 0.9);
            let reopened = self.random.chance(0.45 * (1.0 - self.satisfaction));
            end = self.case(&request, &case_id, hours, reopened);
            harm += (hours / 400.0).min(0.1) + if reopened { 0.08 } else { 0.0 };
        }
        self.satisfaction = (self.satisfaction - harm * self.random.between(0.4, 1.6)).max(0.02);
        if self.satisfaction < 0.45 && self.random.chance(0.4) {
            self.complain(end + 0.5, &reason);
        }
        if self.random.chance(0.5) {
            let kind = if self.random.chance(0.5) { Csat } else { Ces };
            self.survey(end + 0.3, kind, channel);
        }
        if self.random.chance(0.04) {
            self.staff(end + 0.4, &reason);
        }
    }

    fn contact(&mut self, request: &Request<'_>, abandoned: bool, case_id: Option<String>) {
        let Request { day, channel, reason, wait } = *request;
        let by_bot =
            matches!(channel, Channel::Chat | Channel::Messaging) && self.random.chance(0.4);
        let handler = if by_bot { Handler::Bot } else { Handler::Human };
        let payload = Payload::Contact {
            handler: (!abandoned).then_some(handler),
            abandoned,
            queue_wait: Some(wait as i64 * SECOND),
            handling_time: (!abandoned).then(|| self.random.log_normal(300.0, 0.5) as i64 * SECOND),
            reason: Some(reason.to_owned()),
            case_id,
        };
        self.note_at(day, channel, Some(Stage::Support), payload);
    }

    /// A case from opening to its last solution. Returns the day of that.
    fn case(&mut self, request: &Request<'_>, case_id: &str, hours: f64, reopened: bool) -> f64 {
        let Request { day, channel, reason, .. } = *request;
        let mut event = |day: f64, action: CaseAction, handler: Option<Handler>| {
            let payload = Payload::Case {
                case_id: case_id.to_owned(),
                action,
                handler,
                reason: Some(reason.to_owned()),
            };
            self.note_at(day, channel, Some(Stage::Support), payload);
        };
        let days = hours / 24.0;
        event(day, CaseAction::Opened, None);
        event(day + days * 0.3, CaseAction::FirstResponse, Some(Handler::Human));
        event(day + days, CaseAction::Solved, Some(Handler::Human));
        if !reopened {
            return day + days;
        }
        event(day + days + 2.0, CaseAction::Reopened, None);
        event(day + days * 2.0 + 2.5, CaseAction::Solved, Some(Handler::Human));
        day + days * 2.0 + 2.5
    }

    fn complain(&mut self, day: f64, topic: &str) {
        let complaint_id = Some(format!("complaint-{}-{}", self.orders, self.cases));
        let text = self.random.text(&[
            "I have been waiting for days and nobody calls back.",
            "This is the second time the parcel arrives damaged.",
            "I was charged twice and still have no refund.",
        ]);
        let channel = if self.random.chance(0.3) { Channel::Social } else { Channel::Email };
        let payload = |action, text| Payload::Complaint {
            complaint_id: complaint_id.clone(),
            action,
            topic: Some(topic.to_owned()),
            text,
        };
        let raised = payload(FeedbackAction::Raised, Some(text));
        let answered = payload(FeedbackAction::Answered, None);
        self.note_at(day, channel, Some(Stage::Support), raised);
        if self.random.chance(0.7) {
            let later = day + self.random.exponential(3.0);
            self.note_at(later, Channel::Email, Some(Stage::Support), answered);
        }
    }

    fn staff(&mut self, day: f64, topic: &str) {
        let visit = self.random.chance(0.3);
        let payload = Payload::StaffNote {
            author_role: Some(if visit { "technician" } else { "agent" }.to_owned()),
            topic: Some(topic.to_owned()),
            text: self.random.text(&[
                "Customer sounds tired of explaining the same thing again.",
                "Very patient; promised a call back tomorrow.",
                "Asked twice how to close the account.",
            ]),
        };
        let channel = if visit { Channel::Field } else { Channel::Other };
        self.note_at(day, channel, Some(Stage::Support), payload);
    }

    /// What a customer says some days after an order, asked or not.
    pub(super) fn speak(&mut self, day: f64) {
        let channel = self.random.choose(self.traits.channels).unwrap_or(Channel::Web);
        if self.random.chance(0.12) {
            let kind = if self.random.chance(0.7) { NpsRelational } else { NpsTransactional };
            self.survey(day, kind, Channel::Email);
        }
        if !self.random.chance(self.traits.voice) {
            return;
        }
        let what = self.random.unit();
        if what < 0.45 {
            let payload = Payload::Review {
                rating: Some(self.answer(1, 5)),
                text: Some(self.random.text(&[
                    "As described.",
                    "Would buy again.",
                    "Arrived quickly.",
                ])),
                subject: Some(self.random.text(&["kettle", "garden chair", "running shoes"])),
                public: Some(true),
            };
            self.note_at(day, channel, Some(Stage::Advocacy), payload);
        } else if what < 0.75 {
            let payload = Payload::Referral {
                referred_customer_id: None,
                converted: Some(self.random.chance(0.3)),
            };
            self.note_at(day, channel, Some(Stage::Advocacy), payload);
        } else {
            let payload = Payload::FeatureRequest {
                request_id: Some(format!("wish-{}", self.orders)),
                action: FeedbackAction::Raised,
                topic: Some("app".to_owned()),
                text: Some(
                    self.random.text(&["Please add a wish list.", "Let me pay by invoice."]),
                ),
            };
            self.note_at(day, channel, Some(Stage::Usage), payload);
        }
    }

    /// A survey: delivered, then perhaps answered or dismissed.
    fn survey(&mut self, day: f64, kind: SurveyKind, channel: Channel) {
        let stage = if matches!(kind, Csat | Ces) { Stage::Support } else { Stage::Loyalty };
        let survey_id = match kind {
            Csat => "after-contact-csat",
            Ces => "after-contact-ces",
            _ => "relationship",
        };
        let payload = |action, score, comment| Payload::Survey {
            survey_id: Some(survey_id.to_owned()),
            kind,
            action,
            score,
            comment,
        };
        let delivered = payload(SurveyAction::Delivered, None, None);
        let answer = if self.random.chance(self.traits.answers) {
            let score = match kind {
                Csat => self.answer(1, 5),
                Ces => self.answer(1, 7),
                _ => self.answer(0, 10),
            };
            let comment = self.random.chance(0.15).then(|| {
                let texts: &[&str] = if self.satisfaction > 0.6 {
                    &["Friendly and quick.", "All good, thank you."]
                } else {
                    &["Too slow.", "I had to ask three times."]
                };
                self.random.text(texts)
            });
            Some(payload(SurveyAction::Answered, Some(score), comment))
        } else {
            self.random.chance(0.2).then(|| payload(SurveyAction::Dismissed, None, None))
        };
        self.note_at(day, channel, Some(stage), delivered);
        if let Some(answer) = answer {
            let later = day + self.random.exponential(0.8) + SECOND as f64 / DAY as f64;
            self.note_at(later, channel, Some(stage), answer);
        }
    }

    /// An answer on a scale, drawn around the hidden satisfaction.
    fn answer(&mut self, min: i32, max: i32) -> Score {
        let felt = (self.satisfaction + 0.13 * self.random.normal()).clamp(0.0, 1.0);
        let value = min + (felt * f64::from(max - min)).round() as i32;
        Score { value, min, max, lower_is_better: false }
    }
}

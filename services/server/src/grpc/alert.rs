//! `AlertService`: rules, the alerts that they raise, and what came of them.

use super::{
    Api, configured,
    follow::{Follow, From},
    from_proto::{self, Violations},
    membership::each_once,
    moved, page_token,
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{
        self, AcknowledgeAlertRequest, AcknowledgeAlertResponse, AssignAlertRequest,
        AssignAlertResponse, CreateAlertRuleRequest, CreateAlertRuleResponse,
        DeleteAlertRuleRequest, DeleteAlertRuleResponse, GetAlertRequest, GetAlertResponse,
        GetAlertRuleRequest, GetAlertRuleResponse, GetRecoveryRequest, GetRecoveryResponse,
        ListAlertRulesRequest, ListAlertRulesResponse, ListAlertsRequest, ListAlertsResponse,
        ResolveAlertRequest, ResolveAlertResponse, UpdateAlertRuleRequest, UpdateAlertRuleResponse,
        WatchAlertsRequest, WatchAlertsResponse,
        alert_service_server::{AlertService, AlertServiceServer},
        watch_alerts_request::Start,
    },
};
use cx_analytics::{Timestamp, alerts};
use cx_datastore::alerts::{Act, AlertChange, AlertKey, ChangeFilter, Changed, Rule};
use futures::stream::BoxStream;
use prost::Message;
use tonic::{Request, Response, Status, service::Routes};

/// Changes in one message of a watch: each may tell two notes and some ids, and all stay below what clients take (often 4 MiB).
const CHANGES_TOLD: u64 = 300;
/// Most rules of a watch.
const MOST_RULES: usize = 50;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(AlertServiceServer, Handler { api: api.clone() }))
}

struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl AlertService for Handler {
    type WatchAlertsStream = BoxStream<'static, Result<WatchAlertsResponse, Status>>;

    async fn create_alert_rule(
        &self,
        request: Request<CreateAlertRuleRequest>,
    ) -> Result<Response<CreateAlertRuleResponse>, Status> {
        let mut v = Violations::new();
        let id = uuid::Uuid::now_v7().to_string();
        let new = from_proto::new_alert_rule(&mut v, request.into_inner(), id);
        v.refuse()?;
        let new = new.ok_or_else(|| Refusal::field("rule", "is required"))?;
        let create = self.api.store.alert_rule_create(&new, clock::now());
        let rule = create.await.map_err(Refusal::from)?;
        Ok(Response::new(CreateAlertRuleResponse { rule: Some(to_proto::alert_rule(rule)) }))
    }

    async fn get_alert_rule(
        &self,
        request: Request<GetAlertRuleRequest>,
    ) -> Result<Response<GetAlertRuleResponse>, Status> {
        let id = required("alert_rule_id", request.into_inner().alert_rule_id)?;
        let rule = self.rule(id).await?;
        Ok(Response::new(GetAlertRuleResponse { rule: Some(to_proto::alert_rule(rule)) }))
    }

    async fn list_alert_rules(
        &self,
        request: Request<ListAlertRulesRequest>,
    ) -> Result<Response<ListAlertRulesResponse>, Status> {
        const SCOPE: &[&str] = &["ListAlertRules"];
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let after: Option<(Timestamp, String)> = page_token::read(&request.page_token, SCOPE)?;
        let list = self.api.store.alert_rules_list(after, size + 1).await.map_err(Refusal::from)?;
        let keys: Vec<_> = list.iter().map(|one| (one.created_at, one.id.clone())).collect();
        let (rules, more) = page_token::page(list.into_iter().map(to_proto::alert_rule), size);
        let next_page_token = match more {
            Some(_) => page_token::issue(SCOPE, &keys[rules.len() - 1]),
            None => String::new(),
        };
        Ok(Response::new(ListAlertRulesResponse { rules, next_page_token }))
    }

    async fn update_alert_rule(
        &self,
        request: Request<UpdateAlertRuleRequest>,
    ) -> Result<Response<UpdateAlertRuleResponse>, Status> {
        let request = request.into_inner();
        let wanted = request.rule.unwrap_or_default();
        let id = required("rule.alert_rule_id", wanted.alert_rule_id.clone())?;
        // Its kind never changes, so that nothing is lost where somebody else changes it in between.
        let kind = self.rule(id.clone()).await?.condition.kind();
        let mut v = Violations::new();
        let etag = wanted.etag.clone();
        let change = from_proto::alert_rule_change(&mut v, wanted, request.update_mask, kind);
        v.refuse()?;
        let update = self.api.store.alert_rule_update(&id, &change, &etag, clock::now());
        let rule = update.await.map_err(Refusal::from)?.ok_or(Refusal::AlertRuleNotFound(id))?;
        Ok(Response::new(UpdateAlertRuleResponse { rule: Some(to_proto::alert_rule(rule)) }))
    }

    async fn delete_alert_rule(
        &self,
        request: Request<DeleteAlertRuleRequest>,
    ) -> Result<Response<DeleteAlertRuleResponse>, Status> {
        let id = required("alert_rule_id", request.into_inner().alert_rule_id)?;
        match self.api.store.alert_rule_delete(&id).await.map_err(Refusal::from)? {
            true => Ok(Response::new(DeleteAlertRuleResponse {})),
            false => Err(Refusal::AlertRuleNotFound(id).into()),
        }
    }

    async fn list_alerts(
        &self,
        request: Request<ListAlertsRequest>,
    ) -> Result<Response<ListAlertsResponse>, Status> {
        let request = request.into_inner();
        // Every field but those of the page.
        let asked =
            ListAlertsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let asked = blake3::hash(&asked.encode_to_vec()).to_hex();
        let scope = ["ListAlerts", asked.as_str()];
        let size = page_token::page_size(request.page_size)?;
        let after: Option<AlertKey> = page_token::read(&request.page_token, &scope)?;
        let mut v = Violations::new();
        let filter = from_proto::alert_filter(&mut v, &request);
        v.refuse()?;
        let list = self.api.store.alerts_list(&filter, after.as_ref(), size + 1).await;
        let list = list.map_err(Refusal::from)?;
        let keys: Vec<AlertKey> = list.iter().map(|one| (one.raised_at, one.id.clone())).collect();
        let (alerts, more) = page_token::page(list.into_iter().map(to_proto::alert), size);
        let next_page_token = match more {
            Some(_) => page_token::issue(&scope, &keys[alerts.len() - 1]),
            None => String::new(),
        };
        Ok(Response::new(ListAlertsResponse { alerts, next_page_token }))
    }

    async fn get_alert(
        &self,
        request: Request<GetAlertRequest>,
    ) -> Result<Response<GetAlertResponse>, Status> {
        let id = required("alert_id", request.into_inner().alert_id)?;
        let found = self.api.store.alert_get(&id).await.map_err(Refusal::from)?;
        let (alert, changes) = found.ok_or(Refusal::AlertNotFound(id))?;
        let changes = changes.into_iter().map(to_proto::alert_change).collect();
        Ok(Response::new(GetAlertResponse { alert: Some(to_proto::alert(alert)), changes }))
    }

    async fn watch_alerts(
        &self,
        request: Request<WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        let request = request.into_inner();
        let rules = rules(request.alert_rule_ids)?;
        let mut scope = vec!["WatchAlerts".to_owned()];
        scope.extend(rules.iter().cloned());
        let start = match Start::try_from(request.start) {
            Ok(Start::Earliest) => From::Earliest,
            Ok(Start::Now | Start::Unspecified) => From::Now,
            Err(_) => {
                let rule = format!("{} is not one of its values", request.start);
                return Err(Refusal::field("start", rule).into());
            }
        };
        let follow = Follow::begin(&self.api, scope, &request.resume_token, start).await?;
        let store = self.api.store.clone();
        let filter = ChangeFilter { rules, ..ChangeFilter::default() };
        let read = move |position| {
            let (store, filter) = (store.clone(), filter.clone());
            async move { store.alert_changes_after(position, &filter, CHANGES_TOLD).await }
        };
        Ok(Response::new(follow.stream(read, |change| change.position, told)))
    }

    async fn acknowledge_alert(
        &self,
        request: Request<AcknowledgeAlertRequest>,
    ) -> Result<Response<AcknowledgeAlertResponse>, Status> {
        let request = request.into_inner();
        let v = Violations::new();
        let who = (request.alert_id, request.actor, request.etag);
        let alert = self.change(v, who, Some(Act::Acknowledge)).await?;
        Ok(Response::new(AcknowledgeAlertResponse { alert: Some(alert) }))
    }

    async fn assign_alert(
        &self,
        request: Request<AssignAlertRequest>,
    ) -> Result<Response<AssignAlertResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let assignee = v.optional_id("assignee", request.assignee);
        let who = (request.alert_id, request.actor, request.etag);
        let alert = self.change(v, who, Some(Act::Assign(assignee))).await?;
        Ok(Response::new(AssignAlertResponse { alert: Some(alert) }))
    }

    async fn resolve_alert(
        &self,
        request: Request<ResolveAlertRequest>,
    ) -> Result<Response<ResolveAlertResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let act = from_proto::alert_resolution(&mut v, request.outcome, request.note);
        let who = (request.alert_id, request.actor, request.etag);
        let alert = self.change(v, who, act).await?;
        Ok(Response::new(ResolveAlertResponse { alert: Some(alert) }))
    }

    async fn get_recovery(
        &self,
        request: Request<GetRecoveryRequest>,
    ) -> Result<Response<GetRecoveryResponse>, Status> {
        let (now, mut v) = (clock::now(), Violations::new());
        let (filter, terms) = from_proto::recovery_asked(&mut v, request.into_inner(), now);
        v.refuse()?;
        let store = &self.api.store;
        let mut tallies = store.recovery_tallies(&filter, now).await.map_err(Refusal::from)?;
        if let Some(tally) = tallies.get_mut(&alerts::Kind::MetricMoved) {
            tally.after.followed = moved::followed(store, &filter, now).await?;
        }
        let recoveries = tallies.iter().map(|(kind, tally)| {
            let figures = alerts::recovery(*kind, tally, &terms);
            to_proto::recovery(*kind, tally, figures, terms.confidence)
        });
        Ok(Response::new(GetRecoveryResponse {
            recoveries: recoveries.collect(),
            as_of: Some(to_proto::timestamp(now)),
        }))
    }
}

impl Handler {
    async fn rule(&self, id: String) -> Result<Rule, Refusal> {
        let found = self.api.store.alert_rule_get(&id).await?;
        found.ok_or(Refusal::AlertRuleNotFound(id))
    }

    /// Does something with an alert: its id, who does it, and the etag that they know.
    async fn change(
        &self,
        mut v: Violations,
        (id, actor, etag): (String, String, String),
        act: Option<Act>,
    ) -> Result<proto::Alert, Refusal> {
        let id = v.id("alert_id", id);
        let actor = v.id("actor", actor);
        v.refuse()?;
        let act = act.ok_or_else(|| Refusal::field("outcome", "is required"))?;
        let change = self.api.store.alert_change(&id, &act, (&actor, &etag), clock::now());
        match change.await? {
            Some(Changed::Done(alert)) => Ok(to_proto::alert(*alert)),
            Some(Changed::Resolved) => Err(Refusal::AlertResolved(id)),
            None => Err(Refusal::AlertNotFound(id)),
        }
    }
}

fn told(changes: Vec<AlertChange>, resume_token: String) -> WatchAlertsResponse {
    let changes = changes.into_iter().map(to_proto::alert_change).collect();
    WatchAlertsResponse { changes, resume_token }
}

fn required(field: &str, id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id(field, id);
    v.refuse().map(|()| id)
}

/// The rules of a watch, sorted, so that their order makes no other request of it.
fn rules(mut ids: Vec<String>) -> Result<Vec<String>, Refusal> {
    let mut v = Violations::new();
    if ids.len() > MOST_RULES {
        let has = ids.len();
        v.at("alert_rule_ids", format!("has {has} entries, at most {MOST_RULES} are taken"));
    }
    each_once(&mut v, "alert_rule_ids", &ids);
    v.refuse()?;
    ids.sort_unstable();
    Ok(ids)
}

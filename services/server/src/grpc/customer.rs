//! `CustomerService`: attributes, timeline, and the rights of the person.

use super::{
    Api, configured,
    from_proto::{self, Violations},
    page_token::{self, page_size},
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{
        self, CustomerRefusal, EarlierProfiles, EraseCustomerRequest, EraseCustomerResponse,
        ExportCustomerRequest, ExportCustomerResponse, GetCustomerRequest, GetCustomerResponse,
        IngestOutcome, InteractionChunk, ListCustomersRequest, ListCustomersResponse,
        ListInteractionsRequest, ListInteractionsResponse, UpsertCustomersRequest,
        UpsertCustomersResponse,
        customer_service_server::{CustomerService, CustomerServiceServer},
        export_customer_response::Part,
    },
};
use cx_analytics::{Money, Timestamp};
use cx_datastore::{Scope, Stored};
use futures::{Stream, StreamExt, stream};
use std::{ops::Range, pin::Pin};
use tonic::{Request, Response, Status, service::Routes};

/// Most customers in a call.
const MAX_CUSTOMERS: usize = 1000;
/// Interactions read at a time for an export.
const CHUNK: u64 = 500;
/// Earlier profiles in a message of an export.
const PROFILES: usize = 20;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(CustomerServiceServer, Handler { api: api.clone() }))
}

#[derive(Clone)]
struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl CustomerService for Handler {
    async fn upsert_customers(
        &self,
        request: Request<UpsertCustomersRequest>,
    ) -> Result<Response<UpsertCustomersResponse>, Status> {
        let wire = request.into_inner().customers;
        if wire.is_empty() || wire.len() > MAX_CUSTOMERS {
            let rule = format!("has {} customers; 1 to {MAX_CUSTOMERS} are taken", wire.len());
            return Err(Refusal::field("customers", rule).into());
        }
        let (mut places, mut good, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
        for (index, wire) in (0..).zip(wire) {
            match from_proto::customer(wire) {
                Ok(customer) => {
                    places.push(index);
                    good.push(customer);
                }
                Err(violations) => refusals.push(rejected(index, violations)),
            }
        }
        let written = if good.is_empty() {
            Vec::new()
        } else {
            self.api.store.customers_upsert(good, clock::now()).await.map_err(Refusal::from)?
        };
        let erased = places.into_iter().zip(&written).filter(|(_, written)| !**written);
        refusals.extend(erased.map(|(index, _)| CustomerRefusal {
            index,
            outcome: IngestOutcome::Suppressed.into(),
            violations: Vec::new(),
        }));
        refusals.sort_unstable_by_key(|refusal| refusal.index);
        let written = written.into_iter().filter(|written| *written).count() as i64;
        Ok(Response::new(UpsertCustomersResponse { written, refusals }))
    }

    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<GetCustomerResponse>, Status> {
        let customer_id = customer_id(request.into_inner().customer_id)?;
        Ok(Response::new(self.read(&customer_id).await?))
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        let ListCustomersRequest { page_size: asked, page_token: token } = request.into_inner();
        let (size, scope) = (page_size(asked)?, ["ListCustomers"]);
        let after: Option<String> = page_token::read(&token, &scope)?;
        let rows = self.api.store.customers_list(after, size + 1).await.map_err(Refusal::from)?;
        let rows = rows.into_iter().map(|(customer, at)| to_proto::customer(customer, Some(at)));
        let (customers, last) = page_token::page(rows, size);
        let next_page_token =
            last.map(|last| page_token::issue(&scope, &last.customer_id)).unwrap_or_default();
        Ok(Response::new(ListCustomersResponse { customers, next_page_token }))
    }

    async fn list_interactions(
        &self,
        request: Request<ListInteractionsRequest>,
    ) -> Result<Response<ListInteractionsResponse>, Status> {
        let ListInteractionsRequest { customer_id: id, start_time, end_time, ascending, .. } =
            request.get_ref().clone();
        let customer_id = customer_id(id)?;
        let range = range(start_time, end_time)?;
        let (start, end) = (range.start.micros().to_string(), range.end.micros().to_string());
        let order = if ascending { "ascending" } else { "descending" };
        let scope = ["ListInteractions", &customer_id, &start, &end, order];
        let size = page_size(request.get_ref().page_size)?;
        let after: Option<(Timestamp, String)> =
            page_token::read(&request.get_ref().page_token, &scope)?;
        let first = after.is_none();
        let store = &self.api.store;
        let rows = store
            .interactions_list(&customer_id, range, ascending, after, size + 1)
            .await
            .map_err(Refusal::from)?;
        if rows.is_empty() && first {
            // Somebody without interactions has an empty timeline; somebody unknown has none.
            let known = store.customer_get(&customer_id).await.map_err(Refusal::from)?;
            known.ok_or_else(|| Refusal::CustomerNotFound(customer_id.clone()))?;
        }
        let keys: Vec<_> = rows
            .iter()
            .map(|row| (row.interaction.occurred_at, row.interaction.interaction_id.clone()))
            .collect();
        let (interactions, last) = page_token::page(rows.into_iter().map(stored), size);
        let last_key = last.and_then(|_| keys.get(interactions.len() - 1));
        let next_page_token =
            last_key.map(|key| page_token::issue(&scope, key)).unwrap_or_default();
        Ok(Response::new(ListInteractionsResponse { interactions, next_page_token }))
    }

    async fn erase_customer(
        &self,
        request: Request<EraseCustomerRequest>,
    ) -> Result<Response<EraseCustomerResponse>, Status> {
        let EraseCustomerRequest { customer_id: id, confirm } = request.into_inner();
        let customer_id = customer_id(id)?;
        if confirm != customer_id {
            return Err(Refusal::field("confirm", "does not repeat customer_id").into());
        }
        let erased = self
            .api
            .store
            .customer_erase(&customer_id, clock::now())
            .await
            .map_err(Refusal::from)?;
        Ok(Response::new(EraseCustomerResponse { interactions_erased: erased }))
    }

    type ExportCustomerStream =
        Pin<Box<dyn Stream<Item = Result<ExportCustomerResponse, Status>> + Send>>;

    async fn export_customer(
        &self,
        request: Request<ExportCustomerRequest>,
    ) -> Result<Response<Self::ExportCustomerStream>, Status> {
        let customer_id = customer_id(request.into_inner().customer_id)?;
        let customer =
            ExportCustomerResponse { part: Some(Part::Customer(self.read(&customer_id).await?)) };
        let history = self.api.store.customer_history(&customer_id).await.map_err(Refusal::from)?;
        let told: Vec<_> = history.into_iter().map(to_proto::earlier_profile).collect();
        let earlier = told.chunks(PROFILES).map(|some| {
            let profiles = EarlierProfiles { profiles: some.to_vec() };
            ExportCustomerResponse { part: Some(Part::EarlierProfiles(profiles)) }
        });
        let first: Vec<_> = std::iter::once(customer).chain(earlier).map(Ok).collect();
        let rest = self.clone().timeline(customer_id);
        Ok(Response::new(Box::pin(stream::iter(first).chain(rest))))
    }
}

impl Handler {
    /// Everything about a customer but the timeline.
    async fn read(&self, customer_id: &str) -> Result<GetCustomerResponse, Refusal> {
        let store = &self.api.store;
        let Some((customer, updated_at)) = store.customer_get(customer_id).await? else {
            return Err(Refusal::CustomerNotFound(customer_id.to_owned()));
        };
        let as_of = clock::now();
        let ids = [customer_id.to_owned()];
        let activity = store.activity(as_of, Scope::Customers(&ids), None).await?.pop();
        let activity = match activity {
            Some(activity) => {
                let sums = store.customer_money(customer_id, as_of).await?;
                let money = |amount: i64, currency| {
                    Some(Money { currency, amount_minor: amount }).filter(|_| amount != 0)
                };
                let orders =
                    sums.iter().filter_map(|sum| money(sum.orders, sum.currency)).collect();
                let refunds =
                    sums.iter().filter_map(|sum| money(sum.refunds, sum.currency)).collect();
                to_proto::activity(activity, as_of, orders, refunds)
            }
            None => proto::Activity {
                as_of: Some(to_proto::timestamp(as_of)),
                ..proto::Activity::default()
            },
        };
        let churn_risk = match super::churn::default_risk_of(store, customer_id).await {
            Ok(risk) => Some(risk),
            // Here they are no refusals: there is nothing to tell.
            Err(Refusal::NoActiveChurnModel | Refusal::ChurnRiskNotFound(_)) => None,
            Err(refusal) => return Err(refusal),
        };
        Ok(GetCustomerResponse {
            customer: Some(to_proto::customer(customer, updated_at)),
            activity: Some(activity),
            assignment: super::persona::assignment(&self.api, customer_id).await?,
            churn_risk,
        })
    }

    /// The timeline in chunks, earliest first, read as fast as it is taken.
    fn timeline(
        self,
        customer_id: String,
    ) -> impl Stream<Item = Result<ExportCustomerResponse, Status>> + Send {
        let begin = Some(None::<(Timestamp, String)>);
        stream::try_unfold((self, customer_id, begin), |(handler, customer_id, after)| async move {
            let Some(after) = after else { return Ok(None) };
            let everything = Timestamp::MIN..Timestamp::MAX;
            let store = &handler.api.store;
            let rows = store
                .interactions_list(&customer_id, everything, true, after, CHUNK)
                .await
                .map_err(Refusal::from)?;
            let Some(last) = rows.last() else { return Ok(None) };
            let more = rows.len() as u64 == CHUNK;
            let next = more.then(|| {
                Some((last.interaction.occurred_at, last.interaction.interaction_id.clone()))
            });
            let interactions = rows.into_iter().map(stored).collect();
            let part = Some(Part::Interactions(InteractionChunk { interactions }));
            Ok::<_, Status>(Some((ExportCustomerResponse { part }, (handler, customer_id, next))))
        })
    }
}

/// A customer id that must be there.
fn customer_id(id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id("customer_id", id);
    v.refuse().map(|()| id)
}

/// A range of time, open where an end is not given.
fn range(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Result<Range<Timestamp>, Refusal> {
    let mut v = Violations::new();
    let start = v.timestamp("start_time", start).unwrap_or(Timestamp::MIN);
    let end = v.timestamp("end_time", end).unwrap_or(Timestamp::MAX);
    if start >= end {
        v.at("end_time", "is not after start_time");
    }
    v.refuse().map(|()| start..end)
}

fn stored(stored: Stored) -> proto::Interaction {
    to_proto::interaction(stored.interaction, stored.received_at)
}

fn rejected(index: i32, violations: Vec<from_proto::Violation>) -> CustomerRefusal {
    let violations = violations.into_iter().map(|violation| proto::FieldViolation {
        field: format!("customers[{index}].{}", violation.field),
        description: violation.description,
    });
    CustomerRefusal {
        index,
        outcome: IngestOutcome::Rejected.into(),
        violations: violations.collect(),
    }
}

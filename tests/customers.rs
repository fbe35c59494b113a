//! Customers: what is written is read at once, lists lose and repeat nothing, erasure is complete.

use crate::support::records::{customer, orders, second_of_2026};
use crate::support::{Engine, Server, reason_of};
use cx_server::proto::{
    Consent, Customer, EraseCustomerRequest, ExportCustomerRequest, GetCustomerRequest,
    GetCustomerResponse, IngestInteractionsRequest, IngestOutcome, Interaction,
    ListCustomersRequest, ListInteractionsRequest, UpsertCustomersRequest,
    export_customer_response::Part,
};
use tonic::Status;

async fn send(server: &Server, interactions: Vec<Interaction>) {
    let request = IngestInteractionsRequest { interactions, validate_only: false };
    server.ingest.clone().ingest_interactions(request).await.unwrap();
}

async fn upsert(server: &Server, customers: Vec<Customer>) -> (i64, Vec<(i32, IngestOutcome)>) {
    let request = UpsertCustomersRequest { customers };
    let answer = server.customers.clone().upsert_customers(request).await.unwrap().into_inner();
    (
        answer.written,
        answer.refusals.iter().map(|refusal| (refusal.index, refusal.outcome())).collect(),
    )
}

async fn get(server: &Server, customer_id: &str) -> Result<GetCustomerResponse, Status> {
    let request = GetCustomerRequest { customer_id: customer_id.to_owned() };
    server.customers.clone().get_customer(request).await.map(tonic::Response::into_inner)
}

async fn erase(server: &Server, customer_id: &str) -> i64 {
    let request = EraseCustomerRequest {
        customer_id: customer_id.to_owned(),
        confirm: customer_id.to_owned(),
    };
    server.customers.clone().erase_customer(request).await.unwrap().into_inner().interactions_erased
}

/// The ids of a timeline, page by page.
async fn timeline(server: &Server, first: ListInteractionsRequest) -> Vec<String> {
    let (mut ids, mut request) = (Vec::new(), first);
    loop {
        let page =
            server.customers.clone().list_interactions(request.clone()).await.unwrap().into_inner();
        assert!(page.interactions.len() <= request.page_size as usize);
        ids.extend(page.interactions.into_iter().map(|interaction| interaction.interaction_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        request.page_token = page.next_page_token;
    }
}

async fn attributes_are_written_whole_and_read_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let full = Customer {
        gender: 3,
        birth_year: 1980,
        language: "pt-BR".to_owned(),
        email: "a@example.org".to_owned(),
        sign_up_time: Some(prost_types::Timestamp { seconds: -1, nanos: 5000 }),
        attributes: [("likes".to_owned(), "Käse".to_owned())].into(),
        consent: Some(Consent { marketing: Some(true), profiling: Some(false), update_time: None }),
        ..customer("c")
    };
    assert_eq!(upsert(&server, vec![customer("c"), full.clone()]).await.1, []);
    let read = get(&server, "c").await.unwrap().customer.unwrap();
    assert!(read.update_time.is_some());
    assert_eq!(Customer { update_time: None, ..read }, full, "the last of two counts");

    let (written, refusals) = upsert(&server, vec![customer(""), customer("c")]).await;
    assert_eq!((written, refusals), (1, vec![(0, IngestOutcome::Rejected)]));
    let read = get(&server, "c").await.unwrap().customer.unwrap();
    assert_eq!(Customer { update_time: None, ..read }, customer("c"), "empty fields become empty");
    server.stop().await;
}

async fn a_customer_is_read_with_activity_of_this_moment(engine: Engine) {
    let server = Server::start(engine).await;
    send(&server, orders("c", 3)).await;
    let read = get(&server, "c").await.unwrap();
    assert_eq!(
        read.customer.unwrap(),
        Customer { customer_id: "c".to_owned(), ..Customer::default() }
    );
    let activity = read.activity.unwrap();
    assert_eq!(
        (activity.interactions, activity.orders, activity.order_value[0].amount_minor),
        (3, 3, 3000)
    );
    assert_eq!(activity.order_value[0].currency_code, "EUR");
    assert!(read.assignment.is_none() && read.churn_risk.is_none());

    upsert(&server, vec![customer("quiet")]).await;
    assert_eq!(get(&server, "quiet").await.unwrap().activity.unwrap().interactions, 0);
    assert_eq!(reason_of(&get(&server, "nobody").await.unwrap_err()), "CUSTOMER_NOT_FOUND");
    server.stop().await;
}

async fn lists_of_customers_are_paged_by_bytes_of_their_ids(engine: Engine) {
    let server = Server::start(engine).await;
    let mut ids: Vec<String> =
        ["Z", "a", "ä", "É", "e", "0", "-", "aa", "A", " "].map(str::to_owned).into();
    upsert(&server, ids.iter().map(|id| customer(id)).collect()).await;
    ids.sort_unstable();
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListCustomersRequest { page_size: 3, page_token: token };
        let page = server.customers.clone().list_customers(request).await.unwrap().into_inner();
        listed.extend(page.customers.into_iter().map(|customer| customer.customer_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids);
    server.stop().await;
}

async fn timelines_are_paged_through_ties_in_both_directions(engine: Engine) {
    let server = Server::start(engine).await;
    // Ten at each instant, so that pages end among equals.
    let mut records = orders("c", 100);
    for (number, record) in (0..).zip(&mut records) {
        record.occurred_at = Some(second_of_2026(number / 10));
    }
    let mut ids: Vec<_> = records.iter().map(|record| record.interaction_id.clone()).collect();
    send(&server, records).await;
    let asked = ListInteractionsRequest {
        customer_id: "c".to_owned(),
        ascending: true,
        page_size: 7,
        ..ListInteractionsRequest::default()
    };
    assert_eq!(timeline(&server, asked.clone()).await, ids);
    let some = ListInteractionsRequest {
        start_time: Some(second_of_2026(2)),
        end_time: Some(second_of_2026(4)),
        ..asked.clone()
    };
    assert_eq!(
        timeline(&server, some.clone()).await,
        ids[20..40],
        "from the start to before the end"
    );
    ids.reverse();
    assert_eq!(
        timeline(&server, ListInteractionsRequest { ascending: false, ..asked.clone() }).await,
        ids
    );

    let mut client = server.customers.clone();
    let token = client.list_interactions(asked.clone()).await.unwrap().into_inner().next_page_token;
    let other = ListInteractionsRequest { page_token: token, ascending: false, ..asked.clone() };
    assert_eq!(
        reason_of(&client.list_interactions(other).await.unwrap_err()),
        "INVALID_PAGE_TOKEN"
    );
    let backwards = ListInteractionsRequest {
        start_time: Some(second_of_2026(4)),
        end_time: Some(second_of_2026(2)),
        ..asked
    };
    assert_eq!(reason_of(&client.list_interactions(backwards).await.unwrap_err()), "INVALID_FIELD");
    server.stop().await;
}

async fn large_rows_make_short_pages(engine: Engine) {
    let server = Server::start(engine).await;
    let attributes = (0..60).map(|n| (format!("k{n}"), "x".repeat(500))).collect();
    let large = Customer { attributes, ..Customer::default() };
    for part in 0..5 {
        let customers =
            (0..30).map(|n| Customer { customer_id: format!("{part}{n:02}"), ..large.clone() });
        upsert(&server, customers.collect()).await;
    }
    let (mut count, mut pages, mut token) = (0, 0, String::new());
    loop {
        let request = ListCustomersRequest { page_size: 1000, page_token: token };
        let page = server.customers.clone().list_customers(request).await.unwrap().into_inner();
        (count, pages, token) = (count + page.customers.len(), pages + 1, page.next_page_token);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((count, pages > 1), (150, true));
    server.stop().await;
}

async fn erasure_is_complete_and_lasting(engine: Engine) {
    let server = Server::start(engine).await;
    send(&server, orders("c", 5)).await;
    upsert(&server, vec![customer("c"), customer("other")]).await;
    let request = EraseCustomerRequest { customer_id: "c".to_owned(), confirm: "C".to_owned() };
    let refused = server.customers.clone().erase_customer(request).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_FIELD");

    assert_eq!(erase(&server, "c").await, 5);
    assert_eq!(erase(&server, "c").await, 0, "a second time there is nothing");
    assert_eq!(reason_of(&get(&server, "c").await.unwrap_err()), "CUSTOMER_NOT_FOUND");
    send(&server, orders("c", 5)).await;
    let (written, refusals) = upsert(&server, vec![customer("c")]).await;
    assert_eq!((written, refusals), (0, vec![(0, IngestOutcome::Suppressed)]));
    assert_eq!(reason_of(&get(&server, "c").await.unwrap_err()), "CUSTOMER_NOT_FOUND");
    assert!(get(&server, "other").await.is_ok());
    server.stop().await;
}

async fn an_export_tells_everything_in_order(engine: Engine) {
    let server = Server::start(engine).await;
    send(&server, orders("c", 1234)).await;
    for plan in ["trial", "gold"] {
        upsert(&server, vec![Customer { plan: plan.to_owned(), ..customer("c") }]).await;
    }
    let request = || ExportCustomerRequest { customer_id: "c".to_owned() };
    let mut client = server.customers.clone();
    let mut parts = client.export_customer(request()).await.unwrap().into_inner();
    let first = parts.message().await.unwrap().unwrap().part.unwrap();
    assert!(
        matches!(first, Part::Customer(customer) if customer.activity.as_ref().unwrap().interactions == 1234)
    );
    let second = parts.message().await.unwrap().unwrap().part.unwrap();
    let Part::EarlierProfiles(earlier) = second else { panic!("{second:?}") };
    let [before] = &earlier.profiles[..] else { panic!("{earlier:?}") };
    let was = before.customer.as_ref().unwrap();
    assert_eq!((&*was.plan, &*was.email, &was.consent), ("trial", "", &None));
    assert!(before.start_time.unwrap().seconds <= before.end_time.unwrap().seconds);
    let mut ids = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        let Part::Interactions(chunk) = part.part.unwrap() else { panic!("a second customer") };
        ids.extend(chunk.interactions.into_iter().map(|interaction| interaction.interaction_id));
    }
    assert_eq!(ids, (0..1234).map(|n| format!("o{n:06}")).collect::<Vec<_>>());
    erase(&server, "c").await;
    let refused = client.export_customer(request()).await.unwrap_err();
    assert_eq!(reason_of(&refused), "CUSTOMER_NOT_FOUND");
    server.stop().await;
}

on_both_engines!(
    attributes_are_written_whole_and_read_at_once,
    a_customer_is_read_with_activity_of_this_moment,
    lists_of_customers_are_paged_by_bytes_of_their_ids,
    timelines_are_paged_through_ties_in_both_directions,
    large_rows_make_short_pages,
    erasure_is_complete_and_lasting,
    an_export_tells_everything_in_order,
);

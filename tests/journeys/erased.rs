//! Journeys of the erased.

use super::*;

async fn nothing_stays_of_an_erased_customer(engine: Engine) {
    let mut server = Server::start(engine).await;
    record(&server, known()).await;
    let erased = EraseCustomerRequest { customer_id: "c01".into(), confirm: "c01".into() };
    server.customers.erase_customer(erased).await.unwrap();
    let cells = map(&mut server, hundred_days()).await;
    let customers: Vec<i64> = cells.iter().map(|cell| cell.customers).collect();
    assert_eq!(customers, [40, 29, 9]);
    let (found, known, _) = paths(&server, asked_paths()).await;
    assert_eq!((found[2].as_str(), known), ("2 3 6: 9 of 39 9 9 108000", 39));
    let converted = server.journeys.get_journey_conversion(looked_and_bought()).await.unwrap();
    assert_eq!(converted.into_inner().conversions[0].share.as_ref().unwrap().count, 19);
    let gone = ListCustomerJourneyRequest {
        customer_id: "c01".to_owned(),
        ..ListCustomerJourneyRequest::default()
    };
    let refused = server.journeys.list_customer_journey(gone).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::NotFound, "CUSTOMER_NOT_FOUND")
    );
    server.stop().await;
}

on_both_engines!(nothing_stays_of_an_erased_customer);

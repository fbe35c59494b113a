//! What every server says of itself: health by service name, and its API by reflection.

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{Engine, Server};

async fn health_is_told_by_service(engine: Engine) {
    let server = Server::start(engine).await;
    let mut health = HealthClient::new(server.channel.clone());
    for service in ["", "cx.v1.IngestService", "cx.v1.ChurnService"] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(asked).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "cx.v1.Nothing".to_owned() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    server.stop().await;
}

on_both_engines!(health_is_told_by_service);

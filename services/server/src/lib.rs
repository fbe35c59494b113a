//! The service around the domain and the database: the wire, the clock, the command line.
//!
//! Promise: the only crate that knows gRPC, what time it is, and how it was started. It knows no SQL
//! and does no statistics: it converts, calls `cx-datastore` and `cx-analytics`, and converts back.

pub mod audience;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod grpc;
pub mod import;
pub mod logging;
pub mod serve;
pub mod webhooks;
pub mod work;

/// The wire types of `cx.v1`, as generated from `proto/cx/v1`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    reason = "generated code"
)]
pub mod proto {
    tonic::include_proto!("cx.v1");
}

/// Every proto file of the API with its imports and comments: what reflection serves, and by which
/// the JSON form of messages is read and written.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cx.v1.bin"));

//! The codec of every service: prost, with the caller's mistakes told as such.
//!
//! tonic answers undecodable bytes with INTERNAL and the name of a Rust field; they are the sender's
//! fault, and are answered with INVALID_ARGUMENT.

use super::status::Refusal;
use prost::Message;
use std::marker::PhantomData;
use tonic::{
    Status,
    codec::{BufferSettings, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Encodes `T`, decodes `U`.
#[derive(Debug, Clone)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Strict<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        Strict(PhantomData)
    }
}

/// Decodes `U`, or says why it cannot.
#[derive(Debug, Clone)]
pub struct Strict<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for Strict<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(bytes).map(Some).map_err(|error| Refusal::MalformedMessage(cause(&error)).into())
    }
}

/// prost says `failed to decode Protobuf message: Interaction.customer_id: invalid string value: …`;
/// the part before the first colon is ours to say.
fn cause(error: &prost::DecodeError) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, cause)| cause.to_owned())
}

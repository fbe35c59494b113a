//! Rows in PostgreSQL's binary COPY format: for each value its length and its bytes in network order, -1 for NULL.

use crate::rows::{COLUMNS, Row};

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// All of `rows`, with header and trailer.
pub(super) fn binary(rows: &[&Row]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER.len() + rows.len() * 256);
    out.extend_from_slice(HEADER);
    let fields = i16::try_from(COLUMNS.len()).unwrap_or(i16::MAX);
    for row in rows {
        out.extend_from_slice(&fields.to_be_bytes());
        push_row(&mut out, row);
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

fn push_row(out: &mut Vec<u8>, row: &Row) {
    let content = &row.content;
    bytes(out, row.customer_id.as_bytes());
    bytes(out, row.interaction_id.as_bytes());
    bytes(out, &row.occurred_at.to_be_bytes());
    bytes(out, &row.received_at.to_be_bytes());
    bytes(out, &row.fingerprint);
    for code in [content.kind, content.channel, content.stage] {
        bytes(out, &code.to_be_bytes());
    }
    for code in [content.action, content.variant] {
        value(out, code.map(i16::to_be_bytes));
    }
    for text in [&content.subject, &content.topic, &content.body, &content.currency] {
        value(out, text.as_deref());
    }
    for number in [content.amount, content.items, content.wait, content.duration] {
        value(out, number.map(i64::to_be_bytes));
    }
    for number in [content.score, content.score_min, content.score_max] {
        value(out, number.map(i32::to_be_bytes));
    }
    for code in [content.lower_is_better, content.flag] {
        value(out, code.map(i16::to_be_bytes));
    }
}

fn value(out: &mut Vec<u8>, value: Option<impl AsRef<[u8]>>) {
    match value {
        Some(value) => bytes(out, value.as_ref()),
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    // Texts are at most some kilobytes long.
    let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

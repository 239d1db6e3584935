//! What the page is told beside pictures: JSON in text messages, and the last words.

use std::time::Instant;

use serde_json::json;

use super::farewell::Farewell;
use crate::media::live::message::{Opcode, close, message};
use crate::source::Brief;

/// Codes of the last message ([RFC 6455 section 7.4.1], and the IANA's registry).
///
/// [RFC 6455 section 7.4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
pub(super) const GOING_AWAY: u16 = 1001;
pub(super) const PROTOCOL_ERROR: u16 = 1002;
pub(super) const POLICY: u16 = 1008;
pub(super) const TOO_BIG: u16 = 1009;
pub(super) const INTERNAL: u16 = 1011;
pub(super) const TRY_AGAIN: u16 = 1013;

/// The stream's state.
pub(super) fn state(brief: &Brief, now: Instant) -> Vec<u8> {
    let retry_in = brief.retry_at.map(|at| at.saturating_duration_since(now).as_secs_f64());
    let text = json!({
        "type": "state",
        "state": brief.state,
        "reason": brief.reason.as_deref(),
        "retry_in_s": retry_in.map(|seconds| (seconds * 10.0).round() / 10.0),
    });
    message(Opcode::Text, text.to_string().as_bytes())
}

/// Why the viewer gets nothing, or no more.
pub(super) fn error(reason: &str) -> Vec<u8> {
    message(Opcode::Text, json!({ "type": "error", "reason": reason }).to_string().as_bytes())
}

/// The last message.
pub(super) fn goodbye(farewell: &Farewell) -> Vec<u8> {
    close(farewell.code(), &farewell.to_string())
}

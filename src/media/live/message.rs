//! WebSocket messages from the relay ([RFC 6455 section 5.2]): what is shared by all viewers is
//! built as one, header included. A viewer without WebSocket gets what is in it.
//!
//! [RFC 6455 section 5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The last message, with a code and a reason.
    Close,
    /// To be answered with [`Opcode::Pong`].
    Ping,
    /// The answer.
    Pong,
}

/// The only frame of its message.
const FIN: u8 = 0x80;
/// What a control frame may hold.
const MAX_CONTROL: usize = 125;

impl Opcode {
    fn number(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// Appends the header of a message with so many bytes.
pub fn append_header(bytes: &mut Vec<u8>, opcode: Opcode, length: usize) {
    bytes.push(FIN | opcode.number());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A whole message.
pub fn message(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    append_header(&mut bytes, opcode, payload.len());
    bytes.extend_from_slice(payload);
    bytes
}

/// The last message: a code ([RFC 6455 section 7.4]) and a reason, as much of it as has room.
///
/// [RFC 6455 section 7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let fits = |at: &usize| *at <= MAX_CONTROL - 2;
    let ends = reason.char_indices().map(|(at, _)| at).chain([reason.len()]);
    let end = ends.take_while(fits).last().unwrap_or(0);
    let payload = [&code.to_be_bytes()[..], &reason.as_bytes()[..end]].concat();
    message(Opcode::Close, &payload)
}

/// Where the header of the message at the beginning ends, and where the message does. Of what
/// [`append_header`] has written.
pub fn bounds(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, length) = match *bytes.get(1)? {
        126 => (4, u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    Some((header, header + usize::try_from(length).ok()?))
}

/// What is in the last message of several.
pub fn last_payload(mut bytes: &[u8]) -> &[u8] {
    while let Some((header, end)) = bounds(bytes) {
        if end >= bytes.len() {
            return bytes.get(header..).unwrap_or_default();
        }
        bytes = &bytes[end..];
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_each_length_are_found_again() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let bytes = message(Opcode::Binary, &payload);
            assert_eq!(bytes[0], 0x82);
            let (header, end) = bounds(&bytes).unwrap();
            assert_eq!((end, end - header), (bytes.len(), length));
            let two = [message(Opcode::Text, b"first"), bytes].concat();
            assert_eq!(last_payload(&two), payload);
        }
        assert!(last_payload(&[]).is_empty());
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let bytes = close(1013, &"ä".repeat(100));
        assert_eq!(bytes[..4], [0x88, 124, 0x03, 0xf5]);
        assert_eq!(std::str::from_utf8(&bytes[4..]).unwrap(), "ä".repeat(61));
        assert_eq!(close(1001, ""), [0x88, 2, 0x03, 0xe9]);
    }
}

//! The decoder: no split changes what is decoded, and messages survive their wire form.

use crate::decoder::{DecodeError, Decoder, Event, Peer};
use crate::{Headers, Limits, Oddities, Request, Response};

/// More than one message or frame within the limits, and what is looked at behind it.
const BUFFERED_MAX: usize = 4 + 65_535 + 18 * 1024;

/// All that was decoded of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// In order, those of the stream's end included.
    pub events: Vec<SeenEvent>,
    /// What ended it early.
    pub error: Option<DecodeError>,
    /// What was tolerated.
    pub oddities: Oddities,
}

/// An event that owns its bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum SeenEvent {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
    /// The wire form of a frame.
    Frame(Vec<u8>),
}

impl From<Event<'_>> for SeenEvent {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Request(request) => Self::Request(request),
            Event::Response(response) => Self::Response(response),
            Event::Frame(frame) => Self::Frame(frame.wire().to_vec()),
        }
    }
}

/// Decodes a stream that arrives in the sizes that `next` makes of what is left of it; by turns
/// it is pushed and read into the spare room.
///
/// # Panics
///
/// When the decoder holds back more than one message.
pub fn decode(peer: Peer, stream: &[u8], next: &mut dyn FnMut(&[u8]) -> usize) -> Seen {
    let limits = if peer == Peer::Camera { Limits::CAMERA } else { Limits::CLIENT };
    let mut decoder = Decoder::new(peer, limits);
    let mut seen = Seen::default();
    let mut rest = stream;
    let mut by_push = true;
    while !rest.is_empty() && seen.error.is_none() {
        let (piece, behind) = rest.split_at(next(rest).clamp(1, rest.len()));
        rest = behind;
        if by_push {
            decoder.push(piece);
        } else {
            decoder.spare(piece.len())[..piece.len()].copy_from_slice(piece);
            decoder.advance(piece.len());
        }
        by_push = !by_push;
        drain(&mut decoder, false, &mut seen);
        decoder.shrink();
        if seen.error.is_none() {
            assert!(decoder.buffered() <= BUFFERED_MAX, "{} held back", decoder.buffered());
        }
    }
    if seen.error.is_none() {
        drain(&mut decoder, true, &mut seen);
    }
    seen.oddities = decoder.take_oddities();
    seen
}

fn drain(decoder: &mut Decoder, ended: bool, seen: &mut Seen) {
    loop {
        match if ended { decoder.finish() } else { decoder.next() } {
            Ok(Some(event)) => seen.events.push(event.into()),
            Ok(None) => return,
            Err(error) => {
                seen.error = Some(error);
                return;
            }
        }
    }
}

/// Whatever way a stream is split, the same is decoded.
///
/// # Panics
///
/// When it is not.
pub fn decoder_any_split(data: &[u8]) {
    for peer in [Peer::Camera, Peer::Client] {
        let whole = decode(peer, data, &mut |rest| rest.len());
        assert_eq!(decode(peer, data, &mut |_| 1), whole, "byte by byte");
        // Sizes from the stream itself, so that a finding can be repeated.
        let mut state = data.iter().fold(1u32, |state, &b| mix(state ^ u32::from(b)));
        let split = decode(peer, data, &mut |_| {
            state = mix(state);
            state as usize % 23 + 1
        });
        assert_eq!(split, whole, "in small pieces");
    }
}

fn mix(state: u32) -> u32 {
    state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223).rotate_left(13)
}

/// Every message that is decoded survives its wire form.
///
/// # Panics
///
/// When it does not.
pub fn messages_round_trip(data: &[u8]) {
    for peer in [Peer::Camera, Peer::Client] {
        for event in decode(peer, data, &mut |rest| rest.len()).events {
            let mut wire = Vec::new();
            match &event {
                SeenEvent::Request(request) => request.encode(&mut wire),
                SeenEvent::Response(response) => response.encode(&mut wire),
                SeenEvent::Frame(_) => continue,
            }
            let again = decode(peer, &wire, &mut |rest| rest.len());
            // Latin-1 takes more room as UTF-8, and Content-Length is one more line: what was just
            // within a limit may be beyond it.
            if let Some(
                DecodeError::HeadTooLong { .. }
                | DecodeError::UriTooLong { .. }
                | DecodeError::TooManyHeaders { .. },
            ) = again.error
            {
                continue;
            }
            assert_eq!(again.error, None, "{event:?}");
            let again: Vec<_> = again.events.into_iter().map(comparable).collect();
            assert_eq!(again, [comparable(event)]);
        }
    }
}

/// Without what encoding settles by itself.
fn comparable(event: SeenEvent) -> SeenEvent {
    let uncounted = |mut headers: Headers| {
        headers.remove("Content-Length");
        headers
    };
    match event {
        SeenEvent::Request(mut request) => {
            request.headers = uncounted(request.headers);
            if request.uri.is_empty() {
                request.uri.push('*');
            }
            SeenEvent::Request(request)
        }
        SeenEvent::Response(mut response) => {
            response.headers = uncounted(response.headers);
            SeenEvent::Response(response)
        }
        frame @ SeenEvent::Frame(_) => frame,
    }
}

//! NAL units in the RTP payloads of H.264 ([RFC 6184 section 5]).
//!
//! Only headers are looked at. Cameras tolerated on the way:
//!
//! - V380 sends Annex B byte streams: start codes before, between and inside what should be
//!   single NAL units, aggregates and fragments.
//! - CostarHD sets start and end in one fragment; others send empty fragments, or the reserved
//!   bit; Tiandy changes the type within one fragmented NAL unit. The bits count as they are.
//!
//! [RFC 6184 section 5]: https://www.rfc-editor.org/rfc/rfc6184#section-5

use super::NalUnitType;
use crate::codec::nal::{
    Piece, sized, split_at_start_codes, split_first_unit, starts_with_start_code,
};

const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Shows every NAL unit, or piece of one, in a payload.
pub(crate) fn walk<'a>(payload: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let Some((&first, rest)) = payload.split_first() else { return };
    let kind = NalUnitType::of(first);
    match kind {
        NalUnitType::STAP_A => aggregate(rest, 0, 0, each),
        NalUnitType::STAP_B => aggregate(rest, 2, 0, each),
        // Decoding order number and timestamp offset stand between size and NAL unit.
        NalUnitType::MTAP16 => aggregate(rest, 2, 3, each),
        NalUnitType::MTAP24 => aggregate(rest, 2, 4, each),
        NalUnitType::FU_A | NalUnitType::FU_B => {
            let Some((&fu, body)) = rest.split_first() else { return };
            // Only the first fragment of an FU-B has a decoding order number.
            let skip = if kind == NalUnitType::FU_B { 2 } else { 0 };
            fragment(first & 0xe0 | fu & 0x1f, fu, body.get(skip..).unwrap_or_default(), each);
        }
        _ => single(payload, true, each),
    }
}

fn aggregate<'a>(rest: &'a [u8], skip: usize, between: usize, each: &mut impl FnMut(Piece<'a>)) {
    let mut rest = rest.get(skip..).unwrap_or_default();
    while let Some((unit, whole)) = sized(&mut rest, between) {
        single(unit, whole, each);
    }
}

/// One NAL unit; several, where start codes separate them. Inside a slice they are not looked
/// for: it may be long, and nothing that matters comes after it.
fn single<'a>(unit: &'a [u8], whole: bool, each: &mut impl FnMut(Piece<'a>)) {
    let Some((&header, body)) = unit.split_first() else { return };
    if NalUnitType::of(header).is_slice() {
        each(Piece { header: [header, 0], body, begins: true, whole });
        return;
    }
    units(unit, whole, each);
}

fn units<'a>(bytes: &'a [u8], whole: bool, each: &mut impl FnMut(Piece<'a>)) {
    let mut parts = split_at_start_codes(bytes).peekable();
    while let Some(part) = parts.next() {
        if let Some((&header, body)) = part.split_first() {
            let whole = whole || parts.peek().is_some();
            each(Piece { header: [header, 0], body, begins: true, whole });
        }
    }
}

fn fragment<'a>(header: u8, fu: u8, body: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let begins = fu & FU_START != 0;
    let whole = begins && fu & FU_END != 0;
    if !begins || NalUnitType::of(header).is_slice() {
        each(Piece { header: [header, 0], body, begins, whole });
        return;
    }
    // V380: the fragmented "NAL unit" is a byte stream. Its first zero went into the header...
    if header & 0x1f == 0 && (starts_with_start_code(body) || matches!(body, [0, 1, ..])) {
        let skip = if body[1] == 1 { 2 } else { 0 };
        units(&body[skip..], whole, each);
        return;
    }
    // ...or there is a parameter set or SEI in front, and the picture behind it.
    let (own, others) = split_first_unit(body);
    each(Piece { header: [header, 0], body: own, begins, whole: whole || others.is_some() });
    units(others.unwrap_or_default(), whole, each);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, Scan};

    fn scan(payload: &[u8]) -> Scan {
        Codec::H264.scan(payload)
    }

    fn whole_units(payload: &[u8]) -> Vec<Vec<u8>> {
        let mut units = Vec::new();
        walk(payload, &mut |piece| {
            if piece.whole {
                units.push([&piece.header[..1], piece.body].concat());
            }
        });
        units
    }

    const IDR: Scan = Scan {
        random_access: true,
        parameter_sets: false,
        slice: true,
        slice_start: true,
        picture_start: true,
        reference: true,
        closed: true,
        leading: false,
        delimiter: false,
    };

    #[test]
    fn a_key_frame_is_known_from_its_first_packet_only() {
        assert_eq!(scan(&[0x65, 0x88, 0x84]), IDR);
        assert_eq!(scan(&[0x7c, 0x85, 0x88]), IDR);
        let middle = Scan { slice: true, reference: true, ..Scan::default() };
        assert_eq!(scan(&[0x7c, 0x05, 0x88]), middle);
        assert_eq!(scan(&[0x7c, 0x45, 0x88]), middle);
    }

    #[test]
    fn a_second_slice_does_not_begin_a_picture() {
        // x264 with slices=2: first_mb_in_slice is not 0.
        let second = scan(&[0x65, 0x01, 0x8e, 0x22]);
        assert_eq!(second, Scan { picture_start: false, ..IDR });
    }

    #[test]
    fn an_ordinary_picture_is_no_way_in() {
        let picture = Scan { random_access: false, closed: false, ..IDR };
        assert_eq!(scan(&[0x41, 0x9a, 0x22]), picture);
        assert_eq!(scan(&[0x01, 0x9e, 0x41]), Scan { reference: false, ..picture });
    }

    #[test]
    fn parameter_sets_with_the_picture_in_one_aggregate_are_all_seen() {
        let stap = [0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2, 0, 2, 0x65, 0x88];
        assert_eq!(scan(&stap), Scan { parameter_sets: true, delimiter: true, ..IDR });
        assert_eq!(whole_units(&stap), [[0x67, 1], [0x68, 2], [0x65, 0x88]]);
        let stap_b = [0x79, 0, 9, 0, 2, 0x67, 1, 0, 1, 0x68];
        assert_eq!(whole_units(&stap_b), [&[0x67, 1][..], &[0x68]]);
        let mtap16 = [0x7a, 0, 9, 0, 2, 7, 1, 1, 0x67, 1, 0, 2, 7, 1, 1, 0x65, 0x88];
        assert_eq!(whole_units(&mtap16), [[0x67, 1], [0x65, 0x88]]);
        let mtap24 = [0x7b, 0, 9, 0, 2, 7, 1, 1, 1, 0x67, 1, 0, 2, 7, 1, 1, 1, 0x65, 0x88];
        assert_eq!(whole_units(&mtap24), [[0x67, 1], [0x65, 0x88]]);
    }

    #[test]
    fn a_recovery_point_is_a_way_in() {
        let sei = Scan { random_access: true, delimiter: true, ..Scan::default() };
        assert_eq!(scan(&[6, 6, 1, 0xc4, 0x80]), sei);
        assert_eq!(scan(&[6, 1, 1, 0x32, 0x80]), Scan { random_access: false, ..sei });
    }

    #[test]
    fn v380_start_codes_inside_payloads_hide_nothing() {
        let stream = [
            &[0, 0, 0, 1, 0x67, 1][..],
            &[0, 0, 0, 1, 0x68, 2],
            &[0, 0, 1, 6, 5, 1, 0, 0x80],
            &[0, 0, 0, 1, 0x65, 0x88, 3],
        ]
        .concat();
        let want = Scan { parameter_sets: true, delimiter: true, ..IDR };
        assert_eq!(scan(&stream), want);
        assert_eq!(whole_units(&stream).len(), 4);
        // Without the first start code, and in an aggregate.
        assert_eq!(scan(&stream[4..]), want);
        let aggregate = [&[0x78, 0, stream.len() as u8][..], &stream].concat();
        assert_eq!(scan(&aggregate), want);
        // As fragments: the header is made of the first byte.
        for cut in [0, 1, 4] {
            let stream = &stream[cut..];
            let fu = [&[0x1c | stream[0] & 0x60, 0x80 | stream[0] & 0x1f], &stream[1..]].concat();
            assert_eq!(scan(&fu), want, "{cut}");
            assert_eq!(whole_units(&fu), [&[0x67, 1][..], &[0x68, 2], &[6, 5, 1, 0, 0x80]]);
        }
    }

    #[test]
    fn costar_a_fragment_that_starts_and_ends_is_whole() {
        assert_eq!(whole_units(&[0x7c, 0xc7, 0x42, 0]), [[0x67, 0x42]]);
        assert_eq!(scan(&[0x7c, 0xc5, 0x88]), IDR);
        // FU-B carries a decoding order number.
        assert_eq!(scan(&[0x7d, 0x85, 0, 1, 0x88]), IDR);
    }

    #[test]
    fn empty_and_truncated_payloads_are_harmless() {
        for payload in [&[][..], &[0x7c], &[0x78], &[0x78, 0], &[0x78, 0, 0], &[0x7b, 0, 1, 0, 5]] {
            assert_eq!(scan(payload), Scan::default(), "{payload:?}");
        }
        // An empty first fragment: a slice begins, but nobody can say which.
        assert_eq!(scan(&[0x7c, 0x85]), Scan { picture_start: false, ..IDR });
        // An aggregate cut short shows what is left of it.
        let cut = [0x78, 0, 9, 0x67, 1];
        assert!(scan(&cut).parameter_sets);
        assert!(whole_units(&cut).is_empty());
    }
}

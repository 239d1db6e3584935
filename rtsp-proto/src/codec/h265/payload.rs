//! NAL units in the RTP payloads of H.265 ([RFC 7798 section 4.4]).
//!
//! Only headers are looked at. Decoding order numbers (sprop-max-don-diff above 0) are not
//! expected: they exist only where the SDP says so, and no camera is known that does.
//!
//! [RFC 7798 section 4.4]: https://www.rfc-editor.org/rfc/rfc7798#section-4.4

use super::{HEADER_LEN, NalUnitType};
use crate::codec::nal::{
    Piece, sized, split_at_start_codes, split_first_unit, starts_with_start_code,
};

const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// Everything of the first header byte but the type.
const NOT_TYPE: u8 = 0x81;

/// Makes clean random access pictures (CRA) in a payload broken links without leading pictures
/// (BLA_N_LP), whose slices have the same syntax (ITU-T H.265 section 7.4.2.2).
pub(crate) fn break_link(payload: &mut [u8]) {
    let Some((header, rest)) = payload.split_first_chunk_mut::<HEADER_LEN>() else { return };
    match NalUnitType::of(header[0]) {
        NalUnitType::CRA => header[0] = header[0] & NOT_TYPE | NalUnitType::BLA_N_LP.number() << 1,
        NalUnitType::FRAGMENTATION => {
            if let Some(fu) = rest.first_mut().filter(|fu| **fu & 0x3f == NalUnitType::CRA.number())
            {
                *fu = *fu & (FU_START | FU_END) | NalUnitType::BLA_N_LP.number();
            }
        }
        NalUnitType::AGGREGATION => {
            let mut rest = rest;
            while let Some((size, more)) = rest.split_first_chunk_mut::<2>() {
                let size = usize::from(u16::from_be_bytes(*size));
                let Some((unit, more)) = more.split_at_mut_checked(size) else { return };
                if unit.first().is_some_and(|&first| NalUnitType::of(first) == NalUnitType::CRA) {
                    break_link(unit);
                }
                rest = more;
            }
        }
        _ => {}
    }
}

/// Shows every NAL unit, or piece of one, in a payload.
pub(crate) fn walk<'a>(payload: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let Some((&header, rest)) = payload.split_first_chunk() else { return };
    match NalUnitType::of(header[0]) {
        NalUnitType::AGGREGATION => aggregate(rest, each),
        NalUnitType::FRAGMENTATION => fragment(header, rest, each),
        NalUnitType::PACI => paci(header, rest, each),
        _ => single(payload, true, each),
    }
}

fn aggregate<'a>(mut rest: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    while let Some((unit, whole)) = sized(&mut rest, 0) {
        single(unit, whole, each);
    }
}

/// A payload with extensions in front (section 4.4.4), which are passed over.
fn paci<'a>(header: [u8; 2], rest: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let Some((&[a, b], rest)) = rest.split_first_chunk() else { return };
    // A (1 bit), cType (6), PHSsize (5), flags (4).
    let extension = usize::from((a & 1) << 4 | b >> 4);
    let Some(body) = rest.get(extension..) else { return };
    let header = [header[0] & NOT_TYPE | a & 0x7e, header[1]];
    match NalUnitType::of(header[0]) {
        NalUnitType::AGGREGATION => aggregate(body, each),
        NalUnitType::FRAGMENTATION => fragment(header, body, each),
        NalUnitType::PACI => {}
        _ => each(Piece { header, body, begins: true, whole: true }),
    }
}

/// One NAL unit; several, where start codes separate them. Inside a slice they are not looked
/// for: it may be long, and nothing that matters comes after it.
fn single<'a>(unit: &'a [u8], whole: bool, each: &mut impl FnMut(Piece<'a>)) {
    let Some((&header, body)) = unit.split_first_chunk() else { return };
    if NalUnitType::of(header[0]).is_slice() && !starts_with_start_code(unit) {
        each(Piece { header, body, begins: true, whole });
        return;
    }
    units(unit, whole, each);
}

fn units<'a>(bytes: &'a [u8], whole: bool, each: &mut impl FnMut(Piece<'a>)) {
    let mut parts = split_at_start_codes(bytes).peekable();
    while let Some(part) = parts.next() {
        if let Some((&header, body)) = part.split_first_chunk::<HEADER_LEN>() {
            let whole = whole || parts.peek().is_some();
            each(Piece { header, body, begins: true, whole });
        }
    }
}

fn fragment<'a>(header: [u8; 2], rest: &'a [u8], each: &mut impl FnMut(Piece<'a>)) {
    let Some((&fu, body)) = rest.split_first() else { return };
    let header = [header[0] & NOT_TYPE | (fu & 0x3f) << 1, header[1]];
    let begins = fu & FU_START != 0;
    let whole = begins && fu & FU_END != 0;
    // A byte stream whose first two zeros went into the header; such a header is forbidden.
    if begins && header == [0, 0] && matches!(body, [1, ..] | [0, 1, ..]) {
        units(&body[if body[0] == 1 { 1 } else { 2 }..], whole, each);
        return;
    }
    if !begins || NalUnitType::of(header[0]).is_slice() {
        each(Piece { header, body, begins, whole });
        return;
    }
    // A parameter set or SEI in front, and the picture behind it.
    let (own, others) = split_first_unit(body);
    each(Piece { header, body: own, begins, whole: whole || others.is_some() });
    units(others.unwrap_or_default(), whole, each);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, Scan};

    fn scan(payload: &[u8]) -> Scan {
        Codec::H265.scan(payload)
    }

    fn whole_units(payload: &[u8]) -> Vec<Vec<u8>> {
        let mut units = Vec::new();
        walk(payload, &mut |piece| {
            if piece.whole {
                units.push([&piece.header[..], piece.body].concat());
            }
        });
        units
    }

    const KEY: Scan = Scan {
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
        // IDR_N_LP of x265, whole, then as fragments; CRA and BLA as well.
        assert_eq!(scan(&[0x28, 1, 0xaf, 0x1d]), KEY);
        assert_eq!(scan(&[0x62, 1, 0x80 | 20, 0xaf]), KEY);
        let open = Scan { closed: false, ..KEY };
        assert_eq!(scan(&[0x62, 1, 0x80 | 21, 0xaf]), open);
        assert_eq!(scan(&[0x62, 1, 0x80 | 16, 0xaf]), open);
        let middle = Scan { slice: true, reference: true, ..Scan::default() };
        assert_eq!(scan(&[0x62, 1, 20, 0xaf]), middle);
        assert_eq!(scan(&[0x62, 1, 0x40 | 20, 0xaf]), middle);
        // A later slice segment of the same picture.
        assert_eq!(scan(&[0x28, 1, 0x2f]), Scan { picture_start: false, ..KEY });
    }

    #[test]
    fn a_clean_random_access_picture_becomes_a_broken_link_in_every_structure() {
        let single = ([21 << 1, 1, 0xaf], [18 << 1, 1, 0xaf]);
        let aggregate = (
            [&[0x60, 1, 0, 3][..], &[0x40, 1, 9], &[0, 3], &single.0].concat(),
            [&[0x60, 1, 0, 3][..], &[0x40, 1, 9], &[0, 3], &single.1].concat(),
        );
        for (before, after) in [
            (single.0.to_vec(), single.1.to_vec()),
            (vec![0x62, 1, 0x80 | 21, 0xaf], vec![0x62, 1, 0x80 | 18, 0xaf]),
            (vec![0x62, 1, 0x40 | 21, 0xaf], vec![0x62, 1, 0x40 | 18, 0xaf]),
            aggregate,
            // Other pictures, and what is cut short, stay as they are.
            (vec![0x28, 1, 0xaf], vec![0x28, 1, 0xaf]),
            (vec![0x62, 1, 0x80 | 19, 0xaf], vec![0x62, 1, 0x80 | 19, 0xaf]),
            (vec![0x60, 1, 0, 9, 21 << 1], vec![0x60, 1, 0, 9, 21 << 1]),
            (vec![0x62], vec![0x62]),
        ] {
            let mut payload = before.clone();
            break_link(&mut payload);
            assert_eq!(payload, after, "{before:02x?}");
        }
    }

    #[test]
    fn an_ordinary_picture_is_no_way_in() {
        let picture = Scan { random_access: false, closed: false, ..KEY };
        assert_eq!(scan(&[0x02, 1, 0xd0]), picture);
        assert_eq!(scan(&[0x00, 1, 0xe0]), Scan { reference: false, ..picture });
        // RASL and RADL, whole and in fragments: only the former refer beyond their key frame.
        let rasl = Scan { leading: true, ..picture };
        assert_eq!(scan(&[9 << 1, 1, 0xd0]), rasl);
        assert_eq!(scan(&[8 << 1, 1, 0xd0]), Scan { reference: false, ..rasl });
        assert_eq!(scan(&[7 << 1, 1, 0xd0]), picture);
        assert_eq!(
            scan(&[0x62, 1, 9, 0xd0]),
            Scan { slice_start: false, picture_start: false, ..rasl }
        );
    }

    #[test]
    fn parameter_sets_in_aggregates_are_seen() {
        let aggregate = [
            &[0x60, 1][..],
            &[0, 3, 0x40, 1, 9],
            &[0, 3, 0x42, 1, 8],
            &[0, 3, 0x44, 1, 7],
            &[0, 3, 0x28, 1, 0xaf],
        ]
        .concat();
        assert_eq!(scan(&aggregate), Scan { parameter_sets: true, delimiter: true, ..KEY });
        assert_eq!(whole_units(&aggregate).len(), 4);
    }

    #[test]
    fn a_recovery_point_is_a_way_in() {
        let sei = Scan { random_access: true, delimiter: true, ..Scan::default() };
        assert_eq!(scan(&[0x4e, 1, 6, 1, 0xc4, 0x80]), sei);
        assert_eq!(scan(&[0x4e, 1, 1, 1, 0xc4, 0x80]), Scan { random_access: false, ..sei });
    }

    #[test]
    fn v380_start_codes_inside_payloads_hide_nothing() {
        let stream = [
            &[0, 0, 0, 1, 0x40, 1, 9][..],
            &[0, 0, 0, 1, 0x42, 1, 8],
            &[0, 0, 1, 0x44, 1, 7],
            &[0, 0, 0, 1, 0x28, 1, 0xaf],
        ]
        .concat();
        let want = Scan { parameter_sets: true, delimiter: true, ..KEY };
        assert_eq!(scan(&stream), want);
        assert_eq!(whole_units(&stream).len(), 4);
        for cut in [0, 1, 4] {
            let stream = &stream[cut..];
            let fu = [
                &[0x62 | stream[0] & NOT_TYPE, stream[1], 0x80 | stream[0] >> 1 & 0x3f],
                &stream[2..],
            ]
            .concat();
            assert_eq!(scan(&fu), want, "{cut}");
            assert_eq!(whole_units(&fu).len(), 3, "{cut}");
        }
    }

    #[test]
    fn extensions_in_front_are_passed_over() {
        // PACI with 3 bytes of extension around an IDR slice, and around a first fragment.
        assert_eq!(scan(&[0x64, 1, 20 << 1, 3 << 4, 7, 7, 7, 0xaf]), KEY);
        assert_eq!(scan(&[0x64, 1, 49 << 1, 0, 0x80 | 20, 0xaf]), KEY);
    }

    #[test]
    fn empty_and_truncated_payloads_are_harmless() {
        for payload in
            [&[][..], &[0x62], &[0x62, 1], &[0x60, 1], &[0x60, 1, 0], &[0x64, 1, 0], &[0x28]]
        {
            assert_eq!(scan(payload), Scan::default(), "{payload:?}");
        }
        assert_eq!(scan(&[0x62, 1, 0x80 | 20]), Scan { picture_start: false, ..KEY });
    }
}

//! NAL units out of packets: single ones, aggregates and fragments ([RFC 6184 section 5.6] and
//! following, [RFC 7798 section 4.4]).
//!
//! What does not belong into a sample of an MP4 file is left out: delimiters, filler, ends of
//! sequences, layers above the base, and parameter sets, which are kept apart
//! (ISO/IEC 14496-15 sections 5.3 and 8.3).
//!
//! [RFC 6184 section 5.6]: https://www.rfc-editor.org/rfc/rfc6184#section-5.6
//! [RFC 7798 section 4.4]: https://www.rfc-editor.org/rfc/rfc7798#section-4.4

use crate::codec::{Codec, Piece, h264, h265};

/// Bytes of the length in front of each NAL unit.
const LENGTH: usize = 4;
/// Bytes of one picture; more than an encoder of 8K video makes.
const MAX_LEN: usize = 32 << 20;

/// The NAL units of one picture, gathered from its packets.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    codec: Codec,
    /// Slices and what describes them, each with its length in front.
    data: Vec<u8>,
    /// Parameter sets in the same form.
    sets: Vec<u8>,
    /// What comes next belongs to this NAL unit.
    open: Open,
    /// There is a whole slice.
    has_slice: bool,
}

/// The NAL unit that may go on in the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// None, or one that is left out.
    Nothing,
    /// One whose length stands at this place in the data.
    Data { at: usize, slice: bool },
    /// A parameter set, the same.
    Set(usize),
}

/// Where a NAL unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Slice,
    Other,
    Set,
    Nowhere,
}

impl AccessUnit {
    /// An empty one; of [`Codec::Other`] it stays empty.
    pub fn new(codec: Codec) -> Self {
        let (data, sets) = (Vec::new(), Vec::new());
        Self { codec, data, sets, open: Open::Nothing, has_slice: false }
    }

    /// Takes the payload of the next packet.
    pub fn push(&mut self, payload: &[u8]) {
        match self.codec {
            Codec::H264 => h264::walk(payload, &mut |piece| self.take_piece(&piece, 1)),
            Codec::H265 => {
                h265::walk(payload, &mut |piece| self.take_piece(&piece, h265::HEADER_LEN));
            }
            Codec::Other => {}
        }
    }

    /// Packets are missing at this place: the NAL unit that was begun has no end.
    pub fn lose(&mut self) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Data { at, .. } => self.data.truncate(at),
            Open::Set(at) => self.sets.truncate(at),
        }
    }

    /// Whether there is nothing of a picture.
    pub fn is_empty(&self) -> bool {
        !self.has_slice && !matches!(self.open, Open::Data { slice: true, .. })
    }

    /// The NAL units so far, and apart from them the parameter sets, each with its length in front
    /// (32 bits). Begins anew. `None` when there is no slice: what there is waits for one.
    pub fn finish(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.close();
        if !self.has_slice {
            return None;
        }
        self.has_slice = false;
        let room = self.data.len();
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(room));
        Some((data, std::mem::take(&mut self.sets)))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.data.clear();
        self.sets.clear();
        self.open = Open::Nothing;
        self.has_slice = false;
    }

    fn take_piece(&mut self, piece: &Piece<'_>, header_len: usize) {
        if piece.begins {
            self.close();
            self.begin(piece.header, header_len);
        }
        let target = match self.open {
            Open::Nothing => return,
            Open::Data { .. } => &mut self.data,
            Open::Set(_) => &mut self.sets,
        };
        if target.len() + piece.body.len() > MAX_LEN {
            return self.lose();
        }
        target.extend_from_slice(piece.body);
        if piece.whole {
            self.close();
        }
    }

    fn begin(&mut self, header: [u8; 2], header_len: usize) {
        let (part, target) = match self.part(header) {
            Part::Nowhere => return,
            part @ Part::Set => (part, &mut self.sets),
            part => (part, &mut self.data),
        };
        let at = target.len();
        target.extend_from_slice(&[0; LENGTH]);
        target.extend_from_slice(&header[..header_len]);
        self.open = match part {
            Part::Set => Open::Set(at),
            part => Open::Data { at, slice: part == Part::Slice },
        };
    }

    /// Writes the length of the NAL unit that was open.
    fn close(&mut self) {
        let (at, target) = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Data { at, slice } => {
                self.has_slice |= slice;
                (at, &mut self.data)
            }
            Open::Set(at) => (at, &mut self.sets),
        };
        let length = (target.len() - at - LENGTH) as u32;
        if let Some(field) = target.get_mut(at..at + LENGTH) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn part(&self, header: [u8; 2]) -> Part {
        if self.codec == Codec::H264 {
            return match h264::NalUnitType::of(header[0]).number() {
                1..=5 => Part::Slice,
                6 => Part::Other,
                7 | 8 => Part::Set,
                _ => Part::Nowhere,
            };
        }
        let base_layer = h265::layer(header) == 0;
        match h265::NalUnitType::of(header[0]).number() {
            _ if !base_layer => Part::Nowhere,
            0..=31 => Part::Slice,
            32..=34 => Part::Set,
            39 | 40 => Part::Other,
            _ => Part::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The NAL units of what was gathered.
    fn units(bytes: &[u8]) -> Units {
        let (mut rest, mut units) = (bytes, Vec::new());
        while let Some((length, after)) = rest.split_first_chunk() {
            let (unit, more) = after.split_at(u32::from_be_bytes(*length) as usize);
            units.push(unit.to_vec());
            rest = more;
        }
        units
    }

    type Units = Vec<Vec<u8>>;

    fn gather(codec: Codec, payloads: &[&[u8]]) -> Option<(Units, Units)> {
        let mut unit = AccessUnit::new(codec);
        payloads.iter().for_each(|payload| unit.push(payload));
        unit.finish().map(|(data, sets)| (units(&data), units(&sets)))
    }

    #[test]
    fn an_h264_picture_in_every_kind_of_packet_is_put_together() {
        let stap = [0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2, 0, 3, 6, 5, 0x80];
        let (data, sets) = gather(
            Codec::H264,
            &[
                &[9, 0xf0],
                &stap,
                &[0x7c, 0x85, 0x88, 1],
                &[0x7c, 5, 2],
                &[0x7c, 0x45, 3],
                &[0x65, 9],
            ],
        )
        .unwrap();
        assert_eq!(data, [&[6, 5, 0x80][..], &[0x65, 0x88, 1, 2, 3], &[0x65, 9]]);
        assert_eq!(sets, [[0x67, 1], [0x68, 2]]);
    }

    #[test]
    fn an_h265_picture_in_every_kind_of_packet_is_put_together() {
        let ap = [0x60, 1, 0, 3, 0x40, 1, 7, 0, 3, 0x42, 1, 8, 0, 3, 0x44, 1, 9];
        let fragments: [&[u8]; 3] =
            [&[0x62, 1, 0x93, 0x88], &[0x62, 1, 0x13, 2], &[0x62, 1, 0x53, 3]];
        let (data, sets) =
            gather(Codec::H265, &[&[0x46, 1, 0x50], &ap, fragments[0], fragments[1], fragments[2]])
                .unwrap();
        assert_eq!(data, [[0x26, 1, 0x88, 2, 3]]);
        assert_eq!(sets, [[0x40, 1, 7], [0x42, 1, 8], [0x44, 1, 9]]);
        // The enhancement layer is not for a decoder of the base layer.
        assert_eq!(gather(Codec::H265, &[&[0x26, 0x09, 0x88]]), None);
    }

    #[test]
    fn a_slice_with_a_hole_is_left_out_and_the_others_stay() {
        let mut unit = AccessUnit::new(Codec::H264);
        unit.push(&[0x65, 0x88]);
        unit.push(&[0x7c, 0x85, 1]);
        unit.lose();
        unit.push(&[0x7c, 0x45, 3]);
        unit.push(&[0x65, 7]);
        assert_eq!(units(&unit.finish().unwrap().0), [[0x65, 0x88], [0x65, 7]]);
        unit.push(&[0x7c, 0x85, 1]);
        unit.lose();
        assert!(unit.is_empty());
        assert_eq!(unit.finish(), None);
    }

    #[test]
    fn parameter_sets_alone_wait_for_their_picture() {
        let mut unit = AccessUnit::new(Codec::H264);
        unit.push(&[0x67, 1]);
        assert_eq!(unit.finish(), None);
        unit.push(&[0x65, 0x88]);
        let (data, sets) = unit.finish().unwrap();
        assert_eq!((units(&data), units(&sets)), (vec![vec![0x65, 0x88]], vec![vec![0x67, 1]]));
        assert_eq!(gather(Codec::Other, &[&[0x65, 0x88]]), None);
    }
}

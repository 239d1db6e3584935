//! What an HTTP connection delivers, cut into fragments of MP4, and each shown as the packet that its
//! picture would be: one that says when, whether it is a key frame, and has the camera's stamp.

use super::framing::{Desync, Sink, message_size};

/// `moof` with one sample, the header of `mdat`, and so much of the picture as the stamp needs.
const MOOF: usize = 104;
const HEAD: usize = MOOF + 8 + 160;
/// Where the fields of a fragment are.
const TRACK: usize = 44;
const DECODE_TIME: usize = 60;
const FLAGS: usize = 96;
const OFFSET: usize = 100;
/// sample_is_non_sync_sample.
const NON_SYNC: u32 = 0x1_0000;

/// Where in the stream a connection is.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    /// The beginning of a box, or of the answer.
    start: Vec<u8>,
    answered: bool,
    /// Bytes until the fragment ends.
    skip: usize,
    count: u16,
}

impl Fragments {
    /// Takes the bytes of one read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Desync> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let here = self.skip.min(bytes.len());
                bytes = &bytes[here..];
                self.skip -= here;
                if self.skip == 0 && self.count > 0 {
                    sink.packet_end();
                }
                continue;
            }
            let before = self.start.len();
            let wanted = self.wanted();
            let here = (wanted - before).min(bytes.len());
            self.start.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            if !self.answered {
                if let Some(size) = message_size(&self.start) {
                    sink.message(&String::from_utf8_lossy(&self.start[..size]));
                    self.start.clear();
                    self.answered = true;
                }
            } else if self.start.len() == self.wanted() {
                self.show(sink)?;
            }
        }
        Ok(())
    }

    /// How many bytes have to be there before something can be said.
    fn wanted(&self) -> usize {
        match self.start.get(..8) {
            // The answer, byte by byte: what is behind it is a box.
            _ if !self.answered => self.start.len() + 1,
            None => 8,
            Some(head) if &head[4..] != b"moof" => 8,
            Some(_) if self.start.len() < MOOF + 8 => MOOF + 8,
            Some(_) => HEAD.min(MOOF + word(&self.start, MOOF) as usize),
        }
    }

    fn show(&mut self, sink: &mut impl Sink) -> Result<(), Desync> {
        let start = std::mem::take(&mut self.start);
        if start.len() == 8 {
            // `ftyp` or `moov`.
            self.skip = (word(&start, 0) as usize).checked_sub(8).ok_or(Desync)?;
            return Ok(());
        }
        if start.get(MOOF + 4..MOOF + 8) != Some(b"mdat") {
            return Err(Desync);
        }
        let end = MOOF + word(&start, MOOF) as usize;
        self.skip = end.checked_sub(start.len()).ok_or(Desync)?;
        self.count = self.count.wrapping_add(1).max(1);
        let mut shown = word(&start, DECODE_TIME + 4);
        shown = shown.wrapping_add(word(&start, OFFSET));
        // RTP with the marker; an aggregate of the first NAL unit and of the begin of a slice.
        let mut packet = vec![0x80, 0xe0];
        packet.extend_from_slice(&self.count.to_be_bytes());
        packet.extend_from_slice(&shown.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, 24]);
        if let Some(first) = start.get(MOOF + 12..) {
            let length = first.len().min(word(&start, MOOF + 8) as usize);
            packet.extend_from_slice(&(length as u16).to_be_bytes());
            packet.extend_from_slice(&first[..length]);
        }
        let slice = if word(&start, FLAGS) & NON_SYNC == 0 { 0x65 } else { 0x41 };
        packet.extend_from_slice(&[0, 1, slice]);
        let video = word(&start, TRACK) == 1;
        sink.packet(if video { 0 } else { 2 }, &packet);
        if self.skip == 0 {
            sink.packet_end();
        }
        Ok(())
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    four.map_or(0, |four| u32::from_be_bytes(*four))
}

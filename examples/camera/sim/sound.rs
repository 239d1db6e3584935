//! What a path lets hear, or tells without a picture: RTP payloads of one length in time, played in
//! a loop.

use super::{sei, tone};
use std::io;

/// The payload type of AAC.
const AAC_TYPE: u8 = 97;
/// The payload type of metadata.
const DATA_TYPE: u8 = 107;
/// The payload type of Opus.
const OPUS_TYPE: u8 = 98;
/// Ticks that a packet of Opus lasts, as encoders make it: 20 ms of its clock of 48 kHz (RFC 7587).
const OPUS_TICKS: u32 = 960;
/// Packets of Ogg Opus before the sound: its head and its tags (RFC 7845, 3).
const OPUS_HEADERS: usize = 2;
/// Samples in an access unit of AAC.
const AAC_SAMPLES: u32 = 1024;
/// Sampling rates by their index in an ADTS header (ISO/IEC 14496-3, table 1.18).
const AAC_RATES: [u32; 13] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

/// A track that is no video.
#[derive(Clone, Debug)]
pub struct Sound {
    /// `audio`, or `application`.
    pub media: &'static str,
    /// Of the packets.
    pub payload_type: u8,
    /// What stands in `rtpmap` behind the payload type.
    pub rtpmap: String,
    /// What stands in `fmtp` behind the payload type; empty for none.
    pub fmtp: String,
    /// Ticks of the RTP clock a second.
    pub clock_rate: u32,
    /// Ticks that a payload lasts.
    pub ticks: u32,
    /// Every packet has the marker bit: it ends what it holds.
    pub marker: bool,
    /// One packet each.
    pub payloads: Vec<Vec<u8>>,
}

impl Sound {
    /// A tone of 400 Hz in G.711.
    pub fn tone() -> Self {
        Self {
            media: "audio",
            payload_type: tone::PAYLOAD_TYPE,
            rtpmap: format!("PCMU/{}", tone::CLOCK_RATE),
            fmtp: String::new(),
            clock_rate: tone::CLOCK_RATE,
            ticks: tone::SAMPLES as u32,
            marker: false,
            payloads: vec![tone::payload()],
        }
    }

    /// Metadata as ONVIF has it, five times a second: a document with a [`super::Stamp`] in it.
    pub fn metadata() -> Self {
        let document = [b"<tt:MetadataStream>", &sei::UUID[..], &[b'0'; sei::TEXT], b"</>"];
        Self {
            media: "application",
            payload_type: DATA_TYPE,
            rtpmap: "vnd.onvif.metadata/90000".into(),
            fmtp: String::new(),
            clock_rate: 90_000,
            ticks: 18_000,
            marker: true,
            payloads: vec![document.concat()],
        }
    }

    /// AAC from an ADTS byte stream (what `ffmpeg -f adts` writes), one access unit a packet in
    /// the mode AAC-hbr (RFC 3640, 3.3.6). `skip` access units in front are left out: those with
    /// which the encoder began before the first sample. After `keep` more it begins again.
    pub fn from_adts(bytes: &[u8], skip: usize, keep: usize) -> io::Result<Self> {
        let broken = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
        let (mut rest, mut units, mut described) = (bytes, Vec::new(), None);
        while let [0xff, b, c, d, e, f, _, ..] = *rest {
            if b & 0xf6 != 0xf0 {
                break;
            }
            let header = if b & 1 == 0 { 9 } else { 7 };
            let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
            let unit = rest.get(header..length).ok_or_else(|| broken("ADTS that is cut short"))?;
            let (object, rate) = ((c >> 6) + 1, c >> 2 & 15);
            let channels = (c & 1) << 2 | d >> 6;
            described.get_or_insert((object, rate, channels));
            let size = ((unit.len() as u16) << 3).to_be_bytes();
            units.push([&[0, 16][..], &size, unit].concat());
            rest = &rest[length..];
        }
        let payloads: Vec<_> = units.into_iter().skip(skip).take(keep).collect();
        let (object, rate, channels) =
            described.filter(|_| !payloads.is_empty()).ok_or_else(|| broken("no ADTS in it"))?;
        let clock_rate =
            *AAC_RATES.get(usize::from(rate)).ok_or_else(|| broken("no sampling rate"))?;
        // AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
        let config = u16::from(object) << 11 | u16::from(rate) << 7 | u16::from(channels) << 3;
        Ok(Self {
            media: "audio",
            payload_type: AAC_TYPE,
            rtpmap: format!("MPEG4-GENERIC/{clock_rate}/{channels}"),
            fmtp: format!(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
                 indexdeltalength=3;config={config:04X}"
            ),
            clock_rate,
            ticks: AAC_SAMPLES,
            marker: true,
            payloads,
        })
    }

    /// Opus from an Ogg byte stream (what `ffmpeg -c:a libopus -f ogg` writes), with packets of 20 ms.
    /// After `keep` of them it begins again.
    pub fn from_ogg(bytes: &[u8], keep: usize) -> io::Result<Self> {
        let broken = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
        let (mut rest, mut packets, mut packet) = (bytes, Vec::new(), Vec::new());
        // Pages: a header of 27 bytes, the lengths of their segments, the segments (RFC 3533, 6).
        while let Some(lengths) = rest.get(26).filter(|_| rest.starts_with(b"OggS")) {
            let table = 27 + usize::from(*lengths);
            let lengths = rest.get(27..table).ok_or_else(|| broken("Ogg that is cut short"))?;
            rest = &rest[table..];
            for &length in lengths {
                let length = usize::from(length);
                packet.extend_from_slice(rest.get(..length).ok_or_else(|| broken("a short page"))?);
                rest = &rest[length..];
                if length < 255 {
                    packets.push(std::mem::take(&mut packet));
                }
            }
        }
        if !packets.first().is_some_and(|head| head.starts_with(b"OpusHead")) {
            return Err(broken("no Opus in it"));
        }
        Ok(Self {
            media: "audio",
            payload_type: OPUS_TYPE,
            rtpmap: "opus/48000/2".into(),
            fmtp: String::new(),
            clock_rate: 48_000,
            ticks: OPUS_TICKS,
            marker: false,
            payloads: packets.into_iter().skip(OPUS_HEADERS).take(keep).collect(),
        })
    }
}

//! The parameter sets a decoder needs before its first picture.

use super::{
    Codec, ParameterSetKind,
    bits::BitReader,
    h264,
    h265::{self, ProfileTierLevel},
    sprop,
};
use crate::{Oddities, Oddity, sdp};

/// Parameter sets kept of each kind; a camera uses one or two. Beyond, the oldest is dropped.
pub const MAX_SETS: usize = 16;

/// Longest parameter set kept, in bytes; the usual ones have less than 100.
pub const MAX_SET_LEN: usize = 4 * 1024;

/// The latest parameter sets of a stream, one for each kind and id.
///
/// They come from the SDP first ([`ParameterSets::from_fmtp`]) and then from the stream
/// ([`ParameterSets::update`]), which is always right where the two differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    codec: Codec,
    vps: Kept,
    sps: Kept,
    pps: Kept,
}

/// NAL units by id, the one that changed last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept(Vec<(u32, Vec<u8>)>);

impl Kept {
    fn has(&self, header: &[u8], body: &[u8]) -> bool {
        let same = |nal: &Vec<u8>| nal.strip_prefix(header).is_some_and(|rest| rest == body);
        self.0.iter().any(|(_, nal)| same(nal))
    }

    fn insert(&mut self, id: u32, nal: Vec<u8>) {
        self.0.retain(|(other, _)| *other != id);
        if self.0.len() == MAX_SETS {
            self.0.remove(0);
        }
        self.0.push((id, nal));
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|(_, nal)| nal.as_slice())
    }

    fn latest(&self) -> Option<&[u8]> {
        self.0.last().map(|(_, nal)| nal.as_slice())
    }
}

impl ParameterSets {
    /// None known yet.
    pub fn new(codec: Codec) -> Self {
        Self { codec, vps: Kept::default(), sps: Kept::default(), pps: Kept::default() }
    }

    /// Those in the format parameters of an SDP, the value of `a=fmtp` after the payload type.
    ///
    /// What cannot be read is left out and counted as [`Oddity::BadParameterSets`]: the stream
    /// brings it again.
    pub fn from_fmtp(codec: Codec, fmtp: &str, oddities: &mut Oddities) -> Self {
        let mut sets = Self::new(codec);
        let mut bad = false;
        for (name, value) in sdp::parameters(fmtp) {
            if sprop::names(codec).iter().any(|known| known.eq_ignore_ascii_case(name)) {
                for nal in sprop::nal_units(value.unwrap_or_default()) {
                    bad |= !nal.is_some_and(|nal| sets.keep_described(&nal));
                }
            }
        }
        if bad {
            oddities.note(Oddity::BadParameterSets);
        }
        sets
    }

    /// An SPS cut short in the SDP would lead a player astray, so it has to be readable.
    fn keep_described(&mut self, nal: &[u8]) -> bool {
        let header_len = self.header_len();
        let (Some(kind), Some((header, body))) = (
            nal.first().and_then(|&header| self.codec.kind(header)),
            nal.split_at_checked(header_len),
        ) else {
            return false;
        };
        let readable = kind != ParameterSetKind::Sps
            || match self.codec {
                Codec::H264 => h264::Sps::parse(nal).is_ok(),
                Codec::H265 => h265::Sps::parse(nal).is_ok(),
                Codec::Other => false,
            };
        readable && (self.kept(kind).has(header, body) || self.keep(kind, header, body))
    }

    /// Takes over what is in an RTP payload; `true` when something is new or has changed.
    ///
    /// Cheap when nothing did. Worth calling only where [`super::Scan::parameter_sets`] is set.
    pub fn update(&mut self, payload: &[u8]) -> bool {
        let mut changed = false;
        self.codec.whole_sets(payload, &mut |kind, header, body| {
            if !self.kept(kind).has(header, body) {
                changed |= self.keep(kind, header, body);
            }
        });
        changed
    }

    fn keep(&mut self, kind: ParameterSetKind, header: &[u8], body: &[u8]) -> bool {
        if header.len() + body.len() > MAX_SET_LEN {
            return false;
        }
        let Some(id) = id(self.codec, kind, body) else { return false };
        let nal = [header, body].concat();
        match kind {
            ParameterSetKind::Vps => self.vps.insert(id, nal),
            ParameterSetKind::Sps => self.sps.insert(id, nal),
            ParameterSetKind::Pps => self.pps.insert(id, nal),
        }
        true
    }

    fn kept(&self, kind: ParameterSetKind) -> &Kept {
        match kind {
            ParameterSetKind::Vps => &self.vps,
            ParameterSetKind::Sps => &self.sps,
            ParameterSetKind::Pps => &self.pps,
        }
    }

    fn header_len(&self) -> usize {
        if self.codec == Codec::H265 { h265::HEADER_LEN } else { 1 }
    }

    /// The codec these belong to.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether there is one of every kind the codec has; always, for a codec without any.
    pub fn is_complete(&self) -> bool {
        let has = |kept: &Kept| !kept.0.is_empty();
        match self.codec {
            Codec::H264 => has(&self.sps) && has(&self.pps),
            Codec::H265 => has(&self.vps) && has(&self.sps) && has(&self.pps),
            Codec::Other => true,
        }
    }

    /// The video parameter sets (H.265), NAL unit header included; the latest change last.
    pub fn vps(&self) -> impl Iterator<Item = &[u8]> {
        self.vps.iter()
    }

    /// The sequence parameter sets, NAL unit header included; the latest change last.
    pub fn sps(&self) -> impl Iterator<Item = &[u8]> {
        self.sps.iter()
    }

    /// The picture parameter sets, NAL unit header included; the latest change last.
    pub fn pps(&self) -> impl Iterator<Item = &[u8]> {
        self.pps.iter()
    }

    /// RTP payloads to send before a key frame, one parameter set each, in the order a decoder
    /// needs them.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.vps().chain(self.sps()).chain(self.pps()).map(<[u8]>::to_vec).collect()
    }

    /// The SPS that changed last, if it is H.264 and readable.
    pub fn h264_sps(&self) -> Option<h264::Sps> {
        let nal = self.sps.latest().filter(|_| self.codec == Codec::H264)?;
        h264::Sps::parse(nal).ok()
    }

    /// The SPS that changed last, if it is H.265 and readable.
    pub fn h265_sps(&self) -> Option<h265::Sps> {
        let nal = self.sps.latest().filter(|_| self.codec == Codec::H265)?;
        h265::Sps::parse(nal).ok()
    }

    /// Width and height of the picture to show, in samples.
    pub fn resolution(&self) -> Option<(u32, u32)> {
        match self.codec {
            Codec::H264 => self.h264_sps().map(|sps| (sps.width, sps.height)),
            Codec::H265 => self.h265_sps().map(|sps| (sps.width, sps.height)),
            Codec::Other => None,
        }
    }

    /// Frames a second as a fraction, if the encoder says so. Many cameras say what they were
    /// built for and not what they send.
    pub fn frame_rate(&self) -> Option<(u32, u32)> {
        match self.codec {
            Codec::H264 => self.h264_sps()?.frame_rate,
            Codec::H265 => self.h265_sps()?.frame_rate,
            Codec::Other => None,
        }
    }

    /// What a browser calls the codec ([RFC 6381 section 3.3], ISO/IEC 14496-15 annex E):
    /// `avc1.640028`, `hvc1.1.6.L120.90`.
    ///
    /// [RFC 6381 section 3.3]: https://www.rfc-editor.org/rfc/rfc6381#section-3.3
    pub fn codec_string(&self) -> Option<String> {
        match self.codec {
            Codec::H264 => Some(format!("avc1.{}", self.h264_sps()?.profile_level_id())),
            Codec::H265 => Some(format!("hvc1.{}", self.h265_sps()?.profile.codec_string())),
            Codec::Other => None,
        }
    }

    /// The camera's format parameters with what is known put in its place, separated by `; `.
    ///
    /// - `sprop-*` are those kept here. H.265's are useful together only, and left out unless
    ///   all three are known.
    /// - `profile-level-id` is that of the SPS: cameras write `5046314`, `TeAo`, `33`.
    /// - `packetization-mode` is 1 where it is 0 or absent: cameras send fragments all the same,
    ///   and mode 1 allows everything that mode 0 does ([RFC 6184 section 6.2]).
    ///
    /// Everything else stays as the camera wrote it.
    ///
    /// [RFC 6184 section 6.2]: https://www.rfc-editor.org/rfc/rfc6184#section-6.2
    pub fn fmtp(&self, original: &str) -> String {
        let known = self.described();
        let replaced = |name: &str| {
            known.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
                || sprop::names(self.codec).iter().any(|sprop| sprop.eq_ignore_ascii_case(name))
        };
        let mut mode = (self.codec == Codec::H264).then_some("1");
        let mut parts = Vec::new();
        for (name, value) in sdp::parameters(original) {
            if mode.is_some() && name.eq_ignore_ascii_case("packetization-mode") {
                mode = value.filter(|value| *value == "2").or(mode);
            } else if !replaced(name) {
                parts
                    .push(value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")));
            }
        }
        if let Some(mode) = mode {
            parts.push(format!("packetization-mode={mode}"));
        }
        parts.extend(known.iter().map(|(name, value)| format!("{name}={value}")));
        parts.join("; ")
    }

    /// The parameters that follow from what is known.
    fn described(&self) -> Vec<(&'static str, String)> {
        let mut known = Vec::new();
        match self.codec {
            Codec::H264 => {
                if let Some(sps) = self.h264_sps() {
                    known.push(("profile-level-id", sps.profile_level_id()));
                }
                let sets = sprop::encode(self.sps().chain(self.pps()));
                if !sets.is_empty() {
                    known.push(("sprop-parameter-sets", sets));
                }
            }
            Codec::H265 if self.is_complete() => {
                known.push(("sprop-vps", sprop::encode(self.vps())));
                known.push(("sprop-sps", sprop::encode(self.sps())));
                known.push(("sprop-pps", sprop::encode(self.pps())));
            }
            Codec::H265 | Codec::Other => {}
        }
        known
    }
}

/// The id a parameter set is referred to by; `None` when it is too short for one.
fn id(codec: Codec, kind: ParameterSetKind, body: &[u8]) -> Option<u32> {
    let mut bits = BitReader::new(body);
    match (codec, kind) {
        (Codec::Other, _) => None,
        (_, ParameterSetKind::Vps) => bits.bits(4).ok(),
        (Codec::H264, ParameterSetKind::Sps) => {
            bits.skip(24).ok()?; // profile, constraints, level
            bits.ue_max(31, "seq_parameter_set_id").ok()
        }
        (Codec::H265, ParameterSetKind::Sps) => {
            bits.skip(4).ok()?;
            let sub_layers_minus1 = bits.bits(3).ok().filter(|&layers| layers <= 6)?;
            bits.skip(1).ok()?;
            ProfileTierLevel::read(&mut bits, sub_layers_minus1).ok()?;
            bits.ue_max(15, "sps_seq_parameter_set_id").ok()
        }
        (_, ParameterSetKind::Pps) => bits.ue_max(255, "pic_parameter_set_id").ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testdata::*;

    fn described(codec: Codec, fmtp: &str) -> (ParameterSets, u64) {
        let mut oddities = Oddities::new();
        let sets = ParameterSets::from_fmtp(codec, fmtp, &mut oddities);
        (sets, oddities.count(Oddity::BadParameterSets))
    }

    #[test]
    fn a_described_stream_is_known_before_its_first_packet() {
        let (sets, bad) = described(
            Codec::H264,
            "profile-level-id=420029; packetization-mode=1; \
             sprop-parameter-sets=Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==,aO48gA==",
        );
        assert_eq!(bad, 0);
        assert!(sets.is_complete());
        assert_eq!(sets.resolution(), Some((1920, 1080)));
        assert_eq!(sets.codec_string().as_deref(), Some("avc1.4d0029"));
        assert_eq!(sets.payloads()[1], [0x68, 0xee, 0x3c, 0x80]);
    }

    #[test]
    fn tp_link_the_three_sets_of_h265_are_kept() {
        let fmtp = "profile-space=0;profile-id=1;tier-flag=0;level-id=150;\
            interop-constraints=000000000000;sprop-vps=QAEMAf//AWAAAAMAAAMAAAMAAAMAlqwJ;\
            sprop-sps=QgEBAWAAAAMAAAMAAAMAAAMAlqABQCAFof4qtO6JLuaAgA27oADN/mAE;\
            sprop-pps=RAHAcvAbJA==";
        let (sets, bad) = described(Codec::H265, fmtp);
        assert_eq!((sets.is_complete(), bad), (true, 0));
        assert_eq!(sets.resolution(), Some((2560, 1440)));
        assert_eq!(sets.codec_string().as_deref(), Some("hvc1.1.6.L150"));
        let again = sets.fmtp(fmtp);
        assert!(again.starts_with("profile-space=0; profile-id=1; tier-flag=0; level-id=150; "));
        assert_eq!(described(Codec::H265, &again).0, sets);
    }

    #[test]
    fn broken_sets_are_left_to_the_stream() {
        let incomplete = |fmtp: &str| {
            let (sets, bad) = described(Codec::H264, fmtp);
            assert!(!sets.is_complete(), "{fmtp}");
            bad
        };
        assert_eq!(incomplete(""), 0);
        assert_eq!(incomplete("sprop-parameter-sets="), 0);
        assert_eq!(incomplete("sprop-parameter-sets"), 0);
        assert_eq!(incomplete("sprop-parameter-sets=Z00AKZpk"), 1, "truncated");
        assert_eq!(incomplete("sprop-parameter-sets=!!!!,aO48gA=="), 1);
        assert_eq!(incomplete("sprop-parameter-sets=aO48gA=="), 0, "PPS alone");
        assert_eq!(incomplete("sprop-parameter-sets=ZYiA"), 1, "an IDR slice");
    }

    #[test]
    fn the_stream_wins_over_the_description() {
        let (mut sets, _) = described(
            Codec::H264,
            "sprop-parameter-sets=Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==,aO48gA==",
        );
        let sps = unhex(H264_720P30_SPS);
        let pps = unhex(H264_720P30_PPS);
        let stap = [&[0x78, 0, 25][..], &sps, &[0, 5], &pps].concat();
        assert_eq!((sps.len(), pps.len()), (25, 5));
        assert!(sets.update(&stap));
        assert!(!sets.update(&stap), "nothing new");
        assert!(!sets.update(&[&sps[..], &[0, 0]].concat()), "zero bytes are no change");
        assert_eq!(sets.resolution(), Some((1280, 720)));
        assert_eq!(sets.frame_rate(), Some((30, 1)));
        assert_eq!(sets.payloads(), [sps, pps], "the old ones had the same ids");
    }

    #[test]
    fn several_ids_live_side_by_side_within_bounds() {
        let mut sets = ParameterSets::new(Codec::H264);
        for id in 0..255u32 {
            let pps = super::super::bits::BitWriter::new().ue(id).ue(0).bits(8, id).nal(&[0x68]);
            assert!(sets.update(&pps));
        }
        assert_eq!(sets.pps().count(), MAX_SETS);
        assert!(!sets.update(&[&[0x67][..], &[0x42; MAX_SET_LEN]].concat()), "too long");
        assert!(!sets.update(&[0x67]), "without an id");
        assert!(!sets.update(&[0x68]));
    }

    #[test]
    fn h265_sets_in_the_stream_are_complete_with_all_three() {
        let mut sets = ParameterSets::new(Codec::H265);
        for (set, complete) in [(H265_VPS, false), (H265_1080P25_SPS, false), (H265_PPS, true)] {
            assert_eq!(sets.fmtp("sprop-pps=RAHAcvAbJA=="), "", "useful together only");
            assert!(sets.update(&unhex(set)));
            assert_eq!(sets.is_complete(), complete);
        }
        assert_eq!(sets.codec_string().as_deref(), Some("hvc1.1.6.L120.90"));
        assert_eq!(sets.payloads(), [unhex(H265_VPS), unhex(H265_1080P25_SPS), unhex(H265_PPS)]);
    }

    #[test]
    fn players_get_right_parameters_for_wrong_ones() {
        let mut sets = ParameterSets::new(Codec::H264);
        // Nothing known: what the camera said, but a mode in which fragments are allowed.
        assert_eq!(sets.fmtp(""), "packetization-mode=1");
        assert_eq!(
            sets.fmtp("profile-level-id=5046314;packetization-mode=0;sprop-parameter-sets=%%"),
            "profile-level-id=5046314; packetization-mode=1"
        );
        assert_eq!(sets.fmtp("packetization-mode=2"), "packetization-mode=2");
        sets.update(&unhex(H264_1080P25_SPS));
        sets.update(&unhex(H264_1080P25_PPS));
        assert_eq!(
            sets.fmtp("profile-level-id=TeAo;max-mbps=1;sprop-parameter-sets=Z00;x"),
            "max-mbps=1; x; packetization-mode=1; profile-level-id=640028; sprop-parameter-sets=\
             Z2QAKKzZQHgCJ+XARAAAAwAEAAADAMg8YMZY,aO+Pyw=="
        );
        // A codec without parameter sets keeps its parameters.
        let other = ParameterSets::new(Codec::Other);
        assert_eq!(other.fmtp("mode=AAC-hbr;config=1188;"), "mode=AAC-hbr; config=1188");
    }
}

//! The tracks of a stream, as the camera described them and as clients are told of them.

use std::net::IpAddr;

use rtsp_proto::codec::{Codec, ParameterSets};
use rtsp_proto::sdp::{
    Attribute, Direction, MediaDescription, MediaKind, Origin, SessionDescription,
};
use rtsp_proto::{Oddities, Oddity};

use super::{MAX_TRACKS, Place};

/// What a stream consists of. Tracks are in the order of the camera's SDP, without those that
/// cannot be relayed or were not wanted.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// The session name, for players that show it.
    pub name: String,
    /// The tracks; a track's place is its index everywhere else.
    pub tracks: Vec<Track>,
}

/// One media description that is relayed.
#[derive(Clone, Debug)]
pub struct Track {
    /// Index of the media description in the camera's SDP.
    pub media: usize,
    /// Video, audio or else.
    pub kind: MediaKind,
    /// What the relay looks into.
    pub codec: Codec,
    /// The name in rtpmap, such as `H264`; empty when there is none.
    pub encoding: String,
    /// Ticks of the RTP timestamp per second.
    pub clock_rate: u32,
    /// The payload type in the packets; several are possible, this is the first.
    pub payload_type: u8,
    /// As the camera described it.
    pub description: MediaDescription,
    /// From the SDP, then from the stream.
    pub parameter_sets: ParameterSets,
    /// Whether clients are told of it: not when the camera refused to set it up.
    pub offered: bool,
}

/// The clock of tracks that do not tell theirs (RFC 3551 table 5: nearly all video).
const DEFAULT_CLOCK_RATE: u32 = 90_000;

/// Attributes that mean the same on our side of the relay; the others speak of the camera.
const PASSED_ON: [&str; 9] = [
    "rtpmap",
    "fmtp",
    "framerate",
    "framesize",
    "ptime",
    "maxptime",
    "lang",
    "Media_header",
    "x-dimensions",
];

impl Presentation {
    /// The tracks of a camera's SDP for which `wants` is true and that are RTP from the camera.
    pub fn new(
        sdp: &SessionDescription,
        wants: impl Fn(&MediaKind) -> bool,
        oddities: &mut Oddities,
    ) -> Self {
        // A back channel is `sendonly` from the client's side; a camera that says so of
        // everything it has is wrong about the direction, not without media.
        let all_back = sdp.media.iter().all(|media| media.direction() == Direction::SendOnly);
        if all_back && !sdp.media.is_empty() {
            oddities.note(Oddity::OddDirection);
        }
        let mut tracks = Vec::new();
        for (index, media) in sdp.media.iter().enumerate() {
            let back_channel = media.direction() == Direction::SendOnly && !all_back;
            let payload_type = media.payload_types().first().copied();
            match payload_type {
                Some(payload_type) if media.is_rtp() && tracks.len() < MAX_TRACKS => {
                    if !back_channel && wants(&media.kind) {
                        tracks.push(Track::new(index, media, payload_type, oddities));
                    }
                }
                _ => {
                    oddities.note(Oddity::SkippedMedia);
                }
            }
        }
        Self { name: sdp.name.clone(), tracks }
    }

    /// Whether viewers can have the track of this place.
    pub fn offers(&self, track: u8) -> bool {
        self.tracks.get(usize::from(track)).is_some_and(|track| track.offered)
    }

    /// Whether a viewer of `self` can go on with `other` without being told anew: the same number
    /// of tracks with the same codecs, clocks and payload types.
    pub fn is_compatible(&self, other: &Self) -> bool {
        self.tracks.len() == other.tracks.len()
            && self.tracks.iter().zip(&other.tracks).all(|(own, other)| {
                own.kind == other.kind
                    && own.encoding.eq_ignore_ascii_case(&other.encoding)
                    && own.clock_rate == other.clock_rate
                    && own.description.formats == other.description.formats
            })
    }

    /// Which of the `told` tracks each own track can stand in for, for viewers who were told of
    /// those: all their video must be there, in the same codec; sound is left out when it differs.
    ///
    /// # Errors
    /// Why the viewers cannot be shown this.
    pub fn lanes_of(&self, told: &Self) -> Result<Vec<Option<u8>>, String> {
        let mut lanes = vec![None; self.tracks.len()];
        let must = |kind: &MediaKind| {
            *kind == MediaKind::Video || told.tracks.iter().all(|t| t.kind != MediaKind::Video)
        };
        for (track, lane) in told.tracks.iter().zip(0..) {
            let fits = |(own, lane): (&Track, &Option<u8>)| lane.is_none() && own.can_be(track);
            match self.tracks.iter().zip(&lanes).position(fits) {
                Some(own) => lanes[own] = Some(lane),
                None if must(&track.kind) => {
                    let own = self.tracks.iter().find(|own| own.kind == track.kind);
                    let own = own.map_or("none", |own| &own.encoding);
                    return Err(format!(
                        "its {} is {own}, not {}",
                        track.kind.as_str(),
                        track.encoding
                    ));
                }
                None => {}
            }
        }
        Ok(lanes)
    }

    /// The SDP for clients: `stream` as the session name if the camera gave none, `address` the
    /// relay's own as the client reached it, `version` growing with each change. With a `place` the
    /// group and its ports are told (RFC 8866 section 5.7), else what leaves all open to SETUP.
    pub fn sdp(
        &self,
        stream: &str,
        address: IpAddr,
        place: Option<&Place>,
        version: u64,
    ) -> String {
        let connection = match (place, address) {
            (Some(place), _) => format!("IN IP4 {}/{}", place.group, place.ttl),
            (None, IpAddr::V4(_)) => "IN IP4 0.0.0.0".into(),
            (None, IpAddr::V6(_)) => "IN IP6 ::".into(),
        };
        let port = |track: usize| {
            let ports = u8::try_from(track).ok().and_then(|track| place?.ports(track));
            ports.map_or(0, |(rtp, _)| rtp)
        };
        let attribute =
            |name: &str, value: String| Attribute { name: name.into(), value: Some(value) };
        SessionDescription {
            origin: Some(Origin {
                username: "-".into(),
                session_id: version,
                session_version: version,
                address: address.to_string(),
            }),
            name: if self.name.trim().is_empty() { stream.into() } else { self.name.clone() },
            connection: Some(connection),
            attributes: vec![
                attribute("tool", "rtsp-relay".into()),
                attribute("control", "*".into()),
                attribute("range", "npt=now-".into()),
            ],
            media: (self.tracks.iter().enumerate())
                .filter(|(_, track)| track.offered)
                .map(|(index, track)| track.describe(index, port(index)))
                .collect(),
        }
        .encode()
    }
}

impl Track {
    fn new(
        index: usize,
        media: &MediaDescription,
        payload_type: u8,
        oddities: &mut Oddities,
    ) -> Self {
        let map = media.rtpmap(payload_type);
        if map.is_none() {
            oddities.note(Oddity::OddRtpMap);
        }
        let encoding = map.as_ref().map_or_else(String::new, |map| map.encoding.clone());
        let codec = Codec::of(&encoding);
        let fmtp = media.fmtp(payload_type).unwrap_or_default();
        Self {
            media: index,
            kind: media.kind.clone(),
            codec,
            clock_rate: map.map_or(DEFAULT_CLOCK_RATE, |map| map.clock_rate),
            payload_type,
            description: media.clone(),
            parameter_sets: ParameterSets::from_fmtp(codec, fmtp, oddities),
            encoding,
            offered: true,
        }
    }

    /// Whether a decoder that was set up for `other` can go on with this. Video brings its parameters
    /// along; of other media they must be the same.
    fn can_be(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate == other.clock_rate
            && (self.is_video() || self.parameters() == other.parameters())
    }

    /// What rtpmap and fmtp say beside the encoding.
    fn parameters(&self) -> (u8, &str) {
        let channels = self.description.rtpmap(self.payload_type).and_then(|map| map.channels);
        (channels.unwrap_or(1), self.description.fmtp(self.payload_type).unwrap_or_default())
    }

    /// Whether pictures must come whole and from a key frame on.
    pub fn is_video(&self) -> bool {
        self.kind == MediaKind::Video
    }

    fn describe(&self, index: usize, port: u16) -> MediaDescription {
        let mut attributes: Vec<Attribute> = self
            .description
            .attributes
            .iter()
            .filter(|attribute| {
                PASSED_ON.iter().any(|name| attribute.name.eq_ignore_ascii_case(name))
            })
            .cloned()
            .collect();
        if self.codec != Codec::Other {
            let own = format!("{} ", self.payload_type);
            let original = self.description.fmtp(self.payload_type).unwrap_or_default();
            let fmtp = self.parameter_sets.fmtp(original);
            attributes.retain(|attribute| {
                attribute.name != "fmtp"
                    || !attribute.value.as_deref().unwrap_or_default().starts_with(&own)
            });
            if !fmtp.is_empty() {
                let value = Some(format!("{own}{fmtp}"));
                attributes.push(Attribute { name: "fmtp".into(), value });
            }
        }
        attributes
            .push(Attribute { name: "control".into(), value: Some(format!("trackID={index}")) });
        MediaDescription {
            port,
            connection: None,
            bandwidth: self.description.bandwidth.clone(),
            attributes,
            kind: self.kind.clone(),
            protocol: "RTP/AVP".into(),
            formats: self.description.formats.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks(directions: [&str; 2]) -> (Vec<usize>, Oddities) {
        let [video, audio] = directions;
        let text = format!(
            "v=0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na={video}\r\n\
             m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={audio}\r\n"
        );
        let mut oddities = Oddities::new();
        let sdp = SessionDescription::parse(text.as_bytes(), &mut oddities).unwrap();
        let presentation = Presentation::new(&sdp, |_| true, &mut oddities);
        (presentation.tracks.iter().map(|track| track.media).collect(), oddities)
    }

    #[test]
    fn a_back_channel_is_not_set_up_and_a_camera_of_back_channels_alone_is_not_believed() {
        assert_eq!(tracks(["recvonly", "sendonly"]).0, [0]);
        let (all, oddities) = tracks(["sendonly", "sendonly"]);
        assert_eq!(all, [0, 1]);
        assert_eq!(oddities.count(Oddity::OddDirection), 1);
    }
}

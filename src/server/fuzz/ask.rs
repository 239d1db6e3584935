//! Requests for the fuzzer: each part right, or wrong in a way that has a meaning.

use rtsp_proto::fuzz::script::take;
use rtsp_proto::{Method, Version};

/// The login that opens everything, as a Basic answer.
pub(super) const LOGIN: (&str, &str) = ("u", "p");
const RIGHT: &str = "Basic dTpw";
const WRONG: [&str; 3] = ["Basic dTpx", "Digest username=\"u\", nonce=\"1\"", "Bearer x"];
/// Nobody's session.
const FOREIGN: &str = "0123456789abcdef";
/// Wrong logins of one client; more would have to wait for their turn.
const MAX_WRONG: u8 = 8;

const METHODS: [Method; 11] = [
    Method::Options,
    Method::Describe,
    Method::Setup,
    Method::Play,
    Method::Pause,
    Method::Teardown,
    Method::GetParameter,
    Method::SetParameter,
    Method::Announce,
    Method::Record,
    Method::Redirect,
];

/// What a URI means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stream,
    Track(u8),
    /// A track that the stream does not have.
    NoTrack,
    /// `*`, or the relay itself: the session's stream, if there is one.
    Nothing,
    /// No such stream, a disabled one, or no URI of ours.
    Nowhere,
}

const PLACES: [(&str, Place); 9] = [
    ("rtsp://relay/door", Place::Stream),
    ("rtsp://relay/door/", Place::Stream),
    ("rtsp://relay/door/trackID=0", Place::Track(0)),
    ("rtsp://relay/door/trackID=1", Place::Track(1)),
    ("*", Place::Nothing),
    ("rtsp://relay", Place::Nothing),
    ("rtsp://relay/door/trackID=7", Place::NoTrack),
    ("rtsp://relay/attic", Place::Nowhere),
    ("rtsp://relay/cellar", Place::Nowhere),
];

const TRANSPORTS: [&str; 12] = [
    "RTP/AVP/TCP;unicast;interleaved=0-1",
    "RTP/AVP/TCP;unicast;interleaved=2-3",
    "RTP/AVP/TCP;unicast",
    "RTP/AVP;unicast;client_port=9-10",
    "RTP/AVP;multicast",
    "RTP/AVP;unicast;client_port=9-10;destination=192.0.2.9",
    "RTP/SAVP/TCP;unicast;interleaved=0-1",
    "RTP/AVP/TCP;unicast;interleaved=254-255,RTP/AVP;unicast;client_port=9-10",
    "RTP/AVP/UDP;unicast;dest_addr=\":9\"/\":10\"",
    "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
    "nonsense",
    "",
];

/// A header that may come along, and whether it can be why a request is refused.
const EXTRAS: [(&str, bool); 10] = [
    ("User-Agent: fuzz/1", false),
    ("Require: nothing.we.have", true),
    ("Range: npt=now-", true),
    ("Range: nonsense", true),
    ("Pipelined-Requests: 7", true),
    ("Connection: close", true),
    ("Scale: 2.0", true),
    ("Accept-Ranges: npt", true),
    ("Supported: play.basic", false),
    ("Accept: application/sdp", true),
];

/// A request, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) cseq: Option<u32>,
    pub(super) version: Version,
    pub(super) place: Place,
    /// What the Session header says.
    pub(super) session: Option<String>,
    /// `None` without a login; else whether it is the right one.
    pub(super) login: Option<bool>,
    pub(super) transport: usize,
    /// Nothing unusual is in it, so that what the state allows must be granted.
    pub(super) plain: bool,
    /// The connection may end behind it.
    pub(super) may_close: bool,
}

/// The number of the first transports that are granted to anybody.
pub(super) const EASY_TRANSPORTS: usize = 3;

/// Makes a request as the script says, and its bytes.
pub(super) fn request(
    script: &mut &[u8],
    cseq: u32,
    session: Option<&str>,
    wrong_logins: &mut u8,
) -> (Asked, Vec<u8>) {
    let method = METHODS[usize::from(take(script)) % METHODS.len()].clone();
    let (uri, place) = PLACES[usize::from(take(script)) % PLACES.len()];
    let form = take(script);
    let version = match form & 7 {
        7 => Version::V2_0,
        6 => Version::Other { major: 3, minor: 0 },
        _ => Version::V1_0,
    };
    let mut asked = Asked {
        method,
        cseq: (form & 0x38 != 0x38).then_some(cseq),
        version,
        place,
        session: None,
        login: None,
        transport: TRANSPORTS.len(),
        plain: version == Version::V1_0,
        may_close: false,
    };
    let mut text = format!("{} {uri} {version}\r\n", asked.method);
    if let Some(cseq) = asked.cseq {
        text += &format!("CSeq: {cseq}\r\n");
    }
    match (form >> 6, session) {
        (0 | 1, Some(id)) => {
            asked.session = Some(id.to_owned());
            text += &format!("Session: {id}\r\n");
        }
        (2, _) => {
            asked.session = Some(FOREIGN.to_owned());
            text += &format!("Session: {FOREIGN}\r\n");
        }
        _ => {}
    }
    let more = take(script);
    match more & 3 {
        0 | 1 => {
            asked.login = Some(true);
            text += &format!("Authorization: {RIGHT}\r\n");
        }
        2 if *wrong_logins < MAX_WRONG => {
            *wrong_logins += 1;
            asked.login = Some(false);
            let which = usize::from(*wrong_logins) % WRONG.len();
            text += &format!("Authorization: {}\r\n", WRONG[which]);
        }
        _ => {}
    }
    if asked.method == Method::Setup || more & 0xc0 == 0xc0 {
        asked.transport = usize::from(take(script)) % TRANSPORTS.len();
        text += &format!("Transport: {}\r\n", TRANSPORTS[asked.transport]);
    }
    if more & 4 != 0 {
        let (line, matters) = EXTRAS[usize::from(take(script)) % EXTRAS.len()];
        asked.plain &= !matters;
        text += &format!("{line}\r\n");
    }
    if more & 0x38 == 0x38 {
        asked.plain = false;
        text += "Content-Type: text/parameters\r\nContent-Length: 6\r\n\r\nx\r\ny\r\n";
    } else {
        text += "\r\n";
    }
    asked.may_close = !asked.plain || asked.cseq.is_none();
    (asked, text.into_bytes())
}

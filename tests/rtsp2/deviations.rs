//! Where the programs of these tests depart from RFC 7826, as [`super::rules`] finds it on the wire:
//! named here one by one, and everything else is an error. The relay gets along with all of it.

use std::collections::BTreeSet;

use super::Version;
use super::recorder::Exchange;
use super::rules::{against_request, against_response};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// GStreamer's rtspsrc, 1.22.
    Rtspsrc,
    /// GStreamer's gst-rtsp-server, 1.22.
    GstServer,
    /// The relay toward a camera.
    Puller,
    /// The relay toward a viewer.
    Server,
}

/// A departure: whose, how what the rules say of it begins, the section of RFC 7826, and whether it
/// shows each time.
type Departure = (Part, &'static str, &'static str, Shows);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Always,
    /// Only over UDP.
    OverUdp,
    /// By chance: a number that is random.
    Sometimes,
}

use Part::{GstServer, Puller, Rtspsrc};
use Shows::{Always, OverUdp, Sometimes};

#[rustfmt::skip]
const KNOWN: &[Departure] = &[
    // It greets RealNetworks' servers in their way, whoever answers.
    (Rtspsrc, "OPTIONS: more than one User-Agent", "18.56", Always),
    (Rtspsrc, "OPTIONS: ClientChallenge is no header", "18", Always),
    (Rtspsrc, "OPTIONS: ClientID is no header", "18", Always),
    (Rtspsrc, "OPTIONS: CompanyID is no header", "18", Always),
    (Rtspsrc, "OPTIONS: GUID is no header", "18", Always),
    (Rtspsrc, "OPTIONS: PlayerStarttime is no header", "18", Always),
    (Rtspsrc, "OPTIONS: RegionData is no header", "18", Always),
    // Eight digits at the most; it takes 32 bits.
    (Rtspsrc, "SETUP: Pipelined-Requests cannot be read", "18.33", Sometimes),
    // client_port instead of dest_addr.
    (Rtspsrc, "SETUP: a transport of RTSP 1.0", "18.54", OverUdp),
    (GstServer, "DESCRIBE 200: no Supported", "18.51", Always),
    (GstServer, "DESCRIBE 401: no Supported", "18.51", Always),
    (GstServer, "SETUP 200: no Accept-Ranges", "18.5", Always),
    (GstServer, "SETUP 200: no Media-Range", "18.30", Always),
    (GstServer, "PLAY 200: no Media-Range", "18.30", Always),
    (GstServer, "PLAY 200: no Seek-Style", "18.47", Always),
    // The form of RTSP 1.0, without SSRC.
    (GstServer, "PLAY 200: RTP-Info cannot be read", "18.45", Always),
    // client_port first: gst-rtsp-server grants a dest_addr, and sends nothing there.
    (Puller, "SETUP: a transport of RTSP 1.0", "18.54", OverUdp),
];

/// Holds all that was said in RTSP 2.0, in both directions, against the RFC.
///
/// # Panics
/// If there is a departure that is not known, or none of one that is known.
pub(crate) fn check(client: Part, server: Part, transport: &str, exchanges: &[Exchange]) {
    let mut met = BTreeSet::new();
    let mut hold = |part: Part, complaints: Vec<String>, what: &dyn std::fmt::Debug| {
        for complaint in complaints {
            let known =
                KNOWN.iter().find(|known| known.0 == part && complaint.starts_with(known.1));
            let Some(&(_, known, _, _)) = known else {
                panic!("{part:?} over {transport}: {complaint}: {what:?}");
            };
            met.insert((part as u8, known));
        }
    };
    for (request, answer) in exchanges.iter().filter(|(r, _)| r.version == Version::V2_0) {
        hold(client, against_request(request), request);
        if let Some(answer) = answer {
            hold(server, against_response(request, answer), answer);
        }
    }
    for &(part, known, section, shows) in KNOWN.iter().filter(|k| [client, server].contains(&k.0)) {
        let must = shows == Always || shows == OverUdp && transport == "udp";
        let met = met.contains(&(part as u8, known));
        assert!(
            met || !must,
            "{part:?} over {transport}, RFC 7826 section {section}: not met: {known}"
        );
    }
}

//! Single cameras, each with a way of its own.

use super::{Device, OK, OPTIONS_OK, VIDEO};
use crate::Oddity;

pub(super) const DEVICES: &[Device] = &[
    Device {
        // A media description nobody can relay among the others, and a strange session line.
        name: "TP-Link",
        url: "rtsp://admin:pw@tp/stream1",
        script: &[
            ("OPTIONS rtsp://tp/stream1", OPTIONS_OK),
            (
                "DESCRIBE rtsp://tp/stream1",
                "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Basic realm=\"TP-LINK IP-Camera\"\nWWW-Authenticate: Digest realm=\"TP-LINK IP-Camera\", nonce=\"1a2b3c4d\"\n",
            ),
            (
                "DESCRIBE rtsp://tp/stream1 Digest",
                "RTSP/1.0 200 OK
CSeq: *
Content-Type: application/sdp
Content-Length: *

v=0
o=- 14665860 31787219 1 IN IP4 10.0.0.9
s=Session streamed by \"TP-LINK RTSP Server\"
t=0 0
a=smart_encoder:virtualIFrame=1
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:2048
a=range:npt=0-
a=control:track1
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1; profile-level-id=640016; sprop-parameter-sets=Z2QAFqzGoCgDDagEAAAH0gAB1MgQ,aO48MA==
m=application/TP-LINK 0 RTP/AVP smart/1/90000
a=rtpmap:95 TP-LINK/90000
a=control:track3
",
            ),
            (
                "SETUP rtsp://tp/stream1/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: RTP/AVP/TCP;unicast;destination=10.0.0.2;source=10.0.0.9;interleaved=0-1\nSession: 5FC32C53;timeout=60\n",
            ),
            ("PLAY rtsp://tp/stream1 [5FC32C53] Digest", OK),
        ],
        channels: &[(0, Some(1))],
        session: Some("5FC32C53"),
        timeout_s: 60,
        oddities: &[],
    },
    Device {
        // ssrc before all else, no `unicast`, `timeout` behind a blank.
        name: "Luckfox rkipc",
        url: "rtsp://lucky/live/0",
        script: &[
            ("OPTIONS rtsp://lucky/live/0", OPTIONS_OK),
            (
                "DESCRIBE rtsp://lucky/live/0",
                "RTSP/1.0 200 OK
CSeq: *
Content-Type: application/sdp
Content-Length: *

v=0
o=- 0 0 IN IP4 0.0.0.0
s=live
t=0 0
a=control:rtsp://lucky/live/0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:rtsp://lucky/live/0/track1
",
            ),
            (
                "SETUP rtsp://lucky/live/0/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: ssrc=22345684;interleaved=0-1;RTP/AVP/TCP\nSession: 12345678; timeout=30\n",
            ),
            ("PLAY rtsp://lucky/live/0 [12345678]", OK),
        ],
        channels: &[(0, Some(1))],
        session: Some("12345678"),
        timeout_s: 30,
        oddities: &[],
    },
    Device {
        // Blanks behind CSeq, Basic only, a static payload type with a wrong rtpmap, the timeout
        // only in the answer to PLAY.
        name: "Foscam",
        url: "rtsp://admin:pw@foscam:88/videoMain",
        script: &[
            ("OPTIONS rtsp://foscam:88/videoMain", "RTSP/1.0 200 OK\nCSeq: *\nPublic:OPTIONS,DESCRIBE,SETUP,TEARDOWN,PLAY\n"),
            (
                "DESCRIBE rtsp://foscam:88/videoMain",
                "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Basic realm=\"Foscam IPCam Living Video\"\n",
            ),
            (
                "DESCRIBE rtsp://foscam:88/videoMain Basic",
                "RTSP/1.0 200 OK
CSeq: *
Content-Base: rtsp://foscam:65534/videoMain/
Content-Type: application/sdp
Content-Length: *

v=0
o=- 1383190487994921 1 IN IP4 10.0.0.11
s=IP Camera Video
i=videoMain
t=0 0
a=tool:LIVE555 Streaming Media v2014.02.10
a=control:*
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
a=rtpmap:96 H264/90000
a=control:track1
m=audio 0 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=control:track2
",
            ),
            (
                "SETUP rtsp://foscam:88/videoMain/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Basic",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\nSession: 02FBF2E7\n",
            ),
            (
                "SETUP rtsp://foscam:88/videoMain/track2 [RTP/AVP/TCP;unicast;interleaved=2-3] [02FBF2E7] Basic",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\nSession: 02FBF2E7\n",
            ),
            (
                "PLAY rtsp://foscam:88/videoMain/ [02FBF2E7] Basic",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 02FBF2E7;timeout=120\n",
            ),
        ],
        channels: &[(0, Some(1)), (2, Some(3))],
        session: Some("02FBF2E7"),
        timeout_s: 120,
        oddities: &[],
    },
    Device {
        // `CSeq: 1 ` with a blank behind, a nonce of eight digits; here no CSeq at all at the end.
        name: "Longse",
        url: "rtsp://admin:pw@longse/main",
        script: &[
            ("OPTIONS rtsp://longse/main", "RTSP/1.0 200 OK\nCSeq: 1 \nPublic: OPTIONS, DESCRIBE\n"),
            (
                "DESCRIBE rtsp://longse/main",
                "RTSP/1.0 401 Unauthorized\nCSeq: 2 \nServer: Rtsp Server\nWWW-Authenticate: Digest realm=\"RTSPD\",nonce=\"25403784\"\n",
            ),
            ("DESCRIBE rtsp://longse/main Digest", VIDEO),
            (
                "SETUP rtsp://longse/main/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                "RTSP/1.0 200\nSession: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n",
            ),
            ("PLAY rtsp://longse/main [1] Digest", "RTSP/1.0 200 OK\nSession: 1\n"),
        ],
        channels: &[(0, Some(1))],
        session: Some("1"),
        timeout_s: 60,
        oddities: &[Oddity::MissingCseq],
    },
    Device {
        // RTP/AVP although interleaved, no OPTIONS.
        name: "Escam Q6",
        url: "rtsp://escam/onvif1",
        script: &[
            ("OPTIONS rtsp://escam/onvif1", "RTSP/1.0 404 Not Found\nCSeq: *\n"),
            ("DESCRIBE rtsp://escam/onvif1", VIDEO),
            (
                "SETUP rtsp://escam/onvif1/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.12;interleaved=0-1\nSession: d4-7e\n",
            ),
            ("PLAY rtsp://escam/onvif1 [d4-7e]", OK),
        ],
        channels: &[(0, Some(1))],
        session: Some("d4-7e"),
        timeout_s: 60,
        oddities: &[Oddity::OddTransport],
    },
    Device {
        // A base without scheme, other channels than asked for.
        name: "Anjvision",
        url: "rtsp://anj/stream0",
        script: &[
            ("OPTIONS rtsp://anj/stream0", OPTIONS_OK),
            (
                "DESCRIBE rtsp://anj/stream0",
                "RTSP/1.0 200 OK
CSeq: *
Content-Base: anj:554/stream0/
Content-Length: *

v=0
o=- 1 1 IN IP4 10.0.0.13
s=-
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:track1
",
            ),
            (
                "SETUP rtsp://anj/stream0/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 4\nTransport: RTP/AVP/TCP;unicast;interleaved=10-11\n",
            ),
            ("PLAY rtsp://anj/stream0/ [4]", OK),
        ],
        channels: &[(10, Some(11))],
        session: Some("4"),
        timeout_s: 60,
        oddities: &[Oddity::MissingContentType, Oddity::OddChannels],
    },
];

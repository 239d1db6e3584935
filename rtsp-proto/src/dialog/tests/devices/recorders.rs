//! The makers most cameras and recorders are of.

use super::{Device, OPTIONS_OK};
use crate::Oddity;

pub(super) const DEVICES: &[Device] = &[
    Device {
        // `Cseq`, a base without slash that names another host, a session per track, a decimal
        // ssrc, trailing blanks in the SDP, no RTP-Info.
        name: "H264DVR",
        url: "rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp",
        script: &[
            (
                "OPTIONS rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp",
                "RTSP/1.0 200 OK\nServer: H264DVR 1.0\nCseq: *\nPublic: OPTIONS, DESCRIBE, SETUP, TEARDOWN, GET_PARAMETER, SET_PARAMETER, PLAY, PAUSE\n",
            ),
            (
                "DESCRIBE rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp",
                "RTSP/1.0 200 OK
Content-Type: application/sdp
Server: H264DVR 1.0
Cseq: *
Content-Base: rtsp://192.168.1.10:554/user=admin&password=x!&channel=1&stream=0.sdp
Cache-Control: private
x-Accept-Retransmit: our-retransmit
x-Accept-Dynamic-Rate: 1
Content-Length: *

v=0
o=- 38990265062388 38990265062388 IN IP4 10.0.0.5
s=RTSP Session
c=IN IP4 10.0.0.5
t=0 0
a=control:*
a=range:npt=0-
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000 
a=range:npt=0-
a=framerate:0S
a=fmtp:96 profile-level-id=4D001F; packetization-mode=0
a=control:trackID=3
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000 
a=control:trackID=4
",
            ),
            (
                "SETUP rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp/trackID=3 [RTP/AVP/TCP;unicast;interleaved=0-1]",
                "RTSP/1.0 200 OK\nServer: H264DVR 1.0\nCseq: *\nSession: 1291784978\nTransport: RTP/AVP/TCP;unicast;mode=PLAY;source=10.0.0.5;interleaved=0-1;ssrc=1449463210\n",
            ),
            (
                "SETUP rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp/trackID=4 [RTP/AVP/TCP;unicast;interleaved=2-3] [1291784978]",
                "RTSP/1.0 200 OK\nCseq: *\nSession: 1291784979\nTransport: RTP/AVP/TCP;unicast;mode=PLAY;source=10.0.0.5;interleaved=2-3;ssrc=0\n",
            ),
            (
                "PLAY rtsp://10.0.0.5/user=admin&password=x!&channel=1&stream=0.sdp [1291784978]",
                "RTSP/1.0 200 OK\nCseq: *\nSession: 1291784978\nRange: npt=now-\n",
            ),
        ],
        channels: &[(0, Some(1)), (2, Some(3))],
        session: Some("1291784978"),
        timeout_s: 60,
        oddities: &[Oddity::OddSession],
    },
    Device {
        // Digest and Basic, absolute control URLs with queries, a padded session, blanks in ssrc.
        name: "Hikvision",
        url: "rtsp://admin:pw@hik/Streaming/Channels/101",
        script: &[
            (
                "OPTIONS rtsp://hik/Streaming/Channels/101",
                "RTSP/1.0 200 OK\nCSeq: *\nPublic: OPTIONS, DESCRIBE, PLAY, PAUSE, SETUP, TEARDOWN, SET_PARAMETER, GET_PARAMETER\nDate:  Wed, Jan 01 2020 00:00:00 GMT\n",
            ),
            (
                "DESCRIBE rtsp://hik/Streaming/Channels/101",
                "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Digest realm=\"IP Camera(AB705)\", nonce=\"0f4c5a0bd4c2cbbd5e6d0bd7d9a3e8e8\", stale=\"FALSE\"\nWWW-Authenticate: Basic realm=\"IP Camera(AB705)\"\n",
            ),
            (
                "DESCRIBE rtsp://hik/Streaming/Channels/101 Digest",
                "RTSP/1.0 200 OK
CSeq: *
Content-Type: application/sdp
Content-Base: rtsp://hik/Streaming/Channels/101/
Content-Length: *

v=0
o=- 1602080914337540 1602080914337540 IN IP4 10.0.0.6
s=Media Presentation
e=NONE
b=AS:5050
t=0 0
a=control:rtsp://hik/Streaming/Channels/101/
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:5000
a=recvonly
a=x-dimensions:1920,1080
a=control:rtsp://hik/Streaming/Channels/101/trackID=1?transportmode=unicast
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKZpmA8ARPyzUBAQFAAADA+gAAMNQBA==,aO48gA==
m=application 0 RTP/AVP 107
a=control:rtsp://hik/Streaming/Channels/101/trackID=3?transportmode=unicast
a=rtpmap:107 vnd.onvif.metadata/90000
",
            ),
            (
                "SETUP rtsp://hik/Streaming/Channels/101/trackID=1?transportmode=unicast [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession:        708345999;timeout=60\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627;mode=\"play\"\nDate:  Wed, Jan 01 2020 00:00:00 GMT\n",
            ),
            (
                "SETUP rtsp://hik/Streaming/Channels/101/trackID=3?transportmode=unicast [RTP/AVP/TCP;unicast;interleaved=2-3] [708345999] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession:        708345999;timeout=60\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=     D93FF;mode=\"play\"\n",
            ),
            (
                "PLAY rtsp://hik/Streaming/Channels/101/ [708345999] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession:        708345999\nRTP-Info: url=rtsp://hik/Streaming/Channels/101/trackID=1?transportmode=unicast;seq=24104;rtptime=1270711678\n",
            ),
        ],
        channels: &[(0, Some(1)), (2, Some(3))],
        session: Some("708345999"),
        timeout_s: 60,
        oddities: &[],
    },
    Device {
        // A Session header on OPTIONS, a base with a query and a slash after it.
        name: "Dahua",
        url: "rtsp://admin:pw@dahua/cam/realmonitor?channel=1&subtype=1",
        script: &[
            (
                "OPTIONS rtsp://dahua/cam/realmonitor?channel=1&subtype=1",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 999999\nServer: Rtsp Server/3.0\nPublic: OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, TEARDOWN, SET_PARAMETER, GET_PARAMETER\n",
            ),
            (
                "DESCRIBE rtsp://dahua/cam/realmonitor?channel=1&subtype=1",
                "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Digest realm=\"Login to 3EPAA7EF4DC8055\", nonce=\"35a44e1d3ac8e7a9a4ec5c5e5e1ca9e7\"\n",
            ),
            (
                "DESCRIBE rtsp://dahua/cam/realmonitor?channel=1&subtype=1 Digest",
                "RTSP/1.0 200 OK
CSeq: *
x-Accept-Dynamic-Rate: 1
Content-Base: rtsp://dahua/cam/realmonitor?channel=1&subtype=1/
Cache-Control: must-revalidate
Content-Length: *
Content-Type: application/sdp

v=0
o=- 2252478537 2252478537 IN IP4 0.0.0.0
s=RTSP Session/2.0
c=IN IP4 0.0.0.0
t=0 0
a=control:*
a=range:npt=now-
a=packetization-supported:DH
m=video 0 RTP/AVP 96
a=control:trackID=0
a=framerate:15.000000
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=64001E;sprop-parameter-sets=Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA,aO4xshsA
a=recvonly
m=audio 0 RTP/AVP 97
a=control:trackID=1
a=rtpmap:97 MPEG4-GENERIC/48000
a=recvonly
",
            ),
            (
                "SETUP rtsp://dahua/cam/realmonitor?channel=1&subtype=1/trackID=0 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 634214675641;timeout=60\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7\nx-dynamic-rate: 1\n",
            ),
            (
                "SETUP rtsp://dahua/cam/realmonitor?channel=1&subtype=1/trackID=1 [RTP/AVP/TCP;unicast;interleaved=2-3] [634214675641] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 634214675641;timeout=60\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=30A98EE8\n",
            ),
            (
                "PLAY rtsp://dahua/cam/realmonitor?channel=1&subtype=1/ [634214675641] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nSession: 634214675641\nRange: npt=0.000000-\nRTP-Info: url=trackID=0;seq=47121;rtptime=3475222385,url=trackID=4;seq=1;rtptime=0\n",
            ),
        ],
        channels: &[(0, Some(1)), (2, Some(3))],
        session: Some("634214675641"),
        timeout_s: 60,
        oddities: &[],
    },
    Device {
        // live555 with a session that has no timeout, RTCP before the answer to PLAY.
        name: "Reolink",
        url: "rtsp://admin:pw@reo/h264Preview_01_main",
        script: &[
            ("OPTIONS rtsp://reo/h264Preview_01_main", OPTIONS_OK),
            (
                "DESCRIBE rtsp://reo/h264Preview_01_main",
                "RTSP/1.0 401 Unauthorized\nCSeq: *\nDate: Thu, Jan 01 2020 00:00:00 GMT\nWWW-Authenticate: Digest realm=\"BC Streaming Media\", nonce=\"e9e4f4a62e3c2d1a5b3c1f0d8e7f6a5b\"\n",
            ),
            (
                "DESCRIBE rtsp://reo/h264Preview_01_main Digest",
                "RTSP/1.0 200 OK
CSeq: *
Content-Base: rtsp://reo/h264Preview_01_main/
Content-Type: application/sdp
Content-Length: *

v=0
o=- 1587347832332311 1 IN IP4 10.0.0.8
s=Session streamed by \"preview\"
t=0 0
a=tool:LIVE555 Streaming Media v2013.04.08
a=type:broadcast
a=control:*
a=range:npt=0-
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:500
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=640033;sprop-parameter-sets=Z2QAM6wVFKCgL/lQ,aO48sA==
a=control:trackID=1
",
            ),
            (
                "SETUP rtsp://reo/h264Preview_01_main/trackID=1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                "RTSP/1.0 200 OK\nCSeq: *\nTransport: RTP/AVP/TCP;unicast;destination=10.0.0.2;source=10.0.0.8;interleaved=0-1\nSession: F8F8E425\n",
            ),
            (
                "PLAY rtsp://reo/h264Preview_01_main/ [F8F8E425] Digest",
                "$\u{1}\0\u{1}x",
            ),
        ],
        channels: &[(0, Some(1))],
        session: Some("F8F8E425"),
        timeout_s: 60,
        oddities: &[Oddity::LateAnswer],
    },
];

//! Descriptions as devices write them; each test is named after the device.

use proptest::prelude::*;

use super::*;
use crate::sdp::Direction;

fn read(text: &str) -> (SessionDescription, Oddities) {
    let mut oddities = Oddities::new();
    let session = SessionDescription::parse(text.as_bytes(), &mut oddities).unwrap();
    crate::fuzz::sdp::sdp(text.as_bytes());
    (session, oddities)
}

/// A description with these lines in front of one usual video.
fn with(head: &str) -> (SessionDescription, Oddities) {
    read(&format!("{head}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"))
}

fn origin(line: &str) -> (String, u64) {
    let (session, oddities) = with(&format!("v=0\r\no={line}\r\ns=x\r\nt=0 0\r\n"));
    (session.origin.unwrap_or_default().to_string(), oddities.count(Oddity::OddSdpLine))
}

fn connection(line: &str) -> (Option<String>, u64) {
    let (session, oddities) =
        with(&format!("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=x\r\nc={line}\r\n"));
    (session.connection, oddities.count(Oddity::OddSdpLine))
}

#[test]
fn a_description_by_the_rules_is_not_odd() {
    let text = "v=0\r\n\
        o=- 1 2 IN IP6 fe80::1\r\n\
        s=Stream\r\n\
        c=IN IP4 239.1.2.3/16\r\n\
        t=0 0\r\n\
        a=control:*\r\n\
        m=video 5000 RTP/AVP 96\r\n\
        b=AS:4096\r\n\
        a=rtpmap:96 H264/90000\r\n\
        a=control:trackID=1\r\n\
        a=recvonly\r\n\
        m=audio 0 RTP/SAVP 0 8\r\n\
        c=IN IP4 0.0.0.0\r\n";
    let (session, oddities) = read(text);
    assert!(oddities.is_empty(), "{oddities:?}");
    assert_eq!(session.encode(), text);
    assert_eq!(session.control(), Some("*"));
    let [video, audio] = &session.media[..] else { panic!() };
    assert_eq!((video.port, video.control()), (5_000, Some("trackID=1")));
    assert_eq!(video.direction(), Direction::RecvOnly);
    assert_eq!(audio.payload_types(), [0, 8]);
    assert_eq!(audio.rtpmap(8).unwrap().encoding, "PCMA");
    assert_eq!(audio.direction(), Direction::SendRecv);
}

#[test]
fn macro_video_has_no_origin() {
    let (session, oddities) = with("v=0\ns=streamed by the macro-video rtsp server\nt=0 0\n");
    assert_eq!(session.origin, None);
    assert_eq!(oddities.count(Oddity::OddSdpLine), 1);
    assert_eq!(oddities.count(Oddity::BareLineEnd), 1);
}

#[test]
fn a_file_that_starts_at_its_media_is_read() {
    let (session, oddities) = with("");
    assert_eq!((session.name.as_str(), session.media.len()), ("", 1));
    assert_eq!(oddities.count(Oddity::OddSdpLine), 3);
    assert!(session.encode().starts_with(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video"
    ));
}

#[test]
fn tp_link_an_application_with_a_slash_is_skipped_alone() {
    let (session, oddities) = read(
        "v=0\no=- 14665860 31787219 1 IN IP4 192.168.2.29\n\
         s=Session streamed by \"TP-LINK RTSP Server\"\nt=0 0\n\
         m=video 0 RTP/AVP 96\nc=IN IP4 0.0.0.0\nb=AS:4096\na=control:track1\n\
         a=rtpmap:96 H265/90000\n\
         m=application/TP-LINK 0 RTP/AVP smart/1/90000\na=rtpmap:95 TP-LINK/90000\n\
         a=control:track3\nc=nothing\n\
         m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=control:track2\n",
    );
    let controls: Vec<_> = session.media.iter().map(MediaDescription::control).collect();
    assert_eq!(controls, [Some("track1"), Some("track2")]);
    assert_eq!(oddities.count(Oddity::SkippedMedia), 1);
    // Four numbers in the origin.
    assert_eq!(oddities.count(Oddity::OddSdpLine), 1);
    let origin = session.origin.unwrap();
    assert_eq!((origin.session_id, origin.session_version), (14_665_860, 31_787_219));
    // Formats that are none, in a kind that is one.
    let (_, oddities) = with("m=application 0 RTP/AVP smart/1/90000\r\n");
    assert_eq!(oddities.count(Oddity::SkippedMedia), 1);
}

#[test]
fn origins_of_the_field_are_mended() {
    let cases = [
        ("- 1 2 IN IP4 1.2.3.4", "- 1 2 IN IP4 1.2.3.4", 0),
        ("RTSP Session 1 2 IN IP4 0.0.0.0", "RTSP_Session 1 2 IN IP4 0.0.0.0", 1),
        ("- 0x1f 2a IN IP4 1.2.3.4", "- 31 42 IN IP4 1.2.3.4", 1),
        ("- 12.75 3.0 IN IP4 1.2.3.4", "- 12 3 IN IP4 1.2.3.4", 1),
        ("- -7 -8 IN IP4 1.2.3.4", "- 7 8 IN IP4 1.2.3.4", 1),
        ("- 1 2 IN IPV4 1.2.3.4", "- 1 2 IN IP4 1.2.3.4", 1),
        ("- 1 2 IP IP4 1.2.3.4", "- 1 2 IN IP4 1.2.3.4", 1),
        ("- 1 2 In IP4 1.2.3.4", "- 1 2 IN IP4 1.2.3.4", 1),
        ("- 1 2 IN IP4", "- 1 2 IN IP4 0.0.0.0", 1),
        ("- 1 2 IN IP4 1.2.3.4/16", "- 1 2 IN IP4 0.0.0.0", 1),
        ("- 1 2 IN IP4 ", "- 1 2 IN IP4 0.0.0.0", 1),
        ("- 1 2 IN", "- 1 2 IN IP4 0.0.0.0", 1),
        ("- 1 2", "- 1 2 IN IP4 0.0.0.0", 1),
        ("2890842807 IN IP4 192.168.0.1", "- 2890842807 2890842807 IN IP4 192.168.0.1", 1),
        ("77 1 2 IN IP4 1.2.3.4", "77 1 2 IN IP4 1.2.3.4", 0),
        ("- 99999999999999999999999 1 IN IP4 h", "- 18446744073709551615 1 IN IP4 h", 1),
        ("-", "- 0 0 IN IP4 0.0.0.0", 1),
        ("", "- 0 0 IN IP4 0.0.0.0", 1),
        ("CV-RTSPHandler 1 2 IN IP4 1.2.3.4", "CV-RTSPHandler 1 2 IN IP4 1.2.3.4", 0),
    ];
    for (line, want, odd) in cases {
        assert_eq!(origin(line), (want.to_owned(), odd), "{line}");
    }
}

#[test]
fn hik_fritzbox_and_avigilon_connections_are_mended() {
    let any = Some("IN IP4 0.0.0.0".to_owned());
    assert_eq!(connection("IN IP4 0.0.0.0"), (any.clone(), 0));
    assert_eq!(connection("IN c=IN IP4 0.0.0.0"), (any.clone(), 1), "Hik");
    assert_eq!(connection("In IP4 0.0.0.0"), (any.clone(), 1), "Fritzbox");
    assert_eq!(connection("IN "), (None, 1));
    assert_eq!(connection("::/"), (None, 1));
    assert_eq!(connection("IN 198.51.100.1"), (Some("IN IP4 198.51.100.1".into()), 1));
    assert_eq!(connection("SM SM spk0_trackID2"), (None, 1), "Avigilon");
    assert_eq!(connection("IN IP6 ::1"), (Some("IN IP6 ::1".into()), 0));
    // Avigilon's is a second line: the first one stays.
    assert_eq!(connection("IN IP4 0.0.0.0\r\nc=SM SM spk0_trackID2"), (any, 1));
}

#[test]
fn flir_an_endless_time_is_no_time() {
    let (_, oddities) = with("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=x\r\nt=now-\r\n");
    assert_eq!(oddities.count(Oddity::OddSdpLine), 1);
}

#[test]
fn several_names_and_blank_lines_do_not_matter() {
    let (session, oddities) =
        with("\r\nv=0\r\n\r\no=- 1 1 IN IP4 1.2.3.4\r\n  s=first\r\ns=second\r\n\r\nt=0 0\r\n");
    assert_eq!(session.name, "first");
    assert_eq!(oddities.count(Oddity::OddSdpLine), 1);
}

#[test]
fn every_line_end_is_one() {
    let lines = ["v=0", "o=- 1 1 IN IP4 1.2.3.4", "s=x", "m=video 0 RTP/AVP 26", "a=control:1"];
    let want = read(&lines.join("\r\n")).0;
    assert_eq!(want.media[0].control(), Some("1"), "without a last line end");
    for end in ["\r", "\n"] {
        let (session, oddities) = read(&lines.join(end));
        assert_eq!(session, want);
        assert_eq!(oddities.count(Oddity::BareLineEnd), 1);
    }
    let garbage = [lines.join("\r\n").as_bytes(), b"\r\n\0\0\0\0\xff\xfe"].concat();
    let mut oddities = Oddities::new();
    assert_eq!(SessionDescription::parse(&garbage, &mut oddities), Ok(want));
    assert_eq!(oddities.count(Oddity::NotUtf8), 1);
}

#[test]
fn names_in_latin_1_are_read() {
    let text = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=Caf\xe9\r\nm=video 0 RTP/AVP 26\r\n";
    let session = SessionDescription::parse(text, &mut Oddities::new()).unwrap();
    assert_eq!(session.name, "Café");
}

#[test]
fn vstarcam_white_space_after_the_payload_type_is_none() {
    let (session, oddities) = read(
        "v=0\r\no=VSTC 1 1 IN IP4 192.168.1.198\r\ns=x\r\nt=0 0\r\n\
         m=audio 0 RTP/AVP 8\t \r\na=control:track1\r\na=rtpmap:8 PCMA/8000/1\r\n",
    );
    assert_eq!(session.media[0].formats, ["8"]);
    assert_eq!(session.media[0].rtpmap(8).unwrap().channels, Some(1));
    assert!(oddities.is_empty());
}

#[test]
fn h264dvr_a_blank_after_the_clock_rate_is_none() {
    let (session, _) = with("a=framerate:0S\r\n");
    assert_eq!(session.attribute("framerate"), Some("0S"));
    let (session, _) = read("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000 \r\n");
    let map = session.media[0].rtpmap(96).unwrap();
    assert_eq!((map.encoding.as_str(), map.clock_rate), ("H264", 90_000));
}

#[test]
fn ubiquiti_an_empty_fmtp_and_a_payload_type_twice_are_kept_apart() {
    let (session, _) = read(
        "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/48000/1\r\na=control:trackID=0\r\n\
         a=fmtp:96 streamtype=5; mode=AAC-hbr; config=1188; SizeLength=13;\r\n\
         m=audio 0 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=control:trackID=1\r\na=fmtp:96\r\n",
    );
    let [aac, opus] = &session.media[..] else { panic!() };
    assert_eq!(aac.rtpmap(96).unwrap().encoding, "mpeg4-generic");
    assert_eq!(aac.fmtp_param(96, "sizelength"), Some("13"));
    assert_eq!(opus.rtpmap(96).unwrap().channels, Some(2));
    assert_eq!(opus.fmtp(96), None);
    assert_eq!(opus.fmtp_param(96, "config"), None);
}

#[test]
fn gw_security_and_anpviz_wrong_maps_of_static_types_are_passed_on() {
    let (session, oddities) = read(
        "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMU/8000/1\r\n\
         m=audio 0 RTP/AVP 0\r\na=rtpmap:0 MPEG4-GENERIC/16000/2\r\n",
    );
    assert_eq!(session.media[0].rtpmap(8).unwrap().encoding, "PCMU");
    assert_eq!(session.media[1].rtpmap(0).unwrap().clock_rate, 16_000);
    assert_eq!(oddities.count(Oddity::OddRtpMap), 0);
}

#[test]
fn meta_a_clock_rate_of_zero_is_not_used() {
    let (session, oddities) = read("m=meta 0 RTP/AVP 123\r\na=rtpmap:123 META /0\r\n");
    assert_eq!(session.media[0].kind, MediaKind::Other("meta".into()));
    let map = session.media[0].rtpmap(123).unwrap();
    assert_eq!((map.encoding.as_str(), map.clock_rate), ("META", 90_000));
    assert_eq!(oddities.count(Oddity::OddRtpMap), 1);
}

#[test]
fn a_forgotten_map_is_guessed_from_the_parameter_sets() {
    let encoding = |fmtp: &str| {
        let (session, oddities) = read(&format!("m=video 0 RTP/AVP 96\r\na=fmtp:96 {fmtp}\r\n"));
        assert_eq!(oddities.count(Oddity::OddRtpMap), 1);
        session.media[0].rtpmap(96).map(|map| map.encoding)
    };
    assert_eq!(encoding("sprop-parameter-sets=Z00A,aO4=").as_deref(), Some("H264"));
    assert_eq!(encoding("sprop-vps=QAEM").as_deref(), Some("H265"));
    assert_eq!(encoding("mode=1"), None);
}

#[test]
fn dahua_metadata_is_a_third_media() {
    let (session, oddities) = with(
        "v=0\r\no=- 2252542845 2252542845 IN IP4 0.0.0.0\r\ns=Media Server\r\nc=IN IP4 0.0.0.0\r\n\
         t=0 0\r\na=control:*\r\na=range:npt=now-\r\n\
         m=application 0 RTP/AVP 107\r\na=control:trackID=4\r\n\
         a=rtpmap:107 vnd.onvif.metadata/90000\r\na=recvonly\r\n",
    );
    assert!(oddities.is_empty());
    assert_eq!(session.media[0].kind, MediaKind::Application);
    assert_eq!(session.media[0].rtpmap(107).unwrap().encoding, "vnd.onvif.metadata");
}

#[test]
fn hikvision_absolute_controls_keep_their_queries() {
    let url = "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1";
    let (session, _) = read(&format!("b=AS:5050\r\nm=video 0 RTP/AVP 26\r\na=control: {url}\r\n"));
    assert_eq!(session.media[0].control(), Some(url));
}

#[test]
fn odd_media_lines_are_mended_where_possible() {
    let media = |line: &str| {
        let (session, oddities) = with(&format!("m={line}\r\n"));
        let usual = session.media.len() == 2;
        let first = &session.media[0];
        let text = format!("{} {} {} {:?}", first.kind, first.port, first.protocol, first.formats);
        (usual.then_some(text), oddities.count(Oddity::OddSdpLine) - 3)
    };
    let read = |text: &str| Some(text.to_owned());
    assert_eq!(media("VIDEO 0/2 rtp/avp 97"), (read("video 0 RTP/AVP [\"97\"]"), 0));
    assert_eq!(media("video 99999 RTP/AVP 97"), (read("video 0 RTP/AVP [\"97\"]"), 1));
    assert_eq!(media("video 0 97"), (read("video 0 RTP/AVP [\"97\"]"), 1));
    assert_eq!(media("video 0 RTP/AVP 200 97 x"), (read("video 0 RTP/AVP [\"97\"]"), 1));
    assert_eq!(media("application 9 UDP/DTLS x-y"), (read("application 9 UDP/DTLS [\"x-y\"]"), 0));
    for line in ["", "video", "video 0", "video 0 RTP/AVP", "vi/deo 0 RTP/AVP 96"] {
        assert_eq!(media(line), (None, 0), "{line}");
    }
}

#[test]
fn bandwidths_of_every_type_are_kept_and_odd_ones_left_out() {
    let (session, oddities) =
        read("m=video 0 RTP/AVP 26\r\nb=AS:5000\r\nb=TIAS:1\r\nb=RR:0\r\nb=AS:\r\nb=X\r\n");
    assert_eq!(session.media[0].bandwidth, ["AS:5000", "TIAS:1", "RR:0"]);
    assert_eq!(oddities.count(Oddity::OddSdpLine), 3 + 2);
}

#[test]
fn too_much_is_refused_and_the_limit_named() {
    let error = |text: &str| {
        SessionDescription::parse(text.as_bytes(), &mut Oddities::new()).unwrap_err().to_string()
    };
    let media = "m=video 0 RTP/AVP 26\n";
    assert_eq!(error(&media.repeat(33)), "the description has more than 32 media");
    assert_eq!(error(&"a=x\n".repeat(2_049)), "the description has more than 2048 lines");
    assert_eq!(error(""), "the description names no media");
    assert_eq!(error("<html>not found</html>"), "the description names no media");
    assert_eq!(error("v=0\nm=application/x 0 RTP/AVP y\n"), "the description names no media");
    let long = format!("{media}a=x:{}\na=control:1\n", "y".repeat(MAX_LINE_LEN));
    let (session, oddities) = read(&long);
    assert_eq!(session.media[0].attributes, [Attribute::new("control", "1")]);
    assert_eq!(oddities.count(Oddity::OddSdpLine), 4);
}

#[test]
fn a_value_never_becomes_a_line() {
    let (mut session, _) = with("");
    session.name = "x\r\na=control:rtsp://elsewhere/\r\n".into();
    session.attributes = vec![Attribute::flag("tool\n\0")];
    let text = session.encode();
    assert!(text.contains("s=xa=control:rtsp://elsewhere/\r\n"));
    assert!(text.contains("\r\na=tool\r\n"));
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::sdp::sdp(&bytes);
    }

    #[test]
    fn what_is_read_reads_again_when_written(
        lines in proptest::collection::vec(
            (
                prop::sample::select(vec!["v=", "o=", "s=", "c=", "t=", "a=", "b=", "m=", "a=rtpmap:",
                    "a=fmtp:96 ", "m=video 0 RTP/AVP 96", "m=audio ", "i=", "", " a =", "A="]),
                prop_oneof![
                    "[ -~]{0,30}",
                    "\\PC{0,10}",
                    "[0-9a-f.:/ -]{0,20}",
                    "((IN|IP|IP4|IPV6|-|[0-9]{1,4}|[a-z]{1,3}|1\\.2\\.3\\.4|::1)[ \t]?){0,7}",
                ],
                prop::sample::select(vec!["\r\n", "\n", "\r", "\n\n"]),
            ),
            0..12
        )
    ) {
        let mut text: String = lines.into_iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect();
        crate::fuzz::sdp::sdp(text.as_bytes());
        text.push_str("m=video 0 RTP/AVP 96\r\n");
        crate::fuzz::sdp::sdp(text.as_bytes());
    }
}

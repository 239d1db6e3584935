//! PLAY, PAUSE, tracks and channels.

use rtsp_proto::codec::Codec;
use rtsp_proto::headers::RtpInfo;
use rtsp_proto::rtp::RtpPacket;

use super::*;
use support::OwnedFrame;

fn sequence(frame: &OwnedFrame) -> u16 {
    RtpPacket::parse(&frame.payload).unwrap().sequence()
}

fn timestamp(frame: &OwnedFrame) -> u32 {
    RtpPacket::parse(&frame.payload).unwrap().timestamp()
}

/// The first `count` frames of each channel that is among `channels`; others are an error.
fn frames_of(client: &mut RtspClient, channels: &[u8], count: usize) -> Vec<Vec<OwnedFrame>> {
    let mut all = vec![Vec::new(); channels.len()];
    let deadline = Instant::now() + SOON;
    while all.iter().any(|frames| frames.len() < count) {
        assert!(Instant::now() < deadline, "not {count} frames on each of {channels:?}");
        let frame = client.read_frame(SOON).unwrap().expect("it plays");
        let place = channels.iter().position(|&channel| channel == frame.channel);
        let place = place.unwrap_or_else(|| panic!("a frame on channel {}", frame.channel));
        all[place].push(frame);
    }
    all
}

/// Each track's first packet is the one that RTP-Info names.
fn begins_as_told(info: &RtpInfo, firsts: &[&OwnedFrame]) {
    assert_eq!(info.0.len(), firsts.len());
    for (entry, first) in info.0.iter().zip(firsts) {
        let told = (entry.seq, entry.rtptime);
        assert_eq!(told, (Some(sequence(first)), Some(timestamp(first))), "{}", entry.url);
    }
}

/// Whether a decoder can begin with the first picture of these packets.
fn begins_with_a_key_frame(frames: &[OwnedFrame]) -> bool {
    let first = timestamp(&frames[0]);
    frames.iter().take_while(|frame| timestamp(frame) == first).any(|frame| {
        Codec::H264.scan(RtpPacket::parse(&frame.payload).unwrap().payload()).random_access
    })
}

#[test]
fn rtp_info_names_the_first_packet_whenever_a_viewer_comes() {
    let house = House::open();
    // The first one waits for the camera; the others find its last group of pictures.
    for round in 0..8 {
        let mut client = house.knock();
        client.describe().unwrap();
        client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
        let play = client.play().unwrap();
        let info = RtpInfo::from_headers(&play.headers).unwrap().expect("an RTP-Info");
        assert_eq!(info.0[0].url, format!("{}/trackID=0", house.relay.url("door")));
        let frames = loop {
            let frame = client.read_frame(SOON).unwrap().expect("it plays");
            if frame.channel == 0 {
                break vec![frame];
            }
        };
        begins_as_told(&info, &[&frames[0]]);
        std::thread::sleep(Duration::from_millis(130 * round));
    }
}

#[test]
fn after_a_pause_a_viewer_goes_on_with_a_key_frame_and_no_gap() {
    let house = House::open();
    let mut client = house.knock();
    client.describe().unwrap();
    client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    let video = |client: &mut RtspClient, count: usize| {
        let mut frames = Vec::new();
        while frames.len() < count {
            let frame = client.read_frame(SOON).unwrap().expect("it plays");
            if frame.channel == 0 {
                frames.push(frame);
            }
        }
        frames
    };
    let mut last = sequence(video(&mut client, 30).last().unwrap());
    for round in 0..3 {
        client.pause().unwrap();
        // What was sent before the answer is still on its way; then there is silence.
        while let Ok(frame) = client.read_frame(Duration::from_millis(300)) {
            let frame = frame.expect("it stays connected");
            if frame.channel == 0 {
                assert_eq!(sequence(&frame), last.wrapping_add(1));
                last = sequence(&frame);
            }
        }
        let play = client.play().unwrap();
        let info = RtpInfo::from_headers(&play.headers).unwrap().expect("an RTP-Info");
        let frames = video(&mut client, 40);
        begins_as_told(&info, &[&frames[0]]);
        assert!(begins_with_a_key_frame(&frames), "round {round}");
        for frame in &frames {
            assert_eq!(sequence(frame), last.wrapping_add(1), "round {round}");
            last = sequence(frame);
        }
    }
    assert_eq!(house.camera.stats().plays, 1, "the camera notices nothing");
}

#[test]
fn a_viewer_that_plays_again_while_it_plays_loses_nothing() {
    let house = House::open();
    let mut client = RtspClient::watch(&house.relay.url("door")).unwrap();
    let mut continuity = support::Continuity::default();
    for round in 0..200 {
        if round % 40 == 0 {
            client.play().unwrap();
        }
        let frame = client.read_frame(SOON).unwrap().expect("it plays");
        if frame.channel == 0 {
            continuity.push(&frame.payload).unwrap();
        }
    }
    assert_eq!(continuity.gaps, 0);
}

#[test]
fn all_tracks_play_on_the_channels_their_viewer_asked_for() {
    let house = House::open();
    // Channels asked for, and those that are given.
    for (asked, given) in [
        (["interleaved=0-1", "interleaved=2-3"], [(0, 1), (2, 3)]),
        (["interleaved=2-3", "interleaved=0-1"], [(2, 3), (0, 1)]),
        (["interleaved=10-11", "interleaved=200-17"], [(10, 11), (200, 17)]),
        (["interleaved=7", "interleaved=5-4"], [(7, 8), (5, 4)]),
        (["interleaved=0-1", "interleaved=0-1"], [(0, 1), (2, 3)]),
        (["unicast", "unicast"], [(0, 1), (2, 3)]),
        (["mode=\"PLAY\"", "ssrc=0000ABCD;interleaved=8-9"], [(0, 1), (8, 9)]),
    ] {
        let mut client = house.knock();
        for (track, asked) in asked.iter().enumerate() {
            let lines = format!(
                "SETUP {{hall}}/trackID={track} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;{asked}"
            );
            let answer = house.ask(&mut client, &lines);
            let (rtp, rtcp) = given[track];
            let transport = format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}");
            assert_eq!(answer.headers.get("Transport"), Some(transport.as_str()), "{asked}");
        }
        let play = house.ask(&mut client, "PLAY {hall}/ RTSP/1.0\nCSeq: 2");
        let info = RtpInfo::from_headers(&play.headers).unwrap().expect("an RTP-Info");
        let channels = [given[0].0, given[1].0, given[0].1, given[1].1];
        let frames = frames_of(&mut client, &channels, 1);
        let firsts: Vec<_> = (0..info.0.len()).map(|track| &frames[track][0]).collect();
        begins_as_told(&info, &firsts);
        for control in &frames[2..] {
            assert_eq!(control[0].payload[1], 200, "a sender report on the RTCP channel");
        }
    }
}

#[test]
fn who_sets_up_one_track_of_two_gets_only_that() {
    let house = House::open();
    for track in 0..2 {
        let mut client = house.knock();
        client
            .send_raw(
                house
                    .wire(&format!(
                        "SETUP {{hall}}/trackID={track} RTSP/1.0\nCSeq: 1\n\
                     Transport: RTP/AVP/TCP;unicast;interleaved=20-21\n\n\
                     PLAY {{hall}} RTSP/1.0\nCSeq: 2\n\n"
                    ))
                    .as_bytes(),
            )
            .unwrap();
        assert_eq!(code(&response(&mut client)), 200);
        let play = response(&mut client);
        let info = RtpInfo::from_headers(&play.headers).unwrap().unwrap_or_default();
        assert!(info.0.iter().all(|e| e.url.ends_with(&format!("trackID={track}"))), "{info:?}");
        frames_of(&mut client, &[20, 21], 1);
        for _ in 0..100 {
            let frame = client.read_frame(SOON).unwrap().expect("it plays");
            assert!([20, 21].contains(&frame.channel));
        }
    }
}

#[test]
fn every_player_may_name_stream_and_track_in_its_own_way() {
    let house = House::open();
    for (player, setup, play) in [
        ("FFmpeg, live555", "{hall}/trackID=0", "{hall}/"),
        ("GStreamer", "{hall}/trackID=0", "{hall}"),
        ("FFmpeg with a query", "{hall}?a=b/trackID=0", "{hall}?a=b"),
        ("FFmpeg with a query and a slash", "{hall}/?a=b/trackID=0", "{hall}/?a=b"),
        ("GStreamer with a query", "{hall}/trackID=0?a=b", "{hall}/?a=b"),
        ("a slash at the end", "{hall}/trackID=0/", "{hall}/"),
        ("a login in the URI", "rtsp://me:secret@{host}/hall/trackID=0", "rtsp://me@{host}/hall"),
        ("another name of ours", "rtsp://relay.lan/hall/trackID=0", "RTSP://relay.lan:554/hall"),
        ("escapes", "rtsp://{host}/h%61ll/trackID=0", "rtsp://{host}/%68all"),
        ("the track at PLAY", "{hall}/trackID=0", "{hall}/trackID=0"),
        ("the session alone", "{hall}/trackID=0", "*"),
    ] {
        let mut client = house.knock();
        let lines = format!(
            "SETUP {setup} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"
        );
        let answer = house.ask(&mut client, &lines);
        assert_eq!(code(&answer), 200, "{player}");
        let id = session_id(&answer);
        let answer =
            house.ask(&mut client, &format!("PLAY {play} RTSP/1.0\nCSeq: 2\nSession: {id}"));
        assert_eq!(code(&answer), 200, "{player}");
        let info = answer.headers.get("RTP-Info").expect("an RTP-Info");
        assert!(info.starts_with("url=rtsp://"), "{player}: {info}");
        assert!(info.contains("/hall/trackID=0;"), "{player}: {info}");
        assert!(!info.contains("secret"), "{player}: {info}");
        assert!(client.read_frame(SOON).unwrap().is_some(), "{player}");
        let answer =
            house.ask(&mut client, &format!("TEARDOWN {play} RTSP/1.0\nCSeq: 3\nSession: {id}"));
        assert_eq!(code(&answer), 200, "{player}");
    }
    // With one track only, the stream itself will do.
    let lines = "SETUP {door}/ RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1";
    assert_eq!(code(&house.ask(&mut house.knock(), lines)), 200);
}

#[test]
fn signs_of_life_are_answered_between_the_frames() {
    let house = House::open();
    let mut client = RtspClient::watch(&house.relay.url("door")).unwrap();
    let mut continuity = support::Continuity::default();
    for round in 0..30 {
        client.send_frame(1, &[0x80, 0xc9, 0, 1, 0, 0, 0, 1]).unwrap();
        match round % 3 {
            0 => assert_eq!(code(&client.keep_alive().unwrap()), 200),
            1 => assert_eq!(code(&client.options().unwrap()), 200),
            _ => {
                let uri = client.aggregate();
                let method = rtsp_proto::Method::SetParameter;
                assert_eq!(code(&client.request(method, &uri, &[]).unwrap()), 200);
            }
        }
        for _ in 0..5 {
            let frame = client.read_frame(SOON).unwrap().expect("it plays");
            if frame.channel == 0 {
                continuity.push(&frame.payload).unwrap();
            }
        }
    }
    assert_eq!(continuity.gaps, 0);
}

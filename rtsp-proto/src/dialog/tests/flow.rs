//! Everything a camera may do on the way, and still give its picture.

use super::*;
use crate::Oddity;

const SETUP_2: &str = "SETUP rtsp://cam/s/track2 [RTP/AVP/TCP;unicast;interleaved=2-3] [77]";
const UDP: &str = "SETUP rtsp://cam/s/track1 [RTP/AVP;unicast;client_port=6000-6001]";
const FRAME: &[u8] = b"$\0\0\x01x";

#[test]
fn headers_are_those_cameras_insist_on() {
    let mut run = Run::new(url(PLAIN)).script(&[("OPTIONS rtsp://cam/s", OPTIONS_OK)]);
    let describe = run.next_request();
    assert_eq!(describe.headers.get("Accept"), Some("application/sdp"));
    assert!(describe.headers.iter().any(|(name, _)| name == "CSeq"), "spelt like this");
    run.answer(VIDEO, describe.cseq().unwrap());
    let setup = run.next_request();
    run.answer(SETUP_OK, setup.cseq().unwrap());
    assert_eq!(run.next_request().headers.get("Range"), Some("npt=0.000-"));
}

#[test]
fn options_may_fail_in_any_way() {
    for code in [400, 404, 405, 454, 500, 501, 551] {
        let answer = format!("RTSP/1.0 {code} No\nCSeq: *\n");
        let run = plays(
            PLAIN,
            &[
                ("OPTIONS rtsp://cam/s", &answer),
                ("DESCRIBE rtsp://cam/s", VIDEO),
                (SETUP, SETUP_OK),
                ("PLAY rtsp://cam/s [77]", OK),
            ],
        );
        let keepalive = run.dialog.keepalive_method();
        let expected = if code == 500 { Method::Options } else { Method::GetParameter };
        assert_eq!(keepalive, Some(expected), "{code}");
    }
}

#[test]
fn a_nonce_that_changes_in_mid_session_is_followed() {
    let mut run = plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", DIGEST),
            ("DESCRIBE rtsp://cam/s Digest", VIDEO),
            ("SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest", DIGEST_2),
            ("SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest", SETUP_OK),
            ("PLAY rtsp://cam/s [77] Digest", OK),
        ],
    );
    run.wait();
    run = run.script(&[
        ("OPTIONS rtsp://cam/s [77] Digest", DIGEST),
        ("OPTIONS rtsp://cam/s [77] Digest", OK),
    ]);
    assert_eq!(run.error, None);
    assert_eq!(run.dialog.auth_scheme(), Some("Digest MD5"));
}

#[test]
fn a_camera_that_hashes_the_base_url_gets_it() {
    let base = VIDEO.replace("Content-Type", "Content-Base: rtsp://cam/s/\nContent-Type");
    let setup = "SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest";
    let mut run = Run::new(url(LOGIN)).script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", DIGEST),
        ("DESCRIBE rtsp://cam/s Digest", &base),
        (setup, DIGEST),
    ]);
    let second = run.next_request();
    assert!(second.headers.get("Authorization").unwrap().contains("uri=\"rtsp://cam/s/\""));
    run.answer(SETUP_OK, second.cseq().unwrap());
    assert_eq!(run.error, None);
}

#[test]
fn a_redirect_on_the_same_host_takes_the_login_along() {
    let moved = "RTSP/1.0 301 Moved\nCSeq: *\nLocation: rtsp://cam:8554/s\n";
    let run = plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", moved),
            ("OPTIONS rtsp://cam:8554/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam:8554/s", DIGEST),
            ("DESCRIBE rtsp://cam:8554/s Digest", VIDEO),
            (
                "SETUP rtsp://cam:8554/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                SETUP_OK,
            ),
            ("PLAY rtsp://cam:8554/s [77] Digest", OK),
        ],
    );
    assert_eq!(run.events, ["redirect rtsp://cam:8554/s", "described 1", "playing"]);
}

#[test]
fn a_camera_that_closes_after_401_or_describe_is_dialled_again() {
    let closing = format!("{DIGEST}Connection: close\n");
    let silent = format!("{DIGEST}<close>");
    for challenge in [closing.as_str(), &silent] {
        let run = plays(
            LOGIN,
            &[
                ("OPTIONS rtsp://cam/s", OPTIONS_OK),
                ("DESCRIBE rtsp://cam/s", challenge),
                ("DESCRIBE rtsp://cam/s Digest", VIDEO),
                (
                    "SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest",
                    SETUP_OK,
                ),
                ("PLAY rtsp://cam/s [77] Digest", OK),
            ]
            .map(|(ask, answer)| (ask, answer)),
        );
        assert_eq!(run.events, ["reconnect", "described 1", "playing"]);
    }
}

#[test]
fn a_camera_that_closes_after_describe_is_set_up_over_the_next_connection() {
    let closing = VIDEO.replace("Content-Type", "Connection: Close\nContent-Type");
    let run = plays(
        PLAIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", &closing),
            (SETUP, SETUP_OK),
            ("PLAY rtsp://cam/s [77]", OK),
        ],
    );
    assert!(run.events.contains(&"reconnect".to_owned()));
}

#[test]
fn play_is_tried_with_the_other_trailing_slash() {
    for status in ["404 Not Found", "455 Method Not Valid In This State"] {
        let refused = format!("RTSP/1.0 {status}\nCSeq: *\n");
        let mut run = plays(
            PLAIN,
            &[
                ("OPTIONS rtsp://cam/s", OPTIONS_OK),
                ("DESCRIBE rtsp://cam/s", VIDEO),
                (SETUP, SETUP_OK),
                ("PLAY rtsp://cam/s [77]", &refused),
                ("PLAY rtsp://cam/s/ [77]", OK),
            ],
        );
        run.wait();
        run.script(&[("OPTIONS rtsp://cam/s/ [77]", OK)]);
    }
}

#[test]
fn a_refused_audio_track_does_not_cost_the_picture() {
    for status in ["400 Bad Request", "451 Invalid Parameter", "461 Unsupported Transport"] {
        let refused = format!("RTSP/1.0 {status}\nCSeq: *\n");
        let run = plays(
            PLAIN,
            &[
                ("OPTIONS rtsp://cam/s", OPTIONS_OK),
                ("DESCRIBE rtsp://cam/s", AUDIO_TOO),
                (SETUP, SETUP_OK),
                (SETUP_2, &refused),
                ("PLAY rtsp://cam/s [77]", OK),
            ],
        );
        assert_eq!(run.dialog.skipped(), [1]);
        assert_eq!(run.dialog.tracks().len(), 1);
    }
}

#[test]
fn the_same_channels_for_two_tracks_are_told() {
    let run = plays(
        PLAIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", AUDIO_TOO),
            (SETUP, SETUP_OK),
            (SETUP_2, SETUP_OK),
            ("PLAY rtsp://cam/s [77]", OK),
        ],
    );
    assert!(run.dialog.channels_ambiguous());
    assert!(run.dialog.oddities().count(Oddity::OddChannels) > 0);
}

#[test]
fn after_461_the_presentation_is_asked_for_again_and_tcp_tried() {
    let refused = "RTSP/1.0 461 Unsupported Transport\nCSeq: *\n";
    let no = "RTSP/1.0 455 Method Not Valid In This State\nCSeq: *\n";
    for second in [VIDEO, no] {
        let mut run = Run::new(url(PLAIN)).over_udp().script(&[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", VIDEO),
            (UDP, refused),
        ]);
        assert_eq!(run.events, ["described 1", "transport refused 0"]);
        run.udp = false;
        let track = run.track(0, 0);
        run.note(|dialog, now| {
            dialog.setup(vec![track], now);
            Ok(())
        });
        let run = run.script(&[
            ("DESCRIBE rtsp://cam/s", second),
            (SETUP, SETUP_OK),
            ("PLAY rtsp://cam/s [77]", OK),
        ]);
        assert_eq!(run.events.last().map(String::as_str), Some("playing"));
    }
}

#[test]
fn the_transport_can_change_while_nothing_comes() {
    let mut run = Run::new(url(PLAIN)).over_udp().script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (
            UDP,
            "RTSP/1.0 200 OK\nCSeq: *\nSession: 5\n\
             Transport: RTP/AVP;unicast;client_port=6000-6001;server_port=0-0\n",
        ),
        ("PLAY rtsp://cam/s [5]", OK),
    ]);
    assert_eq!(run.dialog.tracks()[0].transport.server_port, None);
    run.udp = false;
    let track = run.track(0, 0);
    run.note(|dialog, now| {
        dialog.setup(vec![track], now);
        Ok(())
    });
    let run = run.script(&[
        ("TEARDOWN rtsp://cam/s [5]", OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (SETUP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", OK),
    ]);
    assert_eq!(run.events, ["described 1", "playing", "playing"]);
}

#[test]
fn tcp_where_udp_was_asked_is_taken() {
    let run = Run::new(url(PLAIN)).over_udp().script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (UDP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", OK),
    ]);
    assert_eq!(run.dialog.track_of_channel(1), Some((0, true)));
}

#[test]
fn media_stands_for_the_answer_to_play() {
    let mut run = Run::new(url(PLAIN)).script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (SETUP, SETUP_OK),
    ]);
    let play = run.next_request().cseq().unwrap();
    run.feed(FRAME);
    assert!(run.dialog.is_playing());
    assert_eq!(run.dialog.oddities().count(Oddity::LateAnswer), 1);
    run.answer("RTSP/1.0 200 OK\nCSeq: *\nSession: 77;timeout=20\n", play);
    assert_eq!(run.dialog.session_timeout(), Duration::from_secs(20));
    assert_eq!(run.events, ["described 1", "playing"]);
}

#[test]
fn an_answer_to_play_that_never_comes_does_not_end_the_stream() {
    let mut run = Run::new(url(PLAIN)).script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (SETUP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", ""),
    ]);
    run.feed(FRAME);
    for _ in 0..5 {
        run.wait();
        run = run.script(&[("OPTIONS rtsp://cam/s [77]", "")]);
    }
    assert_eq!(run.error, None);
}

#[test]
fn answers_with_a_wrong_number_are_matched_by_order() {
    let number = |answer: &str| answer.replace("CSeq: *", "CSeq: 0");
    let run = plays(
        PLAIN,
        &[
            ("OPTIONS rtsp://cam/s", &number(OPTIONS_OK)),
            ("DESCRIBE rtsp://cam/s", &number(VIDEO)),
            (SETUP, &number(SETUP_OK)),
            ("PLAY rtsp://cam/s [77]", &number(OK)),
        ],
    );
    assert_eq!(run.dialog.oddities().count(Oddity::WrongCseq), 4);
}

#[test]
fn every_kind_of_redirect_is_followed() {
    for status in [301, 302, 303, 305, 307] {
        let moved = format!("RTSP/1.0 {status} Elsewhere\nCSeq: *\nLocation: rtsp://other/s\n");
        let run = plays(
            PLAIN,
            &[
                ("OPTIONS rtsp://cam/s", OPTIONS_OK),
                ("DESCRIBE rtsp://cam/s", &moved),
                ("OPTIONS rtsp://other/s", OPTIONS_OK),
                ("DESCRIBE rtsp://other/s", VIDEO),
                ("SETUP rtsp://other/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]", SETUP_OK),
                ("PLAY rtsp://other/s [77]", OK),
            ],
        );
        assert_eq!(run.events[0], "redirect rtsp://other/s", "{status}");
    }
}

#[test]
fn a_login_is_given_at_whatever_request_it_is_asked_for() {
    let setup = format!("{SETUP} Digest");
    plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", DIGEST),
            ("OPTIONS rtsp://cam/s Digest", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s Digest", VIDEO),
            (&setup, SETUP_OK),
            ("PLAY rtsp://cam/s [77] Digest", OK),
        ],
    );
    plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", VIDEO),
            (SETUP, SETUP_OK),
            ("PLAY rtsp://cam/s [77]", DIGEST),
            ("PLAY rtsp://cam/s [77] Digest", OK),
        ],
    );
}

#[test]
fn another_realm_after_a_reboot_is_logged_in_to() {
    let rebooted = DIGEST_2.replace("realm=\"cam\"", "realm=\"cam after a reboot\"");
    let mut run = plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", DIGEST),
            ("DESCRIBE rtsp://cam/s Digest", VIDEO),
            (&format!("{SETUP} Digest"), SETUP_OK),
            ("PLAY rtsp://cam/s [77] Digest", OK),
        ],
    );
    run.wait();
    let cseq = run.next_request().cseq().unwrap();
    run.answer(&rebooted, cseq);
    let again = run.next_request();
    let login = again.headers.get("Authorization").unwrap();
    assert!(login.contains("cam after a reboot") && login.contains("87654321"), "{login}");
    run.answer(OK, again.cseq().unwrap());
    assert_eq!(run.error, None);
}

#[test]
fn hikvision_and_tapo_an_rtp_info_that_lies_changes_nothing() {
    for info in [
        "RTP-Info: url=rtsp://elsewhere/x;seq=0;rtptime=-1\n",
        "RTP-Info: url=rtsp://cam/s/track1;seq=1;rtptime=0;\n",
        "RTP-Info: nonsense\n",
        "",
    ] {
        plays(
            PLAIN,
            &[
                ("OPTIONS rtsp://cam/s", OPTIONS_OK),
                ("DESCRIBE rtsp://cam/s", VIDEO),
                (SETUP, SETUP_OK),
                ("PLAY rtsp://cam/s [77]", &format!("{OK}{info}")),
            ],
        );
    }
}

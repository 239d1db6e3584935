//! RTSPS: viewers on `rtsps_port`, and cameras behind `rtsps://`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::date_time_ymd;
use rtsp_proto::Oddities;
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::RtpPacket;
use rtsp_relay::tls::certificate::Fingerprint;
use rtsp_relay::tls::{Identity, Keyring};
use rustix::process::Signal;
use rustls::StreamOwned;
use sim::{Auth, Camera, Options};
use support::{
    Certificate, Continuity, GstCamera, OwnedFrame, Program, Relay, RtspClient, leave, project,
    wait_until,
};

const SOON: Duration = Duration::from_secs(10);
/// Longer than any player takes when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn door(camera: &Camera) -> String {
    format!("[stream]\nname=door\nrtsp_url={}\n", camera.url("main"))
}

/// The SHA-256 of the certificate that a port shows now.
fn shown(port_of: &str) -> String {
    RtspClient::connect(port_of).unwrap().certificate().unwrap()
}

#[test]
fn a_viewer_watches_over_tls_beside_one_without() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::with_tls(&Certificate::new(), &door(&camera));
    let mut secret = RtspClient::watch(&relay.tls_url("door")).unwrap();
    let mut plain = RtspClient::watch(&relay.url("door")).unwrap();
    support::expect_media(&mut secret, 300);
    support::expect_media(&mut plain, 100);
    assert_eq!(camera.stats().sessions_total, 1);
    let joined = relay.wait_log("viewer joined stream=door client=1 ", SOON).unwrap();
    assert!(joined.contains(" transport=tls "), "{joined}");
    // Requests are answered between the pictures, and the goodbye is told.
    secret.keep_alive().unwrap();
    secret.teardown().unwrap();
    drop(secret);
    relay.process().signal(Signal::TERM);
    let frames = plain.read_to_end(SOON).unwrap();
    let bye = |frame: &OwnedFrame| {
        let packets = parse_compound(&frame.payload, &mut Oddities::new());
        packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. }))
    };
    assert!(frames.iter().any(|frame| frame.channel == 1 && bye(frame)));
}

#[test]
fn media_never_leaves_in_the_clear_for_a_viewer_that_came_over_tls() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::with_tls(&Certificate::new(), &door(&camera));
    let mut client = RtspClient::connect(&relay.tls_url("door")).unwrap();
    client.describe().unwrap();
    let refused = client.setup(0, TransportSpec::udp(40_000)).unwrap_err();
    assert!(refused.to_string().contains("461"), "{refused}");
    // It goes on with what is offered.
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    support::expect_media(&mut client, 30);
    assert!(relay.process().udp_ports().is_empty());
}

#[test]
fn a_viewer_too_slow_for_its_tls_skips_pictures_and_stays() {
    let clip = sim::Clip::synthetic(&sim::Synthetic {
        bitrate_kbps: 20_000,
        fps: 25,
        gop: 25,
        ..sim::Synthetic::default()
    });
    let paths = vec![sim::Path::new("main", clip)];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    let config = format!("write_timeout_s=60\n{}", door(&camera));
    let relay = Relay::with_tls(&Certificate::new(), &config);
    let mut slow = RtspClient::watch(&relay.tls_url("door")).unwrap();
    let mut quick = RtspClient::watch(&relay.tls_url("door")).unwrap();
    // The kernel's buffers on the loopback take seconds to fill.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        support::expect_media(&mut quick, 100);
    }
    let mut video = Continuity::default();
    let mut last = None;
    let until = Instant::now() + PATIENCE;
    let mut skipped = false;
    while !skipped && Instant::now() < until {
        let frame = slow.read_frame(SOON).unwrap().expect("it is not thrown out");
        if frame.channel != 0 {
            continue;
        }
        video.push(&frame.payload).unwrap();
        let time = RtpPacket::parse(&frame.payload).unwrap().timestamp();
        skipped = last.replace(time).is_some_and(|last| time.wrapping_sub(last) > 90_000);
    }
    assert!(skipped && video.gaps == 0, "{video:?}");
    assert!(relay.wait_log("viewer too slow, skipping to a key frame client=1 ", SOON).is_some());
    assert!(!relay.log_contains("viewer too slow, skipping to a key frame client=2 "));
    slow.keep_alive().unwrap();
}

#[test]
fn who_speaks_the_wrong_language_to_a_port_is_told_of_and_harms_nobody() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::with_tls(&Certificate::new(), &door(&camera));
    let mut watching = RtspClient::watch(&relay.tls_url("door")).unwrap();

    let plain = relay.tls_url("door").replace("rtsps://", "rtsp://");
    assert!(RtspClient::connect(&plain).unwrap().options().is_err());
    let reason = "it speaks plain text on rtsps_port; listen_port is for that";
    assert!(relay.wait_log(reason, SOON).is_some());

    let tls = relay.url("door").replace("rtsp://", "rtsps://");
    assert!(RtspClient::connect(&tls).unwrap().options().is_err());
    let reason = "it speaks TLS on the port for plain RTSP; rtsps_port is for that";
    assert!(relay.wait_log(reason, SOON).is_some());

    // A handshake that is none, and one that the client breaks off.
    let port = relay.tls_port();
    for garbage in [&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0][..], &[22; 600], &[22, 3, 1, 255, 255]] {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.write_all(garbage).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        // Whatever alert it is, the connection ends.
        let mut rest = Vec::new();
        let _reset_or_end = socket.read_to_end(&mut rest);
        assert!(rest.len() < 64);
    }
    support::expect_media(&mut watching, 50);
    // Only the first line of many in a short time is one for everybody.
    let (info, all) = (" INFO  connection closed", "connection closed");
    assert!(wait_until(SOON, || relay.log().iter().filter(|l| l.contains(all)).count() >= 3));
    assert_eq!(relay.log().iter().filter(|line| line.contains(info)).count(), 1);
}

#[test]
fn a_handshake_that_does_not_end_is_ended() {
    let camera = Camera::start(Options::default()).unwrap();
    let config = format!("request_timeout_s=1\n{}", door(&camera));
    let relay = Relay::with_tls(&Certificate::new(), &config);
    for first in [&[][..], &[22, 3, 1]] {
        let begun = Instant::now();
        let mut socket = TcpStream::connect(("127.0.0.1", relay.tls_port())).unwrap();
        socket.write_all(first).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut rest = Vec::new();
        let _reset_or_end = socket.read_to_end(&mut rest);
        assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    }
    assert!(relay.wait_log("its TLS handshake does not end", SOON).is_some());
    assert_eq!(camera.stats().sessions_total, 0);
}

#[test]
fn a_certificate_is_renewed_by_hup_and_those_who_watch_go_on() {
    let camera = Camera::start(Options::default()).unwrap();
    let mut certificate = Certificate::new();
    let relay = Relay::with_tls(&certificate, &door(&camera));
    let mut watching = RtspClient::watch(&relay.tls_url("door")).unwrap();
    let url = relay.tls_url("door");
    assert_eq!(shown(&url), certificate.fingerprint());

    certificate.renew();
    assert_ne!(shown(&url), certificate.fingerprint(), "before HUP the old one is shown");
    relay.process().signal(Signal::HUP);
    assert!(relay.wait_log("certificate renewed", SOON).is_some());
    assert_eq!(shown(&url), certificate.fingerprint());

    // What cannot be used changes nothing.
    std::fs::write(&certificate.key, "no key").unwrap();
    relay.process().signal(Signal::HUP);
    let line = relay.wait_log("stays in use", SOON).unwrap();
    assert!(line.contains("holds no private key as PEM"), "{line}");
    assert_eq!(shown(&url), certificate.fingerprint());
    support::expect_media(&mut watching, 50);
}

#[test]
fn only_modern_tls_is_spoken() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::with_tls(&Certificate::new(), &door(&camera));
    let to = format!("127.0.0.1:{}", relay.tls_port());
    for (arguments, accepted) in [
        (&["-tls1_3"][..], true),
        (&["-tls1_2"], true),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], true),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], true),
        // Without an AEAD, without an ephemeral key, and too old.
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], false),
        (&["-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL:!AESGCM:!CHACHA20:@SECLEVEL=0"], false),
        (&["-tls1_2", "-cipher", "kRSA:kDHE:kPSK:@SECLEVEL=0"], false),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], false),
        (&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], false),
    ] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-brief", "-connect", &to]).args(arguments);
        let mut program = Program::start(&mut command);
        let said = |program: &Program| program.stderr.text() + &program.stdout.text();
        let done = wait_until(PATIENCE, || {
            said(&program).contains("CONNECTION ESTABLISHED") || !program.is_running()
        });
        let established = said(&program).contains("CONNECTION ESTABLISHED");
        assert!(done && established == accepted, "{arguments:?}: {}", said(&program));
    }
}

#[test]
fn check_says_what_is_wrong_with_certificate_and_key_by_line() {
    let good = Certificate::new();
    let other = Certificate::new();
    let expired = Certificate::with(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 2, 3);
    });
    let check = |certificate: &std::path::Path, key: &std::path::Path| {
        let path = leave(&format!("check-{}.conf", std::process::id()));
        let text = format!(
            "rtsps_port=322\ntls_certificate={}\ntls_key={}\n[stream]\nname=a\nrtsp_url=rtsp://c/\n",
            certificate.display(),
            key.display()
        );
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
        let done = Program::run(command.arg("--check").arg("-c").arg(&path), PATIENCE);
        let said = done.stderr.replace(&format!("{}:", path.display()), "");
        std::fs::remove_file(&path).unwrap();
        (done.status.and_then(|status| status.code()), said)
    };
    assert_eq!(check(&good.certificate, &good.key), (Some(0), String::new()));
    let (code, said) = check(&good.certificate, &other.key);
    let expected =
        format!("3: tls_key '{}' is not the key of tls_certificate", other.key.display());
    assert_eq!((code, said), (Some(1), expected));
    let (code, said) = check(&good.key, &good.key);
    let file = good.key.display();
    let expected = format!("2: tls_certificate '{file}' holds no certificate as PEM");
    assert_eq!((code, said), (Some(1), expected));
    let (code, said) = check(&expired.certificate, &expired.key);
    assert_eq!(code, Some(0));
    assert!(said.contains("2: ") && said.contains("has expired on 2021-02-03"), "{said}");
}

fn secure_camera(auth: Auth) -> (Camera, String, String) {
    let tls = Some(([127, 0, 0, 1], 0).into());
    let camera = Camera::start(Options { tls, auth, ..Options::default() }).unwrap();
    let fingerprint = Fingerprint::of(camera.certificate().unwrap()).to_string();
    let url = camera.tls_url("main").unwrap();
    (camera, url, fingerprint)
}

fn refusal(relay: &Relay) -> String {
    RtspClient::watch(&relay.url("door")).err().unwrap().to_string()
}

fn relay_of(url: &str, more: &str) -> Relay {
    let login = "username=admin\npassword=lens-cap";
    Relay::start(&format!("[stream]\nname=door\nrtsp_url={url}\n{login}\n{more}\n"))
}

#[test]
fn a_pinned_camera_is_pulled_over_tls_with_its_login() {
    let (camera, url, fingerprint) = secure_camera(Auth::Digest { sha256: false, qop: true });
    let relay = relay_of(&url, &format!("tls_fingerprint={fingerprint}"));
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    support::expect_media(&mut client, 300);
    drop(client);
    assert!(wait_until(SOON, || camera.stats().teardowns == 1), "it is told that we leave");
    assert_eq!(camera.stats().sessions_max, 1);
}

#[test]
fn a_camera_with_another_certificate_is_refused_with_the_line_that_pins_it() {
    let (camera, url, fingerprint) = secure_camera(Auth::None);
    let wrong = "ab".repeat(32);
    let relay = relay_of(&url, &format!("tls_fingerprint={wrong}"));
    assert!(refusal(&relay).contains("503"));
    let line = relay.wait_log("camera offline", SOON).unwrap();
    let told = format!(
        "the camera shows another certificate than the pinned one ({wrong}); if this is the right \
         camera, pin the new one: tls_fingerprint={fingerprint}"
    );
    assert!(line.contains(&told), "{line}");
    assert_eq!(camera.stats().requests, 0, "nothing is said to a stranger");
}

#[test]
fn a_camera_that_signed_for_itself_is_refused_with_the_line_that_pins_it() {
    let (camera, url, fingerprint) = secure_camera(Auth::None);
    let relay = relay_of(&url, "");
    assert!(refusal(&relay).contains("503"));
    let line = relay.wait_log("camera offline", SOON).unwrap();
    let told = format!("; if this is the right camera, pin it: tls_fingerprint={fingerprint} ");
    assert!(line.contains("the camera's certificate is not trusted (") && line.contains(&told));
    assert_eq!(camera.stats().requests, 0);
    // What the line says to paste works, and so does taking anybody.
    for line in [format!("tls_fingerprint={fingerprint}"), "tls_insecure=yes".to_owned()] {
        let relay = relay_of(&url, &line);
        support::expect_media(&mut RtspClient::watch(&relay.url("door")).unwrap(), 30);
    }
}

#[test]
fn probe_names_the_certificate_to_pin() {
    let (_camera, url, fingerprint) = secure_camera(Auth::None);
    let mut probe = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
    let done = Program::run(probe.args(["probe", &url]), PATIENCE);
    let certificate = format!("Certificate  not trusted, {fingerprint}");
    assert!(done.stdout.contains(&certificate), "{}", done.stdout);
    assert!(done.stdout.contains(&format!("tls_fingerprint={fingerprint}")), "{}", done.stdout);
}

#[test]
fn a_camera_is_trusted_by_the_authorities_of_the_system() {
    let (camera, url, _) = secure_camera(Auth::None);
    let authority = leave(&format!("authority-{}.pem", std::process::id()));
    let base64 = BASE64_STANDARD.encode(camera.certificate().unwrap());
    let lines = ["-----BEGIN CERTIFICATE-----", &base64, "-----END CERTIFICATE-----\n"];
    std::fs::write(&authority, lines.join("\n")).unwrap();
    // The variable that OpenSSL's users know, too: this file instead of the system's.
    let relay = |url: &str| {
        let config = format!("[stream]\nname=door\nrtsp_url={url}\n");
        Relay::with_env("SSL_CERT_FILE", &authority, &config)
    };
    let known = relay(&url.replace("127.0.0.1", "localhost"));
    support::expect_media(&mut RtspClient::watch(&known.url("door")).unwrap(), 30);
    let unknown = relay(&url);
    assert!(RtspClient::watch(&unknown.url("door")).is_err());
    let line = unknown.wait_log("camera offline", SOON).unwrap();
    assert!(line.contains("not trusted (it is made for another name)"), "{line}");
    std::fs::remove_file(&authority).unwrap();
}

#[test]
fn a_camera_without_tls_or_without_a_word_is_told_of() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera.url("main").replace("rtsp://", "rtsps://"), "tls_insecure=yes");
    assert!(RtspClient::watch(&relay.url("door")).is_err());
    let line = relay.wait_log("camera offline", SOON).unwrap();
    assert!(line.contains("no TLS"), "{line}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsps://{}/main", silent.local_addr().unwrap());
    let relay = relay_of(&url, "tls_insecure=yes\nsource_start_timeout_s=1");
    assert!(refusal(&relay).contains("504"));
    let line = relay.wait_log("camera offline", SOON).unwrap();
    assert!(line.contains("no TLS handshake with 127.0.0.1:"), "{line}");
}

/// A camera that answers everything with this status and this place; gives its URL.
fn redirector(status: u16, location: Option<&str>, tls: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("{}://{address}/main", if tls { "rtsps" } else { "rtsp" });
    let location = location.unwrap_or(&url).to_owned();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let identity = made.cert.pem() + &made.key_pair.serialize_pem();
    let keyring =
        Keyring::new(&Identity::from_pem(identity.as_bytes(), identity.as_bytes()).unwrap());
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            // The relay closes the connection; an error is as good an end.
            let _gone = match tls {
                true => {
                    let mut tls = StreamOwned::new(keyring.session().unwrap(), socket);
                    redirect(&mut tls, status, &location)
                }
                false => redirect(&mut socket, status, &location),
            };
        }
    });
    url
}

fn redirect(stream: &mut (impl Read + Write), status: u16, location: &str) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut cseq = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.starts_with("CSeq:") {
            cseq = line;
        } else if line == "\r\n" {
            let answer = format!("RTSP/1.0 {status} Moved\r\n{cseq}Location: {location}\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes())?;
            reader.get_mut().flush()?;
        }
    }
}

#[test]
fn a_camera_that_moved_is_found_behind_each_kind_of_redirect_with_its_login() {
    let (camera, url, fingerprint) = secure_camera(Auth::Digest { sha256: false, qop: false });
    let statuses = [301, 302, 303, 305, 307, 308];
    let streams: Vec<String> = statuses
        .iter()
        .map(|&status| {
            let from = redirector(status, Some(&url), status == 302);
            // The one over TLS has a certificate of its own.
            let pin = match status {
                302 => "tls_insecure=yes".to_owned(),
                _ => format!("tls_fingerprint={fingerprint}"),
            };
            format!("[stream]\nname=s{status}\nrtsp_url={from}\nusername=admin\npassword=lens-cap\n{pin}\n")
        })
        .collect();
    let relay = Relay::start(&streams.concat());
    for status in statuses {
        let mut client = RtspClient::watch(&relay.url(&format!("s{status}"))).unwrap();
        support::expect_media(&mut client, 10);
    }
    assert_eq!(camera.stats().logins_failed, 0);
}

#[test]
fn a_redirect_leads_neither_out_of_tls_nor_in_circles_and_takes_no_login_to_a_stranger() {
    let camera = Camera::start(Options { auth: Auth::Basic, ..Options::default() }).unwrap();
    let other_name = camera.url("main").replace("127.0.0.1", "localhost");
    for (from, told) in [
        (
            redirector(302, Some(&camera.url("main")), true),
            "redirects from TLS to a plain connection (127.0.0.1:",
        ),
        (redirector(307, None, false), "the camera redirected more than 5 times"),
        (redirector(301, Some(&other_name), false), "logins are not taken to other hosts"),
    ] {
        let relay = relay_of(&from, "tls_insecure=yes");
        assert!(refusal(&relay).contains("503"));
        let line = relay.wait_log("camera offline", SOON).unwrap();
        assert!(line.contains(told), "{line}");
    }
    let stats = camera.stats();
    assert_eq!((stats.logins_ok, stats.logins_failed), (0, 0), "the login was told to a stranger");
}

#[test]
fn a_real_camera_is_pulled_over_tls() {
    let camera = GstCamera::start(&["--auth", "digest", "--tls"]);
    let url = camera.url("main").replace("rtsp://", "rtsps://");
    let config = |line: &str| {
        format!("[stream]\nname=gate\nrtsp_url={url}\nusername=admin\npassword=secret\n{line}\n")
    };
    // The first attempt teaches what to pin.
    let relay = Relay::start(&config(""));
    assert!(RtspClient::watch(&relay.url("gate")).is_err());
    let line = relay.wait_log("tls_fingerprint=", SOON).unwrap();
    let pin = line.split_whitespace().find(|word| word.starts_with("tls_fingerprint=")).unwrap();
    let relay = Relay::start(&config(pin));
    support::expect_media(&mut RtspClient::watch(&relay.url("gate")).unwrap(), 100);
}

#[test]
fn players_watch_over_tls() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let certificate = Certificate::new();
    let relay = Relay::with_tls(
        &certificate,
        &format!(
            "[stream]\nname=gate\nrtsp_url={}\nusername=admin\npassword=secret\n",
            camera.url("main")
        ),
    );
    let url = relay.tls_url("gate");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-xerror"]);
    ffmpeg.args(["-i", &url, "-frames:v", "100", "-f", "null", "-"]);
    let mut gstreamer = Command::new("/usr/bin/python3");
    gstreamer.arg(project("tests/players/gst_viewer.py")).arg(&url);
    gstreamer.args(["--frames", "100", "--insecure"]);
    let (one, two) = (Program::start(&mut ffmpeg), Program::start(&mut gstreamer));
    let one = one.finish(PATIENCE).expect_ok("ffmpeg");
    assert_eq!(one.stderr, "", "ffmpeg complains");
    let two = two.finish(PATIENCE).expect_ok("GStreamer");
    let two: serde_json::Value = serde_json::from_str(&two.stdout).unwrap();
    assert_eq!((&two["ok"], two["lost"].as_u64()), (&true.into(), Some(0)), "{two}");
    assert_eq!(camera.count("session"), 1);
}

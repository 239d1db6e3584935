//! Who may watch what, and what strangers learn.

use rtsp_proto::auth::{Algorithm, ClientAuth, Credentials, ha1};
use rtsp_proto::{Headers, Method, Oddities, Secret};

use super::*;

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const ONE_USER: &str = "client_username=eve\nclient_password=open:sesame";

fn with_login(house: &House, login: &str, stream: &str) -> String {
    format!("rtsp://{login}@127.0.0.1:{}/{stream}", house.relay.port())
}

fn outcome(result: io::Result<RtspClient>) -> String {
    match result {
        Ok(mut client) => {
            assert!(client.read_frame(SOON).unwrap().is_some());
            "plays".into()
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn strangers_are_asked_for_exactly_the_logins_that_are_configured() {
    for (methods, schemes) in [
        ("", &["Digest"][..]),
        ("auth_methods=digest", &["Digest"]),
        ("auth_methods=digest-sha256", &["Digest SHA-256"]),
        ("auth_methods=basic", &["Basic"]),
        ("auth_methods=digest,basic", &["Digest", "Basic"]),
        ("auth_methods=digest-sha256,digest", &["Digest SHA-256", "Digest"]),
        ("auth_methods=digest,digest-sha256,basic", &["Digest", "Digest SHA-256", "Basic"]),
    ] {
        let house = House::new(&format!("{ONE_USER}\n{methods}"), "");
        let answer = house.ask(&mut house.knock(), "DESCRIBE {door} RTSP/1.0\nCSeq: 3");
        assert_eq!((code(&answer), answer.cseq()), (401, Some(3)), "{methods}");
        let asked: Vec<&str> = answer
            .headers
            .get_all("WWW-Authenticate")
            .map(|value| match value {
                v if v.starts_with("Basic realm=\"") => "Basic",
                v if v.starts_with("Digest realm=\"") && v.contains("algorithm=SHA-256") => {
                    "Digest SHA-256"
                }
                v if v.starts_with("Digest realm=\"") && v.contains(", nonce=\"") => "Digest",
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(asked, schemes, "{methods}");
        // Every player that knows one of them gets in, and none with a wrong password.
        let right = RtspClient::watch(&with_login(&house, "eve:open%3Asesame", "door"));
        assert_eq!(outcome(right), "plays", "{methods}");
        let wrong = RtspClient::watch(&with_login(&house, "eve:close", "door"));
        assert_eq!(outcome(wrong), "DESCRIBE is answered with 401 Unauthorized", "{methods}");
        let nobody = RtspClient::watch(&with_login(&house, "adam:open%3Asesame", "door"));
        assert_eq!(outcome(nobody), "DESCRIBE is answered with 401 Unauthorized", "{methods}");
        assert!(house.relay.wait_log("login failed", SOON).unwrap().contains("user=\"eve\""));
    }
}

#[test]
fn a_scheme_that_is_not_offered_does_not_open() {
    let house = House::new(ONE_USER, "");
    // `eve:open:sesame`
    let lines = "DESCRIBE {door} RTSP/1.0\nCSeq: 1\nAuthorization: Basic ZXZlOm9wZW46c2VzYW1l";
    assert_eq!(code(&house.ask(&mut house.knock(), lines)), 401);
    let house = House::new(&format!("{ONE_USER}\nauth_methods=basic"), "");
    assert_eq!(code(&house.ask(&mut house.knock(), lines)), 200);
}

#[test]
fn gstreamers_answer_without_qop_opens() {
    let house = House::new(ONE_USER, "");
    let mut client = house.knock();
    let answer = house.ask(&mut client, "DESCRIBE {door} RTSP/1.0\nCSeq: 1");
    let challenge = answer.headers.get("WWW-Authenticate").unwrap();
    assert!(challenge.contains("qop=\"auth\""), "{challenge}");
    let mut headers = Headers::new();
    headers.append("WWW-Authenticate", challenge.replace(", qop=\"auth\"", ""));
    let mut auth = ClientAuth::new(Some(Credentials {
        username: "eve".into(),
        password: Secret::new("open:sesame"),
    }));
    auth.unauthorized(&headers, &mut Oddities::new()).unwrap();
    let value = auth.authorize(&Method::Describe, &house.relay.url("door"), b"", 1).unwrap();
    assert!(!value.contains("qop"), "{value}");
    let lines = format!("DESCRIBE {{door}} RTSP/1.0\nCSeq: 2\nAuthorization: {value}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 200);
    // The answer is for one method and one stream.
    let lines = format!("SETUP {{hall}} RTSP/1.0\nCSeq: 3\n{TCP}\nAuthorization: {value}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 401);
}

#[test]
fn without_a_login_nobody_learns_which_streams_exist() {
    let house = House::new(
        "",
        "[user]\nname=hall-only\npassword=pw\nstreams=hall\n\
         [user]\nname=far\npassword=pw\nallow=10.0.0.0/8",
    );
    // Status, and the header lines but for what is random.
    let shape = |answer: &Response| {
        let nonce = |value: &str| match value.split_once("nonce=\"") {
            Some((before, after)) => {
                format!("{before}{}", after.split_once('"').map_or("", |(_, rest)| rest))
            }
            None => value.to_owned(),
        };
        let headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", nonce(value)))
            .collect();
        (code(answer), headers, answer.body.clone())
    };
    let logins = [
        "",
        "\nAuthorization: Basic ZXZlOm9wZW46c2VzYW1l",
        "\nAuthorization: Digest username=\"hall-only\"",
        "\nAuthorization: nonsense",
    ];
    for request in [
        "DESCRIBE @ RTSP/1.0\nCSeq: 1",
        "DESCRIBE @ RTSP/1.0\nCSeq: 1\nAccept: text/html",
        "SETUP @/trackID=0 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;unicast",
        "SETUP @/trackID=0 RTSP/1.0\nCSeq: 1\nTransport: nonsense",
        "SETUP @/trackID=99 RTSP/1.0\nCSeq: 1",
        "PLAY @ RTSP/1.0\nCSeq: 1",
        "PLAY @ RTSP/1.0\nCSeq: 1\nRange: nonsense",
        "PAUSE @ RTSP/1.0\nCSeq: 1\nSession: 1",
        "TEARDOWN @ RTSP/1.0\nCSeq: 1\nSession: 1",
        "GET_PARAMETER @ RTSP/1.0\nCSeq: 1",
        "SET_PARAMETER @ RTSP/1.0\nCSeq: 1",
    ] {
        for login in logins {
            let ask = |stream: &str| {
                let lines = format!("{}{login}", request.replace('@', stream));
                shape(&house.ask(&mut house.knock_from_elsewhere(), &lines))
            };
            let (known, unknown) = (ask("{door}"), ask("rtsp://{host}/nothing"));
            assert_eq!(known, unknown, "{request}{login}");
            assert_eq!(known.0, 401, "{request}{login}");
        }
    }
    // A right login, but not for this stream: the same, whether it exists or not.
    for (login, status) in [("hall-only:pw", "401 Unauthorized"), ("far:pw", "403 Forbidden")] {
        for stream in ["door", "nothing"] {
            let refused = RtspClient::watch(&with_login(&house, login, stream));
            assert_eq!(outcome(refused), format!("DESCRIBE is answered with {status}"), "{stream}");
        }
    }
    assert_eq!(house.camera.stats().connections_total, 0, "strangers do not wake the camera");
}

#[test]
fn each_user_sees_the_streams_that_are_his() {
    let stored = |algorithm| ha1("hash", "rtsp-relay", "pw", algorithm);
    let (md5, sha256) = (stored(Algorithm::Md5), stored(Algorithm::Sha256));
    let rows = [
        ("all:pw", "door", "plays"),
        ("all:pw", "hall", "plays"),
        ("all:pw", "nothing", "DESCRIBE is answered with 404 Not Found"),
        ("prefix:pw", "hall", "plays"),
        ("prefix:pw", "door", "DESCRIBE is answered with 401 Unauthorized"),
        ("prefix:pw", "hallway", "DESCRIBE is answered with 404 Not Found"),
        ("two:pw", "hall", "plays"),
        ("two:pw", "door", "plays"),
        ("near:pw", "door", "plays"),
        ("far:pw", "door", "DESCRIBE is answered with 403 Forbidden"),
        ("hash:pw", "door", "plays"),
        ("hash:wp", "door", "DESCRIBE is answered with 401 Unauthorized"),
        ("shash:pw", "door", "DESCRIBE is answered with 401 Unauthorized"),
    ];
    let house = House::new(
        "",
        &format!(
            "[user]\nname=all\npassword=pw\n\
             [user]\nname=prefix\npassword=pw\nstreams=ha*\n\
             [user]\nname=two\npassword=pw\nstreams=hall, door\n\
             [user]\nname=near\npassword=pw\nallow=10.0.0.0/8, 127.0.0.0/8\n\
             [user]\nname=far\npassword=pw\nallow=10.0.0.0/8\n\
             [user]\nname=hash\npassword_hash=md5:{md5}\n"
        ),
    );
    for (login, stream, expected) in rows {
        let watched = RtspClient::watch(&with_login(&house, login, stream));
        assert_eq!(outcome(watched), expected, "{login} {stream}");
    }
    // The hash of the other algorithm needs the other method.
    let users = format!("[user]\nname=hash\npassword_hash=sha256:{sha256}\n");
    let house = House::new("auth_methods=digest-sha256,basic", &users);
    assert_eq!(outcome(RtspClient::watch(&with_login(&house, "hash:pw", "door"))), "plays");
    let wrong = RtspClient::watch(&with_login(&house, "hash:wp", "door"));
    assert_eq!(outcome(wrong), "DESCRIBE is answered with 401 Unauthorized");
}

#[test]
fn an_address_that_may_not_watch_is_told_so() {
    let camera = Camera::start(Options::default()).unwrap();
    let url = camera.url("main");
    let relay = Relay::start(&format!(
        "[stream]\nname=near\nrtsp_url={url}\nallow=127.0.0.1\n\
         [stream]\nname=far\nrtsp_url={url}\nallow=192.168.0.0/16, fd00::/8"
    ));
    assert_eq!(outcome(RtspClient::watch(&relay.url("near"))), "plays");
    let refused = outcome(RtspClient::watch(&relay.url("far")));
    assert_eq!(refused, "DESCRIBE is answered with 403 Forbidden");
    let mut client = RtspClient::connect(&relay.url("far")).unwrap();
    let uri = relay.url("far/trackID=0");
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
    let answer = client.request(Method::Setup, &uri, &transport).unwrap();
    assert_eq!(code(&answer), 403, "nor by leaving DESCRIBE out");
}

#[test]
fn a_session_goes_on_without_its_login_but_opens_no_other_stream() {
    let house = House::new(ONE_USER, "");
    let mut client = RtspClient::watch(&with_login(&house, "eve:open%3Asesame", "door")).unwrap();
    let id = client.session().unwrap().to_owned();
    let lines = format!("GET_PARAMETER {{door}} RTSP/1.0\nCSeq: 90\nSession: {id}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 200);
    let lines = format!("PAUSE {{door}} RTSP/1.0\nCSeq: 91\nSession: {id}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 200);
    for lines in ["DESCRIBE {hall} RTSP/1.0\nCSeq: 92", "PLAY {hall} RTSP/1.0\nCSeq: 93"] {
        assert_eq!(code(&house.ask(&mut client, lines)), 401, "{lines}");
    }
    let lines = format!("TEARDOWN {{door}} RTSP/1.0\nCSeq: 94\nSession: {id}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 200);
    let lines = format!("SETUP {{door}} RTSP/1.0\nCSeq: 95\n{TCP}");
    assert_eq!(code(&house.ask(&mut client, &lines)), 401, "the next session needs it again");
}

//! Who guesses logins learns little and harms nobody; who overhears one cannot use it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::scope;
use std::time::{Duration, Instant};

use rtsp_proto::auth::{ClientAuth, Credentials};
use rtsp_proto::{Headers, Method, Oddities, Response, Secret};
use rtsp_relay::limits::logins::{BURST, INTERVAL, PATIENCE};
use sim::{Camera, Options};
use support::{Relay, RtspClient, free_port, response, tcp_from, wait_for};

const SOON: Duration = Duration::from_secs(10);
const USER: &str = "client_username=eve\nclient_password=open-sesame";
/// Where the attack comes from.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const STALE: &str = "stale=true";

struct House {
    _camera: Camera,
    relay: Relay,
}

impl House {
    fn new(globals: &str) -> Self {
        let camera = Camera::start(Options::default()).unwrap();
        let relay = Relay::start(&format!(
            "{globals}\n{USER}\n[stream]\nname=door\nrtsp_url={}\n",
            camera.url("main")
        ));
        Self { _camera: camera, relay }
    }

    fn url(&self, password: &str) -> String {
        format!("rtsp://eve:{password}@127.0.0.1:{}/door", self.relay.port())
    }

    fn knock(&self) -> RtspClient {
        RtspClient::connect(&self.relay.url("door")).unwrap()
    }

    /// The answer to DESCRIBE with this Authorization.
    fn describe(&self, client: &mut RtspClient, authorization: Option<&str>) -> Response {
        let header = authorization.map_or_else(String::new, |v| format!("Authorization: {v}\r\n"));
        let url = self.relay.url("door");
        let request = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n{header}\r\n");
        client.send_raw(request.as_bytes()).unwrap();
        response(client)
    }

    fn failures(&self) -> usize {
        self.relay.log().iter().filter(|line| line.contains("login failed address=")).count()
    }
}

/// What a client of this password answers to the challenge of a 401.
fn answer(response: &Response, url: &str, password: &str, qop: bool) -> String {
    let mut headers = Headers::new();
    for challenge in response.headers.get_all("WWW-Authenticate") {
        let challenge =
            if qop { challenge.into() } else { challenge.replace(", qop=\"auth\"", "") };
        headers.append("WWW-Authenticate", challenge);
    }
    let login = Credentials { username: "eve".into(), password: Secret::new(password) };
    let mut auth = ClientAuth::new(Some(login));
    auth.unauthorized(&headers, &mut Oddities::new()).unwrap();
    auth.authorize(&Method::Describe, url, b"", 7).unwrap()
}

fn code(response: &Response) -> u16 {
    response.status.code()
}

fn challenge(response: &Response) -> &str {
    response.headers.get("WWW-Authenticate").unwrap_or_default()
}

#[test]
fn an_overheard_answer_opens_nothing_and_its_owner_is_asked_anew_without_a_complaint() {
    let house = House::new("");
    let url = house.relay.url("door");
    for qop in [true, false] {
        let mut owner = house.knock();
        let asked = house.describe(&mut owner, None);
        let right = answer(&asked, &url, "open-sesame", qop);
        assert_eq!(code(&house.describe(&mut owner, Some(&right))), 200);
        let replayed = house.describe(&mut house.knock(), Some(&right));
        assert_eq!(code(&replayed), 401, "qop {qop}");
        assert!(challenge(&replayed).contains(STALE), "{}", challenge(&replayed));
        // A count serves once on its own connection too; without counts that cannot be told.
        let again = house.describe(&mut owner, Some(&right));
        assert_eq!(code(&again), if qop { 401 } else { 200 });
        if qop {
            let fresh = answer(&again, &url, "open-sesame", qop);
            assert_eq!(code(&house.describe(&mut owner, Some(&fresh))), 200);
        }
        // Nor is a nonce good from another address.
        let asked = house.describe(&mut house.knock(), None);
        let right = answer(&asked, &url, "open-sesame", qop);
        let mut far = RtspClient::connect_from(Some(ELSEWHERE), &url).unwrap();
        let refused = house.describe(&mut far, Some(&right));
        assert_eq!(code(&refused), 401);
        assert!(challenge(&refused).contains(STALE), "{}", challenge(&refused));
    }
    assert_eq!(house.failures(), 0, "nobody guessed");
}

#[test]
fn wrong_logins_of_known_and_unknown_users_get_the_same_answer() {
    let house = House::new("");
    let wrong = |user: &str, from: u8| {
        let url = house.relay.url("door").replace("rtsp://", &format!("rtsp://{user}:no@"));
        let mut client =
            RtspClient::connect_from(Some(Ipv4Addr::new(127, 0, 1, from)), &url).unwrap();
        let answer = client.request(Method::Describe, &house.relay.url("door"), &[]).unwrap();
        let lines = answer.headers.iter().map(|(name, value)| {
            let value = value.split("nonce=").next().unwrap_or_default();
            format!("{name}: {value}")
        });
        let lines: Vec<_> = lines.collect();
        (code(&answer), lines, answer.reason, answer.body)
    };
    assert_eq!(wrong("eve", 1), wrong("adam", 2));
}

/// Guesses as fast as the relay answers, on one connection after another, until it is told to stop.
fn guess(house: &House, stop: &AtomicBool, guesses: &AtomicU64) -> io::Result<()> {
    let url = house.relay.url("door");
    while !stop.load(SeqCst) {
        let mut client = RtspClient::connect_from(Some(ELSEWHERE), &url)?;
        client.patience = SOON;
        let asked = house.describe(&mut client, None);
        if code(&asked) != 401 {
            continue;
        }
        while !stop.load(SeqCst) {
            let number = guesses.fetch_add(1, SeqCst);
            let wrong = answer(&asked, &url, &format!("guess-{number}"), true);
            let header = [("Authorization", wrong.as_str())];
            let cseq = client.send(Method::Describe, &url, &header)?;
            let refused = client.answer(cseq)?;
            assert!(matches!(code(&refused), 401 | 503), "{refused:?}");
            assert_eq!(code(&refused) == 503, refused.headers.get("Retry-After").is_some());
        }
    }
    Ok(())
}

#[test]
fn a_thousand_wrong_logins_a_second_delay_nobody_else_and_are_hardly_looked_at() {
    const THREADS: usize = 8;
    const LOGINS: usize = 40;
    const ATTEMPTS: usize = 3;
    const BOUND: Duration = Duration::from_millis(50);

    let house = House::new("");
    let right = house.url("open-sesame");
    // The camera is on: what is measured is the login.
    let mut watcher = RtspClient::watch(&right).unwrap();
    assert!(watcher.read_frame(SOON).unwrap().is_some());
    // A viewer behind the attacker's address, from before the attack.
    let mut neighbour = RtspClient::connect_from(Some(ELSEWHERE), &right).unwrap();
    neighbour.describe().unwrap();
    let setup = rtsp_proto::headers::TransportSpec::interleaved(0);
    neighbour.setup(0, setup).unwrap();
    neighbour.play().unwrap();

    let (stop, guesses) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let (slowest, seconds) = scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| guess(&house, &stop, &guesses).unwrap());
        }
        assert!(wait_for(SOON, || (guesses.load(SeqCst) > 1000).then_some(())).is_some());
        // The machine's own pauses do not strike three times; the relay's would.
        let mut slowest = Vec::new();
        for _ in 0..ATTEMPTS {
            let login = || {
                let begun = Instant::now();
                let mut client = RtspClient::connect(&right).unwrap();
                client.describe().unwrap();
                begun.elapsed()
            };
            slowest.push((0..LOGINS).map(|_| login()).max().unwrap());
            neighbour.keep_alive().unwrap();
            if slowest.last().is_some_and(|time| *time < BOUND) {
                break;
            }
        }
        // At least so long that the rate of guesses is not just the first burst.
        let lasts = begun + INTERVAL * 6;
        std::thread::sleep(lasts.saturating_duration_since(Instant::now()));
        neighbour.keep_alive().unwrap();
        stop.store(true, SeqCst);
        (slowest, begun.elapsed().as_secs_f64())
    });
    let rate = guesses.load(SeqCst) as f64 / seconds;
    assert!(rate > 1000.0, "the attack itself is too slow: {rate:.0}/s");
    assert!(slowest.last().is_some_and(|time| *time < BOUND), "{slowest:?} with {rate:.0}/s");
    let looked_at = house.failures() as f64;
    let allowed = f64::from(BURST) + (seconds + PATIENCE.as_secs_f64()) / INTERVAL.as_secs_f64();
    assert!((f64::from(BURST)..=allowed).contains(&looked_at), "{looked_at} in {seconds:.1} s");
    eprintln!("{rate:.0} guesses/s, {looked_at} looked at in {seconds:.1} s, slowest {slowest:?}");

    // Who is right gets in as soon as the attack is over, also from there.
    let over = Instant::now();
    let entered = wait_for(PATIENCE + INTERVAL * 3, || {
        let mut client = RtspClient::connect_from(Some(ELSEWHERE), &right).unwrap();
        client.describe().ok()
    });
    assert!(entered.is_some(), "locked out for {:?}", over.elapsed());
    let told = house.relay.log();
    let told: Vec<_> = told.iter().filter(|line| line.contains("logins refused for now")).collect();
    assert!(!told.is_empty() && told.len() <= 2, "{told:?}");
    assert!(told[0].contains(" address=127.0.0.66:"), "{told:?}");
}

/// The status line and Retry-After of a GET with this login.
fn get(port: u16, from: Ipv4Addr, basic: &str) -> (u16, Option<u64>) {
    let mut stream: TcpStream = tcp_from(from, port).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let request = format!(
        "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {basic}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let retry = text.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    (text[9..12].parse().unwrap(), retry.map(|value| value.parse().unwrap()))
}

#[test]
fn over_http_the_same_limit_holds_and_guesses_count_whichever_way_they_come() {
    let port = free_port();
    let house = House::new(&format!("http_port={port}\nauth_methods=digest,basic"));
    // eve:wrong, eve:open-sesame
    let (wrong, right) = ("ZXZlOndyb25n", "ZXZlOm9wZW4tc2VzYW1l");
    let begun = Instant::now();
    let refused = scope(|scope| {
        let guess = || (0..10).map(|_| get(port, ELSEWHERE, wrong)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(guess)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let looked_at = refused.iter().filter(|answer| **answer == (401, None)).count();
    let most = f64::from(BURST) + begun.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    assert!((BURST as usize..=most as usize + 1).contains(&looked_at), "{looked_at}: {refused:?}");
    let waits = |answer: &(u16, Option<u64>)| answer.0 == 429 && answer.1.is_some_and(|s| s > 0);
    assert_eq!(refused.iter().filter(|a| waits(a)).count(), refused.len() - looked_at);
    assert_eq!(get(port, Ipv4Addr::LOCALHOST, right).0, 200, "another address");
    let mut client = RtspClient::connect_from(Some(ELSEWHERE), &house.url("open-sesame")).unwrap();
    let begun = Instant::now();
    let waited = client.describe().is_err() || begun.elapsed() > INTERVAL / 2;
    assert!(waited, "over RTSP it has as many wrong logins behind it");
    let entered = wait_for(SOON, || (get(port, ELSEWHERE, right).0 == 200).then_some(()));
    assert!(entered.is_some());
}

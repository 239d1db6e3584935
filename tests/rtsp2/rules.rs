//! The rules of RFC 7826 for messages: which header lines each must and may have (the tables of
//! section 18), and the form of each value (section 20).

use rtsp_proto::headers::{
    Accept, Date, MediaProperties, NotifyReason, Public, Range, RequestStatus, RtpInfo, Scale,
    SeekStyle, Session, Speed, TerminateReason, Transport, tokens,
};
use rtsp_proto::{Headers, Method, Request, Response, Version};

/// A header: the methods whose requests, and whose answers, may carry it (`*` for all), and what
/// its value must be.
type Row = (&'static str, &'static str, &'static str, fn(&str) -> bool);

#[rustfmt::skip]
const HEADERS: &[Row] = &[
    ("Accept",             "DESCRIBE", "", |v| Accept::parse(v).is_ok()),
    ("Accept-Ranges",      "SETUP GET_PARAMETER", "SETUP GET_PARAMETER 456", is_list),
    ("Allow",              "", "405 455", |v| Public::parse(v).is_ok()),
    ("Authorization",      "*", "", |v| !v.is_empty()),
    ("Cache-Control",      "DESCRIBE SETUP", "DESCRIBE SETUP", is_list),
    ("Connection",         "*", "*", is_list),
    ("Content-Base",       "", "DESCRIBE", |v| v.starts_with("rtsp://") && v.ends_with('/')),
    ("Content-Length",     "*", "*", |v| v.parse::<u32>().is_ok()),
    ("Content-Type",       "*", "*", |v| v.contains('/')),
    ("CSeq",               "*", "*", |v| v.parse::<u32>().is_ok()),
    ("Date",               "*", "*", |v| Date::parse(v).is_ok()),
    ("Media-Properties",   "GET_PARAMETER", "SETUP PLAY PAUSE GET_PARAMETER", |v| MediaProperties::parse(v).is_ok()),
    ("Media-Range",        "GET_PARAMETER", "SETUP PLAY PAUSE GET_PARAMETER", |v| matches!(Range::parse(v), Ok(Range::Npt { .. }))),
    ("Notify-Reason",      "PLAY_NOTIFY", "", |v| NotifyReason::parse(v).is_ok()),
    ("Pipelined-Requests", "*", "*", |v| v.len() <= 8 && v.parse::<u32>().is_ok()),
    ("Public",             "", "OPTIONS", |v| Public::parse(v).is_ok()),
    ("Range",              "PLAY PLAY_NOTIFY GET_PARAMETER", "PLAY PAUSE GET_PARAMETER", |v| matches!(Range::parse(v), Ok(Range::Npt { .. }))),
    ("Request-Status",     "PLAY_NOTIFY", "", |v| RequestStatus::parse(v).is_ok()),
    ("Require",            "*", "", is_list),
    ("Retry-After",        "", "503 453 413", |v| v.parse::<u32>().is_ok()),
    ("RTP-Info",           "PLAY_NOTIFY", "PLAY", is_rtp_info),
    ("Scale",              "PLAY", "PLAY", |v| Scale::parse(v).is_ok()),
    ("Seek-Style",         "PLAY", "PLAY", |v| SeekStyle::parse(v).is_ok()),
    ("Server",             "*", "*", |v| !v.is_empty()),
    ("Session",            "*", "*", |v| Session::parse(v).is_ok()),
    ("Speed",              "PLAY", "PLAY", |v| Speed::parse(v).is_ok()),
    ("Supported",          "*", "*", is_list),
    ("Terminate-Reason",   "TEARDOWN", "", |v| TerminateReason::parse(v).is_ok()),
    ("Transport",          "SETUP", "SETUP", |v| Transport::parse(v).is_ok()),
    ("Unsupported",        "", "551", is_list),
    ("User-Agent",         "*", "", |v| !v.is_empty()),
    ("WWW-Authenticate",   "", "401", |v| !v.is_empty()),
];

/// What can stand in a message only once: all that is no list.
const SINGLE: &[&str] = &[
    "Content-Base",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Media-Range",
    "Notify-Reason",
    "Pipelined-Requests",
    "Range",
    "Request-Status",
    "Scale",
    "Seek-Style",
    "Server",
    "Session",
    "Speed",
    "Terminate-Reason",
    "User-Agent",
];

/// What each request must carry.
const ASKED: &[(&str, &[&str])] = &[
    ("*", &["CSeq"]),
    ("SETUP", &["Transport", "Accept-Ranges"]),
    ("PLAY", &["Session"]),
    ("PAUSE", &["Session"]),
    ("TEARDOWN", &["Session"]),
    ("PLAY_NOTIFY", &["Session", "Notify-Reason", "Request-Status", "Range", "RTP-Info", "Date"]),
];

/// What each answer must carry that grants a request.
const GRANTED: &[(&str, &[&str])] = &[
    ("*", &["CSeq", "Date", "Server"]),
    ("OPTIONS", &["Public"]),
    ("DESCRIBE", &["Content-Type", "Content-Base"]),
    ("SETUP", &["Session", "Transport", "Accept-Ranges", "Media-Properties", "Media-Range"]),
    ("PLAY", &["Session", "Range", "Seek-Style", "Media-Range"]),
    ("PAUSE", &["Session", "Range", "Media-Range"]),
];

/// And that refuses it, by status.
const REFUSED: &[(u16, &str)] = &[
    (401, "WWW-Authenticate"),
    (405, "Allow"),
    (455, "Allow"),
    (456, "Accept-Ranges"),
    (503, "Retry-After"),
    (551, "Unsupported"),
];

/// What RFC 7826 would say against this request.
pub(crate) fn against_request(request: &Request) -> Vec<String> {
    let mut found = Vec::new();
    if request.version != Version::V2_0 {
        found.push(format!("a request in {}", request.version));
    }
    let method = request.method.as_str();
    let known = ASKED.iter().filter(|(of, _)| *of == "*" || *of == method);
    for name in known.flat_map(|(_, names)| *names) {
        // A session whose id is not known yet is named by number.
        let by_number = *name == "Session" && request.headers.get("Pipelined-Requests").is_some();
        if request.headers.get(name).is_none() && !by_number {
            found.push(format!("no {name}"));
        }
    }
    let may = |row: &Row| row.1 == "*" || row.1.split(' ').any(|of| of == method);
    // A header without a value asks for the value.
    let asks = |_: &str, value: &str| request.method == Method::GetParameter && value.is_empty();
    values(&request.headers, &may, &asks, &mut found);
    if request.headers.get_all("Transport").any(names_ports) {
        found.push("a transport of RTSP 1.0".to_owned());
    }
    if !request.uri.starts_with("rtsp://") && request.uri != "*" {
        found.push(format!("no URI: {}", request.uri));
    }
    found.into_iter().map(|text| format!("{method}: {text}")).collect()
}

/// What RFC 7826 would say against this answer.
pub(crate) fn against_response(request: &Request, response: &Response) -> Vec<String> {
    let mut found = Vec::new();
    let (method, code) = (request.method.as_str(), response.status.code());
    if response.version != Version::V2_0 {
        found.push(format!("an answer in {}", response.version));
    }
    if response.cseq() != request.cseq() {
        found.push(format!("an answer to {:?}", response.cseq()));
    }
    let has = |name: &str| response.headers.get(name).is_some();
    let mut demand = |name: &str| {
        if !has(name) {
            found.push(format!("no {name}"));
        }
    };
    if response.status.is_success() {
        let known = GRANTED.iter().filter(|(of, _)| *of == "*" || *of == method);
        known.flat_map(|(_, names)| *names).for_each(|name| demand(name));
    } else {
        GRANTED[0].1.iter().for_each(|name| demand(name));
        let known = REFUSED.iter().filter(|(status, _)| *status == code);
        known.for_each(|(_, name)| demand(name));
    }
    if request.headers.get("Supported").is_some() {
        demand("Supported");
    }
    // Both stand in the answer to a request that named its session by number.
    let number = request.headers.get("Pipelined-Requests");
    if number.is_some() && response.status.is_success() && method != "TEARDOWN" {
        demand("Session");
        demand("Pipelined-Requests");
    }
    if !response.body.is_empty() {
        demand("Content-Type");
        demand("Content-Length");
    }
    let code = code.to_string();
    let may = |row: &Row| row.2 == "*" || row.2.split(' ').any(|of| of == method || of == code);
    // A number that the client has made stands in the answer as it is.
    let repeats = |name: &str, value: &str| {
        name.eq_ignore_ascii_case("Pipelined-Requests") && number == Some(value)
    };
    values(&response.headers, &may, &repeats, &mut found);
    if let Some(value) = response.headers.get("Transport") {
        let own_words = request.headers.get("Transport").is_some_and(names_ports);
        if names_ports(value) && !own_words {
            found.push(format!("a transport of RTSP 1.0: {value}"));
        }
    }
    found.into_iter().map(|text| format!("{method} {code}: {text}")).collect()
}

fn values(
    headers: &Headers,
    may: &dyn Fn(&Row) -> bool,
    excused: &dyn Fn(&str, &str) -> bool,
    found: &mut Vec<String>,
) {
    for (name, value) in headers.iter() {
        match HEADERS.iter().find(|row| row.0.eq_ignore_ascii_case(name)) {
            None => found.push(format!("{name} is no header of RFC 7826")),
            Some(row) if !may(row) => found.push(format!("{name} does not belong here")),
            Some(row) if !excused(name, value) && !row.3(value) => {
                found.push(format!("{name} cannot be read: {value}"));
            }
            Some(_) => {}
        }
    }
    for single in SINGLE {
        if headers.get_all(single).count() > 1 {
            found.push(format!("more than one {single}"));
        }
    }
}

fn is_list(value: &str) -> bool {
    let mut headers = Headers::new();
    headers.append("X", value);
    let plain = |c: char| c.is_ascii_graphic() && !"\"(){}<>@,;:\\/[]?".contains(c);
    let list = tokens(&headers, "X");
    !list.is_empty() && list.iter().all(|token| token.chars().all(plain))
}

fn is_rtp_info(value: &str) -> bool {
    let info = RtpInfo::parse(value);
    value.starts_with("url=\"") && info.is_ok_and(|info| info.0.iter().all(|e| e.ssrc.is_some()))
}

/// Whether a transport is in the words of RTSP 1.0.
fn names_ports(value: &str) -> bool {
    ["client_port=", "server_port=", "source=", "destination=", ";port="]
        .iter()
        .any(|word| value.contains(word))
}

#[test]
fn the_rules_find_what_is_wrong() {
    let request = |method, version| Request::new(method, "rtsp://h/door", version);
    let good = request(Method::Play, Version::V2_0).with("CSeq", "1").with("Session", "12345678");
    assert_eq!(against_request(&good), Vec::<String>::new());
    let bad = request(Method::Setup, Version::V1_0).with("Seek-Style", "RAP").with("X-A", "b");
    assert_eq!(
        against_request(&bad),
        [
            "SETUP: a request in RTSP/1.0",
            "SETUP: no CSeq",
            "SETUP: no Transport",
            "SETUP: no Accept-Ranges",
            "SETUP: Seek-Style does not belong here",
            "SETUP: X-A is no header of RFC 7826",
        ]
    );
    let old = request(Method::Setup, Version::V2_0)
        .with("CSeq", "1")
        .with("Accept-Ranges", "npt")
        .with("Pipelined-Requests", "123456789")
        .with("Transport", "RTP/AVP;unicast;client_port=4000-4001")
        .with("User-Agent", "a")
        .with("User-Agent", "b");
    assert_eq!(
        against_request(&old),
        [
            "SETUP: Pipelined-Requests cannot be read: 123456789",
            "SETUP: more than one User-Agent",
            "SETUP: a transport of RTSP 1.0",
        ]
    );
    let answer = Response::new(rtsp_proto::StatusCode::OK, Version::V2_0)
        .with("CSeq", "1")
        .with("Server", "s")
        .with("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with("Session", "12345678")
        .with("Range", "npt=0.000-")
        .with("RTP-Info", "url=rtsp://h/door;seq=1");
    assert_eq!(
        against_response(&good, &answer),
        [
            "PLAY 200: no Seek-Style",
            "PLAY 200: no Media-Range",
            "PLAY 200: RTP-Info cannot be read: url=rtsp://h/door;seq=1",
        ]
    );
}

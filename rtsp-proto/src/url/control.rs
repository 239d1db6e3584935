//! Control URLs: what SETUP, PLAY and TEARDOWN are sent to ([RFC 2326 appendix C.1.1]).
//!
//! The standard would have relative URLs resolved as in a web page. No camera is tested that way:
//! live555 and FFmpeg *append* to the base, and so does everybody whose picture is to be seen. And
//! a base names the host as the camera sees itself, which may be behind a NAT, `127.0.0.1`, or
//! another port: host, port and scheme of the request stay.
//!
//! [RFC 2326 appendix C.1.1]: https://www.rfc-editor.org/rfc/rfc2326#appendix-C.1.1

use super::Url;
use super::parse::{self, has_scheme, split_scheme, starts_with_authority, undoubled};
use crate::{Headers, Oddities, Oddity};

/// What the control attributes of a presentation are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlBase {
    /// Its scheme, host and port stand before every path.
    origin: Url,
    base: String,
}

impl ControlBase {
    /// The first of these that is usable: the session's control attribute if it is absolute,
    /// Content-Base, Content-Location, the URL of the request.
    pub fn of(
        request: &Url,
        headers: &Headers,
        session_control: Option<&str>,
        oddities: &mut Oddities,
    ) -> Self {
        let origin = request.without_login();
        let session =
            session_control.map(str::trim).filter(|control| !matches!(*control, "" | "*"));
        let path = session
            .and_then(|control| session_path(control, oddities))
            .or_else(|| base_path(headers.get("Content-Base")?, oddities))
            .or_else(|| base_path(headers.get("Content-Location")?, oddities));
        let base = origin.with_path(path.as_deref().unwrap_or(request.path_and_query()));
        Self { origin, base }
    }

    /// The URI for PLAY, TEARDOWN and keepalives, as the camera announced it.
    pub fn aggregate(&self) -> &str {
        &self.base
    }

    /// The URI for SETUP of a media description with this control attribute; without one it is the
    /// base itself.
    pub fn resolve(&self, control: Option<&str>, oddities: &mut Oddities) -> String {
        let control = match control.map(str::trim) {
            None => {
                oddities.note(Oddity::MissingControl);
                return self.base.clone();
            }
            Some("*") => return self.base.clone(),
            Some("") => {
                oddities.note(Oddity::OddControlUrl);
                return self.base.clone();
            }
            Some(control) => control,
        };
        if let Some(Located { path, odd }) = located(control, false) {
            if odd {
                oddities.note(Oddity::OddControlUrl);
            }
            return self.origin.with_path(&mended(path, oddities));
        }
        let control = mended(control, oddities);
        match control.as_bytes()[0] {
            b'?' => format!("{}{control}", self.base),
            b'/' => self.below_root(&control, oddities),
            _ if self.base.ends_with('/') => format!("{}{control}", self.base),
            _ => format!("{}/{control}", self.base),
        }
    }

    /// A control attribute with a leading slash: below the base like any other, without a second
    /// slash; unless it repeats the base's own path.
    fn below_root(&self, control: &str, oddities: &mut Oddities) -> String {
        let root = self.origin.with_path("");
        let base = self.base.strip_suffix('/').unwrap_or(&self.base);
        let path = base.strip_prefix(&root).unwrap_or_default();
        let repeats = !path.is_empty()
            && control.strip_prefix(path).is_some_and(|rest| rest.starts_with(['/', '?']));
        if repeats {
            oddities.note(Oddity::OddControlUrl);
            format!("{root}{control}")
        } else {
            format!("{base}{control}")
        }
    }
}

/// A text that names a host, and of which only the path is believed.
struct Located<'a> {
    path: &'a str,
    /// It is not an absolute RTSP URL as written.
    odd: bool,
}

fn located(text: &str, any_name: bool) -> Option<Located<'_>> {
    let (rest, odd) = match undoubled(text) {
        Some(last) => {
            let (_, rest) = split_scheme(last)?;
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            // An IPv6 address without brackets is understood, and wrong.
            let bare = host.matches(':').count() > 1 && !host.starts_with('[');
            (rest, last.len() < text.len() || bare || parse::host_and_port(host).is_err())
        }
        None if !has_scheme(text) && starts_with_authority(text, any_name) => (text, true),
        None => return None,
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some(Located { path: &rest[end..], odd })
}

/// An absolute control attribute of the session; a relative one is no base for anybody.
fn session_path(control: &str, oddities: &mut Oddities) -> Option<String> {
    match located(control, false) {
        Some(Located { path, odd: false }) => Some(mended(path, oddities)),
        Some(Located { path, odd: true }) => {
            oddities.note(Oddity::OddControlUrl);
            Some(mended(path, oddities))
        }
        None => {
            oddities.note(Oddity::OddControlUrl);
            None
        }
    }
}

/// The path of a Content-Base or Content-Location.
fn base_path(value: &str, oddities: &mut Oddities) -> Option<String> {
    let text = value.trim().trim_matches(['"', '<', '>']).trim();
    let (path, odd) = match located(text, true) {
        Some(Located { path, odd }) => (Some(path), odd || text.len() < value.trim().len()),
        None if text.starts_with('/') => (Some(text), true),
        None => (None, true),
    };
    if odd {
        oddities.note(Oddity::OddContentBase);
    }
    path.map(|path| mended(path, oddities))
}

/// Fit for a request line.
fn mended(path: &str, oddities: &mut Oddities) -> String {
    let mut odd = false;
    let mended = path.chars().fold(String::with_capacity(path.len()), |mut out, c| {
        if c == ' ' || c.is_control() {
            odd = true;
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
        out
    });
    if odd {
        oddities.note(Oddity::OddControlUrl);
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(request: &str, headers: &[(&str, &str)], control: Option<&str>) -> (String, bool) {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(*name, *value);
        }
        let mut oddities = Oddities::new();
        let base = ControlBase::of(&Url::parse(request).unwrap(), &all, control, &mut oddities);
        (base.aggregate().to_owned(), !oddities.is_empty())
    }

    #[test]
    fn the_base_is_found_whatever_a_camera_calls_it() {
        let request = "rtsp://u:p@192.168.1.10:8554/stream0";
        type Lines = &'static [(&'static str, &'static str)];
        #[rustfmt::skip]
        let table: &[(Lines, Option<&str>, &str, bool)] = &[
            // VStarcam: none at all.
            (&[], None, "rtsp://192.168.1.10:8554/stream0", false),
            (&[("Content-Base", "rtsp://192.168.1.10:8554/stream0/")], Some("*"), "rtsp://192.168.1.10:8554/stream0/", false),
            // H264DVR, GW Security: no slash, another host or port.
            (&[("Content-Base", "rtsp://127.0.0.1:554/s")], None, "rtsp://192.168.1.10:8554/s", false),
            (&[("Content-Base", "rtsp://a:b@10.0.0.1/s")], None, "rtsp://192.168.1.10:8554/s", false),
            (&[("Content-Base", "rtsps://10.0.0.1")], None, "rtsp://192.168.1.10:8554", false),
            // Anjvision: without scheme.
            (&[("Content-Base", "192.168.1.10:554/stream0/")], None, "rtsp://192.168.1.10:8554/stream0/", true),
            (&[("Content-Base", "192.168.253.220:1935/")], None, "rtsp://192.168.1.10:8554/", true),
            (&[("Content-Base", "rtsp://rtsp://turret2-cam.lan:554/stream1/")], None, "rtsp://192.168.1.10:8554/stream1/", true),
            (&[("Content-Base", "rtsp://::ffff:192.168.1.123/onvif/profile.1/")], None, "rtsp://192.168.1.10:8554/onvif/profile.1/", true),
            // Dahua: a query, and a slash after it.
            (&[("Content-Base", "rtsp://192.168.1.10/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/")], None,
                "rtsp://192.168.1.10:8554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/", false),
            (&[("Content-Base", "/live/")], None, "rtsp://192.168.1.10:8554/live/", true),
            (&[("Content-Base", "\"rtsp://x/live/\"")], None, "rtsp://192.168.1.10:8554/live/", true),
            (&[("Content-Base", "nonsense"), ("Content-Location", "rtsp://x/l/")], None, "rtsp://192.168.1.10:8554/l/", true),
            (&[("Content-Base", ""), ("Content-Location", "live")], None, "rtsp://192.168.1.10:8554/stream0", true),
            (&[("Content-Base", "http://x/live")], None, "rtsp://192.168.1.10:8554/stream0", true),
            (&[("Content-Location", "rtsp://x/l/")], None, "rtsp://192.168.1.10:8554/l/", false),
            // Hikvision: absolute at session level.
            (&[("Content-Base", "rtsp://x/b/")], Some("rtsp://x/Streaming/Channels/101?transportmode=unicast"),
                "rtsp://192.168.1.10:8554/Streaming/Channels/101?transportmode=unicast", false),
            (&[("Content-Base", "rtsp://x/b/")], Some("session"), "rtsp://192.168.1.10:8554/b/", true),
        ];
        for (headers, control, expected, odd) in table {
            let found = base(request, headers, *control);
            assert_eq!(found, ((*expected).to_owned(), *odd), "{headers:?} {control:?}");
        }
    }

    #[test]
    fn every_control_attribute_leads_to_its_track() {
        let query = "rtsp://h:554/test?user=tmp&password=BagRep1!&channel=1&stream=0.sdp";
        #[rustfmt::skip]
        let table: &[(&str, Option<&str>, &str, bool)] = &[
            ("rtsp://u:p@h:554/path/", None, "rtsp://h:554/path/", true),
            ("rtsp://h:554/path/", Some("*"), "rtsp://h:554/path/", false),
            ("rtsp://h:554/path/", Some(""), "rtsp://h:554/path/", true),
            ("rtsp://u:p@h:554/", Some("rtsp://localhost/path/trackID=7"), "rtsp://h:554/path/trackID=7", false),
            ("rtsps://h:322/", Some("rtsp://x:y@localhost:1/path/trackID=7"), "rtsps://h:322/path/trackID=7", false),
            ("rtsp://h", Some("RTSP://h/a?b=1&c=2"), "rtsp://h/a?b=1&c=2", false),
            ("rtsp://h/x", Some("rtsp://rtsp://h/a"), "rtsp://h/a", true),
            ("rtsp://h/x", Some("10.0.0.1:554/a/track1"), "rtsp://h/a/track1", true),
            ("rtsp://[::1]:554/x", Some("rtsp://fe80::1/a"), "rtsp://[::1]:554/a", true),
            ("rtsp://h:554/path/", Some("trackID=5"), "rtsp://h:554/path/trackID=5", false),
            ("rtsp://h:554/sub/path", Some("trackID=5"), "rtsp://h:554/sub/path/trackID=5", false),
            ("rtsp://h:554", Some("trackID=5"), "rtsp://h:554/trackID=5", false),
            (query, Some("trackID=5"), &format!("{query}/trackID=5"), false),
            ("rtsp://h/r?a=1&proto=Onvif/", Some("trackID=0"), "rtsp://h/r?a=1&proto=Onvif/trackID=0", false),
            ("rtsp://h/user=tmp&password=BagRep1!&channel=1&stream=0.sdp", Some("trackID=5"),
                "rtsp://h/user=tmp&password=BagRep1!&channel=1&stream=0.sdp/trackID=5", false),
            ("rtsp://h:554/test", Some("?ctype=video"), "rtsp://h:554/test?ctype=video", false),
            ("rtsp://h:554/", Some("?ctype=video"), "rtsp://h:554/?ctype=video", false),
            ("rtsp://h:554", Some("/test"), "rtsp://h:554/test", false),
            ("rtsp://h:554/", Some("/test"), "rtsp://h:554/test", false),
            ("rtsp://h/live", Some("/track1"), "rtsp://h/live/track1", false),
            ("rtsp://h/live/", Some("/track1"), "rtsp://h/live/track1", false),
            ("rtsp://h/live/", Some("/live/track1"), "rtsp://h/live/track1", true),
            ("rtsp://h/live", Some("/lively/track1"), "rtsp://h/live/lively/track1", false),
            ("rtsp://h/live", Some(" track 1\u{1} "), "rtsp://h/live/track%201%01", true),
            ("rtsp://h/live", Some("streamid=0"), "rtsp://h/live/streamid=0", false),
            ("rtsp://h/live", Some("track:1"), "rtsp://h/live/track:1", false),
            ("rtsp://h/live", Some("track:1/a"), "rtsp://h/live/track:1/a", false),
            ("rtsp://h/live", Some("0.sdp"), "rtsp://h/live/0.sdp", false),
        ];
        for (request, control, expected, odd) in table {
            let url = Url::parse(request).unwrap();
            let mut oddities = Oddities::new();
            let base = ControlBase::of(&url, &Headers::new(), None, &mut oddities);
            assert_eq!(base.resolve(*control, &mut oddities), *expected, "{request} {control:?}");
            assert_eq!(!oddities.is_empty(), *odd, "{request} {control:?}");
        }
    }
}

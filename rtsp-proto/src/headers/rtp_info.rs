//! RTP-Info ([RFC 2326 section 12.33], [RFC 7826 section 18.45]).
//!
//! The two versions share the name and little else: 1.0 writes
//! `url=rtsp://h/a;seq=1;rtptime=2`, 2.0 writes `url="rtsp://h/a" ssrc=0A13C760:seq=1;rtptime=2`.
//! Both are read, whatever the version of the message.
//!
//! A URL of 1.0 is not quoted and may hold commas and semicolons. An element therefore begins at
//! a comma that `url=` follows, and its URL ends at the first parameter that is known by name.
//!
//! [RFC 2326 section 12.33]: https://www.rfc-editor.org/rfc/rfc2326#section-12.33
//! [RFC 7826 section 18.45]: https://www.rfc-editor.org/rfc/rfc7826#section-18.45

use super::{HeaderError, lexer};
use crate::{Headers, Version};
use std::fmt;

const NAME: &str = "RTP-Info";

/// Where each track's packets begin, in the server's order.
///
/// Cameras list tracks nobody set up, URLs of other streams, and numbers that are not true;
/// nothing that matters may rely on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtpInfo(pub Vec<RtpInfoEntry>);

/// One track, or one source of a track in RTSP 2.0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtpInfoEntry {
    /// The track's control URL as written: absolute or relative.
    pub url: String,
    /// Sequence number of the first packet.
    pub seq: Option<u16>,
    /// RTP timestamp of the moment the range begins.
    pub rtptime: Option<u32>,
    /// The source of the packets; written in RTSP 2.0 only.
    pub ssrc: Option<u32>,
}

impl RtpInfo {
    /// Parses the strict form of either version.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        Self::read(value, true)
    }

    /// Parses what cameras write: numbers that cannot be read are left out, so are elements
    /// without a URL. Never fails, and counts nothing, since nothing relies on the header.
    pub fn parse_camera(value: &str) -> Self {
        Self::read(value, false).unwrap_or_default()
    }

    /// The entries of all RTP-Info lines; `None` when there is none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        let mut all = None;
        for value in headers.get_all(NAME) {
            all.get_or_insert_with(Self::default).0.extend(Self::parse(value)?.0);
        }
        Ok(all)
    }

    /// The entries of all RTP-Info lines of a camera; empty when there is none.
    pub fn from_camera(headers: &Headers) -> Self {
        Self(headers.get_all(NAME).flat_map(|value| Self::parse_camera(value).0).collect())
    }

    /// The strict form of this version.
    ///
    /// In 2.0 the numbers belong to a source: those of an entry without one are not written.
    pub fn encode(&self, version: Version) -> String {
        let elements: Vec<String> =
            self.0.iter().map(|entry| entry.encode(version >= Version::V2_0)).collect();
        elements.join(if version >= Version::V2_0 { ", " } else { "," })
    }

    fn read(value: &str, strict: bool) -> Result<Self, HeaderError> {
        let mut entries = Vec::new();
        for element in elements(value) {
            let url = element.get(..4).filter(|name| name.eq_ignore_ascii_case("url="));
            let Some(rest) = url.and_then(|_| element.get(4..)) else {
                if strict {
                    return Err(HeaderError::new(
                        NAME,
                        "an element that begins without url=",
                        value,
                    ));
                }
                continue;
            };
            let read = if rest.starts_with('"') {
                read_quoted(rest, strict, &mut entries)
            } else {
                read_plain(rest, strict, &mut entries)
            };
            read.map_err(|rule| HeaderError::new(NAME, rule, value))?;
        }
        if strict && entries.is_empty() {
            return Err(HeaderError::new(NAME, "no element", value));
        }
        Ok(Self(entries))
    }
}

/// The elements: cut at commas outside quotes that `url=` follows, trailing separators removed.
fn elements(value: &str) -> Vec<&str> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    for piece in lexer::split(value, ',') {
        let begins = piece.trim_start().get(..4).is_some_and(|p| p.eq_ignore_ascii_case("url="));
        if begins && at > start {
            found.push(&value[start..at - 1]);
            start = at;
        }
        at += piece.len() + 1;
    }
    found.push(&value[start..]);
    found.into_iter().map(str::trim).filter(|element| !element.is_empty()).collect()
}

/// RTSP 1.0, behind `url=`.
fn read_plain(
    rest: &str,
    strict: bool,
    entries: &mut Vec<RtpInfoEntry>,
) -> Result<(), &'static str> {
    let known = |piece: &str| {
        let name = lexer::parameter(piece).0;
        ["seq", "rtptime", "ssrc"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let mut at = 0;
    let url_end = lexer::split(rest, ';')
        .find_map(|piece| {
            let here = at;
            at += piece.len() + 1;
            (here > 0 && known(piece)).then(|| here - 1)
        })
        .unwrap_or(rest.len());
    let url = rest[..url_end].trim();
    let url = if strict { url } else { url.trim_end_matches([';', ',']) };
    if url.is_empty() {
        return if strict { Err("an empty URL") } else { Ok(()) };
    }
    let mut entry = RtpInfoEntry { url: url.to_owned(), ..RtpInfoEntry::default() };
    entry.read_parameters(rest.get(url_end + 1..).unwrap_or_default(), strict)?;
    entries.push(entry);
    Ok(())
}

/// RTSP 2.0, behind `url=`.
fn read_quoted(
    rest: &str,
    strict: bool,
    entries: &mut Vec<RtpInfoEntry>,
) -> Result<(), &'static str> {
    let Some(end) = lexer::closing_quote(&rest[1..]) else {
        return if strict { Err("a URL whose quotes stay open") } else { Ok(()) };
    };
    let url = lexer::unescape(&rest[1..=end]).into_owned();
    if url.is_empty() {
        return if strict { Err("an empty URL") } else { Ok(()) };
    }
    let rest = rest[end + 2..].trim();
    if let Some(parameters) = rest.strip_prefix(';') {
        // A URL in quotes with the parameters of 1.0 behind it.
        if strict {
            return Err("parameters without an ssrc");
        }
        let mut entry = RtpInfoEntry { url, ..RtpInfoEntry::default() };
        entry.read_parameters(parameters, strict)?;
        entries.push(entry);
        return Ok(());
    }
    if rest.is_empty() {
        entries.push(RtpInfoEntry { url: url.clone(), ..RtpInfoEntry::default() });
    }
    for source in rest.split_ascii_whitespace() {
        let mut entry = RtpInfoEntry { url: url.clone(), ..RtpInfoEntry::default() };
        let (ssrc, parameters) = source.split_once(':').unwrap_or((source, ""));
        let (name, text) = lexer::parameter(ssrc);
        entry.ssrc = text.filter(|_| name.eq_ignore_ascii_case("ssrc")).and_then(hex);
        if entry.ssrc.is_none() && strict {
            return Err("a source that is not ssrc= and eight hexadecimal digits");
        }
        entry.read_parameters(parameters, strict)?;
        entries.push(entry);
    }
    Ok(())
}

impl RtpInfoEntry {
    fn read_parameters(&mut self, text: &str, strict: bool) -> Result<(), &'static str> {
        if text.trim().is_empty() {
            return Ok(());
        }
        for piece in text.split(';') {
            let (name, value) = lexer::parameter(piece);
            let value = value.unwrap_or_default();
            let readable = if name.eq_ignore_ascii_case("seq") {
                self.seq = lexer::number(value);
                self.seq.is_some()
            } else if name.eq_ignore_ascii_case("rtptime") {
                self.rtptime = lexer::number(value);
                self.rtptime.is_some()
            } else if name.eq_ignore_ascii_case("ssrc") {
                self.ssrc = hex(value);
                self.ssrc.is_some()
            } else {
                lexer::is_token(name)
            };
            if strict && !readable {
                return Err("a parameter that cannot be read");
            }
        }
        Ok(())
    }

    fn encode(&self, quoted: bool) -> String {
        let mut out = if quoted {
            let url = self.url.replace('"', "%22").replace('\\', "%5C");
            match self.ssrc {
                Some(ssrc) => format!("url=\"{url}\" ssrc={ssrc:08X}"),
                None => return format!("url=\"{url}\""),
            }
        } else {
            format!("url={}", self.url)
        };
        let seq = self.seq.map(|seq| format!("seq={seq}"));
        let rtptime = self.rtptime.map(|rtptime| format!("rtptime={rtptime}"));
        for (at, parameter) in seq.into_iter().chain(rtptime).enumerate() {
            out.push(if quoted && at == 0 { ':' } else { ';' });
            out.push_str(&parameter);
        }
        out
    }
}

fn hex(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits { u32::from_str_radix(text, 16).ok() } else { None }
}

impl fmt::Display for RtpInfo {
    /// The form of RTSP 1.0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode(Version::V1_0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(url: &str, seq: Option<u16>, rtptime: Option<u32>, ssrc: Option<u32>) -> RtpInfoEntry {
        RtpInfoEntry { url: url.into(), seq, rtptime, ssrc }
    }

    #[test]
    fn strict_both_versions_are_read_and_written() {
        let first = entry("rtsp://h/a;x,y/trackID=0", Some(1), Some(2), None);
        let second = entry("rtsp://h/a/trackID=1", Some(65535), None, None);
        let info = RtpInfo(vec![first, second]);
        let text =
            "url=rtsp://h/a;x,y/trackID=0;seq=1;rtptime=2,url=rtsp://h/a/trackID=1;seq=65535";
        assert_eq!(RtpInfo::parse(text), Ok(info.clone()));
        assert_eq!(info.to_string(), text);

        let first = entry("rtsp://h/a", Some(1), Some(2), Some(0x0A13_C760));
        let second = entry("rtsp://h/a", Some(3), None, Some(7));
        let info = RtpInfo(vec![first, second, entry("rtsp://h/b,c", None, None, None)]);
        let text = "url=\"rtsp://h/a\" ssrc=0A13C760:seq=1;rtptime=2 ssrc=00000007:seq=3, url=\"rtsp://h/b,c\"";
        assert_eq!(RtpInfo::parse(text), Ok(info.clone()));
        let written = info.encode(Version::V2_0);
        assert_eq!(RtpInfo::parse(&written), Ok(info), "{written}");
    }

    #[test]
    fn loose_cameras_write_more_than_they_should() {
        for (value, entries) in [
            // Dahua and Reolink: relative URLs; Reolink: ssrc in 1.0; Axis: blanks after commas.
            (
                "url=trackID=0;seq=26;rtptime=7;ssrc=4D5A, url=trackID=4;seq=1",
                vec![
                    entry("trackID=0", Some(26), Some(7), Some(0x4D5A)),
                    entry("trackID=4", Some(1), None, None),
                ],
            ),
            // Laureii: a trailing semicolon. OMNY: a negative time.
            ("url=a;seq=1;rtptime=-1;", vec![entry("a", Some(1), None, None)]),
            ("url=a;", vec![entry("a", None, None, None)]),
            ("url=\"a\";seq=4", vec![entry("a", Some(4), None, None)]),
            ("seq=1;rtptime=2", vec![]),
            ("url=;seq=1,URL=b;seq=99999", vec![entry("b", None, None, None)]),
            ("", vec![]),
            ("url=\"a", vec![]),
        ] {
            assert_eq!(RtpInfo::parse_camera(value).0, entries, "{value}");
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        for value in ["", "seq=1", "url=", "url=a;seq=x", "url=\"a", "url=\"a\" seq=1", "url=\"\""]
        {
            assert!(RtpInfo::parse(value).is_err(), "{value}");
        }
        let error = RtpInfo::parse("url=a;seq=x").unwrap_err().to_string();
        assert_eq!(error, "RTP-Info: a parameter that cannot be read in `url=a;seq=x`");
    }

    #[test]
    fn absent_is_no_error() {
        assert_eq!(RtpInfo::from_headers(&Headers::new()), Ok(None));
        assert_eq!(RtpInfo::from_camera(&Headers::new()), RtpInfo::default());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            entries in prop::collection::vec(
                ("rtsp://[a-z]{1,5}/[a-zA-Z0-9=&?,/]{0,12}", any::<Option<u16>>(), any::<Option<u32>>(), any::<u32>()),
                1..4,
            )
        ) {
            let mut info = RtpInfo(entries.iter().map(|(u, s, t, c)| entry(u, *s, *t, Some(*c))).collect());
            prop_assert_eq!(RtpInfo::parse(&info.encode(Version::V2_0)), Ok(info.clone()));
            for entry in &mut info.0 {
                entry.ssrc = None;
            }
            prop_assert_eq!(RtpInfo::parse(&info.to_string()), Ok(info));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[url=\";,é seq1rtp:x]*|url=[url=\";, seq1:]*") {
            let _ = RtpInfo::parse(&value);
            let _ = RtpInfo::parse_camera(&value);
        }
    }
}

//! Reading a transport, in both dialects with one parser.

use super::{Delivery, Lower, MAX_SPECS, NAME, Profile, Transport, TransportSpec, ssrc};
use crate::headers::leniency::Leniency;
use crate::headers::{HeaderError, lexer};
use crate::{Oddities, Oddity};

pub(super) fn list(value: &str) -> Result<Transport, HeaderError> {
    let mut specs = Vec::new();
    for piece in lexer::split(value, ',').map(str::trim).filter(|piece| !piece.is_empty()) {
        if specs.len() == MAX_SPECS {
            return Err(HeaderError::new(NAME, "more than 16 transports", value));
        }
        specs.push(read(piece, false, Leniency::strict(NAME, value))?);
    }
    if specs.is_empty() {
        return Err(HeaderError::new(NAME, "no transport", value));
    }
    Ok(Transport(specs))
}

pub(super) fn one(value: &str) -> Result<TransportSpec, HeaderError> {
    let mut specs = list(value)?.0;
    match specs.pop() {
        Some(spec) if specs.is_empty() => Ok(spec),
        _ => Err(HeaderError::new(NAME, "more than one transport", value)),
    }
}

pub(super) fn camera(value: &str, oddities: &mut Oddities) -> Result<TransportSpec, HeaderError> {
    let mut pieces = lexer::split(value, ',').filter(|piece| !piece.trim().is_empty());
    let first = pieces.next().unwrap_or_default();
    let mut leniency = Leniency::camera(NAME, value, oddities, Oddity::OddTransport);
    if pieces.next().is_some() {
        leniency.depart("more than one transport")?;
    }
    read(first.trim(), true, leniency)
}

/// What of a specification has been read; each parameter may come once.
struct Reader<'a> {
    spec: TransportSpec,
    profile: bool,
    seen: Vec<String>,
    camera: bool,
    leniency: Leniency<'a>,
}

fn read(text: &str, camera: bool, leniency: Leniency<'_>) -> Result<TransportSpec, HeaderError> {
    let mut reader =
        Reader { spec: TransportSpec::new(), profile: false, seen: Vec::new(), camera, leniency };
    for piece in lexer::split(text, ';') {
        reader.piece(piece.trim())?;
    }
    reader.finish()
}

/// The parameters that have a meaning; in another form than theirs they have none.
const KNOWN: [&str; 15] = [
    "unicast",
    "multicast",
    "rtcp-mux",
    "interleaved",
    "client_port",
    "server_port",
    "port",
    "destination",
    "source",
    "ssrc",
    "ttl",
    "layers",
    "mode",
    "dest_addr",
    "src_addr",
];

impl Reader<'_> {
    fn piece(&mut self, piece: &str) -> Result<(), HeaderError> {
        let (name, value) = lexer::parameter(piece);
        if name.is_empty() {
            return self.leniency.depart("an empty parameter");
        }
        if value.is_none() && name.contains('/') {
            return self.identifier(name);
        }
        if !self.profile && self.seen.is_empty() {
            self.leniency.depart("no protocol and profile in front")?;
        }
        if !lexer::is_token(name) {
            return self.leniency.depart("a parameter whose name is no token");
        }
        let lower = name.to_ascii_lowercase();
        if self.seen.contains(&lower) {
            return self.leniency.depart("a parameter that comes twice");
        }
        let known = self.parameter(&lower, value)?;
        if known {
            self.seen.push(lower);
        } else if value.is_none_or(lexer::is_closed) {
            self.spec.other.push((name.to_owned(), value.map(str::to_owned)));
        } else {
            self.leniency.depart("a value whose quotes stay open")?;
        }
        Ok(())
    }

    /// `protocol/profile[/lower]`
    fn identifier(&mut self, text: &str) -> Result<(), HeaderError> {
        if self.profile {
            return self.leniency.depart("a second protocol and profile");
        }
        if !self.seen.is_empty() || !self.spec.other.is_empty() {
            self.leniency.depart("parameters before protocol and profile")?;
        }
        if !text.split('/').all(lexer::is_token) {
            return self.leniency.depart("a protocol and profile that are no tokens");
        }
        self.profile = true;
        let ends = |tail: &str| {
            text.len()
                .checked_sub(tail.len())
                .filter(|&at| text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(tail))
        };
        let (stem, lower) = match (ends("/TCP"), ends("/UDP")) {
            (Some(at), _) => (&text[..at], Lower::Tcp),
            (_, Some(at)) => (&text[..at], Lower::Udp),
            _ => (text, Lower::Udp),
        };
        self.spec.lower = lower;
        self.spec.profile = Profile::NAMED
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(stem))
            .map_or_else(|| Profile::Other(text.to_owned()), |(profile, _)| profile.clone());
        Ok(())
    }

    /// Reads a parameter; `false` when its name is not known in this form.
    fn parameter(&mut self, name: &str, value: Option<&str>) -> Result<bool, HeaderError> {
        match (name, value) {
            ("unicast", None) => self.delivery(Delivery::Unicast)?,
            ("multicast", None) => self.delivery(Delivery::Multicast)?,
            ("rtcp-mux", None) => self.spec.rtcp_mux = true,
            ("interleaved", Some(text)) => {
                self.spec.interleaved = self.pair(text, "channels that are not 0 to 255")?;
            }
            ("client_port", Some(text)) => self.spec.client_port = self.ports(text)?,
            ("server_port", Some(text)) => self.spec.server_port = self.ports(text)?,
            ("port", Some(text)) => self.spec.port = self.ports(text)?,
            ("destination", Some(text)) => self.spec.destination = self.host(text)?,
            ("source", Some(text)) => self.spec.source = self.host(text)?,
            ("ssrc", Some(text)) => self.spec.ssrc = self.ssrc(text)?,
            ("ttl", Some(text)) => self.spec.ttl = self.number(text, "a ttl over 255")?,
            ("layers", Some(text)) => self.spec.layers = self.number(text, "layers over 255")?,
            ("mode", Some(text)) => self.spec.mode = self.mode(text)?,
            ("dest_addr", Some(text)) => self.spec.dest_addr = self.addresses(text)?,
            ("src_addr", Some(text)) => self.spec.src_addr = self.addresses(text)?,
            (known, _) if KNOWN.contains(&known) => {
                self.leniency.depart("a parameter with a value it cannot have, or without one")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), HeaderError> {
        if self.spec.delivery.is_some() {
            return self.leniency.depart("both unicast and multicast");
        }
        self.spec.delivery = Some(delivery);
        Ok(())
    }

    /// `first` or `first-second`
    fn pair<T: std::str::FromStr>(
        &mut self,
        text: &str,
        rule: &'static str,
    ) -> Result<Option<(T, Option<T>)>, HeaderError> {
        let (first, second) = match text.split_once('-') {
            Some((first, second)) => (first.trim(), Some(second.trim())),
            None => (text, None),
        };
        let Some(first) = lexer::number(first) else {
            self.leniency.depart(rule)?;
            return Ok(None);
        };
        let number = second.and_then(lexer::number);
        if second.is_some() && number.is_none() {
            self.leniency.depart(rule)?;
        }
        Ok(Some((first, number)))
    }

    fn ports(&mut self, text: &str) -> Result<Option<(u16, Option<u16>)>, HeaderError> {
        const RULE: &str = "ports that are not 1 to 65535";
        let Some((rtp, rtcp)) = self.pair(text, RULE)? else { return Ok(None) };
        if rtp == 0 {
            self.leniency.depart(RULE)?;
            return Ok(None);
        }
        if rtcp == Some(0) {
            self.leniency.depart(RULE)?;
            return Ok(Some((rtp, None)));
        }
        Ok(Some((rtp, rtcp)))
    }

    fn number(&mut self, text: &str, rule: &'static str) -> Result<Option<u8>, HeaderError> {
        let number = lexer::number(text);
        if number.is_none() {
            self.leniency.depart(rule)?;
        }
        Ok(number)
    }

    fn host(&mut self, text: &str) -> Result<Option<String>, HeaderError> {
        let host = lexer::unquote(text).unwrap_or_default();
        let plain = |c: char| c.is_ascii_graphic() && !"\"\\;,=/".contains(c);
        if !host.is_empty() && host.chars().all(plain) {
            return Ok(Some(host.into_owned()));
        }
        self.leniency.depart("an address that is empty or unreadable")?;
        Ok(None)
    }

    fn ssrc(&mut self, text: &str) -> Result<Option<u32>, HeaderError> {
        if let Some(ssrc) = ssrc::strict(text) {
            return Ok(Some(ssrc));
        }
        self.leniency.depart("an ssrc that is not eight hexadecimal digits")?;
        Ok(ssrc::camera(text))
    }

    fn mode(&mut self, text: &str) -> Result<Option<String>, HeaderError> {
        let mode = lexer::unquote(text).unwrap_or_default();
        if !mode.is_empty() && mode.split(',').map(str::trim).all(lexer::is_token) {
            return Ok(Some(mode.into_owned()));
        }
        self.leniency.depart("a mode that is no list of methods")?;
        Ok(None)
    }

    fn addresses(&mut self, text: &str) -> Result<Vec<String>, HeaderError> {
        let mut found = Vec::new();
        for piece in lexer::split(text, '/').map(str::trim) {
            match lexer::unquote(piece) {
                Some(address) if !address.is_empty() => {
                    if !piece.starts_with('"') {
                        self.leniency.depart("an address without quotes")?;
                    }
                    found.push(address.into_owned());
                }
                _ => self.leniency.depart("an address that is empty or unreadable")?,
            }
        }
        Ok(found)
    }

    fn finish(mut self) -> Result<TransportSpec, HeaderError> {
        if !self.profile {
            if self.seen.is_empty() {
                return Err(self.leniency.broken("no protocol and profile"));
            }
            self.leniency.depart("no protocol and profile")?;
        }
        // Escam Q6 answers `RTP/AVP;unicast;…;interleaved=0-1`: channels mean TCP.
        let known = !matches!(self.spec.profile, Profile::Other(_));
        if self.camera && known && self.spec.lower == Lower::Udp && self.spec.interleaved.is_some()
        {
            self.leniency.depart("channels without /TCP")?;
            self.spec.lower = Lower::Tcp;
        }
        Ok(self.spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Headers, Version};
    use proptest::prelude::*;

    fn udp() -> TransportSpec {
        TransportSpec { delivery: Some(Delivery::Unicast), ..TransportSpec::new() }
    }

    fn tcp(interleaved: Option<(u8, Option<u8>)>) -> TransportSpec {
        TransportSpec { lower: Lower::Tcp, interleaved, ..udp() }
    }

    #[test]
    fn strict_what_players_and_cameras_write_by_the_book() {
        for (value, spec) in [
            ("RTP/AVP/TCP;unicast;interleaved=0-1", TransportSpec::interleaved(0)),
            // QuickTime leaves the channels to the server.
            ("RTP/AVP/TCP;unicast", tcp(None)),
            ("rtp/avp/tcp; Unicast; Interleaved = 4", tcp(Some((4, None)))),
            ("RTP/AVP;unicast;client_port=5000-5001", TransportSpec::udp(5000)),
            ("RTP/AVP/UDP;unicast;client_port=5000-5001", TransportSpec::udp(5000)),
            (
                "RTP/SAVPF;unicast;source=fe80::1;server_port=6000;ssrc=0d6d6627;mode=\"PLAY\"",
                TransportSpec {
                    profile: Profile::Savpf,
                    source: Some("fe80::1".into()),
                    server_port: Some((6000, None)),
                    ssrc: Some(0x0D6D_6627),
                    mode: Some("PLAY".into()),
                    ..udp()
                },
            ),
            (
                "RTP/AVP;multicast;destination=239.0.0.1;port=7000-7001;ttl=16;layers=2;mode=play",
                TransportSpec {
                    delivery: Some(Delivery::Multicast),
                    destination: Some("239.0.0.1".into()),
                    port: Some((7000, Some(7001))),
                    ttl: Some(16),
                    layers: Some(2),
                    mode: Some("play".into()),
                    ..TransportSpec::new()
                },
            ),
            // RFC 7826 section 18.54, with additions that are kept.
            (
                "RTP/AVPF/UDP;unicast;dest_addr=\"192.0.2.5:3456\"/\":3457\";src_addr=\"[::1]:4\"\
                 ;RTCP-mux;setup=active;connection=new;append;x-note=\"a;b,c\"",
                TransportSpec {
                    profile: Profile::Avpf,
                    dest_addr: vec!["192.0.2.5:3456".into(), ":3457".into()],
                    src_addr: vec!["[::1]:4".into()],
                    rtcp_mux: true,
                    other: vec![
                        ("setup".into(), Some("active".into())),
                        ("connection".into(), Some("new".into())),
                        ("append".into(), None),
                        ("x-note".into(), Some("\"a;b,c\"".into())),
                    ],
                    ..udp()
                },
            ),
            (
                "x-real-rdt/tcp;unicast",
                TransportSpec { profile: Profile::Other("x-real-rdt/tcp".into()), ..tcp(None) },
            ),
        ] {
            assert_eq!(TransportSpec::parse(value), Ok(spec.clone()), "{value}");
            assert_eq!(TransportSpec::parse(&spec.to_string()), Ok(spec.clone()), "{value}");
            let mut oddities = Oddities::new();
            assert_eq!(TransportSpec::parse_camera(value, &mut oddities), Ok(spec), "{value}");
            assert!(oddities.is_empty(), "{value}");
        }
    }

    #[test]
    fn strict_a_client_may_list_what_it_would_take() {
        let list = Transport::parse(
            "RTP/AVP;unicast;client_port=5000-5001, x-pn-tng/tcp;mode=play,\
             RTP/AVP/TCP;unicast;interleaved=0-1,",
        )
        .unwrap();
        assert_eq!(list.0.len(), 3);
        assert_eq!(list.0[2], TransportSpec::interleaved(0));
        assert_eq!(Transport::parse(&list.to_string()), Ok(list));
    }

    #[test]
    fn loose_every_known_camera_gets_its_packets_through() {
        let avp = TransportSpec::new;
        for (value, spec) in [
            // Escam Q6: no /TCP.
            (
                "RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.3;interleaved=0-1",
                TransportSpec {
                    destination: Some("10.0.0.2".into()),
                    source: Some("10.0.0.3".into()),
                    ..tcp(Some((0, Some(1))))
                },
            ),
            // Hikvision: short and padded SSRC.
            (
                "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627;mode=\"play\"",
                TransportSpec {
                    ssrc: Some(0x0D6D_6627),
                    mode: Some("play".into()),
                    ..tcp(Some((0, Some(1))))
                },
            ),
            ("RTP/AVP;ssrc=     D93FF", TransportSpec { ssrc: Some(0xD_93FF), ..avp() }),
            ("RTP/AVP;ssrc=1449463210", TransportSpec { ssrc: Some(1_449_463_210), ..avp() }),
            ("RTP/AVP;ssrc=0x1A2B", TransportSpec { ssrc: Some(0x1A2B), ..avp() }),
            // H264DVR, and something unreadable.
            ("RTP/AVP;ssrc=0", avp()),
            ("RTP/AVP;ssrc=xyz", avp()),
            ("RTP/AVP;ssrc=", avp()),
            // Luckfox: the SSRC first, nothing about delivery.
            (
                "ssrc=22345684;RTP/AVP/TCP;interleaved=0-1",
                TransportSpec {
                    ssrc: Some(0x2234_5684),
                    delivery: None,
                    ..tcp(Some((0, Some(1))))
                },
            ),
            ("interleaved=2-3;unicast", tcp(Some((2, Some(3))))),
            (
                "unicast;RTP/AVP;client_port=9",
                TransportSpec { client_port: Some((9, None)), ..udp() },
            ),
            // Empty addresses, no useful ports.
            (
                "RTP/AVP;unicast;source=;destination=;client_port=9-10;server_port=0-0",
                TransportSpec { client_port: Some((9, Some(10))), ..udp() },
            ),
            ("RTP/AVP;unicast;server_port=70000", udp()),
            (
                "RTP/AVP;unicast;server_port=7-",
                TransportSpec { server_port: Some((7, None)), ..udp() },
            ),
            ("RTP/AVP/TCP;unicast;interleaved=0-256", tcp(Some((0, None)))),
            // A list, repeats, empty parameters.
            ("RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast", TransportSpec::interleaved(0)),
            (
                "RTP/AVP/TCP;;unicast;interleaved=0-1;unicast;interleaved=2-3;",
                TransportSpec::interleaved(0),
            ),
            (
                "RTP/AVP;unicast;dest_addr=:5000/:5001",
                TransportSpec { dest_addr: vec![":5000".into(), ":5001".into()], ..udp() },
            ),
            ("RTP/AVP;unicast;ttl=300;mode=;a b=1;x=\"", udp()),
        ] {
            let mut oddities = Oddities::new();
            assert_eq!(
                TransportSpec::parse_camera(value, &mut oddities),
                Ok(spec.clone()),
                "{value}"
            );
            assert_eq!(oddities.count(Oddity::OddTransport), 1, "{value}");
            assert_eq!(TransportSpec::parse(&spec.to_string()), Ok(spec), "{value}");
        }
    }

    #[test]
    fn bad_transports_are_refused_by_name() {
        for value in [
            "",
            ",",
            ";",
            "RTP",
            "unicast",
            "interleaved=0-1",
            "RTP/AVP;;unicast",
            "RTP/AVP;",
            "RTP/AVP;unicast;multicast",
            "RTP/AVP;ttl=256",
            "RTP/AVP;client_port=0",
            "RTP/AVP;client_port=1-2-3",
            "RTP/AVP;client_port=+1",
            "RTP/AVP/TCP;interleaved=256",
            "RTP/AVP;ssrc=1",
            "RTP/AVP;mode=\"",
            "RTP/AVP;source=",
            "RTP/AVP;ttl=1;TTL=2",
            "RTP/AVP;dest_addr=:5000",
            "RTP/AVP;RTP/AVP",
            "RTP//AVP",
            "RTP/AVP;x=\"",
        ] {
            assert!(TransportSpec::parse(value).is_err(), "{value}");
        }
        for value in ["", ",", ";", "garbage", "200 OK"] {
            assert!(TransportSpec::parse_camera(value, &mut Oddities::new()).is_err(), "{value}");
        }
        let error = TransportSpec::parse("RTP/AVP;ttl=256").unwrap_err().to_string();
        assert_eq!(error, "Transport: a ttl over 255 in `RTP/AVP;ttl=256`");
        assert!(Transport::parse(&["RTP/AVP"; 16].join(",")).is_ok());
        let error = Transport::parse(&["RTP/AVP"; 17].join(",")).unwrap_err();
        assert_eq!(error.reason(), "more than 16 transports");
        assert!(TransportSpec::parse("RTP/AVP,RTP/AVP").is_err());
    }

    #[test]
    fn absent_is_no_error() {
        let mut headers = Headers::new();
        assert_eq!(Transport::from_headers(&headers), Ok(None));
        assert_eq!(TransportSpec::from_camera(&headers, &mut Oddities::new()), Ok(None));
        headers.append("transport", "RTP/AVP");
        headers.append("Transport", "RTP/AVP/TCP");
        assert_eq!(Transport::from_headers(&headers).unwrap().unwrap().0.len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            value in "(RTP/AVP|RTP/SAVP/TCP|a/b)(;unicast|;multicast)?(;interleaved=[0-9]{1,2}(-[0-9]{1,2})?)?\
                (;client_port=[1-9]{4}(-[1-9]{4})?)?(;server_port=[1-9]{4})?(;source=[a-z.]{1,9})?\
                (;ssrc=[0-9A-F]{8})?(;mode=\"?PLAY)?(;[u-z]{2,5}(=[a-z0-9 +._-]{0,5})?)?"
        ) {
            let value = if value.matches('"').count() == 1 { value.replace('"', "") } else { value };
            let spec = TransportSpec::parse(&value).unwrap();
            prop_assert_eq!(TransportSpec::parse(&spec.to_string()), Ok(spec.clone()));
            let second = spec.encode(Version::V2_0);
            let again = TransportSpec::parse(&second).unwrap();
            prop_assert_eq!(again.encode(Version::V2_0), second);
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(
            value in "\\PC*|RTP/AVP(;(ssrc|source|ttl|mode|interleaved|dest_addr|port|x)=[0-9a-f:/\"\\\\é -]*)*"
        ) {
            let _ = Transport::parse(&value);
            if let Ok(spec) = TransportSpec::parse_camera(&value, &mut Oddities::new()) {
                prop_assert_eq!(TransportSpec::parse(&spec.to_string()), Ok(spec));
            }
        }
    }
}

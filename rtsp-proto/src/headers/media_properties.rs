//! Media-Properties ([RFC 7826 section 18.29]): what can be done with a presentation.
//!
//! [RFC 7826 section 18.29]: https://www.rfc-editor.org/rfc/rfc7826#section-18.29

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Media-Properties";

/// The properties in the server's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaProperties(pub Vec<MediaProperty>);

/// One property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaProperty {
    /// Playing can begin anywhere.
    RandomAccess,
    /// Playing can begin at the beginning only.
    BeginningOnly,
    /// Playing cannot begin anywhere else than it does.
    NoSeeking,
    /// The content does not change.
    Immutable,
    /// The content may change.
    Dynamic,
    /// The content grows with the time on the wall.
    TimeProgressing,
    /// The content stays.
    Unlimited,
    /// How long content can be played after it came about, in seconds as written; `0` is live
    /// media that nobody keeps.
    TimeDuration(String),
    /// Anything else: name, and value if there is one, quotes included.
    Other(String, Option<String>),
}

impl MediaProperties {
    /// What a camera shows, while it shows it.
    pub fn live() -> Self {
        use MediaProperty::{NoSeeking, TimeDuration, TimeProgressing};
        Self(vec![NoSeeking, TimeProgressing, TimeDuration("0".into())])
    }

    /// Parses a list; properties that are not known are no error.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let pieces = lexer::split(value, ',').map(str::trim).filter(|piece| !piece.is_empty());
        let properties = pieces.map(|piece| {
            MediaProperty::read(piece).map_err(|rule| HeaderError::new(NAME, rule, value))
        });
        properties.collect::<Result<_, _>>().map(Self)
    }

    /// The properties a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }
}

impl MediaProperty {
    fn read(piece: &str) -> Result<Self, &'static str> {
        let (name, value) = lexer::parameter(piece);
        if !lexer::is_token(name) {
            return Err("a property that is no token");
        }
        if value.is_some_and(|value| value.is_empty() || !lexer::is_closed(value)) {
            return Err("a property whose value is empty or whose quotes stay open");
        }
        Ok(match (name.to_ascii_lowercase().as_str(), value) {
            ("random-access", None) => Self::RandomAccess,
            ("beginning-only", None) => Self::BeginningOnly,
            ("no-seeking", None) => Self::NoSeeking,
            ("immutable", None) => Self::Immutable,
            ("dynamic", None) => Self::Dynamic,
            ("time-progressing", None) => Self::TimeProgressing,
            ("unlimited", None) => Self::Unlimited,
            ("time-duration", Some(seconds)) => Self::TimeDuration(seconds.to_owned()),
            (_, value) => Self::Other(name.to_owned(), value.map(str::to_owned)),
        })
    }
}

impl fmt::Display for MediaProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RandomAccess => f.write_str("Random-Access"),
            Self::BeginningOnly => f.write_str("Beginning-Only"),
            Self::NoSeeking => f.write_str("No-Seeking"),
            Self::Immutable => f.write_str("Immutable"),
            Self::Dynamic => f.write_str("Dynamic"),
            Self::TimeProgressing => f.write_str("Time-Progressing"),
            Self::Unlimited => f.write_str("Unlimited"),
            Self::TimeDuration(seconds) => write!(f, "Time-Duration={seconds}"),
            Self::Other(name, None) => f.write_str(name),
            Self::Other(name, Some(value)) => write!(f, "{name}={value}"),
        }
    }
}

impl fmt::Display for MediaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, property) in self.0.iter().enumerate() {
            write!(f, "{}{property}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cameras_say_of_live_media_is_understood() {
        let live = MediaProperties::live();
        assert_eq!(live.to_string(), "No-Seeking, Time-Progressing, Time-Duration=0");
        assert_eq!(MediaProperties::parse(&live.to_string()), Ok(live.clone()));
        // gst-rtsp-server, and a Hikvision recorder in RTSP 1.0.
        let gst = MediaProperties::parse("No-Seeking,Time-Progressing,Time-Duration=0.0").unwrap();
        assert_eq!(gst.0[..2], live.0[..2]);
        assert_eq!(gst.0[2], MediaProperty::TimeDuration("0.0".into()));
        let recording = "Random-Access=2.5, Immutable, Unlimited, Scales=\"-20, 1:10\"";
        let recording = MediaProperties::parse(recording).unwrap();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(recording.0[0], MediaProperty::Other("Random-Access".into(), value("2.5")));
        assert_eq!(recording.0[3], MediaProperty::Other("Scales".into(), value("\"-20, 1:10\"")));
    }

    #[test]
    fn bad_properties_are_refused_by_name() {
        for value in ["a b", "=1", "Time-Duration=", "Scales=\"1"] {
            assert!(MediaProperties::parse(value).is_err(), "{value}");
        }
        let error = MediaProperties::parse("a b").unwrap_err().to_string();
        assert_eq!(error, "Media-Properties: a property that is no token in `a b`");
        assert_eq!(MediaProperties::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|(No-Seeking|Time-Duration=[0-9\",]*|[a-z=\", ])*") {
            if let Ok(properties) = MediaProperties::parse(&value) {
                prop_assert_eq!(MediaProperties::parse(&properties.to_string()), Ok(properties));
            }
        }
    }
}

//! Departures from the standards that were tolerated, by name and number.

use std::fmt;

macro_rules! oddities {
    ($($name:ident $text:literal)*) => {
        /// Something a camera does against the standards, and that was understood all the same.
        ///
        /// `Display` gives the words for a log line or a status page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Oddity { $(#[doc = $text] $name,)* }

        impl Oddity {
            /// Every oddity, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for Oddity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

oddities! {
    HttpStatusLine "a status line of HTTP instead of RTSP"
    BlankLines "blank lines before a message"
    BareLineEnd "line ends without CR"
    FoldedHeader "a header value folded over several lines"
    MalformedHeader "a header line without a colon"
    NotUtf8 "bytes that are not UTF-8"
    BadContentLength "a wrong or unreadable Content-Length"
    Garbage "bytes between messages that belong to nothing"
    MissingCseq "a response without a usable CSeq"
    WrongCseq "a response with another CSeq than the request's"
    MissingContentType "a presentation without Content-Type"
    OddContentBase "a Content-Base that is not a URL"
    OddControlUrl "a control attribute that had to be guessed"
    MissingControl "a media description without a control attribute"
    OddSdpLine "an SDP line that had to be skipped or mended"
    SkippedMedia "a media description that cannot be relayed"
    OddRtpMap "a payload type with a missing or wrong rtpmap"
    OddDirection "a direction attribute that cannot be right"
    BadParameterSets "sprop parameter sets that cannot be read"
    OddTransport "a Transport header with missing or odd parameters"
    OddChannels "interleaved channels other than asked for"
    OddSession "a Session header that changes or cannot be read"
    LateAnswer "media before the answer to PLAY"
    MethodRefused "a keepalive method that was refused"
    UnknownAuthScheme "an authentication scheme that is not known"
    UnknownChannel "frames on a channel nobody set up"
    UnknownPayloadType "packets of a payload type that was not described"
    BadRtp "RTP packets that cannot be read"
    BadRtcp "RTCP packets that cannot be read"
    ForeignReport "sender reports of a source that sends no media"
    SsrcChange "a change of SSRC in mid-stream"
    SequenceJump "a jump of sequence numbers"
    TimestampJump "a jump of timestamps"
    NoMarker "access units without the marker bit"
    EarlyMarker "the marker bit in the middle of an access unit"
}

/// How often each [`Oddity`] was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddities {
    counts: [u64; Oddity::ALL.len()],
}

impl Default for Oddities {
    fn default() -> Self {
        Self { counts: [0; Oddity::ALL.len()] }
    }
}

impl Oddities {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more; `true` when it is the first of its kind, which is the one worth a log line.
    pub fn note(&mut self, oddity: Oddity) -> bool {
        let count = &mut self.counts[oddity as usize];
        *count = count.saturating_add(1);
        *count == 1
    }

    /// Adds the counts of another collection.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// What came to these since `earlier`, a copy of them.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut more = Self::new();
        let pairs = self.counts.iter().zip(earlier.counts);
        for (more, (count, before)) in more.counts.iter_mut().zip(pairs) {
            *more = count.saturating_sub(before);
        }
        more
    }

    /// How often this one was met.
    pub fn count(&self, oddity: Oddity) -> u64 {
        self.counts[oddity as usize]
    }

    /// Those met at least once, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Oddity, u64)> + '_ {
        Oddity::ALL.iter().map(|&oddity| (oddity, self.count(oddity))).filter(|&(_, n)| n > 0)
    }

    /// Whether nothing odd was met.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&count| count == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_a_kind_is_news() {
        let mut oddities = Oddities::new();
        assert!(oddities.is_empty());
        assert!(oddities.note(Oddity::Garbage));
        assert!(!oddities.note(Oddity::Garbage));
        assert_eq!(oddities.iter().collect::<Vec<_>>(), [(Oddity::Garbage, 2)]);
    }

    #[test]
    fn what_was_counted_already_is_not_counted_again() {
        let mut oddities = Oddities::new();
        oddities.note(Oddity::Garbage);
        let earlier = oddities.clone();
        assert!(oddities.since(&earlier).is_empty());
        oddities.note(Oddity::Garbage);
        oddities.note(Oddity::BadRtp);
        let more = oddities.since(&earlier);
        assert_eq!(more.iter().collect::<Vec<_>>(), [(Oddity::Garbage, 1), (Oddity::BadRtp, 1)]);
    }
}

//! Typed headers over arbitrary text: no value may panic a parser, and whatever a tolerant parser
//! makes of a value must be writable in the strict form without changing.

use crate::headers::{
    Accept, Date, MediaProperties, NotifyReason, PipelinedRequests, Public, Range, RequestStatus,
    RtpInfo, Scale, SeekStyle, Session, Speed, TerminateReason, Transport, TransportSpec,
};
use crate::{Oddities, Version};

/// Reads `data` as the value of each header in turn.
pub fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut oddities = Oddities::new();

    if let Ok(list) = Transport::parse(&text) {
        assert_eq!(Transport::parse(&list.to_string()), Ok(list));
    }
    if let Ok(spec) = TransportSpec::parse_camera(&text, &mut oddities) {
        assert_eq!(TransportSpec::parse(&spec.to_string()).as_ref(), Ok(&spec));
        let second = spec.encode(Version::V2_0);
        let again = TransportSpec::parse(&second).map(|spec| spec.encode(Version::V2_0));
        assert_eq!(again, Ok(second));
    }
    if let Ok(session) = Session::parse(&text) {
        assert_eq!(Session::parse(&session.to_string()), Ok(session));
    }
    let _ = Session::parse_camera(&text, &mut oddities);
    if let Ok(range) = Range::parse(&text) {
        assert_eq!(Range::parse(&range.to_string()), Ok(range));
    }
    if let Ok(public) = Public::parse(&text) {
        assert_eq!(Public::parse(&public.to_string()), Ok(public));
    }
    let _ = Public::parse_camera(&text);
    if let Ok(accept) = Accept::parse(&text) {
        assert_eq!(Accept::parse(&accept.to_string()), Ok(accept));
    }
    macro_rules! read_back {
        ($($header:ident)*) => {
            $(if let Ok(value) = $header::parse(&text) {
                assert_eq!($header::parse(&value.to_string()), Ok(value));
            })*
        };
    }
    read_back!(Date MediaProperties NotifyReason PipelinedRequests RequestStatus Scale SeekStyle);
    read_back!(Speed TerminateReason);
    let _ = RtpInfo::parse(&text);
    let _ = RtpInfo::parse_camera(&text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text(text in "\\PC*|(RTP/AVP|url=|npt=|npt=-|a;|cseq=1 status=200 reason=|Server-Admin;user-msg=)?([;,= /:\"-]?[a-z0-9.é\\\\]{0,4}){0,9}") {
            super::headers(text.as_bytes());
        }
    }
}

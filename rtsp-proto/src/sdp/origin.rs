//! The `o=` line.

use std::fmt;

/// Who made the description, and which version of it this is ([RFC 8866 section 5.2]).
///
/// [RFC 8866 section 5.2]: https://www.rfc-editor.org/rfc/rfc8866#section-5.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` where there are no user names.
    pub username: String,
    /// Decimal digits, if the sender keeps to the rules.
    pub session_id: String,
    /// Grows when the description changes, if the sender keeps to the rules.
    pub session_version: String,
    /// `IN`
    pub network_type: String,
    /// `IP4` or `IP6`
    pub address_type: String,
    /// The sender's address; often wrong, never to be relied on.
    pub address: String,
}

impl Origin {
    /// Reads the value of `o=`; `None` when it has fewer than the six fields. A user name may
    /// have blanks (some cameras put a title there): the other five fields are the last ones.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let fields: Vec<&str> = value.split_ascii_whitespace().collect();
        let at = fields.len().checked_sub(5).filter(|at| *at > 0)?;
        let (username, rest) = fields.split_at(at);
        let [session_id, session_version, network_type, address_type, address] = rest else {
            return None;
        };
        Some(Self {
            username: username.join(" "),
            session_id: (*session_id).into(),
            session_version: (*session_version).into(),
            network_type: (*network_type).into(),
            address_type: (*address_type).into(),
            address: (*address).into(),
        })
    }

    /// Whether the fields are of the kinds that the grammar asks for.
    pub(super) fn is_regular(&self) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        !self.username.contains(' ')
            && number(&self.session_id)
            && number(&self.session_version)
            && self.network_type == "IN"
            && matches!(self.address_type.as_str(), "IP4" | "IP6")
    }
}

impl fmt::Display for Origin {
    /// The value of `o=`, every field one word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |text: &str, otherwise: &str| {
            let word: String = text.split_whitespace().collect();
            let word: String = word.chars().filter(|c| !c.is_control()).collect();
            if word.is_empty() { otherwise.to_owned() } else { word }
        };
        write!(
            f,
            "{} {} {} {} {} {}",
            word(&self.username, "-"),
            word(&self.session_id, "0"),
            word(&self.session_version, "0"),
            word(&self.network_type, "IN"),
            word(&self.address_type, "IP4"),
            word(&self.address, "0.0.0.0"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_cameras_write_are_read_and_told_from_regular_ones() {
        for (value, username, address, regular) in [
            ("- 123 1 IN IP4 192.168.1.10", "-", "192.168.1.10", true),
            ("RTSP Session 1 2 IN IP4 0.0.0.0", "RTSP Session", "0.0.0.0", false),
            ("- 0x1f 1 IN IP4 10.0.0.1", "-", "10.0.0.1", false),
            ("- -12 1.5 IN IP4 10.0.0.1", "-", "10.0.0.1", false),
            ("- 1 1 IN IPV4 127.0.0.1", "-", "127.0.0.1", false),
        ] {
            let origin = Origin::parse(value).unwrap();
            assert_eq!((origin.username.as_str(), origin.address.as_str()), (username, address));
            assert_eq!(origin.is_regular(), regular, "{value}");
        }
        for value in ["", "-", "- 1 2 IN IP4", "1 2 IN IP4 "] {
            assert_eq!(Origin::parse(value), None, "{value}");
        }
    }
}

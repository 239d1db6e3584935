//! What can be read off a certificate without trusting it ([RFC 5280 section 4.1]).
//!
//! [RFC 5280 section 4.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The tag of the version, which certificates of version 1 do not have.
const VERSION: u8 = 0xa0;

/// The SHA-256 of a whole certificate, as people compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// When a certificate is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub from: Moment,
    /// Not after this.
    pub until: Moment,
}

/// A time within a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For comparing.
    pub time: SystemTime,
    /// `2026-01-31`, in UTC.
    pub date: String,
}

impl Validity {
    /// Reads it off a certificate in DER; `None` when that is not laid out as the standard says.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (validity, _) = expect(SEQUENCE, from_validity(certificate)?)?;
        let (from, rest) = element(validity)?;
        let (until, _) = element(rest)?;
        Some(Self { from: moment(from)?, until: moment(until)? })
    }
}

/// The key that a certificate is about ([RFC 5280 section 4.1.2.7]).
///
/// [RFC 5280 section 4.1.2.7]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// What kind of key: the content of an AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The key itself.
    pub bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads it off a certificate in DER, of whatever version; `None` when that is not laid out as
    /// the standard says.
    pub fn of(certificate: &'a [u8]) -> Option<Self> {
        let (_, fields) = expect(SEQUENCE, from_validity(certificate)?)?;
        let (_subject, fields) = expect(SEQUENCE, fields)?;
        let (key, _) = expect(SEQUENCE, fields)?;
        let (algorithm, key) = expect(SEQUENCE, key)?;
        let (bits, _) = expect(BIT_STRING, key)?;
        Some(Self { algorithm, bits: bits.strip_prefix(&[0])? })
    }
}

/// The fields of a certificate from its validity on.
fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, behind)) = expect(VERSION, fields) {
        fields = behind;
    }
    // Serial number, signature's algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = expect(tag, fields)?.1;
    }
    Some(fields)
}

/// A tag and its content.
type Element<'a> = (u8, &'a [u8]);

/// The element at the beginning, and what is behind it.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit));
        rest = behind;
    }
    let (content, behind) = rest.split_at_checked(length)?;
    Some(((tag, content), behind))
}

fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ((found, content), behind) = element(bytes)?;
    (found == tag).then_some((content, behind))
}

/// `YYMMDDHHMMSSZ`, of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment((tag, text): Element<'_>) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(if tag == UTC_TIME { 2 } else { 4 })?;
    if !matches!(tag, UTC_TIME | GENERALIZED_TIME)
        || rest.len() != 10
        || !text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let mut year: u64 = year.parse().ok()?;
    if tag == UTC_TIME {
        year += if year < 50 { 2000 } else { 1900 };
    }
    let mut pairs = (0..5).map(|at| rest.get(2 * at..2 * at + 2)?.parse::<u64>().ok());
    let mut pair = || pairs.next().flatten();
    let (month, day, hour, minute, second) = (pair()?, pair()?, pair()?, pair()?, pair()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970, in eras of 400 years that begin in March.
    let shifted = if month > 2 { year } else { year.checked_sub(1)? };
    let (era, in_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year;
    // Long ago is as good as 1970.
    let seconds = days.saturating_sub(719_468) * 86_400 + hour * 3600 + minute * 60 + second;
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    Some(Moment { time, date: format!("{year:04}-{month:02}-{day:02}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["relay.lan".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_days_of_a_certificate_are_read_in_both_spellings_of_the_year() {
        let der = certificate((1999, 12, 31), (2050, 2, 28));
        let validity = Validity::of(&der).unwrap();
        assert_eq!((&*validity.from.date, &*validity.until.date), ("1999-12-31", "2050-02-28"));
        let seconds = |moment: &Moment| moment.time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds(&validity.from), 946_598_400);
        assert_eq!(seconds(&validity.until), 2_529_619_200);
        // A leap day, and a year before the epoch.
        let validity = Validity::of(&certificate((1950, 1, 1), (2024, 2, 29))).unwrap();
        assert_eq!(seconds(&validity.from), 0);
        assert_eq!(seconds(&validity.until), 1_709_164_800);
    }

    #[test]
    fn what_is_no_certificate_has_no_days_and_does_no_harm() {
        let der = certificate((2020, 1, 1), (2030, 1, 1));
        for end in 0..der.len() {
            assert_eq!(Validity::of(&der[..end]), None, "{end}");
            assert_eq!(PublicKey::of(&der[..end]), None, "{end}");
        }
        for at in 0..200 {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut broken = der.clone();
                broken[at] = value;
                let _ = (Validity::of(&broken), PublicKey::of(&broken));
            }
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_openssl() {
        assert_eq!(
            Fingerprint::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

//! A range of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, `192.168.0.0/16` or `fd00::/8`; a bare address is a range of one.
///
/// Bits beyond the prefix are cleared, so that equal ranges are equal however they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// 239.255.42.0/24, of the block for use within one site (RFC 2365 section 6.1).
    pub(super) const DEFAULT_GROUPS: Self =
        Self { address: IpAddr::V4(Ipv4Addr::new(239, 255, 42, 0)), prefix: 24 };

    /// Parses `address` or `address/prefix`; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(widest);
        if prefix > widest {
            return None;
        }
        Some(match address {
            IpAddr::V4(v4) => Self::v4(v4, prefix),
            // An IPv4 range in IPv6's clothes.
            IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), prefix.checked_sub(96)) {
                (Some(v4), Some(prefix)) => Self::v4(v4, prefix),
                _ => Self {
                    address: Ipv6Addr::from(u128::from(v6) & mask_v6(prefix)).into(),
                    prefix,
                },
            },
        })
    }

    fn v4(address: Ipv4Addr, prefix: u8) -> Self {
        Self { address: Ipv4Addr::from(u32::from(address) & mask_v4(prefix)).into(), prefix }
    }

    /// Whether `address` is in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                u32::from(own) == u32::from(other) & mask_v4(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                u128::from(own) == u128::from(other) & mask_v6(self.prefix)
            }
            _ => false,
        }
    }

    /// The first address and the number of bits that are fixed.
    pub fn parts(&self) -> (IpAddr, u8) {
        (self.address, self.prefix)
    }

    /// Whether every address of the range is an IPv4 multicast group.
    pub fn is_multicast_v4(&self) -> bool {
        matches!(self.address, IpAddr::V4(address) if self.prefix >= 4 && address.is_multicast())
    }

    /// The address at this place of an IPv4 range, if there are so many.
    pub fn nth_v4(&self, place: usize) -> Option<Ipv4Addr> {
        let IpAddr::V4(first) = self.address else { return None };
        let place = u32::try_from(place).ok().filter(|&place| u128::from(place) < self.size())?;
        u32::from(first).checked_add(place).map(Ipv4Addr::from)
    }

    /// How many addresses are in it.
    pub fn size(&self) -> u128 {
        let widest = if self.address.is_ipv4() { 32 } else { 128 };
        1u128.checked_shl(widest - u32::from(self.prefix)).unwrap_or(u128::MAX)
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let range = |text| Cidr::parse(text).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let lan = range("192.168.1.0/24");
        assert!(lan.contains(address("192.168.1.77")));
        assert!(lan.contains(address("::ffff:192.168.1.77")));
        assert!(!lan.contains(address("192.168.2.1")));
        assert!(range("0.0.0.0/0").contains(address("8.8.8.8")));
        assert!(range("fd00::/8").contains(address("fd12::1")));
        assert!(!range("::1").contains(address("::2")));
        assert!(range("::ffff:10.0.0.0/104").contains(address("10.1.2.3")));
        for bad in ["", "1.2.3.4/33", "1.2.3", "host/8", "1.2.3.4/-1", "::/129"] {
            assert_eq!(Cidr::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn equal_ranges_are_equal_however_they_are_written() {
        assert_eq!(Cidr::parse("10.1.2.3/8"), Cidr::parse("10.0.0.0/8"));
        assert_eq!(Cidr::parse("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(Cidr::parse("239.255.42.0/24").unwrap().size(), 256);
        assert_eq!(Cidr::parse("::/0").unwrap().size(), u128::MAX);
    }
}

//! Addresses, ranges of them, and the interface that owns one.

use std::net::{IpAddr, Ipv4Addr};

use super::{Rule, Shown};
use crate::config::cidr::Cidr;
use crate::config::document::{Value, trim};
use crate::config::place::quoted;

/// Addresses to listen on.
pub(in crate::config) struct Addresses;

/// Ranges that may do something; none for everybody.
pub(in crate::config) struct Ranges;

/// A range of IPv4 multicast groups.
pub(in crate::config) struct Group;

/// An IPv4 address of this machine or the name of an interface.
pub(in crate::config) struct Interface;

impl Rule for Addresses {
    type Value = Vec<IpAddr>;

    fn read(&self, value: &Value) -> Result<Vec<IpAddr>, String> {
        let mut addresses = Vec::new();
        for item in value.items()? {
            let bare = item.strip_prefix('[').and_then(|item| item.strip_suffix(']'));
            let address = bare.unwrap_or(item).parse::<IpAddr>().map_err(|_| {
                format!(
                    "must be IPv4 or IPv6 addresses, separated by commas; {} is none",
                    quoted(item)
                )
            })?;
            if addresses.contains(&address) {
                return Err(format!("names {} twice", quoted(item)));
            }
            addresses.push(address);
        }
        if addresses.is_empty() {
            Err("must name at least one address".to_owned())
        } else {
            Ok(addresses)
        }
    }

    fn show(&self, value: &Vec<IpAddr>) -> Shown {
        Shown::list(value)
    }

    fn range(&self) -> String {
        "IPv4 and IPv6 addresses, separated by commas".to_owned()
    }
}

impl Rule for Ranges {
    type Value = Vec<Cidr>;

    fn read(&self, value: &Value) -> Result<Vec<Cidr>, String> {
        value
            .items()?
            .into_iter()
            .map(|item| {
                Cidr::parse(item).ok_or_else(|| format!(
                "must be addresses or ranges like 192.168.0.0/16, separated by commas; {} is none",
                quoted(item)
            ))
            })
            .collect()
    }

    fn show(&self, value: &Vec<Cidr>) -> Shown {
        Shown::list(value)
    }

    fn range(&self) -> String {
        "addresses and ranges (CIDR), separated by commas; none for everybody".to_owned()
    }
}

impl Rule for Group {
    type Value = Option<Cidr>;

    fn read(&self, value: &Value) -> Result<Option<Cidr>, String> {
        let text = trim(value.text()?);
        match Cidr::parse(text) {
            Some(range) if range.is_multicast_v4() => Ok(Some(range)),
            _ => Err(format!(
                "must be a range of IPv4 multicast groups, within 224.0.0.0/4, not {}",
                quoted(text)
            )),
        }
    }

    fn show(&self, value: &Option<Cidr>) -> Shown {
        Shown::optional(*value)
    }

    fn range(&self) -> String {
        "a range (CIDR) within 224.0.0.0/4".to_owned()
    }
}

impl Rule for Interface {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Result<Option<String>, String> {
        // IFNAMSIZ of Linux, without the closing zero.
        const MAX_NAME_BYTES: usize = 15;
        let text = trim(value.text()?);
        let is_name = |text: &str| {
            let printable = text.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':');
            text.len() <= MAX_NAME_BYTES && printable && text != "." && text != ".."
        };
        if text.is_empty() {
            Ok(None)
        } else if text.parse::<Ipv4Addr>().is_ok() || is_name(text) {
            Ok(Some(text.to_owned()))
        } else {
            Err(format!(
                "must be an IPv4 address of this machine or an interface's name like eth0, not {}",
                quoted(text)
            ))
        }
    }

    fn show(&self, value: &Option<String>) -> Shown {
        Shown::optional(value.as_ref())
    }

    fn range(&self) -> String {
        "an IPv4 address of this machine or an interface's name".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_one_line() {
        let read = |text: &str| Addresses.read(&Value::Text(text.into()));
        assert_eq!(read("0.0.0.0, [::]").unwrap().len(), 2);
        assert!(read("0.0.0.0,0.0.0.0").is_err());
        assert!(read("").is_err());
        assert!(read("localhost").unwrap_err().ends_with("'localhost' is none"));
    }

    #[test]
    fn groups_must_be_multicast() {
        let read = |text: &str| Group.read(&Value::Text(text.into()));
        assert!(read("239.1.0.0/16").is_ok());
        for text in ["192.168.0.0/16", "224.0.0.0/3", "ff00::/8", "", "x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interface_is_a_name_or_an_address() {
        for (text, good) in [
            ("eth0", true),
            ("192.168.1.1", true),
            ("eth 0", false),
            ("a-very-long-interface", false),
        ] {
            assert_eq!(Interface.read(&Value::Text(text.into())).is_ok(), good, "{text}");
        }
    }
}

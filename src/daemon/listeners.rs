//! Where the relay listens, and how that changes while it runs.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use super::StartError;
use crate::config::model::Config;
use crate::net::Acceptor;
use crate::server::Server;
use crate::web::Web;

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Rtsp,
    Rtsps,
    Http,
}

/// One place to listen.
type Place = (Protocol, SocketAddr);

/// All places where the relay listens.
#[derive(Debug)]
pub(super) struct Listeners {
    server: Arc<Server>,
    web: Arc<Web>,
    open: Vec<(Place, Acceptor)>,
    /// Where HTTP speaks TLS as well.
    https: BTreeSet<SocketAddr>,
}

impl Protocol {
    /// In the order in which they are opened: who reaches RTSP reaches everything.
    const ALL: [Self; 3] = [Self::Http, Self::Rtsps, Self::Rtsp];

    fn scheme(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::Http => "http",
        }
    }

    /// Where the configuration wants it.
    fn places(self, config: &Config) -> Vec<Place> {
        let at = |addresses: &[IpAddr], port: Option<u16>| -> Vec<Place> {
            let port = port.into_iter();
            port.flat_map(|port| addresses.iter().map(move |&ip| (self, SocketAddr::new(ip, port))))
                .collect()
        };
        match self {
            Self::Rtsp => at(&config.listen_address, Some(config.listen_port)),
            Self::Rtsps => at(&config.listen_address, config.rtsps_port),
            Self::Http => match &config.http {
                Some(http) => at(&http.address, Some(http.port)),
                None => Vec::new(),
            },
        }
    }

    /// Has the one configuration listen where the other does.
    fn keep(self, config: &mut Config, before: &Config) {
        match self {
            // UDP ports are on the same addresses.
            Self::Rtsp | Self::Rtsps => {
                config.listen_address.clone_from(&before.listen_address);
                config.listen_port = before.listen_port;
                config.rtsps_port = before.rtsps_port;
                config.rtp_port = before.rtp_port;
            }
            Self::Http => config.http.clone_from(&before.http),
        }
    }
}

impl Listeners {
    /// Listens wherever the configuration says.
    pub(super) fn start(
        server: &Arc<Server>,
        web: &Arc<Web>,
        config: &Config,
    ) -> Result<Self, StartError> {
        let mut listeners = Self {
            server: Arc::clone(server),
            web: Arc::clone(web),
            open: Vec::new(),
            https: BTreeSet::new(),
        };
        for protocol in Protocol::ALL {
            listeners.open_all(&protocol.places(config)).map_err(|(address, error)| {
                StartError { what: format!("cannot listen on {address}"), error }
            })?;
        }
        listeners.tell_https(config);
        Ok(listeners)
    }

    /// Listens where the new configuration says; what cannot be had stays as it was, also in
    /// `after`, and is told. Connections that are open stay open.
    pub(super) fn change(&mut self, before: &Config, after: &mut Config) -> Vec<String> {
        let mut errors = Vec::new();
        for protocol in Protocol::ALL {
            if let Err((address, error)) = self.open_all(&protocol.places(after)) {
                errors.push(format!(
                    "cannot listen on {}://{address}/: {error}: the old address stays in use",
                    protocol.scheme()
                ));
                protocol.keep(after, before);
            }
        }
        let wanted: BTreeSet<Place> =
            Protocol::ALL.into_iter().flat_map(|protocol| protocol.places(after)).collect();
        self.open.retain_mut(|(place, acceptor)| {
            let stays = wanted.contains(place);
            if !stays {
                acceptor.stop();
                log::info!("no longer listening on {}://{}/", place.0.scheme(), place.1);
            }
            stays
        });
        self.tell_https(after);
        errors
    }

    /// Tells where HTTP speaks TLS as well, as far as that is new: the port is the same one.
    fn tell_https(&mut self, config: &Config) {
        let open = self.open.iter().filter(|((protocol, _), _)| *protocol == Protocol::Http);
        let now: BTreeSet<_> = match config.https() {
            Some(_) => open.map(|((_, address), _)| *address).collect(),
            None => BTreeSet::new(),
        };
        for address in now.difference(&self.https) {
            log::info!("listening on https://{address}/");
        }
        for address in self.https.difference(&now) {
            log::info!("no longer listening on https://{address}/");
        }
        self.https = now;
    }

    /// Listens no more.
    pub(super) fn stop(&mut self) {
        self.open.iter_mut().for_each(|(_, acceptor)| acceptor.stop());
    }

    fn is_open(&self, place: Place) -> bool {
        self.open.iter().any(|(open, _)| *open == place)
    }

    /// Opens those of the wanted places that are not open, all of them or none. Of the two wildcard
    /// addresses one is enough: many machines have no IPv6.
    fn open_all(&mut self, wanted: &[Place]) -> Result<(), (SocketAddr, io::Error)> {
        let (mut opened, mut displaced, mut failed) = (Vec::new(), Vec::new(), None);
        for &place in wanted.iter().filter(|place| !self.is_open(**place)).collect::<Vec<_>>() {
            let address = place.1;
            match self.open_one(place, &mut displaced) {
                Ok(acceptor) => opened.push((place, acceptor)),
                Err(error) => {
                    failed = Some((address, error));
                    if !(address.ip().is_unspecified() && address.is_ipv6()) {
                        opened.clear();
                        break;
                    }
                }
            }
        }
        let enough = !opened.is_empty() || wanted.iter().any(|place| self.is_open(*place));
        match failed {
            Some((address, error)) if enough => {
                log::debug!("no IPv6 here: {error} address={address}");
            }
            Some(failed) => {
                for place in displaced {
                    match self.accept(place) {
                        Ok(acceptor) => self.open.push((place, acceptor)),
                        Err(error) => log::error!("cannot listen on {} again: {error}", place.1),
                    }
                }
                return Err(failed);
            }
            None => {}
        }
        for ((protocol, _), acceptor) in &opened {
            log::info!("listening on {}://{}/", protocol.scheme(), acceptor.address());
        }
        self.open.append(&mut opened);
        Ok(())
    }

    /// An address that overlaps with one of ours on the same port, such as the wildcard, can be had
    /// only when that is closed: for as long as it takes to open the other.
    fn open_one(&mut self, place: Place, displaced: &mut Vec<Place>) -> io::Result<Acceptor> {
        let refused = match self.accept(place) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
            other => return other,
        };
        let overlaps = |(_, open): Place| {
            let any = open.ip().is_unspecified() || place.1.ip().is_unspecified();
            any && open.port() == place.1.port() && open.is_ipv4() == place.1.is_ipv4()
        };
        let Some(at) = self.open.iter().position(|(open, _)| overlaps(*open)) else {
            return Err(refused);
        };
        let (old, mut acceptor) = self.open.remove(at);
        acceptor.stop();
        drop(acceptor);
        displaced.push(old);
        self.accept(place)
    }

    fn accept(&self, (protocol, address): Place) -> io::Result<Acceptor> {
        let server = Arc::clone(&self.server);
        match protocol {
            Protocol::Rtsp => Acceptor::start(address, move |socket: TcpStream, peer| {
                server.accept(socket.into(), peer);
            }),
            Protocol::Rtsps => {
                Acceptor::start(address, move |socket, peer| server.accept_tls(socket, peer))
            }
            Protocol::Http => {
                let web = Arc::clone(&self.web);
                Acceptor::start(address, move |socket, peer| web.accept(socket, peer))
            }
        }
    }
}

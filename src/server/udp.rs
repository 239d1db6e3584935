//! The UDP ports toward clients, and the thread `udp` that hears what clients say there.
//!
//! All viewers of an address family share one pair of ports. It is opened with the first of them
//! and closed behind the last; `rtp_port` is taken at the start and kept. The thread reads RTCP,
//! which keeps a session alive like a request does; without UDP viewers there is none.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use super::life::{Life, is_rtcp};
use crate::config::model::Config;
use crate::drill;
use crate::net::Waker;
use crate::net::udp_out::{PortPair, wait_control, wildcard};

const STACK: usize = 64 * 1024;
/// Only the header of a report is looked at.
const READ_SIZE: usize = 64;
/// Reports read from one pair before the others have their turn.
const READS_IN_A_ROW: usize = 64;

/// All pairs of ports, and who is heard on them.
#[derive(Debug)]
pub struct UdpPorts {
    state: Mutex<State>,
}

/// On which address, and the port if it is fixed.
type Place = (IpAddr, Option<u16>);

#[derive(Debug, Default)]
struct State {
    /// Where the relay listens: the ports are on the same addresses.
    addresses: Vec<IpAddr>,
    rtp_port: Option<u16>,
    pairs: BTreeMap<Place, Used>,
    /// By the address that a client's RTCP comes from. One client may have several sessions.
    clients: HashMap<SocketAddr, Vec<Arc<Life>>>,
    listener: Option<Listener>,
}

#[derive(Debug)]
struct Used {
    pair: Arc<PortPair>,
    leases: usize,
}

/// The thread.
#[derive(Debug)]
struct Listener {
    waker: Arc<Waker>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// A session's right to use a pair of ports.
#[derive(Debug)]
pub(super) struct Lease {
    ports: Arc<UdpPorts>,
    place: Place,
    pair: Arc<PortPair>,
    life: Arc<Life>,
    known: Vec<SocketAddr>,
}

impl UdpPorts {
    /// No ports yet.
    pub fn new(config: &Config) -> Arc<Self> {
        let (addresses, rtp_port) = (config.listen_address.clone(), config.rtp_port);
        Arc::new(Self { state: Mutex::new(State { addresses, rtp_port, ..State::default() }) })
    }

    /// Takes `rtp_port` on each address, if there is one, for as long as the configuration has it. On
    /// error it tells where. Machines without IPv6 are fine.
    pub fn reserve(&self) -> Result<(), (SocketAddr, io::Error)> {
        let mut state = self.lock();
        let new = state.open_missing(&state.addresses, state.rtp_port)?;
        state.pairs.extend(new);
        Ok(())
    }

    /// Other addresses and another port from now on; sessions that have ports keep them. On error
    /// nothing is changed.
    pub fn change(
        &self,
        addresses: &[IpAddr],
        rtp_port: Option<u16>,
    ) -> Result<(), (SocketAddr, io::Error)> {
        let mut state = self.lock();
        let new = state.open_missing(addresses, rtp_port)?;
        state.pairs.extend(new);
        (state.addresses, state.rtp_port) = (addresses.to_vec(), rtp_port);
        let State { addresses, rtp_port, pairs, .. } = &mut *state;
        pairs.retain(|place, used| used.leases > 0 || is_kept(place, addresses, *rtp_port));
        if let Some(listener) = &state.listener {
            listener.waker.wake();
        }
        Ok(())
    }

    /// Ports for a session of a client that has reached the relay at `local`.
    pub(super) fn lease(self: &Arc<Self>, local: IpAddr) -> io::Result<Lease> {
        let mut state = self.lock();
        let own = state.addresses.contains(&local);
        let address = if own { local } else { wildcard(local) };
        let rtp_port = state.rtp_port;
        let place = (address, rtp_port);
        let is_new = !state.pairs.contains_key(&place);
        if is_new {
            let pair = Arc::new(PortPair::open(address, rtp_port)?);
            state.pairs.insert(place, Used { pair, leases: 0 });
        }
        let listening = match &state.listener {
            Some(listener) if is_new => {
                listener.waker.wake();
                Ok(())
            }
            Some(_) => Ok(()),
            None => self.listen().map(|listener| state.listener = Some(listener)),
        };
        if let (Err(_), true) = (&listening, is_new && rtp_port.is_none()) {
            state.pairs.remove(&place);
        }
        listening?;
        let Some(used) = state.pairs.get_mut(&place) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        used.leases += 1;
        let life = Arc::new(Life::new());
        let (ports, pair) = (Arc::clone(self), Arc::clone(&used.pair));
        Ok(Lease { ports, place, pair, life, known: Vec::new() })
    }

    fn listen(self: &Arc<Self>) -> io::Result<Listener> {
        drill::may_spawn("udp")?;
        let waker = Arc::new(Waker::new()?);
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = Builder::new().name("udp".to_owned()).stack_size(STACK).spawn({
            let (ports, waker, stopping) =
                (Arc::clone(self), Arc::clone(&waker), Arc::clone(&stopping));
            move || ports.hear(&waker, &stopping)
        })?;
        Ok(Listener { waker, stopping, thread })
    }

    /// The thread's work.
    fn hear(&self, waker: &Waker, stopping: &AtomicBool) {
        let mut pairs = self.pairs();
        while !stopping.load(SeqCst) {
            match wait_control(&pairs, waker) {
                Ok(true) => pairs = self.pairs(),
                Ok(false) => {}
                Err(error) => {
                    // Sessions that say nothing on TCP will expire; nothing else is lost.
                    log::error!("cannot hear UDP clients any more: {error}");
                    return;
                }
            }
            let read = || {
                drill::pass("udp");
                pairs.iter().for_each(|pair| self.read(pair));
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(read)) {
                let reason = drill::reason(&*panic);
                log::error!(
                    "internal failure, some reports of UDP clients were not heard: {reason}"
                );
            }
        }
    }

    fn read(&self, pair: &PortPair) {
        let mut buffer = [0; READ_SIZE];
        for _ in 0..READS_IN_A_ROW {
            match pair.receive_control(&mut buffer) {
                Ok((length, from)) => {
                    if buffer.get(..length).is_some_and(is_rtcp) {
                        self.heard_from(from);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }

    fn heard_from(&self, client: SocketAddr) {
        for life in self.lock().clients.get(&without_flow(client)).into_iter().flatten() {
            life.touch();
        }
    }

    fn pairs(&self) -> Vec<Arc<PortPair>> {
        self.lock().pairs.values().map(|used| Arc::clone(&used.pair)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are no ports, no clients and no thread.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.pairs.is_empty() && state.clients.is_empty() && state.listener.is_none()
    }
}

impl Lease {
    /// The sockets.
    pub(super) fn pair(&self) -> &Arc<PortPair> {
        &self.pair
    }

    /// RTCP from this address is a sign of life from now on.
    pub(super) fn listen_to(&mut self, client: SocketAddr) {
        let client = without_flow(client);
        if !self.known.contains(&client) {
            self.known.push(client);
            let mut state = self.ports.lock();
            state.clients.entry(client).or_default().push(Arc::clone(&self.life));
        }
    }

    /// When the client was last heard.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.life.heard()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.ports.lock();
        for client in &self.known {
            if let Some(lives) = state.clients.get_mut(client) {
                lives.retain(|life| !Arc::ptr_eq(life, &self.life));
                if lives.is_empty() {
                    state.clients.remove(client);
                }
            }
        }
        let kept = is_kept(&self.place, &state.addresses, state.rtp_port);
        if let Some(used) = state.pairs.get_mut(&self.place) {
            used.leases -= 1;
            if used.leases == 0 && !kept {
                state.pairs.remove(&self.place);
                if let Some(listener) = &state.listener {
                    listener.waker.wake();
                }
            }
        }
        let unused = state.pairs.values().all(|used| used.leases == 0);
        let listener = state.listener.take_if(|_| unused);
        drop(state);
        if let Some(listener) = listener {
            listener.stopping.store(true, SeqCst);
            listener.waker.wake();
            // It is gone when the session is: what is left behind can be counted.
            let _ = listener.thread.join();
        }
    }
}

impl State {
    /// Pairs for the addresses on which the port is not open yet.
    fn open_missing(
        &self,
        addresses: &[IpAddr],
        rtp_port: Option<u16>,
    ) -> Result<Vec<(Place, Used)>, (SocketAddr, io::Error)> {
        let mut new = Vec::new();
        let Some(port) = rtp_port else { return Ok(new) };
        for &address in addresses {
            let place = (address, rtp_port);
            if self.pairs.contains_key(&place) {
                continue;
            }
            match PortPair::open(address, rtp_port) {
                Ok(pair) => new.push((place, Used { pair: Arc::new(pair), leases: 0 })),
                Err(error) if address.is_unspecified() && address.is_ipv6() => {
                    log::debug!("no UDP over IPv6 here: {error} port={port}");
                }
                Err(error) => return Err((SocketAddr::new(address, port), error)),
            }
        }
        Ok(new)
    }
}

/// Whether a pair stays open when nobody uses it.
fn is_kept(place: &Place, addresses: &[IpAddr], rtp_port: Option<u16>) -> bool {
    place.1.is_some() && place.1 == rtp_port && addresses.contains(&place.0)
}

/// Addresses as keys: the flow label of IPv6 is none of a client's identity.
fn without_flow(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    fn ports(rtp_port: Option<u16>) -> Arc<UdpPorts> {
        let addresses = vec!["127.0.0.1".parse().unwrap()];
        let state = State { addresses, rtp_port, ..State::default() };
        Arc::new(UdpPorts { state: Mutex::new(state) })
    }

    fn wait(mut until: impl FnMut() -> bool) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            until()
        })
    }

    #[test]
    fn a_report_is_a_sign_of_life_for_its_sender_only() {
        let ports = ports(None);
        let local = "127.0.0.1".parse().unwrap();
        let (mut one, mut two) = (ports.lease(local).unwrap(), ports.lease(local).unwrap());
        let (client, stranger) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        one.listen_to(client.local_addr().unwrap());
        two.listen_to("127.0.0.1:9".parse().unwrap());
        let rtcp = (local, one.pair().ports().1);
        client.send_to(b"not RTCP", rtcp).unwrap();
        stranger.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 0], rtcp).unwrap();
        assert!(one.heard().is_none());
        client.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 0], rtcp).unwrap();
        assert!(wait(|| one.heard().is_some()));
        assert!(two.heard().is_none());
    }

    #[test]
    fn ports_and_thread_exist_only_while_somebody_uses_them() {
        let ports = ports(None);
        let local = "127.0.0.1".parse().unwrap();
        for _ in 0..3 {
            let leases: Vec<_> = (0..5).map(|_| ports.lease(local).unwrap()).collect();
            assert_eq!(ports.pairs().len(), 1, "one pair for all");
            assert!(ports.lock().listener.is_some());
            drop(leases);
            assert!(ports.pairs().is_empty() && ports.lock().listener.is_none());
            assert_eq!(Arc::strong_count(&ports), 1, "the thread is gone");
        }
    }

    #[test]
    fn a_fixed_port_is_kept_from_others_from_the_start() {
        let local = "127.0.0.1".parse().unwrap();
        let free = PortPair::open(local, None).unwrap().ports().0;
        let ports = ports(Some(free));
        ports.reserve().unwrap();
        assert!(
            UdpSocket::bind((local, free)).is_err() && UdpSocket::bind((local, free + 1)).is_err()
        );
        assert!(ports.lock().listener.is_none());
        assert_eq!(ports.lease(local).unwrap().pair().ports(), (free, free + 1));
        assert_eq!(ports.pairs().len(), 1);
    }
}

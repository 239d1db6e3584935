//! A bad network between a camera and the relay: what `tc netem` does in kernels that have it, on
//! the loopback, for cameras that are pulled over UDP.
//!
//! It stands where the camera would. The RTSP connection goes through as it is, but for the UDP
//! ports in `Transport`, which become its own. Each datagram of RTP then meets a fate by the seed:
//! lost, delayed (so that later ones overtake it), doubled, or untouched. RTCP always passes, and so
//! does the first of each track: nobody could tell that it is not in its place.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most that a datagram is delayed.
const DELAY: Duration = Duration::from_millis(10);
/// A datagram that waited longer, because this machine was busy, may rightly be given up: the relay
/// waits for 30 ms.
const OVERDUE: Duration = Duration::from_millis(20);
/// How often a thread without datagrams looks whether it must end.
const LOOK: Duration = Duration::from_millis(100);
const LARGEST: usize = 65_536;

/// What happens to datagrams of RTP, each in so many of a thousand.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    pub loss: u64,
    pub delay: u64,
    pub double: u64,
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// Sequence number and payload of all that was passed on, in the camera's order.
    pub passed: Vec<(u16, Vec<u8>)>,
    /// Sequence numbers of what was lost.
    pub lost: Vec<u16>,
    /// How many were overtaken by a later one.
    pub overtaken: u64,
    /// How many were sent twice.
    pub doubled: u64,
    /// Sequence numbers of those that were held for far too long.
    pub overdue: BTreeSet<u16>,
}

/// The network; it ends with this value.
pub struct LossyNetwork {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    fate: Fate,
    seed: u64,
    passage: Mutex<Passage>,
    stop: AtomicBool,
}

impl Shared {
    fn passage(&self) -> MutexGuard<'_, Passage> {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl LossyNetwork {
    /// In front of the camera on this port of the loopback.
    pub fn before(camera: u16, fate: Fate, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            fate,
            seed,
            passage: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if ours.stopped() {
                    return;
                }
                if let Err(error) = client.and_then(|client| connection(client, camera, &ours)) {
                    eprintln!("lossy network: {error}");
                }
            }
        });
        Self { port, shared }
    }

    /// Where the camera seems to listen.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happened so far.
    pub fn passage(&self) -> Passage {
        self.shared.passage().clone()
    }
}

impl Drop for LossyNetwork {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The ports of the track whose SETUP is on its way.
struct Track {
    client: (u16, u16),
    ours: [UdpSocket; 2],
}

/// One RTSP connection, request by request: the relay sends the next one when the one before is
/// answered.
fn connection(client: TcpStream, camera: u16, shared: &Arc<Shared>) -> io::Result<()> {
    let camera = TcpStream::connect(("127.0.0.1", camera))?;
    let (mut to_client, mut to_camera) = (client.try_clone()?, camera.try_clone()?);
    let shared = Arc::clone(shared);
    thread::spawn(move || -> io::Result<()> {
        let (mut requests, mut answers) = (BufReader::new(client), BufReader::new(camera));
        while let Some(request) = message(&mut requests)? {
            let setup = ports(&request, "client_port=");
            let track = setup.map(|client| Ok::<_, io::Error>(Track { client, ours: pair()? }));
            let track = track.transpose()?;
            match &track {
                None => to_camera.write_all(request.as_bytes())?,
                Some(track) => {
                    let ours = own_ports(track)?;
                    let changed = with_ports(&request, "client_port=", track.client, ours);
                    to_camera.write_all(changed.as_bytes())?;
                }
            }
            let Some(mut answer) = message(&mut answers)? else { break };
            if let (Some(track), Some(server)) = (track, ports(&answer, "server_port=")) {
                let ours = own_ports(&track)?;
                answer = with_ports(&answer, "server_port=", server, ours);
                answer = with_ports(&answer, "client_port=", ours, track.client);
                let [media, reports] = track.ours;
                let track = (track.client, server);
                start(media, (track.0.0, track.1.0), true, &shared);
                start(reports, (track.0.1, track.1.1), false, &shared);
            }
            to_client.write_all(answer.as_bytes())?;
        }
        // Either side's end is the other's.
        let _gone = to_client.shutdown(std::net::Shutdown::Both);
        to_camera.shutdown(std::net::Shutdown::Both)
    });
    Ok(())
}

/// A message with its body; `None` at the end of the connection.
fn message(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        if from.read_line(&mut text)? == 0 {
            return Ok(None);
        }
    }
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Content-Length").then(|| value.trim().parse().ok())?
    });
    from.take(length.unwrap_or(0)).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The two numbers behind `name`.
fn ports(message: &str, name: &str) -> Option<(u16, u16)> {
    let (_, rest) = message.split_once(name)?;
    let (first, rest) = rest.split_once('-')?;
    let second = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

fn with_ports(message: &str, name: &str, from: (u16, u16), to: (u16, u16)) -> String {
    let written = |(first, second)| format!("{name}{first}-{second}");
    message.replace(&written(from), &written(to))
}

fn pair() -> io::Result<[UdpSocket; 2]> {
    Ok([UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?])
}

fn own_ports(track: &Track) -> io::Result<(u16, u16)> {
    Ok((track.ours[0].local_addr()?.port(), track.ours[1].local_addr()?.port()))
}

/// Carries datagrams between the two ports in a thread of its own; media meets its fate.
fn start(socket: UdpSocket, ports: (u16, u16), media: bool, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let way = Way { socket, client: ports.0, camera: ports.1, held: Vec::new(), begun: false };
    thread::spawn(move || {
        if let Err(error) = way.carry(media, &shared) {
            eprintln!("lossy network: {error}");
        }
    });
}

/// A datagram that waits.
struct Held {
    came: Instant,
    due: Instant,
    bytes: Vec<u8>,
    /// A copy of it has gone already.
    copy: bool,
    /// Whether a later one went before it.
    overtaken: bool,
}

struct Way {
    socket: UdpSocket,
    client: u16,
    camera: u16,
    held: Vec<Held>,
    /// Whether media came already.
    begun: bool,
}

impl Way {
    fn carry(mut self, media: bool, shared: &Shared) -> io::Result<()> {
        let mut dice = Dice(shared.seed);
        let mut buffer = vec![0; LARGEST];
        while !shared.stopped() {
            self.release(shared);
            let next = self.held.iter().map(|held| held.due).min();
            let pause = next.map_or(LOOK, |due| due.saturating_duration_since(Instant::now()));
            self.socket.set_read_timeout(Some(pause.max(Duration::from_micros(100))))?;
            let (length, from) = match self.socket.recv_from(&mut buffer) {
                Ok(got) => got,
                // Time to look again, or the ICMP error of a port that is closed.
                Err(_) => continue,
            };
            let bytes = &buffer[..length];
            if from.port() != self.camera {
                let _lost = self.socket.send_to(bytes, ("127.0.0.1", self.camera));
            } else if media && length >= 12 {
                self.meet(bytes, &mut dice, shared);
            } else {
                self.send(bytes);
            }
        }
        Ok(())
    }

    fn send(&self, bytes: &[u8]) {
        let _lost = self.socket.send_to(bytes, ("127.0.0.1", self.client));
    }

    /// The fate of a datagram of media.
    fn meet(&mut self, bytes: &[u8], dice: &mut Dice, shared: &Shared) {
        let number = sequence(bytes);
        let (lost, delayed, doubled) = (
            dice.roll(1000) < shared.fate.loss,
            dice.roll(1000) < shared.fate.delay,
            dice.roll(1000) < shared.fate.double,
        );
        let first = !std::mem::replace(&mut self.begun, true);
        let (lost, delayed) = (lost && !first, delayed && !first);
        if lost {
            shared.passage().lost.push(number);
            return;
        }
        let now = Instant::now();
        let mut hold = |copy| {
            let after = Duration::from_micros(dice.roll(DELAY.as_micros() as u64));
            let bytes = bytes.to_vec();
            Held { came: now, due: now + after, bytes, copy, overtaken: false }
        };
        let mut passage = shared.passage();
        passage.passed.push((number, bytes[12..].to_vec()));
        passage.doubled += u64::from(doubled);
        drop(passage);
        let copy = doubled.then(|| hold(true));
        let original = delayed.then(|| hold(false));
        if original.is_none() {
            self.send(bytes);
            self.held.iter_mut().for_each(|held| held.overtaken = true);
        }
        self.held.extend(original.into_iter().chain(copy));
    }

    /// Sends what has waited long enough.
    fn release(&mut self, shared: &Shared) {
        let now = Instant::now();
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.due <= now);
        self.held = rest;
        due.sort_by_key(|held| held.due);
        for held in due {
            self.send(&held.bytes);
            let mut passage = shared.passage();
            passage.overtaken += u64::from(held.overtaken && !held.copy);
            if held.came.elapsed() > OVERDUE && !held.copy {
                passage.overdue.insert(sequence(&held.bytes));
            }
        }
    }
}

fn sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

/// Xorshift: the same seed, the same fates.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

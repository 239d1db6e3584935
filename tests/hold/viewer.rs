//! A viewer that watches in a thread of its own and notes every picture.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rtsp_proto::codec::{Codec, ParameterSets};
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::rtp::RtpPacket;

use crate::sim::Stamp;
use crate::support::{Continuity, RtspClient};

/// How long a read may take before the viewer looks whether it is to end.
const TURN: Duration = Duration::from_millis(100);
const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

/// A watching viewer of the first track; ends when dropped.
pub struct Watching {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub pictures: Vec<Picture>,
    /// What was wrong with the packets, first of all.
    pub fault: Option<String>,
    /// The relay closed the connection.
    pub ended: bool,
}

/// One picture.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// When its first packet came, in nanoseconds since 1970.
    pub came_ns: u64,
    pub timestamp: u32,
    pub stamp: Option<Stamp>,
    pub key: bool,
    /// Parameter sets came with it.
    pub sets: bool,
    /// What they say about its size.
    pub size: Option<(u32, u32)>,
}

/// How it gets its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Tcp,
    Udp,
}

pub fn unix_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

impl Watching {
    pub fn start(url: &str, over: Over, codec: Codec) -> std::io::Result<Self> {
        let mut client = RtspClient::connect(url)?;
        client.describe()?;
        let sockets = match over {
            Over::Tcp => {
                client.setup(0, TransportSpec::interleaved(0))?;
                None
            }
            Over::Udp => {
                let (rtp, rtcp) = ports()?;
                let answer = client.setup(0, TransportSpec::udp(rtp.local_addr()?.port()))?;
                let transport = answer.headers.get("Transport").unwrap_or_default();
                let transport = TransportSpec::parse(transport).map_err(std::io::Error::other)?;
                let ports = transport.server_ports().and_then(|(_, rtcp)| rtcp);
                Some((rtp, rtcp, ports.ok_or_else(|| std::io::Error::other("no server_port"))?))
            }
        };
        client.play()?;
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, flag) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut note = Note {
                codec,
                continuity: Continuity::default(),
                sets: ParameterSets::new(codec),
                seen: theirs,
            };
            match sockets {
                None => note.connection(&mut client, &flag),
                Some((rtp, rtcp, port)) => {
                    let report = || rtcp.send_to(&RECEIVER_REPORT, ("127.0.0.1", port));
                    note.datagrams(&mut client, &rtp, &|| drop(report()), &flag);
                }
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first picture that the camera sent after a moment.
    pub fn first_sent_after(&self, ns: u64) -> Option<Picture> {
        let seen = self.seen();
        seen.pictures.iter().find(|p| p.stamp.is_some_and(|stamp| stamp.sent_ns > ns)).copied()
    }

    /// How many pictures came that the camera sent after a moment.
    pub fn sent_after(&self, ns: u64) -> usize {
        let seen = self.seen();
        let newest = seen.pictures.iter().rev();
        newest.take_while(|p| p.stamp.is_none_or(|stamp| stamp.sent_ns > ns)).count()
    }

    /// Fails the test unless all went well so far.
    pub fn expect_well(&self) {
        let seen = self.seen();
        assert_eq!((seen.fault.as_deref(), seen.ended), (None, false));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// An even port and the next one.
fn ports() -> std::io::Result<(UdpSocket, UdpSocket)> {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0")?;
        let port = rtp.local_addr()?.port();
        if let (0, Ok(rtcp)) = (port % 2, UdpSocket::bind(("127.0.0.1", port | 1))) {
            rtp.set_read_timeout(Some(TURN))?;
            return Ok((rtp, rtcp));
        }
    }
}

struct Note {
    codec: Codec,
    continuity: Continuity,
    sets: ParameterSets,
    seen: Arc<Mutex<Seen>>,
}

impl Note {
    fn connection(&mut self, client: &mut RtspClient, stop: &AtomicBool) {
        while !stop.load(Ordering::SeqCst) {
            match client.read_frame(TURN) {
                Ok(Some(frame)) if frame.channel == 0 => self.packet(&frame.payload),
                Err(error) if error.kind() != std::io::ErrorKind::TimedOut => return self.end(),
                Ok(None) => return self.end(),
                _ => {}
            }
        }
    }

    fn datagrams(
        &mut self,
        client: &mut RtspClient,
        rtp: &UdpSocket,
        report: &dyn Fn(),
        stop: &AtomicBool,
    ) {
        let mut buffer = vec![0; 65_536];
        while !stop.load(Ordering::SeqCst) {
            if let Ok(length) = rtp.recv(&mut buffer) {
                self.packet(&buffer[..length]);
            } else if matches!(client.read_frame(Duration::from_millis(1)), Ok(None)) {
                return self.end();
            }
            if self.continuity.packets % 100 == 0 {
                report();
            }
        }
    }

    fn packet(&mut self, bytes: &[u8]) {
        let fault = self.continuity.push(bytes).err();
        let gap = (self.continuity.gaps > 0).then(|| "a gap".to_owned());
        let Ok(packet) = RtpPacket::parse(bytes) else { return };
        let scan = self.codec.scan(packet.payload());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = fault.or(gap) {
            seen.fault.get_or_insert(fault);
        }
        let known = seen.pictures.last_mut().filter(|last| last.timestamp == packet.timestamp());
        let picture = match known {
            Some(picture) => picture,
            None => {
                seen.pictures.push(Picture {
                    came_ns: unix_ns(),
                    timestamp: packet.timestamp(),
                    stamp: None,
                    key: false,
                    sets: false,
                    size: None,
                });
                seen.pictures.last_mut().expect("just pushed")
            }
        };
        picture.key |= scan.random_access;
        picture.sets |= scan.parameter_sets;
        if scan.parameter_sets {
            self.sets.update(packet.payload());
        }
        picture.size = self.sets.resolution();
        picture.stamp = picture.stamp.or_else(|| Stamp::find(packet.payload()));
    }

    fn end(&mut self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    }
}

//! One viewer: its connection, its conversation, what it has seen.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtsp_relay::net::Stream;
use rtsp_relay::net::tls_stream::TlsStream;
use rtsp_relay::tls::{Caller, Trust};
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::arguments::Target;
use super::dialog::Dialog;
use super::figures::Figures;
use super::framing::{Framing, HEAD, Sink};
use super::media::{Media, Picture};
use super::mp4::Fragments;
use super::ports::Ports;

/// Receive buffer of those that read slowly or not at all: the kernel's own would hide it.
const SMALL_BUFFER: usize = 16 * 1024;

/// A player's clock is judged when it has run for so long, by so many pictures: one of them alone
/// may have left the camera late.
const SETTLED: Duration = Duration::from_millis(300);
const JUDGED_BY: u8 = 5;

const VIDEO_CLOCK: f64 = 90_000.0;

/// How a viewer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads what comes, at once.
    Steady,
    /// Stops reading after the first key frame.
    Stalled,
    /// Reads at a bounded rate.
    Slow,
    /// Goes again soon.
    Passing,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) stream: Stream,
    /// Where datagrams come, if it wants them.
    pub(crate) ports: Option<Ports>,
    pub(crate) role: Role,
    /// Bytes that a slow one may read by now.
    pub(crate) budget: f64,
    framing: Cut,
    seen: Seen,
}

/// How what comes is cut.
#[derive(Debug)]
enum Cut {
    Rtsp(Framing),
    Mp4(Fragments),
}

/// What a viewer knows beside its connection.
#[derive(Debug)]
struct Seen {
    dialog: Dialog,
    media: Media,
    joined: Instant,
    request: Option<String>,
    error: Option<String>,
    /// When the first whole key frame was there, Unix time in ns, and its RTP time.
    anchor: Option<(u64, u32)>,
    judged_by: u8,
    shown_late_ms: f64,
}

/// What one read led to.
pub(crate) enum Outcome {
    /// So many bytes came in.
    Read(usize),
    /// Nothing to read.
    Nothing,
    /// It is over, with the reason.
    Gone(String),
}

impl Viewer {
    /// Connects and says the first word.
    pub(crate) fn join(target: &Target, role: Role, udp: bool) -> io::Result<Self> {
        let joined = Instant::now();
        let domain = Domain::for_address(target.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if matches!(role, Role::Slow | Role::Stalled) {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        socket.connect(&target.address.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let socket = TcpStream::from(socket);
        let stream = match target.tls {
            true => {
                let caller =
                    Caller::new(&Trust::Insecure, "localhost").map_err(io::Error::other)?;
                TlsStream::new(socket, caller.session).into()
            }
            false => Stream::Plain(socket),
        };
        let mut dialog = Dialog::new(&target.url);
        let ports = udp.then(|| Ports::bind(stream.local_addr()?.ip())).transpose()?;
        if let Some(ports) = &ports {
            dialog = dialog.over_udp(ports.numbers);
        }
        // Few bytes always go at once; TLS keeps them until it has agreed on keys.
        let mp4 = target.url.starts_with("http://");
        let first = match mp4 {
            true => dialog.get(),
            false => dialog.start(),
        };
        stream.write(first.as_bytes())?;
        let seen = Seen {
            dialog,
            media: Media::new(),
            joined,
            request: None,
            error: None,
            anchor: None,
            judged_by: 0,
            shown_late_ms: f64::MIN,
        };
        let framing = match mp4 {
            true => Cut::Mp4(Fragments::default()),
            false => Cut::Rtsp(Framing::new()),
        };
        Ok(Self { stream, ports, role, budget: 0.0, framing, seen })
    }

    /// Reads once, and answers what asks for it.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        figures: &mut Figures,
        in_window: bool,
    ) -> Outcome {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Outcome::Gone("the server closed the connection".into()),
            Ok(count) => count,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => return Outcome::Nothing,
                _ => return Outcome::Gone(error.to_string()),
            },
        };
        let now_ns = unix_now_ns();
        let seen = &mut self.seen;
        let mut reading = Reading { seen, figures, now_ns, in_window };
        let cut = match &mut self.framing {
            Cut::Rtsp(framing) => framing.feed(&buffer[..count], &mut reading),
            Cut::Mp4(fragments) => fragments.feed(&buffer[..count], &mut reading),
        };
        if cut.is_err() {
            return Outcome::Gone("neither RTSP nor a packet".into());
        }
        if let Some(request) = seen.request.take() {
            if let Err(error) = self.stream.write(request.as_bytes()) {
                return Outcome::Gone(error.to_string());
            }
        }
        match seen.error.take() {
            Some(error) => Outcome::Gone(error),
            None => Outcome::Read(count),
        }
    }

    /// Takes the datagrams that are there; gives their bytes.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        figures: &mut Figures,
        in_window: bool,
    ) -> usize {
        let Some(ports) = &self.ports else { return 0 };
        let mut bytes = 0;
        while let Ok((count, _)) = rustix::net::recv(&ports.rtp, &mut *buffer, RecvFlags::DONTWAIT)
        {
            let now_ns = unix_now_ns();
            let mut reading = Reading { seen: &mut self.seen, figures, now_ns, in_window };
            reading.packet(0, &buffer[..count.min(HEAD)]);
            reading.packet_end();
            bytes += count;
        }
        bytes
    }

    /// A packet has come in.
    pub(crate) fn has_media(&self) -> bool {
        self.seen.media.packets > 0
    }

    /// A whole key frame has come in.
    pub(crate) fn has_key(&self) -> bool {
        self.seen.anchor.is_some()
    }

    /// Leaves; what was missed goes into the figures.
    pub(crate) fn leave(mut self, figures: &mut Figures) {
        if let Some(request) = self.seen.dialog.teardown() {
            // A stalled server takes nothing; the close says the same.
            let _ = self.stream.write(request.as_bytes());
        }
        figures.lost_packets += self.seen.media.lost_packets;
        figures.missed_pictures += self.seen.media.missed_pictures;
    }
}

impl Seen {
    /// How late a player shows that started its clock with the first key frame.
    fn judge(&mut self, picture: &Picture, now_ns: u64, figures: &mut Figures) {
        let (Some((at_ns, timestamp)), Some(sent_ns)) = (self.anchor, picture.sent_ns) else {
            return;
        };
        let settled = now_ns.saturating_sub(at_ns) > SETTLED.as_nanos() as u64;
        if !settled || self.judged_by == JUDGED_BY {
            return;
        }
        let ahead = picture.timestamp.wrapping_sub(timestamp) as i32;
        let shown_ms = at_ns as f64 / 1e6 + f64::from(ahead) / VIDEO_CLOCK * 1e3;
        self.shown_late_ms = self.shown_late_ms.max(shown_ms - sent_ns as f64 / 1e6);
        self.judged_by += 1;
        if self.judged_by == JUDGED_BY {
            figures.shown_late.add(self.shown_late_ms);
        }
    }
}

/// A viewer while the bytes of one read are looked at.
struct Reading<'a> {
    seen: &'a mut Seen,
    figures: &'a mut Figures,
    now_ns: u64,
    in_window: bool,
}

impl Sink for Reading<'_> {
    fn message(&mut self, text: &str) {
        match self.seen.dialog.answer(text) {
            Ok(request) => self.seen.request = request,
            Err(error) => self.seen.error = Some(error),
        }
    }

    fn packet(&mut self, channel: u8, head: &[u8]) {
        if channel != 0 {
            return;
        }
        let seen = &mut *self.seen;
        if seen.media.packets == 0 {
            self.figures.playing += 1;
            self.figures.first_packet.add(milliseconds(seen.joined.elapsed()));
        }
        seen.media.packet(head);
    }

    fn packet_end(&mut self) {
        let (seen, figures) = (&mut *self.seen, &mut *self.figures);
        let Some(picture) = seen.media.packet_end() else { return };
        if picture.whole_key && seen.anchor.is_none() {
            seen.anchor = Some((self.now_ns, picture.timestamp));
            figures.first_key.add(milliseconds(seen.joined.elapsed()));
        }
        seen.judge(&picture, self.now_ns, figures);
        if self.in_window {
            figures.pictures += 1;
            figures.undecodable += u64::from(!picture.decodable && seen.anchor.is_some());
            if let Some(sent_ns) = picture.sent_ns {
                figures.latency.add((self.now_ns as f64 - sent_ns as f64) / 1e6);
            }
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn unix_now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

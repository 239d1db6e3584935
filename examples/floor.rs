//! What the kernel alone costs: the least program that carries cameras to many viewers.
//!
//! It pulls each camera once and does one plain blocking write for each access unit and viewer, or
//! one send of many datagrams (GSO) where they are of one size, from one thread: no queue, no
//! protocol work, no care for anybody who is slow. Its viewers get canned answers, enough for
//! `load`. The benchmark holds the relay against it.
//!
//! `floor [--listen ADDR:PORT] URL...` serves each URL under its own path.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

#[allow(dead_code, reason = "shared with `load`")]
#[path = "load/dialog.rs"]
mod dialog;
#[allow(dead_code, reason = "shared with `load`")]
#[path = "load/framing.rs"]
mod framing;

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use dialog::Dialog;
use framing::header_value;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use rtsp_proto::url::Url;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Room that a read of a camera has at least.
const ROOM: usize = 256 * 1024;
const EVENTS: usize = 64;
/// Packets and bytes that the kernel cuts out of one send.
const TRAIN_PACKETS: usize = 64;
const TRAIN_BYTES: usize = 65_000;
const LISTENER: u64 = u64::MAX;

fn main() -> ExitCode {
    let mut listen = "127.0.0.1:0".to_owned();
    let mut urls = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--listen" => listen = words.next().unwrap_or_default(),
            url if !url.starts_with('-') => urls.push(word),
            _ => {
                eprintln!("usage: floor [--listen ADDR:PORT] URL...");
                return ExitCode::from(2);
            }
        }
    }
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match run(&listen, &urls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A camera that is being pulled.
struct Camera {
    stream: TcpStream,
    path: String,
    sdp: String,
    buffer: Vec<u8>,
    /// Where the access unit at hand begins, how far it was looked at, and where the bytes end.
    start: usize,
    looked: usize,
    end: usize,
}

/// Somebody who watches.
struct Viewer {
    stream: TcpStream,
    text: Vec<u8>,
    camera: Option<usize>,
    /// Where its datagrams go, if it wants them.
    udp: Option<SockaddrStorage>,
    playing: bool,
}

fn run(listen: &str, urls: &[String]) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    let udp = UdpSocket::bind((listener.local_addr()?.ip(), 0))?;
    let udp_port = udp.local_addr()?.port();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut cameras = urls.iter().map(|url| Camera::dial(url)).collect::<io::Result<Vec<_>>>()?;
    watch(&epoll, &listener, LISTENER)?;
    for (camera, index) in cameras.iter().zip(0..) {
        watch(&epoll, &camera.stream, index)?;
    }
    println!("{}", listener.local_addr()?);
    let mut viewers: Vec<Option<Viewer>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => {
                    let (stream, _) = listener.accept()?;
                    stream.set_nodelay(true)?;
                    let free = viewers.iter().position(Option::is_none);
                    let slot = free.unwrap_or(viewers.len());
                    watch(&epoll, &stream, (cameras.len() + slot) as u64)?;
                    let text = Vec::new();
                    let viewer = Viewer { stream, text, camera: None, udp: None, playing: false };
                    match free {
                        Some(slot) => viewers[slot] = Some(viewer),
                        None => viewers.push(Some(viewer)),
                    }
                }
                index if (index as usize) < cameras.len() => {
                    let index = index as usize;
                    cameras[index].read(index, &mut viewers, &udp)?;
                }
                index => {
                    let slot = index as usize - cameras.len();
                    if let Some(viewer) = &mut viewers[slot] {
                        if viewer.read(&cameras, udp_port).is_err() {
                            viewers[slot] = None;
                        }
                    }
                }
            }
        }
    }
}

fn watch(epoll: &OwnedFd, source: &impl std::os::fd::AsFd, number: u64) -> io::Result<()> {
    let data = epoll::EventData::new_u64(number);
    Ok(epoll::add(epoll, source, data, epoll::EventFlags::IN)?)
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

impl Camera {
    /// Connects and asks it to play.
    fn dial(text: &str) -> io::Result<Self> {
        let url = Url::parse(text).map_err(|error| invalid(format!("{text}: {error}")))?;
        let mut stream = TcpStream::connect((url.host(), url.port()))?;
        stream.set_nodelay(true)?;
        let mut dialog = Dialog::new(&url.request_uri());
        let mut request = dialog.start();
        let mut sdp = String::new();
        let mut buffer = vec![0; ROOM];
        let mut end = 0;
        loop {
            stream.write_all(request.as_bytes())?;
            let size = loop {
                match framing::message_size(&buffer[..end]).filter(|&size| size <= end) {
                    Some(size) => break size,
                    None => match stream.read(&mut buffer[end..])? {
                        0 => return Err(invalid("the camera closed the connection")),
                        count => end += count,
                    },
                }
            };
            let answer = String::from_utf8_lossy(&buffer[..size]).into_owned();
            buffer.copy_within(size..end, 0);
            end -= size;
            if let Some((_, body)) =
                answer.split_once("\r\n\r\n").filter(|(_, body)| !body.is_empty())
            {
                sdp = body.to_owned();
            }
            match dialog.answer(&answer).map_err(invalid)? {
                Some(next) => request = next,
                None => break,
            }
        }
        let path = url.path_and_query().trim_matches('/').to_owned();
        Ok(Self { stream, path, sdp, buffer, start: 0, looked: 0, end })
    }

    /// Reads once; each access unit that is whole now goes to everybody.
    fn read(
        &mut self,
        index: usize,
        viewers: &mut [Option<Viewer>],
        udp: &UdpSocket,
    ) -> io::Result<()> {
        if self.buffer.len() - self.end < ROOM / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.looked -= self.start;
            self.end -= self.start;
            self.start = 0;
            self.buffer.resize(self.buffer.len().max(self.end + ROOM), 0);
        }
        let room = &mut self.buffer[self.end..];
        match rustix::net::recv(&self.stream, room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(invalid("the camera closed the connection")),
            Ok((count, _)) => self.end += count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        while let &[sign, channel, high, low, ref packet @ ..] = &self.buffer[self.looked..self.end]
        {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if sign != b'$' {
                return Err(invalid("the camera sent something that is no packet"));
            }
            if packet.len() < length {
                break;
            }
            let ends = channel == 0 && packet[1] & 0x80 != 0;
            self.looked += 4 + length;
            if ends {
                let unit = &self.buffer[self.start..self.looked];
                let datagrams = viewers.iter().flatten().any(|viewer| viewer.udp.is_some());
                let trains = if datagrams { trains(unit) } else { Vec::new() };
                for slot in viewers.iter_mut() {
                    let Some(viewer) = slot.as_mut().filter(|viewer| viewer.watches(index)) else {
                        continue;
                    };
                    let sent = match &viewer.udp {
                        None => viewer.stream.write_all(unit),
                        Some(to) => trains.iter().try_for_each(|train| send(udp, train, to)),
                    };
                    if sent.is_err() {
                        *slot = None;
                    }
                }
                self.start = self.looked;
            }
        }
        if self.start == self.end {
            (self.start, self.looked, self.end) = (0, 0, 0);
        }
        Ok(())
    }
}

/// The packets of an access unit: in each train of one size, but for a smaller last one.
fn trains(mut unit: &[u8]) -> Vec<Vec<IoSlice<'_>>> {
    let mut trains: Vec<Vec<IoSlice<'_>>> = Vec::new();
    while let &[_, _, high, low, ref rest @ ..] = unit {
        let (packet, more) = rest.split_at(usize::from(u16::from_be_bytes([high, low])));
        unit = more;
        let fits = |train: &Vec<IoSlice<'_>>| {
            let (first, last) = (train[0].len(), train[train.len() - 1].len());
            let bytes = first * train.len();
            first == last
                && packet.len() <= first
                && train.len() < TRAIN_PACKETS
                && bytes + packet.len() <= TRAIN_BYTES
        };
        match trains.last_mut().filter(|train| fits(train)) {
            Some(train) => train.push(IoSlice::new(packet)),
            None => trains.push(vec![IoSlice::new(packet)]),
        }
    }
    trains
}

fn send(socket: &UdpSocket, train: &[IoSlice<'_>], to: &SockaddrStorage) -> io::Result<()> {
    let size = train[0].len() as u16;
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    let cut = if train.len() > 1 { &cut[..] } else { &[] };
    sendmsg(socket.as_raw_fd(), train, cut, MsgFlags::empty(), Some(to))?;
    Ok(())
}

impl Viewer {
    fn watches(&self, camera: usize) -> bool {
        self.playing && self.camera == Some(camera)
    }

    /// Reads requests and answers them; an error when the viewer is gone.
    fn read(&mut self, cameras: &[Camera], udp_port: u16) -> io::Result<()> {
        let mut bytes = [0; 2048];
        match rustix::net::recv(&self.stream, &mut bytes, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(invalid("gone")),
            Ok((count, _)) => self.text.extend_from_slice(&bytes[..count]),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        while let Some(size) = framing::message_size(&self.text) {
            let request: Vec<u8> = self.text.drain(..size.min(self.text.len())).collect();
            self.answer(&String::from_utf8_lossy(&request), cameras, udp_port)?;
        }
        Ok(())
    }

    fn answer(&mut self, request: &str, cameras: &[Camera], udp_port: u16) -> io::Result<()> {
        let mut words = request.split(' ');
        let method = words.next().unwrap_or_default();
        let url = words.next().unwrap_or_default();
        let cseq = header_value(request, "cseq").unwrap_or("0");
        let mut status = "200 OK";
        let mut more = "Session: 1\r\n\r\n".to_owned();
        match method {
            "DESCRIBE" => {
                self.camera = cameras.iter().position(|camera| url.ends_with(&camera.path));
                match self.camera.map(|camera| &cameras[camera].sdp) {
                    Some(sdp) => {
                        let length = sdp.len();
                        more = format!(
                            "Content-Base: {url}/\r\nContent-Type: application/sdp\r\n\
                             Content-Length: {length}\r\n\r\n{sdp}"
                        );
                    }
                    None => status = "404 Not Found",
                }
            }
            "SETUP" => {
                let ports = client_ports(request);
                let transport = match ports {
                    Some((rtp, rtcp)) => {
                        let ours = format!("server_port={udp_port}-{}", udp_port + 1);
                        format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};{ours}")
                    }
                    None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
                };
                let address = self.stream.peer_addr()?.ip();
                self.udp = ports.map(|(rtp, _)| SocketAddr::new(address, rtp).into());
                more = format!("Session: 1\r\nTransport: {transport}\r\n\r\n");
            }
            "PLAY" => self.playing = true,
            "TEARDOWN" => self.playing = false,
            _ => more = "\r\n".into(),
        }
        let answer = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{more}");
        self.stream.write_all(answer.as_bytes())
    }
}

/// The ports in a request for UDP.
fn client_ports(request: &str) -> Option<(u16, u16)> {
    let transport = header_value(request, "transport")?;
    let ports = transport.split(';').find_map(|part| part.strip_prefix("client_port="))?;
    let (rtp, rtcp) = ports.split_once('-')?;
    Some((rtp.parse().ok()?, rtcp.parse().ok()?))
}

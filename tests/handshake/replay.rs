//! The dialog and the decoder, with a camera that answers as it was recorded, without sockets.

use std::time::{Duration, Instant};

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::dialog::{Dialog, DialogOptions, Output};
use rtsp_proto::{Limits, Url};

use super::record::{Answer, CSEQ, Recording, request_line, requests};

/// More requests than this are a circle.
const MAX_REQUESTS: usize = 40;

/// How the camera's bytes arrive.
#[derive(Clone, Debug)]
pub(super) enum Chunks {
    Whole,
    Bytes,
    /// One answer comes in two parts; all else whole.
    Split {
        answer: usize,
        at: usize,
    },
}

/// A frame where it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) track: usize,
    pub(super) rtcp: bool,
    pub(super) payload: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Picture(Vec<Seen>),
    Error(String),
}

/// Finds the answers to requests: those to a method in the order they were recorded, the last one
/// again and again.
#[derive(Default)]
pub(super) struct Answers {
    given: Vec<usize>,
}

impl Answers {
    /// The place of the answer to this request, and its bytes; `None` when nothing like it was
    /// recorded, or it is asked in circles.
    pub(super) fn to(&mut self, recording: &Recording, request: &[u8]) -> Option<(usize, Vec<u8>)> {
        let asked = request_line(request);
        let fits = |answer: &Answer| match asked.0.as_str() {
            // The base may be another one than was recorded.
            "SETUP" => answer.to.0 == asked.0 && track(&answer.to.1) == track(&asked.1),
            _ => answer.to.0 == asked.0,
        };
        let all: Vec<_> =
            (0..recording.answers.len()).filter(|&place| fits(&recording.answers[place])).collect();
        let fresh = all.iter().copied().find(|place| !self.given.contains(place));
        let place = fresh.or(all.last().copied())?;
        self.given.push(place);
        if self.given.len() > MAX_REQUESTS {
            return None;
        }
        let text = String::from_utf8_lossy(request).into_owned();
        let number = text.split("CSeq: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let wire = recording.answers[place].wire.replace(CSEQ, number?);
        Some((place, wire.into_bytes()))
    }
}

/// The part of a SETUP's URI that says which track.
fn track(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap_or_default()
}

/// Shakes hands, and looks at the media.
pub(super) fn replay(recording: &Recording, chunks: &Chunks) -> Outcome {
    let url = Url::parse(&recording.url).unwrap();
    let mut viewer = Viewer::new(DialogOptions::new(url, "test/1"));
    let mut answers = Answers::default();
    let mut playing = false;
    while !playing {
        let Some(request) = (match viewer.request(&mut playing) {
            Ok(request) => request,
            Err(text) => return Outcome::Error(text),
        }) else {
            if playing {
                break;
            }
            // Nothing is asked and nothing comes: time alone ends it.
            match viewer.silence() {
                Ok(()) => continue,
                Err(text) => return Outcome::Error(text),
            }
        };
        let (place, wire) =
            answers.to(recording, &request).expect("a foreseen request, and not in circles");
        let parts: Vec<&[u8]> = match *chunks {
            Chunks::Bytes => wire.chunks(1).collect(),
            Chunks::Split { answer, at } if answer == place => {
                let (a, b) = wire.split_at(at.min(wire.len()));
                vec![a, b]
            }
            _ => vec![&wire],
        };
        for part in parts {
            if let Err(text) = viewer.receive(part) {
                return Outcome::Error(text);
            }
        }
    }
    match viewer.receive(&recording.media) {
        Ok(()) => Outcome::Picture(viewer.seen),
        Err(text) => Outcome::Error(text),
    }
}

struct Viewer {
    dialog: Dialog,
    decoder: Decoder,
    now: Instant,
    seen: Vec<Seen>,
    /// Rounds in which nothing happened.
    silences: u32,
}

impl Viewer {
    fn new(options: DialogOptions) -> Self {
        let now = Instant::now();
        let mut dialog = Dialog::new(options, 7, now);
        dialog.connected(now);
        let decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
        Self { dialog, decoder, now, seen: Vec::new(), silences: 0 }
    }

    /// The next request; does all else that the dialog asks for.
    fn request(&mut self, playing: &mut bool) -> Result<Option<Vec<u8>>, String> {
        while let Some(output) = self.dialog.output() {
            match output {
                Output::Send(bytes) => return Ok(Some(bytes)),
                Output::Described(sdp) => self.dialog.setup(requests(sdp.media.len()), self.now),
                Output::Playing => *playing = true,
                Output::Reconnect => {
                    self.decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
                    self.dialog.connected(self.now);
                }
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(None)
    }

    /// What a relay does when nothing comes: a body ends, or patience does.
    fn silence(&mut self) -> Result<(), String> {
        self.silences += 1;
        assert!(self.silences < 10, "it hangs");
        if self.decoder.awaits_body() {
            return self.events(true);
        }
        let deadline = self.dialog.deadline().expect("a dialog that waits has a deadline");
        assert!(deadline <= self.now + Duration::from_secs(60), "a timeout that is none");
        self.now = deadline;
        self.dialog.poll(self.now).map_err(|error| error.to_string())
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.decoder.push(bytes);
        self.events(false)
    }

    fn events(&mut self, ended: bool) -> Result<(), String> {
        loop {
            let event = if ended { self.decoder.finish() } else { self.decoder.next() };
            let result = match event.map_err(|error| error.to_string())? {
                None => return Ok(()),
                Some(Event::Response(response)) => self.dialog.response(&response, self.now),
                Some(Event::Request(request)) => self.dialog.request(&request, self.now),
                Some(Event::Frame(frame)) => {
                    let (track, rtcp) = self
                        .dialog
                        .track_of_channel(frame.channel)
                        .ok_or_else(|| format!("a frame on channel {}", frame.channel))?;
                    let payload = frame.payload().to_vec();
                    self.dialog.media(self.now);
                    self.seen.push(Seen { track, rtcp, payload });
                    Ok(())
                }
            };
            result.map_err(|error| error.to_string())?;
        }
    }
}

//! The command line.

use super::sim::{Auth, Clip, Multicast, Options, Path, Sound, Start, Synthetic, Track};
use std::net::{Ipv4Addr, SocketAddr};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A simulated IP camera: serves clips in a loop over RTSP.

camera [--listen ADDR:PORT] [--path NAME=WHAT]... [--audio] [--start next|key|forced]
       [--auth none|basic|digest|digest-qop|digest-sha256|both] [--user U] [--password P]
       [--timeout SECONDS] [--no-tcp] [--no-udp] [--multicast GROUP] [--rtsp2]
       [--tls ADDR:PORT] [--control ADDR:PORT]

  --listen   default 127.0.0.1:8555; port 0 takes a free one
  --path     WHAT is  builtin                the test pattern, 640x360
                      sub                    the colour bars, 320x180
                      synthetic:4000k@25/50  1080p of that bit rate, pictures a second, and
                                             pictures between key frames; not to be decoded
                      FILE or FILE@FPS       Annex B H.264 (ffmpeg -f h264) or, if its name ends in
                                             .h265, H.265 (ffmpeg -f hevc); 25 pictures a second
                      WHAT+WHAT...           further tracks: another clip, FILE.aac (ffmpeg -f adts),
                                             tone, or metadata
             default  main=builtin and sub=sub
  --audio    a second track with a tone on all paths
  --start    a session begins with the next picture (default), the next key frame, or one forced
  --auth     default none, or digest if a password is given; user and password are admin, lens-cap
  --timeout  seconds without a sign of life after which a session ends, default 60
  --multicast  offers multicast too, to this group and those after it, one for each track, on the
             interface that has the address of --listen
  --tls      a second port, for RTSP over TLS, with a certificate made at the start
  --control  a port for line commands: status, and faults such as `stall on` or `die`
";

/// What was asked for.
pub(crate) struct Arguments {
    /// Of the camera.
    pub(crate) options: Options,
    /// The control port.
    pub(crate) control: Option<SocketAddr>,
}

/// Reads the arguments; `Ok(None)` for `--help`.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 8555));
    let defaults = Options::default();
    let mut options = Options { listen, paths: Vec::new(), ..defaults.clone() };
    let (mut control, mut auth, mut audio, mut start) = (None, None, false, Start::default());
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--listen" => options.listen = address(&value()?)?,
            "--tls" => options.tls = Some(address(&value()?)?),
            "--control" => control = Some(address(&value()?)?),
            "--path" => options.paths.push(path(&value()?)?),
            "--audio" => audio = true,
            "--start" => start = start_of(&value()?)?,
            "--auth" => auth = Some(auth_of(&value()?)?),
            "--user" => options.user = value()?,
            "--password" => {
                options.password = value()?;
                auth = auth.or(Some(Auth::Digest { sha256: false, qop: false }));
            }
            "--timeout" => {
                let seconds = value()?.parse().map_err(|_| "--timeout needs whole seconds")?;
                options.session_timeout = std::time::Duration::from_secs(seconds);
            }
            "--multicast" => {
                let group = value()?;
                let group: Ipv4Addr =
                    group.parse().map_err(|_| format!("--multicast {group}: no IPv4 address"))?;
                options.multicast = Some(Multicast::new(group));
            }
            "--no-tcp" => options.allow_tcp = false,
            "--no-udp" => options.allow_udp = false,
            "--rtsp2" => options.rtsp2 = true,
            _ => return Err(format!("unknown argument {word}; see --help")),
        }
    }
    if options.paths.is_empty() {
        options.paths = defaults.paths;
    }
    for path in &mut options.paths {
        path.audio = audio;
        path.start = start;
    }
    options.auth = auth.unwrap_or_default();
    Ok(Some(Arguments { options, control }))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text} is no ADDRESS:PORT"))
}

fn start_of(text: &str) -> Result<Start, String> {
    Ok(match text {
        "next" => Start::NextPicture,
        "key" => Start::NextKeyFrame,
        "forced" => Start::ForcedKeyFrame,
        _ => return Err(format!("--start {text}: expected next, key or forced")),
    })
}

fn auth_of(text: &str) -> Result<Auth, String> {
    Ok(match text {
        "none" => Auth::None,
        "basic" => Auth::Basic,
        "digest" => Auth::Digest { sha256: false, qop: false },
        "digest-qop" => Auth::Digest { sha256: false, qop: true },
        "digest-sha256" => Auth::Digest { sha256: true, qop: true },
        "both" => Auth::Both,
        _ => return Err(format!("--auth {text}: not known; see --help")),
    })
}

fn path(text: &str) -> Result<Path, String> {
    let (name, what) = text.rsplit_once('=').ok_or(format!("--path {text}: no NAME=WHAT"))?;
    let mut tracks = what.split('+');
    let first = clip(tracks.next().unwrap_or_default())?;
    let path = Path::new(name.trim_matches('/'), first);
    tracks.try_fold(path, |path, what| Ok(path.with(track(what)?)))
}

fn track(what: &str) -> Result<Track, String> {
    Ok(Track::Sound(match what {
        "tone" => Sound::tone(),
        "metadata" => Sound::metadata(),
        file if file.ends_with(".aac") => {
            let sound = Sound::from_adts(&read(file)?, 0, usize::MAX);
            sound.map_err(|error| format!("{file}: {error}"))?
        }
        what => return Ok(Track::Video(clip(what)?)),
    }))
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{file}: {error}"))
}

fn clip(what: &str) -> Result<Clip, String> {
    match what {
        "builtin" => return Ok(Clip::builtin()),
        "sub" => return Ok(Clip::sub()),
        _ => {}
    }
    if let Some(spec) = what.strip_prefix("synthetic:") {
        let spec = synthetic(spec).ok_or(format!("{what}: expected synthetic:4000k@25/50"))?;
        return Ok(Clip::synthetic(&spec));
    }
    let (file, fps) = what.rsplit_once('@').unwrap_or((what, "25"));
    let fps =
        fps.parse().map_err(|_| format!("{what}: {fps} is no number of pictures a second"))?;
    let cut = if file.ends_with(".h265") { Clip::from_h265 } else { Clip::from_annexb };
    cut(&read(file)?, fps).map_err(|error| format!("{file}: {error}"))
}

fn synthetic(text: &str) -> Option<Synthetic> {
    let (rate, rest) = text.split_once("k@")?;
    let (fps, gop) = rest.split_once('/')?;
    let spec = Synthetic {
        bitrate_kbps: rate.parse().ok()?,
        fps: fps.parse().ok()?,
        gop: gop.parse().ok()?,
        ..Synthetic::default()
    };
    (spec.bitrate_kbps > 0 && spec.fps > 0 && spec.gop > 0).then_some(spec)
}

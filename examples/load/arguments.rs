//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use rtsp_proto::url::{Scheme, Url};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Many viewers in one thread; prints what they saw as one JSON object. An http:// URL is that of MP4
without its .mp4.

load [options] URL...

  --viewers N           how many, spread over the URLs in turn; default 1
  --udp                 they want RTP over UDP instead of TCP
  --seconds S           the steady window, default 5
  --warmup S            between the last viewer's first packet and the window, default 0.3
  --until-key           the warm-up begins only when each viewer has seen a whole key frame
  --join-rate N         viewers that join in a second, default 200
  --stall N             so many stop reading after their first key frame
  --slow N              so many read at a bounded rate
  --slow-rate-kbps N    that rate, default 1000
  --churn N             beside the viewers, so many join in a second and leave again
  --churn-stay S        how long each of these stays, default 1

`steady` and `end` are printed to standard error when the window begins and ends.
";

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is watched.
    pub(crate) targets: Vec<Target>,
    /// Viewers that stay.
    pub(crate) viewers: usize,
    /// Over UDP.
    pub(crate) udp: bool,
    /// Length of the steady window.
    pub(crate) window: Duration,
    /// Time before it.
    pub(crate) warmup: Duration,
    /// Everybody must have seen a key frame before the warm-up.
    pub(crate) until_key: bool,
    /// Between two joins.
    pub(crate) join_every: Duration,
    /// Viewers that stop reading.
    pub(crate) stalled: usize,
    /// Viewers that read slowly.
    pub(crate) slow: usize,
    /// How slowly.
    pub(crate) slow_bytes_per_second: f64,
    /// Between two joins of viewers that come and go.
    pub(crate) churn_every: Option<Duration>,
    /// How long these stay.
    pub(crate) churn_stay: Duration,
}

/// A URL and its address.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Without a login.
    pub(crate) url: String,
    /// Looked up once.
    pub(crate) address: SocketAddr,
    /// `rtsps://`; no certificate is checked.
    pub(crate) tls: bool,
}

/// Reads the arguments; `Ok(None)` for `--help`.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        targets: Vec::new(),
        viewers: 1,
        udp: false,
        window: Duration::from_secs(5),
        warmup: Duration::from_millis(300),
        until_key: false,
        join_every: Duration::from_millis(5),
        stalled: 0,
        slow: 0,
        slow_bytes_per_second: 125_000.0,
        churn_every: None,
        churn_stay: Duration::from_secs(1),
    };
    let mut words = words;
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            options.targets.push(target(&word)?);
            continue;
        }
        let mut value = || {
            let text = words.next().ok_or(format!("{word} needs a value"))?;
            let number: f64 = text.parse().map_err(|_| format!("{word} {text}: no number"))?;
            let usable = number.is_finite() && (0.0..1e9).contains(&number);
            usable.then_some(number).ok_or(format!("{word} {text}: out of range"))
        };
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--viewers" => options.viewers = value()? as usize,
            "--seconds" => options.window = Duration::from_secs_f64(value()?),
            "--warmup" => options.warmup = Duration::from_secs_f64(value()?),
            "--udp" => options.udp = true,
            "--until-key" => options.until_key = true,
            "--join-rate" => options.join_every = every(value()?),
            "--stall" => options.stalled = value()? as usize,
            "--slow" => options.slow = value()? as usize,
            "--slow-rate-kbps" => options.slow_bytes_per_second = value()? * 125.0,
            "--churn" => {
                options.churn_every = Some(value()?).filter(|&rate| rate > 0.0).map(every);
            }
            "--churn-stay" => options.churn_stay = Duration::from_secs_f64(value()?),
            _ => return Err(format!("unknown argument {word}; see --help")),
        }
    }
    if options.targets.is_empty() {
        return Err("no URL; see --help".into());
    }
    if options.udp && options.stalled + options.slow > 0 {
        return Err("--stall and --slow are for TCP: nobody sees who reads datagrams".into());
    }
    if options.stalled + options.slow > options.viewers {
        return Err("--stall and --slow are more than --viewers".into());
    }
    Ok(Some(options))
}

fn every(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.max(0.001))
}

fn target(text: &str) -> Result<Target, String> {
    if let Some(rest) = text.strip_prefix("http://") {
        let host = rest.split('/').next().unwrap_or_default();
        let found = host.to_socket_addrs().ok().and_then(|mut all| all.next());
        let address = found.ok_or(format!("{text}: the host and port have no address"))?;
        return Ok(Target { url: format!("{text}.mp4"), address, tls: false });
    }
    let url = Url::parse(text).map_err(|error| format!("{text}: {error}"))?;
    let found = (url.host(), url.port()).to_socket_addrs();
    let address = found.map_err(|error| format!("{text}: {error}"))?.next();
    let address = address.ok_or(format!("{text}: the name has no address"))?;
    let tls = url.scheme() == Scheme::Rtsps;
    Ok(Target { url: url.without_login().request_uri(), address, tls })
}

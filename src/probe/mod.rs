//! `rtsp-relay probe`: one camera, pulled as the relay would, and explained.
//!
//! - `options`: what was typed, and what it amounts to
//! - `attempt`: one pull over one transport
//! - `meter`: what comes while it lasts
//! - `report`: all that was found
//! - `advice`: the step that failed, and what to try
//! - `section`: the `[stream]` section to paste
//! - `text`, `json`: the report for people and for programs
//!
//! There is no second camera client here: each attempt is a stream of its own in a registry of its
//! own, wanted for a few seconds. The camera is told the end each time, as it may have one session
//! only.

mod advice;
mod attempt;
mod interrupt;
mod json;
mod meter;
mod options;
mod report;
mod section;
mod text;

use std::io;

pub use json::json;
pub use options::{ProbeOptions, Target};
pub use report::Report;
pub use text::text;

use crate::config::model::TransportPolicy;
use crate::source::{Carrier, Cause};
use crate::tls::certificate::Fingerprint;
use attempt::Attempt;
use interrupt::Interrupt;

/// Looks at the camera; `tell` is called with what is being done, for whoever waits.
///
/// # Errors
/// When the system gives no thread or descriptor, or the probe was interrupted: nothing was
/// found out about the camera.
pub fn run(target: &Target, tell: &dyn Fn(&str)) -> io::Result<Report> {
    let interrupt = Interrupt::catch()?;
    let order: &[Carrier] = match target.transport() {
        TransportPolicy::Auto => &[Carrier::Tcp, Carrier::Udp, Carrier::Multicast],
        TransportPolicy::Tcp => &[Carrier::Tcp],
        TransportPolicy::Udp => &[Carrier::Udp],
        TransportPolicy::Multicast => &[Carrier::Multicast],
    };
    let mut report = Report::new(target);
    let mut target = target.clone();
    for &carrier in order {
        // What a working transport has shown need not be measured again.
        let measure = report.best().is_none();
        if carrier == Carrier::Multicast && !measure {
            // It is for cameras that have nothing else: packets to a group may reach the whole
            // network.
            break;
        }
        tell(&format!("asking {} for RTP over {carrier} …", target.url()));
        let mut attempt = Attempt::run(&target, carrier, measure, &interrupt, tell)?;
        if let Some(pin) = unvouched(&attempt) {
            report.pin = Some(pin);
            // A login is for nobody whom nobody vouches for.
            if target.username().is_none() {
                tell(&format!(
                    "nobody vouches for the camera's certificate {pin}, going on with it …"
                ));
                target = target.pinned(pin);
                attempt = Attempt::run(&target, carrier, measure, &interrupt, tell)?;
            }
        }
        let goes_on = attempt.works() || is_about_transport(&attempt);
        report.attempts.push(attempt);
        if !goes_on {
            break;
        }
    }
    Ok(report)
}

/// The certificate that the camera showed, if that was not trusted.
fn unvouched(attempt: &Attempt) -> Option<Fingerprint> {
    match attempt.failure.as_ref()?.cause {
        Cause::Untrusted(seen) => seen,
        _ => None,
    }
}

/// Whether another transport may fare better.
fn is_about_transport(attempt: &Attempt) -> bool {
    let cause = attempt.failure.as_ref().map(|failure| &failure.cause);
    matches!(cause, Some(Cause::Transport | Cause::Silence))
}

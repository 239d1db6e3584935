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
        TransportPolicy::Auto => &[Carrier::Tcp, Carrier::Udp],
        TransportPolicy::Tcp => &[Carrier::Tcp],
        TransportPolicy::Udp => &[Carrier::Udp],
    };
    let mut report = Report::new(target);
    for &carrier in order {
        // What a working transport has shown need not be measured again.
        let measure = report.best().is_none();
        tell(&format!("asking {} for RTP over {carrier} …", target.url()));
        let attempt = Attempt::run(target, carrier, measure, &interrupt, tell)?;
        let goes_on = attempt.works() || is_about_transport(&attempt);
        report.attempts.push(attempt);
        if !goes_on {
            break;
        }
    }
    Ok(report)
}

/// Whether another transport may fare better.
fn is_about_transport(attempt: &Attempt) -> bool {
    let cause = attempt.failure.as_ref().map(|failure| &failure.cause);
    matches!(cause, Some(Cause::Transport | Cause::Silence))
}

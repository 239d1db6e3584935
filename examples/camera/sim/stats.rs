//! What a camera counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub struct Counters { $(pub $name: AtomicU64,)* }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// Reads all of them.
            pub fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Stats {
            /// One JSON object on one line.
            pub fn json(&self) -> String {
                let fields = [$(format!("\"{}\":{}", stringify!($name), self.$name),)*];
                format!("{{{}}}", fields.join(","))
            }
        }
    };
}

counters! {
    /// Connections now.
    connections_open
    /// Connections ever accepted.
    connections_total
    /// Sessions now.
    sessions_open
    /// The most sessions there were at once.
    sessions_max
    /// Sessions ever made.
    sessions_total
    /// Sessions refused because there were as many as the camera takes.
    sessions_refused
    /// Sessions that ended for want of a sign of life.
    sessions_expired
    /// Requests of any kind.
    requests
    /// DESCRIBE answered with a presentation.
    describes
    /// SETUP accepted.
    setups
    /// PLAY accepted.
    plays
    /// PAUSE accepted.
    pauses
    /// TEARDOWN accepted.
    teardowns
    /// OPTIONS within a session.
    keepalives_options
    /// GET_PARAMETER within a session.
    keepalives_get_parameter
    /// SET_PARAMETER within a session.
    keepalives_set_parameter
    /// Requests whose login was right.
    logins_ok
    /// Requests whose login was wrong; a request without one is not counted.
    logins_failed
    /// RTCP receiver reports from clients, over TCP and UDP.
    receiver_reports
    /// The most packets that a receiver report told to be lost.
    reported_lost
    /// Times it was so late itself, on a busy machine, that it left out pictures.
    catch_ups
    /// RTP packets sent to sessions.
    packets_sent
    /// Pictures sent to sessions.
    pictures_sent
    /// Pictures that a session did not get because it did not read.
    pictures_dropped
    /// RTP bytes sent to sessions.
    bytes_sent
}

/// Adds one.
pub fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Takes one away.
pub fn sub(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::Relaxed);
}

//! The parts of `rtsp-relay`, the program: it pulls a camera's stream once, while somebody
//! watches, and serves it to many viewers.
//!
//! Layers, from the top: [`daemon`] puts the parts together; [`server`] talks RTSP with viewers,
//! [`probe`] looks at one camera and says what it found;
//! [`source`] talks RTSP with cameras; [`media`] carries pictures from one to the others; at the
//! bottom are [`net`], [`config`], [`limits`], [`events`], [`stats`] and [`logging`], and below them [`tls`] and
//! [`system_error`]. A layer uses only what is
//! below it; `docs/architecture.md` says why, and a test holds it.
#![forbid(unsafe_code)]

pub mod access;
pub mod cli;
pub mod clients;
pub mod config;
pub mod core_dump;
pub mod current;
pub mod daemon;
pub mod drill;
pub mod entropy;
pub mod events;
pub mod limits;
pub mod logging;
pub mod media;
pub mod net;
pub mod probe;
pub mod server;
pub mod service;
pub mod source;
pub mod stats;
pub mod system_error;
pub mod tls;
pub mod web;

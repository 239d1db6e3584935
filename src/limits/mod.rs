//! What is bounded, who may come in, and who is told why not.
//!
//! - [`places`]: a number of places, taken and free again
//! - [`refusal`]: the reasons of refusals, and how often each was given
//! - [`gatekeeper`]: whether another viewer may come in
//! - [`pressure`]: whether the process takes more memory or processor than it may

pub mod gatekeeper;
pub mod places;
pub mod pressure;
pub mod refusal;

pub use gatekeeper::{Gatekeeper, Seat};
pub use places::{Full, Place, Places};
pub use pressure::{Pressure, Usage};
pub use refusal::{Reason, Refusal, Refusals};

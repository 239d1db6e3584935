//! What is bounded, who may come in, and who is told why not.
//!
//! - [`places`]: a number of places, taken and free again
//! - [`refusal`]: the reasons of refusals, and how often each was given
//! - [`gatekeeper`]: whether another viewer may come in
//! - [`logins`]: how fast an address may guess logins
//! - [`pressure`]: whether the process takes more memory or processor than it may
//! - [`wanted`]: whether there is anybody for whose sake the main thread must wake up

pub mod gatekeeper;
pub mod logins;
pub mod places;
pub mod pressure;
pub mod refusal;
pub mod wanted;

pub use gatekeeper::{Gatekeeper, Seat};
pub use logins::Logins;
pub use places::{Full, Place, Places};
pub use pressure::{Pressure, Usage};
pub use refusal::{Reason, Refusal, Refusals};
pub use wanted::Wanted;

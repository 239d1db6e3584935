//! Random numbers from the kernel.

use rustix::rand::{GetRandomFlags, getrandom};

/// `N` unpredictable bytes.
///
/// getrandom(2) fails only on kernels older than 3.17 or before the system has booted far enough
/// to have any entropy; it then blocks instead. What is left over is ended by a panic rather than
/// by predictable session ids.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut out[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => unreachable!("getrandom(2) without a reason to fail: {error}"),
        }
    }
    out
}

/// An unpredictable number.
pub fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}

//! A tone in G.711 mu-law (RFC 3551, 4.5.14), 8 kHz, 20 ms a packet.

/// Samples and bytes in a packet.
pub const SAMPLES: usize = 160;
/// Hz.
pub const CLOCK_RATE: u32 = 8000;
/// The static payload type of PCMU.
pub const PAYLOAD_TYPE: u8 = 0;

/// 400 Hz: a packet holds eight whole waves, so every packet is the same.
pub fn payload() -> Vec<u8> {
    let wave = |n: usize| (n as f32 * std::f32::consts::TAU / 20.0).sin();
    (0..SAMPLES).map(|n| mu_law((wave(n) * 4000.0) as i16)).collect()
}

/// One sample (ITU-T G.711): sign, 3 bits for the octave above the bias, 4 bits within it.
fn mu_law(sample: i16) -> u8 {
    const BIAS: u16 = 0x84;
    let magnitude = sample.unsigned_abs().min(0x7fff - BIAS) + BIAS;
    let octave = magnitude.ilog2() - 7;
    let step = (magnitude >> (octave + 3)) as u8 & 0x0f;
    !(u8::from(sample < 0) << 7 | (octave as u8) << 4 | step)
}

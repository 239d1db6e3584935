//! Whether a viewer's packets follow one another as they must.

/// What one track brought so far; each packet is held against the one before.
#[derive(Clone, Debug, Default)]
pub struct Continuity {
    last: Option<Header>,
    pub packets: u64,
    pub pictures: u64,
    /// Jumps of the sequence number forward: what the relay left out for a slow viewer.
    pub gaps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Continuity {
    /// Takes the next RTP packet; an error names what is wrong with it. A gap is counted and is no
    /// error here: who expects none looks at `gaps`.
    pub fn push(&mut self, packet: &[u8]) -> Result<(), String> {
        let Some(fixed) = packet.first_chunk::<12>() else {
            return Err(format!("a packet of {} bytes", packet.len()));
        };
        if fixed[0] >> 6 != 2 {
            return Err(format!("RTP version {}", fixed[0] >> 6));
        }
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let now = Header {
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: word(4),
            ssrc: word(8),
        };
        self.packets += 1;
        self.pictures += u64::from(fixed[1] >> 7);
        let Some(before) = self.last.replace(now) else { return Ok(()) };
        if now.ssrc != before.ssrc {
            return Err(format!("SSRC {:08x} after {:08x}", now.ssrc, before.ssrc));
        }
        match now.sequence.wrapping_sub(before.sequence) {
            1 => {}
            step if step != 0 && step < 0x8000 => self.gaps += 1,
            _ => return Err(format!("sequence {} after {}", now.sequence, before.sequence)),
        }
        if now.timestamp.wrapping_sub(before.timestamp) > 0x8000_0000 {
            return Err(format!("time {} after {}", now.timestamp, before.timestamp));
        }
        Ok(())
    }
}

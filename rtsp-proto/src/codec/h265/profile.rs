//! Profile, tier and level of H.265 (ITU-T H.265 section 7.3.3).

use std::fmt::Write;

use crate::codec::bits::{BitReader, CodecError};

/// The general part of profile_tier_level(), as `hvcC` boxes and codec strings need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// general_profile_space, 0 to 3.
    pub profile_space: u8,
    /// general_tier_flag.
    pub high_tier: bool,
    /// general_profile_idc: 1 Main, 2 Main 10...
    pub profile_idc: u8,
    /// general_profile_compatibility_flags, the flag of profile 0 in the highest bit.
    pub compatibility: u32,
    /// The 48 bits of constraint flags.
    pub constraints: [u8; 6],
    /// general_level_idc: thirty times the level.
    pub level_idc: u8,
}

impl ProfileTierLevel {
    /// Reads it with what it says about sub-layers, which is passed over.
    pub(crate) fn read(
        bits: &mut BitReader<'_>,
        max_sub_layers_minus1: u32,
    ) -> Result<Self, CodecError> {
        let mut profile = Self {
            profile_space: bits.bits(2)? as u8,
            high_tier: bits.bit()?,
            profile_idc: bits.bits(5)? as u8,
            compatibility: bits.bits(32)?,
            ..Self::default()
        };
        for byte in &mut profile.constraints {
            *byte = bits.byte()?;
        }
        profile.level_idc = bits.byte()?;
        let mut present = Vec::with_capacity(8);
        for _ in 0..max_sub_layers_minus1 {
            present.push((bits.bit()?, bits.bit()?));
        }
        if max_sub_layers_minus1 > 0 {
            bits.skip(2 * (8 - max_sub_layers_minus1))?; // reserved_zero_2bits
        }
        for (profile, level) in present {
            bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
        }
        Ok(profile)
    }

    /// What follows `hvc1.` in a codec string (ISO/IEC 14496-15 annex E).
    pub fn codec_string(&self) -> String {
        let mut text = String::new();
        if let Some(space) = [None, Some('A'), Some('B'), Some('C')]
            .get(usize::from(self.profile_space))
            .copied()
            .flatten()
        {
            text.push(space);
        }
        let tier = if self.high_tier { 'H' } else { 'L' };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{}.{:X}.{tier}{}",
            self.profile_idc,
            self.compatibility.reverse_bits(),
            self.level_idc
        );
        let len = self.constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for byte in &self.constraints[..len] {
            let _ = write!(text, ".{byte:X}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_codec_string_of_the_standard() {
        let main = ProfileTierLevel {
            profile_idc: 1,
            compatibility: 0x6000_0000,
            constraints: [0xb0, 0, 0, 0, 0, 0],
            level_idc: 93,
            ..ProfileTierLevel::default()
        };
        assert_eq!(main.codec_string(), "1.6.L93.B0");
        let high = ProfileTierLevel {
            profile_space: 1,
            high_tier: true,
            profile_idc: 4,
            compatibility: 0x0800_0000,
            constraints: [0x9d, 8, 0, 0, 0, 0],
            level_idc: 120,
        };
        assert_eq!(high.codec_string(), "A4.10.H120.9D.8");
    }
}

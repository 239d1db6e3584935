//! Bits of a NAL unit's payload.

use std::fmt;

/// Why a parameter set cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// It ends before the field does.
    Truncated {
        /// The bit, counted from the first after the NAL unit header, at which there is no more.
        bit: usize,
    },
    /// It is another NAL unit than it should be.
    NalUnitType {
        /// What it should be.
        expected: u8,
        /// What it is.
        found: u8,
    },
    /// A field has a value that no stream can have.
    Value {
        /// The field, by its name in the standard.
        field: &'static str,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { bit } => write!(f, "the parameter set ends at bit {bit}"),
            Self::NalUnitType { expected, found } => {
                write!(f, "NAL unit type {found} instead of {expected}")
            }
            Self::Value { field } => write!(f, "{field} has an impossible value"),
        }
    }
}

impl std::error::Error for CodecError {}

/// The bytes of a NAL unit without emulation prevention: each `00 00 03` gives `00 00`
/// (H.264 section 7.4.1, H.265 section 7.4.2).
#[derive(Clone, Debug)]
pub(crate) struct Unescaped<'a> {
    rest: std::slice::Iter<'a, u8>,
    zeros: u8,
}

impl<'a> Unescaped<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.iter(), zeros: 0 }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = *self.rest.next()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.rest.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

/// Reads bits from the highest of each byte on.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: Unescaped<'a>,
    byte: u8,
    /// Bits of `byte` not read yet.
    left: u8,
    read: usize,
}

type Result<T> = std::result::Result<T, CodecError>;

impl<'a> BitReader<'a> {
    /// Reads from the first byte after the NAL unit header.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Unescaped::new(bytes), byte: 0, left: 0, read: 0 }
    }

    pub(crate) fn bit(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.byte = self.bytes.next().ok_or(CodecError::Truncated { bit: self.read })?;
            self.left = 8;
        }
        self.left -= 1;
        self.read += 1;
        Ok(self.byte >> self.left & 1 == 1)
    }

    /// A number of up to 32 bits.
    pub(crate) fn bits(&mut self, count: u32) -> Result<u32> {
        debug_assert!(count <= 32);
        let mut number = 0u32;
        for _ in 0..count {
            number = number << 1 | u32::from(self.bit()?);
        }
        Ok(number)
    }

    /// 8 bits.
    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.bits(8)? as u8)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Ok(())
    }

    /// An Exp-Golomb number (H.264 and H.265 section 9.1 and 9.2), at most 2^32 - 2.
    pub(crate) fn ue(&mut self) -> Result<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return Err(CodecError::Value { field: "ue(v)" });
            }
        }
        let suffix = self.bits(zeros)?;
        Ok(((1u32 << zeros) - 1).wrapping_add(suffix))
    }

    /// An Exp-Golomb number of at most `most`.
    pub(crate) fn ue_max(&mut self, most: u32, field: &'static str) -> Result<u32> {
        let number = self.ue()?;
        if number > most { Err(CodecError::Value { field }) } else { Ok(number) }
    }

    /// A signed Exp-Golomb number.
    pub(crate) fn se(&mut self) -> Result<i32> {
        let code = i64::from(self.ue()?);
        let number = (code + 1) / 2;
        Ok((if code % 2 == 1 { number } else { -number }) as i32)
    }
}

/// Divides both by what divides both; `None` when one is zero.
pub(crate) fn reduced(numerator: u32, denominator: u32) -> Option<(u32, u32)> {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (numerator != 0 && denominator != 0).then(|| (numerator / a, denominator / a))
}

/// Writes bits; what the tests make parameter sets with that no encoder at hand makes.
#[cfg(test)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

#[cfg(test)]
impl BitWriter {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), used: 0 }
    }

    pub(crate) fn bits(&mut self, count: u32, number: u32) -> &mut Self {
        for i in (0..count).rev() {
            if self.used % 8 == 0 {
                self.bytes.push(0);
            }
            let bit = (number >> i & 1) as u8;
            *self.bytes.last_mut().unwrap() |= bit << (7 - self.used % 8);
            self.used += 1;
        }
        self
    }

    pub(crate) fn ue(&mut self, number: u32) -> &mut Self {
        let len = (number + 1).ilog2();
        self.bits(len, 0).bits(len + 1, number + 1)
    }

    pub(crate) fn se(&mut self, number: i32) -> &mut Self {
        let code = if number > 0 { number * 2 - 1 } else { -number * 2 };
        self.ue(code as u32)
    }

    /// Ends the payload and escapes it behind `header`.
    pub(crate) fn nal(&mut self, header: &[u8]) -> Vec<u8> {
        self.bits(1, 1);
        let mut nal = header.to_vec();
        let mut zeros = 0;
        for &byte in &self.bytes {
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn emulation_prevention_is_taken_out() {
        let plain = |bytes: &[u8]| Unescaped::new(bytes).collect::<Vec<_>>();
        assert_eq!(plain(&[1, 0, 0, 3, 1]), [1, 0, 0, 1]);
        assert_eq!(plain(&[0, 0, 3, 0, 0, 3, 0]), [0, 0, 0, 0, 0]);
        assert_eq!(plain(&[0, 3, 0, 0, 3]), [0, 3, 0, 0]);
    }

    #[test]
    fn reading_ends_with_an_error_and_never_beyond() {
        let mut reader = BitReader::new(&[0xa5]);
        assert_eq!(reader.bits(4), Ok(0xa));
        assert_eq!(reader.bits(5), Err(CodecError::Truncated { bit: 8 }));
        let mut endless = BitReader::new(&[0; 64]);
        assert_eq!(endless.ue(), Err(CodecError::Value { field: "ue(v)" }));
    }

    proptest! {
        #[test]
        fn numbers_read_back(a in 0u32..u32::MAX - 1, b: i16, c: u32, d in 0u32..33) {
            let c = if d == 32 { c } else { c & ((1 << d) - 1) };
            let nal = BitWriter::new().ue(a).se(b.into()).bits(d, c).nal(&[]);
            let mut reader = BitReader::new(&nal);
            prop_assert_eq!(reader.ue(), Ok(a));
            prop_assert_eq!(reader.se(), Ok(b.into()));
            prop_assert_eq!(reader.bits(d), Ok(c));
            prop_assert_eq!(reader.bit(), Ok(true));
        }
    }
}

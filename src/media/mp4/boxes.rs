//! Boxes: a length, four characters, and what is in them (ISO/IEC 14496-12 section 4.2).

/// Writes boxes.
#[derive(Debug, Default)]
pub(super) struct Boxes(pub(super) Vec<u8>);

impl Boxes {
    /// A box around what `content` writes.
    pub(super) fn in_box(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let at = self.0.len();
        self.u32(0);
        self.bytes(kind);
        content(self);
        let length = (self.0.len() - at) as u32;
        if let Some(field) = self.0.get_mut(at..at + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The same for a box with version and flags.
    pub(super) fn in_full_box(
        &mut self,
        kind: &[u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self),
    ) {
        self.in_box(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | flags);
            content(boxes);
        });
    }

    /// A descriptor of ISO/IEC 14496-1 section 8.3.3: a tag, a length of up to 28 bits, and what
    /// is in it.
    pub(super) fn in_descriptor(&mut self, tag: u8, content: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        content(&mut inner);
        let length = inner.0.len();
        self.u8(tag);
        for shift in [21, 14, 7] {
            self.u8((length >> shift) as u8 | 0x80);
        }
        self.u8(length as u8 & 0x7f);
        self.bytes(&inner.0);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }
}

"""What arrives for one m= section of a session, checked packet by packet."""

import socket
import struct
import time
from collections import namedtuple

ANNEX_B = b"\x00\x00\x00\x01"

# Bytes of a NAL unit header, the types that are an aggregate, a fragment, a key picture, a parameter set.
Units = namedtuple("Units", "header aggregate fragment key sets")
CODECS = {
    "H264": Units(1, 24, 28, {5}, {7, 8}),
    "H265": Units(2, 48, 49, set(range(16, 22)), {32, 33, 34}),
}


def kind_of(codec, unit):
    return unit[0] & 31 if codec == "H264" else unit[0] >> 1 & 63


def fragment_kind(codec, payload):
    """Of the unit whose fragment a payload is."""
    return payload[1] & 31 if codec == "H264" else payload[2] & 63


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Track:
    """One m= section, and the check of what arrives for it."""

    def __init__(self, kind, payload_type, args, violations):
        self.kind, self.payload_type, self.args = kind, payload_type, args
        self.violations = violations
        self.codec, self.clock, self.control, self.sprop = None, None, None, []
        self.url, self.channels, self.sockets, self.server = None, None, None, None
        self.port, self.source = 0, None
        self.ssrc = self.sequence = self.timestamp = None
        self.expected = None  # (seq, rtptime) of RTP-Info
        self.packets = self.bytes = self.gaps = self.lost = self.pictures = self.key_frames = 0
        self.first_sequence = self.starts_with_key_frame = self.first_timestamp = None
        self.judged_start = False
        self.sender_reports = 0
        self.last_report = None  # (middle 32 bits of its NTP time, when it came)
        self.bye = False
        self.fragment = None
        self.output = None
        self.in_picture = False

    def complain(self, text):
        if len(self.violations) < 50:
            self.violations.append(f"{self.kind}: {text}")

    def rtp(self, packet):
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return self.complain(f"packet {self.packets} is not RTP: {packet[:12].hex()}")
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
        header = 12 + 4 * (first & 15)
        if first & 0x10:
            header += 4 + 4 * struct.unpack_from("!H", packet, header + 2)[0]
        end = len(packet) - (packet[-1] if first & 0x20 else 0)
        if second & 0x7F != self.payload_type:
            self.complain(f"payload type {second & 0x7F}, the SDP says {self.payload_type}")
        if self.ssrc is None:
            self.first_sequence, self.ssrc = sequence, ssrc
        if ssrc != self.ssrc:
            self.complain(f"SSRC {ssrc:08x} after {self.ssrc:08x}")
        if self.expected:
            wanted_sequence, wanted_time = self.expected
            if wanted_sequence is not None and wanted_sequence != sequence:
                self.complain(f"RTP-Info says seq={wanted_sequence}, the first packet has {sequence}")
            if wanted_time is not None and wanted_time != timestamp:
                self.complain(f"RTP-Info says rtptime={wanted_time}, the first packet has {timestamp}")
            self.expected = None
            self.sequence = None
        payload = packet[header:end]
        key = self.codec in CODECS and begins_key_frame(self.codec, payload)
        # An access unit may begin with a delimiter or SEI: its first packet alone tells nothing.
        if self.starts_with_key_frame is None:
            self.starts_with_key_frame = False
            self.first_timestamp = timestamp
        if timestamp == self.first_timestamp:
            self.starts_with_key_frame |= key
        elif not self.judged_start:
            self.judged_start = True
            if self.args.expect_key_frame and self.kind == "video" and not self.starts_with_key_frame:
                self.complain("the first picture is no key frame")
        if self.sequence is not None:
            step = signed(sequence - self.sequence - 1, 16)
            if step:
                self.gaps += 1
                self.lost += max(step, 0)
                if not self.args.allow_gaps or step < 0:
                    self.complain(f"sequence {sequence} after {self.sequence}")
                elif self.kind == "video" and not key:
                    self.complain(f"after a gap, sequence {sequence} begins no key frame")
                self.fragment = None
        if self.timestamp is not None:
            step = signed(timestamp - self.timestamp, 32)
            if step < 0 and not self.args.b_frames:
                self.complain(f"time {timestamp} after {self.timestamp}")
            if step and self.in_picture and self.kind == "video" and not self.gaps:
                self.complain(f"time {timestamp} in the middle of the picture of {self.timestamp}")
        self.sequence, self.timestamp = sequence, timestamp
        self.packets += 1
        self.bytes += len(packet)
        self.in_picture = not second & 0x80
        if second & 0x80:
            self.pictures += 1
        if self.codec in CODECS:
            self.units(payload)
        elif self.codec == "MPEG4-GENERIC":
            self.access_units(payload)

    def units(self, payload):
        codec = CODECS[self.codec]
        if len(payload) < codec.header:
            return self.complain("a packet without payload")
        kind = kind_of(self.codec, payload)
        if kind == codec.fragment:
            if len(payload) <= codec.header:
                return self.complain("a fragment without header")
            edges = payload[codec.header]
            if edges & 0x80:
                if self.fragment is not None:
                    self.complain("a fragmented unit starts inside another one")
                self.fragment = bytearray(self.unit_header(payload))
            elif self.fragment is None:
                if self.packets > 1 and not self.gaps:
                    self.complain("a fragmented unit goes on without a start")
                return None
            self.fragment += payload[codec.header + 1:]
            if edges & 0x40:
                self.unit(bytes(self.fragment))
                self.fragment = None
            return None
        if self.fragment is not None:
            self.complain(f"NAL type {kind} inside a fragmented unit")
            self.fragment = None
        if kind == codec.aggregate:
            at = codec.header
            while at + 2 <= len(payload):
                size = struct.unpack_from("!H", payload, at)[0]
                if at + 2 + size > len(payload):
                    return self.complain("an aggregate ends inside a unit")
                self.unit(payload[at + 2:at + 2 + size])
                at += 2 + size
        elif kind < codec.aggregate and (kind or self.codec == "H265"):
            self.unit(payload)
        else:
            self.complain(f"NAL type {kind} on the wire")
        return None

    def unit_header(self, payload):
        kind = fragment_kind(self.codec, payload)
        if self.codec == "H264":
            return bytes([payload[0] & 0xE0 | kind])
        return bytes([payload[0] & 0x81 | kind << 1, payload[1]])

    def unit(self, unit):
        header = CODECS[self.codec].header
        if len(unit) > header and kind_of(self.codec, unit) in CODECS[self.codec].key and unit[header] & 0x80:
            self.key_frames += 1  # the first slice: one a picture
        if self.output:
            self.output.write(ANNEX_B + unit)

    def access_units(self, payload):
        """AAC in the mode AAC-hbr: sizes of 13 bits in front, then what they say."""
        bits = struct.unpack_from("!H", payload)[0] if len(payload) >= 2 else 0
        count = bits // 16
        if not count or len(payload) < 2 + 2 * count:
            return self.complain(f"no sizes of access units: {payload[:8].hex()}")
        sizes = [size >> 3 for size in struct.unpack_from(f"!{count}H", payload, 2)]
        if sum(sizes) != len(payload) - 2 - 2 * count:
            self.complain(f"access units of {sizes} bytes in a payload of {len(payload)}")
        return None

    def rtcp(self, packet):
        at = 0
        while at + 4 <= len(packet):
            first, kind, words = struct.unpack_from("!BBH", packet, at)
            size = 4 * (words + 1)
            if first >> 6 != 2 or at + size > len(packet):
                return self.complain(f"not RTCP: {packet[at:at + 8].hex()}")
            if kind == 200:
                self.sender_reports += 1
                ssrc, high, low = struct.unpack_from("!III", packet, at + 4)
                if self.ssrc is not None and ssrc != self.ssrc:
                    self.complain(f"a sender report of SSRC {ssrc:08x}, not {self.ssrc:08x}")
                self.last_report = ((high << 16 | low >> 16) & 0xFFFFFFFF, time.monotonic())
            elif kind == 203:
                self.bye = True
            at += size
        if at != len(packet):
            self.complain("RTCP ends inside a packet")
        return None

    def report(self, own_ssrc):
        """A receiver report with a CNAME, as live555's RTCPInstance builds it."""
        middle, delay = 0, 0
        if self.last_report:
            middle = self.last_report[0]
            delay = int((time.monotonic() - self.last_report[1]) * 65536) & 0xFFFFFFFF
        cname = socket.gethostname().encode()[:60]
        item = struct.pack("!BB", 1, len(cname)) + cname + b"\0"
        item += b"\0" * (-len(item) % 4)
        block = struct.pack("!IIIIII", self.ssrc or 0, 0, self.sequence or 0, 0, middle, delay)
        return (struct.pack("!BBHI", 0x81, 201, 7, own_ssrc) + block
                + struct.pack("!BBHI", 0x81, 202, 1 + len(item) // 4, own_ssrc) + item)

    def summary(self):
        return {name: getattr(self, name) for name in (
            "kind", "codec", "packets", "bytes", "pictures", "key_frames", "first_sequence", "ssrc",
            "starts_with_key_frame", "gaps", "lost", "sender_reports", "bye", "channels")}


def begins_key_frame(name, payload):
    """Whether parameter sets or a picture that decoding can begin with begin in this payload."""
    codec = CODECS[name]
    begins = codec.key | codec.sets
    if len(payload) <= codec.header:
        return False
    kind = kind_of(name, payload)
    if kind == codec.fragment:
        return bool(payload[codec.header] & 0x80) and fragment_kind(name, payload) in codec.key
    if kind == codec.aggregate:
        at = codec.header
        while at + 2 < len(payload):
            if kind_of(name, payload[at + 2:]) in begins:
                return True
            at += 2 + struct.unpack_from("!H", payload, at)[0]
        return False
    return kind in begins

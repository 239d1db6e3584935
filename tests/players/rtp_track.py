"""What arrives for one m= section of a session, checked packet by packet."""

import socket
import struct
import time

ANNEX_B = b"\x00\x00\x00\x01"


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
        key = self.codec == "H264" and begins_key_frame(payload)
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
        if self.codec == "H264":
            self.h264(payload)

    def h264(self, payload):
        if not payload:
            return self.complain("a packet without payload")
        kind = payload[0] & 31
        if kind == 28:
            if len(payload) < 2:
                return self.complain("FU-A without header")
            start, end = payload[1] & 0x80, payload[1] & 0x40
            if start:
                if self.fragment is not None:
                    self.complain("FU-A starts inside another one")
                self.fragment = bytearray([payload[0] & 0xE0 | payload[1] & 31])
            elif self.fragment is None:
                if self.packets > 1 and not self.gaps:
                    self.complain("FU-A goes on without a start")
                return None
            self.fragment += payload[2:]
            if end:
                self.unit(bytes(self.fragment))
                self.fragment = None
            return None
        if self.fragment is not None:
            self.complain(f"NAL type {kind} inside a FU-A")
            self.fragment = None
        if kind == 24:
            at = 1
            while at + 2 <= len(payload):
                size = struct.unpack_from("!H", payload, at)[0]
                if at + 2 + size > len(payload):
                    return self.complain("STAP-A ends inside a unit")
                self.unit(payload[at + 2:at + 2 + size])
                at += 2 + size
        elif 1 <= kind <= 23:
            self.unit(payload)
        else:
            self.complain(f"NAL type {kind} on the wire")
        return None

    def unit(self, unit):
        if unit and unit[0] & 31 == 5 and len(unit) > 1 and unit[1] & 0x80:
            self.key_frames += 1  # first_mb_in_slice is 0: one a picture
        if self.output:
            self.output.write(ANNEX_B + unit)

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


def begins_key_frame(payload):
    """Whether parameter sets or an IDR picture begin in this payload."""
    if not payload:
        return False
    kind = payload[0] & 31
    if kind == 28 and len(payload) > 1:
        return bool(payload[1] & 0x80) and payload[1] & 31 == 5
    if kind == 24:
        at = 1
        while at + 2 < len(payload):
            if payload[at + 2] & 31 in (5, 7, 8):
                return True
            at += 2 + struct.unpack_from("!H", payload, at)[0]
        return False
    return kind in (5, 7, 8)

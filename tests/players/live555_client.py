#!/usr/bin/env python3
"""A viewer that sends what live555 sends, which is what VLC uses for rtsp://.

The request lines, the order of the headers, the numbering from CSeq 2, the Digest answer without
qop whose uri= is the base URL and not the request's own, UDP first and TCP after a 461, the reports
over the odd channel: all as VLC 3 puts them on the wire. What comes back is checked to the byte:

  - the PLAY answer stands before the first frame, RTP-Info names exactly the first packet
  - the channels are the agreed ones, RTP is version 2, the SSRC never changes
  - sequence numbers have no gap, times never run backwards
  - fragmented H.264 and H.265 units begin and end as they must

Prints one JSON object; its `violations` are empty and the exit code is 0 when all was right.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
from urllib.parse import unquote, urlsplit

from rtp_track import ANNEX_B, CODECS, Track

USER_AGENT = "LibVLC/3.0.20 (LIVE555 Streaming Media v2016.11.28)"
REPORT_INTERVAL_S = 2.0


class Violation(Exception):
    """The server did what no live555 client understands; nothing more can be read."""


class Client:
    def __init__(self, args):
        self.args = args
        parts = urlsplit(args.url)
        self.user = args.user if args.user is not None else unquote(parts.username or "") or None
        self.password = args.password if args.password is not None else unquote(parts.password or "")
        self.host, self.port = parts.hostname, parts.port or (322 if parts.scheme == "rtsps" else 554)
        self.url = args.url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)
        self.group = None
        self.base = self.url
        self.violations = []
        self.tracks = []
        self.requests = []
        self.cseq = 1
        self.session, self.timeout_s = None, 60
        self.challenge = None
        self.logins = 0
        self.public = []
        self.aggregate = None
        self.buffer = bytearray()
        self.playing = False
        self.paused = False
        self.closed_by_server = False
        self.first_packet_ms = None
        self.media_after = None
        self.ssrc = struct.unpack("!I", os.urandom(4))[0]
        self.started = time.monotonic()
        self.secure = parts.scheme == "rtsps"
        self.socket = self.connect()
        if args.receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, args.receive_buffer)
        self.post = self.tunnel() if args.http else None

    # --- connections

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=self.args.timeout)
        if self.secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        return connection

    def tunnel(self):
        """Opens the GET, waits for its answer, then opens the POST, as live555 does it."""
        self.cookie = hashlib.md5(os.urandom(16)).hexdigest()[:22]
        path = urlsplit(self.url).path or "/"
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nCSeq: 1\r\nUser-Agent: {self.args.user_agent}\r\n"
                             f"x-sessioncookie: {self.cookie}\r\nAccept: application/x-rtsp-tunnelled\r\n"
                             "Pragma: no-cache\r\nCache-Control: no-cache\r\n\r\n").encode())
        deadline = time.monotonic() + self.args.timeout
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self.fill(deadline):
                raise Violation("no answer to GET")
        head = bytes(self.buffer[:end]).decode()
        del self.buffer[:end + 4]
        if self.args.verbose:
            print(head, file=sys.stderr, end="\n\n")
        if not re.match(r"HTTP/1\.[01] 200 ", head):
            raise Violation("GET is answered with " + head.split("\r\n")[0])
        return self.open_post()

    def open_post(self):
        post = self.connect()
        path = urlsplit(self.url).path or "/"
        post.sendall((f"POST {path} HTTP/1.1\r\nCSeq: 1\r\nUser-Agent: {self.args.user_agent}\r\n"
                      f"x-sessioncookie: {self.cookie}\r\nContent-Type: application/x-rtsp-tunnelled\r\n"
                      "Pragma: no-cache\r\nCache-Control: no-cache\r\nContent-Length: 32767\r\n"
                      "Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n").encode())
        return post

    def write(self, data):
        """To the server: in a tunnel each piece by itself in base64."""
        if self.post is None:
            return self.socket.sendall(data)
        if self.args.http == "reopen":  # what QuickTime may do: a connection for each request
            self.post.close()
            self.post = self.open_post()
        return self.post.sendall(base64.b64encode(data))

    # --- messages

    def authorization(self, method):
        if self.challenge is None or self.user is None:
            return ""
        scheme, fields = self.challenge
        if scheme == "basic":
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return f"Authorization: Basic {pair}\r\n"

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        realm, nonce = fields["realm"], fields["nonce"]
        # live555 digests its base URL, whatever the request line says.
        answer = md5(f"{md5(f'{self.user}:{realm}:{self.password}')}:{nonce}:{md5(f'{method}:{self.base}')}")
        return (f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", '
                f'uri="{self.base}", response="{answer}"\r\n')

    def send(self, method, url, extra=""):
        self.cseq += 1
        text = (f"{method} {url} RTSP/1.0\r\nCSeq: {self.cseq}\r\n{self.authorization(method)}"
                f"User-Agent: {self.args.user_agent}\r\n{extra}\r\n")
        if self.args.verbose:
            print(text, file=sys.stderr)
        self.requests.append(method)
        self.write(text.encode())
        return self.cseq

    def call(self, method, url, extra=""):
        """Sends a request and waits for its answer; logs in once when told to."""
        for attempt in range(2):
            cseq = self.send(method, url, extra)
            status, headers, body = self.answer(cseq)
            if status != 401 or attempt or self.user is None:
                return status, headers, body
            if not self.read_challenge(headers):
                return status, headers, body
            self.logins += 1
        raise AssertionError("unreachable")

    def read_challenge(self, headers):
        found = {}
        for value in headers.get("www-authenticate", []):
            scheme = value.split(None, 1)[0].lower()
            fields = dict(re.findall(r'(\w+)="([^"]*)"', value))
            # live555 of that age knows MD5 alone and takes what it finds for MD5.
            if scheme in ("digest", "basic") and "realm" in fields:
                found.setdefault(scheme, fields)
        scheme = "digest" if "nonce" in found.get("digest", {}) else "basic"
        if scheme not in found:
            return False
        known = self.challenge
        self.challenge = (scheme, found[scheme])
        return known is None or known[1].get("nonce") != found[scheme].get("nonce")

    def answer(self, cseq):
        deadline = time.monotonic() + self.args.timeout
        while True:
            response = self.next_event(deadline)
            if response is None:
                raise Violation(f"no answer to {self.requests[-1]}"
                                + (": the connection was closed" if self.closed_by_server else ""))
            status, headers, _ = response
            if int(headers.get("cseq", ["0"])[0]) == cseq:
                return response
            # Late answers to keepalives are of no interest.

    def next_event(self, deadline):
        """Takes frames in until an answer is complete; None at the deadline or the end."""
        while True:
            event = self.parse()
            if event is not None:
                return event
            if self.closed_by_server or not self.fill(deadline):
                return None

    def fill(self, deadline):
        """Waits for bytes from anywhere; False at the deadline or the end."""
        udp = {sock: (track, index) for track in self.tracks
               for index, sock in enumerate(track.sockets or ())}
        wait = deadline - time.monotonic()
        if wait <= 0:
            return False
        if self.secure and self.socket.pending():
            wait = 0  # it was received already
        ready, _, _ = select.select([self.socket, *udp], [], [], wait)
        if self.secure and self.socket.pending() and self.socket not in ready:
            ready.append(self.socket)
        if not ready:
            return False
        for sock in ready:
            if sock is self.socket:
                try:
                    data = sock.recv(65536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    self.closed_by_server = True
                    return False
                self.buffer += data
                # It was sent before what waits on the other sockets: the answer to PLAY first.
                return True
            else:
                track, index = udp[sock]
                data, sender = sock.recvfrom(65536)
                if track.source and sender[0] != track.source:
                    continue  # what other members report
                self.packet(track, index, data)
        return True

    def parse(self):
        while self.buffer:
            if self.buffer[0] == 0x24:
                if len(self.buffer) < 4:
                    return None
                channel, size = struct.unpack_from("!BH", self.buffer, 1)
                if len(self.buffer) < 4 + size:
                    return None
                payload = bytes(self.buffer[4:4 + size])
                del self.buffer[:4 + size]
                self.frame(channel, payload)
                continue
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > 65536:
                    raise Violation("neither a frame nor an answer: " + repr(bytes(self.buffer[:40])))
                return None
            lines = bytes(self.buffer[:end]).decode().split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers.setdefault(name.strip().lower(), []).append(value.strip())
            size = int(headers.get("content-length", ["0"])[0])
            if len(self.buffer) < end + 4 + size:
                return None
            body = bytes(self.buffer[end + 4:end + 4 + size])
            del self.buffer[:end + 4 + size]
            if self.args.verbose:
                print("\n".join(lines), file=sys.stderr, end="\n\n")
            if not lines[0].startswith("RTSP/1.0 "):
                # live555 answers what a server asks with 405.
                number = headers.get("cseq", ["0"])[0]
                self.write(f"RTSP/1.0 405 Method Not Allowed\r\nCSeq: {number}\r\n\r\n".encode())
                continue
            return int(lines[0].split()[1]), headers, body
        return None

    def frame(self, channel, payload):
        for track in self.tracks:
            if track.channels and channel in track.channels:
                return self.packet(track, track.channels.index(channel), payload)
        self.violations.append(f"a frame on channel {channel}, which nobody set up")
        return None

    def packet(self, track, index, payload):
        if not self.playing and not self.paused and index == 0:
            track.complain("a packet before the answer to PLAY")
        if self.paused and self.media_after is not None and time.monotonic() > self.media_after and index == 0:
            track.complain("a packet while paused")
        if index == 1:
            return track.rtcp(payload)
        if self.first_packet_ms is None:
            self.first_packet_ms = round((time.monotonic() - self.started) * 1000)
        return track.rtp(payload)

    # --- the session

    def describe(self):
        status, headers, _ = self.call("OPTIONS", self.url)
        if status != 200:
            raise Violation(f"OPTIONS is answered with {status}")
        self.public = [name.strip() for name in ",".join(headers.get("public", [])).split(",")]
        status, headers, body = self.call("DESCRIBE", self.url, "Accept: application/sdp\r\n")
        if status != 200:
            raise Violation(f"DESCRIBE is answered with {status}")
        self.base = headers.get("content-base", [self.url])[0]
        self.aggregate = self.base
        for line in body.decode().splitlines():
            kind, _, value = line.partition("=")
            track = self.tracks[-1] if self.tracks else None
            if kind == "c":
                # A group in the SDP is what has live555 ask for multicast.
                address = value.split()[2].partition("/")[0]
                self.group = address if 224 <= int(address.partition(".")[0] or 0) <= 239 else None
            if kind == "m":
                media = value.split()
                self.tracks.append(Track(media[0], int(media[3]), self.args, self.violations))
                self.tracks[-1].port = int(media[1])
            elif kind == "a" and value.startswith("control:"):
                control = value[8:].strip()
                if track:
                    track.control = control
                elif "://" in control:
                    self.aggregate = control
            elif kind == "a" and track and value.startswith("rtpmap:"):
                mapping = value[7:].split()
                if int(mapping[0]) == track.payload_type:
                    encoding = mapping[1].split("/")
                    track.codec, track.clock = encoding[0].upper(), int(encoding[1])
            elif kind == "a" and track and "sprop-parameter-sets=" in value:
                sets = value.split("sprop-parameter-sets=")[1].split(";")[0]
                track.sprop = [base64.b64decode(part) for part in sets.split(",")]
            elif kind == "a" and track and "sprop-vps=" in value:
                fields = dict(part.strip().split("=", 1) for part in value.partition(" ")[2].split(";") if "=" in part)
                names = ("sprop-vps", "sprop-sps", "sprop-pps")
                track.sprop = [base64.b64decode(fields[name]) for name in names if name in fields]
        if self.args.media != "all":
            self.tracks = [track for track in self.tracks if track.kind == self.args.media]
        if not self.tracks:
            raise Violation("the SDP has no track")

    def setup(self, track, transport):
        control = track.control or ""
        if "://" in control:
            track.url = control
        else:
            track.url = self.base + ("" if self.base.endswith("/") or control.startswith("/") else "/") + control
        if transport == "tcp":
            rtp = self.args.channels + 2 * self.tracks.index(track)
            wanted = f"RTP/AVP/TCP;unicast;interleaved={rtp}-{rtp + 1}"
        elif transport == "multicast":
            if not self.group or not track.port:
                raise Violation("the SDP names no group and port")
            rtp = track.port
            track.sockets = group_pair(self.group, rtp)
            wanted = f"RTP/AVP;multicast;port={rtp}-{rtp + 1}"
        else:
            track.sockets = udp_pair(self.socket.getsockname()[0])
            rtp = track.sockets[0].getsockname()[1]
            wanted = f"RTP/AVP;unicast;client_port={rtp}-{rtp + 1}"
        session = f"Session: {self.session}\r\n" if self.session else ""
        status, headers, _ = self.call("SETUP", track.url, f"Transport: {wanted}\r\n{session}")
        if status != 200:
            track.sockets = None
            return status
        identity = headers.get("session", [""])[0]
        self.session, _, rest = identity.partition(";")
        if "timeout=" in rest:
            self.timeout_s = int(rest.split("timeout=")[1].split(";")[0])
        answer = headers.get("transport", [""])[0]
        if transport == "tcp":
            found = re.search(r"interleaved=(\d+)-(\d+)", answer)
            if not found:
                raise Violation(f"SETUP over TCP is answered with Transport: {answer}")
            track.channels = [int(found[1]), int(found[2])]
            if track.channels != [rtp, rtp + 1]:
                track.complain(f"asked for channels {rtp}-{rtp + 1}, got {track.channels}")
        elif transport == "multicast":
            fields = dict(part.split("=", 1) for part in answer.split(";") if "=" in part)
            if "multicast" not in answer.split(";"):
                raise Violation(f"SETUP by multicast is answered with Transport: {answer}")
            # live555 has opened its sockets by now: another group or port would be missed.
            if (fields.get("destination"), fields.get("port")) != (self.group, f"{rtp}-{rtp + 1}"):
                track.complain(f"asked for {self.group} {rtp}-{rtp + 1}, got {answer}")
            track.source = fields.get("source")
            # What members report goes to the group.
            track.server = [None, (self.group, rtp + 1)]
        else:
            found = re.search(r"server_port=(\d+)-(\d+)", answer)
            if not found:
                raise Violation(f"SETUP over UDP is answered with Transport: {answer}")
            track.server = [(self.host, int(found[1])), (self.host, int(found[2]))]
        return status

    def play(self, resume=False):
        session = f"Session: {self.session}\r\n"
        span = "" if resume else "Range: npt=0.000-\r\n"
        status, headers, _ = self.call_playing(self.aggregate, session + span)
        if status != 200:
            raise Violation(f"PLAY is answered with {status}")

    def call_playing(self, url, extra):
        """PLAY, where frames may follow the answer in the same read."""
        cseq = self.send("PLAY", url, extra)
        deadline = time.monotonic() + self.args.timeout
        while True:
            # parse() returns at the answer, before it looks at the frames behind.
            response = self.next_event(deadline)
            if response is None:
                raise Violation("no answer to PLAY")
            status, headers, body = response
            if int(headers.get("cseq", ["0"])[0]) != cseq:
                continue
            if status == 401 and self.read_challenge(headers) and self.user is not None:
                cseq = self.send("PLAY", url, extra)
                continue
            self.read_rtp_info(headers)
            self.playing, self.paused = True, False
            for track in self.tracks:
                if track.server and track.server[0]:  # opens the way through a NAT
                    for _ in range(2):
                        track.sockets[0].sendto(b"\xfe\xed\xfa\xce", track.server[0])
            return response

    def read_rtp_info(self, headers):
        if "rtp-info" not in headers:
            if self.args.rtp_info == "require":
                self.violations.append("PLAY is answered without RTP-Info")
            return
        if self.args.rtp_info == "ignore":
            return
        for position, entry in enumerate(headers["rtp-info"][0].split(",")):
            fields = dict(part.strip().split("=", 1) for part in entry.split(";") if "=" in part)
            matching = [track for track in self.tracks if track.url == fields.get("url")]
            track = matching[0] if matching else self.tracks[min(position, len(self.tracks) - 1)]
            if not matching:
                track.complain(f"RTP-Info names {fields.get('url')}, the SETUP was for {track.url}")
            sequence, rtptime = fields.get("seq"), fields.get("rtptime")
            track.expected = (int(sequence) if sequence else None, int(rtptime) if rtptime else None)

    def keep_alive(self, now, state):
        """Reports on the odd channel, and GET_PARAMETER or OPTIONS before the timeout."""
        if now >= state["report"]:
            state["report"] = now + REPORT_INTERVAL_S
            for track in self.tracks:
                report = track.report(self.ssrc)
                if track.channels:
                    self.write(b"$" + struct.pack("!BH", track.channels[1], len(report)) + report)
                elif track.server:
                    track.sockets[1].sendto(report, track.server[1])
        if now >= state["request"]:
            state["request"] = now + self.keepalive_s()
            if "GET_PARAMETER" in self.public:
                self.send("GET_PARAMETER", self.aggregate, f"Session: {self.session}\r\n")
            else:
                self.send("OPTIONS", self.aggregate, f"Session: {self.session}\r\n")

    def keepalive_s(self):
        return self.args.keepalive or max(self.timeout_s - 2, 1)

    def enough(self, begun):
        video = self.tracks[0]
        return ((self.args.packets and video.packets >= self.args.packets)
                or (self.args.pictures and video.pictures >= self.args.pictures)
                or (self.args.duration and time.monotonic() - begun >= self.args.duration))

    def watch(self):
        begun = time.monotonic()
        state = {"report": begun + 0.5, "request": begun + self.keepalive_s()}
        stall_at = begun + self.args.stop_after if self.args.stop_reading else None
        pause_at = begun + self.args.pause_after if self.args.pause_after else None
        give_up = begun + self.args.timeout + (self.args.duration or 0) + self.args.stop_reading
        while not self.enough(begun):
            now = time.monotonic()
            if now > give_up:
                raise Violation("too little came in time")
            if stall_at and now >= stall_at:
                # Nothing is read for a while: what a hidden browser tab or a slow disk does.
                select.select([], [], [], self.args.stop_reading)
                stall_at = None
            if pause_at and now >= pause_at:
                pause_at = None
                self.pause()
            self.keep_alive(now, state)
            response = self.next_event(min(state["report"], state["request"], time.monotonic() + 0.1))
            if response and response[0] == 401 and self.read_challenge(response[1]):
                state["request"] = now  # the nonce is too old: the same again with the new one
            elif response and response[0] != 200:
                self.violations.append(f"a keepalive is answered with {response[0]}")
            if self.closed_by_server:
                if not self.args.expect_end:
                    raise Violation("the server closed the connection")
                return

    def pause(self):
        status, _, _ = self.call("PAUSE", self.aggregate, f"Session: {self.session}\r\n")
        if status != 200:
            raise Violation(f"PAUSE is answered with {status}")
        self.playing, self.paused = False, True
        self.media_after = time.monotonic() + 0.3  # what was under way may still come
        self.next_event(time.monotonic() + self.args.pause_for)
        self.media_after = None
        for track in self.tracks:
            track.sequence, track.fragment, track.in_picture = None, None, False
        self.play(resume=True)

    def leave(self):
        if self.args.reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif not self.args.kill and not self.closed_by_server:
            self.playing = True  # frames may come until the answer
            status, _, _ = self.call("TEARDOWN", self.aggregate, f"Session: {self.session}\r\n")
            if status != 200:
                self.violations.append(f"TEARDOWN is answered with {status}")
        self.socket.close()
        if self.post:
            self.post.close()

    def open_output(self):
        if self.args.output:
            track = next(track for track in self.tracks if track.codec in CODECS)
            track.output = open(self.args.output, "wb")
            for unit in track.sprop:
                track.output.write(ANNEX_B + unit)

    def run(self):
        self.describe()
        self.open_output()
        transport = "udp" if self.args.transport == "auto" else self.args.transport
        for track in self.tracks:
            status = self.setup(track, transport)
            if status == 461 and self.args.transport == "auto" and transport == "udp":
                transport = "tcp"
                status = self.setup(track, transport)
            if status != 200:
                raise Violation(f"SETUP is answered with {status}")
        self.play()
        self.watch()
        self.leave()

    def summary(self, error):
        if error:
            self.violations.append(error)
        return {"ok": not self.violations, "violations": self.violations,
                "tracks": [track.summary() for track in self.tracks],
                "requests": self.requests, "logins": self.logins,
                "scheme": self.challenge[0] if self.challenge else None,
                "timeout_s": self.timeout_s, "first_packet_ms": self.first_packet_ms,
                "closed_by_server": self.closed_by_server}


def udp_pair(address):
    """An even port and the next one."""
    for _ in range(100):
        rtp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        rtcp = socket.socket(rtp.family, socket.SOCK_DGRAM)
        rtp.bind((address, 0))
        port = rtp.getsockname()[1]
        try:
            if port % 2 == 0:
                rtcp.bind((address, port + 1))
                rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
    raise OSError("no pair of free ports")


def group_pair(group, port):
    """The two ports of a group, as live555 opens them: others on this machine may have them too."""
    pair = []
    for number in (port, port + 1):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("", number))
        # Only what this socket has joined, not what others here have.
        sock.setsockopt(socket.IPPROTO_IP, 49, 0)  # IP_MULTICAST_ALL
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(group) + socket.inet_aton("0.0.0.0"))
        pair.append(sock)
    return pair


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--transport", default="tcp", choices=["auto", "tcp", "udp", "multicast"])
    parser.add_argument("--http", nargs="?", const="tunnel", choices=["tunnel", "reopen"],
                        help="through HTTP; reopen: with a new POST for each request")
    parser.add_argument("--channels", default=0, type=int, help="the first interleaved channel to ask for")
    parser.add_argument("--media", default="all", choices=["all", "video", "audio"])
    parser.add_argument("--packets", default=0, type=int, help="end after so many of the first track")
    parser.add_argument("--pictures", default=0, type=int, help="end after so many of the first track")
    parser.add_argument("--duration", default=0.0, type=float, help="end after so many seconds")
    parser.add_argument("--timeout", default=15.0, type=float, help="seconds to wait for anything")
    parser.add_argument("--keepalive", default=0.0, type=float, help="seconds; 0: just before the timeout")
    parser.add_argument("--stop-reading", default=0.0, type=float, help="read nothing for so many seconds")
    parser.add_argument("--stop-after", default=1.0, type=float, help="seconds to play before that")
    parser.add_argument("--receive-buffer", default=0, type=int, help="bytes, to stall sooner")
    parser.add_argument("--pause-after", default=0.0, type=float, help="seconds to play before a PAUSE")
    parser.add_argument("--pause-for", default=1.0, type=float, help="seconds until the next PLAY")
    parser.add_argument("--allow-gaps", action="store_true", help="if they end at a key frame")
    parser.add_argument("--b-frames", action="store_true", help="times may run backwards")
    parser.add_argument("--expect-key-frame", action="store_true", help="as the first packet")
    parser.add_argument("--rtp-info", default="check", choices=["ignore", "check", "require"],
                        help="check: it may be missing, but it may not be wrong")
    parser.add_argument("--expect-end", action="store_true", help="the server may close")
    parser.add_argument("--kill", action="store_true", help="close without TEARDOWN")
    parser.add_argument("--reset", action="store_true", help="end by a TCP reset")
    parser.add_argument("--output", help="write the first video there, Annex B")
    parser.add_argument("--user-agent", default=USER_AGENT)
    parser.add_argument("--verbose", action="store_true", help="show the messages on stderr")
    args = parser.parse_args()
    if not (args.packets or args.pictures or args.duration):
        args.pictures = 100
    return args


def main():
    client, error = None, None
    try:
        client = Client(arguments())
        client.run()
    except (Violation, OSError, ValueError, KeyError, IndexError) as caught:
        error = str(caught) if isinstance(caught, Violation) else f"{type(caught).__name__}: {caught}"
    if client is None:
        print(json.dumps({"ok": False, "violations": [error], "tracks": []}))
        return 1
    summary = client.summary(error)
    print(json.dumps(summary), flush=True)
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())

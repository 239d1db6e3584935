#!/usr/bin/python3
"""A GStreamer viewer: rtspsrc, decoder, and a count of what arrived.

Decodes the video of an RTSP stream as gst-launch-1.0 would and prints one JSON object:

    {"ok": true, "frames": 250, "errors": [], "first_frame_ms": 412, "width": 640, ...}

With --sync it also tells, as they come, when a white picture is shown and when a beep begins after
silence, in seconds of the pipeline's running time: {"flash": 3.48}, {"beep": 3.481}.

`lost`, `late` and `duplicates` are what GStreamer's jitter buffers say of the packets;
`longest_gap_ms` is the longest step between the times of two pictures in a row.
The exit code is 0 when all frames came, none was lost and nothing was complained about.
"""

import argparse
import array
import json
import signal
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstVideo  # noqa: E402

PROTOCOLS = {
    "tcp": GstRtsp.RTSPLowerTrans.TCP,
    "udp": GstRtsp.RTSPLowerTrans.UDP,
    "multicast": GstRtsp.RTSPLowerTrans.UDP_MCAST,
    "http": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.HTTP,
    "auto": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP | GstRtsp.RTSPLowerTrans.UDP_MCAST,
}
DECODERS = {
    "H264": "rtph264depay ! h264parse ! avdec_h264",
    "H265": "rtph265depay ! h265parse ! avdec_h265",
    "JPEG": "rtpjpegdepay ! jpegparse ! avdec_mjpeg",
}
SOUND_DECODERS = {
    "MPEG4-GENERIC": "rtpmp4gdepay ! aacparse ! avdec_aac",
    "PCMU": "rtppcmudepay ! mulawdec",
    "PCMA": "rtppcmadepay ! alawdec",
    "OPUS": "rtpopusdepay ! opusdec",
}
SOUND_RATE = 48000
GRAIN = 48  # samples that are looked at together: 1 ms
WHITE, LOUD = 200, 3000


class Viewer:
    def __init__(self, args):
        self.args = args
        self.loop = GLib.MainLoop()
        self.frames = 0
        self.errors = []
        self.first_frame_ms = None
        self.last_pts = None
        self.longest_gap_ms = 0
        self.size = (None, None)
        self.sample = None
        self.buffers = []
        self.ended_by = None
        self.sounds = 0
        self.white = False
        self.loud = True  # who comes in the middle of a beep has not heard its beginning
        self.pipeline = Gst.Pipeline.new(None)
        self.source = Gst.ElementFactory.make("rtspsrc")
        scheme, rest = args.url.split("://", 1)
        if args.protocols == "http":
            scheme += "h"  # the protocols alone do not open a tunnel
        self.source.set_property("location", f"{scheme}://{rest}")
        self.source.set_property("protocols", PROTOCOLS[args.protocols])
        self.source.set_property("latency", args.latency)
        self.source.set_property("drop-on-latency", False)
        if args.insecure:
            self.source.set_property("tls-validation-flags", Gio.TlsCertificateFlags(0))
        if args.user is not None:
            self.source.set_property("user-id", args.user)
            self.source.set_property("user-pw", args.password)
        if args.rtsp2:
            Gst.util_set_object_arg(self.source, "default-rtsp-version", "2-0")
        self.source.connect("pad-added", self.pad_added)
        self.source.connect("new-manager", self.new_manager)
        self.pipeline.add(self.source)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.message)

    def new_manager(self, _source, manager):
        manager.connect("new-jitterbuffer",
                        lambda _manager, buffer, _session, _ssrc: self.buffers.append(buffer))

    def pad_added(self, _source, pad):
        try:
            self.play(pad)
        except Exception as error:
            self.errors.append(f"a pad: {error!r}")
            self.end("error")
            raise

    def play(self, pad):
        caps = pad.get_current_caps() or pad.query_caps(None)
        structure = caps.get_structure(0)
        media, name = structure.get_string("media"), structure.get_string("encoding-name")
        decoder = (DECODERS if media == "video" else SOUND_DECODERS).get(name)
        if media == "audio" and decoder is not None:
            branch = Gst.parse_bin_from_description(
                f"{decoder} ! audioconvert ! audioresample "
                f"! audio/x-raw,format=S16LE,channels=1,rate={SOUND_RATE} "
                "! appsink name=sink emit-signals=true sync=false max-buffers=64", True)
            branch.get_by_name("sink").connect("new-sample", self.new_sound)
        elif decoder is None or media != "video":
            branch = Gst.parse_bin_from_description("fakesink async=false", True)
        else:
            branch = Gst.parse_bin_from_description(
                f"{decoder} name=decoder max-errors=0 ! videoconvert ! video/x-raw,format={self.format()} "
                "! appsink name=sink emit-signals=true sync=false max-buffers=8", True)
            branch.get_by_name("sink").connect("new-sample", self.new_sample)
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def format(self):
        """Of the pictures: grey is easily looked at."""
        return "GRAY8" if self.args.sync else "I420"

    def new_sound(self, sink):
        sample = sink.emit("pull-sample")
        self.sounds += 1
        self.end_when_enough()
        if not self.args.sync:
            return Gst.FlowReturn.OK
        buffer = sample.get_buffer()
        samples = array.array("h", buffer.extract_dup(0, buffer.get_size()))
        for at in range(0, len(samples), GRAIN):
            loud = max(map(abs, samples[at:at + GRAIN])) > LOUD
            if loud and not self.loud:
                self.tell("beep", sample, at / SOUND_RATE)
            self.loud = loud
        return Gst.FlowReturn.OK

    def look(self, sample):
        data = sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())[::101]
        white = sum(data) > WHITE * len(data)
        if white and not self.white:
            self.tell("flash", sample, 0)
        self.white = white

    @staticmethod
    def tell(what, sample, later_s):
        at = sample.get_segment().to_running_time(Gst.Format.TIME, sample.get_buffer().pts)
        print(json.dumps({what: at / Gst.SECOND + later_s}), flush=True)

    def new_sample(self, sink):
        sample = sink.emit("pull-sample")
        buffer = sample.get_buffer()
        if self.args.sync:
            self.look(sample)
        if self.frames >= self.args.frames:
            return Gst.FlowReturn.OK
        self.frames += 1
        if self.frames == 1:
            self.first_frame_ms = round((time.monotonic() - self.started) * 1000)
            structure = sample.get_caps().get_structure(0)
            self.size = (structure.get_value("width"), structure.get_value("height"))
        if buffer.pts != Gst.CLOCK_TIME_NONE:
            if self.last_pts is not None:
                gap = abs(buffer.pts - self.last_pts) / Gst.MSECOND
                self.longest_gap_ms = max(self.longest_gap_ms, round(gap))
            self.last_pts = buffer.pts
        if buffer.has_flags(Gst.BufferFlags.CORRUPTED):
            self.errors.append(f"frame {self.frames} is damaged")
        self.sample = sample
        self.end_when_enough()
        return Gst.FlowReturn.OK

    def end_when_enough(self):
        if self.frames == self.args.frames and self.sounds >= self.args.sounds:
            self.end("frames")

    def message(self, _bus, message):
        if message.type in (Gst.MessageType.ERROR, Gst.MessageType.WARNING):
            parse = message.parse_error if message.type == Gst.MessageType.ERROR else message.parse_warning
            error, detail = parse()
            self.errors.append(f"{message.src.get_name()}: {error.message}")
            print(f"{message.src.get_name()}: {error.message}: {detail}", file=sys.stderr)
            if message.type == Gst.MessageType.ERROR:
                self.end("error")
        elif message.type == Gst.MessageType.EOS:
            self.end("server")

    def end(self, by):
        if self.ended_by is None:
            self.ended_by = by
            GLib.idle_add(self.loop.quit)

    def lost(self):
        total = {"lost": 0, "late": 0, "duplicates": 0}
        for buffer in self.buffers:
            stats = buffer.get_property("stats")
            for name in total:
                total[name] += stats.get_value(f"num-{name}")
        return total

    def save_png(self):
        caps = Gst.Caps.from_string("image/png")
        png = GstVideo.video_convert_sample(self.sample, caps, 10 * Gst.SECOND)
        data = png.get_buffer()
        with open(self.args.png, "wb") as file:
            file.write(data.extract_dup(0, data.get_size()))

    def run(self):
        def interrupted():
            self.end("signal")
            return GLib.SOURCE_CONTINUE

        def timed_out():
            self.errors.append(f"{self.frames} of {self.args.frames} frames and {self.sounds} of "
                               f"{self.args.sounds} sounds in {self.args.timeout} s")
            self.end("timeout")
            return GLib.SOURCE_REMOVE

        GLib.timeout_add(int(self.args.timeout * 1000), timed_out)
        for number in (signal.SIGTERM, signal.SIGINT):
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, interrupted)
        self.started = time.monotonic()
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        result = {"frames": self.frames, "errors": self.errors, "ended_by": self.ended_by,
                  "first_frame_ms": self.first_frame_ms, "longest_gap_ms": self.longest_gap_ms,
                  "width": self.size[0], "height": self.size[1], "sounds": self.sounds, **self.lost()}
        if self.args.png and self.sample:
            self.save_png()
        # Takes the TEARDOWN to the server.
        self.pipeline.set_state(Gst.State.NULL)
        result["ok"] = not self.errors and self.frames == self.args.frames and result["lost"] == 0
        print(json.dumps(result), flush=True)
        return 0 if result["ok"] else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--protocols", default="tcp", choices=sorted(PROTOCOLS))
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--rtsp2", action="store_true", help="begin with RTSP/2.0")
    parser.add_argument("--latency", default=500, type=int, help="of the jitter buffer, in ms")
    parser.add_argument("--frames", default=100, type=int, help="end after so many pictures")
    parser.add_argument("--sounds", default=0, type=int, help="and after so many pieces of sound")
    parser.add_argument("--timeout", default=60.0, type=float, help="seconds in all")
    parser.add_argument("--sync", action="store_true", help="tell of flashes and beeps")
    parser.add_argument("--png", help="save the last picture there")
    args = parser.parse_args()
    Gst.init(None)
    # The bindings make a class at its first use, and two threads that first use it at once may see half of it.
    for made in (Gst.Buffer, Gst.Caps, Gst.Pad, Gst.Sample, Gst.Segment, Gst.Structure):
        assert made.__gtype__
    sys.exit(Viewer(args).run())


if __name__ == "__main__":
    main()

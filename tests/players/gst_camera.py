#!/usr/bin/python3
"""An RTSP camera that nobody of this project wrote: gst-rtsp-server.

It makes its own picture (a test pattern with the running time drawn in) and
tells on stdout what its clients do, one JSON object a line:

    {"event": "ready", "port": 34567}
    {"event": "connected", "client": 1}      {"event": "closed", "client": 1}
    {"event": "request", "client": 1, "method": "DESCRIBE", "path": "/main"}
    {"event": "session", "id": "..."}        {"event": "session-removed", "id": "..."}
    {"event": "media", "path": "/main"}      {"event": "unprepared", "path": "/main"}

It ends on SIGTERM, SIGINT, or when its standard input is a pipe that closes.
"""

import argparse
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ROLE = "viewer"
REQUESTS = ["options", "describe", "setup", "play", "pause", "teardown",
            "get-parameter", "set-parameter"]
PROTOCOLS = {
    "all": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP,
    "tcp": GstRtsp.RTSPLowerTrans.TCP,
    "udp": GstRtsp.RTSPLowerTrans.UDP,
    "multicast": GstRtsp.RTSPLowerTrans.UDP_MCAST,
}

output = threading.Lock()


def say(event, **fields):
    with output:
        print(json.dumps({"event": event, **fields}), flush=True)


def coder(codec, args):
    """Encoder and payloader of the picture."""
    if codec == "h264":
        return (
            f"x264enc speed-preset=ultrafast threads=1 sliced-threads=false rc-lookahead=0 "
            f"sync-lookahead=0 mb-tree=false b-adapt=false bframes={args.bframes} "
            f"key-int-max={args.key_interval} bitrate={args.kbps} "
            f"option-string=open-gop={int(args.open_gop)}:scenecut=0 "
            "! video/x-h264,profile=main "
            f"! h264parse ! rtph264pay name=pay0 pt=96 config-interval={args.config_interval}")
    if codec == "h265":
        wishes = (f"bframes={args.bframes}:b-adapt=0:open-gop={int(args.open_gop)}:scenecut=0"
                  # x265 looks ahead by more than it puts between two pictures, or not at all
                  f":rc-lookahead={args.bframes + 1 if args.bframes else 0}:pools=1:frame-threads=1:info=0")
        return (
            f"x265enc speed-preset=ultrafast key-int-max={args.key_interval} bitrate={args.kbps} "
            f"option-string={wishes} "
            f"! h265parse ! rtph265pay name=pay0 pt=96 config-interval={args.config_interval}")
    return "jpegenc ! rtpjpegpay name=pay0 pt=26"


SOUNDS = {
    "pcma": "audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8",
    "pcmu": "audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0",
    "aac": "audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "opus": "audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay name=pay1 pt=98",
}


def launch_line(args, what):
    """The pipeline behind a path, CODEC+SOUND, with payloaders named as the server wants them."""
    codec, _, sound = what.partition("+")
    codec, sound = codec or "h264", sound or ("pcma" if args.audio else "")
    if args.file:
        return f"( filesrc location={args.file} ! parsebin ! h264parse ! rtph264pay name=pay0 pt=96 )"
    tracks = (
        f"videotestsrc is-live=true pattern={args.pattern} "
        f"! video/x-raw,format=I420,width={args.width},height={args.height},framerate={args.fps}/1 "
        f"! timeoverlay font-desc=Sans,24 ! {coder(codec, args)}"
    )
    if sound:
        tracks += f" audiotestsrc is-live=true volume=0.1 ! {SOUNDS[sound]}"
    return f"( {tracks} )"


def certificate():
    """A self-signed one, with its key."""
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=camera.invalid", "-out", files[0], "-keyout", files[1]],
                       check=True, capture_output=True)
        return Gio.TlsCertificate.new_from_files(*files)


def guard(args):
    auth = GstRtspServer.RTSPAuth.new()
    if args.tls:
        auth.set_tls_certificate(certificate())
    token = GstRtspServer.RTSPToken.new()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    if args.auth == "none":
        # TLS alone: whoever comes is let in.
        auth.set_default_token(token)
    elif args.auth == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(args.user, args.password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(args.user, args.password, token)
    return auth


def add_path(mounts, path, args):
    path, _, what = path.partition("=")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(launch_line(args, what))
    factory.set_shared(True)
    factory.set_protocols(PROTOCOLS[args.protocols])
    if args.protocols == "multicast":
        # One address and a range of ports for all tracks.
        pool = GstRtspServer.RTSPAddressPool.new()
        low, high = args.group_ports.split("-")
        if not pool.add_range(args.group, args.group, int(low), int(high), args.group_ttl):
            sys.exit(f"no groups: {args.group} {args.group_ports}")
        factory.set_address_pool(pool)
        factory.set_multicast_iface(args.group_interface)
    if args.auth != "none" or args.tls:
        permissions = GstRtspServer.RTSPPermissions.new()
        for right in (GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS,
                      GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT):
            permissions.add_permission_for_role(ROLE, right, True)
        factory.set_permissions(permissions)

    def configured(_factory, media):
        say("media", path=path)
        media.connect("unprepared", lambda _media: say("unprepared", path=path))

    factory.connect("media-configure", configured)
    mounts.add_factory(path, factory)


def watch_clients(server):
    numbers = iter(range(1, 1 << 62))

    def connected(_server, client):
        number = next(numbers)
        say("connected", client=number)
        client.connect("closed", lambda _client: say("closed", client=number))
        client.connect("new-session", lambda _client, session: say("session", id=session.get_sessionid()))
        for name in REQUESTS:
            def requested(_client, context, method=name.upper().replace("-", "_")):
                path = context.uri.abspath if context.uri else None
                say("request", client=number, method=method, path=path)
            client.connect(f"{name}-request", requested)

    server.connect("client-connected", connected)
    server.get_session_pool().connect(
        "session-removed", lambda _pool, session: say("session-removed", id=session.get_sessionid()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", default=0, type=int, help="0: any free one")
    parser.add_argument("--path", action="append", help="NAME[=h264|h265|jpeg[+pcma|pcmu|aac|opus]]; may be repeated; default /main, H.264")
    parser.add_argument("--auth", default="none", choices=["none", "basic", "digest"])
    parser.add_argument("--tls", action="store_true", help="rtsps:// alone, signed by itself")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--protocols", default="all", choices=sorted(PROTOCOLS))
    parser.add_argument("--group", default="239.255.0.1", help="the group of --protocols multicast")
    parser.add_argument("--group-ports", default="45000-45007", help="its ports")
    parser.add_argument("--group-ttl", default=1, type=int)
    parser.add_argument("--group-interface", default="lo", help="where it is sent to")
    parser.add_argument("--file", help="a file with H.264, played once, instead of the test pattern")
    parser.add_argument("--pattern", default="smpte")
    parser.add_argument("--width", default=640, type=int)
    parser.add_argument("--height", default=360, type=int)
    parser.add_argument("--fps", default=25, type=int)
    parser.add_argument("--kbps", default=800, type=int)
    parser.add_argument("--key-interval", default=25, type=int, help="frames between key frames")
    parser.add_argument("--bframes", default=0, type=int)
    parser.add_argument("--open-gop", action="store_true", help="B-frames may go over key frames")
    parser.add_argument("--config-interval", default=-1, type=int,
                        help="-1: SPS and PPS with each key frame, 0: in the SDP alone")
    parser.add_argument("--audio", action="store_true", help="a second track, A-law")
    args = parser.parse_args()

    Gst.init(None)
    try:
        # A path that cannot be built would only show as 503 to whoever asks for it.
        for path in args.path or ["/main"]:
            what = path.partition("=")[2]
            Gst.parse_launch_full(launch_line(args, what), None, Gst.ParseFlags.FATAL_ERRORS)
    except GLib.Error as error:
        sys.exit(f"this machine cannot play the camera: {error.message}")
    server = GstRtspServer.RTSPServer.new()
    server.set_address(args.listen)
    server.set_service(str(args.port))
    if args.auth != "none" or args.tls:
        server.set_auth(guard(args))
    mounts = server.get_mount_points()
    for path in args.path or ["/main"]:
        add_path(mounts, "/" + path.lstrip("/"), args)
    watch_clients(server)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {args.listen}:{args.port}")

    loop = GLib.MainLoop()

    def stop(*_):
        loop.quit()
        return GLib.SOURCE_REMOVE

    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, stop)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, stop)

    # The server drops sessions that went silent only when it is asked to.
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() >= 0)
    say("ready", port=server.get_bound_port())
    loop.run()
    # Destroying clients and pipelines in order gains nothing here and may wait for their threads.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

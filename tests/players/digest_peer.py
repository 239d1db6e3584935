#!/usr/bin/env python3
"""Digest logins (RFC 7616) as hashlib and the text of the RFC give them, in both roles.

`client` sends one request after another to the relay, each with an answer that is right but for one
thing, and says what came back: over RTSP, or over HTTP with --http. `camera` asks for a login in
every way that the RFC and its forerunners know (a path each, see WAYS), and says whether each answer
is right. `urllib` fetches a URL with Python's own handler. One JSON object a line.
"""

import argparse
import hashlib
import itertools
import json
import re
import socket
import sys
import threading
import urllib.request

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512-256": None}


def tell(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def digest(algorithm, *parts):
    return HASHES[algorithm.removesuffix("-sess")](":".join(parts).encode()).hexdigest()


def response(algorithm, user, realm, password, method, uri, nonce, qop, nc, cnonce, body=b""):
    """Section 3.4.1 to 3.4.3; the form of RFC 2069 without qop."""
    key = digest(algorithm, user, realm, password)
    if algorithm.endswith("-sess"):
        key = digest(algorithm, key, nonce, cnonce)
    request = digest(algorithm, method, uri)
    if qop == "auth-int":
        body_hash = HASHES[algorithm.removesuffix("-sess")](body).hexdigest()
        request = digest(algorithm, method, uri, body_hash)
    if qop:
        return digest(algorithm, key, nonce, nc, cnonce, qop, request)
    return digest(algorithm, key, nonce, request)


def params(text):
    """The auth-params of a challenge or an answer; quoted values without their escapes."""
    found = {}
    for name, quoted, token in re.findall(r'([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', text):
        if name.lower() in found:
            raise ValueError(f"{name} comes twice")
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted or not token else token
    return found


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Connection:
    """One connection to the relay, from an address of the loopback of its own."""

    numbers = itertools.count(1)

    def __init__(self, args):
        self.args = args
        own = f"127.0.9.{next(Connection.numbers)}"
        self.socket = socket.create_connection(("127.0.0.1", args.port), 10, (own, 0))
        self.file = self.socket.makefile("rb")
        self.cseq = 0

    def ask(self, uri, authorization=None):
        """The status and the challenges."""
        self.cseq += 1
        first = f"GET {uri} HTTP/1.1\r\nHost: x" if self.args.http else f"DESCRIBE {uri} RTSP/1.0\r\nCSeq: {self.cseq}"
        login = f"Authorization: {authorization}\r\n" if authorization else ""
        self.socket.sendall(f"{first}\r\n{login}\r\n".encode())
        status = int(self.file.readline().split()[1])
        length, challenges = 0, []
        while (line := self.file.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
            if name.lower() == "www-authenticate":
                challenges.append(value.strip())
        self.file.read(length)
        return status, challenges


# What an answer is like, beside being right: a name, and what to change before (`=`) or after the
# response was computed.
CASES = [
    ("right", {}, {}),
    ("rfc 2069, without qop", {"qop": None}, {}),
    ("hash in capitals", {}, {"response": str.upper}),
    ("unknown parameters", {}, {"+": 'auth-param=1, more="a, b=\\"c\\""'}),
    ("parameters in another order and quoted otherwise", {}, {"shuffle": True}),
    ("nc of a later request", {"nc": "0000001f"}, {}),
    ("algorithm left out", {}, {"algorithm": None}),
    ("wrong password", {"password": "guess"}, {}),
    ("wrong response", {}, {"response": lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")}),
    ("empty response", {}, {"response": lambda text: ""}),
    ("no response", {}, {"response": None}),
    ("unknown user", {"user": "nobody"}, {}),
    ("another realm", {"realm": "elsewhere"}, {}),
    ("a nonce of its own", {"nonce": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, {}),
    ("a uri of something else", {"uri": "/nothing"}, {}),
    ("another method", {"method": "OPTIONS"}, {}),
    ("qop without cnonce", {}, {"cnonce": None}),
    ("qop without nc", {}, {"nc": None}),
    ("nc that is no number", {"nc": "0000000g"}, {}),
    ("auth-int, which was not offered", {"qop": "auth-int"}, {}),
    ("userhash, which was not offered", {}, {"username": "userhash"}),
    ("an unknown qop", {"qop": "auth-conf"}, {}),
    ("a parameter twice", {}, {"+": 'realm="rtsp-relay"'}),
    ("algorithm that was not offered", {"algorithm": "other"}, {}),
    ("session algorithm that was not offered", {"algorithm": "sess"}, {}),
]


def answer(args, challenge, algorithm, uri, before, after):
    given = params(challenge)
    value = {
        "user": args.user, "password": args.password, "realm": given["realm"], "nonce": given["nonce"],
        "uri": uri, "method": "GET" if args.http else "DESCRIBE", "qop": "auth", "nc": "00000001",
        "cnonce": "0a4f113b", "algorithm": algorithm,
    } | before
    other = "SHA-256" if algorithm == "MD5" else "MD5"
    value["algorithm"] = {"other": other, "sess": f"{algorithm}-sess"}.get(value["algorithm"], value["algorithm"])
    fields = {
        "username": quote(value["user"]), "realm": quote(value["realm"]), "nonce": quote(value["nonce"]),
        "uri": quote(value["uri"]), "response": response(**value), "algorithm": value["algorithm"],
    }
    if value["qop"]:
        fields |= {"qop": value["qop"], "nc": value["nc"], "cnonce": quote(value["cnonce"])}
    elif value["algorithm"].endswith("-sess"):
        fields["cnonce"] = quote(value["cnonce"])
    for name, change in after.items():
        if change is None:
            fields.pop(name, None)
        elif callable(change):
            fields[name] = change(fields[name])
        elif change == "userhash":
            fields["username"] = quote(digest(algorithm, value["user"], value["realm"]))
            fields["userhash"] = "true"
    if "response" in fields:
        fields["response"] = quote(fields["response"])
    lines = [f"{name}={text}" for name, text in fields.items()]
    if after.get("shuffle"):
        fields["qop"], fields["algorithm"] = quote(fields["qop"]), quote(fields["algorithm"])
        lines = [f"{name} = {text}" for name, text in reversed(fields.items())]
    return "Digest " + ", ".join(lines + ([after["+"]] if "+" in after else []))


def client(args):
    base = f"rtsp://127.0.0.1:{args.port}" if not args.http else ""
    uri = base + args.path
    for name, before, after in CASES:
        connection = Connection(args)
        status, challenges = connection.ask(uri)
        wanted = [c for c in challenges if params(c).get("algorithm", "MD5") == args.algorithm]
        if status != 401 or not wanted:
            sys.exit(f"no challenge for {args.algorithm}: {status} {challenges}")
        if "algorithm" in after and after["algorithm"] is None and args.algorithm != "MD5":
            continue
        login = answer(args, wanted[0], args.algorithm, uri, before, after)
        status, again = connection.ask(uri, login)
        stale = any(params(c).get("stale") == "true" for c in again)
        tell(case=name, status=status, stale=stale)
    connection = Connection(args)
    _, challenges = connection.ask(uri)
    wanted = [c for c in challenges if params(c).get("algorithm", "MD5") == args.algorithm]
    for count in ("00000001", "00000002", "00000002", "00000001", "00000003"):
        login = answer(args, wanted[0], args.algorithm, uri, {"nc": count}, {})
        status, again = connection.ask(uri, login)
        stale = any(params(c).get("stale") == "true" for c in again)
        tell(case=f"nc {count} in a row", status=status, stale=stale)


# How a camera may ask: each is the value of its WWW-Authenticate lines; NONCE is a fresh one.
WAYS = {
    "rfc2069": ['Digest realm="cam", nonce="NONCE"'],
    "md5": ['Digest realm="cam", nonce="NONCE", algorithm=MD5'],
    "quoted-algorithm": ['Digest realm="cam", nonce="NONCE", algorithm="MD5"'],
    "qop": ['Digest realm="cam", nonce="NONCE", qop="auth"'],
    "qop-opaque": ['Digest realm="cam", domain="/ rtsp://x/", nonce="NONCE", opaque="5ccc069c", qop="auth", algorithm=MD5'],
    "qop-both": ['Digest realm="cam", nonce="NONCE", qop="auth,auth-int", algorithm=MD5'],
    "qop-int": ['Digest realm="cam", nonce="NONCE", qop="auth-int", algorithm=MD5'],
    "md5-sess": ['Digest realm="cam", nonce="NONCE", qop="auth", algorithm=MD5-sess'],
    "sha256": ['Digest realm="cam", nonce="NONCE", qop="auth", algorithm=SHA-256'],
    "sha256-bare": ['Digest realm="cam", nonce="NONCE", algorithm=SHA-256'],
    "sha256-sess": ['Digest realm="cam", nonce="NONCE", qop="auth", algorithm=SHA-256-sess'],
    "sha256-int": ['Digest realm="cam", nonce="NONCE", qop="auth-int", algorithm=SHA-256'],
    "strongest-known": [
        'Basic realm="cam"',
        'Digest realm="cam", nonce="NONCE", qop="auth", algorithm=MD5',
        'Digest realm="cam", nonce="NONCE", qop="auth", algorithm=SHA-512-256',
        'Digest realm="cam", nonce="NONCE", qop="auth", algorithm=SHA-256, charset=UTF-8, userhash=false',
    ],
    "one-line": ['Basic realm="cam", Digest realm="cam", nonce="NONCE", qop="auth"'],
    "odd-realm": ['Digest realm="IP \\"Camera\\" (1)", nonce="NONCE", qop="auth"'],
    "stale": ['Digest realm="cam", nonce="NONCE", qop="auth"'],
}
# Only these algorithms may be answered with, where a way offers several.
BEST = {"strongest-known": "SHA-256"}


class Camera:
    def __init__(self, args):
        self.args, self.issued, self.counts = args, {}, {}
        self.numbers = itertools.count(1)

    def challenge(self, way, stale=False):
        nonce = f"{next(self.numbers):08x}nonce=="
        self.issued[nonce] = way
        lines = [line.replace("NONCE", nonce) for line in WAYS[way]]
        return [line + ", stale=TRUE" if stale else line for line in lines]

    def judge(self, way, method, uri, text):
        scheme, _, rest = text.partition(" ")
        if scheme.lower() != "digest":
            return f"{scheme} is not the strongest"
        given = params(rest)
        if self.issued.get(given.get("nonce")) != way:
            return "a nonce of its own"
        offered = [params(line.partition("Digest ")[2]) for line in WAYS[way] if "Digest " in line]
        algorithm = given.get("algorithm", "MD5")
        if algorithm != BEST.get(way, offered[0].get("algorithm", "MD5")):
            return f"algorithm {algorithm}"
        offer = next(one for one in offered if one.get("algorithm", "MD5") == algorithm)
        if ("algorithm" in given) != ("algorithm" in offer):
            return "algorithm is named although the challenge does not, or the other way round"
        qop = given.get("qop")
        if (qop is None) != ("qop" not in offer) or (qop and qop not in offer["qop"].split(",")):
            return f"qop {qop}"
        if given.get("opaque") != offer.get("opaque"):
            return "opaque does not come back"
        if given.get("realm") != offer["realm"]:
            return f"realm {given.get('realm')}"
        if qop:
            if not re.fullmatch("[0-9a-f]{8}", given.get("nc", "")):
                return f"nc {given.get('nc')}"
            if int(given["nc"], 16) != self.counts.get(given["nonce"], 0) + 1:
                return f"nc {given['nc']} after {self.counts.get(given['nonce'], 0)}"
            self.counts[given["nonce"]] = int(given["nc"], 16)
        if given.get("uri") != uri:
            return f"uri {given.get('uri')}"
        # "unq" of section 3.4.2 takes the quotes off; whether escapes too, it does not say.
        realms = {offer["realm"], offer["realm"].replace("\\", "\\\\").replace('"', '\\"')}
        right = [response(algorithm, self.args.user, realm, self.args.password, method, uri,
                          given["nonce"], qop, given.get("nc"), given.get("cnonce")) for realm in realms]
        if given.get("username") != self.args.user:
            return f"user {given.get('username')}"
        return None if given.get("response") in right else "the response is wrong"

    def serve(self, connection):
        renewed = False
        with connection, connection.makefile("rb") as file:
            while line := file.readline():
                method, uri, _ = line.decode().split()
                headers = {}
                while (line := file.readline().decode().strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                way = uri.rstrip("/").rpartition("/")[2]
                lines = ["RTSP/1.0 200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
                if method != "OPTIONS":
                    login = headers.get("authorization")
                    if login is None:
                        challenges = self.challenge(way)
                    else:
                        fault = self.judge(way, method, uri, login)
                        challenges = self.challenge(way) if fault else []
                        if not fault and way == "stale" and not renewed:
                            renewed, challenges = True, self.challenge(way, True)
                        tell(way=way, right=fault is None, fault=fault, method=method, renewed=bool(challenges))
                    lines = ["RTSP/1.0 401 Unauthorized", *(f"WWW-Authenticate: {c}" for c in challenges)]
                    if not challenges:
                        lines = ["RTSP/1.0 404 Not Found"]
                lines.append(f"CSeq: {headers.get('cseq')}")
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


def camera(args):
    listener = socket.create_server(("127.0.0.1", 0))
    tell(event="ready", port=listener.getsockname()[1], ways=list(WAYS))
    state = Camera(args)
    # It ends with whoever started it.
    threading.Thread(target=lambda: (sys.stdin.read(), listener.shutdown(socket.SHUT_RDWR)), daemon=True).start()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=state.serve, args=(connection,), daemon=True).start()


def fetch(args):
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, args.url, args.user, args.password)
    opener = urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(passwords))
    for _ in range(3):
        try:
            with opener.open(args.url, timeout=10) as answer_:
                tell(status=answer_.status, bytes=len(answer_.read()))
        except (OSError, ValueError) as error:
            tell(error=str(error), status=getattr(error, "code", 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("client", "camera", "urllib"):
        command = commands.add_parser(name)
        command.add_argument("--user", required=True)
        command.add_argument("--password", required=True)
    one = commands.choices["client"]
    one.add_argument("--port", type=int, required=True)
    one.add_argument("--path", required=True)
    one.add_argument("--http", action="store_true")
    one.add_argument("--algorithm", default="MD5", choices=("MD5", "SHA-256"))
    commands.choices["urllib"].add_argument("--url", required=True)
    args = parser.parse_args()
    {"client": client, "camera": camera, "urllib": fetch}[args.command](args)


if __name__ == "__main__":
    main()

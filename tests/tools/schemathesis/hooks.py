"""What schemathesis cannot do by itself: end the reading of a film without end as it does with
server-sent events, leave a connection that has become a WebSocket, log in with Digest."""

import os

import schemathesis
from requests.auth import HTTPDigestAuth
from schemathesis.transport import requests as transport

is_event_stream = transport.is_event_stream
transport.is_event_stream = lambda kind: is_event_stream(kind) or (kind or "").startswith("video/")

send = transport._request


def request(session, data, most_events):
    response = send(session, data, most_events)
    if response.status_code == 101:
        response.close()
        session.close()
    return response


transport._request = request

if login := os.environ.get("API_LOGIN"):
    schemathesis.auth.set_from_requests(HTTPDigestAuth(*login.split(":")))

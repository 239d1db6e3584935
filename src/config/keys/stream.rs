//! The keys of one `[stream]` only.

use super::{At, Key};
use crate::config::draft::StreamDraft;
use crate::config::model::MediaSelection;
use crate::config::rules::{
    CameraUrl, FileName, Fingerprint, Password, Ranges, Rule, StreamName, Text, Words, YES_NO,
};

const STREAMS: &str = "Streams";

const MEDIA: Words<MediaSelection> = Words(&[
    ("all", MediaSelection::All),
    ("video", MediaSelection::Video),
    ("audio", MediaSelection::Audio),
]);

/// `rule` for the value at `place`.
const fn at<R: Rule>(rule: R, place: fn(&mut StreamDraft) -> &mut R::Value) -> At<StreamDraft, R> {
    At { rule, place }
}

/// The keys of one `[stream]` only.
pub(in crate::config) static STREAM: &[Key<StreamDraft>] = &[
    Key {
        name: "name",
        group: STREAMS,
        field: &at(StreamName, |d| &mut d.name),
        default: "",
        unit: "",
        example: "door",
        meaning: "Required, and different for each stream: viewers ask for \
                  rtsp://HOST:8554/NAME.",
    },
    Key {
        name: "rtsp_url",
        group: STREAMS,
        field: &at(CameraUrl, |d| &mut d.rtsp_url),
        default: "",
        unit: "",
        example: "rtsp://192.168.1.100:554/stream1",
        meaning: "Required: where the camera's stream is. A login within the URL works too, its \
                  odd characters written as %40 and the like, and is never shown again.",
    },
    Key {
        name: "camera_id",
        group: STREAMS,
        field: &at(Text(128), |d| &mut d.camera_id),
        default: "",
        unit: "",
        example: "cam1",
        meaning: "Groups the streams of one camera in the status and in the log.",
    },
    Key {
        name: "username",
        group: STREAMS,
        field: &at(Text(256), |d| &mut d.username),
        default: "",
        unit: "",
        example: "admin",
        meaning: "The camera's login. Needs password or password_file; password= is an empty \
                  password.",
    },
    Key {
        name: "password",
        group: STREAMS,
        field: &at(Password, |d| &mut d.password),
        default: "",
        unit: "",
        example: "p@ss#word",
        meaning: "Taken literally, everything after the '=' but the blanks around it: no quotes, \
                  nothing to escape, no comment behind it. A password that begins or ends with a \
                  blank can stand in a password_file.",
    },
    Key {
        name: "password_file",
        group: STREAMS,
        field: &at(FileName, |d| &mut d.password_file),
        default: "",
        unit: "",
        example: "door.password",
        meaning: "A file that holds the password and nothing else; the end of its line does not \
                  count. A name without '/' may be a systemd credential (LoadCredential=).",
    },
    Key {
        name: "fallback",
        group: STREAMS,
        field: &at(StreamName, |d| &mut d.fallback),
        default: "",
        unit: "",
        example: "garage",
        meaning: "The name of another stream to show while this one is offline. It is pulled only \
                  then. Viewers of this one go on with its picture, from a key frame on, and \
                  come back when the camera has worked for 5 s. It must have the same video \
                  codec; sound of another codec is left out. Before it is there, and when it is \
                  offline too, on_offline counts.",
    },
    Key {
        name: "multicast",
        group: STREAMS,
        field: &at(YES_NO, |d| &mut d.multicast),
        default: "no",
        unit: "",
        example: "yes",
        meaning: "Whether viewers may ask for multicast: it is sent once to the stream's group, \
                  however many watch, and only while somebody does.",
    },
    Key {
        name: "media",
        group: STREAMS,
        field: &at(MEDIA, |d| &mut d.media),
        default: "all",
        unit: "",
        example: "video",
        meaning: "Which of the camera's tracks are taken; all includes what is neither video nor \
                  audio.",
    },
    Key {
        name: "tls_fingerprint",
        group: STREAMS,
        field: &at(Fingerprint, |d| &mut d.tls_fingerprint),
        default: "",
        unit: "",
        example: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        meaning: "For rtsps:// URLs: the SHA-256 of the certificate that the camera must show, \
                  which may then be its own work. Without it the certificate must lead to an \
                  authority that this system knows.",
    },
    Key {
        name: "tls_insecure",
        group: STREAMS,
        field: &at(YES_NO, |d| &mut d.tls_insecure),
        default: "no",
        unit: "",
        example: "yes",
        meaning: "For rtsps:// URLs: yes accepts any certificate, and so anybody in between. \
                  tls_fingerprint is better.",
    },
    Key {
        name: "allow",
        group: STREAMS,
        field: &at(Ranges, |d| &mut d.allow),
        default: "",
        unit: "",
        example: "192.168.1.0/24",
        meaning: "Where viewers may come from; others are answered with 403.",
    },
    Key {
        name: "enabled",
        group: STREAMS,
        field: &at(YES_NO, |d| &mut d.enabled),
        default: "yes",
        unit: "",
        example: "no",
        meaning: "no: the stream is there, and checked, but cannot be watched.",
    },
];

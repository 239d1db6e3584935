//! What a cell of the table is made of, and which cells there cannot be.

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Camera {
    Simulated,
    GStreamer,
}

/// How the relay pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Tcp,
    Udp,
    Tls,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
    H264Aac,
}

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    Ffmpeg,
    GStreamer,
    Live555,
}

/// How the viewer asks for media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Udp,
    Multicast,
    Http,
    Rtsps,
}

/// The columns.
pub(crate) const CAMERAS: [(Camera, Source); 6] = [
    (Camera::Simulated, Source::Tcp),
    (Camera::Simulated, Source::Udp),
    (Camera::Simulated, Source::Tls),
    (Camera::GStreamer, Source::Tcp),
    (Camera::GStreamer, Source::Udp),
    (Camera::GStreamer, Source::Tls),
];

/// What stands in each field.
pub(crate) const CODECS: [Codec; 3] = [Codec::H264, Codec::H265, Codec::H264Aac];

/// The rows.
pub(crate) const VIEWERS: [(Viewer, Way); 15] = [
    (Viewer::Ffmpeg, Way::Tcp),
    (Viewer::Ffmpeg, Way::Udp),
    (Viewer::Ffmpeg, Way::Multicast),
    (Viewer::Ffmpeg, Way::Http),
    (Viewer::Ffmpeg, Way::Rtsps),
    (Viewer::GStreamer, Way::Tcp),
    (Viewer::GStreamer, Way::Udp),
    (Viewer::GStreamer, Way::Multicast),
    (Viewer::GStreamer, Way::Http),
    (Viewer::GStreamer, Way::Rtsps),
    (Viewer::Live555, Way::Tcp),
    (Viewer::Live555, Way::Udp),
    (Viewer::Live555, Way::Multicast),
    (Viewer::Live555, Way::Http),
    (Viewer::Live555, Way::Rtsps),
];

impl Camera {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::GStreamer => "gst-rtsp-server",
        }
    }
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        }
    }
}

impl Codec {
    /// The camera's path.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::H264Aac => "h264-aac",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::H264Aac => "H.264+AAC",
        }
    }

    pub(crate) fn has_sound(self) -> bool {
        self == Self::H264Aac
    }
}

impl Viewer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::GStreamer => "GStreamer",
            Self::Live555 => "live555-like",
        }
    }

    /// Why this viewer cannot watch in this way.
    pub(crate) fn lacking(self, way: Way) -> Option<&'static str> {
        let old = self == Self::Live555 && way == Way::Rtsps;
        old.then_some("The client is like the live555 in VLC 3, which knows no TLS.")
    }
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Multicast => "multicast",
            Self::Http => "http tunnel",
            Self::Rtsps => "rtsps",
        }
    }
}

//! A reader of MP4 for the fuzzer that tolerates nothing: ISO/IEC 14496-12, 14496-14, 14496-15.

/// Bytes of a box's size and kind.
const BOX_HEAD: usize = 8;
/// Boxes that consist of boxes.
const CONTAINERS: [&[u8; 4]; 9] =
    [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf"];
/// Bytes of a sample entry in front of its boxes.
const VIDEO_ENTRY: usize = 78;
const AUDIO_ENTRY: usize = 28;

/// What an initialization segment says, or the text in front of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Init {
    /// `avc1`, `hvc1`, `mp4a`, or `Opus`: of each track.
    pub(super) codecs: Vec<[u8; 4]>,
    /// Width and height.
    pub(super) picture: Option<(u16, u16)>,
}

/// `moof` and `mdat`.
#[derive(Debug)]
pub(super) struct Fragment<'a> {
    pub(super) number: u32,
    /// Its id.
    pub(super) track: u32,
    pub(super) decode_time: u64,
    pub(super) samples: Vec<Sample<'a>>,
}

#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) duration: u32,
    pub(super) offset: i32,
    pub(super) data: &'a [u8],
}

/// The text that a page gets.
pub(super) fn media(text: &[u8]) -> Init {
    let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
    assert_eq!(value["type"], "media");
    let mime = value["mime"].as_str().expect("a media type");
    let side = |name: &str| value[name].as_u64().and_then(|side| u16::try_from(side).ok());
    let picture = side("width").zip(side("height"));
    let kind = if picture.is_some() { "video/mp4; codecs=\"" } else { "audio/mp4; codecs=\"" };
    let codecs = mime.strip_prefix(kind).and_then(|rest| rest.strip_suffix('"'));
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let code = |name: &str| {
        assert!(plain(name), "{name}");
        match name.split('.').next() {
            Some("opus") => *b"Opus",
            Some(code) => code.as_bytes().try_into().expect("four characters"),
            None => unreachable!("{mime}"),
        }
    };
    Init { codecs: codecs.expect("codecs").split(',').map(code).collect(), picture }
}

/// `ftyp` and `moov`.
pub(super) fn init(bytes: &[u8]) -> Init {
    let kinds: Vec<_> = boxes(bytes).map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"moov"]);
    nest(bytes);
    let moov = child(bytes, b"moov");
    let mut found = Init { codecs: Vec::new(), picture: None };
    for ((_, trak), id) in boxes(moov).filter(|(kind, _)| kind == b"trak").zip(1..) {
        assert_eq!(word(child(trak, b"tkhd"), 12), id);
        let mdia = child(trak, b"mdia");
        assert!(word(child(mdia, b"mdhd"), 12) > 0, "a track without a clock");
        let stbl = child(child(mdia, b"minf"), b"stbl");
        let stsd = child(stbl, b"stsd");
        assert_eq!(word(stsd, 4), 1);
        let (kind, entry) = only(&stsd[8..]);
        let is_video = &child(mdia, b"hdlr")[8..12] == b"vide";
        match &kind {
            b"avc1" | b"hvc1" => {
                assert!(is_video && found.picture.is_none() && id == 1);
                found.picture = Some((half(entry, 24), half(entry, 26)));
                if &kind == b"avc1" {
                    avc_config(child(&entry[VIDEO_ENTRY..], b"avcC"));
                } else {
                    hevc_config(child(&entry[VIDEO_ENTRY..], b"hvcC"));
                }
            }
            b"mp4a" => descriptors(&child(&entry[AUDIO_ENTRY..], b"esds")[4..]),
            b"Opus" => assert_eq!(child(&entry[AUDIO_ENTRY..], b"dOps").len(), 11),
            _ => unreachable!("{kind:?}"),
        }
        assert_eq!(is_video, matches!(&kind, b"avc1" | b"hvc1"));
        found.codecs.push(kind);
    }
    let trex: Vec<_> = boxes(child(moov, b"mvex")).map(|(_, trex)| word(trex, 4)).collect();
    assert!(trex.iter().copied().eq(1..=found.codecs.len() as u32), "{trex:?}");
    assert!((1..=2).contains(&found.codecs.len()));
    found
}

/// One fragment and nothing behind it.
pub(super) fn fragment(bytes: &[u8]) -> Fragment<'_> {
    let top: Vec<_> = boxes(bytes).collect();
    let [(moof_kind, moof), (mdat_kind, mut data)] = top[..] else {
        unreachable!("a fragment of {} boxes", top.len());
    };
    assert_eq!((moof_kind, mdat_kind), (*b"moof", *b"mdat"));
    nest(bytes);
    let traf = child(moof, b"traf");
    let tfdt = child(traf, b"tfdt");
    let trun = child(traf, b"trun");
    let (count, at) = (word(trun, 4) as usize, word(trun, 8) as usize);
    assert!(count > 0 && trun.len() == 12 + 16 * count, "{count} samples");
    assert_eq!(at, moof.len() + 2 * BOX_HEAD, "the data is where it is said to be");
    let samples = (0..count)
        .map(|number| {
            let field = |at: usize| word(trun, 12 + 16 * number + at);
            let size = field(4) as usize;
            assert!(size <= data.len(), "a sample of {size} in {}", data.len());
            let (own, rest) = data.split_at(size);
            data = rest;
            Sample { duration: field(0), offset: field(12) as i32, data: own }
        })
        .collect();
    assert!(data.is_empty(), "{} bytes of no sample", data.len());
    Fragment {
        number: word(child(moof, b"mfhd"), 4),
        track: word(child(traf, b"tfhd"), 4),
        decode_time: u64::from(word(tfdt, 4)) << 32 | u64::from(word(tfdt, 8)),
        samples,
    }
}

/// Each box lies within the one around it, and fills it with its neighbours.
fn nest(bytes: &[u8]) {
    for (kind, content) in boxes(bytes) {
        if CONTAINERS.contains(&&kind) {
            nest(content);
        }
    }
}

/// `avcC`: the lists are as long as they say, and what may be behind them is whole.
fn avc_config(config: &[u8]) {
    let mut at = 5;
    for mask in [0x1f, 0xff] {
        let count = config[at] & mask;
        at += 1;
        assert!(count > 0, "a list without a set");
        for _ in 0..count {
            at += 2 + usize::from(half(config, at));
        }
    }
    let high = matches!(config[1], 100 | 110 | 122 | 144);
    assert_eq!(config.len() - at, if high { 4 } else { 0 });
}

/// `hvcC`: the same.
fn hevc_config(config: &[u8]) {
    let mut at = 23;
    for _ in 0..config[22] {
        let count = half(config, at + 1);
        at += 3;
        for _ in 0..count {
            at += 2 + usize::from(half(config, at));
        }
    }
    assert_eq!(config.len(), at);
}

/// Descriptors of MPEG-4 part 1 fill what is around them.
fn descriptors(mut bytes: &[u8]) {
    while let [tag, rest @ ..] = bytes {
        let digits = rest.iter().take_while(|&&byte| byte & 0x80 != 0).count() + 1;
        assert!(digits <= 4 && digits <= rest.len());
        let length =
            rest[..digits].iter().fold(0, |sum, &digit| sum << 7 | usize::from(digit & 0x7f));
        let (own, more) = rest[digits..].split_at(length);
        match tag {
            3 => descriptors(&own[3..]),
            4 => descriptors(&own[13..]),
            _ => {}
        }
        bytes = more;
    }
}

/// The boxes that `bytes` consists of: kind and content.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = word(rest, 0) as usize;
        assert!(size >= BOX_HEAD && size <= rest.len(), "a box of {size} in {}", rest.len());
        let (own, more) = rest.split_at(size);
        rest = more;
        Some(([own[4], own[5], own[6], own[7]], &own[BOX_HEAD..]))
    })
}

fn only(bytes: &[u8]) -> ([u8; 4], &[u8]) {
    let mut boxes = boxes(bytes);
    let first = boxes.next().expect("a box");
    assert!(boxes.next().is_none(), "one box alone");
    first
}

fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let found = boxes(bytes).find(|(own, _)| own == kind);
    found.map_or_else(
        || unreachable!("no {}", String::from_utf8_lossy(kind)),
        |(_, content)| content,
    )
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    u32::from_be_bytes(*four.unwrap_or_else(|| unreachable!("{at} of {} bytes", bytes.len())))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let two = bytes.get(at..).and_then(<[u8]>::first_chunk);
    u16::from_be_bytes(*two.unwrap_or_else(|| unreachable!("{at} of {} bytes", bytes.len())))
}

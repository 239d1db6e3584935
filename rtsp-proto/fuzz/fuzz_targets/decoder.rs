#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    rtsp_proto::fuzz::decoder_any_split(data);
    rtsp_proto::fuzz::messages_round_trip(data);
});

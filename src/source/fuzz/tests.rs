//! The camera without mistakes, and the corpus.

use proptest::prelude::*;

use super::*;

/// A script without mistakes: every request answered, then pictures, sound and reports.
#[test]
fn a_camera_without_mistakes_plays() {
    for kind in 0..8 {
        for flags in [0x00, 0x01, 0x10, 0x20, 0x30] {
            let script = [flags, kind];
            let mut script = &script[..];
            let mut world = World::new(&mut script);
            let slot = Arc::clone(&world.slot);
            let mut feed = Feed::new(Arc::clone(&slot), world.now);
            let mut ingest = Ingest::new(&slot, &mut feed, 7, world.now, world.now);
            let mut inlets = Vec::new();
            for _ in 0..10 {
                let answer: &[u8] = &[0, 0, 0];
                let turn = world.step(&mut ingest, &mut inlets, &mut { answer });
                assert!(matches!(turn, Ok(Turn::GoesOn)));
            }
            for picture in [1, 0, 3, 2, 4, 0, 1, 0] {
                let step: &[u8] = &[picture, 0, 0, 0];
                let turn = world.step(&mut ingest, &mut inlets, &mut { step });
                assert!(matches!(turn, Ok(Turn::GoesOn)));
            }
            assert_eq!(ingest.state(), State::Live, "kind={kind} flags={flags}");
            assert!(slot.stats.pictures.get() >= 5, "kind={kind} flags={flags}");
            let udp = matches!(flags, 0x10 | 0x30);
            assert_eq!(inlets.is_empty(), !udp, "UDP or multicast is what was asked for");
            assert!(world.terms.strict.load(SeqCst));
        }
    }
}

#[test]
fn the_corpus_and_every_finding_hold() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/camera");
    rtsp_proto::fuzz::over_corpus(&corpus, &[camera]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn a_camera_that_makes_mistakes_harms_nobody(
        data in prop::collection::vec(any::<u8>(), 0..1_000)
    ) {
        camera(&data);
    }
}

//! The same files, sent to the real node: each is answered in time, with a picture or a refusal that is documented.

use std::collections::BTreeMap;

use conformance::hostile::Target;

use crate::corpus::Corpus;
use crate::judge::judge;
use crate::{format_of, lists};

/// Of files that nobody disputes and that become a picture, every so many are sent, but all of `PngSuite`'s: a picture
/// takes the model a tenth of a second.
const EVERY: usize = 4;
const WHOLE: [&str; 5] = ["libspng", "gif", "jpeg-decoder", "webp", "libwebp"];

#[tokio::test]
async fn each_file_becomes_a_picture_or_is_refused_and_nothing_breaks() {
    let (corpus, target) = (Corpus::open(), Target::start().await);
    let (mut codes, mut harmless) = (BTreeMap::<String, usize>::new(), 0);
    for source in lists::sources() {
        for file in corpus.files(&source.name) {
            let bytes = corpus.read(&file);
            let judged = judge(&bytes, format_of(&file));
            if judged.accepted() && judged.agree() && !WHOLE.contains(&&*source.name) {
                harmless += 1;
                if harmless % EVERY != 0 {
                    continue;
                }
            }
            let code = target.send(&file, judged.format.media_type(), bytes).await;
            // The route's limits are narrower than those that it was judged by.
            let narrower = [
                "image-too-large",
                "image-too-many-pixels",
                "image-too-many-frames",
                "body-too-long",
            ];
            let fine = judged.accepted() && judged.agree();
            let right = fine == (code == "ok") || narrower.contains(&&*code);
            assert!(right, "{file}: {code}, {judged}");
            *codes.entry(code).or_default() += 1;
        }
    }
    assert!(codes["ok"] > 350 && codes.len() > 6, "{codes:?}");
    target.assert_memory_returns().await;
}

/// Damaged photos of each format.
const DAMAGED: usize = 80;

#[tokio::test]
async fn photos_with_bytes_that_were_changed_at_random_break_nothing() {
    let (corpus, target) = (Corpus::open(), Target::start().await);
    let mut kinds = BTreeMap::<&str, Vec<(String, Vec<u8>)>>::new();
    for source in lists::sources() {
        for file in corpus.files(&source.name) {
            let bytes = corpus.read(&file);
            if bytes.len() > 200_000 {
                continue;
            }
            let judged = judge(&bytes, format_of(&file));
            if judged.accepted() && judged.agree() {
                kinds.entry(judged.format.media_type()).or_default().push((file, bytes));
            }
        }
    }
    let (mut random, mut codes) = (Random(1), BTreeMap::<String, usize>::new());
    for (media_type, photos) in kinds {
        for _ in 0..DAMAGED {
            let (file, bytes) = &photos[random.below(photos.len())];
            let mut bytes = bytes.clone();
            let changes: Vec<_> = (0..=random.below(8))
                .map(|_| (random.below(bytes.len()), 1 + random.below(255)))
                .collect();
            for &(at, with) in &changes {
                bytes[at] ^= u8::try_from(with).unwrap();
            }
            let name = format!("{file} with {changes:?}");
            *codes.entry(target.send(&name, media_type, bytes).await).or_default() += 1;
        }
    }
    assert!(codes.values().sum::<usize>() == 4 * DAMAGED && codes.len() > 2, "{codes:?}");
    target.assert_memory_returns().await;
}

/// A linear congruential generator (Knuth's constants): the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

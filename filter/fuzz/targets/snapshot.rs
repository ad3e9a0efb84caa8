//! A snapshot, as it comes from the network, and as the content of one that the node signed.

#![no_main]

use filter::snapshot::{self, LIFETIME, News, SnapshotSigner, Statement, Trust};
use filter::{Environment, UnixMillis, hex};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fuzz_target!(|data: &[u8]| {
    let signer = SnapshotSigner::new(&[7; 32]);
    let (audience, environment) = ("images".to_owned(), Environment::Test);
    let trust = Trust { key: signer.public(), audience: audience.clone(), environment };
    assert!(trust.judge(data, None, NOW).is_err(), "a snapshot that nobody signed was taken");

    let content = data.strip_suffix(b"\n").unwrap_or(data);
    let statement = Statement {
        audience,
        environment,
        epoch: 5,
        issued_at: NOW,
        expires_at: NOW.plus(LIFETIME),
        sha256: hex::encode(&Sha256::digest(content)),
        length: content.len() as u64,
    };
    let signed = [signer.seal(&statement).as_bytes(), b"\n", content, b"\n"].concat();
    if let Ok(news) = trust.judge(&signed, None, NOW) {
        let News::Changed(_, content) = news else { panic!("nothing was held before") };
        for record in &content.keys {
            let bucket = &snapshot::fill(&content)[&snapshot::keys(&record.id)];
            let found = snapshot::find(bucket, record.id.as_str().as_bytes());
            assert!(found.is_ok_and(|found| found.is_some()), "a key was lost");
        }
    }
});

//! A gate that a test plays, with the real key of one.

use std::io::Cursor;
use std::time::{SystemTime, UNIX_EPOCH};

use filter::permit::{Claims, Credential};
use filter::policy::Mode;
use filter::{Environment, Format, KeyId, PermitId, PermitKey};
use image::{DynamicImage, ImageFormat};

use crate::node::Home;
use crate::vectors::Request;

/// What its permits are for.
pub const TARGET: &str = "/v1/background-removal?x=1";

/// A gate that a test plays.
pub struct Gate {
    /// What it seals permits with.
    pub key: PermitKey,
    /// A key of this home, whose holder sends the requests.
    pub api_key: KeyId,
    /// The body of its requests, a small PNG.
    pub body: Vec<u8>,
    name: String,
    made: u64,
}

impl Gate {
    /// The gate `name` of a home.
    pub fn new(home: &Home, name: &str) -> Self {
        let secrets = home.json(&["gates", "secrets", "--gate", name]);
        let hex = secrets["LUNETTE_PERMIT_KEY"].as_str().expect("the permit key");
        let id = home.new_key().split('_').nth(2).unwrap().to_owned();
        let mut png = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(40, 30).write_to(&mut png, ImageFormat::Png).unwrap();
        Self {
            key: PermitKey::new(name, 1, filter::hex::decode(hex).unwrap()),
            api_key: KeyId::parse(&id).unwrap(),
            body: png.into_inner(),
            name: name.to_owned(),
            made: 0,
        }
    }

    /// The claims of a good permit, each time with a new id.
    pub fn claims(&mut self) -> Claims {
        self.made += 1;
        let mut id = [0; 16];
        let name = self.name.as_bytes().iter().chain(std::iter::repeat(&0));
        for (byte, from) in id.iter_mut().zip(self.made.to_be_bytes().iter().chain(name)) {
            *byte = *from;
        }
        Claims {
            id: PermitId(id),
            gate: String::new(),
            gate_key: 0,
            audience: "lunette".into(),
            environment: Environment::Test,
            credential: Credential::Key(self.api_key.clone()),
            principal: "acme".into(),
            scopes: vec!["background-removal".into()],
            tier: "free".into(),
            client: None,
            method: "POST".into(),
            target: TARGET.into(),
            content_type: "image/png".into(),
            content_length: self.body.len() as u64,
            content_digest: None,
            format: Some(Format::Png),
            width: 40,
            height: 30,
            frames: Some(1),
            cost_pixels: 1200,
            nonce: None,
            weaker: vec![],
            mode: Mode::Enforce,
            reported: vec![],
            epoch: 1,
            issued_at: now(),
        }
    }

    /// A good permit, but for one change.
    pub fn permit(&mut self, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.key.seal(claims).unwrap()
    }

    /// A request with these permits.
    pub fn request(&self, permits: &[&str]) -> Request {
        let mut headers = vec![
            ("Content-Type".to_owned(), "image/png".to_owned()),
            ("Content-Length".to_owned(), self.body.len().to_string()),
        ];
        headers
            .extend(permits.iter().map(|text| ("Lunette-Permit".to_owned(), (*text).to_owned())));
        Request { method: "POST".into(), target: TARGET.into(), headers, body: self.body.clone() }
    }
}

/// The time now, in Unix milliseconds.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("a time before the year 500,000,000")
}

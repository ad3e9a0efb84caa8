//! The examples of RFC 9421: Appendix B whole, and those of §2 for components.

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;

use super::super::Error;
use super::super::client::mac;
use super::{base, input};
use crate::RequestHead;
use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;
use crate::request::{Headers, Peer};

const APPENDIX_B: &str = include_str!("../testdata/rfc9421/appendix-b.json");
const P256: &str = include_str!("../testdata/rfc9421/keys/test-key-ecc-p256.pem");
const ED25519: &str = include_str!("../testdata/rfc9421/keys/test-key-ed25519.pem");
const RSA_PSS: &str = include_str!("../testdata/rfc9421/keys/test-key-rsa-pss.pem");

#[derive(Deserialize)]
struct Appendix {
    shared_secret_b64: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    alg: String,
    keyid: String,
    label: String,
    signature_input: String,
    signature: String,
    signature_base: String,
    expect: String,
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    kind: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    target: String,
    headers: Vec<(String, String)>,
}

impl Vector {
    fn headers(&self) -> Headers {
        let ours = [("signature-input", &self.signature_input), ("signature", &self.signature)];
        let ours = ours.map(|(name, value)| (name.to_owned(), value.clone()));
        Headers::new(self.message.headers.clone().into_iter().chain(ours))
    }

    /// The signature base of the message, as we compute it.
    fn base(&self) -> Result<String, Error> {
        let headers = self.headers();
        let host = self.message.headers.iter().find(|(name, _)| name == "Host");
        let authority = host.map_or("", |(_, host)| host);
        // The two parts of a response that a request also has do not matter: no vector covers them.
        let (method, target) = match &*self.message.kind {
            "response" => ("GET", "/"),
            _ => (&*self.message.method, &*self.message.target),
        };
        let peer = Peer::Unknown;
        let head = RequestHead { method, authority, target, headers: &headers, peer };
        let inputs = input::parse(&headers)?;
        let input = inputs.iter().find(|input| input.label == self.label).unwrap();
        base::build(&head, authority, input)
    }

    fn verifies(&self, base: &str, secret: &[u8]) -> bool {
        let signature = input::signature(&self.headers(), &self.label).unwrap();
        let algorithm = Algorithm::from_http_name(&self.alg).unwrap();
        let pem = match &*self.keyid {
            "test-shared-secret" => return mac(secret, &[base.as_bytes()]) == signature[..],
            "test-key-ecc-p256" => P256,
            "test-key-ed25519" => ED25519,
            "test-key-rsa-pss" => RSA_PSS,
            other => panic!("{other}"),
        };
        let key = PublicKey::from_spki_pem(pem).unwrap();
        key.verify(algorithm, base.as_bytes(), &signature).is_ok()
    }
}

#[test]
fn appendix_b_verifies_and_its_altered_messages_do_not() {
    let appendix: Appendix = serde_json::from_str(APPENDIX_B).unwrap();
    let secret = Base64::decode_vec(&appendix.shared_secret_b64).unwrap();
    let (mut valid, mut invalid, mut responses) = (0, 0, 0);
    for vector in &appendix.vectors {
        let id = &vector.id;
        assert!(vector.verifies(&vector.signature_base, &secret), "{id}: what is published");
        match (&*vector.message.kind, &*vector.expect) {
            ("request", "valid") => {
                assert_eq!(vector.base().as_deref(), Ok(&*vector.signature_base), "{id}");
                valid += 1;
            }
            ("request", "invalid") => {
                let base = vector.base().unwrap();
                assert!(!vector.verifies(&base, &secret), "{id}");
                invalid += 1;
            }
            // Only its status is not a request's.
            ("response", "valid") => {
                assert_eq!(vector.base(), Err(Error::ComponentUnsupported("@status".into())));
                responses += 1;
            }
            other => panic!("{id}: {other:?}"),
        }
    }
    assert_eq!((valid, invalid, responses), (10, 2, 1));
}

/// The value of one component over a request with the fields.
fn value(target: &str, fields: &[(&str, &str)], identifier: &str) -> Result<String, Error> {
    let input = format!("a=({identifier})");
    let fields = fields.iter().copied().chain([("signature-input", &*input)]);
    let headers = Headers::new(fields);
    let (method, authority, peer) = ("POST", "www.example.com", Peer::Unknown);
    let head = RequestHead { method, authority, target, headers: &headers, peer };
    let inputs = input::parse(&headers)?;
    let base = base::build(&head, authority, &inputs[0])?;
    let line = base.lines().next().unwrap();
    Ok(line.strip_prefix(&format!("{identifier}: ")).unwrap().to_owned())
}

#[track_caller]
fn check(target: &str, fields: &[(&str, &str)], identifier: &str, expected: &str) {
    assert_eq!(value(target, fields, identifier).as_deref(), Ok(expected), "{identifier}");
}

#[test]
fn fields_are_written_as_section_2_1_shows() {
    let fields = [
        ("Host", "www.example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("X-OWS-Header", "   Leading and trailing whitespace.   "),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "   must-revalidate"),
        ("Example-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ("X-Empty-Header", ""),
    ];
    check("/", &fields, "\"host\"", "www.example.com");
    check("/", &fields, "\"date\"", "Tue, 20 Apr 2021 02:07:56 GMT");
    check("/", &fields, "\"x-ows-header\"", "Leading and trailing whitespace.");
    check("/", &fields, "\"cache-control\"", "max-age=60, must-revalidate");
    check("/", &fields, "\"example-dict\"", "a=1,    b=2;x=1;y=2,   c=(a   b   c)");
    check("/", &fields, "\"x-empty-header\"", "");
}

#[test]
fn members_of_dictionaries_are_written_as_section_2_1_2_shows() {
    let fields = [("Example-Dict", "  a=1, b=2;x=1;y=2, c=(a   b    c), d")];
    check("/", &fields, "\"example-dict\";key=\"a\"", "1");
    check("/", &fields, "\"example-dict\";key=\"d\"", "?1");
    check("/", &fields, "\"example-dict\";key=\"b\"", "2;x=1;y=2");
    check("/", &fields, "\"example-dict\";key=\"c\"", "(a b c)");
    let absent = Err(Error::ComponentAbsent("example-dict".into()));
    assert_eq!(value("/", &fields, "\"example-dict\";key=\"e\""), absent);
}

#[test]
fn wrapped_fields_are_written_as_section_2_1_3_shows() {
    let lines = [("Example-Header", "value, with, lots"), ("Example-Header", "of, commas")];
    let expected = ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:";
    check("/", &lines, "\"example-header\";bs", expected);
    let line = [("Example-Header", "value, with, lots, of, commas")];
    let expected = ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:";
    check("/", &line, "\"example-header\";bs", expected);
}

#[test]
fn a_known_structured_field_can_be_written_in_its_one_form() {
    let fields = [("Priority", "u=1,  i=?1"), ("Priority", "x=( a  b );y")];
    check("/", &fields, "\"priority\";sf", "u=1, i, x=(a b);y");
    let unknown = [("X-Dict", "a=1")];
    let error = Err(Error::ComponentUnsupported("x-dict".into()));
    assert_eq!(value("/", &unknown, "\"x-dict\";sf"), error);
}

#[test]
fn derived_components_are_written_as_section_2_2_shows() {
    check("/path?param=value", &[], "\"@method\"", "POST");
    check("/path?param=value", &[], "\"@authority\"", "www.example.com");
    let uri = "https://www.example.com/path?param=value";
    check("/path?param=value", &[], "\"@target-uri\"", uri);
    check("/path?param=value", &[], "\"@scheme\"", "https");
    check("/path?param=value", &[], "\"@request-target\"", "/path?param=value");
    check("/path?param=value", &[], "\"@path\"", "/path");
    let target = "/path?param=value&foo=bar&baz=bat%2Dman";
    check(target, &[], "\"@query\"", "?param=value&foo=bar&baz=bat%2Dman");
    check("/path?queryString", &[], "\"@query\"", "?queryString");
    check("/path?", &[], "\"@query\"", "?");
    check("/path", &[], "\"@query\"", "?");
}

#[test]
fn query_parameters_are_written_as_section_2_2_8_shows() {
    let target = "/path?param=value&foo=bar&baz=batman&qux=";
    check(target, &[], "\"@query-param\";name=\"baz\"", "batman");
    check(target, &[], "\"@query-param\";name=\"qux\"", "");
    check(target, &[], "\"@query-param\";name=\"param\"", "value");
    let target = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace\
                  &fa%C3%A7ade%22%3A%20=something";
    let expected = "this%20is%20a%20big%0Amultiline%20value";
    check(target, &[], "\"@query-param\";name=\"var\"", expected);
    check(target, &[], "\"@query-param\";name=\"bar\"", "with%20plus%20whitespace");
    check(target, &[], "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\"", "something");
}

#[test]
fn a_query_parameter_that_is_not_there_once_cannot_be_covered() {
    let identifier = "\"@query-param\";name=\"a\"";
    for target in ["/", "/?b=1", "/?a=1&a=2", "/?a=1&%61=1", "/?a=%ff"] {
        let absent = Err(Error::ComponentAbsent("a".into()));
        assert_eq!(value(target, &[], identifier), absent, "{target}");
    }
    let unsupported = Err(Error::ComponentUnsupported("@query-param".into()));
    for identifier in ["\"@query-param\"", "\"@query-param\";name", "\"@query-param\";name=\"a\";x"]
    {
        assert_eq!(value("/?a=1", &[], identifier), unsupported, "{identifier}");
    }
}

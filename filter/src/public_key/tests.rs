use serde_json::json;

use super::*;

/// RFC 8410 §10.1.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

/// The rest was made with OpenSSL 3.0.
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa5tKu/MLgUG7Ws87NVYjnaC9FjNC
yp/6VWqP5P9zqdL50+huUDjFL9a3ikm7k9ZGKXZFr5XU0Zm+sQr4jlKhTQ==
-----END PUBLIC KEY-----
";
const P256_COMPRESSED: &str = "-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADa5tKu/MLgUG7Ws87NVYjnaC9FjNC
yp/6VWqP5P9zqdI=
-----END PUBLIC KEY-----
";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAElyP2UTo6u4bje6A0rAeNZ3WLMRxC4bai
hNOIXlapgzTIY8Em5l3L6x/NEmIayeCx3lUdcwxvJ02U1eDmwqZp2NcIcelJEE8G
IC6WMcB2h3nUZUma5mPmYIhp6MdFkKTu
-----END PUBLIC KEY-----
";
const X25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEARim34bStPofGemtzXp7Ii6lujVpkgpxYI19CHVIvXTI=
-----END PUBLIC KEY-----
";
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDJi8WZiLsNGDIvvx4y+SwgphfE
YUabfXBNjd1QowixKuHapPLEgrVAcukvxXAICyak6O7yLRXrOFs708d3kFJNwX4b
2ksdI0LhbARlVtsKRdyOgF+Ge1iMTReuSDe23E3XHZ79q9aERqLshpMtkW7uc0g8
Gwz7JfMA1p7pJJweCQIDAQAB
-----END PUBLIC KEY-----
";
const RSA_PSS: &str = "-----BEGIN PUBLIC KEY-----
MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAKgjedgaI7URtuLu42128cN7
SU2u/JA8nP8kt8+cgBUST5NJpJaDVb3iQsunxSAgx4TcwECB02T668bR6HbPrdtk
6wkGdo4rXUESMIUTa8rGb91ZjFHUxzyR0gOStY+MQ6lc1OSrbTwuxiv+pT/Iq2O2
mcQrPAGo9k9+AW0FvIRO/PJyhqQs3p34T0xUs1N8YE+PoA1HR9V4oEsyp6+B+fNY
EquAbpzOVOiCNeOyjdltRb79m0o0CvU47124eoqXlMbLx8Ja9cPwkq90ViPW9WQ+
SwDpFjxOm6kCSI3si39EJcNFZM9k+wRpgqfnnP9TpxzFTrkEKNk/MX8bJaFKDwcC
AwEAAQ==
-----END PUBLIC KEY-----
";
const RSA_PSS_SIGNATURE: &str = "KxIbsbRMoZM7DuY6DvicUu2+Fgdcczefse6Xd63leX4PKu1dfHAFqQu93mdEqIzA\
    IMYRmJeCZ9KjDF1nS1cJdnxaKb3+o6F+ij69+96B3P8I4E/XHWtgLN2O+vckmRikFqJSl3r+iXFjzQKzeSHHM9Uh9VNM\
    sYFkX/QXPeoivaOc3UbWHb1igZQWIk4zUKSkWLYObEQMuxFHY2f7nbkl4MIHvr3B6zEUvXes+rJWmWh33YYsspvwZJEY\
    S1dzUfQ8vOXm9cQnkiZJDINVyoDtNz14LV1gTeiztBg8N5rgWdSpB9vgAC0gHHVElWgBCHgytd4oTwA56IkPk7PEFL9z\
    Ng==";
/// It also restricts hash and salt, in parameters that are not supported here.
const RSA_PSS_RESTRICTED: &str = "-----BEGIN PUBLIC KEY-----
MIIBVjBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAQUAoRwwGgYJKoZIhvcN
AQEIMA0GCWCGSAFlAwQCAQUAogMCASADggEPADCCAQoCggEBAPGCrAd6h/+dkM4u
u3tnQHiSTEO4Qbkt+zkrcgjsouS0XLYhui2isfJAcklGDFOHH/xhtgUum/mBd2zl
EaneCldvybjB8jlDRWzeKCI2HjQIV54mLIhxzwnEMgv1V6LpWMWT8tBRdRxIbDm3
4cO3cIwIZHtpq9/7kOWr/Gr5/B2nR2FBun0+OYsXCzl73PpTneJT6f5fxetdiuwJ
cqHLjS5hfOHOqLga9bJ2htveGT4m1FsrmqsQ0isq6+7d0iBIlCim36cpF4Rm7UfW
Js6PO2KlGfLLTWkB0pcfE8PUfFwYTCrEHA/jgPuJL8UNR5j/q0i1BVViW4VDnxd1
/iJdtQ0CAwEAAQ==
-----END PUBLIC KEY-----
";
/// RFC 8410 §10.3.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

fn base64url(bytes: &[u8]) -> String {
    base64ct::Base64UrlUnpadded::encode_string(bytes)
}

fn pem(text: &str) -> PublicKey {
    PublicKey::from_spki_pem(text).unwrap()
}

fn from_jwk(jwk: serde_json::Value) -> Result<PublicKey, KeyError> {
    PublicKey::from_jwk(&serde_json::from_value(jwk).unwrap())
}

#[test]
fn a_key_is_stored_in_one_form() {
    for text in [ED25519, P256, RSA_PSS] {
        let key = pem(text);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(serde_json::to_value(&key).unwrap(), body);
        assert_eq!(serde_json::from_value::<PublicKey>(body.into()).unwrap(), key);
        assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
    }
    assert_eq!(pem(P256_COMPRESSED).to_spki_der(), pem(P256).to_spki_der());
}

#[test]
fn every_refused_key_is_told_why() {
    for (text, expected) in [
        ("", KeyError::Pem),
        (&ED25519.replace("PUBLIC", "RSA PUBLIC"), KeyError::Pem),
        (PRIVATE, KeyError::Private),
        (&ED25519.replace("MCow", "MCpw"), KeyError::Spki),
        (P384, KeyError::Kind),
        (X25519, KeyError::Kind),
        (RSA_PSS_RESTRICTED, KeyError::Kind),
        (RSA_1024, KeyError::RsaBits(1024)),
    ] {
        assert_eq!(PublicKey::from_spki_pem(text), Err(expected), "{text}");
    }
    let mut longer = pem(ED25519).to_spki_der();
    longer.push(0);
    assert_eq!(PublicKey::from_spki_der(&longer), Err(KeyError::Spki));
}

#[test]
fn a_kind_of_key_has_its_parameters_and_no_others() {
    // RFC 8410 §3: none for Ed25519. Here a NULL follows its identifier.
    let mut with_null = pem(ED25519).to_spki_der();
    with_null.splice(9..9, [5, 0]);
    with_null[1] += 2;
    with_null[3] += 2;
    assert_eq!(PublicKey::from_spki_der(&with_null), Err(KeyError::Kind));
    // RFC 3279 §2.3.1: a NULL for rsaEncryption. A PSS key has none, and differs in its last digit.
    let mut without_null = pem(RSA_PSS).to_spki_der();
    assert_eq!(without_null[4..8], [0x30, 0x0b, 6, 9]);
    without_null[16] = 1;
    assert_eq!(PublicKey::from_spki_der(&without_null), Err(KeyError::Kind));
}

#[test]
fn an_ed25519_key_is_a_canonical_point_of_large_order() {
    let key = |bytes: [u8; 32]| {
        let mut der = pem(ED25519).to_spki_der();
        der[12..].copy_from_slice(&bytes);
        PublicKey::from_spki_der(&der)
    };
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(key(identity), Err(KeyError::Ed25519));
    // y = 2 has no x.
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    assert_eq!(key(off_curve), Err(KeyError::Ed25519));
    // y = 3 is a point of large order, and y = p + 3 another spelling of it.
    let mut three = [0; 32];
    three[0] = 3;
    assert!(key(three).is_ok());
    let mut unreduced = [0xff; 32];
    unreduced[0] = 0xf0;
    unreduced[31] = 0x7f;
    assert_eq!(key(unreduced), Err(KeyError::Ed25519));
}

#[test]
fn a_key_verifies_its_own_algorithms_only() {
    let keys = [pem(ED25519), pem(P256), pem(RSA_PSS)];
    let algorithms: Vec<_> = keys.iter().map(PublicKey::algorithms).collect();
    assert_eq!(
        algorithms,
        [
            &[Algorithm::Ed25519][..],
            &[Algorithm::EcdsaP256Sha256],
            &[Algorithm::RsaPssSha256, Algorithm::RsaPssSha512]
        ]
    );
    let signature = Base64::decode_vec(RSA_PSS_SIGNATURE).unwrap();
    for algorithm in Algorithm::ALL {
        let verified = pem(RSA_PSS).verify(algorithm, b"a message", &signature);
        assert_eq!(verified.is_ok(), algorithm == Algorithm::RsaPssSha256, "{algorithm:?}");
        for key in &keys {
            assert_eq!(key.verify(algorithm, b"another message", &signature), Err(BadSignature));
        }
    }
}

#[test]
fn an_ecdsa_signature_is_64_bytes_with_neither_half_zero() {
    let half = {
        let mut half = [0; 32];
        half[31] = 1;
        half
    };
    for (r, s) in [([0; 32], [0; 32]), ([0; 32], half), (half, [0; 32])] {
        let signature = [r, s].concat();
        assert_eq!(
            pem(P256).verify(Algorithm::EcdsaP256Sha256, b"", &signature),
            Err(BadSignature)
        );
    }
    for length in [0, 1, 63, 65, 72] {
        let signature = vec![1; length];
        assert!(pem(P256).verify(Algorithm::EcdsaP256Sha256, b"", &signature).is_err());
        assert!(pem(ED25519).verify(Algorithm::Ed25519, b"", &signature).is_err());
        assert!(pem(RSA_PSS).verify(Algorithm::RsaPssSha256, b"", &signature).is_err());
    }
}

#[test]
fn a_json_web_key_is_the_key_it_says() {
    let x = "a5tKu_MLgUG7Ws87NVYjnaC9FjNCyp_6VWqP5P9zqdI";
    let y = "-dPoblA4xS_Wt4pJu5PWRil2Ra-V1NGZvrEK-I5SoU0";
    let p256 = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "x5c": ["ignored"] });
    assert_eq!(from_jwk(p256), Ok(pem(P256)));
    let ed25519 = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"
    });
    assert_eq!(from_jwk(ed25519), Ok(pem(ED25519)));
}

#[test]
fn a_json_web_key_that_is_secret_weak_or_misspelt_is_refused() {
    let x = "a5tKu_MLgUG7Ws87NVYjnaC9FjNCyp_6VWqP5P9zqdI";
    let modulus = base64url(&[0xff; 256]);
    let small = base64url(&[0xff; 128]);
    let huge = base64url(&[0xff; 1025]);
    let padded = base64url(&[&[0][..], &[0xff; 256]].concat());
    let even = base64url(&[0xfe; 256]);
    for (jwk, expected) in [
        (json!({ "kty": "oct", "k": "AA" }), KeyError::Shared),
        (json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x, "k": "AA" }), KeyError::Shared),
        (json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x, "d": "AA" }), KeyError::Private),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "d": "AA" }), KeyError::Private),
        (json!({ "kty": "RSA", "n": modulus, "e": "AQAB", "p": "AA" }), KeyError::Private),
        (json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x }), KeyError::P256),
        (json!({ "kty": "EC", "crv": "P-256", "x": x }), KeyError::Member("y")),
        (json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": x }), KeyError::Member("x")),
        (json!({ "kty": "EC", "crv": "P-384", "x": x, "y": x }), KeyError::Kind),
        (json!({ "kty": "EC", "crv": "secp256k1", "x": x, "y": x }), KeyError::Kind),
        (json!({ "kty": "OKP", "crv": "X25519", "x": x }), KeyError::Kind),
        (json!({ "kty": "ec", "crv": "P-256", "x": x, "y": x }), KeyError::Kind),
        (json!({ "kty": "RSA", "n": modulus }), KeyError::Member("e")),
        (json!({ "kty": "RSA", "n": padded, "e": "AQAB" }), KeyError::Member("n")),
        (json!({ "kty": "RSA", "n": modulus, "e": "AQAB=" }), KeyError::Member("e")),
        (json!({ "kty": "RSA", "n": small, "e": "AQAB" }), KeyError::RsaBits(1024)),
        (json!({ "kty": "RSA", "n": huge, "e": "AQAB" }), KeyError::RsaBits(8200)),
        (json!({ "kty": "RSA", "n": modulus, "e": "AQ" }), KeyError::Rsa),
        (json!({ "kty": "RSA", "n": modulus, "e": "AQAA" }), KeyError::Rsa),
        (json!({ "kty": "RSA", "n": modulus, "e": modulus }), KeyError::Rsa),
        (json!({ "kty": "RSA", "n": even, "e": "AQAB" }), KeyError::Rsa),
    ] {
        assert_eq!(from_jwk(jwk.clone()), Err(expected), "{jwk}");
    }
    let twice = r#"{ "kty": "OKP", "crv": "Ed25519", "kty": "EC" }"#;
    assert!(serde_json::from_str::<Jwk>(twice).is_err());
}

//! The description of the API says what the shipped policy allows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const OPENAPI: &str = include_str!("../../inference-node/src/api/page/openapi.json");
const POLICY: &str = include_str!("../../filter/policy.json");

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let (document, policy) = (read(OPENAPI), read(POLICY));
    let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
    for route in list(&policy, "routes") {
        let method = route["method"].as_str().unwrap().to_lowercase();
        expected.insert((route["path"].as_str().unwrap().to_owned(), method));
    }
    for page in list(&policy, "pages").iter().filter(|page| page["anonymous"] != true) {
        expected.insert((page["path"].as_str().unwrap().to_owned(), "get".to_owned()));
    }
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(
            methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())),
        );
    }
    assert_eq!(described, expected);
}

#[test]
fn the_fields_and_their_values_are_those_of_the_policy() {
    let (document, policy) = (read(OPENAPI), read(POLICY));
    for route in list(&policy, "routes") {
        let (name, form) = (&route["name"], &route["form"]);
        let method = route["method"].as_str().unwrap().to_lowercase();
        let operation = &document["paths"][route["path"].as_str().unwrap()][&method];
        let content = &operation["requestBody"]["content"];
        for (media_type, image) in [
            ("multipart/form-data", &form["multipart"]),
            ("application/json", &form["json"]),
            ("application/x-www-form-urlencoded", &form["urlencoded"]),
        ] {
            let Some(image) = image.as_str() else {
                assert!(content[media_type].is_null(), "{name}: {media_type}");
                continue;
            };
            let schema = &content[media_type]["schema"];
            let base64 = form["multipart_base64"].as_str();
            let base64 = base64.filter(|_| media_type == "multipart/form-data");
            let images: Vec<_> = [image].into_iter().chain(base64).collect();
            match base64 {
                None => assert_eq!(schema["required"], json!(images), "{name}"),
                Some(base64) => {
                    let either = json!([{ "required": [image] }, { "required": [base64] }]);
                    assert_eq!(schema["oneOf"], either, "{name}");
                }
            }
            let properties = schema["properties"].as_object().unwrap();
            assert!(images.iter().all(|&image| properties.contains_key(image)), "{name}");
            assert_eq!(properties.len(), list(form, "fields").len() + images.len(), "{name}");
            for field in list(form, "fields") {
                let property = &properties[field["name"].as_str().unwrap()];
                assert_eq!(property["enum"], field["values"], "{name}: {field}");
                assert_eq!(property["maxLength"], field["max_bytes"], "{name}: {field}");
            }
        }
        let parameters = list(operation, "parameters");
        assert_eq!(parameters.len(), list(route, "query").len(), "{name}");
        for (parameter, field) in parameters.iter().zip(list(route, "query")) {
            assert_eq!(parameter["name"], field["name"], "{name}");
            assert_eq!(parameter["schema"]["enum"], field["values"], "{name}");
        }
        for media_type in list(route, "media_types") {
            assert!(content.get(media_type.as_str().unwrap()).is_some(), "{name}: {media_type}");
        }
    }
}

//! Whether a value fits a JSON Schema, for the keywords that our own schemas use.
//!
//! Patterns are not run, which would need a library; every other keyword that says something is
//! either judged or, if it is new here, an error.

use serde_json::{Map, Value};

/// Keywords that describe and do not judge, and `pattern`.
const SILENT: [&str; 8] =
    ["$defs", "$schema", "default", "description", "examples", "format", "pattern", "title"];

/// Says where and why `value` does not fit `schema`, the root of a schema.
pub(crate) fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    judge(value, schema, schema, "$")
}

fn judge(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let schema = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(schema) => schema,
        _ => return Err(format!("{at}: nothing fits {schema}")),
    };
    for (keyword, argument) in schema {
        let holds = match keyword.as_str() {
            silent if SILENT.contains(&silent) => true,
            "$ref" => {
                let pointer = argument.as_str().and_then(|name| name.strip_prefix('#'));
                let named = pointer.and_then(|pointer| root.pointer(pointer));
                judge(value, named.ok_or("a reference that leads nowhere")?, root, at)?;
                true
            }
            "oneOf" | "anyOf" => {
                let fitting = array(argument)
                    .iter()
                    .filter(|schema| judge(value, schema, root, at).is_ok())
                    .count();
                fitting == 1 || (keyword == "anyOf" && fitting > 0)
            }
            "type" => match argument {
                Value::Array(types) => types.iter().any(|name| is_of_type(value, name)),
                name => is_of_type(value, name),
            },
            "const" => value == argument,
            "enum" => array(argument).contains(value),
            "minimum" => value.as_u64().is_none_or(|number| number >= number_of(argument)),
            "maximum" => value.as_u64().is_none_or(|number| number <= number_of(argument)),
            "minLength" => {
                value.as_str().is_none_or(|text| count(text.chars()) >= number_of(argument))
            }
            "maxLength" => {
                value.as_str().is_none_or(|text| count(text.chars()) <= number_of(argument))
            }
            "minItems" => value.as_array().is_none_or(|list| count(list) >= number_of(argument)),
            "maxItems" => value.as_array().is_none_or(|list| count(list) <= number_of(argument)),
            "uniqueItems" => value.as_array().is_none_or(|list| is_unique(list)),
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    judge(element, argument, root, &format!("{at}[{index}]"))?;
                }
                true
            }
            "minProperties" => {
                value.as_object().is_none_or(|map| count(map) >= number_of(argument))
            }
            "maxProperties" => {
                value.as_object().is_none_or(|map| count(map) <= number_of(argument))
            }
            "required" => value.as_object().is_none_or(|map| {
                array(argument).iter().all(|name| map.contains_key(name.as_str().unwrap()))
            }),
            "properties" | "patternProperties" | "additionalProperties" => {
                value.as_object().map_or(Ok(()), |map| members(map, schema, root, at))?;
                true
            }
            _ => return Err(format!("{at}: the keyword {keyword} is not known here")),
        };
        if !holds {
            return Err(format!("{at}: {value} does not fit {keyword} {argument}"));
        }
    }
    Ok(())
}

/// Every name of an object with `patternProperties` is taken to match.
fn members(
    map: &Map<String, Value>,
    schema: &Map<String, Value>,
    root: &Value,
    at: &str,
) -> Result<(), String> {
    let by_pattern =
        schema.get("patternProperties").and_then(|all| all.as_object()?.values().next());
    for (name, value) in map {
        let by_name = schema.get("properties").and_then(|all| all.get(name));
        let known = by_name.or(by_pattern).or_else(|| schema.get("additionalProperties"));
        judge(value, known.unwrap_or(&Value::Bool(true)), root, &format!("{at}.{name}"))?;
    }
    Ok(())
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

fn is_unique(list: &[Value]) -> bool {
    list.iter().enumerate().all(|(index, element)| !list[..index].contains(element))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number_of(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn count(elements: impl IntoIterator) -> u64 {
    elements.into_iter().count() as u64
}

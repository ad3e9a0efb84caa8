//! Objects in which no name may appear twice.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::name::Name;

/// Reads an object and refuses a name that is there already. JSON leaves open which of the two
/// counts (RFC 8259 §4), so two readers of one policy could obey different ones.
pub(super) fn deserialize<'de, T, D>(input: D) -> Result<BTreeMap<Name, T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = BTreeMap<Name, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = entries.next_entry::<Name, T>()? {
                if map.contains_key(&name) {
                    return Err(A::Error::custom(format!("{:?} is there twice", name.0)));
                }
                map.insert(name, value);
            }
            Ok(map)
        }
    }

    input.deserialize_map(Object(PhantomData))
}

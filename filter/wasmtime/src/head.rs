//! A request's or response's head as the filter sees it: pseudo-headers first, then the fields.

use std::borrow::Cow;
use std::ops::ControlFlow;

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, request};
use proxy_wasm_host::{HeaderMap as GuestMap, NotAllowed, PairVisitor};

/// Fields that only the host may set: they frame the body, which the filter cannot change, or name
/// the host, which it sees as `:authority`.
const PROTECTED: [HeaderName; 3] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING];

/// One head, lent to the filter.
pub(crate) struct Head {
    pseudo: Vec<(&'static str, String)>,
    fields: HeaderMap,
    /// The single `host` field says what `:authority` says, and is shown only as that, as in Envoy.
    host_is_authority: bool,
    writable: bool,
}

impl Head {
    /// The head of `parts`, whose fields move here.
    pub(crate) fn of_request(parts: &mut request::Parts) -> Self {
        let fields = std::mem::take(&mut parts.headers);
        let mut hosts = fields.get_all(HOST).iter();
        let (host, second_host) = (hosts.next(), hosts.next());
        let authority = match (parts.uri.authority(), host) {
            (Some(authority), _) => Some(authority.as_str().to_owned()),
            (None, Some(host)) => host.to_str().ok().map(str::to_owned),
            (None, None) => None,
        };
        let host_is_authority = second_host.is_none()
            && host.is_some_and(|host| authority.as_deref().is_some_and(|name| host == name));

        let target = parts.uri.path_and_query().map(|target| target.as_str().to_owned());
        let scheme = parts.uri.scheme_str().unwrap_or("http").to_owned();
        let pseudo = [
            (":method", Some(parts.method.as_str().to_owned())),
            (":path", target),
            (":authority", authority),
            (":scheme", Some(scheme)),
        ];
        let pseudo = pseudo.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { pseudo, fields, host_is_authority, writable: true }
    }

    /// The head of a response, whose fields move here.
    pub(crate) fn of_response(status: StatusCode, fields: HeaderMap) -> Self {
        let pseudo = vec![(":status", status.as_str().to_owned())];
        Self { pseudo, fields, host_is_authority: false, writable: true }
    }

    /// From now on the filter may read and no longer write; returns the fields as they stand.
    pub(crate) fn freeze(&mut self) -> HeaderMap {
        self.writable = false;
        self.fields.clone()
    }

    /// The fields as the filter left them.
    pub(crate) fn into_fields(self) -> HeaderMap {
        self.fields
    }

    /// The number of pairs the filter sees, as the ABI counts them.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn pseudo(&self, key: &[u8]) -> Option<&str> {
        let mut pairs = self.pseudo.iter();
        pairs.find(|(name, _)| name.as_bytes() == key).map(|(_, value)| value.as_str())
    }

    /// The name of a field that the filter may write now.
    fn field_to_write(&self, key: &[u8]) -> Result<HeaderName, NotAllowed> {
        let name = HeaderName::from_bytes(key).map_err(|_| NotAllowed)?;
        if self.writable && !PROTECTED.contains(&name) { Ok(name) } else { Err(NotAllowed) }
    }
}

fn field_value(value: &[u8]) -> Result<HeaderValue, NotAllowed> {
    HeaderValue::from_bytes(value).map_err(|_| NotAllowed)
}

impl GuestMap for Head {
    /// Repeated fields are joined with a comma, as Envoy does: a filter that asks for one value must
    /// not overlook the second.
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        if key.starts_with(b":") {
            return self.pseudo(key).map(|value| Cow::Borrowed(value.as_bytes()));
        }
        let name = HeaderName::from_bytes(key).ok()?;
        let mut values = self.fields.get_all(name).iter();
        let first = Cow::Borrowed(values.next()?.as_bytes());
        Some(values.fold(first, |mut joined, value| {
            let bytes = joined.to_mut();
            bytes.push(b',');
            bytes.extend_from_slice(value.as_bytes());
            joined
        }))
    }

    fn for_each_pair(&self, f: &mut PairVisitor<'_>) -> ControlFlow<()> {
        for (name, value) in &self.pseudo {
            f(name.as_bytes(), value.as_bytes())?;
        }
        for (name, value) in &self.fields {
            if !(self.host_is_authority && name == HOST) {
                f(name.as_str().as_bytes(), value.as_bytes())?;
            }
        }
        ControlFlow::Continue(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), NotAllowed> {
        let name = self.field_to_write(key)?;
        self.fields.try_insert(name, field_value(value)?).map_err(|_| NotAllowed)?;
        Ok(())
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), NotAllowed> {
        let name = self.field_to_write(key)?;
        self.fields.try_append(name, field_value(value)?).map_err(|_| NotAllowed)?;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), NotAllowed> {
        let name = self.field_to_write(key)?;
        self.fields.remove(name);
        Ok(())
    }

    /// Takes the new fields if pseudo-headers and protected fields are what they were.
    fn replace_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<(), NotAllowed> {
        if !self.writable {
            return Err(NotAllowed);
        }
        let (pseudo, fields): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|(key, _)| key.starts_with(b":"));
        let unchanged = pseudo.len() == self.pseudo.len()
            && self
                .pseudo
                .iter()
                .all(|(name, value)| pseudo.contains(&(name.as_bytes(), value.as_bytes())));
        if !unchanged {
            return Err(NotAllowed);
        }

        let mut next = HeaderMap::with_capacity(fields.len());
        for (key, value) in fields {
            let name = HeaderName::from_bytes(key).map_err(|_| NotAllowed)?;
            next.try_append(name, field_value(value)?).map_err(|_| NotAllowed)?;
        }
        if self.host_is_authority
            && !next.contains_key(HOST)
            && let Some(host) = self.fields.get(HOST)
        {
            next.try_insert(HOST, host.clone()).map_err(|_| NotAllowed)?;
        }
        let same = |name: &HeaderName| next.get_all(name).iter().eq(self.fields.get_all(name));
        if !PROTECTED.iter().all(same) {
            return Err(NotAllowed);
        }
        self.fields = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proxy_wasm_host::HeaderMapExt as _;

    use super::*;

    fn head(uri: &str, fields: &[(&str, &str)]) -> Head {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Head::of_request(&mut request.body(()).expect("a request").into_parts().0)
    }

    fn pairs(head: &Head) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        head.pairs().iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn path_and_query_are_shown_as_received_and_the_host_as_authority() {
        let head = head("/a%2fb/../c?x=%20&y", &[("host", "example.org"), ("x-b", "1")]);
        let expected = [
            (":method", "GET"),
            (":path", "/a%2fb/../c?x=%20&y"),
            (":authority", "example.org"),
            (":scheme", "http"),
            ("x-b", "1"),
        ];
        assert_eq!(pairs(&head), owned(&expected));
        assert_eq!(head.count(), 5);
    }

    #[test]
    fn a_second_or_differing_host_stays_visible() {
        let twice = head("/", &[("host", "a"), ("host", "b")]);
        assert_eq!(twice.get_all(b"host"), [b"a", b"b"]);
        let differing = head("http://a/", &[("host", "b")]);
        assert_eq!(differing.get(b":authority").as_deref(), Some(b"a".as_slice()));
        assert_eq!(differing.get_all(b"host"), [b"b"]);
    }

    #[test]
    fn repeated_fields_are_joined_and_names_have_no_case() {
        let head = head("/", &[("x-a", "1"), ("x-a", "2")]);
        assert_eq!(head.get(b"X-A").as_deref(), Some(b"1,2".as_slice()));
        assert_eq!(head.get(b"x-b"), None);
        assert_eq!(head.get(b"not a name"), None);
    }

    #[test]
    fn the_filter_can_set_add_and_remove_fields() {
        let mut head = head("/", &[("x-a", "1"), ("x-a", "2"), ("x-b", "3")]);
        head.set(b"x-a", b"4").expect("set");
        head.add(b"x-c", b"5").expect("add");
        head.remove(b"x-b").expect("remove");
        let fields = head.freeze();
        assert_eq!(fields.get_all("x-a").iter().collect::<Vec<_>>(), ["4"]);
        assert_eq!(fields.get("x-c").expect("added"), "5");
        assert!(!fields.contains_key("x-b"));
    }

    #[test]
    fn pseudo_headers_host_and_framing_cannot_be_changed() {
        let mut head = head("/", &[("host", "a"), ("content-length", "1")]);
        for key in [":path", ":method", ":new", "host", "Content-Length", "transfer-encoding"] {
            assert!(head.set(key.as_bytes(), b"x").is_err(), "set {key}");
            assert!(head.add(key.as_bytes(), b"x").is_err(), "add {key}");
            assert!(head.remove(key.as_bytes()).is_err(), "remove {key}");
        }
    }

    #[test]
    fn names_and_values_that_would_break_the_message_are_refused() {
        let mut head = head("/", &[]);
        assert!(head.add(b"x a", b"1").is_err());
        assert!(head.add(b"x-a", b"1\r\nx-b: 2").is_err());
        assert!(head.set(b"", b"1").is_err());
    }

    #[test]
    fn a_frozen_head_is_only_read() {
        let mut head = head("/", &[("x-a", "1")]);
        head.freeze();
        assert!(head.set(b"x-a", b"2").is_err());
        assert!(head.replace_all(&[]).is_err());
        assert_eq!(head.get(b"x-a").as_deref(), Some(b"1".as_slice()));
    }

    #[test]
    fn all_fields_can_be_replaced_but_no_pseudo_header_and_no_framing() {
        let mut head = head("/p", &[("host", "a"), ("content-length", "1"), ("x-a", "1")]);
        let same: [(&[u8], &[u8]); 4] =
            [(b":method", b"GET"), (b":path", b"/p"), (b":authority", b"a"), (b":scheme", b"http")];
        let with = |extra: &[(&'static [u8], &'static [u8])]| [same.as_slice(), extra].concat();

        assert!(head.replace_all(&with(&[])).is_err(), "content-length is gone");
        assert!(head.replace_all(&with(&[(b"content-length", b"2")])).is_err());
        assert!(head.replace_all(&[(b"content-length", b"1")]).is_err(), "no pseudo-headers");
        let mut other_path = with(&[(b"content-length", b"1")]);
        other_path[1].1 = b"/q";
        assert!(head.replace_all(&other_path).is_err());

        head.replace_all(&with(&[(b"content-length", b"1"), (b"x-b", b"2")])).expect("allowed");
        let fields = head.freeze();
        assert_eq!(fields.get("host").expect("kept"), "a");
        assert_eq!(fields.get("x-b").expect("new"), "2");
        assert!(!fields.contains_key("x-a"));
    }
}

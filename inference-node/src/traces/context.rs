//! The field `traceparent` (W3C Trace Context, level 1).

/// Where a request belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Context {
    /// The trace.
    pub trace: [u8; 16],
    /// The span that the request is part of, if a caller has named one.
    pub parent: Option<[u8; 8]>,
    /// Whether the caller records it.
    pub sampled: bool,
}

impl Context {
    /// Reads the field; `None` if it is not well-formed. Later versions may say more at the end.
    pub fn parse(field: &str) -> Option<Self> {
        let mut parts = field.split('-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes(version)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace, parent, [flags]) = (id(trace)?, bytes(parent)?, bytes(flags)?);
        (parent != [0; 8]).then_some(Self { trace, parent: Some(parent), sampled: flags & 1 == 1 })
    }
}

/// A trace id: 32 lower-case hex digits, not all of them zero.
pub fn id(text: &str) -> Option<[u8; 16]> {
    bytes(text).filter(|id| *id != [0; 16])
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let fine =
        text.len() == 2 * N && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    fine.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_read() {
        let field = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context::parse(field).unwrap();
        assert_eq!(context.trace[..4], [0x4b, 0xf9, 0x2f, 0x35]);
        assert_eq!(context.parent, Some([0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
        assert!(context.sampled);
        assert!(!Context::parse(&field.replace("-01", "-00")).unwrap().sampled);
        assert!(
            Context::parse(&field.replace("00-4", "01-4").replace("-01", "-01-more")).is_some()
        );
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for field in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(field), None, "{field}");
        }
    }
}

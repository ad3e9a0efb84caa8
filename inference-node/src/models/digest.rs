//! SHA-256 digests of files, as pinned in the catalogue and as found on disk.

use std::{
    fmt,
    io::{self, Read},
};

use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of a file, 32 bytes; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of everything `reader` still holds, and how many bytes that was; memory stays constant.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; 64 * 1024];
        let mut length = 0;
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) => return Ok((Self(hasher.finalize().into()), length)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&chunk[..read]);
            length += read as u64;
        }
    }

    /// Reads 64 lower-case hexadecimal digits; meant for constants, where a wrong digit stops the build.
    ///
    /// # Panics
    /// If `hex` is anything else.
    #[must_use]
    pub const fn from_hex(hex: &str) -> Self {
        let hex = hex.as_bytes();
        assert!(hex.len() == 64, "a SHA-256 digest has 64 hexadecimal digits");
        let mut bytes = [0; 32];
        let mut index = 0;
        while index < 32 {
            bytes[index] = nibble(hex[2 * index]) << 4 | nibble(hex[2 * index + 1]);
            index += 1;
        }
        Self(bytes)
    }
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("a digest is written in lower-case hexadecimal digits"),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4's example "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_standards_example_has_the_standards_digest() {
        assert_eq!(Digest::of(b"abc"), Digest::from_hex(ABC));
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
    }

    #[test]
    fn a_reader_gives_the_same_digest_and_its_length() {
        assert_eq!(Digest::of_reader(&b"abc"[..]).unwrap(), (Digest::from_hex(ABC), 3));
    }
}

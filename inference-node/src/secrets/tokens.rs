//! Secrets that issuers of tokens share with the gates, for HS256 (RFC 7518 §3.2).
//!
//! They are made by the issuer, so they cannot be derived; and they must not stand in the policy,
//! which is published.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Error;
use crate::private_file;

/// The fewest bytes of a secret: as many as the hash has (RFC 7518 §3.2).
pub const SECRET_BYTES_MIN: usize = 32;
/// The most bytes of a secret.
pub const SECRET_BYTES_MAX: usize = 128;

/// Secrets by the names that the policy's issuers call them, as hex digits. It has no `Debug`,
/// `Display` or `Serialize`.
#[derive(Default)]
pub struct TokenSecrets(Vec<(String, Zeroizing<String>)>);

impl TokenSecrets {
    /// Reads the secret of each name from its file, which only its owner may read.
    pub fn read(files: &BTreeMap<String, PathBuf>) -> Result<Self, Error> {
        let secret = |(name, path): (&String, &PathBuf)| Ok((name.clone(), read(path)?));
        files.iter().map(secret).collect::<Result<_, _>>().map(Self)
    }

    /// The names and secrets as a gate reads them; `None` if there are none.
    pub(super) fn variable(&self) -> Option<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 512));
        for (name, secret) in &self.0 {
            let separator = if text.is_empty() { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{name}:{}", secret.as_str());
        }
        (!text.is_empty()).then_some(text)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let malformed = || Error::MalformedToken { path: path.to_owned() };
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    let file = private_file::open(path).map_err(Error::TokenFile)?;
    file.take(super::FILE_MAX).read_to_end(&mut text).map_err(|source| {
        Error::TokenFile(private_file::Error::Io { path: path.to_owned(), source })
    })?;
    let digits = text.trim_ascii();
    let bytes = digits.len() / 2;
    let secret = digits.iter().all(u8::is_ascii_hexdigit)
        && digits.len() % 2 == 0
        && (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes)
        // A placeholder such as 64 zeros is no secret.
        && digits.iter().any(|digit| Some(digit) != digits.first());
    let digits = std::str::from_utf8(digits).ok().filter(|_| secret);
    Ok(Zeroizing::new(digits.ok_or_else(malformed)?.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    fn read_text(text: &str) -> Result<Zeroizing<String>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corp.secret");
        private_file::replace(&path, text.as_bytes()).unwrap();
        read(&path)
    }

    #[test]
    fn a_secret_is_at_least_32_bytes_in_hex() {
        assert_eq!(*read_text(&format!("{SECRET}\n")).unwrap(), SECRET.to_lowercase());
        assert!(read_text(&SECRET.repeat(4)).is_ok());
        for bad in [
            "",
            &SECRET[..62],
            &SECRET[..63],
            &format!("{SECRET}0"),
            &"0".repeat(64),
            &SECRET.replace('f', "g"),
            &format!("{SECRET}00").repeat(4),
        ] {
            let problem = read_text(bad).err().unwrap().to_string();
            assert!(problem.contains("corp.secret: expected 32 to 128 random bytes"), "{problem}");
            assert!(bad.is_empty() || !problem.contains(bad), "the secret is in the message");
        }
    }

    #[test]
    fn a_gate_gets_every_secret_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            private_file::replace(&path, SECRET.as_bytes()).unwrap();
            (name.to_owned(), path)
        };
        let files = BTreeMap::from([file("corp"), file("partner-2")]);
        let secret = SECRET.to_lowercase();
        let variable = TokenSecrets::read(&files).unwrap().variable().unwrap();
        assert_eq!(*variable, format!("corp:{secret},partner-2:{secret}"));
        assert!(TokenSecrets::default().variable().is_none());
    }

    #[test]
    fn a_file_that_is_missing_or_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corp.secret");
        assert!(read(&path).err().unwrap().to_string().starts_with("token secret: "));
        std::fs::write(&path, SECRET).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).err().unwrap().to_string().contains("chmod 600"));
    }
}

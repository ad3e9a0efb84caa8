//! Drawing the random digits of new keys.

use filter::KeyId;
use filter::api_key::{BASE62, SECRET_LEN};
use zeroize::Zeroizing;

/// The largest multiple of 62 that a byte can hold. A byte above it is thrown away: its remainder
/// would make some digits likelier than others.
const FAIR: u8 = 248;

/// A new id.
pub(super) fn id() -> Result<KeyId, getrandom::Error> {
    let digits = digits::<10>()?;
    let text: String = digits.iter().map(|&digit| char::from(digit)).collect();
    Ok(KeyId::parse(&text).expect("ten base62 digits are an id"))
}

/// A new secret of 190 random bits.
pub(super) fn secret() -> Result<Zeroizing<[u8; SECRET_LEN]>, getrandom::Error> {
    digits()
}

fn digits<const N: usize>() -> Result<Zeroizing<[u8; N]>, getrandom::Error> {
    let mut digits = Zeroizing::new([0; N]);
    let mut bytes = Zeroizing::new([0; 64]);
    let mut missing = digits.iter_mut();
    loop {
        getrandom::fill(bytes.as_mut_slice())?;
        for byte in bytes.iter().filter(|&&byte| byte < FAIR) {
            match missing.next() {
                Some(digit) => *digit = BASE62[usize::from(byte % 62)],
                None => return Ok(digits),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_equally_likely() {
        let mut counts = [0u32; 128];
        for _ in 0..2000 {
            for &digit in secret().unwrap().iter() {
                counts[usize::from(digit)] += 1;
            }
        }
        // 64,000 draws: 1032 of each, with a standard deviation of 32. Taking bytes modulo 62
        // without throwing any away would give the first eight digits 1250 each.
        for &digit in BASE62 {
            let count = counts[usize::from(digit)];
            assert!((800..=1200).contains(&count), "{}: {count}", char::from(digit));
        }
        assert_eq!(counts.iter().sum::<u32>(), 64_000);
    }

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(id().unwrap(), id().unwrap());
        assert_ne!(secret().unwrap(), secret().unwrap());
    }
}

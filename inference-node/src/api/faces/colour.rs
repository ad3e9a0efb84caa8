//! Colours, as other APIs write them.

/// The sixteen names of HTML, which are what people write.
const NAMES: [(&str, [u8; 3]); 16] = [
    ("black", [0, 0, 0]),
    ("silver", [192, 192, 192]),
    ("gray", [128, 128, 128]),
    ("white", [255, 255, 255]),
    ("maroon", [128, 0, 0]),
    ("red", [255, 0, 0]),
    ("purple", [128, 0, 128]),
    ("fuchsia", [255, 0, 255]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("olive", [128, 128, 0]),
    ("yellow", [255, 255, 0]),
    ("navy", [0, 0, 128]),
    ("blue", [0, 0, 255]),
    ("teal", [0, 128, 128]),
    ("aqua", [0, 255, 255]),
];

/// `255,255,255,255`: red, green, blue and alpha, which may be left out.
pub(super) fn listed(text: &str) -> Option<[u8; 4]> {
    let mut colour = [255; 4];
    let mut given = 0;
    for part in text.split(',') {
        *colour.get_mut(given)? = part.trim().parse().ok()?;
        given += 1;
    }
    (given >= 3).then_some(colour)
}

/// `81d4fa`, `#fff`, with alpha `81d4fa77`, or the name of a colour.
pub(super) fn written(text: &str) -> Option<[u8; 4]> {
    if let Some((_, [red, green, blue])) =
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text))
    {
        return Some([*red, *green, *blue, 255]);
    }
    let digits = text.strip_prefix('#').unwrap_or(text);
    let digits: Option<Vec<u8>> =
        digits.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    let digits = digits?;
    let mut colour = [255; 4];
    let given: Vec<u8> = match digits.len() {
        3 | 4 => digits.iter().map(|digit| digit * 17).collect(),
        6 | 8 => digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect(),
        _ => return None,
    };
    colour[..given.len()].copy_from_slice(&given);
    Some(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_colour() {
        assert_eq!(listed("1,2,3"), Some([1, 2, 3, 255]));
        assert_eq!(listed("1,2,3,0"), Some([1, 2, 3, 0]));
        for text in ["", "1,2", "1,2,3,4,5", "1,2,256", "-1,2,3", "a,b,c", "1,,3"] {
            assert_eq!(listed(text), None, "{text}");
        }
    }

    #[test]
    fn digits_and_names_are_a_colour() {
        assert_eq!(written("#81d4fa"), Some([0x81, 0xd4, 0xfa, 255]));
        assert_eq!(written("fff"), Some([255; 4]));
        assert_eq!(written("81D4fa77"), Some([0x81, 0xd4, 0xfa, 0x77]));
        assert_eq!(written("Green"), Some([0, 128, 0, 255]));
        for text in ["", "#", "#12", "12345", "ggg", "grün", "1234567"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}

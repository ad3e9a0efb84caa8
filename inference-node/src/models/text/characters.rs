//! From classes to text.

use kernels::classes::Best;

/// The characters that the recogniser knows; class 0 is that there is none.
pub struct Characters(Vec<String>);

impl Characters {
    /// A list of one character a line, in UTF-8; a space comes after the last one.
    pub fn parse(list: &[u8]) -> Option<Self> {
        let list = str::from_utf8(list).ok()?;
        let mut characters: Vec<String> = list.lines().map(str::to_owned).collect();
        characters.push(" ".to_owned());
        Some(Self(characters))
    }

    /// How many classes the recogniser has.
    pub fn classes(&self) -> usize {
        self.0.len() + 1
    }

    /// What a line says, and the mean probability of its characters; empty, and 0, where it says nothing.
    ///
    /// A class that repeats itself from column to column is one character
    /// ([CTC](https://www.cs.toronto.edu/~graves/icml_2006.pdf), the likeliest path).
    pub fn read(&self, columns: &[Best]) -> (String, f32) {
        let mut text = String::new();
        let (mut sum, mut count) = (0.0, 0_u16);
        let mut before = None;
        for best in columns {
            let is_new = before != Some(best.class);
            before = Some(best.class);
            let character = best.class.checked_sub(1).and_then(|index| self.0.get(index));
            if let (true, Some(character)) = (is_new, character) {
                text.push_str(character);
                sum += best.probability;
                count = count.saturating_add(1);
            }
        }
        if count == 0 { (text, 0.0) } else { (text, sum / f32::from(count)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_one_character_unless_nothing_lies_between() {
        let characters = Characters::parse("a\r\nb\r\n字\r\n".as_bytes()).unwrap();
        assert_eq!(characters.classes(), 5);
        let read = |classes: &[usize]| {
            let columns: Vec<_> = classes
                .iter()
                .map(|&class| Best { class, probability: if class == 3 { 0.5 } else { 1.0 } })
                .collect();
            characters.read(&columns)
        };
        assert_eq!(read(&[0, 1, 1, 0, 1, 2, 2, 4, 3]), ("aab 字".to_owned(), 0.9));
        assert_eq!(read(&[0, 0]), (String::new(), 0.0));
        assert!(Characters::parse(&[0xff]).is_none());
    }
}

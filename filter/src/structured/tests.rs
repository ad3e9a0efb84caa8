//! Dictionaries read and written again, and what is refused.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { members: 3, items: 2 };

/// What is read, written again.
fn rewritten(lines: &[&str]) -> Result<String, Error> {
    let mut out = String::new();
    parse(lines.iter().map(|line| line.as_bytes()), LIMITS)?.write(&mut out);
    Ok(out)
}

#[test]
fn members_are_read_in_order_and_written_in_one_way() {
    let text = "b=1.50;x;y=?0,  a=(\"p\";q=:aGk=:   tok);r=\"s\\\"\"  ,c";
    assert_eq!(
        rewritten(&[text]).as_deref(),
        Ok("b=1.5;x;y=?0, a=(\"p\";q=:aGk=: tok);r=\"s\\\"\", c")
    );
    let members = parse([text.as_bytes()], LIMITS).unwrap();
    let mut alone = String::new();
    members.find("c").unwrap().write(&mut alone);
    members.find("b").unwrap().write(&mut alone);
    assert_eq!(alone, "?11.5;x;y=?0");
}

#[test]
fn all_lines_are_one_dictionary() {
    assert_eq!(rewritten(&["a=1", "b=2, c=3"]).as_deref(), Ok("a=1, b=2, c=3"));
    assert_eq!(rewritten(&[]).as_deref(), Ok(""));
    assert_eq!(rewritten(&["a=1", "a=2"]), Err(Error::Repeated));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for text in ["a=1, a=2", "a=1, a", "a;p;p", "a=(x);p;p=1", "a=(x;p=1;p=1)"] {
        assert_eq!(rewritten(&[text]), Err(Error::Repeated), "{text}");
    }
    for text in ["A=1", "a=", "a=1,", "a=(x", "a=(x,y)", "a=\"x\n\"", "a=\"é\"", "a=:%:", "a b"] {
        assert_eq!(rewritten(&[text]), Err(Error::Malformed), "{text}");
    }
}

#[test]
fn there_are_limits() {
    assert_eq!(rewritten(&["a, b, c, d"]), Err(Error::TooManyMembers));
    assert_eq!(rewritten(&["a=(x y z)"]), Err(Error::TooManyItems));
    let with = |n| (0..n).fold("a".to_owned(), |text, n| format!("{text};p{n}"));
    assert!(rewritten(&[&with(PARAMETERS_MAX)]).is_ok());
    assert_eq!(rewritten(&[&with(PARAMETERS_MAX + 1)]), Err(Error::TooManyParameters));
}

proptest! {
    #[test]
    fn no_field_makes_the_parser_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        text in "[a-c]?=?(\\(|\\)|\"| |;|=|@|,|\\\\|[a-z]|[0-9]|:|\\?|%){0,60}",
    ) {
        let _ = parse([&bytes[..]], LIMITS);
        let _ = rewritten(&[&text]);
    }

    #[test]
    fn what_is_written_is_read_as_the_same(
        text in "a=(\\(|\\)|\"|;| |=|[a-z]|[0-9]|:|\\?){1,30}",
    ) {
        if let Ok(once) = rewritten(&[&text]) {
            prop_assert_eq!(rewritten(&[&once]), Ok(once));
        }
    }
}

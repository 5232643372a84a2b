//! DER, as far as certificates, SPNEGO and Kerberos need it: elements with a tag of one byte, written and read. Knows nothing
//! of what they mean, and believes no length.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BITS: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const TIME: u8 = 0x18;
pub(super) const TEXT: u8 = 0x1b;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a numbered field.
pub(super) const fn tagged(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of a message that has a number of its own.
pub(super) const fn application(number: u8) -> u8 {
    0x60 | number
}

/// One element around these parts.
pub(super) fn wrap(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut element = vec![kind];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => element.push(short),
        _ => {
            let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            element.extend(digits);
        }
    }
    parts.iter().for_each(|part| element.extend_from_slice(part));
    element
}

/// A numbered field with one element in it.
pub(super) fn field(number: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    wrap(tagged(number), &[&wrap(kind, &[content])])
}

pub(super) fn number_field(number: u8, value: i64) -> Vec<u8> {
    wrap(tagged(number), &[&integer(value)])
}

pub(super) fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    // The fewest bytes whose first bit still tells the sign.
    let is_spare =
        |pair: &[u8]| matches!(pair, [0, next] if *next < 0x80) || matches!(pair, [0xff, next] if *next >= 0x80);
    let spare = bytes.windows(2).take_while(|pair| is_spare(pair)).count();
    wrap(INTEGER, &[bytes.get(spare..).unwrap_or_default()])
}

/// Tag and content of the first element, and what follows it.
pub(super) fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..0x80 => (short, rest),
        long => {
            let digits = long - 0x80;
            let number = rest.get(..digits).filter(|_| digits <= 4)?;
            (number.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest.get(digits..)?)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*kind, content, rest))
}

/// The content of the first element, which is of this kind, and what follows it.
pub(super) fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    split(bytes).filter(|(found, ..)| *found == kind).map(|(_, content, rest)| (content, rest))
}

pub(super) fn content(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    element(bytes, kind).map(|(content, _)| content)
}

/// Elements one after another, up to what is none.
pub(super) fn items(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, content, rest) = split(bytes)?;
        bytes = rest;
        Some((kind, content))
    })
}

/// What is in a numbered field of a sequence, whose own tag is gone.
pub(super) fn inner(sequence: &[u8], number: u8) -> Option<&[u8]> {
    items(sequence).find(|(kind, _)| *kind == tagged(number)).map(|(_, content)| content)
}

pub(super) fn octets(sequence: &[u8], number: u8) -> Option<&[u8]> {
    content(inner(sequence, number)?, OCTETS)
}

pub(super) fn text(sequence: &[u8], number: u8) -> Option<&str> {
    std::str::from_utf8(content(inner(sequence, number)?, TEXT)?).ok()
}

pub(super) fn number(sequence: &[u8], number: u8) -> Option<i64> {
    number_of(content(inner(sequence, number)?, INTEGER)?)
}

pub(super) fn number_of(bytes: &[u8]) -> Option<i64> {
    let sign = if *bytes.first()? < 0x80 { 0 } else { -1 };
    (bytes.len() <= 8).then(|| bytes.iter().fold(sign, |number, digit| number << 8 | i64::from(*digit)))
}

#[cfg(test)]
mod tests {
    use super::{OCTETS, SEQUENCE, element, field, integer, number, number_field, number_of, octets, split, wrap};

    #[test]
    fn numbers_have_as_few_bytes_as_they_can() {
        for (value, bytes) in [
            (0_i64, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (-1, &[2, 1, 255]),
            (-128, &[2, 1, 128]),
            (i64::from(u32::MAX), &[2, 5, 0, 255, 255, 255, 255]),
        ] {
            assert_eq!(integer(value), bytes, "{value}");
            assert_eq!(number_of(&bytes[2..]), Some(value));
        }
        assert_eq!((number_of(&[]), number_of(&[1; 9])), (None, None));
    }

    #[test]
    fn long_elements_say_how_long_they_are() {
        for length in [0, 127, 128, 255, 256, 70_000] {
            let whole = wrap(OCTETS, &[&vec![7; length], b"x"]);
            assert_eq!(
                element(&whole, OCTETS).map(|(content, rest)| (content.len(), rest.len())),
                Some((length + 1, 0))
            );
            for cut in [0, 1, 2, whole.len() - 1] {
                assert_eq!(split(&whole[..cut]), None, "{length} {cut}");
            }
        }
        assert_eq!(split(&[4, 0x85, 0, 0, 0, 0, 1, 9]), None);
    }

    #[test]
    fn fields_are_found_by_their_number() {
        let sequence = wrap(SEQUENCE, &[&number_field(1, 5), &field(3, OCTETS, b"x")]);
        let (sequence, _) = element(&sequence, SEQUENCE).unwrap();
        assert_eq!((number(sequence, 1), octets(sequence, 3), octets(sequence, 2)), (Some(5), Some(&b"x"[..]), None));
    }
}

//! Bytes as lower case hexadecimal.

pub fn hex(bytes: &[u8]) -> String {
    // In one piece: of a secret, a text that grows would leave copies behind.
    let mut text = String::with_capacity(bytes.len() * 2);
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(u32::from(digit), 16));
    }
    text
}

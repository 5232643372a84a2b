//! Writes an archive that any tar reads, the same bytes for the same content. Knows nothing of where that comes from.

/// What an archive holds under one name, relative and without `..`.
pub(super) enum Content<'a> {
    Folder,
    File { bytes: &'a [u8], executable: bool },
    Link { target: &'a str },
}

const BLOCK: usize = 512;
/// 1980-01-01: GNU tar wonders about times near 1970.
const TIME: u64 = 315_532_800;
/// So many bytes of a name or target stand in a header.
const ROOM: usize = 100;

/// One entry.
pub(super) fn pack(name: &str, content: &Content<'_>, sink: &mut dyn FnMut(&[u8])) {
    let (kind, mode, target, bytes): (u8, u64, &str, &[u8]) = match content {
        Content::Folder => (b'5', 0o755, "", &[]),
        Content::File { bytes, executable } => (b'0', if *executable { 0o755 } else { 0o644 }, "", bytes),
        Content::Link { target } => (b'2', 0o777, target, &[]),
    };
    // What is too long goes before it as an entry of GNU tar's, which busybox reads too; it skips those of POSIX.
    if target.len() > ROOM {
        long(b'K', target, sink);
    }
    if name.len() > ROOM {
        long(b'L', name, sink);
    }
    sink(&header(name, kind, mode, target, bytes.len()));
    padded(bytes, sink);
}

/// What ends an archive.
pub(super) fn end(sink: &mut dyn FnMut(&[u8])) {
    sink(&[0; 2 * BLOCK]);
}

fn long(kind: u8, text: &str, sink: &mut dyn FnMut(&[u8])) {
    let bytes = [text.as_bytes(), &[0]].concat();
    sink(&header("././@LongLink", kind, 0o644, "", bytes.len()));
    padded(&bytes, sink);
}

fn padded(bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    sink(bytes);
    let over = bytes.len() % BLOCK;
    if over > 0 {
        sink(&vec![0; BLOCK - over]);
    }
}

fn header(name: &str, kind: u8, mode: u64, target: &str, size: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(BLOCK);
    field(&mut header, name.as_bytes(), ROOM);
    for (value, width) in [(mode, 8), (0, 8), (0, 8), (size as u64, 12), (TIME, 12)] {
        field(&mut header, format!("{value:0digits$o}", digits = width - 1).as_bytes(), width);
    }
    // The sum is taken with blanks in its place.
    field(&mut header, b"        ", 8);
    header.push(kind);
    field(&mut header, target.as_bytes(), ROOM);
    header.extend_from_slice(b"ustar\x0000");
    header.resize(BLOCK, 0);
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header.splice(148..156, format!("{sum:06o}\0 ").bytes());
    header
}

/// As much of the bytes as there is room for, then zeroes.
fn field(header: &mut Vec<u8>, bytes: &[u8], width: usize) {
    let end = header.len() + width;
    header.extend(bytes.iter().take(width));
    header.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_whole_blocks_with_a_sum() {
        let mut packed = Vec::new();
        pack("a", &Content::File { bytes: b"x", executable: true }, &mut |bytes| packed.extend_from_slice(bytes));
        end(&mut |bytes| packed.extend_from_slice(bytes));
        assert_eq!(packed.len(), 4 * BLOCK);
        let text = |from: usize, to: usize| String::from_utf8_lossy(&packed[from..to]).into_owned();
        assert_eq!(
            (text(100, 107), text(124, 135), text(257, 263)),
            ("0000755".into(), "00000000001".into(), "ustar\0".into())
        );
        let told = u64::from_str_radix(&text(148, 154), 8).unwrap();
        let summed: u64 = packed[..148].iter().chain(&packed[156..512]).map(|byte| u64::from(*byte)).sum();
        assert_eq!(told, summed + 8 * 32);
    }
}

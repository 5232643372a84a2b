//! Any bytes from a host, cut anywhere: never a panic, and the same pieces as in one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opsc::shell::frames::{FrameError, FrameParser, Nonces, Piece};

/// Raw bytes joined, marks with their places.
fn pieces<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, Vec<String>), FrameError> {
    let mut parser = FrameParser::of_step(&Nonces { fields: "f0".to_string(), end: "e0".to_string() });
    let (mut raw, mut marks) = (Vec::new(), Vec::new());
    for chunk in chunks {
        parser.feed(chunk, &mut |piece| match piece {
            Piece::Raw(bytes) => raw.extend_from_slice(bytes),
            other => marks.push(format!("{} {other:?}", raw.len())),
        })?;
    }
    Ok((raw, marks))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((size, stream)) = bytes.split_first() else { return };
    let size = usize::from(*size).max(1);
    assert_eq!(pieces(stream.chunks(size)), pieces(std::iter::once(stream)), "cut every {size} bytes");
});

//! Long values in pieces.
//!
//! sled keeps a page (up to about twenty pairs) that is longer than 128 KiB in a file of its own, a blob, which it
//! never syncs: after a power cut the log would point at a file that is empty. Values of at most [`LONGEST`] bytes
//! keep every page below that, so there are no blobs. A value that does not fit a block is cut, and its head in the
//! block says into how many pieces.

/// The first byte of pieces.
const PIECE: u8 = 2;

/// The first byte of a head: the value follows.
const WHOLE: u8 = 0;
/// The first byte of a head: the number of pieces follows (u32, little endian).
const CUT: u8 = 1;

/// A longer value would fill its block alone.
const SHORT: usize = 1024;

/// Of one piece, in bytes.
const LONGEST: usize = 6 << 10;

/// What is stored under a key of sled, or removed from it (`None`).
type Stored = (Vec<u8>, Option<Vec<u8>>);

/// The head of a value, and the pieces to store and to remove, where the head was `old_head` before.
pub(super) fn cut(key: &[u8], value: Option<&[u8]>, old_head: Option<&[u8]>) -> (Option<Vec<u8>>, Vec<Stored>) {
    let pieces: Vec<&[u8]> = match value {
        Some(value) if value.len() > SHORT => value.chunks(LONGEST).collect(),
        _ => Vec::new(),
    };
    let number = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let head = value.map(|value| match number {
        0 => [&[WHOLE], value].concat(),
        number => [&[CUT][..], &number.to_le_bytes()].concat(),
    });
    let before = old_head.and_then(pieces_of).unwrap_or(0);
    let kept = (0..number).zip(pieces).map(|(at, piece)| (piece_of(key, at), Some(piece.to_vec())));
    let surplus = (number..before).map(|at| (piece_of(key, at), None));
    (head, kept.chain(surplus).collect())
}

/// The value behind a head, its pieces read by `read`; `None` where they do not fit together.
pub(super) fn join<E>(
    key: &[u8],
    head: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
) -> Result<Option<Vec<u8>>, E> {
    if let Some(value) = head.strip_prefix(&[WHOLE]) {
        return Ok(Some(value.to_vec()));
    }
    let Some(number) = pieces_of(head) else { return Ok(None) };
    let mut value = Vec::new();
    for at in 0..number {
        match read(&piece_of(key, at))? {
            Some(piece) => value.extend_from_slice(&piece),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

fn pieces_of(head: &[u8]) -> Option<u32> {
    head.strip_prefix(&[CUT]).and_then(|number| number.try_into().ok()).map(u32::from_le_bytes)
}

/// Lengths and numbers are big endian, and the length comes first, so that no two pieces share a key.
fn piece_of(key: &[u8], at: u32) -> Vec<u8> {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [&[PIECE][..], &length.to_be_bytes(), key, &at.to_be_bytes()].concat()
}

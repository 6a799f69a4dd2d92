//! Long values in pieces.
//!
//! sled keeps a page (up to about twenty pairs) that is longer than 128 KiB in a file of its own, a blob, which it
//! never syncs: after a power cut the log would point at a file that is empty. A pair of at most [`LONGEST`] bytes
//! keeps every page below that, so there are no blobs. A longer value is cut, and its head says into how many pieces.
//!
//! ```text
//! 0x00                                             the tally
//! 0x01 key                                  head   0x00 value, or 0x01 number of pieces (u32, little endian)
//! 0x02 length of key (u32) key number (u32) piece  part of the value (numbers big endian, so that pieces lie in order)
//! ```

/// The tally's key.
pub(in crate::store) const TALLY: &[u8] = &[0];

/// The first byte of heads.
const HEAD: u8 = 1;
/// The first byte of pieces.
const PIECE: u8 = 2;

const WHOLE: u8 = 0;
const CUT: u8 = 1;

/// Of one stored value, in bytes: twenty of them are a page below sled's limit.
const LONGEST: usize = 6 << 10;

/// Where a key's head is stored. Heads lie in the order of their keys.
pub(in crate::store) fn head_of(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(1 + key.len());
    stored.push(HEAD);
    stored.extend_from_slice(key);
    stored
}

/// The key that a head is stored under; `None` for pieces and the tally.
pub(in crate::store) fn key_of(stored: &[u8]) -> Option<&[u8]> {
    stored.strip_prefix(&[HEAD])
}

/// What to store, and to remove (`None`), so that `key` holds `value`, where its head was `old_head`.
pub(in crate::store) fn cut(
    key: &[u8],
    value: Option<&[u8]>,
    old_head: Option<&[u8]>,
) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut stored = Vec::with_capacity(1);
    let pieces = match value {
        Some(value) if value.len() > LONGEST => value.chunks(LONGEST).collect(),
        _ => Vec::new(),
    };
    let number = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let head = value.map(|value| match number {
        0 => [&[WHOLE], value].concat(),
        number => [&[CUT][..], &number.to_le_bytes()].concat(),
    });
    stored.push((head_of(key), head));
    stored.extend((0..number).zip(pieces).map(|(at, piece)| (piece_of(key, at), Some(piece.to_vec()))));
    let before = old_head.and_then(pieces_of).unwrap_or(0);
    stored.extend((number..before).map(|at| (piece_of(key, at), None)));
    stored
}

/// The value behind a head, its pieces read by `read`; `None` where they do not fit together.
pub(in crate::store) fn join<E>(
    key: &[u8],
    head: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
) -> Result<Option<Vec<u8>>, E> {
    match head.split_first() {
        Some((&WHOLE, value)) => return Ok(Some(value.to_vec())),
        Some((&CUT, _)) => {}
        _ => return Ok(None),
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

fn piece_of(key: &[u8], at: u32) -> Vec<u8> {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [&[PIECE][..], &length.to_be_bytes(), key, &at.to_be_bytes()].concat()
}

//! Good bytes made bad, by a seed.

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d);
        dice.roll(2);
        dice
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

/// What readers stumble over.
const TOKENS: [&[u8]; 44] = [
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"=",
    b":",
    b",",
    b".",
    b"#",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"-0.0",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"{}",
    b"[]",
    b"\"\\ud800\"",
    b"\\u0000",
    b"{name}",
    b"{",
    b"}}",
    b"%",
    b"%zz",
    b"../../",
    b"https://other.example/",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"2026-13-45T99:99:99Z",
    b"9999-12-31T23:59:59.999999999Z",
    b"inf",
    b"\t",
];

/// Changes bytes in some places: cut, doubled, swapped, replaced by what readers stumble over.
pub(crate) fn mangle(good: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=dice.roll(4) {
        let from = dice.roll(bytes.len() + 1);
        let to = (from + dice.roll(40)).min(bytes.len());
        match dice.roll(7) {
            0 => bytes.truncate(from),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let again = bytes[from..to].repeat(1 + dice.roll(3));
                bytes.splice(from..from, again);
            }
            3 if from < bytes.len() => bytes[from] ^= 1 << dice.roll(8),
            4 => {
                let start = dice.roll(other.len() + 1);
                let end = (start + dice.roll(200)).min(other.len());
                bytes.splice(from..to, other[start..end].iter().copied());
            }
            5 => {
                let depth = 1 + dice.roll(3000);
                let token = dice.pick(&[&b"["[..], b"{\"a\":", b"(", b"a.", b"{"]);
                bytes.splice(from..from, token.repeat(depth));
            }
            _ => {
                let token = dice.pick(&TOKENS);
                bytes.splice(from..to, token.iter().copied());
            }
        }
    }
    bytes
}

//! Files by their sha256.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A sha256; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum([u8; 32]);

impl Sum {
    /// The sha256 of `pieces`, one after the other.
    pub(crate) fn of(pieces: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for piece in pieces {
            hasher.update(piece);
        }
        Self(hasher.finalize().into())
    }

    /// The sha256 over `sums`, each as its 32 bytes.
    pub(crate) fn over(sums: &[Self]) -> Self {
        let pieces: Vec<&[u8]> = sums.iter().map(|sum| sum.0.as_slice()).collect();
        Self::of(&pieces)
    }

    /// A published sum, from its 64 lower-case digits; a table with a wrong
    /// digit does not compile where it is a constant.
    pub(crate) const fn from_hex(digits: &str) -> Self {
        let digits = digits.as_bytes();
        assert!(digits.len() == 64, "a sha256 has 64 digits");
        let mut bytes = [0; 32];
        let mut i = 0;
        while i < 32 {
            bytes[i] = nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]);
            i += 1;
        }
        Self(bytes)
    }
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("expected a lower-case hexadecimal digit"),
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1: the message "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sums_are_sha256_and_read_back() {
        assert_eq!(Sum::of(&[b"a", b"", b"bc"]).to_string(), ABC);
        assert_eq!(Sum::from_hex(ABC), Sum::of(&[b"abc"]));
    }

    #[test]
    fn a_sum_over_sums_takes_their_bytes() {
        let [a, b] = [Sum::of(&[b"a"]), Sum::of(&[b"b"])];
        assert_eq!(Sum::over(&[a, b]), Sum::of(&[&a.0, &b.0]));
        assert_ne!(Sum::over(&[a, b]), Sum::over(&[b, a]));
    }
}

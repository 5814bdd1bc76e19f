//! Randomness by key: what a value is depends on the seed and on the name it is
//! drawn for, never on the order in which things are built or on a global state.
//!
//! A [`Key`] is 256 bits. From a key come children, by name ([`Key::fold_in`]) or
//! by number ([`Key::fold_in_index`]), and values. Keys are ChaCha8 keys and
//! every derivation is a block of its key stream, so the same seed draws the
//! same bits on every machine. The design follows JAX's and equinox's keys.
//!
//! ```
//! use lenet_tensor::random::Key;
//!
//! let key = Key::from_seed(1);
//! let weight = key.fold_in("conv1.weight").uniform(150, -0.2, 0.2);
//! assert_eq!(weight, Key::from_seed(1).fold_in("conv1.weight").uniform(150, -0.2, 0.2));
//! assert_ne!(weight, key.fold_in("conv2.weight").uniform(150, -0.2, 0.2));
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The key of a stream of random values. Use a key for one purpose: derive a
/// child for each further one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// What a block of a key's stream is for: names, numbers and values never meet.
#[derive(Clone, Copy)]
enum Purpose {
    Value = 0,
    Name = 1,
    Index = 2,
}

impl Key {
    /// The root key of a run.
    pub fn from_seed(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..].copy_from_slice(b"lenet random key, root 1");
        Self(bytes)
    }

    /// The child key for `name`, for example `"conv1.weight"`.
    #[must_use]
    pub fn fold_in(&self, name: &str) -> Self {
        self.child(Purpose::Name, fnv1a(name.as_bytes()))
    }

    /// The child key for a number, for example an epoch or a step.
    #[must_use]
    pub fn fold_in_index(&self, index: u64) -> Self {
        self.child(Purpose::Index, index)
    }

    /// `n` values uniform in `[low, high)`.
    pub fn uniform(&self, n: usize, low: f64, high: f64) -> Vec<f32> {
        let mut stream = self.stream();
        (0..n)
            .map(|_| (low + (high - low) * unit(&mut stream)) as f32)
            .collect()
    }

    /// [`Key::uniform`] for a number of values that is known when compiling.
    pub fn uniform_array<const N: usize>(&self, low: f64, high: f64) -> [f32; N] {
        let mut stream = self.stream();
        std::array::from_fn(|_| (low + (high - low) * unit(&mut stream)) as f32)
    }

    /// `n` values from the normal distribution (Box–Muller).
    pub fn normal(&self, n: usize, mean: f64, std: f64) -> Vec<f32> {
        let mut stream = self.stream();
        let mut values = Vec::with_capacity(n + 1);
        while values.len() < n {
            // 1 - u lies in (0, 1], so the logarithm is finite.
            let radius = (-2.0 * (1.0 - unit(&mut stream)).ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * unit(&mut stream)).sin_cos();
            values.push((mean + std * radius * cos) as f32);
            values.push((mean + std * radius * sin) as f32);
        }
        values.truncate(n);
        values
    }

    /// A permutation of `0..n`, each equally likely (Fisher–Yates).
    pub fn permutation(&self, n: usize) -> Vec<usize> {
        let mut stream = self.stream();
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, below(&mut stream, last as u64 + 1) as usize);
        }
        order
    }

    /// `n` values, each 1 with probability `p` and else 0.
    pub fn mask(&self, n: usize, p: f64) -> Vec<f32> {
        let mut stream = self.stream();
        (0..n)
            .map(|_| f32::from(u8::from(unit(&mut stream) < p)))
            .collect()
    }

    fn stream(&self) -> ChaCha8Rng {
        self.block(Purpose::Value, 0)
    }

    fn child(&self, purpose: Purpose, number: u64) -> Self {
        let mut bytes = [0; 32];
        self.block(purpose, number).fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The key stream `number`, at the place kept for `purpose`.
    fn block(&self, purpose: Purpose, number: u64) -> ChaCha8Rng {
        let mut stream = ChaCha8Rng::from_seed(self.0);
        stream.set_stream(number);
        // 2^60 words apart: no draw of values can run into the derivations.
        stream.set_word_pos((purpose as u128) << 60);
        stream
    }
}

/// Uniform in `[0, 1)` on a grid of 2⁻²⁴, which an f32 holds exactly.
fn unit(stream: &mut ChaCha8Rng) -> f64 {
    f64::from(stream.next_u32() >> 8) / f64::from(1u32 << 24)
}

/// Uniform in `0..bound` without bias (Lemire 2019, "Fast random integer
/// generation in an interval", algorithm 5).
fn below(stream: &mut ChaCha8Rng, bound: u64) -> u64 {
    loop {
        let product = u128::from(stream.next_u64()) * u128::from(bound);
        let low = product as u64;
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

/// FNV-1a, 64 bits: a name as a number.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seed_draws_the_same_bits_for_ever() {
        // Written down once: a change here changes every published hash.
        let key = Key::from_seed(1).fold_in("conv1.weight");
        let bits: Vec<u32> = key
            .uniform(3, -0.2, 0.2)
            .iter()
            .map(|v| v.to_bits())
            .collect();
        assert_eq!(bits, GOLDEN_UNIFORM);
        assert_eq!(Key::from_seed(1).permutation(8), GOLDEN_PERMUTATION);
    }

    const GOLDEN_UNIFORM: [u32; 3] = [1_036_281_843, 1_044_597_605, 1_039_633_440];
    const GOLDEN_PERMUTATION: [usize; 8] = [0, 2, 5, 7, 6, 1, 4, 3];

    #[test]
    fn names_numbers_and_values_are_apart() {
        let key = Key::from_seed(7);
        let number = fnv1a(b"a");
        assert_ne!(key.fold_in("a"), key.fold_in_index(number));
        assert_ne!(key.fold_in("a"), key.fold_in("b"));
        assert_ne!(key.fold_in_index(0), key.fold_in_index(1));
        assert_ne!(key, Key::from_seed(8));
        let first = |purpose| unit(&mut key.block(purpose, 0));
        assert_ne!(first(Purpose::Value), first(Purpose::Name));
        assert_ne!(first(Purpose::Value), first(Purpose::Index));
    }

    #[test]
    fn the_moments_are_those_of_the_distributions() {
        // The standard error of the mean of 40,000 values is σ/200 and that of
        // their variance about σ²/140: the bounds lie 5 standard errors out.
        let moments = |values: &[f32]| {
            let n = values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
            (mean, squares.sum::<f64>() / n)
        };
        let key = Key::from_seed(3);
        let (mean, var) = moments(&key.fold_in("u").uniform(40_000, -1.0, 1.0));
        assert!(mean.abs() < 0.0145 && (var - 1.0 / 3.0).abs() < 0.012);
        let (mean, var) = moments(&key.fold_in("n").normal(40_000, 2.0, 3.0));
        assert!((mean - 2.0).abs() < 0.075 && (var - 9.0).abs() < 0.32);
        let (mean, _) = moments(&key.fold_in("m").mask(40_000, 0.25));
        assert!((mean - 0.25).abs() < 0.011);
    }

    proptest! {
        #[test]
        fn a_permutation_has_every_index_once(seed: u64, n in 0usize..300) {
            let mut order = Key::from_seed(seed).permutation(n);
            order.sort_unstable();
            prop_assert!(order.into_iter().eq(0..n));
        }

        #[test]
        fn uniform_stays_in_its_range(seed: u64, low in -5.0..5.0f64, width in 0.001..5.0f64) {
            let high = low + width;
            let values = Key::from_seed(seed).uniform(64, low, high);
            prop_assert_eq!(&values[..5], Key::from_seed(seed).uniform_array::<5>(low, high));
            for value in values {
                // The cast to f32 may round up to `high` itself.
                prop_assert!(value >= low as f32 && value <= high as f32);
            }
        }

        #[test]
        fn below_stays_below(seed: u64, bound in 1u64..) {
            prop_assert!(below(&mut Key::from_seed(seed).stream(), bound) < bound);
        }
    }
}

//! The one room for unsafe code: vectors of f32, chosen when the program runs, and
//! matrix products through the `gemm` crate.
//!
//! A kernel is written once, over [`Simd`], and compiled for each [`Level`]:
//! [`run`] calls the one that was asked for. All its functions are
//! `inline(always)`, so that each copy is compiled with its level's features.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm;
mod lanes;
mod narrow;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub(crate) use gemm::{Matrix, matmul};
pub(crate) use lanes::{Lanes, LanesMut};

/// Values in a vector.
pub(crate) const LANES: usize = 8;

/// Which instructions a kernel is compiled for. Those of a machine are made by
/// [`Level::all`] alone, which asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// x86-64 with AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// Any machine.
    Portable,
}

impl Level {
    /// Every level that this machine can run, the fastest first.
    pub(crate) fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let tuned = [
            avx512::Avx512::detect().map(Self::Avx512),
            avx2::Avx2::detect().map(Self::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let tuned = [None; 0];
        tuned
            .into_iter()
            .flatten()
            .chain([Self::Portable])
            .collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            Self::Portable => "portable",
        }
    }

    /// The level whose widest vector is that of eight.
    pub(crate) fn of_eight(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => Self::Avx2(avx512.avx2()),
            other => other,
        }
    }

    /// Values of the widest vectors of this level: [`Simd::WIDE`].
    pub(crate) fn wide(self) -> usize {
        struct Wide;
        impl Kernel for Wide {
            type Output = usize;

            #[inline(always)]
            fn run<S: Simd>(self, _simd: S) -> usize {
                S::WIDE
            }
        }
        run(self, Wide)
    }
}

/// The level that operations use: the one that `LENET_SIMD` names (`avx512`, `avx2`,
/// `portable`) if this machine has it, else the fastest.
pub(crate) fn level() -> Level {
    #[cfg(any(test, feature = "testing"))]
    if let Some(level) = FORCED.get() {
        return level;
    }
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let levels = Level::all();
        let wanted = std::env::var("LENET_SIMD").unwrap_or_default();
        let named = levels.iter().find(|level| level.name() == wanted);
        named.copied().unwrap_or(levels[0])
    })
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    /// The level that [`with_level`] asks for.
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Runs `f`, whose operations use `level` where this thread calls them.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn with_level(level: Level, f: impl FnOnce()) {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(level)));
    f();
}

/// Work that is written over vectors.
pub(crate) trait Kernel {
    /// What it makes; often nothing, its slices being changed.
    type Output;

    /// Does the work. Implementations are `inline(always)`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` with the vectors of `level`.
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(avx512) => avx512.run(kernel),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(avx2) => avx2.run(kernel),
        Level::Portable => kernel.run(portable::Portable),
    }
}

/// A machine's vectors of f32. A value of the type is the proof that the machine has
/// them.
pub(crate) trait Simd: Copy + Send + Sync {
    /// Eight values.
    type V: Copy;

    /// The machine's widest vector.
    type W: Copy;

    /// Values of a [`Simd::W`], a multiple of eight.
    const WIDE: usize;

    /// Eight neighbouring columns of two rows, in as few registers as there can be.
    type Rows: Copy;

    /// Pairs of rows that a tile of a convolution holds, six channels deep, to fill
    /// the registers.
    const ROW_PAIRS: usize;

    fn splat(self, value: f32) -> Self::V;
    fn load(self, from: &[f32; LANES]) -> Self::V;
    fn store(self, v: Self::V, to: &mut [f32; LANES]);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, v: Self::V) -> Self::V;

    /// `a · b + c`, rounded once where the machine can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// `v` with its subnormal values as zeros: arithmetic on those is up to a
    /// hundred times slower, and they are below what training can see.
    fn flush(self, v: Self::V) -> Self::V;

    /// The sum of the eight, in an order that is the same at every level.
    fn sum(self, v: Self::V) -> f32;

    /// Rows become columns.
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES];

    /// Max-pool 2×2 and ReLU over two channels, each two rows (`[top, bottom]`) of
    /// eight cells: four values a channel, and which cell each one is from
    /// ([`Cell`]).
    fn relu_max_pool(self, channels: [[Self::V; 2]; 2]) -> (Self::V, [u8; LANES]);

    fn splat_wide(self, value: f32) -> Self::W;
    fn add_wide(self, a: Self::W, b: Self::W) -> Self::W;

    /// As [`Simd::mul_add`].
    fn mul_add_wide(self, a: Self::W, b: Self::W, c: Self::W) -> Self::W;

    /// The sum of all values, in an order that is the same each time.
    fn sum_wide(self, v: Self::W) -> f32;

    /// The first [`Simd::WIDE`] values of a slice; as many as there are and zeros,
    /// if there are fewer.
    fn load_wide(self, from: &[f32]) -> Self::W;

    /// Stores the first values, as many as fit.
    fn store_wide(self, v: Self::W, to: &mut [f32]);

    fn splat_rows(self, value: f32) -> Self::Rows;
    fn load_rows(self, top: &[f32; LANES], bottom: &[f32; LANES]) -> Self::Rows;

    /// As [`Simd::mul_add`].
    fn mul_add_rows(self, a: Self::Rows, b: Self::Rows, c: Self::Rows) -> Self::Rows;

    /// The top row and the bottom row.
    fn rows(self, rows: Self::Rows) -> [Self::V; 2];

    /// As many values as there are, up to eight, and zeros.
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> Self::V {
        let mut eight = [0.0; LANES];
        for (to, &value) in eight.iter_mut().zip(from) {
            *to = value;
        }
        self.load(&eight)
    }

    /// Stores as many values as fit.
    #[inline(always)]
    fn store_part(self, v: Self::V, to: &mut [f32]) {
        let mut eight = [0.0; LANES];
        self.store(v, &mut eight);
        for (to, value) in to.iter_mut().zip(eight) {
            *to = value;
        }
    }
}

/// Which cell of a 2×2 window holds the maximum that passed the ReLU: 0 to 3, row
/// by row; with [`Cell::OFF`] or above, none did.
pub(crate) struct Cell;

impl Cell {
    pub(crate) const OFF: u8 = 4;
}

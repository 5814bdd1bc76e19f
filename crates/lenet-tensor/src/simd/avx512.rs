//! Vectors of sixteen f32 in x86-64's AVX-512 registers, and those of eight beside
//! them.
#![expect(
    unsafe_code,
    reason = "instructions that the machine was asked for when the proof was made"
)]

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Kernel, LANES, Simd};

/// The proof that this machine has AVX-512 (F, VL, DQ), and AVX2 with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq");
        Avx2::detect().filter(|_| has).map(Self)
    }

    /// Who has this has that.
    pub(super) fn avx2(self) -> Avx2 {
        self.0
    }

    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq")]
        fn with_features<K: Kernel>(kernel: K, avx512: Avx512) -> K::Output {
            kernel.run(avx512)
        }
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { with_features(kernel, self) }
    }
}

/// Methods of [`Avx2`], as they are.
macro_rules! of_eight {
    ($($name:ident($($v:ident: $type:ty),*) -> $out:ty;)+) => {$(
        #[inline(always)]
        fn $name(self, $($v: $type),*) -> $out {
            self.0.$name($($v),*)
        }
    )+};
}

/// Methods of one or a few instructions.
macro_rules! of_sixteen {
    ($($name:ident($($v:ident: $type:ty),*) -> $out:ty = $expression:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($v: $type),*) -> $out {
            // SAFETY: `self` exists only where `detect` found the features; loads and
            // stores go through references to as many values.
            unsafe { $expression }
        }
    )+};
}

impl Simd for Avx512 {
    type V = __m256;
    type W = __m512;
    const WIDE: usize = 16;
    type Rows = __m512;
    const ROW_PAIRS: usize = 2;

    of_eight! {
        splat(value: f32) -> __m256;
        load(from: &[f32; LANES]) -> __m256;
        store(v: __m256, to: &mut [f32; LANES]) -> ();
        add(a: __m256, b: __m256) -> __m256;
        sub(a: __m256, b: __m256) -> __m256;
        mul(a: __m256, b: __m256) -> __m256;
        div(a: __m256, b: __m256) -> __m256;
        sqrt(v: __m256) -> __m256;
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256;
        flush(v: __m256) -> __m256;
        sum(v: __m256) -> f32;
        transpose(rows: [__m256; LANES]) -> [__m256; LANES];
        relu_max_pool(channels: [[__m256; 2]; 2]) -> (__m256, [u8; LANES]);
    }

    of_sixteen! {
        splat_wide(value: f32) -> __m512 = _mm512_set1_ps(value);
        add_wide(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        mul_add_wide(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        load_wide(from: &[f32]) -> __m512 = match from.first_chunk::<16>() {
            Some(values) => _mm512_loadu_ps(values.as_ptr()),
            // The mask has a bit for each value that is there.
            None => _mm512_maskz_loadu_ps((1 << from.len()) - 1, from.as_ptr()),
        };
        store_wide(v: __m512, to: &mut [f32]) -> () = match to.first_chunk_mut::<16>() {
            Some(values) => _mm512_storeu_ps(values.as_mut_ptr(), v),
            None => _mm512_mask_storeu_ps(to.as_mut_ptr(), (1 << to.len()) - 1, v),
        };
        splat_rows(value: f32) -> __m512 = _mm512_set1_ps(value);
        load_rows(top: &[f32; LANES], bottom: &[f32; LANES]) -> __m512 = {
            let (top, bottom) = (_mm256_loadu_ps(top.as_ptr()), _mm256_loadu_ps(bottom.as_ptr()));
            _mm512_insertf32x8::<1>(_mm512_castps256_ps512(top), bottom)
        };
        mul_add_rows(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        rows(rows: __m512) -> [__m256; 2] =
            [_mm512_castps512_ps256(rows), _mm512_extractf32x8_ps::<1>(rows)];
    }

    #[inline(always)]
    fn sum_wide(self, v: __m512) -> f32 {
        let [low, high] = self.rows(v);
        self.sum(self.add(low, high))
    }
}

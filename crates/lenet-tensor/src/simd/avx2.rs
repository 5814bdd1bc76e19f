//! Vectors of eight f32 in x86-64's AVX2 registers, with fused multiply-add.
#![expect(
    unsafe_code,
    reason = "instructions that the machine was asked for when the proof was made"
)]

use std::arch::x86_64::*;

use super::{Kernel, LANES, Simd};

/// The proof that this machine has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }

    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn with_features<K: Kernel>(kernel: K, avx2: Avx2) -> K::Output {
            kernel.run(avx2)
        }
        // SAFETY: `self` exists only where `detect` found both features.
        unsafe { with_features(kernel, self) }
    }
}

/// A method of one or a few instructions.
macro_rules! instructions {
    ($($name:ident($($v:ident: $type:ty),*) -> $out:ty = $expression:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($v: $type),*) -> $out {
            // SAFETY: `self` exists only where `detect` found AVX2 and FMA; loads
            // and stores go through references to as many values.
            unsafe { $expression }
        }
    )+};
}

impl Simd for Avx2 {
    type V = __m256;

    super::narrow::eight_is_widest!();

    instructions! {
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        load(from: &[f32; LANES]) -> __m256 = _mm256_loadu_ps(from.as_ptr());
        store(v: __m256, to: &mut [f32; LANES]) -> () = _mm256_storeu_ps(to.as_mut_ptr(), v);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        sqrt(v: __m256) -> __m256 = _mm256_sqrt_ps(v);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        flush(v: __m256) -> __m256 = {
            let size = _mm256_andnot_ps(_mm256_set1_ps(-0.0), v);
            let small = _mm256_cmp_ps::<_CMP_LT_OQ>(size, _mm256_set1_ps(f32::MIN_POSITIVE));
            _mm256_andnot_ps(small, v)
        };
        sum(v: __m256) -> f32 = {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        };
    }

    #[inline(always)]
    fn transpose(self, rows: [__m256; LANES]) -> [__m256; LANES] {
        let [a, b, c, d, e, f, g, h] = rows;
        // SAFETY: as above.
        unsafe {
            let pairs = [
                _mm256_unpacklo_ps(a, b),
                _mm256_unpackhi_ps(a, b),
                _mm256_unpacklo_ps(c, d),
                _mm256_unpackhi_ps(c, d),
                _mm256_unpacklo_ps(e, f),
                _mm256_unpackhi_ps(e, f),
                _mm256_unpacklo_ps(g, h),
                _mm256_unpackhi_ps(g, h),
            ];
            let fours = [
                _mm256_shuffle_ps::<0x44>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0xee>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0x44>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0xee>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0x44>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0xee>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0x44>(pairs[5], pairs[7]),
                _mm256_shuffle_ps::<0xee>(pairs[5], pairs[7]),
            ];
            [
                _mm256_permute2f128_ps::<0x20>(fours[0], fours[4]),
                _mm256_permute2f128_ps::<0x20>(fours[1], fours[5]),
                _mm256_permute2f128_ps::<0x20>(fours[2], fours[6]),
                _mm256_permute2f128_ps::<0x20>(fours[3], fours[7]),
                _mm256_permute2f128_ps::<0x31>(fours[0], fours[4]),
                _mm256_permute2f128_ps::<0x31>(fours[1], fours[5]),
                _mm256_permute2f128_ps::<0x31>(fours[2], fours[6]),
                _mm256_permute2f128_ps::<0x31>(fours[3], fours[7]),
            ]
        }
    }

    #[inline(always)]
    fn relu_max_pool(self, channels: [[__m256; 2]; 2]) -> (__m256, [u8; LANES]) {
        // SAFETY: as above.
        unsafe {
            let code = |cell: i32| _mm256_castsi256_ps(_mm256_set1_epi32(cell));
            // Of each channel, per half: the left or right maxima of the top row's
            // two windows, then of the bottom row's.
            let mut rows = [(code(0), code(0)); 2];
            for (row, [top, bottom]) in rows.iter_mut().zip(channels) {
                let left = _mm256_shuffle_ps::<0x88>(top, bottom);
                let right = _mm256_shuffle_ps::<0xdd>(top, bottom);
                let other = exceeds(right, left);
                let value = _mm256_blendv_ps(left, right, other);
                *row = (value, _mm256_and_ps(other, code(1)));
            }
            let [(v0, c0), (v1, c1)] = rows;
            let (top, bottom) = (
                _mm256_shuffle_ps::<0x44>(v0, v1),
                _mm256_shuffle_ps::<0xee>(v0, v1),
            );
            let top_cell = _mm256_shuffle_ps::<0x44>(c0, c1);
            let bottom_cell = _mm256_or_ps(_mm256_shuffle_ps::<0xee>(c0, c1), code(2));
            let other = exceeds(bottom, top);
            let value = _mm256_blendv_ps(top, bottom, other);
            let cell = _mm256_blendv_ps(top_cell, bottom_cell, other);
            // NaN is not `<= 0`: it passes.
            let off = _mm256_cmp_ps::<_CMP_LE_OQ>(value, _mm256_setzero_ps());
            let value = _mm256_andnot_ps(off, value);
            let cell = _mm256_blendv_ps(cell, code(i32::from(super::Cell::OFF)), off);
            // Both halves hold two values a channel: bring each channel's together.
            let value = _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(value));
            let cell = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(cell));
            let (low, high) = (
                _mm256_castsi256_si128(cell),
                _mm256_extracti128_si256::<1>(cell),
            );
            let words = _mm_packs_epi32(low, high);
            let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
            (_mm256_castpd_ps(value), bytes.to_le_bytes())
        }
    }
}

/// Where `b` takes the place of `a` in a maximum: larger, or the first NaN.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn exceeds(b: __m256, a: __m256) -> __m256 {
    let larger_or_nan = _mm256_cmp_ps::<_CMP_NLE_UQ>(b, a);
    _mm256_and_ps(larger_or_nan, _mm256_cmp_ps::<_CMP_ORD_Q>(a, a))
}

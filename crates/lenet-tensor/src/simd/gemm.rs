//! Matrix products through the `gemm` crate (the one candle itself uses, which
//! picks AVX2 and FMA at run time).
#![expect(
    unsafe_code,
    reason = "gemm takes raw pointers; every bound is asserted first"
)]

use gemm::Parallelism;

/// A matrix in a slice: element `(i, j)` lies at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` rows of `cols` values, one after the other.
    pub(crate) fn row_major(values: &'a [f32], rows: usize, cols: usize) -> Self {
        Self {
            values,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// The transpose, without moving a value.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.cols == 0
            || (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride
                < self.values.len()
    }
}

/// `out = a · b`, or `out += a · b` with `accumulate`; `out` is row-major. One
/// thread: callers cut the work into fixed pieces.
pub(crate) fn matmul(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, accumulate: bool) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert_eq!(k, b.rows, "inner sizes differ");
    assert_eq!(out.len(), m * n, "output of the wrong size");
    assert!(a.fits() && b.fits(), "a matrix reaches past its slice");
    // SAFETY: the assertions above bound every element that gemm touches, and
    // `out` is a unique borrow, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.values.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::testing::assert_close;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_are_those_of_plain_loops(
            m in 1usize..20, k in 0usize..20, n in 1usize..20,
            transpose_a: bool, transpose_b: bool, accumulate: bool, seed: u64,
        ) {
            let key = Key::from_seed(seed);
            let a = key.fold_in("a").uniform(m * k, -1.0, 1.0);
            let b = key.fold_in("b").uniform(k * n, -1.0, 1.0);
            let mut out = key.fold_in("out").uniform(m * n, -1.0, 1.0);
            let a = if transpose_a { Matrix::row_major(&a, k, m).t() } else { Matrix::row_major(&a, m, k) };
            let b = if transpose_b { Matrix::row_major(&b, n, k).t() } else { Matrix::row_major(&b, k, n) };
            let at = |x: &Matrix<'_>, i, j| f64::from(x.values[i * x.row_stride + j * x.col_stride]);
            let expected: Vec<f64> = (0..m * n).map(|o| {
                let start = if accumulate { f64::from(out[o]) } else { 0.0 };
                (0..k).fold(start, |sum, l| sum + at(&a, o / n, l) * at(&b, l, o % n))
            }).collect();
            matmul(&mut out, a, b, accumulate);
            // At most 21 terms up to 1: f32 rounding stays below 21·2⁻²⁴ of 21.
            assert_close(&out, &expected, 3e-5);
        }
    }
}

//! The kernel for f32. Forward multiplies rows of the input with rows of the
//! weight, both as they lie; backward adds up multiples of rows. So nothing is ever
//! transposed, which at small batches would cost more than the products.

use rayon::prelude::*;

use super::{Gradients, Sizes};
use crate::relu::rectify;
use crate::simd::{Kernel, Lanes, Level, Simd, run};
use crate::tasks::rows_a_task;

/// As [`super::reference::forward`]. A row's result does not depend on the rows
/// around it.
pub(super) fn forward(
    level: Level,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    sizes: Sizes,
) -> Vec<f32> {
    let Sizes {
        rows,
        inputs,
        outputs,
        relu,
    } = sizes;
    let mut y = vec![0.0; rows * outputs];
    let task = |x: &[f32], y: &mut [f32]| {
        run(
            level,
            Forward {
                x,
                weight,
                bias,
                inputs,
                relu,
                y,
            },
        );
    };
    let at_once = rows_a_task(rows, inputs * outputs);
    if rows <= at_once || inputs == 0 || outputs == 0 {
        task(x, &mut y);
    } else {
        let tasks = y.par_chunks_mut(at_once * outputs);
        let tasks = tasks.zip(x.par_chunks(at_once * inputs));
        tasks.for_each(|(y, x)| task(x, y));
    }
    y
}

/// As [`super::reference::backward`].
pub(super) fn backward(
    level: Level,
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    sizes: Sizes,
    needs_dx: bool,
) -> Gradients<f32> {
    let Sizes {
        rows,
        inputs,
        outputs,
        ..
    } = sizes;
    let mut dbias = vec![0.0; outputs];
    for row in grad.chunks_exact(outputs.max(1)) {
        for (sum, grad) in dbias.iter_mut().zip(row) {
            *sum += grad;
        }
    }
    // `dweight[o] = Σ_n grad[n, o] · x[n]` and `dx[n] = Σ_o grad[n, o] · weight[o]`.
    let dweight = || {
        let factors = Factors {
            values: grad,
            term: outputs,
            row: 1,
        };
        sums_of_rows(level, factors, x, [outputs, rows, inputs])
    };
    let dx = || {
        let factors = Factors {
            values: grad,
            term: 1,
            row: outputs,
        };
        sums_of_rows(level, factors, weight, [rows, outputs, inputs])
    };
    Gradients {
        x: needs_dx.then(dx),
        weight: dweight(),
        bias: dbias,
    }
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    inputs: usize,
    relu: bool,
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        // Six outputs' weights stay in the L1 cache for all the rows.
        let outputs = self.bias.len();
        let mut o = 0;
        while o + 6 <= outputs {
            self.outputs::<S, 6>(simd, o);
            o += 6;
        }
        while o + 2 <= outputs {
            self.outputs::<S, 2>(simd, o);
            o += 2;
        }
        if o < outputs {
            self.outputs::<S, 1>(simd, o);
        }
    }
}

impl Forward<'_> {
    /// `M` outputs of every row, two rows at a time: with six outputs, twelve sums.
    #[inline(always)]
    fn outputs<S: Simd, const M: usize>(&mut self, simd: S, output: usize) {
        let rows = self.y.len() / self.bias.len();
        let mut row = 0;
        while row + 2 <= rows {
            self.tile::<S, 2, M>(simd, row, output);
            row += 2;
        }
        if row < rows {
            self.tile::<S, 1, M>(simd, row, output);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const N: usize, const M: usize>(
        &mut self,
        simd: S,
        row: usize,
        output: usize,
    ) {
        let (k, outputs) = (self.inputs, self.bias.len());
        let (x, weight) = (Lanes::new(self.x), Lanes::new(self.weight));
        let mut sums = [[simd.splat_wide(0.0); N]; M];
        let whole = k - k % S::WIDE;
        let mut at = 0;
        while at < whole {
            let mut xs = [simd.splat_wide(0.0); N];
            for n in 0..N {
                xs[n] = x.load_wide(simd, (row + n) * k + at);
            }
            for m in 0..M {
                let weight = weight.load_wide(simd, (output + m) * k + at);
                for n in 0..N {
                    sums[m][n] = simd.mul_add_wide(weight, xs[n], sums[m][n]);
                }
            }
            at += S::WIDE;
        }
        for m in 0..M {
            for n in 0..N {
                let mut sum = sums[m][n];
                if whole < k {
                    let x = simd.load_wide(&self.x[(row + n) * k + whole..(row + n + 1) * k]);
                    let end = (output + m + 1) * k;
                    let weight = simd.load_wide(&self.weight[end - (k - whole)..end]);
                    sum = simd.mul_add_wide(weight, x, sum);
                }
                let y = simd.sum_wide(sum) + self.bias[output + m];
                let y = if self.relu { rectify(y) } else { y };
                self.y[(row + n) * outputs + output + m] = y;
            }
        }
    }
}

/// A factor for each row and term: `values[row · self.row + term · self.term]`.
#[derive(Clone, Copy)]
struct Factors<'a> {
    values: &'a [f32],
    row: usize,
    term: usize,
}

/// `out[row] = Σ_term factors[row, term] · terms[term]`, `terms: [terms, width]` →
/// `[rows, width]`, the terms from the first to the last.
fn sums_of_rows(
    level: Level,
    factors: Factors<'_>,
    terms: &[f32],
    [rows, n, width]: [usize; 3],
) -> Vec<f32> {
    let mut out = vec![0.0; rows * width];
    if out.is_empty() || n == 0 {
        return out;
    }
    let at_once = rows_a_task(rows, n * width);
    let task = |first: usize, out: &mut [f32]| {
        let values = &factors.values[first * factors.row..];
        let factors = Factors { values, ..factors };
        run(
            level,
            SumsOfRows {
                factors,
                terms,
                width,
                out,
            },
        );
    };
    if rows <= at_once {
        task(0, &mut out);
    } else {
        let tasks = out.par_chunks_mut(at_once * width).enumerate();
        tasks.for_each(|(number, out)| task(number * at_once, out));
    }
    out
}

struct SumsOfRows<'a> {
    factors: Factors<'a>,
    terms: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for SumsOfRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let rows = self.out.len() / self.width;
        let mut row = 0;
        while row + 6 <= rows {
            self.rows::<S, 6>(simd, row);
            row += 6;
        }
        while row + 4 <= rows {
            self.rows::<S, 4>(simd, row);
            row += 4;
        }
        while row < rows {
            self.rows::<S, 1>(simd, row);
            row += 1;
        }
    }
}

impl SumsOfRows<'_> {
    /// `R` rows, two vectors of columns at a time: with six rows, twelve sums.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let mut column = 0;
        while column + 2 * S::WIDE <= self.width {
            self.tile::<S, R, 2>(simd, row, column);
            column += 2 * S::WIDE;
        }
        while column < self.width {
            self.tile::<S, R, 1>(simd, row, column);
            column += S::WIDE;
        }
    }

    /// Where the last of one vector reaches past the width, it is filled up with
    /// zeros.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let Factors {
            values,
            row: stride,
            term,
        } = self.factors;
        let columns = column..self.width.min(column + V * S::WIDE);
        let mut sums = [[simd.splat_wide(0.0); V]; R];
        for (l, terms) in self.terms.chunks_exact(self.width).enumerate() {
            let terms = &terms[columns.clone()];
            let mut vectors = [simd.splat_wide(0.0); V];
            for v in 0..V {
                vectors[v] = simd.load_wide(&terms[v * S::WIDE..]);
            }
            for r in 0..R {
                let factor = simd.splat_wide(values[(row + r) * stride + l * term]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_wide(factor, vectors[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            let out = &mut self.out[(row + r) * self.width..][columns.clone()];
            for v in 0..V {
                simd.store_wide(sums[r][v], &mut out[v * S::WIDE..]);
            }
        }
    }
}

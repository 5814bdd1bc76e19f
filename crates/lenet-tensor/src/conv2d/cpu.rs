//! The kernel for f32. Where they can, forward and the input's gradient go [`direct`].
//! Else each image's patches are laid out as a matrix (im2col, Chellapilla 2006), so that
//! every direction is a matrix product. Images run side by side on the pool's threads in
//! chunks of a fixed size, and what they add to the weight's gradient is summed in the
//! order of the chunks: the number of threads changes nothing.

use rayon::prelude::*;

use super::direct::{self, Plan};
use super::{Gradients, transposed};
use crate::geometry::Conv2dGeometry;
use crate::simd::{Level, Matrix, matmul};

/// Images a task: enough work to be worth a task, few enough that a batch of 32
/// still occupies several threads.
const IMAGES_A_TASK: usize = 4;

/// As [`super::reference::forward`].
pub(crate) fn forward(
    level: Level,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    g: &Conv2dGeometry,
) -> Vec<f32> {
    match Plan::new(weight, bias, g) {
        Some(plan) => direct::forward(level, x, &plan, g),
        None => by_patches(x, weight, bias, g),
    }
}

/// Any stride and any groups.
fn by_patches(x: &[f32], weight: &[f32], bias: &[f32], g: &Conv2dGeometry) -> Vec<f32> {
    let sizes = Sizes::of(g);
    let mut y = vec![0.0; g.batch * sizes.image_out];
    y.par_chunks_mut((IMAGES_A_TASK * sizes.image_out).max(1))
        .zip(x.par_chunks((IMAGES_A_TASK * sizes.image_in).max(1)))
        .for_each(|(y, x)| {
            let mut patches = vec![0.0; sizes.taps * sizes.places];
            let images = y
                .chunks_exact_mut(sizes.image_out)
                .zip(x.chunks_exact(sizes.image_in));
            for (y, x) in images {
                for (channel, &bias) in y.chunks_exact_mut(sizes.places).zip(bias) {
                    channel.fill(bias);
                }
                for group in 0..g.options.groups {
                    patches_of(sizes.input_of(x, group), &mut patches, g);
                    matmul(
                        &mut y[group * sizes.group_out * sizes.places..]
                            [..sizes.group_out * sizes.places],
                        sizes.weight_of(weight, group),
                        Matrix::row_major(&patches, sizes.taps, sizes.places),
                        true,
                    );
                }
            }
        });
    y
}

/// As [`super::reference::backward`].
pub(crate) fn backward(
    level: Level,
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    g: &Conv2dGeometry,
    needs_dx: bool,
) -> Gradients<f32> {
    let direct = needs_dx
        .then(|| transposed::input_gradient(level, weight, grad, g))
        .flatten();
    let by_patches = patches_backward(x, weight, grad, g, needs_dx && direct.is_none());
    Gradients {
        x: direct.or(by_patches.x),
        ..by_patches
    }
}

fn patches_backward(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    g: &Conv2dGeometry,
    needs_dx: bool,
) -> Gradients<f32> {
    let sizes = Sizes::of(g);
    let mut dx = vec![0.0; if needs_dx { x.len() } else { 0 }];
    let task = |x: &[f32], grad: &[f32], mut dx: Option<&mut [f32]>| {
        let mut dweight = vec![0.0; weight.len()];
        let mut dbias = vec![0.0; g.out_channels];
        let mut patches = vec![0.0; sizes.taps * sizes.places];
        let images = x
            .chunks_exact(sizes.image_in)
            .zip(grad.chunks_exact(sizes.image_out));
        for (n, (x, grad)) in images.enumerate() {
            for (sum, channel) in dbias.iter_mut().zip(grad.chunks_exact(sizes.places)) {
                *sum += channel.iter().sum::<f32>();
            }
            for group in 0..g.options.groups {
                let grad = Matrix::row_major(
                    &grad[group * sizes.group_out * sizes.places..],
                    sizes.group_out,
                    sizes.places,
                );
                patches_of(sizes.input_of(x, group), &mut patches, g);
                matmul(
                    &mut dweight[group * sizes.group_out * sizes.taps..]
                        [..sizes.group_out * sizes.taps],
                    grad,
                    Matrix::row_major(&patches, sizes.taps, sizes.places).t(),
                    true,
                );
                if let Some(dx) = &mut dx {
                    matmul(
                        &mut patches,
                        sizes.weight_of(weight, group).t(),
                        grad,
                        false,
                    );
                    let image = &mut dx[n * sizes.image_in..][..sizes.image_in];
                    add_patches(
                        &patches,
                        &mut image[group * sizes.group_in..][..sizes.group_in],
                        g,
                    );
                }
            }
        }
        (dweight, dbias)
    };
    let xs = x.par_chunks((IMAGES_A_TASK * sizes.image_in).max(1));
    let grads = grad.par_chunks((IMAGES_A_TASK * sizes.image_out).max(1));
    let parts: Vec<(Vec<f32>, Vec<f32>)> = if needs_dx {
        let dxs = dx.par_chunks_mut((IMAGES_A_TASK * sizes.image_in).max(1));
        xs.zip(grads)
            .zip(dxs)
            .map(|((x, grad), dx)| task(x, grad, Some(dx)))
            .collect()
    } else {
        xs.zip(grads).map(|(x, grad)| task(x, grad, None)).collect()
    };
    let mut dweight = vec![0.0; weight.len()];
    let mut dbias = vec![0.0; g.out_channels];
    for (part_weight, part_bias) in &parts {
        add(&mut dweight, part_weight);
        add(&mut dbias, part_bias);
    }
    Gradients {
        x: needs_dx.then_some(dx),
        weight: dweight,
        bias: dbias,
    }
}

fn add(sum: &mut [f32], part: &[f32]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

/// Lengths of the pieces that the kernel cuts its slices into.
struct Sizes {
    image_in: usize,
    image_out: usize,
    /// Values of the input that a group sees.
    group_in: usize,
    /// Channels that a group makes.
    group_out: usize,
    /// Rows of the matrix of patches.
    taps: usize,
    /// Its columns: places of the window.
    places: usize,
}

impl Sizes {
    fn of(g: &Conv2dGeometry) -> Self {
        let cells = g.input[0] * g.input[1];
        let places = g.output[0] * g.output[1];
        Self {
            image_in: g.in_channels * cells,
            image_out: g.out_channels * places,
            group_in: g.in_channels / g.options.groups * cells,
            group_out: g.out_channels / g.options.groups,
            taps: g.taps(),
            places,
        }
    }

    fn input_of<'a>(&self, image: &'a [f32], group: usize) -> &'a [f32] {
        &image[group * self.group_in..][..self.group_in]
    }

    /// A group's weights `[C_out / groups, taps]`.
    fn weight_of<'a>(&self, weight: &'a [f32], group: usize) -> Matrix<'a> {
        let values = &weight[group * self.group_out * self.taps..][..self.group_out * self.taps];
        Matrix::row_major(values, self.group_out, self.taps)
    }
}

/// The matrix of patches `[taps, places]` of one image's group `[C, H, W]`.
fn patches_of(x: &[f32], patches: &mut [f32], g: &Conv2dGeometry) {
    let mut rows = patches.chunks_exact_mut(g.output[1]);
    each_row(g, |start, cols| {
        if let Some(out) = rows.next() {
            match start {
                Some(start) if cols.contiguous(out.len()) => {
                    let first = start + cols.first;
                    out.copy_from_slice(&x[first..first + out.len()]);
                }
                Some(start) => {
                    for (o, out) in out.iter_mut().enumerate() {
                        *out = cols.at(o).map_or(0.0, |col| x[start + col]);
                    }
                }
                None => out.fill(0.0),
            }
        }
    });
}

/// Adds a matrix of patches back to the cells they came from.
fn add_patches(patches: &[f32], dx: &mut [f32], g: &Conv2dGeometry) {
    let mut rows = patches.chunks_exact(g.output[1]);
    each_row(g, |start, cols| {
        if let (Some(row), Some(start)) = (rows.next(), start) {
            if cols.contiguous(row.len()) {
                add(&mut dx[start + cols.first..][..row.len()], row);
            } else {
                for (o, value) in row.iter().enumerate() {
                    if let Some(col) = cols.at(o) {
                        dx[start + col] += value;
                    }
                }
            }
        }
    });
}

/// Which columns of the input a row of outputs reads through one tap.
struct Columns {
    /// Column of the first output, before the padding is taken off.
    first: usize,
    stride: usize,
    padding: usize,
    width: usize,
}

impl Columns {
    fn at(&self, out: usize) -> Option<usize> {
        (out * self.stride + self.first)
            .checked_sub(self.padding)
            .filter(|&col| col < self.width)
    }

    fn contiguous(&self, outputs: usize) -> bool {
        self.stride == 1 && self.padding == 0 && self.first + outputs <= self.width
    }
}

/// Calls `f` for each row of outputs of each tap, in the order of the matrix of
/// patches, with the start of the row of inputs that it reads (`None`: padding).
fn each_row(g: &Conv2dGeometry, mut f: impl FnMut(Option<usize>, &Columns)) {
    let [height, width] = g.input;
    let o = g.options;
    for c in 0..g.in_channels / o.groups {
        for i in 0..g.kernel[0] {
            for j in 0..g.kernel[1] {
                let cols = Columns {
                    first: j * o.dilation[1],
                    stride: o.stride[1],
                    padding: o.padding[1],
                    width,
                };
                for oh in 0..g.output[0] {
                    let row = (oh * o.stride[0] + i * o.dilation[0])
                        .checked_sub(o.padding[0])
                        .filter(|&row| row < height);
                    f(row.map(|row| (c * height + row) * width), &cols);
                }
            }
        }
    }
}

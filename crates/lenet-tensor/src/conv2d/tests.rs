//! One suite for the reference and the kernel.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::{Conv2dOptions, conv2d, cpu, reference};
use crate::Key;
use crate::geometry::Conv2dGeometry;
use crate::simd::{Level, level};
use crate::testing::{assert_close, check_gradients, uniform};

#[test]
fn a_convolution_by_hand() {
    let x = Tensor::new(
        &[[[[1f32, 2., 3.], [4., 5., 6.], [7., 8., 9.]]]],
        &Device::Cpu,
    )
    .unwrap();
    let weight = Tensor::new(&[[[[1f32, 0.], [0., -1.]]]], &Device::Cpu).unwrap();
    let bias = Tensor::new(&[10f32], &Device::Cpu).unwrap();
    let y = conv2d(&x, &weight, Some(&bias), Conv2dOptions::default()).unwrap();
    assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [6.; 4]);
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let (x, weight) = (zeros(&[1, 3, 8, 8]), zeros(&[6, 1, 5, 5]));
    let error = conv2d(&x, &weight, None, Conv2dOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("input has 3 channels but weight expects 1"),
        "{error}"
    );
    let error = conv2d(
        &zeros(&[1, 1, 8, 8]),
        &weight,
        Some(&zeros(&[5])),
        Conv2dOptions::default(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("bias [5] should be [6]")
    );
}

#[test]
fn an_untracked_input_gets_no_gradient() {
    let weight = Var::ones((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    let x = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu).unwrap();
    let gradients = conv2d(&x, &weight, None, Conv2dOptions::default())
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    assert!(gradients.get(&x).is_none());
    let dweight = gradients.get(&weight).unwrap().flatten_all().unwrap();
    assert_eq!(dweight.to_vec1::<f32>().unwrap(), [4.; 4]);
}

#[test]
fn gradients_agree_with_finite_differences() {
    let plain = Conv2dOptions::default();
    let cases = [
        ([2, 2, 6, 5], [3, 2, 3, 2], plain),
        (
            [1, 4, 7, 6],
            [6, 2, 3, 3],
            Conv2dOptions {
                groups: 2,
                padding: [1, 2],
                ..plain
            },
        ),
        (
            [2, 1, 9, 8],
            [2, 1, 2, 3],
            Conv2dOptions {
                stride: [2, 3],
                dilation: [2, 1],
                ..plain
            },
        ),
    ];
    for (x, weight, options) in cases {
        let key = Key::from_seed(9);
        let inputs = [
            uniform(key.fold_in("x"), &x, DType::F64).unwrap(),
            uniform(key.fold_in("weight"), &weight, DType::F64).unwrap(),
            uniform(key.fold_in("bias"), &weight[..1], DType::F64).unwrap(),
        ];
        check_gradients(&inputs, |t| conv2d(&t[0], &t[1], Some(&t[2]), options)).unwrap();
    }
}

/// A geometry with its sizes drawn at random, and the edges among them: padding
/// larger than the kernel, batch 0 and 1, one pixel.
fn geometries() -> impl Strategy<Value = Conv2dGeometry> {
    let axis = || {
        (
            prop_oneof![1usize..9, 8usize..20],
            1usize..4,
            1usize..4,
            0usize..4,
            1usize..3,
        )
    };
    (0usize..7, 1usize..4, 1usize..4, 1usize..4, axis(), axis()).prop_filter_map(
        "the window does not fit",
        |(batch, group_in, group_out, groups, h, w)| {
            let options = Conv2dOptions {
                stride: [h.2, w.2],
                padding: [h.3, w.3],
                dilation: [h.4, w.4],
                groups,
            };
            let input = [batch, group_in * groups, h.0, w.0];
            let weight = [group_out * groups, group_in, h.1, w.1];
            Conv2dGeometry::new(&input, &weight, options).ok()
        },
    )
}

fn drawn(key: Key, name: &str, n: usize) -> Vec<f32> {
    key.fold_in(name).uniform(n, -1.0, 1.0)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

proptest! {
    #[test]
    fn the_kernel_agrees_with_the_reference_in_f64(g in geometries(), seed: u64) {
        let key = Key::from_seed(seed);
        let x = drawn(key, "x", g.batch * g.in_channels * g.input[0] * g.input[1]);
        let weight = drawn(key, "weight", g.out_channels * g.taps());
        let bias = drawn(key, "bias", g.out_channels);
        let grad = drawn(key, "grad", g.output_shape().iter().product());

        // Sums of at most a few hundred products up to 1: 1e-5 of the value (or of
        // 1) covers their rounding in f32.
        let y = reference::forward(&wide(&x), &wide(&weight), &wide(&bias), &g);
        for level in Level::all() {
            assert_close(&cpu::forward(level, &x, &weight, &bias, &g), &y, 1e-5);
        }

        let exact = reference::backward(&wide(&x), &wide(&weight), &wide(&grad), &g, true);
        for level in Level::all() {
            let fast = cpu::backward(level, &x, &weight, &grad, &g, true);
            assert_close(&fast.weight, &exact.weight, 1e-5);
            assert_close(&fast.bias, &exact.bias, 1e-5);
            assert_close(&fast.x.unwrap(), exact.x.as_ref().unwrap(), 1e-5);
        }
        prop_assert!(cpu::backward(level(), &x, &weight, &grad, &g, false).x.is_none());
    }

    /// candle's forward is right where it takes the geometry; its tensors come
    /// in any layout.
    #[test]
    fn candles_forward_agrees(stride in 1usize..3, padding in 0usize..3, seed: u64) {
        let key = Key::from_seed(seed);
        let x = uniform(key.fold_in("x"), &[2, 3, 7, 8], DType::F32).unwrap().transpose(2, 3).unwrap();
        let weight = uniform(key.fold_in("weight"), &[4, 3, 3, 3], DType::F32).unwrap();
        let bias = uniform(key.fold_in("bias"), &[4], DType::F32).unwrap();
        let options = Conv2dOptions { stride: [stride; 2], padding: [padding; 2], ..Default::default() };
        let ours = conv2d(&x, &weight, Some(&bias), options).unwrap();
        let g = Conv2dGeometry::new(x.dims(), weight.dims(), options).unwrap();
        let theirs = super::composed(&x.contiguous().unwrap(), &weight, &bias, &g).unwrap();
        prop_assert_eq!(ours.dims(), theirs.dims());
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // 27 products up to 1 in f32, in two orders.
        assert_close(&values(&ours), &values(&theirs), 1e-5);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let g =
        Conv2dGeometry::new(&[37, 6, 12, 12], &[16, 6, 5, 5], Conv2dOptions::default()).unwrap();
    let key = Key::from_seed(1);
    let x = drawn(key, "x", 37 * 6 * 144);
    let weight = drawn(key, "weight", 16 * 150);
    let bias = drawn(key, "bias", 16);
    let grad = drawn(key, "grad", 37 * 16 * 64);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let y = cpu::forward(level(), &x, &weight, &bias, &g);
            let gradients = cpu::backward(level(), &x, &weight, &grad, &g, true);
            (y, gradients.x, gradients.weight, gradients.bias)
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

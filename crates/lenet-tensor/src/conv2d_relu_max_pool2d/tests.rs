//! The kernel, at every level, against the references of the three operations.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::*;
use crate::conv2d::{self, Gradients};
use crate::simd::Level;
use crate::testing::{assert_close, check_gradients, uniform};
use crate::{Key, max_pool2d};

/// Values for one geometry.
struct Case {
    fused: Fused,
    pool: Pool2dGeometry,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    grad: Vec<f32>,
}

impl Case {
    fn new(conv: Conv2dGeometry, seed: u64) -> Option<Self> {
        let pool = Pool2dGeometry::new("pool", &conv.output_shape(), [2; 2], [2; 2]).ok()?;
        let fused = Fused::new(conv, &pool)?;
        let key = Key::from_seed(seed);
        // Quarters: exact products and sums, so that ties are ties in f32 and f64.
        let drawn = |name: &str, n: usize| -> Vec<f32> {
            let values = key.fold_in(name).uniform(n, -8.0, 8.0);
            values.into_iter().map(|v| v.round() / 4.0).collect()
        };
        let g = &fused.conv;
        Some(Self {
            x: drawn("x", g.batch * g.in_channels * g.input[0] * g.input[1]),
            weight: drawn("weight", g.out_channels * g.taps()),
            bias: drawn("bias", g.out_channels),
            grad: drawn("grad", g.batch * g.out_channels * fused.windows()),
            pool,
            fused,
        })
    }

    fn run(&self, level: Level, needs_dx: bool) -> (Vec<f32>, Gradients<f32>) {
        let Self {
            fused,
            x,
            weight,
            bias,
            grad,
            ..
        } = self;
        let plan = Plan::new(weight, bias, &fused.conv).unwrap();
        let (y, cells) = forward::forward(level, x, &plan, fused, true);
        let (again, none) = forward::forward(level, x, &plan, fused, false);
        assert_eq!((bits(&again), none.len()), (bits(&y), 0));
        (
            y,
            backward::backward(level, x, weight, &cells, grad, fused, needs_dx),
        )
    }

    /// The three references one after the other, in f64.
    fn reference(&self) -> (Vec<f64>, Gradients<f64>) {
        let g = &self.fused.conv;
        let [x, weight, bias, grad] =
            [&self.x, &self.weight, &self.bias, &self.grad].map(|v| wide(v));
        let maps = conv2d::reference::forward(&x, &weight, &bias, g);
        let rectified: Vec<f64> = maps
            .iter()
            .map(|&v| if v <= 0.0 { 0.0 } else { v })
            .collect();
        let (y, argmax) = max_pool2d::reference::forward(&rectified, &self.pool);
        let mut grad = max_pool2d::reference::backward(&grad, &argmax, &self.pool);
        for (grad, &map) in grad.iter_mut().zip(&maps) {
            if map <= 0.0 {
                *grad = 0.0;
            }
        }
        (y, conv2d::reference::backward(&x, &weight, &grad, g, true))
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Sizes at random, the edges among them: batch 1, odd maps, padding, one channel
/// and more than a vector holds.
fn geometries() -> impl Strategy<Value = Conv2dGeometry> {
    let channels = || prop_oneof![1usize..8, 8usize..19];
    let axis = || (8usize..19, 1usize..6, 0usize..3);
    (1usize..7, channels(), channels(), axis(), axis(), 1usize..3).prop_filter_map(
        "no kernel for it",
        |(batch, inputs, outputs, h, w, dilation)| {
            let options = Conv2dOptions {
                padding: [h.2, w.2],
                dilation: [dilation, 1],
                ..Default::default()
            };
            Conv2dGeometry::new(
                &[batch, inputs, h.0, w.0],
                &[outputs, inputs, h.1, w.1],
                options,
            )
            .ok()
        },
    )
}

proptest! {
    // Cases are large: a quarter of the usual number takes as long.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_kernel_agrees_with_the_references_in_f64(g in geometries(), seed: u64) {
        let Some(case) = Case::new(g, seed) else { return Ok(()); };
        let (y, exact) = case.reference();
        for level in Level::all() {
            let (fast_y, fast) = case.run(level, true);
            // Values are multiples of 1/16 below 2^20: f32 is exact.
            assert_close(&fast_y, &y, 0.0);
            // Up to 6·81 products of up to 4 and 5·10³ in any order.
            assert_close(&fast.weight, &exact.weight, 1e-5);
            assert_close(&fast.bias, &exact.bias, 1e-5);
            let dx = fast.x.unwrap();
            assert_close(&dx, exact.x.as_ref().unwrap(), 1e-5);
            let (_, without) = case.run(level, false);
            prop_assert!(without.x.is_none());
            prop_assert_eq!(bits(&without.weight), bits(&fast.weight));
        }
    }
}

fn lenet(batch: usize) -> Case {
    let g = Conv2dGeometry::new(
        &[batch, 6, 12, 12],
        &[16, 6, 5, 5],
        Conv2dOptions::default(),
    )
    .unwrap();
    Case::new(g, 5).unwrap()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let case = lenet(37);
    for level in Level::all() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let (y, gradients) = pool.install(|| case.run(level, true));
            (
                bits(&y),
                bits(&gradients.weight),
                bits(&gradients.bias),
                bits(&gradients.x.unwrap()),
            )
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), one, "{threads} threads");
        }
    }
}

#[test]
fn a_batch_of_none_gives_none() {
    for level in Level::all() {
        let (y, gradients) = lenet(0).run(level, true);
        assert_eq!((y.len(), gradients.x.unwrap().len()), (0, 0));
        assert_eq!(gradients.weight, [0.0; 16 * 150]);
    }
}

#[test]
fn nan_passes_and_ties_go_to_the_first() {
    let x = Tensor::zeros((1, 1, 8, 8), DType::F32, &Device::Cpu).unwrap();
    let weight = Var::ones((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let run = |x: &Tensor, bias: f32| {
        let bias = Var::new(&[bias], &Device::Cpu).unwrap();
        let x = Var::from_tensor(x).unwrap();
        let y = conv2d_relu_max_pool2d(&x, &weight, &bias, Conv2dOptions::default(), 2, 2).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        let dx = gradients
            .get(&x)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        (y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), dx)
    };
    let (y, dx) = run(&x, 2.0);
    assert_eq!(y, [2.0; 16]);
    let first = |i: usize| {
        if (i / 8).is_multiple_of(2) && i.is_multiple_of(2) {
            1.0
        } else {
            0.0
        }
    };
    assert_eq!(dx, (0..64).map(first).collect::<Vec<f32>>());
    let (y, dx) = run(&x, 0.0);
    assert_eq!((y, dx), (vec![0.0; 16], vec![0.0; 64]));
    let (y, _) = run(&x, f32::NAN);
    assert!(y.iter().all(|v| v.is_nan()));
}

#[test]
fn what_the_kernel_does_not_take_goes_the_long_way() {
    let run = |x: [usize; 4], weight: [usize; 4], options, kernel: usize, stride: usize, dtype| {
        let key = Key::from_seed(3);
        let x = uniform(key.fold_in("x"), &x, dtype).unwrap();
        let bias = uniform(key.fold_in("bias"), &weight[..1], dtype).unwrap();
        let weight = uniform(key.fold_in("weight"), &weight, dtype).unwrap();
        let fused = conv2d_relu_max_pool2d(&x, &weight, &bias, options, kernel, stride).unwrap();
        let conv = conv2d::conv2d(&x, &weight, Some(&bias), options).unwrap();
        let separate = max_pool2d::max_pool2d(&relu(&conv).unwrap(), kernel, stride).unwrap();
        assert_eq!(fused.dims(), separate.dims());
        let values = |t: &Tensor| {
            t.flatten_all()
                .unwrap()
                .to_dtype(DType::F64)
                .unwrap()
                .to_vec1::<f64>()
                .unwrap()
        };
        // Where the kernel runs, 18 products up to 1 in another order.
        assert_close(&values(&fused), &values(&separate), 1e-5);
    };
    let plain = Conv2dOptions::default();
    let (x, weight) = ([2, 2, 12, 12], [4, 2, 3, 3]);
    run(x, weight, plain, 2, 2, DType::F32);
    run(x, weight, plain, 2, 2, DType::F64);
    run(x, weight, plain, 3, 2, DType::F32);
    run(
        x,
        weight,
        Conv2dOptions {
            stride: [2, 1],
            ..plain
        },
        2,
        2,
        DType::F32,
    );
    run(
        x,
        [4, 1, 3, 3],
        Conv2dOptions { groups: 2, ..plain },
        2,
        2,
        DType::F32,
    );
    run([2, 2, 7, 7], weight, plain, 2, 2, DType::F32);
}

#[test]
fn what_32_bits_do_not_hold_goes_the_long_way() {
    let fused = |input: [usize; 4], weight: [usize; 4]| {
        let conv = Conv2dGeometry::new(&input, &weight, Conv2dOptions::default()).unwrap();
        let pool = Pool2dGeometry::new("pool", &conv.output_shape(), [2; 2], [2; 2]).unwrap();
        Fused::new(conv, &pool).is_some()
    };
    let (side, many) = (1 << 14, 1 << 15);
    assert!(fused([1, 15, side, side], [6, 15, 5, 5]));
    assert!(!fused([1, 16, side, side], [6, 16, 5, 5]));
    assert!(!fused([1, many, 12, 12], [many, many, 5, 5]));
}

#[test]
fn gradients_agree_with_finite_differences() {
    // In f64, and so through the three operations; the kernel is held against them.
    let key = Key::from_seed(11);
    let inputs = [
        uniform(key.fold_in("x"), &[1, 2, 10, 10], DType::F64).unwrap(),
        uniform(key.fold_in("weight"), &[3, 2, 3, 3], DType::F64).unwrap(),
        uniform(key.fold_in("bias"), &[3], DType::F64).unwrap(),
    ];
    check_gradients(&inputs, |t| {
        conv2d_relu_max_pool2d(&t[0], &t[1], &t[2], Conv2dOptions::default(), 2, 2)
    })
    .unwrap();
}

#[test]
fn an_input_of_no_rows_is_refused() {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let options = Conv2dOptions {
        padding: [2, 0],
        ..Default::default()
    };
    let (x, weight, bias) = (ones(&[1, 1, 0, 10]), ones(&[1, 1, 1, 1]), ones(&[1]));
    let error = conv2d_relu_max_pool2d(&x, &weight, &bias, options, 2, 2).unwrap_err();
    assert!(error.to_string().contains("input height is 0"), "{error}");
}

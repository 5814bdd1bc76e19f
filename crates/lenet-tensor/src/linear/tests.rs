//! One suite for the reference and the kernel.

use candle_core::{DType, Device};
use proptest::prelude::*;

use super::*;
use crate::Key;
use crate::simd::Level;
use crate::testing::{assert_close, check_gradients, uniform};

#[test]
fn a_product_by_hand() {
    let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
    let weight = Tensor::new(&[[1f32, 0.], [0., 1.], [1., 1.]], &Device::Cpu).unwrap();
    let bias = Tensor::new(&[0f32, 10., 100.], &Device::Cpu).unwrap();
    let y = linear(&x, &weight, Some(&bias)).unwrap();
    assert_eq!(
        y.to_vec2::<f32>().unwrap(),
        [[1., 12., 103.], [3., 14., 107.]]
    );
    let y = linear(&x.reshape((2, 1, 2)).unwrap(), &weight, None).unwrap();
    assert_eq!(y.dims(), [2, 1, 3]);
}

#[test]
fn what_does_not_fit_is_named() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let error = linear(&zeros(&[2, 255]), &zeros(&[120, 256]), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("linear: input has 255 features but weight expects 256"),
        "{error}"
    );
    let error = linear(&zeros(&[2, 4]), &zeros(&[3, 4]), Some(&zeros(&[4]))).unwrap_err();
    assert!(error.to_string().contains("bias [4] should be [3]"));
}

#[test]
fn gradients_agree_with_finite_differences() {
    let key = Key::from_seed(6);
    let inputs = [[4, 5], [3, 5]].map(|shape| uniform(key, &shape, DType::F64).unwrap());
    let [x, weight] = inputs;
    let bias = uniform(key, &[3], DType::F64).unwrap();
    check_gradients(&[x, weight, bias], |t| linear(&t[0], &t[1], Some(&t[2]))).unwrap();
}

#[test]
fn a_relu_within_is_the_relu_behind() {
    let key = Key::from_seed(8);
    let drawn = |name, shape: &[usize], dtype| uniform(key.fold_in(name), shape, dtype).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let x = candle_core::Var::from_tensor(&drawn("x", &[5, 9], dtype)).unwrap();
        let (weight, bias) = (drawn("weight", &[7, 9], dtype), drawn("bias", &[7], dtype));
        let run = |y: Tensor| {
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let values = |t: &Tensor| {
                t.flatten_all()
                    .unwrap()
                    .to_dtype(DType::F64)
                    .unwrap()
                    .to_vec1::<f64>()
                    .unwrap()
            };
            (values(&y), values(gradients.get(&x).unwrap()))
        };
        let within = run(linear_relu(&x, &weight, Some(&bias)).unwrap());
        let behind = crate::relu::relu(&linear(&x, &weight, Some(&bias)).unwrap()).unwrap();
        assert_eq!(within, run(behind));
        assert!(within.0.contains(&0.0));
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

proptest! {
    #[test]
    fn the_kernel_agrees_with_the_reference_in_f64(
        rows in 0usize..20, inputs in 0usize..70, outputs in 0usize..20, relu: bool, seed: u64,
    ) {
        let key = Key::from_seed(seed);
        let drawn = |name: &str, n| key.fold_in(name).uniform(n, -1.0, 1.0);
        let x = drawn("x", rows * inputs);
        let weight = drawn("weight", outputs * inputs);
        let bias = drawn("bias", outputs);
        let grad = drawn("grad", rows * outputs);
        let sizes = Sizes { rows, inputs, outputs, relu };
        let y = reference::forward(&wide(&x), &wide(&weight), &wide(&bias), sizes);
        let exact = reference::backward(&wide(&x), &wide(&weight), &wide(&grad), sizes, true);
        for level in Level::all() {
            // Up to 70 products up to 1, rounded to f32 one after the other.
            assert_close(&cpu::forward(level, &x, &weight, &bias, sizes), &y, 1e-5);
            let fast = cpu::backward(level, &x, &weight, &grad, sizes, true);
            assert_close(&fast.weight, &exact.weight, 1e-5);
            assert_close(&fast.bias, &exact.bias, 1e-5);
            assert_close(&fast.x.unwrap(), exact.x.as_ref().unwrap(), 1e-5);
            prop_assert!(cpu::backward(level, &x, &weight, &grad, sizes, false).x.is_none());
        }
    }
}

#[test]
fn neither_threads_nor_the_batch_around_a_row_change_a_bit() {
    let sizes = Sizes {
        rows: 37,
        inputs: 256,
        outputs: 120,
        relu: false,
    };
    let key = Key::from_seed(2);
    let drawn = |name: &str, n| key.fold_in(name).uniform(n, -1.0, 1.0);
    let x = drawn("x", 37 * 256);
    let weight = drawn("weight", 120 * 256);
    let bias = drawn("bias", 120);
    let grad = drawn("grad", 37 * 120);
    for level in Level::all() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let gradients = cpu::backward(level, &x, &weight, &grad, sizes, true);
                let y = cpu::forward(level, &x, &weight, &bias, sizes);
                (y, gradients.x, gradients.weight, gradients.bias)
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), one, "{threads} threads");
        }
        for row in [0, 1, 36] {
            let alone = Sizes { rows: 1, ..sizes };
            let y = cpu::forward(level, &x[row * 256..][..256], &weight, &bias, alone);
            assert_eq!(y, one.0[row * 120..][..120]);
        }
    }
}

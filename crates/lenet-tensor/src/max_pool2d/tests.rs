//! One suite for the reference, the kernel and the composed gradient.

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;

use super::{OP, composed_backward, cpu, max_pool2d, reference};
use crate::Key;
use crate::geometry::Pool2dGeometry;
use crate::testing::{assert_close, check_gradients, uniform};

type Forward = fn(&[f32], &Pool2dGeometry) -> (Vec<f32>, Vec<u32>);
type Backward = fn(&[f32], &[u32], &Pool2dGeometry) -> Vec<f32>;
const KERNELS: [(Forward, Backward); 2] = [
    (reference::forward::<f32>, reference::backward::<f32>),
    (cpu::forward, cpu::backward),
];

fn plane(height: usize, width: usize, kernel: usize, stride: usize) -> Pool2dGeometry {
    Pool2dGeometry::new(OP, &[1, 1, height, width], [kernel; 2], [stride; 2]).unwrap()
}

#[test]
fn the_gradient_goes_to_the_maximum_whole() {
    let g = plane(2, 2, 2, 2);
    for (forward, backward) in KERNELS {
        let (y, argmax) = forward(&[1., 4., 3., 2.], &g);
        assert_eq!((&y[..], &argmax[..]), (&[4.][..], &[1][..]));
        assert_eq!(backward(&[7.], &argmax, &g), [0., 7., 0., 0.]);
    }
}

#[test]
fn the_first_of_equal_values_takes_all() {
    let g = plane(2, 2, 2, 2);
    for (forward, backward) in KERNELS {
        let (_, argmax) = forward(&[5.; 4], &g);
        assert_eq!(backward(&[1.], &argmax, &g), [1., 0., 0., 0.]);
        let (_, argmax) = forward(&[0., 5., 5., 0.], &g);
        assert_eq!(backward(&[1.], &argmax, &g), [0., 1., 0., 0.]);
    }
}

#[test]
fn odd_sizes_leave_the_rest_out() {
    for size in [5, 13] {
        let g = plane(size, size, 2, 2);
        let x: Vec<f32> = (0..size * size).map(|v| v as f32).collect();
        for (forward, backward) in KERNELS {
            let (y, argmax) = forward(&x, &g);
            // Rising values: the maximum is each window's last cell.
            let last: Vec<f32> = (0..size / 2)
                .flat_map(|i| (0..size / 2).map(move |j| ((2 * i + 1) * size + 2 * j + 1) as f32))
                .collect();
            assert_eq!(y, last);
            let dx = backward(&vec![1.; y.len()], &argmax, &g);
            for (cell, &d) in dx.iter().enumerate() {
                assert_eq!(d == 1.0, last.contains(&(cell as f32)), "cell {cell}");
            }
        }
    }
}

#[test]
fn overlapping_windows_add_up() {
    let g = plane(3, 3, 2, 1);
    let x = [0., 0., 0., 0., 9., 0., 0., 0., 0.];
    for (forward, backward) in KERNELS {
        let (y, argmax) = forward(&x, &g);
        assert_eq!(y, [9.; 4]);
        assert_eq!(backward(&[1., 2., 3., 4.], &argmax, &g)[4], 10.0);
    }
}

#[test]
fn nan_passes_through() {
    let g = plane(2, 2, 2, 2);
    for (forward, _) in KERNELS {
        let (y, argmax) = forward(&[f32::INFINITY, 1., f32::NAN, f32::NAN], &g);
        assert!(y[0].is_nan() && argmax[0] == 2);
    }
}

#[test]
fn no_images_give_no_maxima() {
    let x = Tensor::zeros((0, 3, 4, 4), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(max_pool2d(&x, 2, 2).unwrap().dims(), [0, 3, 2, 2]);
}

#[test]
fn a_window_that_does_not_fit_is_named() {
    let x = Tensor::zeros((1, 1, 1, 4), DType::F32, &Device::Cpu).unwrap();
    let error = max_pool2d(&x, 2, 2).unwrap_err().to_string();
    assert!(
        error.contains("max_pool2d: a window of 2") && error.contains("height of 1"),
        "{error}"
    );
}

/// Values on a grid of five: ties are everywhere.
fn with_ties(key: Key, n: usize) -> Vec<f32> {
    key.uniform(n, -2.5, 2.5)
        .iter()
        .map(|v| v.round())
        .collect()
}

proptest! {
    #[test]
    fn every_way_gives_the_reference(
        batch in 0usize..3, channels in 1usize..4, height in 1usize..10, width in 1usize..10,
        kernel in (1usize..4, 1usize..4), stride in (1usize..4, 1usize..4), seed: u64, nan: bool,
    ) {
        let (kernel, stride) = ([kernel.0, kernel.1], [stride.0, stride.1]);
        prop_assume!(kernel[0] <= height && kernel[1] <= width);
        let g = Pool2dGeometry::new(OP, &[batch, channels, height, width], kernel, stride).unwrap();
        let key = Key::from_seed(seed);
        let mut x = with_ties(key.fold_in("x"), batch * channels * height * width);
        if nan && !x.is_empty() {
            let middle = x.len() / 2;
            x[middle] = f32::NAN;
        }
        let (y, argmax) = reference::forward(&x, &g);
        let grad = key.fold_in("grad").uniform(y.len(), -1.0, 1.0);
        let dx = reference::backward(&grad, &argmax, &g);

        let (fast_y, fast_argmax) = cpu::forward(&x, &g);
        // Moving values rounds nothing: the kernels agree to the bit.
        assert_close(&fast_y, &y, 0.0);
        prop_assert_eq!(&fast_argmax, &argmax);
        prop_assert_eq!(&cpu::backward(&grad, &argmax, &g), &dx);

        if batch > 0 {
            let tensor = |v: &[f32], shape: [usize; 4]| Tensor::from_slice(v, &shape, &Device::Cpu).unwrap();
            let shape = [batch, channels, height, width];
            let composed = composed_backward(
                &g, &tensor(&x, shape), &tensor(&y, g.output_shape()), &tensor(&grad, g.output_shape()),
            ).unwrap();
            // Overlapping windows may be added in another order: f32 rounding of up to 9 terms.
            assert_close(&composed.flatten_all().unwrap().to_vec1::<f32>().unwrap(), &dx, 1e-6);
        }
    }

    #[test]
    fn strided_inputs_are_read_in_their_order(height in 2usize..8, width in 2usize..8, seed: u64) {
        let x = uniform(Key::from_seed(seed), &[1, 2, width, height], DType::F32).unwrap();
        let turned = x.transpose(2, 3).unwrap();
        let expected = max_pool2d(&turned.contiguous().unwrap(), 2, 2).unwrap();
        let y = max_pool2d(&turned, 2, 2).unwrap();
        prop_assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            expected.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (size, kernel, stride) in [
        ([4, 4], (2, 2), (2, 2)),
        ([5, 7], (3, 2), (1, 2)),
        ([13, 5], (2, 2), (2, 2)),
    ] {
        // A permutation of well separated values: no ties within a step.
        let n = 2 * size[0] * size[1];
        let values: Vec<f64> = Key::from_seed(5)
            .permutation(n)
            .into_iter()
            .map(|v| v as f64 / 10.0)
            .collect();
        let x = Tensor::from_vec(values, (1, 2, size[0], size[1]), &Device::Cpu).unwrap();
        check_gradients(&[x], |x| max_pool2d(&x[0], kernel, stride)).unwrap();
    }
}

#[test]
fn the_operation_is_recorded_for_tracked_inputs_alone() -> Result<()> {
    let x = Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
    assert!(!max_pool2d(&x, 2, 2)?.track_op());
    let var = Var::from_tensor(&x)?;
    let gradients = max_pool2d(&var, 2, 2)?.sum_all()?.backward()?;
    let dx = gradients
        .get(&var)
        .expect("a gradient")
        .flatten_all()?
        .to_vec1::<f32>()?;
    assert_eq!(dx.iter().sum::<f32>(), 4.0);
    Ok(())
}

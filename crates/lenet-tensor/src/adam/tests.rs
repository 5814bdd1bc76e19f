//! One suite for the reference, the kernel and the way by tensors.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::{Coefficients, Hyper, Moments, cpu, reference, update};
use crate::Key;
use crate::simd::{Level, level};
use crate::testing::{assert_close, uniform};

#[test]
fn the_first_step_is_the_learning_rate_with_the_gradients_sign() {
    // With the bias corrected, m / √v is g / |g| at t = 1, whatever g is.
    let theta = Var::new(&[1f32, 1., 1.], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[1e-3f32, -5., 100.], &Device::Cpu).unwrap();
    let mut moments = Moments::zeros(&theta).unwrap();
    update(&theta, &gradient, &mut moments, &Hyper::default(), 1).unwrap();
    // ε against a gradient of 1e-3 is 1e-5 of the step of 1e-3; f32 adds 6e-8.
    assert_close(
        &theta.to_vec1::<f32>().unwrap(),
        &[0.999f32, 1.001, 0.999],
        1e-7,
    );
}

#[test]
fn the_moments_are_pytorchs_to_the_last_bit() {
    let theta = Var::new(&[1f32; 9], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[1f32; 9], &Device::Cpu).unwrap();
    let mut moments = Moments::zeros(&theta).unwrap();
    update(&theta, &gradient, &mut moments, &Hyper::default(), 1).unwrap();
    let (first, second) = moments.values().unwrap();
    // `exp_avg` and `exp_avg_sq` after one step of `torch.optim.Adam`.
    assert_eq!(first.to_vec1::<f32>().unwrap(), [0.1; 9]);
    assert_eq!(second.to_vec1::<f32>().unwrap(), [0.001; 9]);
}

#[test]
fn decoupled_decay_shrinks_the_parameter_alone() {
    let run = |decoupled| {
        let hyper = Hyper {
            weight_decay: 0.1,
            lr: 0.5,
            decoupled,
            ..Hyper::default()
        };
        let (mut theta, mut m, mut v) = ([2f64], [0f64], [0f64]);
        reference::step(&mut theta, &[0.0], &mut m, &mut v, &hyper, 1);
        (theta[0], m[0])
    };
    assert_eq!(run(true), (2.0 * (1.0 - 0.05), 0.0));
    let (theta, m) = run(false);
    assert!((theta - 1.5).abs() < 1e-6 && (m - 0.02).abs() < 1e-12);
}

#[test]
fn moments_of_another_parameter_are_refused() {
    let theta = Var::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let other = Var::zeros(4, DType::F32, &Device::Cpu).unwrap();
    let mut moments = Moments::zeros(&other).unwrap();
    let gradient = Tensor::ones(3, DType::F32, &Device::Cpu).unwrap();
    let error = update(&theta, &gradient, &mut moments, &Hyper::default(), 1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("3 parameters, but 3 gradients and 4 moments")
    );
}

fn hypers() -> impl Strategy<Value = Hyper> {
    (
        1e-4..0.1f64,
        0.0..0.99f64,
        0.5..0.9999f64,
        0.0..0.3f64,
        any::<bool>(),
    )
        .prop_map(|(lr, beta1, beta2, weight_decay, decoupled)| Hyper {
            lr,
            beta1,
            beta2,
            eps: 1e-8,
            weight_decay,
            decoupled,
        })
}

proptest! {
    #[test]
    fn every_way_follows_the_reference_in_f64(hyper in hypers(), n in 1usize..40, seed: u64) {
        let key = Key::from_seed(seed);
        let start = key.fold_in("theta").uniform(n, -1.0, 1.0);
        let mut exact: Vec<f64> = start.iter().map(|&v| f64::from(v)).collect();
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);

        let zeros = vec![0.0; n];
        let begin = |level| (level, start.clone(), zeros.clone(), zeros.clone());
        let mut fast: Vec<_> = Level::all().into_iter().map(begin).collect();
        let theta32 = Var::new(start.as_slice(), &Device::Cpu).unwrap();
        let theta64 = Var::from_tensor(&theta32.to_dtype(DType::F64).unwrap()).unwrap();
        let mut moments32 = Moments::zeros(&theta32).unwrap();
        let mut moments64 = Moments::zeros(&theta64).unwrap();

        for t in 1..=20 {
            let gradient = uniform(key.fold_in_index(t), &[n], DType::F32).unwrap();
            let values = gradient.to_vec1::<f32>().unwrap();
            let wide: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            reference::step(&mut exact, &wide, &mut m, &mut v, &hyper, t);
            for (level, theta, m, v) in &mut fast {
                cpu::step(*level, theta, &values, m, v, &Coefficients::new(&hyper, t));
            }
            update(&theta32, &gradient, &mut moments32, &hyper, t).unwrap();
            update(&theta64, &gradient.to_dtype(DType::F64).unwrap(), &mut moments64, &hyper, t).unwrap();
        }
        // 20 steps of at most lr·20 each, rounded to f32 in about ten operations.
        for (_, theta, _, _) in &fast {
            assert_close(theta, &exact, 1e-4);
        }
        let (_, theta, fast_m, fast_v) = fast.into_iter().find(|fast| fast.0 == level()).unwrap();
        prop_assert_eq!(theta32.to_vec1::<f32>().unwrap(), theta);
        // The same sums in f64, in another order.
        assert_close(&theta64.to_vec1::<f64>().unwrap(), &exact, 1e-9);
        let (m64, _) = moments64.values().unwrap();
        assert_close(&m64.to_vec1::<f64>().unwrap(), &m, 1e-12);
        let (m32, v32) = moments32.values().unwrap();
        prop_assert_eq!((m32.to_vec1::<f32>().unwrap(), v32.to_vec1::<f32>().unwrap()), (fast_m, fast_v));
    }
}

/// A weight whose gradient has become zero: its moments decay, and end at zero
/// before they leave f32's normal range.
#[test]
fn moments_do_not_become_subnormal() {
    for level in Level::all() {
        let (mut theta, mut m, mut v) = ([1.0], [1e-37], [1e-37]);
        let c = Coefficients::new(&Hyper::default(), 1000);
        for _ in 0..100_000 {
            cpu::step(level, &mut theta, &[0.0], &mut m, &mut v, &c);
            assert!(!m[0].is_subnormal() && !v[0].is_subnormal());
        }
        assert_eq!((m, v), ([0.0], [0.0]));
    }
}

#[test]
fn moments_go_on_from_their_values() {
    for dtype in [DType::F32, DType::F64] {
        let parameter =
            || Var::from_tensor(&uniform(Key::from_seed(1), &[3, 5], dtype).unwrap()).unwrap();
        let gradient = uniform(Key::from_seed(2), &[3, 5], dtype).unwrap();
        let (straight, resumed) = (parameter(), parameter());
        let mut moments = Moments::zeros(&straight).unwrap();
        for t in 1..=2 {
            update(&straight, &gradient, &mut moments, &Hyper::default(), t).unwrap();
        }
        let mut moments = Moments::zeros(&resumed).unwrap();
        update(&resumed, &gradient, &mut moments, &Hyper::default(), 1).unwrap();
        let (first, second) = moments.values().unwrap();
        let mut moments = Moments::from_values(&resumed, &first, &second).unwrap();
        update(&resumed, &gradient, &mut moments, &Hyper::default(), 2).unwrap();
        let values = |var: &Var| var.to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(values(&straight), values(&resumed));
        let other = uniform(Key::from_seed(3), &[14], dtype).unwrap();
        assert!(Moments::from_values(&resumed, &other, &other).is_err());
    }
}

#[test]
fn a_step_is_as_exact_as_f32_allows() {
    // From zero, so that a parameter is the sum of its steps alone.
    let gradients = [0.3f64, -2e-4, 7.0, 1e-6];
    for level in Level::all() {
        let (mut theta, mut m, mut v) = ([0.0f32; 4], [0.0f32; 4], [0.0f32; 4]);
        let (mut exact, mut em, mut ev) = ([0.0f64; 4], [0.0f64; 4], [0.0f64; 4]);
        for t in 1..=20 {
            let factor = 1.0 + f64::from(t as u32) / 7.0;
            let g = gradients.map(|g| g * factor);
            let hyper = Hyper::default();
            reference::step::<f64>(&mut exact, &g, &mut em, &mut ev, &hyper, t);
            let c = Coefficients::new(&hyper, t);
            cpu::step(level, &mut theta, &g.map(|g| g as f32), &mut m, &mut v, &c);
            for (&got, &want) in theta.iter().zip(&exact) {
                // Some ten roundings of 6e-8 in each step.
                let off = (f64::from(got) / want - 1.0).abs();
                assert!(off < 6e-7, "{got}, not {want}, at step {t}, {level:?}");
            }
        }
    }
}

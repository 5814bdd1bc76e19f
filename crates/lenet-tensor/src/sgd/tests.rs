//! One suite for the reference, the operation and the way by tensors.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::{Hyper, Velocity, reference, update};
use crate::Key;
use crate::simd::Level;
use crate::testing::{assert_close, uniform};

#[test]
fn two_steps_by_hand() {
    let run = |nesterov| {
        let hyper = Hyper {
            lr: 0.1,
            momentum: 0.5,
            nesterov,
            weight_decay: 0.0,
        };
        let (mut theta, mut velocity) = ([1f64], [0f64]);
        for _ in 0..2 {
            reference::step(&mut theta, &[2.0], &mut velocity, &hyper);
        }
        (theta[0], velocity[0])
    };
    // b: 2, then 3. θ: 1 - 0.2 - 0.3, or with Nesterov 1 - 0.3 - 0.35.
    let (theta, velocity) = run(false);
    assert!((theta - 0.5).abs() < 1e-12 && velocity == 3.0);
    let (theta, velocity) = run(true);
    assert!((theta - 0.35).abs() < 1e-12 && velocity == 3.0);
}

#[test]
fn a_plain_step_is_the_gradient() {
    let theta = Var::new(&[1f32, -1.], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[0.25f32, -0.5], &Device::Cpu).unwrap();
    let mut velocity = Velocity::zeros(&theta).unwrap();
    let hyper = Hyper {
        lr: 1.0,
        ..Hyper::default()
    };
    update(&theta, &gradient, &mut velocity, &hyper).unwrap();
    assert_eq!(theta.to_vec1::<f32>().unwrap(), [0.75, -0.5]);
}

#[test]
fn the_velocity_of_another_parameter_is_refused() {
    let theta = Var::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let mut velocity =
        Velocity::zeros(&Tensor::zeros(4, DType::F32, &Device::Cpu).unwrap()).unwrap();
    let gradient = Tensor::ones(3, DType::F32, &Device::Cpu).unwrap();
    let error = update(&theta, &gradient, &mut velocity, &Hyper::default()).unwrap_err();
    assert!(error.to_string().contains("4 velocities"));
}

proptest! {
    #[test]
    fn every_way_follows_the_reference_in_f64(
        lr in 1e-3..0.5f64, momentum in 0.0..0.95f64, nesterov: bool, weight_decay in 0.0..0.2f64,
        n in 1usize..40, seed: u64,
    ) {
        let hyper = Hyper { lr, momentum, nesterov, weight_decay };
        let key = Key::from_seed(seed);
        let theta32 = Var::from_tensor(&uniform(key, &[n], DType::F32).unwrap()).unwrap();
        let theta64 = Var::from_tensor(&theta32.to_dtype(DType::F64).unwrap()).unwrap();
        let mut exact = theta64.to_vec1::<f64>().unwrap();
        let mut velocity = vec![0.0; n];
        let mut velocity32 = Velocity::zeros(&theta32).unwrap();
        let begin = |level| (level, theta32.to_vec1::<f32>().unwrap(), vec![0.0; n]);
        let mut fast: Vec<_> = Level::all().into_iter().map(begin).collect();
        let mut velocity64 = Velocity::zeros(&theta64).unwrap();
        for t in 0..20 {
            let gradient = uniform(key.fold_in_index(t), &[n], DType::F32).unwrap();
            let wide = gradient.to_dtype(DType::F64).unwrap();
            reference::step(&mut exact, &wide.to_vec1::<f64>().unwrap(), &mut velocity, &hyper);
            for (level, theta, velocity) in &mut fast {
                super::cpu::step(*level, theta, &gradient.to_vec1::<f32>().unwrap(), velocity, &hyper);
            }
            update(&theta32, &gradient, &mut velocity32, &hyper).unwrap();
            update(&theta64, &wide, &mut velocity64, &hyper).unwrap();
        }
        // 20 steps with velocities up to 20, each rounded to f32 a few times.
        assert_close(&theta32.to_vec1::<f32>().unwrap(), &exact, 1e-4);
        for (_, theta, _) in &fast {
            assert_close(theta, &exact, 1e-4);
        }
        // The same sums in f64, in another order.
        assert_close(&theta64.to_vec1::<f64>().unwrap(), &exact, 1e-9);
        assert_close(&velocity64.values().unwrap().to_vec1::<f64>().unwrap(), &velocity, 1e-9);
    }
}

#[test]
fn a_velocity_goes_on_from_its_values() {
    let hyper = Hyper {
        momentum: 0.9,
        ..Hyper::default()
    };
    for dtype in [DType::F32, DType::F64] {
        let parameter =
            || Var::from_tensor(&uniform(Key::from_seed(1), &[3, 5], dtype).unwrap()).unwrap();
        let gradient = uniform(Key::from_seed(2), &[3, 5], dtype).unwrap();
        let (straight, resumed) = (parameter(), parameter());
        let mut velocity = Velocity::zeros(&straight).unwrap();
        for _ in 0..2 {
            update(&straight, &gradient, &mut velocity, &hyper).unwrap();
        }
        let mut velocity = Velocity::zeros(&resumed).unwrap();
        update(&resumed, &gradient, &mut velocity, &hyper).unwrap();
        let mut velocity = Velocity::from_values(&resumed, &velocity.values().unwrap()).unwrap();
        update(&resumed, &gradient, &mut velocity, &hyper).unwrap();
        let values = |var: &Var| var.to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(values(&straight), values(&resumed));
        let other = uniform(Key::from_seed(3), &[14], dtype).unwrap();
        assert!(Velocity::from_values(&resumed, &other).is_err());
    }
}

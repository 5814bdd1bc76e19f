//! Gradients off and evaluation mode are two switches: Dropout and BatchNorm in
//! all four combinations.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use candle_core::{DType, Device, Tensor};
use candle_nn::ModuleT;
use lenet_nn::layers::{BatchNorm2d, Dropout};
use lenet_nn::models::{Flavour, Model};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::testing::uniform;
use lenet_tensor::{Key, no_grad};

/// Runs `f` with gradients on or off.
fn with_grad<T>(grad: bool, f: impl FnOnce() -> T) -> T {
    if grad { f() } else { no_grad(f) }
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn parameters() -> Parameters {
    Parameters::new(Key::from_seed(1), &Device::Cpu)
}

#[test]
fn dropout_looks_at_the_mode_alone() {
    let x = candle_core::Var::ones(1000, DType::F32, &Device::Cpu).unwrap();
    for grad in [true, false] {
        for train in [true, false] {
            let layer = Dropout::new(0.5, Key::from_seed(2)).unwrap();
            let y = with_grad(grad, || layer.forward_t(&x, train)).unwrap();
            let dropped = values(&y).iter().filter(|&&v| v == 0.0).count();
            // 1,000 draws of one half: 500 ± 5 standard errors of 16.
            let expected = if train { 420..580 } else { 0..1 };
            assert!(
                expected.contains(&dropped),
                "grad {grad}, train {train}: {dropped}"
            );
        }
    }
}

#[test]
fn batch_norm_tracks_by_mode_and_keeps_a_graph_by_gradients() {
    let x = uniform(Key::from_seed(3), &[4, 2, 3, 3], DType::F32).unwrap();
    for grad in [true, false] {
        for train in [true, false] {
            let parameters = parameters();
            let layer = BatchNorm2d::new(2, parameters.builder()).unwrap();
            let y = with_grad(grad, || layer.forward_t(&x, train)).unwrap();
            assert_eq!(y.track_op(), grad, "train {train}");
            let moved = parameters.entries().iter().any(|entry| {
                let fresh = if entry.name == "running_var" {
                    1.0
                } else {
                    0.0
                };
                entry.is_buffer() && values(&entry.var).iter().any(|&v| v != fresh)
            });
            assert_eq!(moved, train, "grad {grad}");
        }
    }
}

#[test]
fn a_whole_model_has_the_four_combinations() {
    let parameters = parameters();
    let model = ModelKind::Lenet5Plus
        .build(Flavour::Modern, &parameters)
        .unwrap();
    let x = uniform(Key::from_seed(4), &[8, 1, 28, 28], DType::F32).unwrap();
    let run =
        |model: &dyn Model, grad, train| with_grad(grad, || model.forward_t(&x, train)).unwrap();
    for grad in [true, false] {
        // Training mode draws anew; evaluation mode repeats itself.
        assert_ne!(
            values(&run(&*model, grad, true)),
            values(&run(&*model, grad, true))
        );
        assert_eq!(
            values(&run(&*model, grad, false)),
            values(&run(&*model, grad, false))
        );
        for train in [true, false] {
            assert_eq!(run(&*model, grad, train).track_op(), grad, "train {train}");
        }
    }
}

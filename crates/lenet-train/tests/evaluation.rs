//! Evaluation switches off gradients and training mode, changes nothing, and does
//! not pass over NaN.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

mod common;

use std::cell::RefCell;

use candle_core::{Device, Result, Tensor};
use candle_nn::ModuleT;
use lenet_data::{Loader, Split};
use lenet_nn::loss::Loss;
use lenet_nn::{ModelKind, weights};
use lenet_tensor::grad_mode::is_grad_enabled;
use lenet_train::{Error, TrainConfig, evaluate};

use common::{run, sample, transform};

/// Notes how it is called, and gives every sample `output` for each class.
#[derive(Default)]
struct Spy {
    /// `train`, and whether gradients are on.
    calls: RefCell<Vec<(bool, bool)>>,
    output: f32,
}

impl ModuleT for Spy {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.calls.borrow_mut().push((train, is_grad_enabled()));
        Tensor::full(self.output, (x.dim(0)?, 10), &Device::Cpu)
    }
}

fn five() -> Split {
    Split::new(vec![7; 5 * 784], vec![0, 1, 2, 3, 4]).unwrap()
}

#[test]
fn gradients_and_training_mode_are_off_for_every_batch_and_on_again_after() {
    let split = five();
    let data = Loader::new(&split, Default::default(), 2).unwrap();
    let spy = Spy::default();
    evaluate(&spy, Loss::CrossEntropy, &data).unwrap();
    assert_eq!(spy.calls.into_inner(), [(false, false); 3]);
    assert!(is_grad_enabled());
}

#[test]
fn evaluating_twice_gives_the_same_and_leaves_the_weights() {
    let data = sample();
    let config = TrainConfig {
        model: ModelKind::Lenet5Plus,
        max_steps: Some(2),
        ..TrainConfig::default()
    };
    // Trained a little, so that BatchNorm's statistics are not those of a batch.
    let (model, parameters, fit) = run(&data, &config, &mut ());
    fit.unwrap();
    let test = Loader::new(&data.test, transform(&data, &config), 500).unwrap();
    let before = weights::sha256(&parameters).unwrap();
    let first = evaluate(&*model, Loss::CrossEntropy, &test).unwrap();
    assert_eq!(evaluate(&*model, Loss::CrossEntropy, &test).unwrap(), first);
    assert_eq!(weights::sha256(&parameters).unwrap(), before);
}

#[test]
fn a_loss_that_is_not_finite_is_an_error() {
    let split = five();
    let data = Loader::new(&split, Default::default(), 2).unwrap();
    for output in [f32::NAN, f32::INFINITY] {
        let spy = Spy {
            output,
            ..Spy::default()
        };
        let error = evaluate(&spy, Loss::CrossEntropy, &data).unwrap_err();
        assert!(matches!(error, Error::NotFinite(_)), "{error}");
        assert_eq!(spy.calls.into_inner().len(), 1, "it stops at once");
    }
}

//! The learning-rate range test on the built-in sample of real digits.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use candle_core::Device;
use lenet_data::{Loader, Request, Transform};
use lenet_nn::Parameters;
use lenet_train::{Error, LrCurve, LrFinder, OptimizerKind, Schedule, TrainConfig, Trainer};

fn curve(config: &TrainConfig, finder: LrFinder) -> Result<LrCurve, Error> {
    let request = Request {
        choice: "sample".parse().unwrap(),
        ..Request::default()
    };
    let data = lenet_data::load(&request, &mut ()).unwrap();
    let transform = Transform {
        normalize: Some(data.normalize()),
        padding: config.model.padding(),
    };
    let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
    let model = config.model.build(config.flavour, &parameters).unwrap();
    let mut optimizer = config.optimizer(&parameters).unwrap();
    let train = Loader::new(&data.train, transform, config.batch_size).unwrap();
    let train = train.shuffle(config.key("shuffle"));
    // A schedule, which must not matter.
    let schedule = Schedule {
        lr: 1e9,
        ..config.schedule(1)
    };
    let loss = config.model.loss();
    let trainer = Trainer {
        schedule: Some(schedule),
        ..Trainer::new(&*model, &parameters, loss, &mut *optimizer)
    };
    finder.run(trainer, &train)
}

#[test]
fn adam_and_sgd_get_rates_at_which_they_learn() {
    let adam = curve(&TrainConfig::default(), LrFinder::default()).unwrap();
    let suggestion = adam.suggestion.unwrap();
    assert!((1e-4..1e-1).contains(&suggestion), "{suggestion}");
    assert!(adam.rates.contains(&suggestion));
    let lengths = [&adam.rates, &adam.losses, &adam.smoothed].map(Vec::len);
    assert_eq!(lengths, [adam.rates.len(); 3]);

    let sgd = TrainConfig {
        optimizer: OptimizerKind::Sgd,
        ..TrainConfig::default()
    };
    let to_10 = LrFinder {
        to: 10.0,
        ..LrFinder::default()
    };
    let suggestion = curve(&sgd, to_10).unwrap().suggestion.unwrap();
    // Plain SGD takes some ten times Adam's rates here.
    assert!((1e-2..1.0).contains(&suggestion), "{suggestion}");
}

#[test]
fn it_ends_where_the_loss_explodes_and_repeats_to_the_bit() {
    let sgd = TrainConfig {
        optimizer: OptimizerKind::Sgd,
        batch_size: 16,
        ..TrainConfig::default()
    };
    let far = LrFinder {
        to: 1e6,
        steps: 60,
        ..LrFinder::default()
    };
    let first = curve(&sgd, far).unwrap();
    assert!(first.rates.len() < 60, "{:?}", first.losses);
    assert!(
        first
            .losses
            .iter()
            .chain(&first.smoothed)
            .all(|loss| loss.is_finite())
    );
    assert_eq!(curve(&sgd, far).unwrap(), first);
}

#[test]
fn nothing_learnt_at_the_very_first_step_is_a_divergence() {
    let sgd = TrainConfig {
        optimizer: OptimizerKind::Sgd,
        ..TrainConfig::default()
    };
    let beyond = LrFinder {
        from: 1e39,
        to: 1e40,
        steps: 3,
    };
    let error = curve(&sgd, beyond).unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, .. }), "{error}");
}

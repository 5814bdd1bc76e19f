//! The built-in sample, and a run over it.

use candle_core::Device;
use lenet_data::{Dataset, Loader, Request, Transform};
use lenet_nn::{Model, Parameters};
use lenet_train::{Fit, Observer, TrainConfig, Trainer};

/// The built-in sample.
pub(crate) fn sample() -> Dataset {
    let choice = "sample".parse().unwrap();
    let request = Request {
        choice,
        ..Request::default()
    };
    lenet_data::load(&request, &mut ()).unwrap()
}

/// The transform that goes with it.
pub(crate) fn transform(data: &Dataset, config: &TrainConfig) -> Transform {
    Transform {
        normalize: Some(data.normalize()),
        padding: config.model.padding(),
    }
}

/// A run from scratch.
pub(crate) fn run(
    data: &Dataset,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> (Box<dyn Model>, Parameters, lenet_train::Result<Fit>) {
    let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
    let model = config.model.build(config.flavour, &parameters).unwrap();
    let transform = transform(data, config);
    let parts = config.hold_out(&data.train).unwrap();
    let train = parts.as_ref().map_or(&data.train, |(train, _)| train);
    let train = Loader::new(train, transform, config.batch_size)
        .unwrap()
        .shuffle(config.key("shuffle"));
    let held_out = parts
        .as_ref()
        .map(|(_, held_out)| Loader::new(held_out, transform, config.test_batch_size).unwrap());
    let mut optimizer = config.optimizer(&parameters).unwrap();
    let fit = Trainer {
        epochs: config.epochs,
        max_steps: config.max_steps,
        patience: config.patience,
        schedule: Some(config.schedule(train.batch_count() as u64)),
        ..Trainer::new(&*model, &parameters, config.model.loss(), &mut *optimizer)
    }
    .fit(&train, held_out.as_ref(), observer);
    (model, parameters, fit)
}

//! A run that is stopped anywhere and taken up again ends as the run that was not, to
//! the bit.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Device;
use lenet_data::{Augment, Augmenter, Dataset, Loader, Request, Transform};
use lenet_nn::models::Model;
use lenet_nn::{ModelKind, Parameters, weights};
use lenet_train::checkpoint::{Checkpoints, Origin};
use lenet_train::{Ended, EpochMetrics, Error, Fit, Keep, OptimizerKind, TrainConfig, Trainer};
use proptest::prelude::*;

/// A few images, so that a run takes a moment.
fn data() -> Dataset {
    let request = Request {
        choice: "sample".parse().unwrap(),
        ..Request::default()
    };
    let mut data = lenet_data::load(&request, &mut ()).unwrap();
    data.train = data.train.subset(&Vec::from_iter(0..120));
    data
}

struct Setup<'a> {
    data: &'a Dataset,
    config: TrainConfig,
    ema_decay: Option<f64>,
    folder: &'a Path,
}

impl Setup<'_> {
    /// Goes on from what lies in the folder, up to `steps` more steps.
    fn go_on(&self, steps: u64) -> (Parameters, Fit) {
        let config = &self.config;
        let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
        let model = config.model.build(config.flavour, &parameters).unwrap();
        let fit = self.fit(&*model, &parameters, steps).unwrap();
        (parameters, fit)
    }

    fn fit(
        &self,
        model: &dyn Model,
        parameters: &Parameters,
        steps: u64,
    ) -> lenet_train::Result<Fit> {
        let config = &self.config;
        let (train, held_out) = config.hold_out(&self.data.train).unwrap().unwrap();
        let transform = Transform::default();
        let train = Loader::new(&train, transform, config.batch_size)
            .unwrap()
            .shuffle(config.key("shuffle"))
            .augment(Augmenter::new(Augment::Affine, config.key("augment")));
        let held_out = Loader::new(&held_out, transform, 50).unwrap();
        let checkpoints = Checkpoints::of(self.folder);
        let resume = checkpoints
            .exist()
            .then(|| checkpoints.load().unwrap().checkpoint);
        let left = AtomicU64::new(steps);
        let mut optimizer = config.optimizer(parameters).unwrap();
        Trainer {
            epochs: config.epochs,
            max_steps: config.max_steps,
            patience: config.patience,
            label_smoothing: 0.1,
            clip_grad_norm: Some(1.0),
            ema_decay: self.ema_decay,
            keep: Some(Keep {
                checkpoints: &checkpoints,
                every: Some(2),
                origin: &Origin::default(),
                best: None,
            }),
            resume,
            stop: &|| left.fetch_sub(1, Ordering::Relaxed) == 1,
            ..Trainer::new(model, parameters, config.model.loss(), &mut *optimizer)
        }
        .fit(&train, Some(&held_out), &mut ())
    }
}

/// An epoch's metrics without what a clock says.
fn timeless(epochs: &[EpochMetrics]) -> Vec<EpochMetrics> {
    let without = |metrics: &EpochMetrics| EpochMetrics {
        train_seconds: 0.0,
        samples_per_second: 0.0,
        ..metrics.clone()
    };
    epochs.iter().map(without).collect()
}

fn optimizer() -> impl Strategy<Value = OptimizerKind> {
    prop::sample::select(vec![
        OptimizerKind::Adam,
        OptimizerKind::AdamW,
        OptimizerKind::Sgd,
    ])
}

proptest! {
    // A case is two short runs.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_stopped_run_ends_as_one_that_was_not(
        optimizer in optimizer(),
        // With Dropout and BatchNorm every third time, which takes longer.
        model in prop::sample::select(vec![ModelKind::Lenet5, ModelKind::ConvNet, ModelKind::Lenet5Plus]),
        ema in any::<bool>(),
        // 96 images are left to train on: 8 steps an epoch.
        stops in prop::collection::vec(1u64..12, 1..4),
        max_steps in prop::option::of(1u64..20),
        patience in prop::option::of(1u64..3),
        seed: u64,
    ) {
        let (data, root) = (data(), tempfile::tempdir().unwrap());
        let config = TrainConfig {
            model,
            optimizer,
            momentum: if optimizer == OptimizerKind::Sgd { 0.9 } else { 0.0 },
            lr: 0.01,
            weight_decay: 0.01,
            epochs: 3,
            batch_size: 13,
            val_split: 0.2,
            max_steps,
            patience,
            seed,
            ..TrainConfig::default()
        };
        let setup = |folder| Setup { data: &data, config: config.clone(), ema_decay: ema.then_some(0.9), folder };
        let (whole, broken) = (root.path().join("whole"), root.path().join("broken"));
        let (parameters, fit) = setup(&whole).go_on(u64::MAX);
        prop_assert!(fit.ended != Ended::Stopped);
        let expected = weights::sha256(&parameters).unwrap();

        let mut ended = Ended::Stopped;
        for steps in stops {
            let fit = setup(&broken).go_on(steps).1;
            ended = fit.ended;
        }
        let (parameters, resumed) = setup(&broken).go_on(u64::MAX);
        prop_assert_eq!(weights::sha256(&parameters).unwrap(), expected, "after {:?}", ended);
        prop_assert_eq!(timeless(&resumed.epochs), timeless(&fit.epochs));
        prop_assert_eq!((resumed.best_epoch, resumed.ended), (fit.best_epoch, fit.ended));
    }
}

#[test]
fn steps_can_be_added_to_a_run_that_is_over() {
    let (data, root) = (data(), tempfile::tempdir().unwrap());
    let run = |folder: &str, max_steps| {
        let config = TrainConfig {
            epochs: 2,
            batch_size: 13,
            val_split: 0.2,
            max_steps,
            ..TrainConfig::default()
        };
        let folder = &root.path().join(folder);
        let setup = Setup {
            data: &data,
            config,
            ema_decay: Some(0.5),
            folder,
        };
        weights::sha256(&setup.go_on(u64::MAX).0).unwrap()
    };
    let whole = run("whole", None);
    let short = run("short", Some(5));
    assert_ne!(short, whole);
    // The same again is the same; without the limit it goes on.
    assert_eq!(run("short", Some(5)), short);
    assert_eq!(run("short", None), whole);
}

#[test]
fn a_checkpoint_of_another_model_is_refused_whole() {
    let (data, root) = (data(), tempfile::tempdir().unwrap());
    let config = |model| TrainConfig {
        model,
        epochs: 1,
        batch_size: 50,
        val_split: 0.2,
        ..TrainConfig::default()
    };
    let setup = |model| Setup {
        data: &data,
        config: config(model),
        ema_decay: None,
        folder: root.path(),
    };
    setup(ModelKind::Lenet5).go_on(u64::MAX);
    let other = setup(ModelKind::ConvNet);
    let parameters = Parameters::new(other.config.key("parameters"), &Device::Cpu);
    let model = other
        .config
        .model
        .build(other.config.flavour, &parameters)
        .unwrap();
    let before = weights::sha256(&parameters).unwrap();
    let error = other.fit(&*model, &parameters, u64::MAX).unwrap_err();
    assert!(matches!(error, Error::State(_)), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("`conv1.weight` is [6, 1, 5, 5], expected [10, 1, 5, 5]")
            && error.contains("`fc3.weight` is not of this model"),
        "{error}"
    );
    assert_eq!(weights::sha256(&parameters).unwrap(), before);
}

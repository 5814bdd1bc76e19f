//! A run's parts, built and checked as a whole before anything is written.

use std::path::{Path, PathBuf};

use anyhow::Context;
use candle_core::Device;
use lenet_data::{Choice, Dataset, Loader, Split, Transform};
use lenet_nn::weights::{self, Metadata};
use lenet_nn::{Model, Parameters};
use lenet_train::checkpoint::{Checkpoint, Origin};
use lenet_train::{
    Evaluation, Fit, Keep, LrCurve, LrFinder, Mistake, Observer, Trainer, evaluate,
    evaluate_with_mistakes,
};

use super::summary::Summary;
use crate::args::TrainArgs;
use crate::data;
use crate::printer::Printer;
use crate::report::{self, Network, Report, Tested};
use crate::settings::Resolved;
use crate::{threads, trained};

/// How far a run goes, from where, and what becomes of it on the way.
pub(crate) struct Going<'a> {
    pub(crate) max_steps: Option<u64>,
    pub(crate) keep: Option<Keep<'a>>,
    pub(crate) from: Option<Checkpoint>,
    pub(crate) stop: &'a (dyn Fn() -> bool + Sync),
}

/// What a run stands on: the threads, the device and the data.
pub(crate) fn prepare(resolved: &Resolved, printer: &Printer) -> anyhow::Result<(Device, Dataset)> {
    if resolved.void_preset {
        printer.warn(
            "--preset changes nothing: all that it would set is given by flags, variables or \
             --config, which win over it",
        );
    }
    threads::set(resolved.threads)?;
    let device = resolved.device.open()?;
    let request = data::request(
        resolved.dataset,
        resolved.data_dir.clone(),
        resolved.offline,
    );
    Ok((device, data::load(&request, printer)?))
}

/// Everything that a run needs, built and checked before anything is written.
pub(crate) struct Run<'a> {
    resolved: &'a Resolved,
    data: &'a Dataset,
    device: &'a Device,
    /// What is trained on and what is held out, where something is.
    parts: Option<(Split, Split)>,
    transform: Transform,
    pub(crate) parameters: Parameters,
    model: Box<dyn Model>,
    /// Where the weights are kept that it begins with, if not in `--init-from`.
    pub(crate) beginning: Option<PathBuf>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        resolved: &'a Resolved,
        data: &'a Dataset,
        device: &'a Device,
    ) -> anyhow::Result<Self> {
        let config = &resolved.train;
        let parameters = Parameters::new(config.key("parameters"), device);
        let model = config.model.build(config.flavour, &parameters)?;
        let parts = config
            .hold_out(&data.train)
            .with_context(|| format!("--val-split {}: {}", config.val_split, data.name))?;
        Ok(Self {
            resolved,
            data,
            device,
            parts,
            transform: Transform {
                normalize: resolved.normalize.then(|| data.normalize()),
                padding: config.model.padding(),
            },
            parameters,
            model,
            beginning: None,
        })
    }

    /// Takes the weights of `--init-from`, where a run starts from some.
    pub(crate) fn init(&self, printer: &Printer) -> anyhow::Result<()> {
        if let Some(path) = &self.resolved.init_from {
            let file = trained::open(path).context("--init-from")?;
            let loaded = file.load(&self.parameters).context("--init-from")?;
            printer.converted(path, &loaded);
        }
        Ok(())
    }

    /// Warns where the run is over before the warm-up is.
    pub(crate) fn warn_of_warmup(&self, printer: &Printer) -> anyhow::Result<()> {
        let config = &self.resolved.train;
        let schedule = config.schedule(self.train_loader()?.batch_count() as u64);
        if schedule.warmup_steps > 0 && schedule.warmup_steps >= schedule.steps {
            printer.warn(&format!(
                "--warmup-epochs {} is {} steps and the run has {}: the learning rate does not \
                 get to --lr",
                config.warmup_epochs, schedule.warmup_steps, schedule.steps
            ));
        }
        Ok(())
    }

    /// The settings that repeat this run: `auto` is what it came to.
    pub(crate) fn settings(&self) -> crate::settings::Settings {
        let mut resolved = self.resolved.clone();
        resolved.dataset = Choice::Only(self.data.name);
        if self.beginning.is_some() {
            resolved.init_from.clone_from(&self.beginning);
        }
        resolved.settings()
    }

    /// Trains, from a checkpoint where there is one.
    pub(crate) fn fit(&self, going: Going<'_>, observer: &mut dyn Observer) -> anyhow::Result<Fit> {
        let config = &self.resolved.train;
        let train = self.train_loader()?;
        let held_out = match &self.parts {
            Some((_, held_out)) => Some(self.test_loader(held_out)?),
            None => None,
        };
        let mut optimizer = config.optimizer(&self.parameters)?;
        let loss = config.model.loss();
        let fit = Trainer {
            epochs: config.epochs,
            max_steps: going.max_steps,
            patience: config.patience,
            schedule: Some(config.schedule(train.batch_count() as u64)),
            label_smoothing: config.label_smoothing,
            clip_grad_norm: config.clip_grad_norm,
            ema_decay: config.ema_decay,
            keep: going.keep,
            resume: going.from,
            stop: going.stop,
            ..Trainer::new(&*self.model, &self.parameters, loss, &mut *optimizer)
        }
        .fit(&train, held_out.as_ref(), observer)?;
        Ok(fit)
    }

    /// The loss over growing learning rates, each told to `each`; the parameters are of no
    /// use afterwards.
    pub(crate) fn lr_curve(
        &self,
        finder: &LrFinder,
        each: impl FnMut(usize, f64) + Send,
    ) -> anyhow::Result<LrCurve> {
        let config = &self.resolved.train;
        let mut optimizer = config.optimizer(&self.parameters)?;
        let loss = config.model.loss();
        let trainer = Trainer {
            label_smoothing: config.label_smoothing,
            clip_grad_norm: config.clip_grad_norm,
            ..Trainer::new(&*self.model, &self.parameters, loss, &mut *optimizer)
        };
        Ok(finder.run_watched(trainer, &self.train_loader()?, each)?)
    }

    pub(crate) fn test(&self) -> anyhow::Result<Evaluation> {
        let loss = self.resolved.train.model.loss();
        let test = self.test_loader(&self.data.test)?;
        Ok(evaluate(&*self.model, loss, &test)?)
    }

    /// Tests, and finds the worst mistakes on the way.
    pub(crate) fn test_with_mistakes(&self) -> anyhow::Result<(Evaluation, Vec<Mistake>)> {
        let loss = self.resolved.train.model.loss();
        let test = self.test_loader(&self.data.test)?;
        let tested = evaluate_with_mistakes(&*self.model, loss, &test, report::MISTAKES)?;
        Ok(tested)
    }

    /// Batches to train on, as the settings order and change them.
    fn train_loader(&self) -> anyhow::Result<Loader<'_>> {
        let config = &self.resolved.train;
        let mut train =
            Loader::new(self.train(), self.transform, config.batch_size)?.device(self.device);
        if config.shuffle {
            train = train.shuffle(config.key("shuffle"));
        }
        if let Some(augmenter) = config.augmenter() {
            train = train.augment(augmenter);
        }
        Ok(train)
    }

    /// Batches to test on, in their own order.
    fn test_loader<'s>(&self, split: &'s Split) -> anyhow::Result<Loader<'s>> {
        let size = self.resolved.train.test_batch_size;
        Ok(Loader::new(split, self.transform, size)?.device(self.device))
    }

    /// A single step and nothing written; the settings are the result.
    pub(crate) fn dry(&self, args: &TrainArgs, printer: &Printer) -> anyhow::Result<()> {
        let once = Going {
            max_steps: Some(1),
            keep: None,
            from: None,
            stop: &|| false,
        };
        let fit = self.fit(once, &mut ())?;
        let loss = fit.epochs.last().map_or(f64::NAN, |epoch| epoch.train_loss);
        printer.note(&format!(
            "dry run: one step taken (loss {loss:.4}), nothing written"
        ));
        if args.json {
            return printer.json(&self.settings());
        }
        printer.result(toml::to_string(&self.settings())?.trim_end())?;
        Ok(())
    }

    pub(crate) fn metadata(&self, tested: Option<&Evaluation>) -> Metadata {
        let config = &self.resolved.train;
        Metadata {
            model: config.model.to_string(),
            flavour: config.flavour.to_string(),
            normalize: self.transform.normalize.map(|n| (n.mean, n.std)),
            padding: self.transform.padding,
            dataset: self.data.name.to_string(),
            dataset_sha256: Some(self.data.sha256.clone()),
            test_accuracy: tested.map(|tested| tested.tally.accuracy()),
            seed: Some(config.seed),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn chosen_by(&self) -> &'static str {
        match self.parts {
            Some(_) => "accuracy on the held-out training samples",
            None => "none held out: the last step",
        }
    }

    /// What the run is, for its checkpoints: the settings that repeat it, and what must
    /// stay the same.
    pub(crate) fn origin(&self) -> anyhow::Result<Origin> {
        let mut identity = self.resolved.identity()?;
        let here = [
            (
                "data",
                format!("{} {}", self.data.name, &self.data.sha256[..16]),
            ),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        identity.extend(here.map(|(name, value)| (name.to_owned(), value)));
        Ok(Origin {
            settings: toml::to_string(&self.settings())?,
            identity,
        })
    }

    /// What is trained on, without what is held out.
    pub(crate) fn train(&self) -> &Split {
        match &self.parts {
            Some((train, _)) => train,
            None => &self.data.train,
        }
    }

    /// Writes the report of a run that has ended; where it is.
    pub(crate) fn report(
        &self,
        folder: &Path,
        fit: &Fit,
        summary: &Summary,
        tested: (&Evaluation, &[Mistake]),
    ) -> anyhow::Result<PathBuf> {
        let page = report::page(&Report {
            run: folder,
            config: &toml::to_string(&self.settings())?,
            kind: self.resolved.train.model,
            data_dir: self.resolved.data_dir.as_deref(),
            metrics: &fit.epochs,
            chosen: Some(fit.best_epoch),
            summary: Some(summary),
            network: Some(Network {
                model: &*self.model,
                parameters: &self.parameters,
            }),
            tested: Some(Tested {
                data: self.data,
                transform: self.transform,
                evaluation: tested.0,
                mistakes: tested.1,
                index: 0,
            }),
            notes: &[],
        })?;
        let path = folder.join(report::NAME);
        report::write(&path, &page)?;
        Ok(path)
    }

    pub(crate) fn summary(
        &self,
        fit: &Fit,
        tested: &Evaluation,
        folder: Option<&Path>,
    ) -> anyhow::Result<Summary> {
        Ok(Summary {
            dataset: self.data.name.to_string(),
            train_samples: self.train().len(),
            test_samples: self.data.test.len(),
            model: self.resolved.train.model.to_string(),
            parameters: self.parameters.count(),
            seed: self.resolved.train.seed,
            epochs: fit.epochs.len() as u64,
            best_epoch: fit.best_epoch,
            chosen_by: self.chosen_by().into(),
            test_loss: tested.tally.loss(),
            test_accuracy: tested.tally.accuracy(),
            test_correct: tested.tally.correct,
            train_seconds: fit.train_seconds,
            weights_sha256: weights::sha256(&self.parameters)?,
            run_dir: folder.map(|folder| folder.display().to_string()),
        })
    }
}

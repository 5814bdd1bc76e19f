//! `lenet train`: the main job.

use std::path::Path;

use anyhow::Context;
use candle_core::Device;
use lenet_data::{Choice, Dataset, Loader, Split, Transform};
use lenet_nn::weights::{self, Metadata};
use lenet_nn::{Model, Parameters};
use lenet_train::{Evaluation, Event, Fit, Observer, Trainer, evaluate};
use serde::Serialize;

use crate::args::TrainArgs;
use crate::data;
use crate::exit::BelowTarget;
use crate::printer::Printer;
use crate::progress::RunProgress;
use crate::rundir::RunDir;
use crate::settings::Resolved;
use crate::threads;

/// `summary.json`, and stdout with `--json`.
#[derive(Serialize)]
struct Summary {
    dataset: String,
    train_samples: usize,
    test_samples: usize,
    model: String,
    parameters: usize,
    seed: u64,
    epochs: u64,
    best_epoch: u64,
    test_loss: f64,
    test_accuracy: f64,
    test_correct: u64,
    train_seconds: f64,
    weights_sha256: String,
    run_dir: String,
}

pub(crate) fn run(args: Box<TrainArgs>, printer: &Printer) -> anyhow::Result<()> {
    let resolved = args.settings.clone().resolve(args.config.as_deref())?;
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
    let data = data::load(&request, printer)?;
    let run = Run::new(&resolved, &data, &device)?;
    printer.note(&format!(
        "training {} ({} parameters) on {} samples of {} ({})",
        resolved.train.model,
        run.parameters.count(),
        run.train().len(),
        data.name,
        data.origin
    ));
    if args.dry_run {
        return run.dry(&args, printer);
    }
    let mut folder = RunDir::create(
        args.out_dir.as_deref(),
        resolved.train.model,
        &run.settings(),
    )?;
    let mut progress = RunProgress::new(printer, args.log_interval);
    let fit = run.fit(resolved.train.max_steps, &mut |event: &Event<'_>| {
        progress.on(event);
        folder.on(event);
    })?;
    let tested = run.test()?;
    weights::save(&folder.weights(), &run.parameters, &run.metadata(&tested))?;
    let summary = run.summary(&fit, &tested, folder.path())?;
    folder.finish(&summary)?;
    print(&summary, args.json, printer)?;
    match args.target_accuracy {
        Some(target) if summary.test_accuracy < target => Err(BelowTarget {
            reached: summary.test_accuracy,
            target,
        }
        .into()),
        _ => Ok(()),
    }
}

/// Everything that a run needs, built and checked before anything is written.
struct Run<'a> {
    resolved: &'a Resolved,
    data: &'a Dataset,
    device: &'a Device,
    /// What is trained on and what is held out, where something is.
    parts: Option<(Split, Split)>,
    transform: Transform,
    parameters: Parameters,
    model: Box<dyn Model>,
}

impl<'a> Run<'a> {
    fn new(resolved: &'a Resolved, data: &'a Dataset, device: &'a Device) -> anyhow::Result<Self> {
        let config = &resolved.train;
        let parameters = Parameters::new(config.key("parameters"), device);
        let model = config.model.build(config.flavour, &parameters)?;
        if let Some(path) = &resolved.init_from {
            weights::load(path, &parameters).context("--init-from")?;
        }
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
        })
    }

    /// The settings that repeat this run: `auto` is what it came to.
    fn settings(&self) -> crate::settings::Settings {
        let mut resolved = self.resolved.clone();
        resolved.dataset = Choice::Only(self.data.name);
        resolved.settings()
    }

    fn fit(&self, max_steps: Option<u64>, observer: &mut dyn Observer) -> anyhow::Result<Fit> {
        let config = &self.resolved.train;
        let mut train =
            Loader::new(self.train(), self.transform, config.batch_size)?.device(self.device);
        if config.shuffle {
            train = train.shuffle(config.key("shuffle"));
        }
        let held_out = match &self.parts {
            Some((_, held_out)) => Some(self.test_loader(held_out)?),
            None => None,
        };
        let mut optimizer = config.optimizer(&self.parameters)?;
        let loss = config.model.loss();
        let fit = Trainer {
            epochs: config.epochs,
            max_steps,
            patience: config.patience,
            ..Trainer::new(&*self.model, &self.parameters, loss, &mut *optimizer)
        }
        .fit(&train, held_out.as_ref(), observer)?;
        Ok(fit)
    }

    fn test(&self) -> anyhow::Result<Evaluation> {
        let loss = self.resolved.train.model.loss();
        Ok(evaluate(
            &*self.model,
            loss,
            &self.test_loader(&self.data.test)?,
        )?)
    }

    /// Batches to test on, in their own order.
    fn test_loader<'s>(&self, split: &'s Split) -> anyhow::Result<Loader<'s>> {
        let size = self.resolved.train.test_batch_size;
        Ok(Loader::new(split, self.transform, size)?.device(self.device))
    }

    /// A single step and nothing written; the settings are the result.
    fn dry(&self, args: &TrainArgs, printer: &Printer) -> anyhow::Result<()> {
        let fit = self.fit(Some(1), &mut ())?;
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

    fn metadata(&self, tested: &Evaluation) -> Metadata {
        let config = &self.resolved.train;
        Metadata {
            model: config.model.to_string(),
            flavour: config.flavour.to_string(),
            normalize: self.transform.normalize.map(|n| (n.mean, n.std)),
            padding: self.transform.padding,
            dataset: self.data.name.to_string(),
            dataset_sha256: Some(self.data.sha256.clone()),
            test_accuracy: Some(tested.tally.accuracy()),
            seed: Some(config.seed),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// What is trained on, without what is held out.
    fn train(&self) -> &Split {
        match &self.parts {
            Some((train, _)) => train,
            None => &self.data.train,
        }
    }

    fn summary(&self, fit: &Fit, tested: &Evaluation, folder: &Path) -> anyhow::Result<Summary> {
        Ok(Summary {
            dataset: self.data.name.to_string(),
            train_samples: self.train().len(),
            test_samples: self.data.test.len(),
            model: self.resolved.train.model.to_string(),
            parameters: self.parameters.count(),
            seed: self.resolved.train.seed,
            epochs: fit.epochs.len() as u64,
            best_epoch: fit.best_epoch,
            test_loss: tested.tally.loss(),
            test_accuracy: tested.tally.accuracy(),
            test_correct: tested.tally.correct,
            train_seconds: fit.train_seconds,
            weights_sha256: weights::sha256(&self.parameters)?,
            run_dir: folder.display().to_string(),
        })
    }
}

fn print(summary: &Summary, json: bool, printer: &Printer) -> anyhow::Result<()> {
    if json {
        return printer.json(summary);
    }
    printer.result(&format!(
        "test accuracy {:.2} % ({} of {} right), loss {:.4}",
        100.0 * summary.test_accuracy,
        summary.test_correct,
        summary.test_samples,
        summary.test_loss
    ))?;
    printer.result(&format!(
        "trained in {:.1} s; weights {}",
        summary.train_seconds,
        &summary.weights_sha256[..16]
    ))?;
    printer.result(&format!("run folder {}", summary.run_dir))?;
    Ok(())
}

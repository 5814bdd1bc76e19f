//! `lenet bench`: how fast this machine trains and reads, on the built-in sample's digits
//! and the CPU. `cargo xtask bench` compares with other programs; this does not.

use std::time::Instant;

use candle_core::{Device, Tensor};
use lenet_data::{Choice, Dataset, DatasetName, Loader, Normalize, Transform};
use lenet_nn::{Model, Parameters};
use lenet_tensor::no_grad;
use lenet_train::{OptimizerKind, TrainConfig, Trainer};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::printer::Printer;
use crate::{data, threads};

/// Images of a round of training; all of one round are other ones than those of the next.
const TRAINED: usize = 1024;
/// Images of a round of reading, and how many at once, as `lenet eval` does.
const READ: usize = 10_000;
const AT_ONCE: usize = 1000;
/// Single images that are read at least, so that one in a hundred can be told.
const SINGLE: usize = 200;
/// Rounds at least, so that a median leaves the worst out.
const ROUNDS: usize = 3;

#[derive(Serialize)]
struct Report {
    model: String,
    threads: usize,
    vectors: &'static str,
    training: Training,
    one_image: OneImage,
    many_images: ManyImages,
}

#[derive(Serialize)]
struct Training {
    batch_size: usize,
    samples_per_second: f64,
    rounds: usize,
}

#[derive(Serialize)]
struct OneImage {
    median_us: f64,
    p99_us: f64,
    rounds: usize,
}

#[derive(Serialize)]
struct ManyImages {
    images: usize,
    at_once: usize,
    images_per_second: f64,
    rounds: usize,
}

pub(crate) fn run(args: &BenchArgs, printer: &Printer) -> anyhow::Result<()> {
    threads::set(args.threads)?;
    let optimizer = OptimizerKind::of(args.model);
    let config = TrainConfig {
        model: args.model,
        flavour: args.flavour,
        optimizer,
        lr: optimizer.default_lr(),
        weight_decay: optimizer.default_weight_decay(),
        ..TrainConfig::default()
    };
    let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
    let model = args.model.build(args.flavour, &parameters)?;
    let request = data::request(Choice::Only(DatasetName::Sample), None, true);
    let data = data::load(&request, printer)?;
    let transform = Transform {
        normalize: Some(Normalize::MNIST),
        padding: args.model.padding(),
    };
    printer.note("training");
    let training = training(args, &config, (&*model, &parameters), &data, transform)?;
    printer.note("one image at a time");
    let one_image = one_image(args, &*model, &data, transform)?;
    printer.note("many images");
    let report = Report {
        model: args.model.to_string(),
        threads: rayon::current_num_threads(),
        vectors: lenet_tensor::vectors(),
        training,
        one_image,
        many_images: many_images(args, &*model, &data, transform)?,
    };
    if args.json {
        return printer.json(&report);
    }
    printer.result(&text(&report))
}

/// Steps as `lenet train` takes them, timed as it does.
fn training(
    args: &BenchArgs,
    config: &TrainConfig,
    (model, parameters): (&dyn Model, &Parameters),
    data: &Dataset,
    transform: Transform,
) -> anyhow::Result<Training> {
    let mut optimizer = config.optimizer(parameters)?;
    let loss = config.model.loss();
    let mut number = 0;
    let rates = rounds(args.seconds, ROUNDS, || {
        let parts = data.train.len() / TRAINED;
        let first = TRAINED * (number % parts);
        number += 1;
        let part = data
            .train
            .subset(&(first..first + TRAINED).collect::<Vec<_>>());
        let loader = Loader::new(&part, transform, config.batch_size)?;
        let mut trainer = Trainer::new(model, parameters, loss, &mut *optimizer);
        let fit = trainer.fit(&loader, None, &mut ())?;
        Ok(TRAINED as f64 / fit.train_seconds)
    })?;
    Ok(Training {
        batch_size: config.batch_size,
        samples_per_second: quantile(&rates, 0.5),
        rounds: rates.len(),
    })
}

/// From a tensor of one image to its digit.
fn one_image(
    args: &BenchArgs,
    model: &dyn Model,
    data: &Dataset,
    transform: Transform,
) -> anyhow::Result<OneImage> {
    let mut number = 0;
    let side = transform.side();
    let times = rounds(args.seconds, SINGLE, || {
        let pixels = transform.apply(data.test.image(number % data.test.len()))?;
        number += 1;
        let image = Tensor::from_vec(pixels, (1, 1, side, side), &Device::Cpu)?;
        let start = Instant::now();
        digits(model, &image)?;
        Ok(1e6 * start.elapsed().as_secs_f64())
    })?;
    Ok(OneImage {
        median_us: quantile(&times, 0.5),
        p99_us: quantile(&times, 0.99),
        rounds: times.len(),
    })
}

/// From tensors of many images to their digits.
fn many_images(
    args: &BenchArgs,
    model: &dyn Model,
    data: &Dataset,
    transform: Transform,
) -> anyhow::Result<ManyImages> {
    let loader = Loader::new(&data.train, transform, AT_ONCE)?;
    let batches = loader.batches(0).take(READ.div_ceil(AT_ONCE));
    let batches = batches.collect::<lenet_data::Result<Vec<_>>>()?;
    let whole: Vec<_> = batches
        .iter()
        .filter(|batch| batch.indices.len() == AT_ONCE)
        .collect();
    let rates = rounds(args.seconds, ROUNDS, || {
        let start = Instant::now();
        for number in 0..READ / AT_ONCE {
            digits(model, &whole[number % whole.len()].images)?;
        }
        Ok(READ as f64 / start.elapsed().as_secs_f64())
    })?;
    Ok(ManyImages {
        images: READ,
        at_once: AT_ONCE,
        images_per_second: quantile(&rates, 0.5),
        rounds: rates.len(),
    })
}

fn digits(model: &dyn Model, images: &Tensor) -> anyhow::Result<Vec<u32>> {
    let output = no_grad(|| model.forward_t(images, false))?;
    Ok(output.argmax(1)?.to_vec1()?)
}

/// What each round came to, for so many seconds and at least `least` rounds, after one that
/// warms caches and threads; sorted.
fn rounds(
    seconds: f64,
    least: usize,
    mut round: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<f64>> {
    round()?;
    let start = Instant::now();
    let mut figures = Vec::new();
    while figures.len() < least || start.elapsed().as_secs_f64() < seconds {
        figures.push(round()?);
    }
    figures.sort_by(f64::total_cmp);
    Ok(figures)
}

/// The value that this share of the sorted `figures` is not above, by the nearest rank.
fn quantile(figures: &[f64], share: f64) -> f64 {
    let rank = (share * figures.len() as f64).ceil() as usize;
    figures[rank.clamp(1, figures.len()) - 1]
}

fn text(report: &Report) -> String {
    let Report {
        training,
        one_image,
        many_images,
        ..
    } = report;
    let line = |what: String, figures: String, rounds: usize| {
        format!("{what:<36} {figures:<36} {rounds:>7} rounds")
    };
    [
        format!(
            "{} on {} threads, {}; medians",
            report.model, report.threads, report.vectors
        ),
        line(
            format!("training, {} at once", training.batch_size),
            format!("{:.0} samples/s", training.samples_per_second),
            training.rounds,
        ),
        line(
            "reading one image".to_owned(),
            format!(
                "{:.1} µs (p99 {:.1} µs)",
                one_image.median_us, one_image.p99_us
            ),
            one_image.rounds,
        ),
        line(
            format!(
                "reading {}, {} at once",
                many_images.images, many_images.at_once
            ),
            format!("{:.0} images/s", many_images.images_per_second),
            many_images.rounds,
        ),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_the_nearest_rank() {
        let figures: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(quantile(&figures, 0.5), 100.0);
        assert_eq!(quantile(&figures, 0.99), 198.0);
        assert_eq!(quantile(&figures[..3], 0.5), 2.0);
        assert_eq!(quantile(&figures[..1], 0.99), 1.0);
    }

    #[test]
    fn there_are_rounds_enough_however_short_the_time() {
        let mut taken = 0.0;
        let figures = rounds(1e-9, 3, || {
            taken += 1.0;
            Ok(-taken)
        });
        // The first one only warms.
        assert_eq!(figures.unwrap(), [-4.0, -3.0, -2.0]);
    }
}
